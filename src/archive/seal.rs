//! The seal: the BLAKE3 of the index and of the ledger, beside them, while nobody writes.
//!
//! Most of the index can be compared with the ledger, but subjects, senders and the full text stand nowhere else in
//! this form; and without an index nothing else tells whether the ledger is what it was. A writer breaks the seal
//! before its first change and sets it again when it closes the archive. `b3sum -c seal.blake3` checks it too.

use std::fs;
use std::path::Path;

use super::{index, ledger};
use crate::report::error::{Error, Result};

/// The name of the seal in the archive.
pub const FILE_NAME: &str = "seal.blake3";

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

/// Sets the seal. Who has just written the whole ledger knows its BLAKE3. The index must be at rest and the archive open for
/// writing.
///
/// # Errors
/// When the files cannot be read or the seal not be written.
pub fn set(root: &Path, ledger_blake3: Option<&str>) -> Result<()> {
    let of_ledger = match ledger_blake3 {
        Some(hash) => line(hash, ledger::FILE_NAME),
        None => line_of(root, ledger::FILE_NAME)?,
    };
    let lines = format!("{}{of_ledger}", line_of(root, index::FILE_NAME)?);
    super::write_private(root, &root.join(FILE_NAME), lines.as_bytes())
}

/// Whether the index is what was sealed; `None` without a seal.
///
/// # Errors
/// When the index cannot be read.
pub fn has_index(root: &Path) -> Result<Option<bool>> {
    has(root, index::FILE_NAME)
}

/// Whether the ledger is what was sealed; `None` without a seal.
///
/// # Errors
/// When the ledger cannot be read.
pub fn has_ledger(root: &Path) -> Result<Option<bool>> {
    has(root, ledger::FILE_NAME)
}

fn has(root: &Path, name: &str) -> Result<Option<bool>> {
    let Ok(sealed) = fs::read(root.join(FILE_NAME)) else { return Ok(None) };
    let line = line_of(root, name)?;
    Ok(Some(sealed.split_inclusive(|byte| *byte == b'\n').any(|sealed| sealed == line.as_bytes())))
}

fn line_of(root: &Path, name: &str) -> Result<String> {
    let path = root.join(name);
    let hash = super::hash_file(&path).map_err(|err| Error::io("read", &path, &err))?;
    Ok(line(&hash, name))
}

/// A line as `b3sum` writes it.
fn line(hash: &str, name: &str) -> String {
    format!("{hash}  {name}\n")
}
