//! Parts are imported as they are downloaded.
//!
//! Whenever a part is whole, all parts of its export that are here are imported together: what is done is not read again, and a
//! sidecar that came before its photo, or after it, finds it. So that an export may be larger than the disk that it is downloaded
//! to, the content of what is in the archive can be given back to the disk once the archive was verified: the part keeps its name,
//! its size, its list and its small files, with a hole where the content was. When all of an export has come, its parts are deleted.
//!
//! **Invariants.** No part is imported while it grows. Nothing is given back before `verify` has read the whole archive and found
//! nothing wrong; nothing of what an import would read again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use exodus_api::{Importer, Options};
use rustix::fs::FallocateFlags;

use crate::archive::verify::Report;
use crate::import;
use crate::report::error::{Error, Kind, Result};
use crate::report::event::Observer;
use crate::source;

/// The folder is looked at so often.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Content smaller than this stays: what tells of other files is small, and a hole has a price.
const MIN_HOLE_BYTES: u64 = 64 << 10;
/// What browsers add to the name of a download that is not finished.
const UNFINISHED: [&str; 5] = ["part", "crdownload", "download", "opdownload", "partial"];

/// What to watch, and what to do with it.
#[derive(Clone, Debug)]
pub struct Request {
    /// The folder into which parts are downloaded.
    pub folder: PathBuf,
    /// The archive's folder.
    pub archive: PathBuf,
    /// The importer to use; `None` lets the content decide.
    pub from: Option<String>,
    /// A part is whole when it has not changed for so long and its list can be read.
    pub settle: Duration,
    /// Ends when nothing has changed for so long; `None` to watch until it is stopped.
    pub until_idle: Option<Duration>,
    /// Gives back the disk of what is imported and verified.
    pub deletes: bool,
}

/// What is told beside the events of imports.
#[derive(Debug)]
pub enum Told {
    /// An import of these parts begins.
    Importing(Vec<String>),
    /// It has ended.
    Imported(Box<import::Outcome>),
    /// So many bytes of a part were given back to the disk.
    Freed(String, u64),
    /// A part was deleted.
    Deleted(String),
    /// A part that does not change any more cannot be read, or something else to know.
    Warning(String),
}

/// Who hears, who verifies, and who stops it.
pub struct Ears<'a> {
    /// Hears the events of imports.
    pub observer: &'a dyn Observer,
    /// Hears all else.
    pub tell: &'a dyn Fn(Told),
    /// Reads the whole archive and tells what is wrong with it.
    pub verify: &'a dyn Fn() -> Result<Report>,
    /// Set when the user wants to stop.
    pub stop: &'a AtomicBool,
}

/// What became of the parts.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Parts that were imported.
    pub parts: u64,
    /// What exports list and no part has held.
    pub missing: Vec<String>,
    /// What could not be taken.
    pub faults: u64,
    /// Bytes that were given back while parts were still awaited.
    pub freed_bytes: u64,
    /// Parts that were deleted.
    pub deleted: Vec<String>,
}

/// What a file of the folder was like when it was looked at last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Look {
    size: u64,
    modified: Option<SystemTime>,
}

struct Watch<'a> {
    request: &'a Request,
    importers: &'a [&'a dyn Importer],
    ears: Ears<'a>,
    looks: BTreeMap<PathBuf, (Look, Instant)>,
    /// Parts as they were when they were imported, or could not be.
    tried: BTreeMap<PathBuf, Look>,
    /// What is known of each export after its last import: what it lacks, and how much of it could not be taken.
    exports: BTreeMap<String, (Vec<String>, u64)>,
    imported: BTreeSet<PathBuf>,
    outcome: Outcome,
}

/// Watches a folder until it is idle for long enough, or until it is stopped.
///
/// # Errors
/// When the folder cannot be read, or the archive cannot take more.
pub fn watch(request: &Request, importers: &[&dyn Importer], ears: Ears) -> Result<Outcome> {
    if !request.folder.is_dir() {
        let what = format!("`{}` is no folder", request.folder.display());
        return Err(Error::new(Kind::Usage, what).hint("name the folder into which the browser downloads"));
    }
    let mut watch = Watch {
        request,
        importers,
        ears,
        looks: BTreeMap::new(),
        tried: BTreeMap::new(),
        exports: BTreeMap::new(),
        imported: BTreeSet::new(),
        outcome: Outcome::default(),
    };
    let mut changed = Instant::now();
    while !watch.is_stopped() {
        if watch.look()? {
            changed = Instant::now();
        }
        for (name, parts) in watch.settled() {
            watch.import(&name, &parts)?;
            changed = Instant::now();
        }
        if request.until_idle.is_some_and(|idle| changed.elapsed() >= idle.max(request.settle * 2)) {
            watch.finish()?;
            break;
        }
        std::thread::sleep(LOOK_EVERY);
    }
    watch.outcome.parts = watch.imported.len() as u64;
    for (missing, faults) in watch.exports.values() {
        watch.outcome.missing.extend(missing.iter().cloned());
        watch.outcome.faults += faults;
    }
    Ok(watch.outcome)
}

impl Watch<'_> {
    fn is_stopped(&self) -> bool {
        self.ears.stop.load(Ordering::Relaxed)
    }

    /// Looks at all files; true if any has changed.
    fn look(&mut self) -> Result<bool> {
        let folder = &self.request.folder;
        let failed = |err| Error::io("read", folder, &err);
        let mut looks = BTreeMap::new();
        let mut is_changed = false;
        for child in fs::read_dir(folder).map_err(failed)? {
            let child = child.map_err(failed)?;
            let Ok(meta) = child.metadata() else { continue };
            if !meta.is_file() {
                continue;
            }
            let look = Look { size: meta.len(), modified: meta.modified().ok() };
            let before = self.looks.get(&child.path()).filter(|(before, _)| *before == look);
            is_changed |= before.is_none();
            let since = before.map_or_else(Instant::now, |(_, since)| *since);
            looks.insert(child.path(), (look, since));
        }
        is_changed |= looks.len() != self.looks.len();
        self.looks = looks;
        Ok(is_changed)
    }

    /// The parts that are whole, by export; only exports with a part that has not been tried as it is now.
    fn settled(&self) -> Vec<(String, Vec<PathBuf>)> {
        let mut exports: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        for (path, (look, since)) in &self.looks {
            let is_whole = look.size > 0 && since.elapsed() >= self.request.settle && !self.is_growing(path);
            if let Some(name) = source::export_name(path).filter(|_| is_whole) {
                exports.entry(name).or_default().push(path.clone());
            }
        }
        let is_new = |path: &PathBuf| self.tried.get(path) != self.looks.get(path).map(|(look, _)| look);
        exports.into_iter().filter(|(_, parts)| parts.iter().any(is_new)).collect()
    }

    /// True while a browser says so by a file beside it.
    fn is_growing(&self, path: &Path) -> bool {
        let beside = |ending: &&str| {
            let mut name = path.as_os_str().to_owned();
            name.push(format!(".{ending}"));
            self.looks.contains_key(Path::new(&name))
        };
        UNFINISHED.iter().any(beside)
    }

    fn import(&mut self, name: &str, parts: &[PathBuf]) -> Result<()> {
        for part in parts {
            if let Some((look, _)) = self.looks.get(part) {
                self.tried.insert(part.clone(), *look);
            }
        }
        // One that is cut short keeps nobody from the others.
        let is_readable = |part: &&PathBuf| {
            if self.imported.contains(*part) {
                return true;
            }
            let opened = source::open(std::slice::from_ref(part));
            if let Err(err) = &opened {
                (self.ears.tell)(Told::Warning(format!("{err}; it is left out until it changes")));
            }
            opened.is_ok()
        };
        let parts: Vec<PathBuf> = parts.iter().filter(is_readable).cloned().collect();
        if parts.is_empty() {
            return Ok(());
        }
        let names = parts.iter().map(|part| file_name(part)).collect();
        (self.ears.tell)(Told::Importing(names));
        let request = import::Request {
            parts: parts.clone(),
            archive: self.request.archive.clone(),
            from: self.request.from.clone(),
            options: Options::default(),
            labels: None,
            albums: None,
            allow_missing_parts: true,
            with_text: true,
            is_dry_run: false,
        };
        let outcome = match import::import(&request, self.importers, self.ears.observer, self.ears.stop) {
            Ok(outcome) => outcome,
            Err(err) if err.kind == Kind::Export => {
                let lines: Vec<String> = std::iter::once(err.what).chain(err.hints).collect();
                (self.ears.tell)(Told::Warning(lines.join("; ")));
                return Ok(());
            }
            Err(err) => return Err(err),
        };
        self.exports.insert(name.to_owned(), (outcome.missing.clone(), outcome.n_faults));
        let error = outcome.error.clone();
        (self.ears.tell)(Told::Imported(Box::new(outcome)));
        if let Some(err) = error {
            return Err(err);
        }
        self.imported.extend(parts.iter().cloned());
        if self.request.deletes && self.is_verified()? {
            self.give_back(&parts)?;
        }
        Ok(())
    }

    fn is_verified(&self) -> Result<bool> {
        let report = (self.ears.verify)()?;
        for problem in &report.problems {
            let what = format!("{}: {}; nothing is deleted", problem.path, problem.what);
            (self.ears.tell)(Told::Warning(what));
        }
        Ok(report.problems.is_empty())
    }

    /// Gives back the content of what the archive has, part by part.
    fn give_back(&mut self, parts: &[PathBuf]) -> Result<()> {
        let export = source::open(parts).map_err(|err| Error::new(Kind::Export, err.to_string()))?;
        let mut by_part: BTreeMap<u32, Vec<(u64, u64)>> = BTreeMap::new();
        for entry in import::finished(&export, &self.request.archive, &Options::default())? {
            if import::tells_of_others(&entry.path) {
                continue;
            }
            if let Some(extent) = export.extent(entry).filter(|(_, len)| *len >= MIN_HOLE_BYTES) {
                by_part.entry(entry.part).or_default().push(extent);
            }
        }
        for (number, extents) in by_part {
            let part = &export.parts()[number as usize];
            match punch(&part.path, &extents) {
                Ok(0) => {}
                Ok(bytes) => {
                    self.outcome.freed_bytes += bytes;
                    (self.ears.tell)(Told::Freed(part.name.clone(), bytes));
                }
                Err(err) => {
                    let what = format!(
                        "{}: this disk cannot free a part of a file ({err}); it is deleted when all parts have come",
                        part.name
                    );
                    (self.ears.tell)(Told::Warning(what));
                }
            }
            // It is not a new download because of that.
            if let Ok(meta) = fs::metadata(&part.path) {
                let look = Look { size: meta.len(), modified: meta.modified().ok() };
                self.looks.insert(part.path.clone(), (look, Instant::now()));
                self.tried.insert(part.path.clone(), look);
            }
        }
        Ok(())
    }

    /// Deletes the parts of exports of which nothing is missing, once the archive was verified as it is now.
    fn finish(&mut self) -> Result<()> {
        if !self.request.deletes || self.imported.is_empty() || !self.is_verified()? {
            return Ok(());
        }
        let parts: Vec<PathBuf> = self.imported.iter().cloned().collect();
        for part in parts {
            let name = file_name(&part);
            if let Some(why) = self.why_it_stays(&part) {
                (self.ears.tell)(Told::Warning(format!("{name} stays: {why}")));
                continue;
            }
            match fs::remove_file(&part) {
                Ok(()) => {
                    self.outcome.deleted.push(name.clone());
                    (self.ears.tell)(Told::Deleted(name));
                }
                Err(err) => (self.ears.tell)(Told::Warning(format!("cannot delete {name}: {err}"))),
            }
        }
        Ok(())
    }

    /// Why a part may be needed still; `None` if all of its export is in the archive, as far as anybody can tell.
    fn why_it_stays(&self, part: &Path) -> Option<String> {
        let name = source::export_name(part)?;
        let (missing, n_faults) = self.exports.get(&name)?;
        if let Some(path) = missing.first() {
            return Some(format!("of its export `{path}` is in no part that has come"));
        }
        if *n_faults > 0 {
            return Some("something of its export could not be taken".to_owned());
        }
        let is_of_it = |other: &&PathBuf| source::export_name(other).as_deref() == Some(&name);
        if let Some(other) = self.tried.keys().filter(is_of_it).find(|other| !self.imported.contains(*other))
        {
            return Some(format!("`{}` is of the same export and was not imported", file_name(other)));
        }
        let of_it: Vec<PathBuf> = self.imported.iter().filter(is_of_it).cloned().collect();
        source::gaps(&of_it).into_iter().next()
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Makes holes in a file; returns by how many bytes it takes less room on the disk.
fn punch(path: &Path, extents: &[(u64, u64)]) -> std::io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let before = file.metadata()?;
    for (offset, len) in extents {
        rustix::fs::fallocate(&file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, *offset, *len)?;
    }
    // Its time is what tells a new download.
    file.set_modified(before.modified()?)?;
    file.sync_all()?;
    Ok(before.blocks().saturating_sub(file.metadata()?.blocks()) * 512)
}
