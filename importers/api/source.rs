//! An export opened for reading: all its parts as one tree of entries.

use std::fmt;
use std::io::Read;

use crate::SourceError;

/// One file inside the export. What cannot be read at all (an encrypted member, a name that climbs out) is
/// not an `Entry`: the engine reports it and importers never see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The number of this entry in its source; the same on each reading of the same parts.
    pub id: u32,
    /// The number of the part that holds it, from 0, in the order of the part names.
    pub part: u32,
    /// Its path inside the export: `/` between names, never empty, absolute, or with `.` or `..` in it.
    /// Spelled as the export spells it, not normalized.
    pub path: String,
    /// Size of the content in bytes, as the container promises it.
    pub size: u64,
    /// Modification time in seconds since 1970-01-01 UTC, where the container tells one with a time zone.
    /// In a Google Takeout this is the time of the export, not of the document.
    pub modified: Option<i64>,
    /// CRC-32 of the content, where the container tells it before reading (zip does).
    pub crc32: Option<u32>,
    /// Position inside the part: entries are cheapest to read in the order of (`part`, `order`).
    pub order: u64,
}

impl Entry {
    /// The last name of the path.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// The path without the last name; empty at the top.
    pub fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }
}

/// Read-only view of one export: the files of all its parts as one tree.
pub trait Source: Sync {
    /// All entries, sorted by path bytes, the same at each call. Two entries may share a path when two parts
    /// hold different content under one name.
    fn entries(&self) -> &[Entry];

    /// Streams the content of an entry. The reader's last read fails with
    /// [`std::io::ErrorKind::InvalidData`] if the content is not what the container promised (CRC, length).
    ///
    /// # Errors
    /// When the part cannot be read or the entry does not begin where the container says.
    fn open(&self, entry: &Entry) -> Result<Box<dyn Read + Send + '_>, SourceError>;

    /// The name of a part as messages show it: its file name.
    fn part_name(&self, part: u32) -> &str;

    /// True when any entry opens at about the same cost; false for `.tgz`, where the order of reading matters.
    fn opens_anywhere(&self, entry: &Entry) -> bool;

    /// The entries whose path begins with `prefix`, sorted by path.
    fn under(&self, prefix: &str) -> &[Entry] {
        let entries = self.entries();
        let start = entries.partition_point(|entry| entry.path.as_str() < prefix);
        let len = entries[start..].partition_point(|entry| entry.path.starts_with(prefix));
        &entries[start..start + len]
    }

    /// Where something stands, for messages: `part!path at byte n`.
    fn place(&self, entry: &Entry, at: At) -> Place {
        Place { part: self.part_name(entry.part).to_owned(), path: entry.path.clone(), at }
    }
}

/// A position inside an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The entry as a whole.
    Whole,
    /// So many bytes after the beginning of its content.
    Byte(u64),
    /// A line, from 1.
    Line(u64),
    /// A record (an element of a JSON array, a row of a table), from 0.
    Record(u64),
}

/// Where something stands in an export; prints as `takeout-002.zip!Takeout/Mail/Inbox.mbox at byte 104857712`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// File name of the part.
    pub part: String,
    /// Path of the entry inside the export.
    pub path: String,
    /// Position inside the entry.
    pub at: At,
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}!{}", self.part, self.path)?;
        write!(out, "{}", self.at)
    }
}

impl fmt::Display for At {
    /// Prints ` at byte n`, or nothing for the whole entry.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            At::Whole => Ok(()),
            At::Byte(byte) => write!(out, " at byte {byte}"),
            At::Line(line) => write!(out, " at line {line}"),
            At::Record(record) => write!(out, " at record {record}"),
        }
    }
}
