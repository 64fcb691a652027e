//! The albums as folders: `files/photos/albums/<album>/<photo>` leads to the photo, which lies in its month.
//!
//! Links, relative, so that the archive can be moved; or hard links, for programs that follow none. A function of the
//! index: what the index does not say goes, if it is a link of ours; files of others stay.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::archive::index::Index;
use crate::archive::{folders, names};
use crate::report::error::{Error, Result};
use crate::report::kill_point::kill_point;

/// The folder of all albums, from the archive's top.
pub const FOLDER: &str = "files/photos/albums";

/// How albums are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AlbumMode {
    /// Relative symbolic links.
    #[default]
    Links,
    /// Hard links.
    HardLinks,
    /// Not at all.
    None,
}

impl AlbumMode {
    /// All modes, by their names on the command line and in the ledger.
    pub const NAMES: [(&str, AlbumMode); 3] =
        [("links", AlbumMode::Links), ("hardlinks", AlbumMode::HardLinks), ("none", AlbumMode::None)];

    /// The mode of that name.
    pub fn from_name(name: &str) -> Option<AlbumMode> {
        AlbumMode::NAMES.iter().find(|(known, _)| *known == name).map(|(_, mode)| *mode)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        AlbumMode::NAMES.iter().find(|(_, mode)| *mode == self).map_or("links", |(name, _)| name)
    }

    /// The mode of an archive.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn of(index: &Index) -> Result<AlbumMode> {
        Ok(index.meta("albums")?.and_then(|name| AlbumMode::from_name(&name)).unwrap_or_default())
    }
}

/// What the index says there shall be: the path of each link, from the archive's top, and of its photo.
///
/// # Errors
/// When the index cannot be read.
pub fn wanted(index: &Index) -> Result<BTreeMap<String, String>> {
    let mut links = BTreeMap::new();
    if AlbumMode::of(index)? == AlbumMode::None {
        return Ok(links);
    }
    let mut query = index.conn.prepare(
        "SELECT DISTINCT label.name, item.path FROM label JOIN item_label ON label_id = label.id
         JOIN item ON item.id = item_id WHERE label.role = 'album' AND item.kind = 'photo' AND item.path IS NOT NULL
         ORDER BY label.name, item.path",
    )?;
    let mut rows = query.query([])?;
    let (mut folders, mut taken) = (BTreeSet::new(), BTreeSet::new());
    let mut last: Option<(String, String)> = None;
    while let Some(row) = rows.next()? {
        let (album, photo): (String, String) = (row.get(0)?, row.get(1)?);
        let folder = match &last {
            Some((known, folder)) if *known == album => folder.clone(),
            _ => free(&format!("{FOLDER}/{}", names::safe_name(&album)), &mut folders),
        };
        last = Some((album, folder.clone()));
        let name = photo.rsplit('/').next().unwrap_or(&photo);
        links.insert(free(&format!("{folder}/{name}"), &mut taken), photo);
    }
    Ok(links)
}

/// The first choice for a path that no disk confuses with one that is taken.
fn free(path: &str, taken: &mut BTreeSet<String>) -> String {
    let choice = (1..).map(|n| names::nth_choice(path, n)).find(|path| taken.insert(names::folded(path)));
    choice.unwrap_or_else(|| path.to_owned())
}

/// Makes the folders what the index says.
///
/// # Errors
/// When the disk does not take them.
pub fn update(root: &Path, index: &Index) -> Result<()> {
    let mode = AlbumMode::of(index)?;
    let wanted = wanted(index)?;
    if wanted.is_empty() && !root.join(FOLDER).exists() {
        return Ok(());
    }
    clear(root, &wanted, mode)?;
    let mut known = folders::Known::default();
    for (link, photo) in &wanted {
        let path = root.join(link);
        if path.symlink_metadata().is_ok() || !root.join(photo).is_file() {
            continue;
        }
        if let Some(folder) = path.parent() {
            known.make(folder)?;
        }
        kill_point();
        let made = match mode {
            AlbumMode::HardLinks => fs::hard_link(root.join(photo), &path),
            _ => std::os::unix::fs::symlink(target(link, photo), &path),
        };
        made.map_err(|err| Error::io("link", &path, &err))?;
    }
    Ok(())
}

/// Removes links of ours that are not wanted, or lead elsewhere, and folders that are empty then.
fn clear(root: &Path, wanted: &BTreeMap<String, String>, mode: AlbumMode) -> Result<()> {
    for entry in walkdir::WalkDir::new(root.join(FOLDER)).contents_first(true).into_iter().flatten() {
        let path = entry.path();
        if entry.file_type().is_dir() {
            // One that holds something is not removed.
            let _ = fs::remove_dir(path);
            continue;
        }
        let link = path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned();
        let is_right = wanted.get(&link).is_some_and(|photo| leads(root, &link, photo, mode));
        if !is_right && is_ours(root, path) {
            kill_point();
            fs::remove_file(path).map_err(|err| Error::io("remove", path, &err))?;
        }
    }
    Ok(())
}

/// True for a link that exodus may have made: one to a photo of the archive, or a further name of one.
fn is_ours(root: &Path, path: &Path) -> bool {
    let Ok(meta) = path.symlink_metadata() else { return false };
    if meta.is_symlink() {
        return fs::read_link(path).is_ok_and(|target| target.starts_with("../.."));
    }
    meta.is_file() && meta.nlink() > 1 && path.starts_with(root.join(FOLDER))
}

/// True when any album has anything in it.
pub fn are_there(root: &Path) -> bool {
    let below = walkdir::WalkDir::new(root.join(FOLDER)).into_iter().flatten();
    below.into_iter().any(|entry| !entry.file_type().is_dir())
}

/// True when a link is there and leads to its photo in the way of the mode.
pub fn leads(root: &Path, link: &str, photo: &str, mode: AlbumMode) -> bool {
    let path = root.join(link);
    match mode {
        AlbumMode::Links => fs::read_link(&path).is_ok_and(|found| found == Path::new(&target(link, photo))),
        AlbumMode::HardLinks => match (path.symlink_metadata(), root.join(photo).symlink_metadata()) {
            (Ok(link), Ok(photo)) => (link.dev(), link.ino()) == (photo.dev(), photo.ino()),
            _ => false,
        },
        AlbumMode::None => false,
    }
}

/// Where a link of two folders below `files/photos/` leads: `../../2019/05/IMG_1.jpg`.
fn target(link: &str, photo: &str) -> String {
    let shared = "files/photos/";
    let (link, photo) = match (link.strip_prefix(shared), photo.strip_prefix(shared)) {
        (Some(link), Some(photo)) => (link, photo),
        _ => (link, photo),
    };
    format!("{}{photo}", "../".repeat(link.matches('/').count()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_relative() {
        let link = "files/photos/albums/Boote/a.jpg";
        assert_eq!(target(link, "files/photos/2019/05/a.jpg"), "../../2019/05/a.jpg");
        assert_eq!(target(link, "files/other/a.jpg"), "../../../../files/other/a.jpg");
    }
}
