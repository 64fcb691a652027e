//! Folders and files for their owner alone: made with mode 0700 and 0600, whatever the umask allows others.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::report::error::{Error, Result};

/// Makes a folder and those above it, where they are missing.
///
/// # Errors
/// When one cannot be made.
pub fn make(folder: &Path) -> Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|err| Error::io("make the folder", folder, &err))
}

/// Writes a small file that is not of an archive, whole or not at all.
///
/// # Errors
/// When the disk does not take it.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    // Two machines may write the same report.
    name.push(format!(".{}.part", std::process::id()));
    let temporary = path.with_file_name(name);
    let open = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary);
    open.and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&temporary, path))
        .map_err(|err| Error::io("write", path, &err))
}

/// Remembers which folders are there, to make each only once, and which of them were not there before.
#[derive(Default)]
pub struct Known(HashMap<PathBuf, bool>);

impl Known {
    /// True when the folder was made through this.
    pub fn has(&self, folder: &Path) -> bool {
        self.0.contains_key(folder)
    }

    /// True when the folder was made through this, and nobody had one there: it holds nothing of others.
    pub fn is_new(&self, folder: &Path) -> bool {
        self.0.get(folder).copied().unwrap_or(false)
    }

    /// Makes a folder unless it was made before.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn make(&mut self, folder: &Path) -> Result<()> {
        if self.0.contains_key(folder) {
            return Ok(());
        }
        let create = || DirBuilder::new().mode(0o700).create(folder);
        let is_new = match (create(), folder.parent()) {
            (Ok(()), _) => true,
            (Err(err), Some(above)) if err.kind() == std::io::ErrorKind::NotFound => {
                self.make(above)?;
                create().map_err(|err| Error::io("make the folder", folder, &err))?;
                true
            }
            // Most likely it is there.
            (Err(_), _) => {
                make(folder)?;
                false
            }
        };
        self.0.insert(folder.to_owned(), is_new);
        Ok(())
    }
}
