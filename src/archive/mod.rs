//! The archive: exodus's own folder. Maildir, file tree, ledger and index; format 1 (`docs/archive-format.md`).
//!
//! It knows no platform and no export. In reading order: [`record`] is what it remembers and [`ledger`] where;
//! [`index`] makes rows of records; [`scratch`] takes bodies in (`body_file` writes the large ones); [`writer`] puts them in their place (with a thread `aside` that writes), which
//! [`maildir`] and [`names`] decide; [`recover`] cleans up after a run that was killed; [`message`] reads mails for
//! the index and [`text`] for full text; [`reader`], [`files`], [`search`] and [`tally`] answer questions; [`verify`] proves that all is
//! there and unchanged; [`views`] are files made of the index for programs that do not read it; [`reindex`] builds the index again; `seal` tells whether
//! somebody else has changed it, and [`proofs`] remembers what was proven.
//!
//! **Invariants.** Only [`writer`], [`recover`] and [`views`] change `mail/` and `files/`. A name in them holds whole content.
//! A row of the index has its file; a file without a row is an unfinished batch's and is dealt with by the next
//! writer. Files are 0600, folders 0700. The index can always be built again.

mod aside;
mod body_file;
pub mod files;
pub mod folders;
pub mod history;
pub mod index;
pub mod ledger;
pub mod lock;
pub mod maildir;
pub mod message;
pub mod names;
pub mod proofs;
pub mod reader;
pub mod record;
pub mod recover;
pub mod reindex;
pub mod scratch;
mod seal;
pub mod search;
mod skeleton;
pub mod tally;
pub mod text;
pub mod verify;
pub mod views;
pub mod writer;

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::report::error::{Error, Kind, Result};
use crate::report::kill_point::kill_point;

/// What `README.txt` in every archive says.
pub const README: &str = include_str!("readme.txt");

/// Makes the archive's folders where they are missing.
fn prepare(root: &Path) -> Result<()> {
    if root.exists() && !has_no_file(root) && !looks_like_archive(root) {
        let what = format!("`{}` holds other files and is not an exodus archive", root.display());
        return Err(Error::new(Kind::Archive, what).hint("name an empty or a new folder with --archive"));
    }
    folders::make(root)?;
    for folder in ["mail/cur", "mail/new", "mail/tmp", "files"] {
        folders::make(&root.join(folder))?;
    }
    Ok(())
}

/// True for a new folder, and for one in which another exodus has just begun to make its own.
fn has_no_file(root: &Path) -> bool {
    walkdir::WalkDir::new(root).min_depth(1).into_iter().flatten().all(|entry| entry.file_type().is_dir())
}

/// True when the folder is an archive, or was going to be one.
pub fn looks_like_archive(root: &Path) -> bool {
    let has = |name: &str| root.join(name).exists();
    has(index::FILE_NAME) || has(ledger::FILE_NAME) || (has("mail/cur") && has("files"))
}

/// An error unless the folder is an archive that can be read.
///
/// # Errors
/// When there is none, or its index is lost.
pub fn require(root: &Path) -> Result<()> {
    if root.join(index::FILE_NAME).exists() {
        return Ok(());
    }
    if root.join(ledger::FILE_NAME).exists() {
        return Err(lost_index(root));
    }
    let what = format!("there is no exodus archive in `{}`", root.display());
    Err(Error::new(Kind::Archive, what)
        .hint("name it with --archive or EXODUS_ARCHIVE, or make one with `exodus import`"))
}

fn lost_index(root: &Path) -> Error {
    let what = format!("the index of the archive `{}` is lost", root.display());
    Error::new(Kind::Archive, what).hint("`exodus reindex` builds it again from the archive's files")
}

/// Writes a small file whole or not at all, readable by its owner only. The archive must be open for writing.
fn write_private(root: &Path, path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = root.join("tmp").join("file");
    let open = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary);
    let mut file = open.map_err(|err| Error::io("create", &temporary, &err))?;
    file.write_all(bytes).map_err(|err| Error::io("write", &temporary, &err))?;
    kill_point();
    fs::rename(&temporary, path).map_err(|err| Error::io("rename", &temporary, &err))
}

fn make_private(path: &Path) -> Result<()> {
    let set = fs::set_permissions(path, Permissions::from_mode(0o600));
    set.map_err(|err| Error::io("set the mode of", path, &err))
}

/// BLAKE3 of a file in hexadecimal digits, holding a little of it at a time.
fn hash_file(path: &Path) -> io::Result<String> {
    let mut hash = blake3::Hasher::new();
    hash.update_reader(File::open(path)?)?;
    Ok(hash.finalize().to_hex().to_string())
}

/// The file of a message in a folder (or its neighbour `new`), whatever flags a mail program has given it.
fn find_message(cur: &Path, unique: &str) -> Option<PathBuf> {
    let folders = [cur.to_owned(), cur.with_file_name("new")];
    let entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    let is_it =
        |name: &str| name == unique || name.strip_prefix(unique).is_some_and(|rest| rest.starts_with(":2,"));
    entries
        .map(|entry| entry.path())
        .find(|path| path.file_name().is_some_and(|name| is_it(&name.to_string_lossy())))
}

/// The file `dovecot-keywords` of a folder: which keyword each letter from `a` on stands for.
fn dovecot_keywords(names: &[String]) -> String {
    names.iter().enumerate().map(|(n, name)| format!("{n} {name}\n")).collect()
}

/// The file `subscriptions` of a Maildir++: the folders that a mail program shows, without their first dot.
fn subscriptions<'a>(folders: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<&str> = folders.filter_map(|path| path.strip_prefix('.')).collect();
    names.sort_unstable();
    names.iter().map(|name| format!("{name}\n")).collect()
}
