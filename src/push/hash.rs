//! SHA-256, which servers can compute too: of a local file, and of whatever is written.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use sha2::{Digest, Sha256 as Sha};

use super::target::Sha256;

/// SHA-256 of a local file, read piece by piece.
///
/// # Errors
/// When it cannot be read.
pub fn hash_file(path: &Path) -> io::Result<Sha256> {
    let mut hasher = Hasher::default();
    io::copy(&mut File::open(path)?, &mut hasher)?;
    Ok(hasher.finish())
}

/// Hashes what is written to it.
#[derive(Default)]
pub struct Hasher(Sha);

impl Hasher {
    /// SHA-256 of all that was written.
    pub fn finish(self) -> Sha256 {
        self.0.finalize().into()
    }
}

impl Write for Hasher {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.0.update(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
