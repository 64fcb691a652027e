//! Cleaning up after a run that was killed, so that the next one makes what a single clean run would have made.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{OptionalExtension, params};

use super::index::{self, Index};
use super::maildir::{self, LabelMode};
use super::{reader, writer};
use crate::report::error::{Error, Result};
use crate::report::kill_point::kill_point;

/// Makes a new index, whole or not at all.
///
/// # Errors
/// When it cannot be made.
pub fn create_index(root: &Path) -> Result<Index> {
    let temporary = root.join("tmp").join(index::FILE_NAME);
    let path = root.join(index::FILE_NAME);
    drop(Index::create(&temporary)?);
    kill_point();
    fs::rename(&temporary, &path).map_err(|err| Error::io("rename", &temporary, &err))?;
    Index::open(&path)
}

/// Puts the Maildir back to what the index says: files of an unfinished batch go, moved messages go back.
/// Files that other programs have put there are left alone.
///
/// # Errors
/// When the Maildir cannot be read or changed.
pub fn sweep(root: &Path, index: &Index) -> Result<()> {
    let mail = root.join("mail");
    for folder in mail_folders(&mail)? {
        for state in ["cur", "new"] {
            let path = mail.join(&folder).join(state);
            let Ok(entries) = fs::read_dir(&path) else { continue };
            for entry in entries {
                let entry = entry.map_err(|err| Error::io("list", &path, &err))?;
                let name = entry.file_name().to_string_lossy().into_owned();
                if maildir::is_ours(&name) {
                    settle(root, index, &folder, &entry.path(), &name)?;
                }
            }
        }
    }
    Ok(())
}

/// The folders below `mail/` that hold messages: the empty name for the inbox, and every `.A.B`.
///
/// # Errors
/// When `mail/` cannot be listed.
pub fn mail_folders(mail: &Path) -> Result<Vec<String>> {
    let mut folders = vec![String::new()];
    for entry in fs::read_dir(mail).map_err(|err| Error::io("list", mail, &err))? {
        let entry = entry.map_err(|err| Error::io("list", mail, &err))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') && entry.path().join("cur").is_dir() {
            folders.push(name);
        }
    }
    folders.sort_unstable();
    Ok(folders)
}

fn settle(root: &Path, index: &Index, folder: &str, path: &Path, name: &str) -> Result<()> {
    let unique = name.split(":2,").next().unwrap_or(name);
    let mut query = index.conn.prepare_cached(
        "SELECT item.path, item.id FROM message JOIN item ON item.id = message.item_id WHERE file_name = ?1",
    )?;
    let row: Option<(String, i64)> =
        query.query_row(params![unique], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    drop(query);
    let Some((indexed, id)) = row else { return remove(path) };
    let (indexed_folder, _) = writer::folder_and_unique(&indexed);
    if indexed_folder == folder {
        return Ok(());
    }
    let indexed_path: PathBuf = root.join(&indexed);
    let cur = indexed_path.parent().unwrap_or(root);
    if super::find_message(cur, unique).is_none() {
        return fs::rename(path, &indexed_path).map_err(|err| Error::io("rename", path, &err));
    }
    let mode =
        index.meta("labels")?.and_then(|name| LabelMode::from_name(&name)).unwrap_or(LabelMode::Primary);
    let labels = reader::labels_of(&index.conn, id)?;
    let is_copy = maildir::folders(&labels, mode).iter().any(|known| known.path == folder);
    if is_copy { Ok(()) } else { remove(path) }
}

fn remove(path: &Path) -> Result<()> {
    fs::remove_file(path).map_err(|err| Error::io("remove", path, &err))
}
