//! A packed tar as a part: listed in one pass, then read from marks.
//!
//! The listing pass inflates everything once, and pays for that three times: it learns the CRC-32 of every content
//! (so that equal files in two parts are known without reading them again), it keeps small sidecars in memory, and
//! it leaves the marks. Read in storage order, nothing is inflated twice after that: a reader that is dropped
//! leaves its decoder here for the next one.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, Cursor, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use exodus_api::SourceError;

use super::gzip::{Gzip, Index};
use super::inflate::{Marking, Resuming};
use super::listing::{
    Container, Listing, Opened, Refusal, Unopened, cannot_open, hash_listing, hex32, no_such_slot,
};
use super::tar::{self, Spot, Tape};

/// The longest sidecar that is kept in memory, in bytes.
const LONGEST_KEPT: u64 = 64 << 10;
/// How many decoders wait for a reader.
const MOST_PARKED: usize = 4;
/// How often progress is told, in bytes of the part.
const TELL_EVERY: u64 = 1 << 20;

/// How many bytes of sidecars may still be kept in memory, in all parts of an export together.
pub(super) struct Budget(AtomicU64);

impl Default for Budget {
    fn default() -> Budget {
        Budget(AtomicU64::new(32 << 20))
    }
}

impl Budget {
    /// Takes so many bytes off; false when there are not as many left.
    fn take(&self, len: u64) -> bool {
        let less = |left: u64| left.checked_sub(len);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

/// What the listing of a packed tar may use.
pub(super) struct Context<'a> {
    /// Is told how many bytes of the part were read.
    pub(super) progress: &'a dyn Fn(u64),
    /// What may be kept in memory.
    pub(super) budget: &'a Budget,
}

/// Opens the packed tar that `file` is, `len` bytes long.
pub(super) fn open(context: &Context<'_>, file: File, len: u64) -> Result<Opened, Unopened> {
    let (tgz, listing) = list(context, file, len, Index::default())?;
    let container = Box::new(tgz);
    Ok(Opened { listing, container })
}

fn list(context: &Context<'_>, file: File, len: u64, index: Index) -> Result<(Tgz, Listing), Unopened> {
    let file = Arc::new(file);
    let gzip = Gzip::listing(&file, len, index);
    let mut tape = PackedTape { gzip, context, told: 0, kept: HashMap::new() };
    let (mut listing, spots) = tar::list(&mut tape)?;
    let PackedTape { gzip, kept, .. } = tape;
    if gzip.has_wrong_sum() {
        for member in &mut listing.members {
            member.crc32 = None;
        }
        // Which content is wrong nobody can tell, so the part itself is what could not be taken whole.
        let what = "its checksum is wrong, so some of its contents may be";
        let hint = "download this part again to be sure";
        listing.refused.push(Refusal::new("(the part as a whole)", 0, what, Some(hint)));
        listing.warnings.push(format!("{what}; {hint}"));
    }
    if gzip.has_junk() {
        listing.warnings.push("something follows the end of its data that is not part of it".to_owned());
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"tgz");
    hasher.update(&len.to_le_bytes());
    hash_listing(&mut hasher, &listing.members, &listing.refused);
    listing.fingerprint = hex32(&hasher);
    let tgz = Tgz {
        file,
        len,
        spots,
        index: gzip.into_index(),
        kept,
        parked: Mutex::default(),
        inflated: AtomicU64::new(0),
    };
    Ok((tgz, listing))
}

/// A packed tar while it is being listed.
struct PackedTape<'a> {
    gzip: Gzip<Marking>,
    context: &'a Context<'a>,
    told: u64,
    kept: HashMap<u32, Arc<[u8]>>,
}

impl PackedTape<'_> {
    fn tell(&mut self) {
        let now = self.gzip.packed_position();
        if now - self.told >= TELL_EVERY {
            self.told = now;
            (self.context.progress)(now);
        }
    }

    fn is_to_keep(&self, path: &str, len: u64) -> bool {
        let is_sidecar = path.ends_with(".json") || path.ends_with(".html");
        is_sidecar && len <= LONGEST_KEPT && self.context.budget.take(len)
    }
}

impl Tape for PackedTape<'_> {
    fn fill(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut len = 0;
        while len < buf.len() {
            match self.gzip.read(&mut buf[len..])? {
                0 => break,
                more => len += more,
            }
        }
        self.tell();
        Ok(len)
    }

    fn pass(&mut self, len: u64) -> io::Result<u64> {
        let mut passed = 0;
        while passed < len {
            let some = self.gzip.pass((len - passed).min(TELL_EVERY), |_| {})?;
            if some == 0 {
                break;
            }
            passed += some;
            self.tell();
        }
        Ok(passed)
    }

    fn content(&mut self, path: &str, slot: u32, len: u64) -> io::Result<(u64, Option<u32>)> {
        let mut kept = self.is_to_keep(path, len).then(Vec::new);
        let mut crc32 = crc32fast::Hasher::new();
        let mut passed = 0;
        while passed < len {
            let some = self.gzip.pass((len - passed).min(TELL_EVERY), |bytes| {
                crc32.update(bytes);
                if let Some(kept) = &mut kept {
                    kept.extend_from_slice(bytes);
                }
            })?;
            if some == 0 {
                break;
            }
            passed += some;
            self.tell();
        }
        if let Some(kept) = kept.filter(|_| passed == len) {
            self.kept.insert(slot, kept.into());
        }
        Ok((passed, Some(crc32.finalize())))
    }

    fn position(&self) -> u64 {
        self.gzip.position()
    }
}

struct Tgz {
    file: Arc<File>,
    len: u64,
    spots: Vec<Spot>,
    index: Index,
    kept: HashMap<u32, Arc<[u8]>>,
    parked: Mutex<Vec<Gzip<Resuming>>>,
    /// How many bytes of content were inflated since the listing, for the tests.
    inflated: AtomicU64,
}

impl Tgz {
    /// A decoder that is as near before `at` as can be had.
    fn decoder(&self, at: u64) -> io::Result<Gzip<Resuming>> {
        let from_mark = self.index.start_before(at);
        let mut parked = self.parked.lock().unwrap_or_else(PoisonError::into_inner);
        let places = parked.iter().map(Gzip::position).enumerate();
        let best = places.filter(|(_, pos)| (from_mark..=at).contains(pos)).max_by_key(|(_, pos)| *pos);
        if let Some((idx, _)) = best {
            return Ok(parked.remove(idx));
        }
        drop(parked);
        Gzip::from_index(&self.file, self.len, &self.index, at)
    }

    fn park(&self, decoder: Gzip<Resuming>) {
        let mut parked = self.parked.lock().unwrap_or_else(PoisonError::into_inner);
        if parked.len() >= MOST_PARKED {
            parked.remove(0);
        }
        parked.push(decoder);
    }
}

impl Container for Tgz {
    fn open(&self, slot: u32) -> Result<Box<dyn Read + Send + '_>, SourceError> {
        if let Some(kept) = self.kept.get(&slot) {
            return Ok(Box::new(Cursor::new(Arc::clone(kept))));
        }
        let spot = *self.spots.get(slot as usize).ok_or_else(no_such_slot)?;
        let decoder = self.decoder(spot.offset).map_err(|err| cannot_open(&err))?;
        Ok(Box::new(Content { tgz: self, decoder: Some(decoder), spot, left: spot.size }))
    }

    fn opens_anywhere(&self) -> bool {
        false
    }
}

/// Reads one member; leaves its decoder behind when it is dropped.
struct Content<'a> {
    tgz: &'a Tgz,
    decoder: Option<Gzip<Resuming>>,
    spot: Spot,
    left: u64,
}

impl Content<'_> {
    fn read_on(&mut self, decoder: &mut Gzip<Resuming>, buf: &mut [u8]) -> io::Result<usize> {
        let before = decoder.position();
        if before < self.spot.offset {
            decoder.pass(self.spot.offset - before, |_| {})?;
        }
        let want = buf.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let mut ready = decoder.fill_buf()?;
        let len = ready.read(&mut buf[..want])?;
        decoder.consume(len);
        self.left -= len as u64;
        self.tgz.inflated.fetch_add(decoder.position() - before, Ordering::Relaxed);
        Ok(len)
    }
}

impl Read for Content<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() || self.left == 0 {
            return Ok(0);
        }
        // A decoder that failed is not put back: neither this reader nor the next one goes on with it.
        let failed = || io::Error::new(io::ErrorKind::InvalidData, "the packed data before this is damaged");
        let mut decoder = self.decoder.take().ok_or_else(failed)?;
        let len = self.read_on(&mut decoder, buf)?;
        self.decoder = Some(decoder);
        Ok(len)
    }
}

impl Drop for Content<'_> {
    fn drop(&mut self) {
        if let Some(decoder) = self.decoder.take() {
            self.tgz.park(decoder);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::listing::Member;
    use super::*;

    /// A packed tar of `count` files of mixed sizes, with small blocks, and its contents.
    fn sample(count: u64) -> (Vec<u8>, Vec<Vec<u8>>) {
        let mut mixed = 1_u64;
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
        let mut contents = Vec::new();
        for idx in 0..count {
            let len = [0, 1, 511, 512, 513, 70_000, 200_000][(idx % 7) as usize];
            let mut content = Vec::with_capacity(len);
            while content.len() < len {
                mixed = mixed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(idx);
                content.extend(format!("{} ", mixed >> 44).bytes());
            }
            content.truncate(len);
            let mut header = ::tar::Header::new_gnu();
            header.set_path(format!("{idx}.jpg")).expect("a short name");
            header.set_size(len as u64);
            header.set_cksum();
            packed.write_all(header.as_bytes()).expect("memory takes all");
            packed.write_all(&content).expect("memory takes all");
            packed.write_all(&vec![0; len.next_multiple_of(512) - len]).expect("memory takes all");
            contents.push(content);
        }
        packed.write_all(&[0; 1024]).expect("memory takes all");
        (packed.finish().expect("memory takes all"), contents)
    }

    fn opened(packed: &[u8], spacing: u64) -> (Tgz, Listing) {
        let path = std::env::temp_dir().join(format!("exodus-tgz-{}-{spacing}", std::process::id()));
        std::fs::write(&path, packed).expect("the temporary folder can be written");
        let file = File::open(&path).expect("it was just written");
        std::fs::remove_file(&path).expect("it was just written");
        let context = Context { progress: &|_| {}, budget: &Budget::default() };
        list(&context, file, packed.len() as u64, Index::new(spacing)).expect("a whole tgz")
    }

    fn read(tgz: &Tgz, member: &Member) -> Vec<u8> {
        let mut content = Vec::new();
        let mut reader = tgz.open(member.slot).expect("an entry");
        reader.read_to_end(&mut content).expect("a whole entry");
        content
    }

    #[test]
    fn any_order_of_reading_gives_the_same_contents() {
        let (packed, contents) = sample(200);
        let (tgz, listing) = opened(&packed, 100_000);
        assert_eq!(listing.members.len(), 200);
        assert!(listing.warnings.is_empty());
        let total: u64 = listing.members.iter().map(|member| member.size).sum();
        for (member, content) in listing.members.iter().zip(&contents).rev() {
            assert!(read(&tgz, member) == *content, "{} in reverse", member.path);
            assert_eq!(member.crc32, Some(crc32fast::hash(content)));
        }
        let backwards = tgz.inflated.swap(0, Ordering::Relaxed);
        assert!(backwards < 4 * total, "{backwards} bytes inflated for {total}");
        for (member, content) in listing.members.iter().zip(&contents) {
            assert!(read(&tgz, member) == *content, "{} in storage order", member.path);
        }
        let forwards = tgz.inflated.load(Ordering::Relaxed);
        assert!(forwards * 10 <= total * 11, "{forwards} bytes inflated for {total}");
    }

    #[test]
    fn readers_side_by_side_do_not_disturb_one_another() {
        let (packed, contents) = sample(40);
        let (tgz, listing) = opened(&packed, 50_001);
        std::thread::scope(|scope| {
            for offset in 0..4 {
                let (tgz, listing, contents) = (&tgz, &listing, &contents);
                scope.spawn(move || {
                    for idx in (0..40).map(|idx| (idx * 7 + offset * 11) % 40) {
                        assert!(read(tgz, &listing.members[idx]) == contents[idx]);
                    }
                });
            }
        });
        assert!(tgz.parked.lock().expect("no panic").len() <= MOST_PARKED);
    }

    #[test]
    fn marks_grow_sparser_instead_of_more() {
        let (packed, contents) = sample(200);
        let (tgz, listing) = opened(&packed, 1);
        let (idx, member) = (150, &listing.members[150]);
        assert!(read(&tgz, member) == contents[idx]);
    }
}
