//! Errors that end a command, each with what to do and with an exit code.

use std::fmt;
use std::path::Path;

/// What kind of thing went wrong: decides the exit code (`ARCHITECTURE.md`, "Exit codes").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Wrong flags or arguments.
    Usage,
    /// The export cannot be read or understood, or parts of it are missing; nothing was written.
    Export,
    /// The archive cannot take more or is damaged: disk full, locked, newer format.
    Archive,
    /// The command did its work, but some entries are faulted or something does not verify.
    Partial,
    /// The target refuses or cannot be reached: host key, link, disk full over there.
    Server,
    /// Login or configuration is wrong; nothing was sent.
    Login,
    /// An importer panicked.
    Bug,
    /// The user stopped the command (Ctrl-C); what is done stays done.
    Interrupted,
}

impl Kind {
    /// The exit code of the process.
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Usage => 2,
            Kind::Export => 3,
            Kind::Archive => 4,
            Kind::Partial => 5,
            Kind::Server => 6,
            Kind::Login => 7,
            Kind::Bug => 70,
            Kind::Interrupted => 130,
        }
    }
}

/// An error that ends a command. Prints as one line without a period; the hints follow on lines of their own.
#[derive(Clone, Debug)]
pub struct Error {
    /// Decides the exit code.
    pub kind: Kind,
    /// What happened and where: lower case, one line, no final period.
    pub what: String,
    /// What to do.
    pub hints: Vec<String>,
}

/// The result of whatever may end a command.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error without a hint.
    pub fn new(kind: Kind, what: impl Into<String>) -> Error {
        Error { kind, what: what.into(), hints: Vec::new() }
    }

    /// The same error with one more hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Error {
        self.hints.push(hint.into());
        self
    }

    /// Settings that cannot be understood: where (line and column in letters, from 1 on), and why.
    pub fn settings(path: &Path, text: &str, why: &str, span: Option<std::ops::Range<usize>>) -> Error {
        let why = why.lines().collect::<Vec<_>>().join(", ");
        let before = span.and_then(|span| text.get(..span.start));
        let place = before.map_or(String::new(), |before| {
            let line = before.matches('\n').count() + 1;
            let column = before.chars().rev().take_while(|letter| *letter != '\n').count() + 1;
            format!(" at line {line}, column {column}")
        });
        Error::new(Kind::Login, format!("`{}` cannot be understood{place}: {why}", path.display()))
    }

    /// An error of the file system below the archive: what was being done, to which path.
    pub fn io(doing: &str, path: &Path, err: &std::io::Error) -> Error {
        let error = Error::new(Kind::Archive, format!("cannot {doing} `{}`: {err}", path.display()));
        match err.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                error.hint("make room on the disk, then run the same command: what is done stays done")
            }
            std::io::ErrorKind::PermissionDenied => error.hint("check who owns the archive's folder"),
            std::io::ErrorKind::AlreadyExists | std::io::ErrorKind::NotADirectory => {
                error.hint("a file stands where a folder should be; move it away, or name another folder")
            }
            std::io::ErrorKind::ReadOnlyFilesystem => error.hint("the disk is mounted read-only"),
            _ => error,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.what)
    }
}

impl std::error::Error for Error {}

impl From<rusqlite::Error> for Error {
    fn from(err: rusqlite::Error) -> Error {
        let error = Error::new(Kind::Archive, format!("the index cannot be used: {err}"));
        match err.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => {
                error.hint("make room on the disk, then run the same command: what is done stays done")
            }
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
                error.hint("something else is at work on it; try again when that is done")
            }
            // Damage shows in many ways, since SQLite has no checksums: a table whose name has a flipped bit is no table
            // of ours.
            _ => error.hint("if it is damaged, `exodus reindex` builds it again from the archive's files"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_a_public_table() {
        let table = [
            (Kind::Usage, 2),
            (Kind::Export, 3),
            (Kind::Archive, 4),
            (Kind::Partial, 5),
            (Kind::Server, 6),
            (Kind::Login, 7),
            (Kind::Bug, 70),
            (Kind::Interrupted, 130),
        ];
        for (kind, code) in table {
            assert_eq!(kind.exit_code(), code);
        }
    }
}
