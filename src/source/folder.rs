//! Folders and single files as parts. Nothing that is a link is ever followed.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use exodus_api::SourceError;
use walkdir::{DirEntry, WalkDir};

use super::listing::{
    Container, Listing, Member, Opened, Refusal, Unopened, cannot_open, hash_listing, hex32, no_such_slot,
};
use super::names;
use super::stretch::{Stretch, read_at_most};

/// How much of a single file is read at either end to know it again, in bytes.
const SAMPLE: u64 = 64 << 10;

/// True for `Takeout` and for what systems call a second one: `Takeout 2`, `Takeout (1)`, `Takeout-1`.
fn is_takeout(name: &str) -> bool {
    name.strip_prefix("Takeout").is_some_and(|rest| {
        let number = rest.trim_matches([' ', '(', ')', '-']);
        rest.is_empty() || (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

/// Opens the tree below `root`; the paths begin inside of it, but for `Takeout`, which people point at directly.
pub(super) fn open(root: &Path) -> Result<Opened, Unopened> {
    let whole = fs::canonicalize(root)?;
    let is_takeout = whole.file_name().is_some_and(|name| is_takeout(&name.to_string_lossy()));
    let prefix = if is_takeout { "Takeout/" } else { "" };
    let mut tree = Tree { prefix, listing: Listing::default(), files: Vec::new() };
    for found in WalkDir::new(&whole).min_depth(1).follow_links(false).sort_by_file_name() {
        match found {
            Ok(found) => tree.take(&whole, &found),
            Err(err) if err.depth() == 0 => return Err(io::Error::from(err).into()),
            Err(err) => tree.refuse_unread(&whole, &err),
        }
    }
    let Tree { mut listing, files, .. } = tree;
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"folder");
    hash_listing(&mut hasher, &listing.members, &listing.refused);
    listing.fingerprint = hex32(&hasher);
    Ok(Opened { listing, container: Box::new(Folder { files }) })
}

struct Tree {
    prefix: &'static str,
    listing: Listing,
    files: Vec<PathBuf>,
}

impl Tree {
    fn name(&self, root: &Path, path: &Path) -> String {
        let inside = path.strip_prefix(root).unwrap_or(path);
        format!("{}{}", self.prefix, names::decode(inside.as_os_str().as_bytes()))
    }

    fn take(&mut self, root: &Path, found: &DirEntry) {
        if found.file_type().is_dir() {
            return;
        }
        let name = self.name(root, found.path());
        let meta = match found.metadata() {
            Ok(meta) => meta,
            Err(err) => return self.refuse_unread(root, &err),
        };
        let refusal = match (special(&meta), names::clean(&name)) {
            (Some(what), _) => {
                let hint = "links and devices are not followed; if it matters, give what it points to";
                Refusal::new(&name, 0, what, Some(hint))
            }
            (None, Err(bad)) => Refusal::of_name(&name, meta.len(), bad),
            (None, Ok(path)) => return self.add(path, &meta, found.path()),
        };
        self.listing.refused.push(refusal);
    }

    fn add(&mut self, path: String, meta: &Metadata, file: &Path) {
        let Ok(slot) = u32::try_from(self.files.len()) else {
            let what = "the folder has more files than can be counted";
            return self.listing.refused.push(Refusal::new(&path, meta.len(), what, None));
        };
        self.files.push(file.to_owned());
        let (size, modified) = (meta.len(), modified(meta));
        self.listing.members.push(Member { path, size, modified, crc32: None, order: slot.into(), slot });
    }

    fn refuse_unread(&mut self, root: &Path, err: &walkdir::Error) {
        let name = self.name(root, err.path().unwrap_or(root));
        let why = err.io_error().map_or_else(|| err.to_string(), ToString::to_string);
        let hint = "check who may read it, then run the same command";
        self.listing.refused.push(Refusal::new(&name, 0, &format!("it cannot be read: {why}"), Some(hint)));
    }
}

/// What a file is when it is not a plain one.
fn special(meta: &Metadata) -> Option<&'static str> {
    let kind = meta.file_type();
    match () {
        () if kind.is_file() => None,
        () if kind.is_symlink() => Some("it is a symbolic link"),
        () if kind.is_fifo() => Some("it is a named pipe"),
        () if kind.is_socket() => Some("it is a socket"),
        () => Some("it is a device"),
    }
}

fn modified(meta: &Metadata) -> Option<i64> {
    let time = meta.modified().ok()?;
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).ok(),
        Err(before) => {
            let before = before.duration();
            let seconds = before.as_secs() + u64::from(before.subsec_nanos() > 0);
            i64::try_from(seconds).ok().map(i64::wrapping_neg)
        }
    }
}

struct Folder {
    files: Vec<PathBuf>,
}

impl Container for Folder {
    fn open(&self, slot: u32) -> Result<Box<dyn Read + Send + '_>, SourceError> {
        let path = self.files.get(slot as usize).ok_or_else(no_such_slot)?;
        // What was a file when it was listed may be a link or a pipe by now: the one is refused, the other not waited for.
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        let flags = i32::try_from(flags.bits()).unwrap_or(0);
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path);
        Ok(Box::new(file.map_err(|err| cannot_open(&err))?))
    }
}

/// Opens a file that is no container (`.mbox`, `.eml`): an export of one entry.
pub(super) fn open_file(file: File, path: &Path) -> Result<Opened, Unopened> {
    let meta = file.metadata()?;
    let name = path.file_name().unwrap_or(path.as_os_str());
    let name = names::decode(name.as_bytes()).into_owned();
    let mut listing = Listing { fingerprint: sample(&file, meta.len(), &name)?, ..Listing::default() };
    match names::clean(&name) {
        Ok(path) => listing.members.push(Member {
            path,
            size: meta.len(),
            modified: modified(&meta),
            crc32: None,
            order: 0,
            slot: 0,
        }),
        Err(bad) => listing.refused.push(Refusal::of_name(&name, meta.len(), bad)),
    }
    let container = Box::new(Single { file: Arc::new(file), len: meta.len() });
    Ok(Opened { listing, container })
}

fn sample(file: &File, len: u64, name: &str) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"file");
    hasher.update(&len.to_le_bytes());
    hasher.update(name.as_bytes());
    for start in [0, len.saturating_sub(SAMPLE)] {
        let mut bytes = vec![0; usize::try_from(SAMPLE.min(len)).unwrap_or(0)];
        let got = read_at_most(file, &mut bytes, start)?;
        hasher.update(&bytes[..got]);
    }
    Ok(hex32(&hasher))
}

struct Single {
    file: Arc<File>,
    len: u64,
}

impl Container for Single {
    fn open(&self, _slot: u32) -> Result<Box<dyn Read + Send + '_>, SourceError> {
        // One byte more than there was tells the promise of a file that has grown since.
        Ok(Box::new(Stretch::new(&self.file, 0, self.len.saturating_add(1))))
    }
}
