//! A new file for a large body, written past the kernel's page cache where that pays.
//!
//! What an import writes is not read again soon. Through the page cache every byte of it is copied once more and takes memory from
//! all that the machine has in there; on a virtual machine the kernel spends more time on that than on anything else. Large
//! bodies are therefore written with `O_DIRECT`, in whole blocks from aligned memory, but for the end of the file. Where the
//! disk's format does not do that, or does other things for it, they are written as usual.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// So much is written at once.
const CHUNK_BYTES: usize = 512 << 10;
/// What the memory and the places in a file of a direct write are multiples of; enough for all disks.
const BLOCK_BYTES: usize = 4096;
/// Smaller files are gathered by the kernel, which is better at it.
const MIN_DIRECT_BYTES: usize = 64 << 10;

/// Memory for what is on its way into a file, to be used for one file after the other.
pub struct Chunk {
    bytes: Vec<u8>,
    /// Where the aligned bytes begin.
    start: usize,
    len: usize,
}

impl Default for Chunk {
    fn default() -> Chunk {
        let bytes = vec![0; CHUNK_BYTES + BLOCK_BYTES];
        // Without an answer the kernel refuses, and the file is written as usual.
        let start = bytes.as_ptr().align_offset(BLOCK_BYTES).min(BLOCK_BYTES);
        Chunk { bytes, start, len: 0 }
    }
}

/// A file that is being written.
pub struct BodyFile<'a> {
    file: File,
    chunk: &'a mut Chunk,
    /// True while the file may still be written past the page cache.
    may_be_direct: bool,
    is_direct: bool,
}

impl<'a> BodyFile<'a> {
    /// Writes to a new, empty file; past the page cache only if `may_be_direct`.
    pub fn new(file: File, chunk: &'a mut Chunk, may_be_direct: bool) -> BodyFile<'a> {
        chunk.len = 0;
        BodyFile { file, chunk, may_be_direct, is_direct: false }
    }

    /// Room for more bytes; never empty.
    pub fn room(&mut self) -> &mut [u8] {
        let start = self.chunk.start;
        &mut self.chunk.bytes[start + self.chunk.len..start + CHUNK_BYTES]
    }

    /// Takes the first `len` bytes that stand in the [room](BodyFile::room) now.
    ///
    /// # Errors
    /// When the disk does not take them.
    pub fn take(&mut self, len: usize) -> io::Result<()> {
        self.chunk.len += len;
        if self.chunk.len == CHUNK_BYTES {
            self.write(CHUNK_BYTES)?;
        }
        Ok(())
    }

    /// Writes what is left; all bytes are in the kernel's hands then.
    ///
    /// # Errors
    /// When the disk does not take them.
    pub fn finish(mut self) -> io::Result<File> {
        let whole_blocks = self.chunk.len / BLOCK_BYTES * BLOCK_BYTES;
        let is_worth_it = self.is_direct || whole_blocks >= MIN_DIRECT_BYTES;
        if self.may_be_direct && is_worth_it && whole_blocks > 0 {
            self.write(whole_blocks)?;
        }
        self.set_direct(false)?;
        self.may_be_direct = false;
        self.write(self.chunk.len)?;
        Ok(self.file)
    }

    /// Writes the first `len` bytes of the chunk, and moves the rest to its front.
    fn write(&mut self, len: usize) -> io::Result<()> {
        if self.may_be_direct && !self.is_direct {
            self.may_be_direct = self.set_direct(true).is_ok();
        }
        let (mut from, end) = (self.chunk.start, self.chunk.start + len);
        while from < end {
            match self.file.write(&self.chunk.bytes[from..end]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => from += written,
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                // Not in whole blocks any more (after a disk that took only a part), or a disk that wants other blocks.
                Err(err) if err.kind() == io::ErrorKind::InvalidInput && self.is_direct => {
                    self.set_direct(false)?;
                    self.may_be_direct = false;
                }
                Err(err) => return Err(err),
            }
        }
        self.chunk.bytes.copy_within(end..self.chunk.start + self.chunk.len, self.chunk.start);
        self.chunk.len -= len;
        Ok(())
    }

    #[cfg(target_os = "linux")]
    fn set_direct(&mut self, is_direct: bool) -> io::Result<()> {
        if self.is_direct != is_direct {
            let mut flags = rustix::fs::fcntl_getfl(&self.file)?;
            flags.set(rustix::fs::OFlags::DIRECT, is_direct);
            rustix::fs::fcntl_setfl(&self.file, flags)?;
            self.is_direct = is_direct;
        }
        Ok(())
    }

    #[cfg(not(target_os = "linux"))]
    fn set_direct(&mut self, is_direct: bool) -> io::Result<()> {
        if is_direct { Err(io::ErrorKind::Unsupported.into()) } else { Ok(()) }
    }
}

/// True on disks where writing past the page cache is known to pay: ext4 and XFS, which do nothing else for it. (Btrfs, for one,
/// does not compress what is written so.)
#[cfg(target_os = "linux")]
pub fn does_direct_pay(folder: &Path) -> bool {
    const EXT4: u64 = 0xef53;
    const XFS: u64 = 0x5846_5342;
    rustix::fs::statfs(folder).is_ok_and(|disk| [EXT4, XFS].contains(&(disk.f_type as u64)))
}

/// Nothing is known of other systems.
#[cfg(not(target_os = "linux"))]
pub fn does_direct_pay(_folder: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use super::*;

    #[test]
    fn every_byte_arrives_whatever_the_length_and_the_disk() {
        // A disk where direct writes work, most likely; and a folder of whatever kind.
        let built_in = std::env::current_exe().unwrap();
        for folder in [built_in.parent().unwrap(), &std::env::temp_dir()] {
            let path = folder.join(format!("body-file-{}", std::process::id()));
            let mut chunk = Chunk::default();
            let lengths = [0, 1, BLOCK_BYTES, MIN_DIRECT_BYTES, CHUNK_BYTES, 2 * CHUNK_BYTES];
            for len in lengths.into_iter().flat_map(|len| [len.saturating_sub(1), len, len + 1, len + 5_000])
            {
                let bytes: Vec<u8> = (0..len).map(|n| (n % 251) as u8).collect();
                let file = OpenOptions::new().write(true).create(true).truncate(true).open(&path).unwrap();
                let mut out = BodyFile::new(file, &mut chunk, true);
                let mut rest = &bytes[..];
                while !rest.is_empty() {
                    let room = out.room();
                    let len = rest.len().min(room.len()).min(70_001);
                    room[..len].copy_from_slice(&rest[..len]);
                    out.take(len).unwrap();
                    rest = &rest[len..];
                }
                out.finish().unwrap();
                assert!(std::fs::read(&path).unwrap() == bytes, "{len} bytes in {}", folder.display());
            }
            std::fs::remove_file(&path).unwrap();
        }
    }
}
