//! The archive as plain files: what lies where on the disk, whoever put it there. For copies of it elsewhere.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::UNIX_EPOCH;

use walkdir::{DirEntry, WalkDir};

use super::reader::Reader;
use super::views::albums;
use super::{index, ledger, seal};
use crate::report::error::{Error, Result};

/// Folders and files of an archive's top that belong to it. Locks and temporary files are not among them.
pub const PARTS: [&str; 8] = [
    "README.txt",
    "mail",
    "files",
    "contacts",
    "calendars",
    ledger::FILE_NAME,
    index::FILE_NAME,
    seal::FILE_NAME,
];

/// Those of them that hold what came out of exports; the others speak of it and can be made again, or lie there for
/// people.
pub const CONTENT: [&str; 4] = ["mail", "files", "contacts", "calendars"];

/// Something on the disk. Paths are from the archive's top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnDisk {
    /// A folder; it comes before what is in it.
    Folder(String),
    /// A file.
    File {
        /// Where.
        path: String,
        /// Its size in bytes.
        size: u64,
        /// When it was last modified, in seconds since 1970-01-01 UTC.
        mtime: i64,
        /// When anything about it last changed, in nanoseconds: nobody can set this back.
        ctime: i64,
        /// Of a message in a Maildir: the stem of its name, see [`message_stem`].
        message: Option<String>,
    },
    /// What cannot be copied as a file, and why.
    Odd {
        /// Where.
        path: String,
        /// Why.
        why: &'static str,
    },
}

impl Reader {
    /// Tells `visit` of every folder and file of the archive, each folder before what is in it.
    /// The folders of albums and the links in them, hard ones too, are passed over.
    /// Index, ledger and seal are left out while somebody writes to the archive: they would not fit each other.
    ///
    /// # Errors
    /// When a folder cannot be read, or `visit` returns one.
    pub fn each_file(&self, visit: &mut dyn FnMut(OnDisk) -> Result<()>) -> Result<()> {
        let is_at_rest = self.is_at_rest();
        for part in PARTS {
            let changes = [index::FILE_NAME, ledger::FILE_NAME, seal::FILE_NAME].contains(&part);
            if changes && !is_at_rest {
                continue;
            }
            let top = self.root().join(part);
            if top.symlink_metadata().is_err() {
                continue;
            }
            for entry in
                WalkDir::new(&top).sort_by_file_name().into_iter().filter_entry(|it| !is_temporary(it))
            {
                let entry = entry.map_err(|err| walk_error(&top, err))?;
                // Albums can be made of the index anywhere.
                if !is_of_albums(self.root(), &entry) {
                    visit(on_disk(self.root(), &entry)?)?;
                }
            }
        }
        Ok(())
    }

    /// True while nobody writes to the archive, and the last one that did has ended cleanly.
    pub fn is_at_rest(&self) -> bool {
        let wal = self.root().join(format!("{}-wal", index::FILE_NAME));
        !self.root().join("lock").exists() && wal.metadata().map_or(0, |it| it.len()) == 0
    }
}

/// A folder of albums, or another name of a photo in it. What somebody has put there himself is a file like others.
fn is_of_albums(root: &Path, entry: &DirEntry) -> bool {
    let has_other_names = || entry.metadata().is_ok_and(|it| it.nlink() > 1);
    entry.path().starts_with(root.join(albums::FOLDER)) && (!entry.file_type().is_file() || has_other_names())
}

/// The content of a Maildir's `tmp`: messages on their way in.
fn is_temporary(entry: &DirEntry) -> bool {
    let above = entry.path().parent();
    let is_in_tmp = above.is_some_and(|above| above.ends_with("tmp") && above.with_file_name("cur").is_dir());
    is_in_tmp && !entry.file_type().is_dir()
}

fn on_disk(root: &Path, entry: &DirEntry) -> Result<OnDisk> {
    let below = entry.path().strip_prefix(root).unwrap_or(entry.path());
    let Some(path) = below.to_str().map(str::to_owned) else {
        let path = below.to_string_lossy().into_owned();
        return Ok(OnDisk::Odd { path, why: "its name is not UTF-8" });
    };
    if entry.file_type().is_dir() {
        return Ok(OnDisk::Folder(path));
    }
    if !entry.file_type().is_file() {
        return Ok(OnDisk::Odd { path, why: "it is a link or a device, not a file" });
    }
    let metadata = entry.metadata().map_err(|err| walk_error(entry.path(), err))?;
    let message = message_stem(&path).map(str::to_owned);
    let ctime = metadata.ctime().saturating_mul(1_000_000_000).saturating_add(metadata.ctime_nsec());
    Ok(OnDisk::File { size: metadata.len(), mtime: mtime_of(&metadata), ctime, path, message })
}

/// The stem of a message's name, which is the file's in a Maildir's `cur` or `new` up to its size and flags:
/// the same as long as the message is, whatever flags a mail program gives it and whatever labels it gets.
pub fn message_stem(path: &str) -> Option<&str> {
    let (folder, name) = path.rsplit_once('/')?;
    let is_message = path.starts_with("mail/") && (folder.ends_with("/cur") || folder.ends_with("/new"));
    is_message.then(|| name.split([',', ':']).next().unwrap_or(name))
}

/// The modification time in whole seconds, rounded down.
pub fn mtime_of(metadata: &std::fs::Metadata) -> i64 {
    match metadata.modified().map(|time| time.duration_since(UNIX_EPOCH)) {
        Ok(Ok(after)) => after.as_secs() as i64,
        Ok(Err(before)) => -(before.duration().as_secs_f64().ceil() as i64),
        Err(_) => 0,
    }
}

fn walk_error(path: &Path, err: walkdir::Error) -> Error {
    let path = err.path().unwrap_or(path).to_owned();
    let err = err.into_io_error().unwrap_or_else(|| std::io::Error::other("the folder contains itself"));
    Error::io("read", &path, &err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_known_by_the_stem_of_its_name() {
        let cases = [
            ("mail/cur/1.2.exodus,S=3,W=4:2,FS", Some("1.2.exodus")),
            ("mail/.Work.2021/new/1.x", Some("1.x")),
            ("mail/.Work/maildirfolder", None),
            ("files/drive/cur/x", None),
            ("README.txt", None),
        ];
        for (path, name) in cases {
            assert_eq!(message_stem(path), name, "{path}");
        }
    }
}
