//! A stretch of a file, read by position: many readers share one open file and never move each other.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Reads the bytes of a file from `pos` to `end`; a clone reads on from the same place on its own.
#[derive(Clone, Debug)]
pub(super) struct Stretch {
    file: Arc<File>,
    pos: u64,
    end: u64,
}

impl Stretch {
    /// The bytes of `file` from `start` up to `end` (or the end of the file, should it come first).
    pub(super) fn new(file: &Arc<File>, start: u64, end: u64) -> Stretch {
        let file = Arc::clone(file);
        Stretch { file, pos: start, end }
    }
}

impl Read for Stretch {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = self.end.saturating_sub(self.pos);
        let want = buf.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let len = self.file.read_at(&mut buf[..want], self.pos)?;
        self.pos += len as u64;
        Ok(len)
    }
}

/// Fills `buf` from `start` on, and returns how many bytes there were: fewer only at the end of the file.
pub(super) fn read_at_most(file: &File, buf: &mut [u8], start: u64) -> io::Result<usize> {
    let mut len = 0;
    while len < buf.len() {
        match file.read_at(&mut buf[len..], start + len as u64) {
            Ok(0) => break,
            Ok(more) => len += more,
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) => return Err(err),
        }
    }
    Ok(len)
}
