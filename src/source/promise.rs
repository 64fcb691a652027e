//! What a container promises of a content (its length, its CRC-32), checked while the content is read.

use std::io::{self, Read};

/// Reads a content, and fails at its end when it is not what was promised. All that was read before the
/// failure has been handed out: a message that came through whole is not lost with the one behind it.
pub(super) struct Promise<R> {
    inner: R,
    left: u64,
    crc32: Option<(crc32fast::Hasher, u32)>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    Kept,
    Broken(&'static str),
}

const SHORT: &str = "the content ends before its promised length";
const LONG: &str = "the content is longer than promised";
const OTHER: &str = "the content is not what was packed: its CRC-32 differs";

impl<R: Read> Promise<R> {
    /// Reads `inner`, of which `size` bytes with this CRC-32 are promised.
    pub(super) fn new(inner: R, size: u64, crc32: Option<u32>) -> Promise<R> {
        let crc32 = crc32.map(|promised| (crc32fast::Hasher::new(), promised));
        Promise { inner, left: size, crc32, state: State::Reading }
    }

    fn read_on(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let want = buf.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let len = match self.inner.read(&mut buf[..want]) {
            Err(err) if err.kind() == io::ErrorKind::UnexpectedEof => 0,
            read => read?,
        };
        if len == 0 {
            return self.broken(SHORT);
        }
        self.left -= len as u64;
        if let Some((hasher, _)) = &mut self.crc32 {
            hasher.update(&buf[..len]);
        }
        Ok(len)
    }

    fn at_end(&mut self) -> io::Result<usize> {
        if self.inner.read(&mut [0])? != 0 {
            return self.broken(LONG);
        }
        if let Some((hasher, promised)) = self.crc32.take()
            && hasher.finalize() != promised
        {
            return self.broken(OTHER);
        }
        self.state = State::Kept;
        Ok(0)
    }

    fn broken(&mut self, why: &'static str) -> io::Result<usize> {
        self.state = State::Broken(why);
        Err(io::Error::new(io::ErrorKind::InvalidData, why))
    }
}

impl<R: Read> Read for Promise<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.state {
            State::Kept => Ok(0),
            State::Broken(why) => self.broken(why),
            State::Reading if buf.is_empty() => Ok(0),
            State::Reading if self.left == 0 => self.at_end(),
            State::Reading => self.read_on(buf),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(size: u64, crc32: Option<u32>, want: Result<(), &str>) {
        let mut read = Vec::new();
        let mut promise = Promise::new(&b"abc"[..], size, crc32);
        let got = promise.read_to_end(&mut read).map(|_| ());
        assert_eq!(got.as_ref().map_err(ToString::to_string).err(), want.err().map(str::to_owned));
        if let Err(err) = got {
            assert_eq!(err.kind(), io::ErrorKind::InvalidData);
            assert!(promise.read(&mut [0]).is_err(), "a broken promise stays broken");
        }
        assert_eq!(read, &b"abc"[..read.len()]);
    }

    #[test]
    fn a_content_must_be_what_was_promised() {
        let crc32 = crc32fast::hash(b"abc");
        check(3, Some(crc32), Ok(()));
        check(3, None, Ok(()));
        check(4, None, Err(SHORT));
        check(u64::MAX, None, Err(SHORT));
        check(2, None, Err(LONG));
        check(0, None, Err(LONG));
        check(3, Some(crc32 ^ 1), Err(OTHER));
    }
}
