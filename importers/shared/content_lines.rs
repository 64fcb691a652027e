//! Content lines: what vCard (RFC 6350) and iCalendar (RFC 5545) are made of.
//!
//! A file is cut into its components (`BEGIN:VCARD` to `END:VCARD`) as a stream; each keeps its bytes. Lines are
//! unfolded and split only to be understood: what is written again is the line as it was, unknown properties and
//! all. Names are compared in upper case.

use std::io::{self, BufRead, BufReader, Read};

/// A component that is larger is cut off: a card with its picture has some MB.
const LIMIT_BYTES: usize = 32 << 20;

/// One piece of a file.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// A line outside of all components, or a property of the wrapper: raw, with its folds and its line end.
    Line(Vec<u8>),
    /// A component.
    Component(Component),
}

/// One component with everything in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// Its name in upper case: `VCARD`, `VEVENT`.
    pub name: String,
    /// The byte at which it begins.
    pub offset: u64,
    /// Its lines, from `BEGIN` to `END`, as they were.
    pub bytes: Vec<u8>,
    /// True when its `END` is missing, or it is larger than anything that makes sense.
    pub is_cut: bool,
}

/// Cuts a file into components.
pub struct Splitter<R: Read> {
    reader: BufReader<R>,
    /// The component that only wraps others: `VCALENDAR`, or none.
    wrapper: &'static str,
    offset: u64,
    /// A line that was read and belongs to what comes next.
    pushed_back: Option<Vec<u8>>,
}

impl<R: Read> Splitter<R> {
    /// A splitter of `reader`; the component named `wrapper` is looked into instead of being one.
    pub fn new(reader: R, wrapper: &'static str) -> Splitter<R> {
        Splitter { reader: BufReader::with_capacity(1 << 16, reader), wrapper, offset: 0, pushed_back: None }
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// When the file cannot be read on.
    pub fn next_piece(&mut self) -> io::Result<Option<Piece>> {
        let offset = self.offset;
        let Some(line) = self.line()? else { return Ok(None) };
        match begin_of(&line) {
            Some(name) if name != self.wrapper => Ok(Some(self.component(name, offset, line)?)),
            _ => Ok(Some(Piece::Line(line))),
        }
    }

    fn component(&mut self, name: String, offset: u64, first: Vec<u8>) -> io::Result<Piece> {
        let mut component = Component { name, offset, bytes: first, is_cut: false };
        let mut open = vec![component.name.clone()];
        loop {
            let Some(line) = self.line()? else {
                component.is_cut = true;
                return Ok(Piece::Component(component));
            };
            let begins = begin_of(&line);
            let ends = end_of(&line);
            let ends_wrapper = ends.as_deref().is_some_and(|name| name == self.wrapper);
            // Another of its own kind cannot stand in it: its end is missing.
            if ends_wrapper || begins.as_deref() == open.first().map(String::as_str) {
                self.offset -= line.len() as u64;
                self.pushed_back = Some(line);
                component.is_cut = true;
                return Ok(Piece::Component(component));
            }
            if component.bytes.len() + line.len() > LIMIT_BYTES {
                component.is_cut = true;
            } else {
                component.bytes.extend_from_slice(&line);
            }
            if let Some(name) = begins {
                open.push(name);
            } else if let Some(name) = ends
                && let Some(at) = open.iter().rposition(|known| *known == name)
            {
                open.truncate(at);
            }
            if open.is_empty() {
                return Ok(Piece::Component(component));
            }
        }
    }

    /// One line with its continuations.
    fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        if let Some(line) = self.pushed_back.take() {
            self.offset += line.len() as u64;
            return Ok(Some(line));
        }
        let mut line = Vec::new();
        loop {
            self.read_until_end(&mut line)?;
            let next = self.reader.fill_buf()?.first().copied();
            if !matches!(next, Some(b' ' | b'\t')) || line.is_empty() {
                break;
            }
        }
        self.offset += line.len() as u64;
        Ok((!line.is_empty()).then_some(line))
    }

    fn read_until_end(&mut self, line: &mut Vec<u8>) -> io::Result<()> {
        let room = (LIMIT_BYTES + 1).saturating_sub(line.len()).max(1);
        let read = self.reader.by_ref().take(room as u64).read_until(b'\n', line)?;
        // A byte order mark before the first line is none of its text.
        if self.offset == 0 && read == line.len() && line.starts_with(b"\xef\xbb\xbf") {
            line.drain(..3);
            self.offset = 3;
        }
        Ok(())
    }
}

fn begin_of(line: &[u8]) -> Option<String> {
    mark(line, b"BEGIN:")
}

fn end_of(line: &[u8]) -> Option<String> {
    mark(line, b"END:")
}

fn mark(line: &[u8], word: &[u8]) -> Option<String> {
    let head = line.get(..word.len())?;
    head.eq_ignore_ascii_case(word)
        .then(|| String::from_utf8_lossy(&line[word.len()..]).trim().to_ascii_uppercase())
}

/// A line, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property<'a> {
    /// The line as it stands, with its folds and its line end.
    pub raw: &'a [u8],
    /// Its name in upper case, without its group: `EMAIL` of `item1.EMAIL`.
    pub name: String,
    /// Its parameters, names in upper case, values without their quotes.
    pub params: Vec<(String, String)>,
    /// Its value, unfolded, with its escapes.
    pub value: String,
}

impl Property<'_> {
    /// The value of its first parameter of that name.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Its value as text: escapes undone.
    pub fn text(&self) -> String {
        unescaped(&self.value)
    }
}

/// The properties of a component's own, in their order; those of components inside it are left out.
pub fn properties(component: &[u8]) -> Vec<Property<'_>> {
    let mut depth = 0;
    let mut found = Vec::new();
    for raw in lines(component) {
        if begin_of(raw).is_some() {
            depth += 1;
        } else if end_of(raw).is_some() {
            depth -= 1;
        } else if depth <= 1
            && let Some(property) = property(raw)
        {
            found.push(property);
        }
    }
    found
}

/// The lines of a component with their continuations, raw.
pub fn lines(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let mut end = 0;
        loop {
            end += memchr::memchr(b'\n', &bytes[end..]).map_or(bytes.len() - end, |at| at + 1);
            if !matches!(bytes.get(end), Some(b' ' | b'\t')) {
                break;
            }
        }
        let (line, rest) = bytes.split_at(end);
        bytes = rest;
        Some(line)
    })
}

/// A raw line as a property; `None` if it has no colon.
pub fn property(raw: &[u8]) -> Option<Property<'_>> {
    let line = unfolded(raw);
    let line = String::from_utf8_lossy(&line);
    let colon = colon_of(&line)?;
    let (head, value) = (&line[..colon], &line[colon + 1..]);
    let mut words = split_unquoted(head, ';').into_iter();
    let name = words.next()?.trim();
    let name = name.rsplit_once('.').map_or(name, |(_, name)| name).to_ascii_uppercase();
    let param = |word: &str| {
        let (name, value) = word.split_once('=').unwrap_or(("TYPE", word));
        (name.trim().to_ascii_uppercase(), value.trim_matches('"').to_owned())
    };
    let params = words.map(param).collect();
    Some(Property { raw, name, params, value: value.to_owned() })
}

/// A line without its folds and its line end.
fn unfolded(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    for (number, line) in raw.split(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        out.extend_from_slice(if number > 0 { line.get(1..).unwrap_or_default() } else { line });
    }
    out
}

fn colon_of(line: &str) -> Option<usize> {
    let mut is_quoted = false;
    line.char_indices().find_map(|(at, letter)| {
        is_quoted ^= letter == '"';
        (letter == ':' && !is_quoted).then_some(at)
    })
}

fn split_unquoted(text: &str, mark: char) -> Vec<&str> {
    let mut is_quoted = false;
    text.split(|letter| {
        is_quoted ^= letter == '"';
        letter == mark && !is_quoted
    })
    .collect()
}

/// Text with its escapes undone: `\n`, `\,`, `\;`, `\\`.
pub fn unescaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match (letter, letter == '\\') {
            (_, true) => match letters.next() {
                Some('n' | 'N') => out.push('\n'),
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            (letter, _) => out.push(letter),
        }
    }
    out
}

/// Text as a value: with its escapes.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' | ',' | ';' => out.extend(['\\', letter]),
            '\n' => out.push_str("\\n"),
            '\r' => {}
            letter if letter.is_control() && letter != '\t' => {}
            letter => out.push(letter),
        }
    }
    out
}

/// The texts of a list, divided by commas that are not escaped.
pub fn list(value: &str) -> Vec<String> {
    let mut items = vec![String::new()];
    let mut is_escaped = false;
    for letter in value.chars() {
        match letter {
            ',' if !is_escaped => items.push(String::new()),
            letter => items.last_mut().expect("it begins with one").push(letter),
        }
        is_escaped = letter == '\\' && !is_escaped;
    }
    let items = items.iter().map(|item| unescaped(item).trim().to_owned());
    items.filter(|item| !item.is_empty()).collect()
}

/// Appends a line, folded to 75 bytes between characters, with CRLF.
pub fn push_line(out: &mut Vec<u8>, line: &str) {
    let mut width = 0;
    for letter in line.chars() {
        if width + letter.len_utf8() > 75 {
            out.extend_from_slice(b"\r\n ");
            width = 1;
        }
        out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
        width += letter.len_utf8();
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends a raw line with CRLF at its end and at its folds.
pub fn push_raw(out: &mut Vec<u8>, raw: &[u8]) {
    for line in raw.split_inclusive(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        out.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
        out.extend_from_slice(b"\r\n");
    }
}

/// A UID made of what names a thing: the same for ever, in the form of a UUID (version 8, RFC 9562).
pub fn uid_of(name: &[u8]) -> String {
    let hash = blake3::hash(name);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_bytes()[..16]);
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let mut uid = String::with_capacity(36);
    for (n, byte) in bytes.into_iter().enumerate() {
        if [4, 6, 8, 10].contains(&n) {
            uid.push('-');
        }
        for digit in [byte >> 4, byte & 0x0f] {
            uid.extend(char::from_digit(u32::from(digit), 16));
        }
    }
    uid
}

/// A UID as the name of a file.
pub fn file_stem(uid: &str) -> String {
    uid.trim().replace(['/', '\\'], "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str, wrapper: &'static str) -> Vec<Piece> {
        let mut splitter = Splitter::new(text.as_bytes(), wrapper);
        std::iter::from_fn(|| splitter.next_piece().expect("memory reads")).collect()
    }

    fn component(piece: &Piece) -> &Component {
        match piece {
            Piece::Component(component) => component,
            Piece::Line(line) => panic!("a line: {}", String::from_utf8_lossy(line)),
        }
    }

    #[test]
    fn a_file_is_cut_into_components_that_keep_their_bytes() {
        let text = "BEGIN:VCALENDAR\r\nX-A:long\r\n er\r\nBEGIN:VEVENT\r\nBEGIN:VALARM\r\nEND:VALARM\r\nEND:VEVENT\r\n\
            begin:vtodo\r\nend:vtodo\r\nEND:VCALENDAR\r\n";
        let found = pieces(text, "VCALENDAR");
        assert_eq!(found.len(), 5);
        assert_eq!(found[1], Piece::Line(b"X-A:long\r\n er\r\n".to_vec()));
        let event = component(&found[2]);
        assert_eq!((event.name.as_str(), event.offset, event.is_cut), ("VEVENT", 32, false));
        assert_eq!(&text.as_bytes()[32..32 + event.bytes.len()], event.bytes);
        assert_eq!(component(&found[3]).name, "VTODO");
    }

    #[test]
    fn a_component_without_its_end_ends_where_the_next_begins() {
        let found =
            pieces("\u{feff}BEGIN:VCARD\nFN:A\nBEGIN:VCARD\nFN:B\nEND:VCARD\nBEGIN:VCARD\nFN:C\n", "");
        let found: Vec<_> =
            found.iter().map(|piece| (component(piece).is_cut, component(piece).offset)).collect();
        assert_eq!(found, [(true, 0), (false, 20), (true, 47)]);
    }

    #[test]
    fn a_line_is_understood_with_group_parameters_folds_and_escapes() {
        let raw = b"item1.EMAIL;TYPE=INTERNET;X-A=\"b:c;d\":ada\\,\r\n  x\\n@example.org\r\n";
        let property = property(raw).expect("it has a colon");
        assert_eq!(property.name, "EMAIL");
        assert_eq!(property.param("X-A"), Some("b:c;d"));
        assert_eq!(property.text(), "ada, x\n@example.org");
        assert_eq!(list("a\\,b, c,,"), ["a,b", "c"]);
        assert_eq!(unescaped(&escaped("a,b;c\\d\ne")), "a,b;c\\d\ne");
    }

    #[test]
    fn a_long_line_is_folded_between_characters() {
        let mut out = Vec::new();
        push_line(&mut out, &format!("NOTE:{}", "ü".repeat(100)));
        let text = String::from_utf8(out.clone()).expect("no character is cut");
        assert!(text.split("\r\n").all(|line| line.len() <= 75));
        assert_eq!(property(&out).expect("a property").value, "ü".repeat(100));
        assert_eq!(uid_of(b"a").len(), 36);
    }
}
