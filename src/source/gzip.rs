//! A gzip file (RFC 1952) as one stream of bytes, whatever number of members it is made of.
//!
//! gzip cannot be entered in the middle. While it is read for the first time an [`Index`] of marks is made, and
//! later readers begin at the mark before what they want.

use std::fs::File;
use std::io::{self, BufRead, Read};
use std::ops::Range;
use std::sync::Arc;

use super::inflate::{Engine, Mark, Marking, Resuming, Stop};
use super::stretch::Stretch;

/// How many marks a part may have: with 32 KiB each they take 16 MiB at most.
const MOST_MARKS: usize = 512;
/// The distance between two marks at first, in bytes of content.
const FIRST_SPACING: u64 = 32 << 20;

/// Places in a gzip file where inflating can begin.
pub(super) struct Index {
    marks: Vec<Entrance>,
    spacing: u64,
}

struct Entrance {
    at: u64,
    packed_at: u64,
    mark: Mark,
}

impl Index {
    /// No marks yet; they will be about so many bytes of content apart.
    pub(super) fn new(spacing: u64) -> Index {
        Index { marks: Vec::new(), spacing }
    }

    fn is_due(&self, at: u64) -> bool {
        at.saturating_sub(self.marks.last().map_or(0, |last| last.at)) >= self.spacing
    }

    fn add(&mut self, entrance: Entrance) {
        self.marks.push(entrance);
        if self.marks.len() > MOST_MARKS {
            let mut idx = 0;
            self.marks.retain(|_| {
                idx += 1;
                idx % 2 == 0
            });
            self.spacing = self.spacing.saturating_mul(2);
        }
    }

    /// The last mark that is not behind `at`.
    fn before(&self, at: u64) -> Option<&Entrance> {
        let behind = self.marks.partition_point(|mark| mark.at <= at);
        self.marks[..behind].last()
    }

    /// Where in the content a reader would have to begin to get to `at`.
    pub(super) fn start_before(&self, at: u64) -> u64 {
        self.before(at).map_or(0, |entrance| entrance.at)
    }
}

impl Default for Index {
    fn default() -> Index {
        Index::new(FIRST_SPACING)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Header,
    Body,
    Trailer,
    End,
}

/// Reads the content of a gzip file.
pub(super) struct Gzip<E> {
    input: Input,
    engine: E,
    state: State,
    ready: Range<usize>,
    position: u64,
    index: Option<Index>,
    sum: Sum,
}

/// What the trailer of a member is compared with.
#[derive(Default)]
struct Sum {
    crc32: crc32fast::Hasher,
    n_members: u64,
    is_wrong: bool,
    has_junk: bool,
}

impl Gzip<Marking> {
    /// The whole content, for the first time: marks are left, and checksums compared.
    pub(super) fn listing(file: &Arc<File>, len: u64, index: Index) -> Gzip<Marking> {
        Gzip::new(Input::new(file, 0, len), Marking::new(), Some(index))
    }

    /// True when the checksum of a member that was read to its end was wrong.
    pub(super) fn has_wrong_sum(&self) -> bool {
        self.sum.is_wrong
    }

    /// True when something stands behind the last member that is no gzip.
    pub(super) fn has_junk(&self) -> bool {
        self.sum.has_junk
    }

    /// The marks that were left.
    pub(super) fn into_index(self) -> Index {
        self.index.unwrap_or_default()
    }
}

impl Gzip<Resuming> {
    /// The content from the best mark on that is not behind `at`.
    pub(super) fn from_index(
        file: &Arc<File>,
        len: u64,
        index: &Index,
        at: u64,
    ) -> io::Result<Gzip<Resuming>> {
        let Some(entrance) = index.before(at) else {
            return Ok(Gzip::new(Input::new(file, 0, len), Resuming::new(), None));
        };
        let engine = Resuming::from_mark(&entrance.mark)?;
        let mut gzip = Gzip::new(Input::new(file, entrance.packed_at, len), engine, None);
        gzip.state = State::Body;
        gzip.position = entrance.at;
        gzip.sum.n_members = 1;
        Ok(gzip)
    }
}

impl<E: Engine> Gzip<E> {
    fn new(input: Input, engine: E, index: Option<Index>) -> Gzip<E> {
        Gzip { input, engine, state: State::Header, ready: 0..0, position: 0, index, sum: Sum::default() }
    }

    /// How many bytes of the content are before this point.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// How many bytes of the file were used up to this point.
    pub(super) fn packed_position(&self) -> u64 {
        self.input.position()
    }

    /// Passes over so many bytes, and returns how many there were: fewer only at the end.
    pub(super) fn pass(&mut self, len: u64, mut each: impl FnMut(&[u8])) -> io::Result<u64> {
        let mut left = len;
        while left > 0 {
            let ready = self.fill_buf()?;
            if ready.is_empty() {
                break;
            }
            let take = ready.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            each(&ready[..take]);
            self.consume(take);
            left -= take as u64;
        }
        Ok(len - left)
    }

    fn advance(&mut self) -> io::Result<()> {
        match self.state {
            State::Header => self.header(),
            State::Body => self.body(),
            State::Trailer => self.trailer(),
            State::End => Ok(()),
        }
    }

    fn header(&mut self) -> io::Result<()> {
        let head = self.input.fill()?;
        let is_first = self.sum.n_members == 0;
        if !is_first && head.first() != Some(&0x1f) {
            // Tapes are padded with zeros; anything else is not ours to judge, but is told of.
            self.sum.has_junk = head.iter().any(|byte| *byte != 0);
            self.state = State::End;
            return Ok(());
        }
        let mut fixed = [0; 10];
        self.input.take(&mut fixed)?;
        if !fixed.starts_with(&[0x1f, 0x8b, 8]) || fixed[3] & 0xe0 != 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the gzip header is damaged"));
        }
        self.header_fields(fixed[3])?;
        self.engine.restart();
        self.sum.crc32 = crc32fast::Hasher::new();
        self.sum.n_members += 1;
        self.state = State::Body;
        Ok(())
    }

    /// Passes over the fields that may follow a header: extra, name, comment, checksum.
    fn header_fields(&mut self, flags: u8) -> io::Result<()> {
        if flags & 4 != 0 {
            let mut len = [0; 2];
            self.input.take(&mut len)?;
            let mut extra = vec![0; usize::from(u16::from_le_bytes(len))];
            self.input.take(&mut extra)?;
        }
        for flag in [8, 16] {
            let mut letter = [u8::from(flags & flag != 0)];
            while letter != [0] {
                self.input.take(&mut letter)?;
            }
        }
        if flags & 2 != 0 {
            self.input.take(&mut [0; 2])?;
        }
        Ok(())
    }

    fn body(&mut self) -> io::Result<()> {
        let is_due = self.index.as_ref().is_some_and(|index| index.is_due(self.position));
        let input = self.input.fill()?;
        if input.is_empty() {
            return Err(cut_short());
        }
        let step = self.engine.step(input, is_due)?;
        if step.used == 0 && step.made.is_empty() && step.stop == Stop::Amid {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the packed data leads nowhere"));
        }
        self.input.consume(step.used);
        if let Some(index) = &mut self.index {
            self.sum.crc32.update(&self.engine.out()[step.made.clone()]);
            if step.stop == Stop::Between
                && let Some(mark) = self.engine.mark()
            {
                let at = self.position + step.made.len() as u64;
                index.add(Entrance { at, packed_at: self.input.position(), mark });
            }
        }
        self.ready = step.made;
        if step.stop == Stop::End {
            self.state = State::Trailer;
        }
        Ok(())
    }

    fn trailer(&mut self) -> io::Result<()> {
        let mut trailer = [0; 8];
        self.input.take(&mut trailer)?;
        if self.index.is_some() {
            let sum = std::mem::take(&mut self.sum.crc32).finalize();
            self.sum.is_wrong |= trailer[..4] != sum.to_le_bytes();
        }
        self.state = State::Header;
        Ok(())
    }
}

fn cut_short() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the part is cut short")
}

impl<E: Engine> BufRead for Gzip<E> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.ready.is_empty() && self.state != State::End {
            self.advance()?;
        }
        Ok(&self.engine.out()[self.ready.clone()])
    }

    fn consume(&mut self, len: usize) {
        let len = len.min(self.ready.len());
        self.ready.start += len;
        self.position += len as u64;
    }
}

impl<E: Engine> Read for Gzip<E> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut ready = self.fill_buf()?;
        let len = ready.read(buf)?;
        self.consume(len);
        Ok(len)
    }
}

/// The packed bytes, with a buffer before them that tells its position.
struct Input {
    file: Stretch,
    buf: Vec<u8>,
    ready: Range<usize>,
    end_at: u64,
}

impl Input {
    fn new(file: &Arc<File>, start: u64, end: u64) -> Input {
        let file = Stretch::new(file, start, end);
        Input { file, buf: vec![0; 1 << 16], ready: 0..0, end_at: start }
    }

    fn position(&self) -> u64 {
        self.end_at - self.ready.len() as u64
    }

    /// The next bytes; none only at the end of the file.
    fn fill(&mut self) -> io::Result<&[u8]> {
        if self.ready.is_empty() {
            let len = loop {
                match self.file.read(&mut self.buf) {
                    Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                    read => break read?,
                }
            };
            self.ready = 0..len;
            self.end_at += len as u64;
        }
        Ok(&self.buf[self.ready.clone()])
    }

    fn consume(&mut self, len: usize) {
        self.ready.start += len.min(self.ready.len());
    }

    /// Fills `bytes`, or fails because the file ends before.
    fn take(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        let mut done = 0;
        while done < bytes.len() {
            let mut ready = self.fill()?;
            let len = ready.read(&mut bytes[done..])?;
            if len == 0 {
                return Err(cut_short());
            }
            self.consume(len);
            done += len;
        }
        Ok(())
    }
}
