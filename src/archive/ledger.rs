//! The ledger: `ledger.jsonl`, one record a line, only ever appended to.
//!
//! It is the second durable form of all that the files alone cannot tell. A batch's records are on disk before the
//! index commits them, and the index remembers how far it has committed; what stands after that point belongs to a
//! batch that was never finished, and is cut off by the next writer.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::aside::{Aside, lock};
use super::record::Record;
use crate::report::error::{Error, Kind, Result};

/// The name of the ledger in the archive.
pub const FILE_NAME: &str = "ledger.jsonl";

/// So much is hashed and written at once.
const CHUNK_BYTES: usize = 1 << 18;
/// So many chunks may wait to be written.
const CHUNKS_WAITING: usize = 4;

/// The ledger, open for appending. It is hashed and written aside.
pub struct Ledger {
    /// Records that are not handed over yet.
    chunk: Vec<u8>,
    len_bytes: u64,
    written: Arc<Mutex<Written>>,
    aside: Aside,
}

/// What was written.
struct Written {
    path: PathBuf,
    file: File,
    hash: blake3::Hasher,
}

impl Ledger {
    /// Opens the ledger, which the index has committed up to `committed_bytes`, and cuts off what follows.
    ///
    /// # Errors
    /// When it cannot be opened, or is shorter than the index says.
    pub fn open(root: &Path, committed_bytes: u64) -> Result<Ledger> {
        let path = root.join(FILE_NAME);
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let mut file = file.map_err(|err| Error::io("open", &path, &err))?;
        let len = file.metadata().map_err(|err| Error::io("read", &path, &err))?.len();
        if len < committed_bytes {
            let what = format!("the ledger `{}` is shorter than the index says", path.display());
            return Err(Error::new(Kind::Archive, what)
                .hint("it was cut after it was written; restore it from a copy of the archive"));
        }
        let mut hash = blake3::Hasher::new();
        let hashed = hash.update_reader((&mut file).take(committed_bytes)).map(|_| ());
        let cut = hashed
            .and_then(|()| file.set_len(committed_bytes))
            .and_then(|()| file.seek(SeekFrom::Start(committed_bytes)).map(|_| ()));
        cut.map_err(|err| Error::io("cut", &path, &err))?;
        let written = Arc::new(Mutex::new(Written { path, file, hash }));
        Ok(Ledger {
            chunk: Vec::new(),
            len_bytes: committed_bytes,
            written,
            aside: Aside::new(CHUNKS_WAITING),
        })
    }

    /// Appends a record.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn append(&mut self, record: &Record) -> Result<()> {
        write_line(record, &mut self.chunk);
        self.flush_if_full()
    }

    /// Appends a record that [`write_line`] has written already.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn append_line(&mut self, line: &[u8]) -> Result<()> {
        self.chunk.extend_from_slice(line);
        self.flush_if_full()
    }

    fn flush_if_full(&mut self) -> Result<()> {
        if self.chunk.len() < CHUNK_BYTES { Ok(()) } else { self.hand_over() }
    }

    fn hand_over(&mut self) -> Result<()> {
        let chunk = std::mem::take(&mut self.chunk);
        self.chunk.reserve(chunk.len() + chunk.len() / 8);
        self.len_bytes += chunk.len() as u64;
        let written = self.written.clone();
        self.aside.run(move || lock(&written).append(&chunk))
    }

    /// Hands all records over to the kernel; returns the length of the ledger in bytes.
    ///
    /// # Errors
    /// When the disk does not take them.
    pub fn flush(&mut self) -> Result<u64> {
        self.hand_over()?;
        self.aside.wait()?;
        Ok(self.len_bytes)
    }

    /// BLAKE3 of the whole ledger up to the last [`flush`](Ledger::flush).
    pub fn blake3(&self) -> String {
        lock(&self.written).hash.finalize().to_hex().to_string()
    }
}

impl Written {
    fn append(&mut self, chunk: &[u8]) -> Result<()> {
        self.file.write_all(chunk).map_err(|err| Error::io("append to", &self.path, &err))?;
        self.hash.update(chunk);
        Ok(())
    }
}

/// Writes a record as it stands in the ledger, with the end of its line.
pub fn write_line(record: &Record, to: &mut Vec<u8>) {
    serde_json::to_writer(&mut *to, record).expect("records are plain data");
    to.push(b'\n');
}

/// BLAKE3 of the first `len_bytes` of the ledger; `None` if it is shorter.
///
/// # Errors
/// When it cannot be read.
pub fn blake3_of(root: &Path, len_bytes: u64) -> Result<Option<String>> {
    let path = root.join(FILE_NAME);
    let mut hash = blake3::Hasher::new();
    let file = File::open(&path).map_err(|err| Error::io("read", &path, &err))?;
    let len = file.metadata().map_err(|err| Error::io("read", &path, &err))?.len();
    hash.update_reader(file.take(len_bytes)).map_err(|err| Error::io("read", &path, &err))?;
    Ok((len >= len_bytes).then(|| hash.finalize().to_hex().to_string()))
}

/// Calls `each` with every record in order, up to `limit_bytes` if given. A last line that was not finished ends it;
/// returns how many bytes hold whole records.
///
/// # Errors
/// When the ledger cannot be read or a line in its middle is no record.
pub fn replay(
    root: &Path,
    limit_bytes: Option<u64>,
    mut each: impl FnMut(Record) -> Result<()>,
) -> Result<u64> {
    let path = root.join(FILE_NAME);
    let file = File::open(&path).map_err(|err| Error::io("read", &path, &err))?;
    let mut reader = BufReader::with_capacity(1 << 18, file.take(limit_bytes.unwrap_or(u64::MAX)));
    let mut line = Vec::new();
    let mut offset = 0;
    loop {
        line.clear();
        let len = reader.read_until(b'\n', &mut line).map_err(|err| Error::io("read", &path, &err))?;
        if len == 0 || line.last() != Some(&b'\n') {
            return Ok(offset);
        }
        let record = serde_json::from_slice(&line).map_err(|err| {
            Error::new(Kind::Archive, format!("the ledger is damaged, in `{}` at byte {offset}: {err}", path.display()))
                .hint("restore ledger.jsonl from a copy of the archive, or import the export again into a new archive")
        })?;
        each(record)?;
        offset += len as u64;
    }
}
