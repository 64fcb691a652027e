//! What `-v` and `--log-file` tell: one plain line an event. Places inside exports and archives may stand in it; the
//! text of a message, a password or a token never does, because no event has one.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use jiff::{Timestamp, Unit};

use crate::report::error::{Error, Kind, Result};

/// How much somebody wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// `-v`: which way was taken, which stage begins and ends.
    Info,
    /// `-vv`: every batch that is safe.
    Debug,
}

impl Level {
    /// How its lines begin.
    pub fn word(self) -> &'static str {
        match self {
            Level::Info => "info",
            Level::Debug => "debug",
        }
    }
}

/// The log of one command.
#[derive(Default)]
pub struct Log {
    verbose: u8,
    file: Option<Mutex<File>>,
}

impl Log {
    /// A log for as many `-v` as were given, and a file that gets everything; what stands in it stays.
    ///
    /// # Errors
    /// When the file cannot be opened for writing.
    pub fn open(verbose: u8, path: Option<&Path>) -> Result<Log> {
        let Some(path) = path else { return Ok(Log { verbose, file: None }) };
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path).map_err(|err| {
            let what = format!("cannot write the log `{}`: {err}", path.display());
            Error::new(Kind::Usage, what).hint("name a file in a folder that is there and yours")
        })?;
        Ok(Log { verbose, file: Some(Mutex::new(file)) })
    }

    /// True when lines of this level are shown too.
    pub fn is_told(&self, level: Level) -> bool {
        self.verbose > level as u8
    }

    /// Writes a line down, with the time in UTC.
    pub fn line(&self, head: &str, text: &str) {
        let Some(file) = &self.file else { return };
        let now = Timestamp::now().round(Unit::Millisecond).unwrap_or_default();
        let line = format!("{now:.3} {head:<7} {text}\n");
        // A log that cannot be written (its disk is full) is no reason to stop.
        let _ = file.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
    }
}
