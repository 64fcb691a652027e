//! Tests of the whole room, on parts that are built here byte by byte.

mod exports;
mod mutations;
mod tapes;
mod writers;
mod zips;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use exodus_api::{Entry, Source};

use super::{Export, OpenError, open};

/// A folder of its own for one test, gone when the test is over.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("exodus-source-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).expect("the temporary folder can be written");
        Scratch(path)
    }

    /// Writes a file into it, and returns where.
    fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("folders can be made");
        fs::write(&path, bytes).expect("the temporary folder can be written");
        path
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Opens one part of this name with these bytes.
fn open_bytes(name: &str, bytes: &[u8]) -> Result<Export, OpenError> {
    let scratch = Scratch::new();
    open(&[scratch.put(name, bytes)])
}

fn read(export: &Export, entry: &Entry) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut reader = export.open(entry).map_err(std::io::Error::other)?;
    reader.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn entry<'a>(export: &'a Export, path: &str) -> &'a Entry {
    let found = export.entries().iter().find(|entry| entry.path == path);
    found.unwrap_or_else(|| panic!("{path} is not among {:?}", paths(export)))
}

fn text(export: &Export, path: &str) -> String {
    let bytes = read(export, entry(export, path)).expect("the entry is whole");
    String::from_utf8(bytes).expect("the test wrote text")
}

fn paths(export: &Export) -> Vec<&str> {
    export.entries().iter().map(|entry| entry.path.as_str()).collect()
}

/// What is refused, as (path, what).
fn refused(export: &Export) -> Vec<(&str, &str)> {
    export.refused().iter().map(|not| (not.path.as_str(), not.what.as_str())).collect()
}

/// Numbers that look random and are the same in each run (splitmix64).
struct Seeded(u64);

impl Seeded {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).expect("below an usize")
    }

    /// Bytes that pack to about half of their length.
    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| b'a' + (self.next() % 16) as u8).collect()
    }
}
