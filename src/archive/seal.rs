//! The seal of the index: its BLAKE3, beside it, while nobody writes.
//!
//! Most of the index can be compared with the ledger, but subjects, senders and the full text stand nowhere else in
//! this form. A writer breaks the seal before its first change and sets it again when it closes the archive.

use std::fs;
use std::path::Path;

use super::index;
use crate::report::error::{Error, Result};

/// The name of the seal in the archive.
pub const FILE_NAME: &str = "index.blake3";

/// Removes the seal, if there is one.
///
/// # Errors
/// When it cannot be removed.
pub fn break_seal(root: &Path) -> Result<()> {
    let path = root.join(FILE_NAME);
    match fs::remove_file(&path) {
        Err(err) if err.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", &path, &err)),
        _ => Ok(()),
    }
}

/// Sets the seal. The index must be at rest and the archive open for writing.
///
/// # Errors
/// When the index cannot be read or the seal not be written.
pub fn set(root: &Path) -> Result<()> {
    let hash = hash_of_index(root)?;
    super::write_private(root, &root.join(FILE_NAME), format!("{hash}\n").as_bytes())
}

/// Whether the index is what was sealed; `None` without a seal.
///
/// # Errors
/// When the index cannot be read.
pub fn is_intact(root: &Path) -> Result<Option<bool>> {
    let Ok(sealed) = fs::read(root.join(FILE_NAME)) else { return Ok(None) };
    Ok(Some(sealed.trim_ascii_end() == hash_of_index(root)?.as_bytes()))
}

fn hash_of_index(root: &Path) -> Result<String> {
    let path = root.join(index::FILE_NAME);
    super::hash_file(&path).map_err(|err| Error::io("read", &path, &err))
}
