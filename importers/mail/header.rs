//! The header of a message: where it ends, and its fields as they stand.
//!
//! A *field* is a name, a colon and a value that may be folded over several lines (RFC 5322 section 2.2).
//! Line ends may be CRLF or LF. A line that is no field (the `From_` line, `>From `, garbage) is passed over.

use memchr::memchr;

/// Splits a message into its header and its body; the empty line between them belongs to neither.
/// A message without an empty line is all header; one that begins with an empty line is all body.
pub fn split(message: &[u8]) -> (&[u8], &[u8]) {
    let mut start = 0;
    while start < message.len() {
        let end = memchr(b'\n', &message[start..]).map_or(message.len(), |at| start + at + 1);
        if is_line_end(&message[start..end]) {
            return (&message[..start], &message[end..]);
        }
        start = end;
    }
    (message, &[])
}

fn is_line_end(line: &[u8]) -> bool {
    line == b"\n" || line == b"\r\n"
}

/// One header field as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// The name, without the colon and the blanks before it.
    pub name: &'a [u8],
    /// The value with its folding, without the last line end.
    pub value: &'a [u8],
    /// The whole field, from its name to its last line end.
    pub raw: &'a [u8],
}

impl Field<'_> {
    /// True when this is the field of that name, in any case.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The value on one line: line ends are taken out, the blanks after them stay (RFC 5322 section 2.2.3).
    pub fn unfolded(&self) -> Vec<u8> {
        let is_line_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let value: Vec<u8> = self.value.iter().copied().filter(|byte| !is_line_end(byte)).collect();
        value.trim_ascii().to_vec()
    }
}

/// The fields of a header (as [`split`] gives it), in their order.
pub fn fields(header: &[u8]) -> Fields<'_> {
    Fields { rest: header }
}

/// Iterates over the fields of a header; see [`fields`].
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        loop {
            if self.rest.is_empty() {
                return None;
            }
            let end = end_of_field(self.rest);
            let (raw, rest) = self.rest.split_at(end);
            self.rest = rest;
            if let Some(field) = field_of(raw) {
                return Some(field);
            }
        }
    }
}

/// The length of the first line with the folded lines that follow it.
fn end_of_field(header: &[u8]) -> usize {
    let mut end = 0;
    loop {
        match memchr(b'\n', &header[end..]) {
            None => return header.len(),
            Some(at) => end += at + 1,
        }
        match header.get(end) {
            Some(b' ' | b'\t') => {}
            _ => return end,
        }
    }
}

fn field_of(raw: &[u8]) -> Option<Field<'_>> {
    let colon = memchr(b':', raw)?;
    let name = raw[..colon].trim_ascii_end();
    let is_name = |byte: &u8| (33..=126).contains(byte);
    if name.is_empty() || !name.iter().all(is_name) {
        return None;
    }
    let mut value = &raw[colon + 1..];
    if let [head @ .., b'\n'] = value {
        value = head;
    }
    if let [head @ .., b'\r'] = value {
        value = head;
    }
    Some(Field { name, value, raw })
}

/// The unfolded value of the first field of that name.
pub fn get(header: &[u8], name: &str) -> Option<Vec<u8>> {
    fields(header).find(|field| field.is(name)).map(|field| field.unfolded())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(header: &[u8]) -> Vec<String> {
        let name = |field: Field| String::from_utf8_lossy(field.name).into_owned();
        fields(header).map(name).collect()
    }

    #[test]
    fn a_header_ends_at_the_first_empty_line_whatever_its_line_ends() {
        assert_eq!(split(b"A: 1\r\n\r\nbody\r\n"), (&b"A: 1\r\n"[..], &b"body\r\n"[..]));
        assert_eq!(split(b"A: 1\n\nbody"), (&b"A: 1\n"[..], &b"body"[..]));
        assert_eq!(split(b"A: 1\n"), (&b"A: 1\n"[..], &b""[..]));
        assert_eq!(split(b"\nbody"), (&b""[..], &b"body"[..]));
        assert_eq!(split(b""), (&b""[..], &b""[..]));
    }

    #[test]
    fn folded_values_are_joined_and_lines_that_are_no_fields_passed_over() {
        let header = b">From x\nSubject: a\r\n b\r\n\tc\r\nno colon here\nX : y\r\n";
        assert_eq!(names(header), ["Subject", "X"]);
        assert_eq!(get(header, "subject").as_deref(), Some(&b"a b\tc"[..]));
        assert_eq!(get(header, "x").as_deref(), Some(&b"y"[..]));
        assert_eq!(get(header, "z"), None);
    }
}
