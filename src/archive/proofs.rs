//! What was proven of the archive, and when: `proofs.jsonl`, one JSON line a proof, only appended to.
//!
//! A proof names the state of the archive that it is of (the BLAKE3 of the ledger), so that it can be told whether
//! anything has come since. The file is no part of what it proves: it may be thrown away, and then nothing is proven.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::report::error::{Error, Result};

/// The name of the file in the archive.
pub const FILE_NAME: &str = "proofs.jsonl";

/// One proof.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proof {
    /// When it ended, in seconds since 1970-01-01 UTC.
    pub at: i64,
    /// The state of the archive that it is of, see [`super::reader::Reader::state`].
    pub state: String,
    /// What was done.
    #[serde(flatten)]
    pub what: What,
}

/// What was done to prove something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "proof", rename_all = "lowercase")]
pub enum What {
    /// Every file of the archive was read and compared.
    Verified {
        /// Items whose files were read.
        items: u64,
        /// Bytes read.
        bytes: u64,
        /// How much was wrong.
        problems: u64,
    },
    /// The archive was sent to a target.
    Pushed(Pushed),
    /// A part of an export was read from its beginning to its end.
    Part {
        /// What the index calls it.
        fingerprint: String,
        /// SHA-256 of the whole file, in hexadecimal digits.
        sha256: String,
    },
}

/// A push that came to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pushed {
    /// The target's URL; it never holds a password.
    pub target: String,
    /// Files that the archive has for the target, and their bytes.
    pub files: u64,
    /// See `files`.
    pub bytes: u64,
    /// The parts of the archive (`mail`, `files`, …) that went there whole: nothing of them was left out by `--only`,
    /// by the map, or because it is no file.
    pub whole: Vec<String>,
    /// Files that could not be sent, or were left alone there.
    pub faults: u64,
    /// What was checked afterwards.
    pub checked: Option<CheckedThere>,
}

/// How a target was checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckedThere {
    /// Files that are there as they should be.
    pub good: u64,
    /// Of those, files whose hash was computed there.
    pub hashed_there: u64,
    /// Of those, files that were read back.
    pub read_back: u64,
    /// Of those, files of which only the size was looked at.
    pub by_size: u64,
    /// Messages that their owner has moved or deleted there.
    pub moved_on: u64,
    /// How much was wrong.
    pub problems: u64,
}

impl Pushed {
    /// True when every file that the archive has for the target was found there by its hash.
    pub fn is_proven(&self) -> bool {
        let is_good = |it: &CheckedThere| it.problems == 0 && it.by_size == 0;
        self.faults == 0 && self.checked.as_ref().is_some_and(is_good)
    }
}

/// Adds a proof.
///
/// # Errors
/// When the file cannot be written.
pub fn add(root: &Path, proof: &Proof) -> Result<()> {
    let path = root.join(FILE_NAME);
    let mut line = serde_json::to_string(proof).expect("a proof is plain JSON");
    line.push('\n');
    // After a write that was cut short the next line begins anew.
    if fs::read(&path).is_ok_and(|bytes| bytes.last().is_some_and(|last| *last != b'\n')) {
        line.insert(0, '\n');
    }
    let open = OpenOptions::new().append(true).create(true).mode(0o600).open(&path);
    let mut file = open.map_err(|err| Error::io("open", &path, &err))?;
    file.write_all(line.as_bytes())
        .and_then(|()| file.sync_data())
        .map_err(|err| Error::io("write", &path, &err))
}

/// All proofs, oldest first. Lines that cannot be read are passed over: they prove nothing.
///
/// # Errors
/// When the file is there and cannot be read.
pub fn all(root: &Path) -> Result<Vec<Proof>> {
    let path = root.join(FILE_NAME);
    let bytes = match fs::read(&path) {
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        bytes => bytes.map_err(|err| Error::io("read", &path, &err))?,
    };
    Ok(bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proofs_are_kept_in_order_and_a_torn_line_spoils_no_other() {
        let root = std::env::temp_dir().join(format!("exodus-proofs-{}", std::process::id()));
        fs::create_dir_all(&root).expect("it can be made");
        assert_eq!(all(&root).expect("none is no error"), []);
        let proof = |at| Proof {
            at,
            state: "s".to_owned(),
            what: What::Verified { items: 1, bytes: 2, problems: 0 },
        };
        add(&root, &proof(1)).expect("it can be written");
        let path = root.join(FILE_NAME);
        let torn = [fs::read(&path).expect("it is there"), b"{\"at\":2,".to_vec()].concat();
        fs::write(&path, torn).expect("it can be written");
        add(&root, &proof(3)).expect("it can be written");
        assert_eq!(all(&root).expect("it can be read"), [proof(1), proof(3)]);
        fs::remove_dir_all(&root).expect("it is ours");
    }
}
