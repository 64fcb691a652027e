//! Splits an mbox of any size into its messages, at the speed of `memmem`, holding one message at a time.
//!
//! Bytes are never changed and never read as text. A line is a separator if it has Gmail's form; in an mbox that
//! does not begin with Gmail's form, if it reads as a `From_` line (see [`super::from_line`]) and follows an empty
//! line. Within a Gmail mbox only Gmail's form counts, so that a mail that quotes another mbox stays whole.

use std::io::{self, Read};

use memchr::{memchr, memmem};

use super::from_line::{self, FromLine};

/// How much is read at once.
const CHUNK_BYTES: usize = 512 * 1024;
/// No separator is longer; a longer line is text.
const LINE_LIMIT_BYTES: usize = 1024;
/// Larger messages are handed over without a copy.
const MOVE_BYTES: usize = 4 * 1024 * 1024;

/// One message as it stands in the mbox.
#[derive(Debug, PartialEq, Eq)]
pub struct RawMessage {
    /// Where its `From_` line begins, in bytes from the beginning of the mbox.
    pub offset: u64,
    /// Its `From_` line; `None` only for bytes before the first separator.
    pub from_line: Option<FromLine>,
    /// The message without its `From_` line and without the empty line that follows it in an mbox.
    pub bytes: Vec<u8>,
    /// Lines in it that begin with `From ` and are no separators.
    pub bare_from_lines: u32,
    /// True when reading failed inside it: its end is missing.
    pub is_cut: bool,
}

/// Splits what a reader gives; see the module.
pub struct Splitter<R> {
    reader: R,
    buf: Vec<u8>,
    /// Where the current message begins in `buf`.
    start: usize,
    /// Where the search for the next separator goes on in `buf`.
    scan: usize,
    /// The offset of `buf[0]` in the mbox.
    base: u64,
    is_begun: bool,
    is_gmail: bool,
    is_at_end: bool,
    failure: Option<io::Error>,
    bare_from_lines: u32,
}

enum Found {
    Separator(usize),
    NeedMore,
}

impl<R: Read> Splitter<R> {
    /// Splits what `reader` gives.
    pub fn new(reader: R) -> Splitter<R> {
        Splitter {
            reader,
            buf: Vec::new(),
            start: 0,
            scan: 0,
            base: 0,
            is_begun: false,
            is_gmail: false,
            is_at_end: false,
            failure: None,
            bare_from_lines: 0,
        }
    }

    /// The next message, or `None` at the end.
    ///
    /// # Errors
    /// When the reader fails; what was read of the current message comes before, as the last message.
    pub fn next_message(&mut self) -> io::Result<Option<RawMessage>> {
        self.begin()?;
        loop {
            match self.find_separator() {
                Found::Separator(at) => return Ok(Some(self.take(at))),
                Found::NeedMore if !self.is_at_end => self.fill(),
                Found::NeedMore if self.start < self.buf.len() => return Ok(Some(self.take(self.buf.len()))),
                Found::NeedMore => return self.failure.take().map_or(Ok(None), Err),
            }
        }
    }

    /// Passes over a byte order mark and empty lines, and looks at the first line.
    fn begin(&mut self) -> io::Result<()> {
        if self.is_begun {
            return Ok(());
        }
        self.fill();
        if self.buf.is_empty() {
            return self.failure.take().map_or(Ok(()), Err);
        }
        self.is_begun = true;
        if self.buf.starts_with(b"\xEF\xBB\xBF") {
            self.start = 3;
        }
        let is_blank = |byte: &u8| matches!(byte, b'\r' | b'\n');
        self.start += self.buf[self.start..].iter().take_while(|byte| is_blank(byte)).count();
        self.scan = self.start;
        self.is_gmail = from_line::is_gmail(&self.buf[self.start..]);
        Ok(())
    }

    fn find_separator(&mut self) -> Found {
        while let Some(at) = memmem::find(&self.buf[self.scan..], b"\nFrom ") {
            let newline = self.scan + at;
            let line = &self.buf[newline + 1..];
            let len = memchr(b'\n', &line[..line.len().min(LINE_LIMIT_BYTES)]);
            if len.is_none() && line.len() < LINE_LIMIT_BYTES && !self.is_at_end {
                self.scan = newline;
                return Found::NeedMore;
            }
            let line = &line[..len.unwrap_or(line.len()).min(LINE_LIMIT_BYTES)];
            self.scan = newline + 1;
            if self.is_separator(newline, line) {
                return Found::Separator(newline + 1);
            }
            self.bare_from_lines += 1;
        }
        self.scan = self.scan.max(self.buf.len().saturating_sub(5));
        Found::NeedMore
    }

    fn is_separator(&self, newline: usize, line: &[u8]) -> bool {
        if self.is_gmail {
            return from_line::is_gmail(line);
        }
        let before = &self.buf[self.start..newline];
        let before = before.strip_suffix(b"\r").unwrap_or(before);
        let follows_empty_line = before.is_empty() || before.ends_with(b"\n");
        from_line::is_gmail(line) || (follows_empty_line && from_line::parse(line).is_some())
    }

    fn fill(&mut self) {
        if self.start > 0 {
            self.buf.drain(..self.start);
            self.base += self.start as u64;
            self.scan -= self.start;
            self.start = 0;
        }
        // A long message is read in ever longer pieces, so that growing the buffer stays cheap.
        let want = CHUNK_BYTES.max(self.buf.len() / 2);
        match (&mut self.reader).take(want as u64).read_to_end(&mut self.buf) {
            Ok(len) => self.is_at_end = len < want,
            Err(err) => {
                self.failure = Some(err);
                self.is_at_end = true;
            }
        }
    }

    /// Takes `buf[start..end]` as a message.
    fn take(&mut self, end: usize) -> RawMessage {
        let is_last = end == self.buf.len();
        let offset = self.base + self.start as u64;
        let whole = &self.buf[self.start..end];
        let line_len = memchr(b'\n', whole).map_or(whole.len(), |at| at + 1);
        let from_line = from_line::parse(&whole[..line_len.min(LINE_LIMIT_BYTES)]);
        let body_start = self.start + if from_line.is_some() { line_len } else { 0 };
        let body_end = body_start + len_without_separator(&self.buf[body_start..end]);
        let bytes = if end - self.start >= MOVE_BYTES {
            self.take_large(body_start, body_end, end)
        } else {
            let bytes = self.buf[body_start..body_end].to_vec();
            self.start = end;
            self.scan = end;
            bytes
        };
        RawMessage {
            offset,
            from_line,
            bytes,
            bare_from_lines: std::mem::take(&mut self.bare_from_lines),
            is_cut: is_last && self.failure.is_some(),
        }
    }

    /// Hands the buffer itself over and goes on with a fresh one.
    fn take_large(&mut self, body_start: usize, body_end: usize, end: usize) -> Vec<u8> {
        let rest = self.buf[end..].to_vec();
        let mut bytes = std::mem::replace(&mut self.buf, rest);
        self.base += end as u64;
        self.start = 0;
        self.scan = 0;
        bytes.truncate(body_end);
        bytes.drain(..body_start);
        bytes
    }
}

/// The length of a message without the empty line that ends it in an mbox.
fn len_without_separator(bytes: &[u8]) -> usize {
    if bytes.ends_with(b"\n\r\n") || bytes == b"\r\n" {
        bytes.len() - 2
    } else if bytes.ends_with(b"\n\n") || bytes == b"\n" {
        bytes.len() - 1
    } else {
        bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte, then two, then three ...: separators fall on every border.
    struct Dribble<'a>(&'a [u8], usize);

    impl Read for Dribble<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            self.1 = self.1 % 7 + 1;
            let len = self.0.len().min(buf.len()).min(self.1);
            buf[..len].copy_from_slice(&self.0[..len]);
            self.0 = &self.0[len..];
            Ok(len)
        }
    }

    fn split(reader: impl Read) -> Vec<RawMessage> {
        let mut splitter = Splitter::new(reader);
        let mut messages = Vec::new();
        while let Some(message) = splitter.next_message().expect("readers of tests do not fail") {
            messages.push(message);
        }
        messages
    }

    fn check(mbox: &str, expected: &[&str]) {
        for messages in [split(mbox.as_bytes()), split(Dribble(mbox.as_bytes(), 0))] {
            let texts: Vec<String> =
                messages.iter().map(|it| String::from_utf8_lossy(&it.bytes).into_owned()).collect();
            assert_eq!(texts, expected, "{mbox:?}");
        }
    }

    const GMAIL: &str = "From 1628424719502045299@xxx Tue Mar 19 09:13:51 +0000 2019\r\n";
    const PLAIN: &str = "From ada@example.org Tue Mar 19 09:13:51 2019\n";

    #[test]
    fn messages_are_given_back_as_they_stand() {
        check(
            &format!("{GMAIL}A: 1\r\n\r\nx\r\n\r\n{GMAIL}B: 2\r\n\r\ny"),
            &["A: 1\r\n\r\nx\r\n", "B: 2\r\n\r\ny"],
        );
        check(&format!("{PLAIN}A: 1\n\nx\n\n{PLAIN}B: 2\n\ny\n\n"), &["A: 1\n\nx\n", "B: 2\n\ny\n"]);
        check("", &[]);
        check("\n\r\n", &[]);
    }

    #[test]
    fn a_gmail_separator_needs_no_empty_line_before_it_and_a_plain_one_does() {
        check(&format!("{GMAIL}A: 1\r\n{GMAIL}B: 2\r\n"), &["A: 1\r\n", "B: 2\r\n"]);
        let text = format!("A: 1\n\nx\n{PLAIN}");
        check(&format!("{PLAIN}{text}"), &[&text]);
    }

    #[test]
    fn a_gmail_mbox_is_not_split_at_a_mail_that_quotes_another_mbox() {
        let text = format!("A: 1\r\n\r\n{PLAIN}B: 2\r\n\r\nFrom here on\r\n");
        let mbox = format!("{GMAIL}{text}");
        check(&mbox, &[&text]);
        assert_eq!(split(mbox.as_bytes())[0].bare_from_lines, 2);
    }

    #[test]
    fn a_git_patch_does_not_split_its_mail() {
        let patch = "From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\n";
        let text = format!("A: 1\n\n{patch}From: Ada\n");
        check(&format!("{PLAIN}{text}\n{PLAIN}\n"), &[&text, ""]);
    }

    #[test]
    fn a_byte_order_mark_and_bytes_before_the_first_separator_are_told_apart() {
        check(&format!("\u{feff}{PLAIN}A: 1\n"), &["A: 1\n"]);
        let messages = split(format!("tail of a cut mail\n\n{PLAIN}A: 1\n").into_bytes().as_slice());
        assert_eq!(messages[0].bytes, b"tail of a cut mail\n");
        assert_eq!(messages[0].from_line, None);
        assert_eq!(messages[1].offset, 20);
    }

    #[test]
    fn large_messages_and_odd_bytes_come_through_whole() {
        let mut large = vec![0u8; MOVE_BYTES + 3 * CHUNK_BYTES + 17];
        for (at, byte) in large.iter_mut().enumerate() {
            *byte = (at % 251) as u8;
        }
        let mut mbox = Vec::new();
        for body in [&b"A: 1\r\n\r\n\0\xff"[..], &large, b"C: 3"] {
            mbox.extend_from_slice(GMAIL.as_bytes());
            mbox.extend_from_slice(body);
            mbox.extend_from_slice(b"\r\n\r\n");
        }
        let messages = split(mbox.as_slice());
        assert_eq!(messages.len(), 3);
        assert_eq!(messages[1].bytes.len(), large.len() + 2);
        assert!(messages[1].bytes.starts_with(&large));
        assert_eq!(messages[2].bytes, b"C: 3\r\n");
        assert_eq!(messages[2].offset as usize, mbox.len() - GMAIL.len() - 8);
    }

    #[test]
    fn what_was_read_before_a_failure_comes_out_marked_as_cut() {
        struct Fails;
        impl Read for Fails {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::new(io::ErrorKind::InvalidData, "wrong checksum"))
            }
        }
        let mbox = format!("{GMAIL}A: 1\r\n\r\n{GMAIL}B: 2\r\nhal");
        let mut splitter = Splitter::new(mbox.as_bytes().chain(Fails));
        assert!(!splitter.next_message().unwrap().unwrap().is_cut);
        let last = splitter.next_message().unwrap().unwrap();
        assert_eq!((last.bytes.as_slice(), last.is_cut), (&b"B: 2\r\nhal"[..], true));
        assert!(splitter.next_message().is_err());
        assert!(splitter.next_message().unwrap().is_none());
    }
}
