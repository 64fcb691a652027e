//! One writer at a time: a lock that the kernel lets go of when its process ends, however it ends.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::FlockOperation;

use crate::report::error::{Error, Kind, Result};

/// A process that was killed a moment ago lets go of its lock when the disk has done what it was told: so long that is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The lock of an archive; held until it is dropped.
pub struct Lock {
    path: PathBuf,
    _file: File,
    /// True when a writer has left the archive as it fell: it was killed, or the disk was full. The lock's file then
    /// stays when the lock is dropped, until a writer has cleaned up and says so here.
    pub is_unclean: bool,
}

impl Lock {
    /// Takes the lock.
    ///
    /// # Errors
    /// When another process holds it, and goes on doing so.
    pub fn take(root: &Path) -> Result<Lock> {
        let path = root.join("lock");
        let begin = Instant::now();
        loop {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(&path);
            let mut file = file.map_err(|err| Error::io("open the lock", &path, &err))?;
            let mut owner = String::new();
            // A lock that cannot be read still locks.
            let _ = file.read_to_string(&mut owner);
            if rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
                if begin.elapsed() > PATIENCE {
                    return Err(busy(root, owner.trim()));
                }
                std::thread::sleep(LOOK_EVERY);
                continue;
            }
            if !is_same_file(&file, &path) {
                // Its last owner removed it between our opening and our locking.
                continue;
            }
            let is_unclean = !owner.is_empty();
            let written = file.rewind().and_then(|()| file.set_len(0)).and_then(|()| {
                write!(file, "{}", std::process::id())?;
                file.flush()
            });
            written.map_err(|err| Error::io("write the lock", &path, &err))?;
            return Ok(Lock { path, _file: file, is_unclean });
        }
    }
}

fn is_same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(ours), Ok(there)) => ours.ino() == there.ino() && ours.dev() == there.dev(),
        _ => false,
    }
}

fn busy(root: &Path, owner: &str) -> Error {
    let who = if owner.is_empty() { String::new() } else { format!(" (process {owner})") };
    Error::new(Kind::Archive, format!("another exodus is writing to the archive `{}`{who}", root.display()))
        .hint("wait until it has ended; one that was killed lets go by itself")
}

impl Drop for Lock {
    fn drop(&mut self) {
        if !self.is_unclean {
            // Removed while still locked: who waits for it sees that the file has gone and tries again.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_writer_at_a_time_and_a_left_lock_is_taken_over() {
        let root = std::env::temp_dir().join(format!("exodus-lock-{}", std::process::id()));
        std::fs::create_dir_all(&root).expect("a temporary folder can be made");
        let first = Lock::take(&root).expect("nobody holds it");
        assert!(!first.is_unclean);
        let second = Lock::take(&root).err().expect("the first holds it");
        assert_eq!(second.kind, Kind::Archive);
        assert!(second.what.contains(&std::process::id().to_string()));
        drop(first);
        std::fs::write(root.join("lock"), "123456").expect("the folder is ours");
        assert!(Lock::take(&root).expect("its owner is gone").is_unclean);
        let mut third = Lock::take(&root).expect("nobody holds it");
        assert!(third.is_unclean, "nobody has cleaned up yet");
        third.is_unclean = false;
        drop(third);
        assert!(!Lock::take(&root).expect("nobody holds it").is_unclean);
        std::fs::remove_dir_all(&root).expect("the folder is ours");
    }
}
