//! Hashes of the parts themselves, for a receipt that names them: a part that is still there is read once more.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::archive::proofs::{self, Proof, What};
use crate::archive::reader::Reader;
use crate::report::error::{Error, Kind, Result};
use crate::report::event::{Event, Observer};
use crate::source::Part;

/// Reads parts and writes down their SHA-256, as `sha256sum` prints it. Folders are passed over. Returns the names of
/// parts that the archive was not made of.
///
/// # Errors
/// When a part cannot be read, the archive not be written to, or the user stops.
pub fn hash_parts(
    archive: &Path,
    parts: &[Part],
    observer: &dyn Observer,
    stop: &AtomicBool,
) -> Result<Vec<String>> {
    let reader = Reader::open(archive)?;
    let state = reader.state()?;
    let mut known = Vec::new();
    for export in reader.status()?.exports {
        known.extend(reader.parts_of(&export.key)?.into_iter().map(|part| part.fingerprint));
    }
    let (ours, strange): (Vec<&Part>, Vec<&Part>) =
        parts.iter().partition(|part| known.contains(&part.fingerprint));
    let files: Vec<&&Part> = ours.iter().filter(|part| part.path.is_file()).collect();
    let total_bytes = files.iter().map(|part| part.size).sum();
    observer.event(Event::Begin { stage: "hash parts", total_bytes, total_items: files.len() as u64 });
    for part in files {
        let sha256 = sha256(&part.path, observer, stop)?;
        let what = What::Part { fingerprint: part.fingerprint.clone(), sha256 };
        proofs::add(archive, &Proof { at: jiff::Timestamp::now().as_second(), state: state.clone(), what })?;
        observer.event(Event::Items(1));
    }
    observer.event(Event::End { stage: "hash parts" });
    Ok(strange.into_iter().map(|part| part.name.clone()).collect())
}

fn sha256(path: &Path, observer: &dyn Observer, stop: &AtomicBool) -> Result<String> {
    let failed =
        |err: std::io::Error| Error::new(Kind::Export, format!("cannot read `{}`: {err}", path.display()));
    let mut file = BufReader::with_capacity(1 << 20, File::open(path).map_err(failed)?);
    let mut hash = Sha256::new();
    let mut buf = vec![0; 1 << 20];
    loop {
        let n = file.read(&mut buf).map_err(failed)?;
        if n == 0 {
            return Ok(HEXLOWER.encode(&hash.finalize()));
        }
        hash.update(&buf[..n]);
        observer.event(Event::Bytes(n as u64));
        if stop.load(Ordering::Relaxed) {
            return Err(Error::new(Kind::Interrupted, "stopped while reading the parts"));
        }
    }
}
