//! Bodies on their way into the archive: written whole into `tmp/`, hashed on the way, renamed when a batch is safe.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{Timespec, Timestamps};

use super::folders;
use crate::report::error::{Error, Result};
use crate::report::kill_point::kill_point;

/// The folder for bodies on their way. Emptied when a writer opens the archive, gone when it closes it.
pub struct Scratch {
    folder: PathBuf,
    next: AtomicU64,
}

/// A body that is whole on disk under a temporary name.
#[derive(Clone, Debug)]
pub struct StoredBody {
    /// Its temporary path.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// Its BLAKE3 in hexadecimal digits.
    pub blake3: String,
}

/// Why a body could not be stored.
pub enum StoreError {
    /// Its source failed: the entry is at fault.
    Source(io::Error),
    /// The archive failed: the run ends.
    Archive(Error),
}

impl Scratch {
    /// An empty scratch folder in the archive.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(root: &Path) -> Result<Scratch> {
        let folder = root.join("tmp");
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(|err| Error::io("clear", &folder, &err))?;
        }
        folders::make(&folder)?;
        Ok(Scratch { folder, next: AtomicU64::new(1) })
    }

    /// Stores bytes that are in memory and whose BLAKE3 is known; `time` becomes the modification time.
    ///
    /// # Errors
    /// When the archive cannot take them.
    pub fn store(&self, bytes: &[u8], blake3: String, time: Option<i64>) -> Result<StoredBody> {
        let (path, mut file) = self.create()?;
        file.write_all(bytes).map_err(|err| Error::io("write", &path, &err))?;
        kill_point();
        set_time(&file, &path, time)?;
        Ok(StoredBody { path, size: bytes.len() as u64, blake3 })
    }

    /// Stores all that `reader` gives, holding a little of it at a time.
    ///
    /// # Errors
    /// When the reader fails or the archive cannot take it; nothing stays behind.
    pub fn copy(
        &self,
        reader: &mut dyn Read,
        time: Option<i64>,
    ) -> std::result::Result<StoredBody, StoreError> {
        let (path, mut file) = self.create().map_err(StoreError::Archive)?;
        let mut hash = blake3::Hasher::new();
        let mut buf = vec![0; 128 * 1024];
        let mut size = 0;
        loop {
            let len = match reader.read(&mut buf) {
                Ok(0) => break,
                Ok(len) => len,
                Err(err) if err.kind() == io::ErrorKind::Interrupted => continue,
                Err(err) => {
                    // The next writer clears what cannot be removed now.
                    let _ = fs::remove_file(&path);
                    return Err(StoreError::Source(err));
                }
            };
            hash.update(&buf[..len]);
            let written = file.write_all(&buf[..len]);
            written.map_err(|err| StoreError::Archive(Error::io("write", &path, &err)))?;
            size += len as u64;
        }
        kill_point();
        set_time(&file, &path, time).map_err(StoreError::Archive)?;
        Ok(StoredBody { path, size, blake3: hash.finalize().to_hex().to_string() })
    }

    fn create(&self) -> Result<(PathBuf, File)> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.join(format!("{number}"));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let file = file.map_err(|err| Error::io("create", &path, &err))?;
        kill_point();
        Ok((path, file))
    }

    /// Removes the folder.
    pub fn close(&self) {
        // What is left is cleared by the next writer.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Sets the modification time; without one it is 1970-01-01, which reads as "unknown" and never as "now".
fn set_time(file: &File, path: &Path, time: Option<i64>) -> Result<()> {
    let time = Timespec { tv_sec: time.unwrap_or(0), tv_nsec: 0 };
    let times = Timestamps { last_access: time, last_modification: time };
    rustix::fs::futimens(file, &times).map_err(|err| Error::io("set the time of", path, &err.into()))
}
