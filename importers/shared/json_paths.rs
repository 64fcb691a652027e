//! Values out of JSON of any size, one at a time: those that stand at given paths, as their bytes.
//!
//! A path is a list of keys, `*` for every element of an array, `?` for every value of an object. What stands at none of them is passed over without
//! being held; what is asked for is cut out and left to `serde_json`, so that one broken record costs no other.
//! Not a validator: text that is no JSON ends in an error or in values that do not parse.

use std::io::{self, BufRead, BufReader, Read};

/// A larger value is not held.
const LIMIT_BYTES: usize = 16 << 20;
/// Deeper nesting is no export's.
const LIMIT_DEPTH: usize = 256;

/// One value that was asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    /// Which of the paths it stands at.
    pub path: usize,
    /// The places in the arrays on the way to it, from 0, outermost first.
    pub places: Vec<u64>,
    /// The keys that stood for a `?`, outermost first.
    pub keys: Vec<String>,
    /// The byte at which it begins.
    pub offset: u64,
    /// The value as it stands; `None` if it is too large to be held.
    pub bytes: Option<Vec<u8>>,
}

/// Reads values at paths.
pub struct JsonPaths<R: Read> {
    reader: BufReader<R>,
    paths: &'static [&'static [&'static str]],
    offset: u64,
    open: Vec<Frame>,
    is_begun: bool,
}

enum Frame {
    Object { key: String },
    Array { place: u64 },
}

impl<R: Read> JsonPaths<R> {
    /// A reader of the values at `paths`.
    pub fn new(reader: R, paths: &'static [&'static [&'static str]]) -> JsonPaths<R> {
        let reader = BufReader::with_capacity(1 << 16, reader);
        JsonPaths { reader, paths, offset: 0, open: Vec::new(), is_begun: false }
    }

    /// The next value; `None` at the end of the text.
    ///
    /// # Errors
    /// When it cannot be read on, or is no JSON.
    pub fn next_value(&mut self) -> io::Result<Option<Found>> {
        if !self.is_begun {
            self.is_begun = true;
            if self.peek()? == Some(0xef) {
                for _ in 0..3 {
                    self.byte()?;
                }
            }
            if let Some(found) = self.value()? {
                return Ok(Some(found));
            }
        }
        while let Some(frame) = self.open.last() {
            let is_object = matches!(frame, Frame::Object { .. });
            match (self.token()?, is_object) {
                (b'}', true) | (b']', false) => {
                    self.open.pop();
                    continue;
                }
                (b',', true) => self.key()?,
                (b',', false) => {
                    if let Some(Frame::Array { place }) = self.open.last_mut() {
                        *place += 1;
                    }
                }
                (other, _) => return Err(self.unexpected(other)),
            }
            if let Some(found) = self.value()? {
                return Ok(Some(found));
            }
        }
        // Only at its very end does a container tell that the content is whole.
        io::copy(&mut self.reader, &mut io::sink())?;
        Ok(None)
    }

    /// Reads the value that comes next: gives it if it was asked for, goes into it if something in it may be, else
    /// passes over it.
    fn value(&mut self) -> io::Result<Option<Found>> {
        loop {
            self.blanks()?;
            let path = self.paths.iter().position(|path| self.stands_at(path) == Some(true));
            if path.is_some() {
                return Ok(Some(self.found(path.unwrap_or_default())?));
            }
            let leads_on = self.paths.iter().any(|path| self.stands_at(path).is_some());
            let first = self.peek()?;
            if !leads_on || !matches!(first, Some(b'{' | b'[')) || self.open.len() >= LIMIT_DEPTH {
                self.copy(None)?;
                return Ok(None);
            }
            self.byte()?;
            let is_object = first == Some(b'{');
            self.blanks()?;
            if matches!(self.peek()?, Some(b'}' | b']')) {
                self.byte()?;
                return Ok(None);
            }
            if is_object {
                self.open.push(Frame::Object { key: String::new() });
                self.key()?;
            } else {
                self.open.push(Frame::Array { place: 0 });
            }
        }
    }

    /// Whether the place is that of `path` (true), on the way to it (false), or neither.
    fn stands_at(&self, path: &[&str]) -> Option<bool> {
        if self.open.len() > path.len() {
            return None;
        }
        let fits = |(frame, name): (&Frame, &&str)| match frame {
            Frame::Object { key } => key == name || *name == "?",
            Frame::Array { .. } => *name == "*",
        };
        self.open.iter().zip(path).all(fits).then_some(self.open.len() == path.len())
    }

    fn found(&mut self, path: usize) -> io::Result<Found> {
        let place = |frame: &Frame| match frame {
            Frame::Array { place } => Some(*place),
            Frame::Object { .. } => None,
        };
        let places = self.open.iter().filter_map(place).collect();
        let key = |(frame, name): (&Frame, &&str)| match frame {
            Frame::Object { key } if *name == "?" => Some(key.clone()),
            _ => None,
        };
        let keys = self.open.iter().zip(self.paths[path]).filter_map(key).collect();
        let offset = self.offset;
        let mut bytes = Vec::new();
        let is_whole = self.copy(Some(&mut bytes))?;
        Ok(Found { path, places, keys, offset, bytes: is_whole.then_some(bytes) })
    }

    /// Reads a value to its end, into `into` if there is room for it; tells whether there was.
    fn copy(&mut self, mut into: Option<&mut Vec<u8>>) -> io::Result<bool> {
        let (mut value, mut is_whole) = (Extent::default(), true);
        loop {
            let bytes = self.reader.fill_buf()?;
            let Some(&first) = bytes.first() else {
                return if value.may_end() { Ok(is_whole) } else { Err(ends_early()) };
            };
            if !value.is_begun && matches!(first, b',' | b']' | b'}' | b':') {
                return Err(self.unexpected(first));
            }
            let (len, is_end) = value.pass(bytes);
            if let Some(into) = &mut into {
                let room = LIMIT_BYTES.saturating_sub(into.len());
                into.extend_from_slice(&bytes[..len.min(room)]);
                is_whole &= len <= room;
            }
            self.reader.consume(len);
            self.offset += len as u64;
            if is_end {
                return Ok(is_whole);
            }
        }
    }

    fn key(&mut self) -> io::Result<()> {
        self.blanks()?;
        let mut bytes = Vec::new();
        if self.peek()? != Some(b'"') {
            let other = self.byte()?;
            return Err(self.unexpected(other));
        }
        let mut is_escaped = false;
        loop {
            let byte = self.byte()?;
            bytes.push(byte);
            if bytes.len() > LIMIT_BYTES {
                return Err(self.unexpected(byte));
            }
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = true,
                b'"' if bytes.len() > 1 => break,
                _ => {}
            }
        }
        let name: String = serde_json::from_slice(&bytes).unwrap_or_default();
        if let Some(Frame::Object { key }) = self.open.last_mut() {
            *key = name;
        }
        match self.token()? {
            b':' => Ok(()),
            other => Err(self.unexpected(other)),
        }
    }

    fn token(&mut self) -> io::Result<u8> {
        self.blanks()?;
        self.byte()
    }

    fn blanks(&mut self) -> io::Result<()> {
        while matches!(self.peek()?, Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.byte()?;
        }
        Ok(())
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(self.reader.fill_buf()?.first().copied())
    }

    fn byte(&mut self) -> io::Result<u8> {
        let byte = self.peek()?.ok_or_else(ends_early)?;
        self.reader.consume(1);
        self.offset += 1;
        Ok(byte)
    }

    fn unexpected(&self, byte: u8) -> io::Error {
        let text = format!("no JSON: `{}` at byte {}", byte.escape_ascii(), self.offset.saturating_sub(1));
        io::Error::new(io::ErrorKind::InvalidData, text)
    }
}

/// How far a value goes.
#[derive(Default)]
struct Extent {
    depth: usize,
    is_begun: bool,
    is_text: bool,
    is_escaped: bool,
}

impl Extent {
    fn may_end(&self) -> bool {
        self.is_begun && self.depth == 0 && !self.is_text
    }

    /// Goes on through `bytes`; returns how many of them belong to the value, and whether it ends there.
    fn pass(&mut self, bytes: &[u8]) -> (usize, bool) {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            if std::mem::take(&mut self.is_escaped) {
                at += 1;
                continue;
            }
            if self.is_text {
                let Some(len) = memchr::memchr2(b'"', b'\\', &bytes[at..]) else { break };
                at += len + 1;
                let is_quote = bytes[at - 1] == b'"';
                (self.is_text, self.is_escaped) = (!is_quote, !is_quote);
                continue;
            }
            if self.may_end() && matches!(byte, b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t') {
                return (at, true);
            }
            self.is_begun = true;
            match byte {
                b'"' => self.is_text = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth -= 1,
                _ => {}
            }
            at += 1;
        }
        (bytes.len(), false)
    }
}

fn ends_early() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the JSON ends early")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATHS: &[&[&str]] = &[&["c", "*", "name"], &["c", "*", "events", "*"]];

    fn check(text: &str, expected: &[(usize, &[u64], &str)]) {
        let mut reader = JsonPaths::new(text.as_bytes(), PATHS);
        let mut found = Vec::new();
        while let Some(it) = reader.next_value().expect(text) {
            let bytes = it.bytes.expect("it is small");
            assert!(text.as_bytes()[it.offset as usize..].starts_with(&bytes));
            found.push((it.path, it.places, String::from_utf8(bytes).expect("text")));
        }
        let expected: Vec<_> = expected
            .iter()
            .map(|(path, places, text)| (*path, places.to_vec(), (*text).to_owned()))
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn values_come_out_of_their_paths_and_nothing_else_does() {
        check(
            r#"{"a":[1,{"c":2}],"c":[{"name":{"x":"}]\""},"z":"c","events":[1, "two" ,[3]]},{"events":[]},{"name":null}]}"#,
            &[
                (0, &[0], r#"{"x":"}]\""}"#),
                (1, &[0, 0], "1"),
                (1, &[0, 1], r#""two""#),
                (1, &[0, 2], "[3]"),
                (0, &[2], "null"),
            ],
        );
        check("[1,2]", &[]);
        check("{}", &[]);
        check("\u{feff} {\"c\" : [ { } , 5 ] }", &[]);
    }

    #[test]
    fn a_path_may_lead_through_any_key() {
        let text = r#"{"a":{"x":[1],"y":2},"b":[3,{"z":4}]}"#;
        let mut reader = JsonPaths::new(text.as_bytes(), &[&["?", "?"], &["?", "*"]]);
        let mut found = Vec::new();
        while let Some(it) = reader.next_value().expect(text) {
            let bytes = it.bytes.expect("it is small");
            found.push(format!("{} {} {}", it.path, it.keys.join("."), String::from_utf8_lossy(&bytes)));
        }
        assert_eq!(found, ["0 a.x [1]", "0 a.y 2", "1 b 3", r#"1 b {"z":4}"#]);
    }

    #[test]
    fn text_that_is_no_json_or_breaks_off_is_an_error_and_no_panic() {
        let text = r#"{"c":[{"name":"a","events":[{"b":1},2]}]}"#;
        for cut in 0..text.len() {
            let mut reader = JsonPaths::new(&text.as_bytes()[..cut], PATHS);
            let ended = std::iter::from_fn(|| reader.next_value().transpose()).find_map(Result::err);
            assert!(ended.is_some(), "cut at {cut}");
        }
        for text in ["", "{1:2}", "{\"c\" 2}", "{\"c\":,}", "[[[", "{\"c\":[1}"] {
            let mut reader = JsonPaths::new(text.as_bytes(), PATHS);
            assert!(reader.next_value().is_err(), "{text}");
        }
    }
}
