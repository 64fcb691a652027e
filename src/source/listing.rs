//! What one part says that it holds, before the parts become one tree.

use std::io::{self, Read};

use exodus_api::SourceError;

use super::names::{self, BadName};

/// The content of one file in a part.
#[derive(Clone, Debug)]
pub(super) struct Member {
    /// Its clean path.
    pub(super) path: String,
    /// The promised length of its content in bytes.
    pub(super) size: u64,
    /// Seconds since 1970-01-01 UTC.
    pub(super) modified: Option<i64>,
    /// CRC-32 of its content.
    pub(super) crc32: Option<u32>,
    /// Where it stands in the part; cheapest to read in this order.
    pub(super) order: u64,
    /// Its number in its [`Container`].
    pub(super) slot: u32,
}

/// A member that no importer may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Its name as found, printable.
    pub(super) path: String,
    /// The promised length of its content in bytes.
    pub(super) size: u64,
    /// Why: lower case, no final period.
    pub(super) what: String,
    /// What the user can do.
    pub(super) hint: Option<String>,
}

impl Refusal {
    /// A refusal of the member with this name.
    pub(super) fn new(name: &str, size: u64, what: &str, hint: Option<&str>) -> Refusal {
        let path = names::printable(name);
        Refusal { path, size, what: what.to_owned(), hint: hint.map(str::to_owned) }
    }

    /// A refusal for the sake of the name.
    pub(super) fn of_name(name: &str, size: u64, bad: BadName) -> Refusal {
        let hint =
            "no honest program writes such a name; if it matters, unpack the part by hand and look at it";
        Refusal::new(name, size, bad.what(), Some(hint))
    }
}

/// All that a part says that it holds.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// What can be read.
    pub(super) members: Vec<Member>,
    /// What cannot, or may not.
    pub(super) refused: Vec<Refusal>,
    /// What the user should know of the part as a whole.
    pub(super) warnings: Vec<String>,
    /// Names the content of the part: 32 hex digits.
    pub(super) fingerprint: String,
}

/// Opens the members of one part, from any thread.
pub(super) trait Container: Send + Sync {
    /// The content of the member in this slot, not yet checked against its promise.
    fn open(&self, slot: u32) -> Result<Box<dyn Read + Send + '_>, SourceError>;

    /// Where the packed content of the member in this slot lies in the part's file: offset and length in bytes. `None` where
    /// members have no place of their own.
    fn extent(&self, _slot: u32) -> Option<(u64, u64)> {
        None
    }

    /// True when any member opens at about the same cost.
    fn opens_anywhere(&self) -> bool {
        true
    }
}

/// One part, opened.
pub(super) struct Opened {
    /// What it holds.
    pub(super) listing: Listing,
    /// How to read it.
    pub(super) container: Box<dyn Container>,
}

/// Why a part cannot be opened; [`super::OpenError`] without the name of the part.
#[derive(Debug)]
pub(super) struct Unopened {
    /// What happened: lower case, no final period.
    pub(super) what: String,
    /// What the user can do.
    pub(super) hint: Option<&'static str>,
}

impl Unopened {
    /// A part that cannot be opened for this reason.
    pub(super) fn new(what: impl Into<String>, hint: &'static str) -> Unopened {
        Unopened { what: what.into(), hint: Some(hint) }
    }
}

impl From<io::Error> for Unopened {
    fn from(err: io::Error) -> Unopened {
        match err.kind() {
            io::ErrorKind::NotFound => {
                Unopened { what: "there is no such file or folder".to_owned(), hint: None }
            }
            _ => Unopened { what: format!("it cannot be read: {err}"), hint: None },
        }
    }
}

/// A member that cannot be opened.
pub(super) fn cannot_open(err: &io::Error) -> SourceError {
    SourceError { what: format!("it cannot be opened: {err}"), hint: None }
}

/// A slot that this container does not have; only an entry of another export can lead here.
pub(super) fn no_such_slot() -> SourceError {
    SourceError { what: "the entry is not of this export".to_owned(), hint: None }
}

/// The 32 hex digits by which a part is known again.
pub(super) fn hex32(hasher: &blake3::Hasher) -> String {
    let mut hex = hasher.finalize().to_hex().to_string();
    hex.truncate(32);
    hex
}

/// Adds the facts of a listing to a fingerprint, unambiguously.
pub(super) fn hash_listing(hasher: &mut blake3::Hasher, members: &[Member], refused: &[Refusal]) {
    for member in members {
        hasher.update(&(member.path.len() as u64).to_le_bytes());
        hasher.update(member.path.as_bytes());
        hasher.update(&member.size.to_le_bytes());
        hasher.update(&member.modified.unwrap_or(i64::MIN).to_le_bytes());
        hasher.update(&u64::from(member.crc32.unwrap_or(0)).to_le_bytes());
    }
    hasher.update(&u64::MAX.to_le_bytes());
    for refusal in refused {
        hasher.update(&(refusal.path.len() as u64).to_le_bytes());
        hasher.update(refusal.path.as_bytes());
        hasher.update(&refusal.size.to_le_bytes());
    }
}
