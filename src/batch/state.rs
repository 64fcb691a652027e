//! What is known of each row, as one file a row in one folder: safe to be shared by machines, read by people, and kept by whoever
//! is killed. A row's file is written when the row has ended, whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};

use crate::archive::folders::write;
use crate::report::error::{Error, Kind, Result};

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowState {
    /// All of it is imported, and is where it was to go.
    Done,
    /// The same, but for entries or files that could not be taken or sent: they are told.
    Partial,
    /// A command of it could not do its work, or took too long.
    Failed,
    /// It has not ended yet.
    NotRun,
}

/// What became of a row, in numbers. Times are RFC 3339 in UTC.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RowResult {
    /// The row.
    pub id: String,
    /// Whose it is.
    pub owner: Option<String>,
    /// Where it stands in the manifest.
    pub place: String,
    /// What became of it.
    pub state: RowState,
    /// Its archive.
    pub archive: PathBuf,
    /// Its exports that were imported.
    pub exports: u64,
    /// Files of them.
    pub entries: u64,
    /// Items in the archive.
    pub items: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// What could not be taken, sent or proven.
    pub faults: u64,
    /// What is where it was to go.
    pub pushed: Vec<PushedTo>,
    /// True if the archive was read whole and is as it should be.
    pub is_verified: bool,
    /// True if the account may be closed.
    pub is_ready: bool,
    /// The receipt.
    pub receipt: Option<PathBuf>,
    /// What went wrong, step by step.
    pub errors: Vec<StepError>,
    /// What its commands said.
    pub log: PathBuf,
    /// When it began.
    pub started_at: Option<String>,
    /// When it ended.
    pub ended_at: Option<String>,
    /// How long it took.
    pub seconds: f64,
    /// Names what was to be done, and with what: a row that has changed is done again.
    pub fingerprint: String,
}

/// What a target has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushedTo {
    /// The target's name in the manifest.
    pub target: String,
    /// Files of the archive that are there.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Files that were looked at there afterwards and are as they should be.
    pub verified: u64,
}

/// A step that did not end well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepError {
    /// The step: `import in/ada/takeout-*.zip`.
    pub step: String,
    /// The exit code of its command, where it had one.
    pub code: Option<i32>,
    /// What happened.
    pub what: String,
    /// What to do.
    pub hints: Vec<String>,
}

/// The folder.
#[derive(Debug)]
pub struct StateFolder {
    path: PathBuf,
    _lock: File,
}

impl StateFolder {
    /// Opens the folder, made if it is not there; `part` names the share of the rows that this process does, if it does not do all.
    ///
    /// # Errors
    /// When it cannot be made, or another process is at work on the same share.
    pub fn open(path: &Path, part: Option<&str>) -> Result<StateFolder> {
        crate::archive::folders::make(&path.join("rows"))?;
        let path = &path.canonicalize().map_err(|err| Error::io("open", path, &err))?;
        let lock_path = path.join(part.map_or("lock".to_owned(), |part| format!("lock-{part}")));
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&lock_path);
        let file = file.map_err(|err| Error::io("open the lock", &lock_path, &err))?;
        if rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            let what = format!("another batch is at work with `{}`", path.display());
            return Err(Error::new(Kind::Archive, what)
                .hint("wait until it has ended, or give this one its own --state"));
        }
        Ok(StateFolder { path: path.to_owned(), _lock: file })
    }

    /// A file of a row.
    pub fn file(&self, id: &str, ending: &str) -> PathBuf {
        self.path.join("rows").join(format!("{id}.{ending}"))
    }

    /// What became of a row; `None` if it has not ended yet.
    ///
    /// # Errors
    /// When that cannot be read.
    pub fn result(&self, id: &str) -> Result<Option<RowResult>> {
        let path = self.file(id, "json");
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(err) => return Err(Error::io("read", &path, &err)),
        };
        let read = serde_json::from_slice(&bytes);
        read.map(Some).map_err(|err| {
            Error::new(Kind::Archive, format!("`{}` cannot be understood: {err}", path.display()))
                .hint("remove it, and the row is done again")
        })
    }

    /// Writes down what became of a row.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn keep(&self, result: &RowResult) -> Result<()> {
        let json = serde_json::to_string_pretty(result).expect("it is plain JSON") + "\n";
        write(&self.file(&result.id, "json"), json.as_bytes())
    }
}
