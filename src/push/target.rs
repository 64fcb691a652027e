//! What a target must be able to do. The engine ([`super`]) knows targets only through this.
//!
//! [`FileTarget`] is for places that keep files (SFTP, a disk; WebDAV later). Places that keep items (IMAP, CardDAV)
//! will have a trait of their own beside it. Both are blocking: what waits on a network does so inside the target.
//!
//! Paths of a target are relative to its root, the path of its URL; `/` parts them; they are UTF-8 text.

use std::io::Write;
use std::path::PathBuf;

use crate::report::error::{Error, Kind};

/// A place that keeps files.
pub trait FileTarget {
    /// Looks at what the target can do and how much room it has. May write and remove files of its own in `.exodus`.
    ///
    /// # Errors
    /// When the target cannot be asked at all.
    fn abilities(&mut self) -> Result<Abilities>;

    /// How much room there is; `None` if the target does not tell. Changes nothing.
    ///
    /// # Errors
    /// When the target cannot be asked.
    fn room(&mut self) -> Result<Option<Room>>;

    /// Makes folders, parents given before children; tells of each whether it was made now (false: it was there
    /// already). A folder that was there is not changed. Parents of the root itself are made too.
    ///
    /// # Errors
    /// When one can neither be made nor is there.
    fn make_folders(&mut self, folders: &[Folder]) -> Result<Vec<bool>>;

    /// Does the tasks that `feed` hands out, many at a time and in no certain order, until it says [`Next::End`] and
    /// all are done. Every task handed out ends in exactly one call of [`Feed::done`], unless an error is returned:
    /// then the fate of those without is unknown.
    ///
    /// # Errors
    /// When the target can do no more: the link is cut, its disk is full.
    fn run(&mut self, feed: &mut dyn Feed) -> Result<()>;

    /// What is at each of these paths; `None` where there is nothing. Links are not followed.
    ///
    /// # Errors
    /// When the target cannot be asked.
    fn stat(&mut self, paths: &[String]) -> Result<Vec<Option<Stat>>>;

    /// What is in a folder, in no certain order, without `.` and `..`; `None` if there is no such folder.
    ///
    /// # Errors
    /// When the target cannot be asked.
    fn list(&mut self, folder: &str) -> Result<Option<Vec<(String, Stat)>>>;

    /// Copies a file's bytes from `offset` on to `out`; false if there is no such file.
    ///
    /// # Errors
    /// When the target cannot be asked, or `out` takes no more.
    fn read(&mut self, path: &str, offset: u64, out: &mut dyn Write) -> Result<bool>;

    /// SHA-256 of files, computed where they are; `None` inside for a file that is not there or cannot be read.
    /// `None` outside: the target cannot compute hashes, they must be read back.
    ///
    /// # Errors
    /// When the target cannot be asked.
    fn hashes(&mut self, paths: &[String]) -> Result<Option<Vec<Option<Sha256>>>>;

    /// Renames files; never replaces one. Tells of each what became of it.
    ///
    /// # Errors
    /// When the target cannot be asked.
    fn rename(&mut self, moves: &[(String, String)]) -> Result<Vec<Moved>>;

    /// Removes files; one that is not there counts as removed. Tells of each why it could not be, if so.
    ///
    /// # Errors
    /// When the target cannot be asked.
    fn remove(&mut self, paths: &[String]) -> Result<Vec<Option<TargetError>>>;
}

/// What [`FileTarget::run`] is given to do. Called on the thread that called `run`.
pub trait Feed {
    /// The next task, with a number that is its own.
    fn next(&mut self) -> Next;
    /// Takes what became of a task.
    fn done(&mut self, task: u64, outcome: Outcome);
    /// So many more bytes of files were acknowledged.
    fn progress(&mut self, bytes: u64);
    /// So many bytes of large files were found to be there already, from tries that were cut.
    fn resumed(&mut self, bytes: u64);
    /// How careful to be: how often in a row the link was cut before a single file got through. The more often, the
    /// less should be on its way at once, or what is cut is always all of it.
    fn care(&self) -> u32;
    /// True when the user wants to stop: files that take long are abandoned ([`Outcome::Stopped`]).
    fn should_stop(&self) -> bool;
}

/// What [`Feed::next`] answers.
#[derive(Debug)]
pub enum Next {
    /// Do this.
    Task(u64, Task),
    /// Nothing now; ask again after a task is done.
    Wait,
    /// Nothing more, ever.
    End,
}

/// One thing to do.
#[derive(Debug)]
pub enum Task {
    /// Send a file.
    Send(Send),
    /// Make safe on the target's disk all that was told done before this was handed out.
    Sync,
    /// Append bytes to a file, made with mode 0600 if it is not there, and make them safe on disk.
    Append {
        /// Where.
        path: String,
        /// What.
        bytes: Vec<u8>,
    },
}

/// A file to send. It gets its name when all of it is there: first it is written beside, as `temporary`.
#[derive(Clone, Debug)]
pub struct Send {
    /// The local file.
    pub from: PathBuf,
    /// Its place on the target.
    pub to: String,
    /// Its name while it is not whole, on the same disk as `to`. The same at every try, so that a try can go on
    /// where another was cut; nobody else uses it.
    pub temporary: String,
    /// Size in bytes as planned. A local file of another size is [`Outcome::Changed`].
    pub size: u64,
    /// Modification time to set, in seconds since 1970-01-01 UTC.
    pub mtime: i64,
    /// Permission bits to set.
    pub mode: u32,
    /// What may be at `to`.
    pub over: Over,
}

/// What may be at the place where a file goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Nothing, and it need not be looked: its folder was made by this run.
    NewFolder,
    /// Nothing; whatever is there is left alone ([`Outcome::Occupied`]).
    Nothing,
    /// The file that we put there: replaced while it has this size and time, else left alone.
    Ours {
        /// Size in bytes.
        size: u64,
        /// Modification time as the target told it after it was sent; `None` if it told none.
        mtime: Option<i64>,
    },
    /// Any file: replaced. A folder never is.
    Anything,
}

impl Over {
    /// What is there, if it may not be replaced.
    pub fn in_the_way(self, there: Option<Stat>) -> Option<Stat> {
        there.filter(|stat| match self {
            Over::NewFolder | Over::Nothing => true,
            Over::Ours { size, mtime } => {
                stat.kind != FileKind::File || stat.size != size || (mtime.is_some() && stat.mtime != mtime)
            }
            Over::Anything => stat.kind == FileKind::Folder,
        })
    }
}

/// What became of a task.
#[derive(Debug)]
pub enum Outcome {
    /// The file is whole at its place.
    Sent(Sent),
    /// Another file is at its place; nothing there was changed, and the temporary file is gone.
    Occupied(Stat),
    /// The local file is not there any more or has another size than planned; nothing was changed at its place.
    Changed,
    /// Abandoned because the user wants to stop. What was sent of it serves the next try.
    Stopped,
    /// A [`Task::Sync`] or [`Task::Append`] is done.
    Done,
    /// This task failed; others may do better.
    Failed(TargetError),
}

/// A file that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// SHA-256 of its bytes as they were read here.
    pub sha256: Sha256,
    /// What the target says of it now.
    pub stat: Stat,
    /// So many bytes were there already from an interrupted try, and were compared.
    pub resumed_bytes: u64,
}

/// A SHA-256.
pub type Sha256 = [u8; 32];

/// What became of a rename.
#[derive(Debug)]
pub enum Moved {
    /// It has its new name.
    Done,
    /// There is nothing at its old name.
    Gone,
    /// Something is at its new name already.
    Occupied,
    /// It could not be renamed.
    Failed(TargetError),
}

/// A folder to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Where.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
}

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// What it is.
    pub kind: FileKind,
    /// Size in bytes.
    pub size: u64,
    /// Modification time in seconds since 1970-01-01 UTC, if the target tells it.
    pub mtime: Option<i64>,
}

/// What kind of thing is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A link, a device, a socket.
    Other,
}

/// What a target can do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Abilities {
    /// What it is, in its own words where it has any: `OpenSSH_9.2p1 Debian-2`.
    pub software: String,
    /// The path of its root as it resolves it.
    pub root: String,
    /// Protocol extensions that it offers, by name.
    pub extensions: Vec<String>,
    /// Bytes and files that still fit for this user; `None` if it does not tell.
    pub room: Option<Room>,
    /// A file can be replaced in one step.
    pub replaces_at_once: bool,
    /// Renaming never replaces a file by accident.
    pub rename_is_careful: bool,
    /// Can be told to make files safe on its disk.
    pub syncs: bool,
    /// How it computes hashes: `sha256sum`, `check-file`; `None` if it does not.
    pub hashes_by: Option<&'static str>,
    /// `A` and `a` are two files.
    pub is_case_sensitive: bool,
    /// Times that were set are kept.
    pub keeps_times: bool,
    /// Permission bits that were set are kept.
    pub keeps_modes: bool,
}

/// How much fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes free for this user.
    pub free_bytes: u64,
    /// Bytes in all.
    pub total_bytes: u64,
    /// Files (inodes) free for this user; `None` if the file system does not count them.
    pub free_files: Option<u64>,
}

/// What to do about an error of a target: its class, whatever its origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The link or the server failed in passing: connect again and go on.
    Soon,
    /// This file or path cannot be done; others can.
    Never,
    /// Nothing more can be done on this target now: its disk is full, the login fails, the host key differs.
    EndRun,
}

/// An error of a target.
#[derive(Clone, Debug)]
pub struct TargetError {
    /// What to do about it.
    pub retry: Retry,
    /// What happened, with hints; its kind decides the exit code.
    pub error: Error,
}

/// The result of whatever a target does.
pub type Result<T> = std::result::Result<T, TargetError>;

impl TargetError {
    /// An error of the server or the link (exit code 6).
    pub fn new(retry: Retry, what: impl Into<String>) -> TargetError {
        TargetError { retry, error: Error::new(Kind::Server, what) }
    }

    /// An error of login or configuration (exit code 7); ends the run.
    pub fn login(what: impl Into<String>) -> TargetError {
        TargetError { retry: Retry::EndRun, error: Error::new(Kind::Login, what) }
    }

    /// The same error with one more hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> TargetError {
        self.error = self.error.hint(hint);
        self
    }
}
