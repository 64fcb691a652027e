//! Bodies on their way into the archive: written whole into `tmp/`, hashed on the way, renamed when a batch is safe.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{Timespec, Timestamps};

use super::body_file::{self, BodyFile, Chunk};
use super::folders;
use crate::report::error::{Error, Result};
use crate::report::kill_point::kill_point;

/// The folder for bodies on their way. Emptied when a writer opens the archive, gone when it closes it.
pub struct Scratch {
    folder: PathBuf,
    next: AtomicU64,
    /// Memory that nobody uses now; as much as threads have copied at the same time.
    chunks: Mutex<Vec<Chunk>>,
    does_direct_pay: bool,
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
        let does_direct_pay = body_file::does_direct_pay(&folder);
        Ok(Scratch { folder, next: AtomicU64::new(1), chunks: Mutex::default(), does_direct_pay })
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
        let (path, file) = self.create().map_err(StoreError::Archive)?;
        let mut chunk = self.chunks().pop().unwrap_or_default();
        let copied = copy_into(BodyFile::new(file, &mut chunk, self.does_direct_pay), &path, reader, time);
        self.chunks().push(chunk);
        if let Err(StoreError::Source(_)) = copied {
            // The next writer clears what cannot be removed now.
            let _ = fs::remove_file(&path);
        }
        let (size, blake3) = copied?;
        Ok(StoredBody { path, size, blake3 })
    }

    fn chunks(&self) -> MutexGuard<'_, Vec<Chunk>> {
        self.chunks.lock().unwrap_or_else(PoisonError::into_inner)
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

/// Writes all that `reader` gives; returns how many bytes that were, and their BLAKE3.
fn copy_into(
    mut file: BodyFile,
    path: &Path,
    reader: &mut dyn Read,
    time: Option<i64>,
) -> std::result::Result<(u64, String), StoreError> {
    let failed = |err: io::Error| StoreError::Archive(Error::io("write", path, &err));
    let mut hash = blake3::Hasher::new();
    let mut size = 0;
    loop {
        let room = file.room();
        let len = match reader.read(room) {
            Ok(0) => break,
            Ok(len) => len,
            Err(err) if err.kind() == io::ErrorKind::Interrupted => continue,
            Err(err) => return Err(StoreError::Source(err)),
        };
        hash.update(&room[..len]);
        file.take(len).map_err(failed)?;
        size += len as u64;
    }
    let file = file.finish().map_err(failed)?;
    kill_point();
    set_time(&file, path, time).map_err(StoreError::Archive)?;
    Ok((size, hash.finalize().to_hex().to_string()))
}

/// Sets the modification time; without one it is 1970-01-01, which reads as "unknown" and never as "now".
fn set_time(file: &File, path: &Path, time: Option<i64>) -> Result<()> {
    let time = Timespec { tv_sec: time.unwrap_or(0), tv_nsec: 0 };
    let times = Timestamps { last_access: time, last_modification: time };
    rustix::fs::futimens(file, &times).map_err(|err| Error::io("set the time of", path, &err.into()))
}
