//! Push: the archive's files, sent to a server that the user owns.
//!
//! In reading order: [`place`] is where a target is, [`mapping`] what goes where on it, [`target`] what it must be
//! able to do, [`ask`] how it asks the user, [`secret`] where passwords come from. [`survey`] looks what the archive has; [`journal`] and [`books`] know
//! what the target has (its [`manifest`]); [`send`] sends the difference over a [`link`]; [`settle`] deals with what
//! is there unexpectedly, [`tidy`] with what moved or went, [`check`] proves what is there. Targets: [`sftp`] (over
//! [`ssh`]) and [`disk`].
//!
//! **Invariants.** A file has its name on the target only when all of it is there. What exodus did not put there, or
//! somebody has changed since, is not touched unless the user says so. A push may end anywhere: the next goes on.

pub mod ask;
pub mod books;
pub mod check;
pub mod disk;
pub mod hash;
pub mod journal;
pub mod link;
pub mod manifest;
pub mod mapping;
pub mod place;
pub mod run;
pub mod secret;
pub mod send;
pub mod settings;
pub mod settle;
pub mod sftp;
pub mod ssh;
pub mod survey;
pub mod target;
pub mod tidy;

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use self::ask::Ask;
use self::place::Place;
use self::secret::SecretFrom;
use self::target::FileTarget;

/// What a target is opened with.
pub struct Opening<'a> {
    /// Where it is.
    pub place: &'a Place,
    /// How to log in.
    pub login: &'a Login,
    /// How many things to do side by side (channels of a server); at least 1. `None`: the target decides.
    pub jobs: Option<usize>,
    /// At most so many bytes of files a second.
    pub bytes_per_s: Option<u64>,
    /// Answers questions.
    pub ask: &'a dyn Ask,
    /// The user wants to stop: nobody waits for a target that is silent any more.
    pub stop: &'a AtomicBool,
}

/// How to log in: what the configuration of a target and the flags say. No secret is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Login {
    /// This key file, and no other.
    pub identity: Option<PathBuf>,
    /// Where the password is; usually in `EXODUS_PASSWORD`.
    pub password: SecretFrom,
    /// Where the passphrase of the key is; usually in `EXODUS_PASSPHRASE`.
    pub passphrase: SecretFrom,
    /// Trust a host whose key is not known and remember the key. A changed key is never trusted.
    pub accepts_new_host_key: bool,
}

/// A kind of target.
pub struct TargetDef {
    /// The scheme of its URLs.
    pub scheme: &'static str,
    /// What it is, in a few words.
    pub title: &'static str,
    /// Opens one: connects and logs in.
    pub open: for<'a> fn(&Opening<'a>) -> target::Result<Box<dyn FileTarget + 'a>>,
}

/// The kinds of targets there are.
pub static TARGETS: &[TargetDef] = &[sftp::DEF, disk::DEF];
