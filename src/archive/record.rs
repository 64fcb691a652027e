//! What the ledger says: one record a line. The index is what comes out when the records are applied in order.
//!
//! Records name things by their own names (a part's fingerprint, an item's key), never by row numbers, so that
//! they mean the same in any index. `docs/archive-format.md` describes them for readers without this code.

use std::borrow::Cow;
use std::sync::Arc;

use exodus_api::Label;
use serde::{Deserialize, Serialize};

use crate::report::counts::State;

/// One line of the ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "lowercase")]
pub enum Record {
    /// A run begins.
    Run {
        /// Its number, from 1.
        run: i64,
        /// What the run does: `import`.
        command: String,
        /// The version of exodus.
        version: String,
        /// Its beginning, in seconds since 1970-01-01 UTC.
        started: i64,
    },
    /// A run ends.
    End {
        /// Its number.
        run: i64,
        /// Its end, in seconds since 1970-01-01 UTC.
        finished: i64,
        /// `complete`, or why it stopped.
        outcome: String,
    },
    /// How this archive is kept; set when it is made.
    Setting {
        /// `labels`.
        name: String,
        /// `primary` or `copies`.
        value: String,
    },
    /// An export was opened.
    Export(ExportRecord),
    /// A part was opened.
    Part(PartRecord),
    /// An entry was found, or changed its state.
    Entry(EntryRecord),
    /// An item is new, or has changed; the record is all that is known of it.
    Item(Box<ItemRecord>),
    /// A known item was found once more.
    Origin(OriginRecord),
    /// A mailbox folder was made for a label.
    Folder {
        /// Its folder below `mail/`; empty for the inbox.
        path: String,
        /// The label that it stands for.
        name: String,
    },
    /// A keyword got its letter in a folder.
    Keyword {
        /// The folder below `mail/`; empty for the inbox.
        folder: String,
        /// 0 for `a` to 25 for `z`.
        n: u32,
        /// The keyword as Dovecot has it.
        name: String,
    },
    /// Something could not be taken.
    Fault(FaultRecord),
}

/// An export.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExportRecord {
    /// Its name: the same for the same export, whatever parts of it are given.
    pub export: String,
    /// The importer that reads it.
    pub platform: String,
    /// The account it belongs to.
    pub account: Option<String>,
    /// When it was made, in seconds since 1970-01-01 UTC.
    pub exported_at: Option<i64>,
    /// Which of the platform's layouts it has.
    pub layout: String,
    /// Paths that the export's own list names and no given part holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// A part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartRecord {
    /// What names its content.
    pub part: String,
    /// The export it belongs to.
    pub export: String,
    /// Its file name.
    pub name: String,
    /// `zip`, `tgz`, `tar`, `folder` or `file`.
    pub kind: String,
    /// Its size in bytes.
    pub size: u64,
}

/// An entry and its state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EntryRecord {
    /// The part that holds it.
    pub part: String,
    /// Its path in the export.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its state.
    pub state: State,
    /// Why it has this state, where that needs a word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The options under which it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<String>,
    /// How it was understood.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<serde_json::Value>,
    /// The run that set the state.
    pub run: i64,
}

/// An item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ItemRecord {
    /// The importer that made it.
    pub platform: Cow<'static, str>,
    /// Its name for ever within the platform.
    pub key: String,
    /// What it is: `message`, `file`, `setting`.
    pub kind: Cow<'static, str>,
    /// The product it comes from.
    pub product: Cow<'static, str>,
    /// When it was made or received, in seconds since 1970-01-01 UTC.
    pub time: Option<i64>,
    /// What a person calls it; messages have theirs in the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Where its content lies, from the archive's top.
    pub path: Option<String>,
    /// Size of the stored content in bytes.
    pub size: u64,
    /// BLAKE3 of the stored content, in hexadecimal digits.
    pub blake3: Option<String>,
    /// The export that it was last found in.
    pub export: Arc<str>,
    /// Its labels, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Label>,
    /// What only messages have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<MailRecord>,
    /// Further facts.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub extra: serde_json::Map<String, serde_json::Value>,
    /// Where it was found.
    pub origin: Spot,
}

/// What only messages have, and their file does not tell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MailRecord {
    /// The letters of its Maildir flags.
    pub flags: String,
    /// How its lines ended in the export: `crlf` (stored with LF), `lf`, `mixed` (both stored as they were).
    pub line_ends: String,
    /// The platform's name of its thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
    /// True when the export broke off inside it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_partial: bool,
    /// How many `>From ` lines were restored.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unquoted_lines: u32,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// A known item was found at one more place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OriginRecord {
    /// The importer that made the item.
    pub platform: Cow<'static, str>,
    /// The item's key.
    pub key: String,
    /// Where it was found.
    pub origin: Spot,
}

/// A place in an entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spot {
    /// The part.
    pub part: Arc<str>,
    /// The entry's path.
    pub entry: Arc<str>,
    /// Bytes from the beginning of the entry, or the number of the record.
    pub at: u64,
}

/// Something that could not be taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultRecord {
    /// The run that met it.
    pub run: i64,
    /// The part.
    pub part: String,
    /// The entry's path.
    pub entry: String,
    /// The position in words: ` at byte 17`, or nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub at: String,
    /// What happened.
    pub what: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}
