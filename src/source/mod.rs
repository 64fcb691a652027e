//! An export opened for reading: all its parts as one tree.
//!
//! [`open`] takes what a person has on disk (zips, tgz, folders, a single mbox) and gives an [`Export`], which an
//! importer reads through [`Source`]. Nothing is unpacked, nothing is written, and nothing vanishes: what no
//! importer may see is in [`Export::refused`], what is there twice in [`Export::copies`].
//!
//! Read in this order: `parts` (which files belong together), `kind` (what each of them is), `zip`, `tar`, `tgz`
//! and `folder` (what is in them), `merge` (one tree of all).

mod folder;
mod gzip;
mod inflate;
mod kind;
mod listing;
mod merge;
mod names;
mod parts;
mod promise;
mod stretch;
mod tar;
mod tgz;
mod zip;

#[cfg(test)]
mod tests;

use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use exodus_api::{Entry, Source, SourceError};

use self::listing::{Container, Listing, Opened, Unopened};
use self::parts::Found;
use self::promise::Promise;
use self::tgz::{Budget, Context};

/// One part of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its file name, printable.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// What it is.
    pub kind: PartKind,
    /// Its size on disk in bytes; of a folder, the sum of its files.
    pub size: u64,
    /// Names its content, whatever the file is called: 32 hex digits.
    pub fingerprint: String,
    /// When the export was made, where the name tells it: `20250326T151156Z`.
    pub stamp: Option<String>,
}

/// What a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// A zip.
    Zip,
    /// A tar that is not packed.
    Tar,
    /// A tar packed with gzip: `.tgz` or `.tar.gz`.
    TarGz,
    /// A folder: the tree below it.
    Folder,
    /// Any other single file: `.mbox`, `.eml`.
    File,
}

impl PartKind {
    /// Its name in the index and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            PartKind::Zip => "zip",
            PartKind::Tar => "tar",
            PartKind::TarGz => "tgz",
            PartKind::Folder => "folder",
            PartKind::File => "file",
        }
    }
}

/// A member of a part that no importer may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The number of its part.
    pub part: u32,
    /// Its name as found, with control characters escaped.
    pub path: String,
    /// The promised length of its content in bytes.
    pub size: u64,
    /// Why: lower case, no final period.
    pub what: String,
    /// What the user can do.
    pub hint: Option<String>,
}

/// A member with the path and the content of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Twin {
    /// The number of its part.
    pub part: u32,
    /// Its path in the export.
    pub path: String,
    /// The length of its content in bytes.
    pub size: u64,
    /// The [`Entry::id`] of the entry.
    pub of: u32,
}

/// Why an export cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}, in {part}")]
pub struct OpenError {
    /// The name of the part.
    pub part: String,
    /// What happened: lower case, no final period.
    pub what: String,
    /// What the user can do.
    pub hint: Option<String>,
}

impl OpenError {
    fn of(part: &str, err: Unopened) -> OpenError {
        OpenError { part: part.to_owned(), what: err.what, hint: err.hint.map(str::to_owned) }
    }
}

/// What is told while a part is listed: its name, how many bytes of it were read, how many it has.
pub type Progress<'a> = &'a (dyn Fn(&str, u64, u64) + Sync);

/// An export, opened. Its entries are read from any number of threads at once.
pub struct Export {
    parts: Vec<Part>,
    containers: Vec<Box<dyn Container>>,
    tree: merge::Tree,
    refused: Vec<Refused>,
    warnings: Vec<String>,
    content_bytes: u64,
}

/// Opens these files and folders, which are the parts of one export.
///
/// # Errors
/// When a part cannot be read, or is cut short, or is not what its name says.
pub fn open(paths: &[PathBuf]) -> Result<Export, OpenError> {
    open_with(paths, &|_, _, _| {})
}

/// Names the export that a file is a part of, by the file's name alone: parts of one export give the same. `None` for a file
/// whose name is not that of a zip or a tar.
pub fn export_name(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_string_lossy().into_owned();
    kind::archive_name(&name)?;
    if let Some(numbered) = parts::numbered(&name) {
        return Some(numbered.stamp);
    }
    // The last word of a name is the number of the part, or letters by chance: `…-2026-03-14-x7Kd2.zip`.
    let stem = name.split('.').next().unwrap_or_default();
    Some(stem.rsplit_once('-').map_or(stem, |(before, _)| before).to_owned())
}

/// What is missing in the numbers of these parts, told by their names alone; a line each.
pub fn gaps(paths: &[PathBuf]) -> Vec<String> {
    parts::gaps_of(paths)
}

/// Opens an export as [`open`] does, and tells how far it is: a tgz has to be read to its end.
///
/// # Errors
/// Those of [`open`].
pub fn open_with(paths: &[PathBuf], progress: Progress<'_>) -> Result<Export, OpenError> {
    let (found, mut warnings) = parts::find(paths)?;
    if found.is_empty() {
        let (part, what) = ("the list of parts".to_owned(), "nothing was given to read".to_owned());
        return Err(OpenError { part, what, hint: None });
    }
    let opened = open_all(&found, progress)?;
    let opened = without_copies(opened, &mut warnings);
    Ok(Export::of(opened, warnings))
}

/// Opens all parts, as many at once as there are processors, and returns them in their order.
fn open_all(found: &[Found], progress: Progress<'_>) -> Result<Vec<(Part, Opened)>, OpenError> {
    let next = AtomicUsize::new(0);
    let budget = Budget::default();
    let results = Mutex::new(Vec::new());
    let work = || loop {
        let idx = next.fetch_add(1, Ordering::Relaxed);
        let Some(part) = found.get(idx) else { break };
        let opened = open_part(part, progress, &budget).map_err(|err| OpenError::of(&part.name, err));
        let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
        results.push((idx, opened));
    };
    let n_threads = thread::available_parallelism().map_or(1, usize::from).min(found.len());
    thread::scope(|scope| {
        for _ in 1..n_threads {
            scope.spawn(work);
        }
        work();
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(idx, _)| *idx);
    results.into_iter().map(|(_, opened)| opened).collect()
}

fn open_part(found: &Found, progress: Progress<'_>, budget: &Budget) -> Result<(Part, Opened), Unopened> {
    let path = &found.path;
    let meta = fs::metadata(path)?;
    let progress_of_part = |read| progress(&found.name, read, meta.len());
    let context = Context { progress: &progress_of_part, budget };
    let (kind, opened) = if meta.is_dir() {
        (PartKind::Folder, folder::open(path)?)
    } else if meta.is_file() {
        open_file(&context, path, meta.len(), &found.name)?
    } else {
        return Err(Unopened::new("this is neither a file nor a folder", "give the export itself"));
    };
    let content = opened.listing.members.iter().map(|member| member.size);
    let size = match kind {
        PartKind::Folder => content.fold(0, u64::saturating_add),
        _ => meta.len(),
    };
    let part = Part {
        name: found.name.clone(),
        path: path.clone(),
        kind,
        size,
        fingerprint: opened.listing.fingerprint.clone(),
        stamp: parts::numbered(&found.name).map(|numbered| numbered.stamp),
    };
    progress(&found.name, size, size);
    Ok((part, opened))
}

fn open_file(
    context: &Context<'_>,
    path: &Path,
    len: u64,
    name: &str,
) -> Result<(PartKind, Opened), Unopened> {
    let file = File::open(path)?;
    let kind = kind::tell(&file, len, name)?;
    let opened = match kind {
        PartKind::Zip => zip::open(file, len)?,
        PartKind::Tar => tar::open(file, len)?,
        PartKind::TarGz => tgz::open(context, file, len)?,
        PartKind::Folder | PartKind::File => folder::open_file(file, path)?,
    };
    Ok((kind, opened))
}

/// Leaves out parts that were downloaded twice.
fn without_copies(opened: Vec<(Part, Opened)>, warnings: &mut Vec<String>) -> Vec<(Part, Opened)> {
    let mut once: Vec<(Part, Opened)> = Vec::with_capacity(opened.len());
    for (part, opened) in opened {
        let is_telling = matches!(part.kind, PartKind::Zip | PartKind::TarGz);
        let first = once.iter().find(|(first, _)| is_telling && first.fingerprint == part.fingerprint);
        if let Some((first, _)) = first {
            warnings.push(format!("`{}` is the same as `{}`; it counts once", part.name, first.name));
        } else {
            once.push((part, opened));
        }
    }
    once
}

impl Export {
    fn of(opened: Vec<(Part, Opened)>, mut warnings: Vec<String>) -> Export {
        let (mut parts, mut containers, mut members, mut refused) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (number, (part, Opened { listing, container })) in (0..).zip(opened) {
            let Listing { members: of_part, refused: not, warnings: told, .. } = listing;
            warnings.extend(told.into_iter().map(|told| format!("{told}, in {}", part.name)));
            refused.extend(not.into_iter().map(|not| Refused {
                part: number,
                path: not.path,
                size: not.size,
                what: not.what,
                hint: not.hint,
            }));
            parts.push(part);
            containers.push(container);
            members.push(of_part);
        }
        let tree = merge::merge(members, &containers);
        let content_bytes = tree.entries.iter().fold(0, |sum: u64, entry| sum.saturating_add(entry.size));
        Export { parts, containers, tree, refused, warnings, content_bytes }
    }

    /// Its parts, in the order of their numbers.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// What no importer may see, by part: names that climb out, encrypted members, links, devices, overlaps.
    pub fn refused(&self) -> &[Refused] {
        &self.refused
    }

    /// What is there once more with the same path and content, in a later part or later in the same one.
    pub fn copies(&self) -> &[Twin] {
        &self.tree.twins
    }

    /// What the user should know before anything is read; one line each.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The promised length of all entries together, in bytes.
    pub fn content_bytes(&self) -> u64 {
        self.content_bytes
    }

    /// Where the packed content of an entry lies in the file of its part: offset and length in bytes. `None` but for zips.
    pub fn extent(&self, entry: &Entry) -> Option<(u64, u64)> {
        let (container, slot) = self.container(entry)?;
        container.extent(slot)
    }

    fn container(&self, entry: &Entry) -> Option<(&dyn Container, u32)> {
        let slot = *self.tree.slots.get(entry.id as usize)?;
        let container = self.containers.get(entry.part as usize)?;
        let is_ours = self.tree.entries.get(entry.id as usize).is_some_and(|ours| ours.part == entry.part);
        is_ours.then_some((container.as_ref(), slot))
    }
}

impl Source for Export {
    fn entries(&self) -> &[Entry] {
        &self.tree.entries
    }

    fn open(&self, entry: &Entry) -> Result<Box<dyn Read + Send + '_>, SourceError> {
        let (container, slot) = self.container(entry).ok_or_else(listing::no_such_slot)?;
        let content = container.open(slot)?;
        Ok(Box::new(Promise::new(content, entry.size, entry.crc32)))
    }

    fn part_name(&self, part: u32) -> &str {
        self.parts.get(part as usize).map_or("?", |part| part.name.as_str())
    }

    fn opens_anywhere(&self, entry: &Entry) -> bool {
        self.container(entry).is_none_or(|(container, _)| container.opens_anywhere())
    }
}

impl fmt::Debug for Export {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Export").field("parts", &self.parts).finish_non_exhaustive()
    }
}
