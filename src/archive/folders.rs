//! Folders of the archive: made with mode 0700, whatever the umask allows others.

use std::collections::HashSet;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
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

/// Remembers which folders are there, to make each only once.
#[derive(Default)]
pub struct Known(HashSet<PathBuf>);

impl Known {
    /// True when the folder was made through this.
    pub fn has(&self, folder: &Path) -> bool {
        self.0.contains(folder)
    }

    /// Makes a folder unless it was made before.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn make(&mut self, folder: &Path) -> Result<()> {
        if !self.0.contains(folder) {
            make(folder)?;
            self.0.insert(folder.to_owned());
        }
        Ok(())
    }
}
