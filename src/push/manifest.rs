//! The manifest: what we have put on a target, kept there, in `.exodus/manifest.jsonl`.
//!
//! JSON lines, only ever appended to, and only after the files they speak of are whole and safe. So whoever has
//! the manifest need not look at the files; a file that it does not name is either not ours or of a push that was
//! cut. A line that cannot be read (a cut append) is passed over: the next append begins a line of its own.

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use super::target::Sha256;

/// The folder of ours on a target.
pub const FOLDER: &str = ".exodus";
/// The manifest on a target.
pub const PATH: &str = ".exodus/manifest.jsonl";
/// The first line: says what this is, for somebody who finds it.
pub const HEAD: &str =
    "{\"exodus_manifest\":1,\"says\":\"what exodus has put here; a later push reads it\"}\n";

/// How long a manifest is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Its length in bytes.
    pub bytes: u64,
    /// It ends in a line that was cut: what is appended begins with a line end.
    pub is_torn: bool,
}

impl Extent {
    /// What must stand before the next lines: the head of a new manifest, the end of a line that was cut.
    pub fn before_lines(&mut self) -> &'static str {
        match (self.bytes, std::mem::take(&mut self.is_torn)) {
            (0, _) => HEAD,
            (_, true) => "\n",
            (_, false) => "",
        }
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Line {
    /// A file is there. A later line of the same path takes the place of the earlier.
    Put(Put),
    /// A file that was there is no longer ours: removed, renamed, or found lost.
    Gone {
        /// Its path from the target's root.
        gone: String,
    },
}

/// A file on a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Put {
    /// Its path from the target's root.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// The modification time that it was given, in seconds since 1970-01-01 UTC.
    pub mtime: i64,
    /// The modification time that the target told afterwards, where it is another; `None` inside: it told none.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "nested")]
    pub seen: Option<Option<i64>>,
    /// SHA-256 of its bytes, hexadecimal.
    #[serde(with = "hexadecimal")]
    pub sha256: Sha256,
    /// Of a message in a Maildir: the stem of its name, without size and flags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl Put {
    /// The modification time that the target tells while nobody has changed the file; `None` if it tells none.
    pub fn seen_mtime(&self) -> Option<i64> {
        self.seen.unwrap_or(Some(self.mtime))
    }
}

impl Line {
    /// The line as it is written, with its line end.
    pub fn to_text(&self) -> String {
        let json = serde_json::to_string(self).expect("text and numbers can always be written as JSON");
        format!("{json}\n")
    }
}

/// Reads lines from bytes that come piece by piece.
#[derive(Default)]
pub struct Reader {
    begun: Vec<u8>,
    /// Lines that could not be read.
    pub n_broken: u64,
}

/// No line is longer: a path has at most 4096 bytes, escaped six times as many.
const LIMIT_BYTES: usize = 64 << 10;

impl Reader {
    /// Takes the next piece; hands every line that is complete with it to `take`.
    pub fn feed(&mut self, mut piece: &[u8], take: &mut dyn FnMut(Line)) {
        while let Some(end) = memchr::memchr(b'\n', piece) {
            if self.begun.is_empty() {
                self.line(&piece[..end], take);
            } else {
                let mut line = std::mem::take(&mut self.begun);
                line.extend_from_slice(&piece[..end]);
                self.line(&line, take);
            }
            piece = &piece[end + 1..];
        }
        if self.begun.len() < LIMIT_BYTES {
            self.begun.extend_from_slice(piece);
        }
    }

    /// True when the bytes so far end in the middle of a line.
    pub fn is_inside_line(&self) -> bool {
        !self.begun.is_empty()
    }

    /// So many bytes stand after the last line end.
    pub fn torn_bytes(&self) -> u64 {
        self.begun.len() as u64
    }

    fn line(&mut self, line: &[u8], take: &mut dyn FnMut(Line)) {
        match serde_json::from_slice(line) {
            Ok(read) => take(read),
            Err(_) if line.is_empty() || line == HEAD.trim_end().as_bytes() => {}
            Err(_) => self.n_broken += 1,
        }
    }
}

mod hexadecimal {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::{HEXLOWER, Sha256};

    pub fn serialize<S: Serializer>(hash: &Sha256, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&HEXLOWER.encode(hash))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Sha256, D::Error> {
        let text = String::deserialize(from)?;
        let bytes = HEXLOWER.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.ok_or_else(|| D::Error::custom("not a SHA-256"))
    }
}

/// Keeps "is null" and "is not there" apart.
mod nested {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(value: &Option<Option<i64>>, out: S) -> Result<S::Ok, S::Error> {
        value.flatten().serialize(out)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<i64>>, D::Error> {
        Option::<i64>::deserialize(from).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(path: &str, seen: Option<Option<i64>>) -> Line {
        Line::Put(Put { path: path.into(), size: 3, mtime: 5, seen, sha256: [7; 32], message: None })
    }

    #[test]
    fn lines_are_read_as_they_were_written_however_they_are_cut() {
        let lines = [
            put("a\nb \"c\" ü", None),
            put("x", Some(None)),
            put("y", Some(Some(9))),
            Line::Gone { gone: "x".into() },
        ];
        let text: String = [HEAD.to_owned()].into_iter().chain(lines.iter().map(Line::to_text)).collect();
        for step in [1, 7, 64, text.len()] {
            let mut read = Vec::new();
            let mut reader = Reader::default();
            for piece in text.as_bytes().chunks(step) {
                reader.feed(piece, &mut |line| read.push(line));
            }
            assert_eq!(read, lines, "pieces of {step}");
            assert_eq!((reader.n_broken, reader.is_inside_line()), (0, false));
        }
    }

    #[test]
    fn a_line_that_was_cut_is_passed_over() {
        let mut read = Vec::new();
        let mut reader = Reader::default();
        let whole = put("a", None).to_text();
        let text = format!("{HEAD}{}\n{whole}", &whole[..20]);
        reader.feed(text.as_bytes(), &mut |line| read.push(line));
        assert_eq!((read.len(), reader.n_broken), (1, 1));
    }
}
