//! Records of a text of any size that stand between two marks, one at a time: the entries of a feed.
//!
//! What stands between records is passed over. A record that cannot be read costs only itself, which a reader of the whole
//! text as XML could not promise.

use std::io::{self, Read};

use memchr::memmem;

/// A larger record is not held.
const LIMIT_BYTES: usize = 16 << 20;
const CHUNK_BYTES: u64 = 1 << 16;

/// What a text is cut at.
#[derive(Clone, Copy, Debug)]
pub struct Marks {
    /// Begins a record, and belongs to it.
    pub open: &'static str,
    /// Ends a record, and belongs to it.
    pub close: &'static str,
    /// Stands behind the last record: without it the text is not whole.
    pub end: &'static str,
}

/// The text, record by record.
pub struct Blocks<R: Read> {
    reader: R,
    marks: Marks,
    buf: Vec<u8>,
    /// Where `buf` begins in the text.
    offset: u64,
    /// How much of `buf` was searched for the next mark.
    searched: usize,
    /// Where the record that is being read begins.
    begun: Option<u64>,
    is_too_large: bool,
    has_end_mark: bool,
}

/// One record.
#[derive(Debug, PartialEq, Eq)]
pub struct Block {
    /// The byte at which it begins.
    pub offset: u64,
    /// It, with its marks; `None` if it is too large to be held.
    pub bytes: Option<Vec<u8>>,
}

impl<R: Read> Blocks<R> {
    /// A text that is read from its beginning.
    pub fn new(reader: R, marks: Marks) -> Blocks<R> {
        let buf = Vec::new();
        let (begun, is_too_large, has_end_mark) = (None, false, false);
        Blocks { reader, marks, buf, offset: 0, searched: 0, begun, is_too_large, has_end_mark }
    }

    /// The byte up to which whole records were read.
    pub fn offset(&self) -> u64 {
        self.begun.unwrap_or(self.offset)
    }

    /// The next record; `None` at the end of the text.
    ///
    /// # Errors
    /// When it cannot be read on, or ends before it should.
    pub fn next_block(&mut self) -> io::Result<Option<Block>> {
        loop {
            let wanted = if self.begun.is_some() { self.marks.close } else { self.marks.open };
            let found = memmem::find(&self.buf[self.searched..], wanted.as_bytes());
            match (found.map(|found| self.searched + found), self.begun) {
                (Some(at), None) => {
                    self.drop_first(at);
                    self.begun = Some(self.offset);
                    self.searched = wanted.len();
                }
                (Some(at), Some(offset)) => {
                    let rest = self.buf.split_off(at + wanted.len());
                    let bytes = std::mem::replace(&mut self.buf, rest);
                    self.offset += bytes.len() as u64;
                    (self.searched, self.begun) = (0, None);
                    let is_whole = !std::mem::replace(&mut self.is_too_large, false);
                    return Ok(Some(Block { offset, bytes: Some(bytes).filter(|_| is_whole) }));
                }
                (None, _) => {
                    self.let_go();
                    if self.fill()? == 0 {
                        return self.end();
                    }
                }
            }
        }
    }

    /// Drops what was searched in vain: all before the next record, and a record that is too large.
    fn let_go(&mut self) {
        let longest = self.marks.open.len().max(self.marks.close.len()).max(self.marks.end.len());
        self.searched = self.buf.len().saturating_sub(longest - 1);
        if self.begun.is_none() {
            self.has_end_mark |= memmem::find(&self.buf, self.marks.end.as_bytes()).is_some();
            self.drop_first(self.searched);
        } else if self.buf.len() > LIMIT_BYTES {
            self.is_too_large = true;
            self.drop_first(self.searched);
        }
    }

    fn drop_first(&mut self, len: usize) {
        self.buf.drain(..len);
        self.offset += len as u64;
        self.searched = 0;
    }

    fn fill(&mut self) -> io::Result<usize> {
        self.reader.by_ref().take(CHUNK_BYTES).read_to_end(&mut self.buf)
    }

    fn end(&self) -> io::Result<Option<Block>> {
        let ends_early = |what| Err(io::Error::new(io::ErrorKind::UnexpectedEof, what));
        match (self.begun, self.has_end_mark) {
            (Some(_), _) => ends_early("the text ends inside a record"),
            (None, false) => ends_early("the text ends early"),
            (None, true) => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKS: Marks = Marks { open: "<e>", close: "</e>", end: "</f>" };

    fn told(text: &[u8]) -> Result<Vec<(u64, Option<String>)>, String> {
        let mut blocks = Blocks::new(text, MARKS);
        let mut all = Vec::new();
        while let Some(block) = blocks.next_block().map_err(|err| err.to_string())? {
            let text = block.bytes.map(|bytes| String::from_utf8(bytes).expect("text"));
            all.push((block.offset, text));
        }
        Ok(all)
    }

    #[test]
    fn records_come_with_their_places_whatever_stands_between_them() {
        let all = told(b"<f>x<e>1</e>  <e></e>\n<e>3</e></f>").expect("a whole text");
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(all, [(4, text("<e>1</e>")), (14, text("<e></e>")), (22, text("<e>3</e>"))]);
        assert_eq!(told(b"<f></f>"), Ok(Vec::new()));
    }

    #[test]
    fn a_text_that_ends_early_is_told() {
        assert_eq!(told(b"<f><e>1</e><e>2"), Err("the text ends inside a record".to_owned()));
        assert_eq!(told(b"<f><e>1</e>"), Err("the text ends early".to_owned()));
    }

    #[test]
    fn a_record_that_is_too_large_is_passed_over_and_not_held() {
        let mut text = b"<f><e>".to_vec();
        text.resize(text.len() + LIMIT_BYTES + (1 << 20), b'a');
        text.extend_from_slice(b"</e><e>2</e></f>");
        let all = told(&text).expect("a whole text");
        assert_eq!(all[0], (3, None));
        assert_eq!(all[1].1.as_deref(), Some("<e>2</e>"));
    }

    #[test]
    fn marks_are_found_across_the_borders_of_what_is_read() {
        for gap in (CHUNK_BYTES as usize - 12)..(CHUNK_BYTES as usize + 12) {
            let text = format!("{}<e>{}</e></f>", "x".repeat(gap), "y".repeat(gap));
            let all = told(text.as_bytes()).expect("a whole text");
            assert_eq!((all.len(), all[0].0), (1, gap as u64));
        }
    }
}
