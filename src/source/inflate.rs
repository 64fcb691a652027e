//! Inflating (RFC 1951) in steps, by two engines with one shape.
//!
//! [`Marking`] can stop between two blocks and say all that is needed to go on from there: it lists a part once
//! and leaves marks. [`Resuming`] is faster and goes on from such a mark: it reads contents.

use std::io;
use std::ops::Range;

use flate2::{Decompress, FlushDecompress, Status};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};

/// How far back a stream may refer to what it gave before, in bytes.
pub(super) const WINDOW: usize = 1 << 15;
const OUT_LEN: usize = 1 << 16;

/// What one step did.
pub(super) struct Step {
    /// How many bytes of the input were used up.
    pub(super) used: usize,
    /// Where the new bytes are in [`Engine::out`].
    pub(super) made: Range<usize>,
    /// Where the step ended.
    pub(super) stop: Stop,
}

/// Where a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Amid a block: there is more to do.
    Amid,
    /// Between two blocks.
    Between,
    /// Behind the last block.
    End,
}

/// The state between two blocks.
#[derive(Clone)]
pub(super) struct Mark {
    /// How many bits of the last used byte belong to the next block.
    pub(super) n_bits: u8,
    /// Those bits.
    pub(super) bits: u8,
    /// What was given last, which the next block may refer to; at most [`WINDOW`] bytes.
    pub(super) window: Box<[u8]>,
}

/// An inflating decoder.
pub(super) trait Engine: Send {
    /// Uses some of the input; all that was made before must have been taken.
    fn step(&mut self, input: &[u8], stop_between: bool) -> io::Result<Step>;

    /// Where the bytes that were made stand until the next step.
    fn out(&self) -> &[u8];

    /// Begins a new stream.
    fn restart(&mut self);

    /// The state, right after a step that stopped between two blocks.
    fn mark(&self) -> Option<Mark>;
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the packed data is damaged")
}

/// The engine that can leave marks.
pub(super) struct Marking {
    decoder: Box<DecompressorOxide>,
    ring: Vec<u8>,
    pos: usize,
    made: u64,
}

impl Marking {
    /// An engine at the beginning of a stream.
    pub(super) fn new() -> Marking {
        Marking { decoder: Box::default(), ring: vec![0; OUT_LEN], pos: 0, made: 0 }
    }
}

impl Engine for Marking {
    fn step(&mut self, input: &[u8], stop_between: bool) -> io::Result<Step> {
        let mut flags = inflate_flags::TINFL_FLAG_HAS_MORE_INPUT;
        if stop_between {
            flags |= inflate_flags::TINFL_FLAG_STOP_ON_BLOCK_BOUNDARY;
        }
        let start = self.pos;
        let (status, used, len) = decompress(&mut self.decoder, input, &mut self.ring, start, flags);
        let stop = match status {
            TINFLStatus::NeedsMoreInput | TINFLStatus::HasMoreOutput => Stop::Amid,
            TINFLStatus::BlockBoundary => Stop::Between,
            TINFLStatus::Done => Stop::End,
            _ => return Err(damaged()),
        };
        self.pos = (start + len) % self.ring.len();
        self.made += len as u64;
        Ok(Step { used, made: start..start + len, stop })
    }

    fn out(&self) -> &[u8] {
        &self.ring
    }

    fn restart(&mut self) {
        self.decoder.init();
        self.pos = 0;
        self.made = 0;
    }

    fn mark(&self) -> Option<Mark> {
        let state = self.decoder.block_boundary_state()?;
        let len = WINDOW.min(usize::try_from(self.made).unwrap_or(WINDOW));
        let start = (self.pos + self.ring.len() - len) % self.ring.len();
        let window = if start <= self.pos && len > 0 && start != self.pos {
            self.ring[start..self.pos].to_vec()
        } else if len == 0 {
            Vec::new()
        } else {
            [&self.ring[start..], &self.ring[..self.pos]].concat()
        };
        Some(Mark { n_bits: state.num_bits, bits: state.bit_buf, window: window.into() })
    }
}

/// The engine that goes on from a mark.
pub(super) struct Resuming {
    decoder: Decompress,
    out: Vec<u8>,
}

impl Resuming {
    /// An engine at the beginning of a stream.
    pub(super) fn new() -> Resuming {
        Resuming { decoder: Decompress::new(false), out: vec![0; OUT_LEN] }
    }

    /// An engine that is where `mark` was left.
    pub(super) fn from_mark(mark: &Mark) -> io::Result<Resuming> {
        let mut engine = Resuming::new();
        if !mark.window.is_empty() {
            engine.decoder.set_dictionary(&mark.window).map_err(|_| damaged())?;
        }
        let lead_in = lead_in(mark.bits, mark.n_bits);
        let step = engine.step(&lead_in, false)?;
        if step.used == lead_in.len() && step.made.is_empty() { Ok(engine) } else { Err(damaged()) }
    }
}

impl Engine for Resuming {
    fn step(&mut self, input: &[u8], _stop_between: bool) -> io::Result<Step> {
        let (in_before, out_before) = (self.decoder.total_in(), self.decoder.total_out());
        let status = self.decoder.decompress(input, &mut self.out, FlushDecompress::None);
        let stop = match status.map_err(|_| damaged())? {
            Status::Ok | Status::BufError => Stop::Amid,
            Status::StreamEnd => Stop::End,
        };
        let count = |now: u64, before: u64| usize::try_from(now - before).unwrap_or(usize::MAX);
        let used = count(self.decoder.total_in(), in_before);
        let made = 0..count(self.decoder.total_out(), out_before);
        Ok(Step { used, made, stop })
    }

    fn out(&self) -> &[u8] {
        &self.out
    }

    fn restart(&mut self) {
        self.decoder.reset(false);
    }

    fn mark(&self) -> Option<Mark> {
        None
    }
}

/// A stream that gives nothing and leaves a decoder with these bits before the next whole byte of input.
///
/// A decoder takes whole bytes only, but blocks end anywhere. So blocks that hold nothing are put before the bits
/// until they end with a byte: one with the fixed code takes 10 bits; the one with a code of its own, spelled
/// out here, takes 93, which makes odd sums possible.
fn lead_in(bits: u8, n_bits: u8) -> Vec<u8> {
    let mut out = Bits::default();
    if n_bits % 2 == 1 {
        out.empty_block_of_93();
    }
    while !(out.len + usize::from(n_bits)).is_multiple_of(8) {
        // Not the last block, fixed code, end of block.
        out.push(0, 1).push(1, 2).push(0, 7);
    }
    out.push(u32::from(bits), n_bits);
    out.bytes
}

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    len: usize,
}

impl Bits {
    /// Appends the lowest `count` bits of `value`, the lowest first.
    fn push(&mut self, value: u32, count: u8) -> &mut Bits {
        for shift in 0..count {
            if self.len.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let bit = u8::from(value >> shift & 1 == 1);
            if let Some(last) = self.bytes.last_mut() {
                *last |= bit << (self.len % 8);
            }
            self.len += 1;
        }
        self
    }

    fn empty_block_of_93(&mut self) {
        // Not the last block, own code; 257 literal codes, 1 distance code, all 19 code length codes.
        self.push(0, 1).push(2, 2).push(0, 5).push(0, 5).push(15, 4);
        // Only "many zeros" (the third in their order) and "length 1" (the eighteenth) are used: `1` and `0`.
        for idx in 0..19 {
            self.push(u32::from(idx == 2 || idx == 17), 3);
        }
        // 138 + 118 unused literals, then "end of block" and one distance with length 1.
        self.push(1, 1).push(138 - 11, 7).push(1, 1).push(118 - 11, 7).push(0, 2);
        // End of block.
        self.push(0, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lead_in_ends_with_a_byte_and_gives_nothing() {
        for n_bits in 0..8 {
            let lead_in = lead_in(0, n_bits);
            let mark = Mark { n_bits, bits: 0, window: Box::default() };
            let mut engine = Resuming::from_mark(&mark).expect("a lead-in is a valid stream");
            assert_eq!(lead_in.is_empty(), n_bits == 0);
            // The bits are 0: "not the last block, stored" at most; the rest of a stored block follows.
            let mut bits = Bits::default();
            bits.push(0, 8 - n_bits);
            let mut input = if n_bits >= 3 || n_bits == 0 { Vec::new() } else { bits.bytes };
            if n_bits == 0 {
                input.push(0);
            }
            input.extend([2, 0, 0xfd, 0xff, b'h', b'i']);
            let step = engine.step(&input, false).expect("a stored block");
            assert_eq!(&engine.out()[step.made], b"hi", "{n_bits} bits");
        }
    }
}
