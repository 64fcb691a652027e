//! A page cut into pieces at the elements that begin a record. What belongs to a record may stand behind its element (the words of a
//! message do), so a piece goes to the next one.

use std::io::{self, Read};

use memchr::memmem;

/// A larger piece is not held.
const LIMIT_BYTES: usize = 8 << 20;
const CHUNK_BYTES: usize = 1 << 16;

/// One piece.
#[derive(Debug, PartialEq, Eq)]
pub struct Piece {
    /// The byte at which it begins.
    pub offset: u64,
    /// It; `None` if it is too large to be held.
    pub html: Option<String>,
}

/// The pieces of a page.
pub struct Pieces<R: Read> {
    reader: R,
    /// What begins a record: `class="message"`.
    mark: &'static str,
    buf: Vec<u8>,
    /// Where `buf` begins in the page.
    offset: u64,
    /// How much of `buf` was looked at.
    searched: usize,
    is_over: bool,
}

impl<R: Read> Pieces<R> {
    /// The pieces of a page that is read from its beginning; the first is what stands before the first record.
    pub fn new(reader: R, mark: &'static str) -> Pieces<R> {
        Pieces { reader, mark, buf: Vec::new(), offset: 0, searched: 0, is_over: false }
    }

    /// How far it was read in whole pieces, in bytes.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next piece; `None` at the end of the page.
    ///
    /// # Errors
    /// When it cannot be read on, or ends before it should.
    pub fn next_piece(&mut self) -> io::Result<Option<Piece>> {
        let mut is_held = true;
        loop {
            if let Some(end) = self.next_record() {
                return Ok(Some(self.take(end, is_held)));
            }
            if self.is_over {
                return Ok((!self.buf.is_empty()).then(|| self.take(self.buf.len(), is_held)));
            }
            if self.buf.len() > LIMIT_BYTES {
                is_held = false;
                let keep = self.mark.len() + 64;
                let n = self.buf.len() - keep;
                self.buf.drain(1..=n);
                self.searched = self.searched.saturating_sub(n).max(1);
            }
            if self.reader.by_ref().take(CHUNK_BYTES as u64).read_to_end(&mut self.buf)? == 0 {
                let tail = self.buf.len().saturating_sub(4 << 10);
                if memmem::find(&self.buf[tail..].to_ascii_lowercase(), b"</html").is_none() {
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the page ends early"));
                }
                self.is_over = true;
            }
        }
    }

    /// Where the next record begins behind the one that the buffer begins with.
    fn next_record(&mut self) -> Option<usize> {
        while let Some(at) = memmem::find(self.buf.get(self.searched..)?, self.mark.as_bytes()) {
            let at = self.searched + at;
            self.searched = at + self.mark.len();
            let start = memchr::memrchr(b'<', &self.buf[..at]).unwrap_or(at);
            if start > 0 {
                return Some(start);
            }
        }
        self.searched = self.buf.len().saturating_sub(self.mark.len()).max(self.searched.min(self.buf.len()));
        None
    }

    fn take(&mut self, len: usize, is_held: bool) -> Piece {
        let html = is_held.then(|| String::from_utf8_lossy(&self.buf[..len]).into_owned());
        let piece = Piece { offset: self.offset, html };
        self.buf.drain(..len);
        self.offset += len as u64;
        self.searched = 0;
        piece
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "<html><body><h1>A</h1><div class=\"message\"><b>1</b></div><p>one</p>\n<div class=\"message\"></div><p>two</p></body></html>\n";

    fn pieces(page: &str) -> io::Result<Vec<Piece>> {
        let mut pieces = Pieces::new(page.as_bytes(), "class=\"message\"");
        std::iter::from_fn(|| pieces.next_piece().transpose()).collect()
    }

    #[test]
    fn a_piece_goes_from_one_record_to_the_next() {
        let found = pieces(PAGE).expect("it is whole");
        let texts: Vec<&str> = found.iter().map(|it| it.html.as_deref().expect("it is small")).collect();
        assert_eq!(texts.concat(), PAGE);
        assert!(
            texts.len() == 3
                && texts[1].starts_with("<div class=\"message\"><b>1")
                && texts[1].ends_with("one</p>\n")
        );
        assert_eq!(
            found[2].offset as usize,
            PAGE.find("<div class=\"message\"></div>").expect("it is there")
        );
    }

    #[test]
    fn what_breaks_off_is_an_error_and_what_is_too_large_is_not_held() {
        for cut in 0..PAGE.len() - 8 {
            assert!(pieces(&PAGE[..cut]).is_err(), "{cut}");
        }
        let large = PAGE.replacen("one", &"x".repeat(LIMIT_BYTES + CHUNK_BYTES * 3), 1);
        let found = pieces(&large).expect("it is whole");
        assert_eq!(found.iter().map(|it| it.html.is_some()).collect::<Vec<_>>(), [true, false, true]);
    }
}
