//! The members of a tar: their headers, one after the other, on anything that can be read forwards.
//!
//! The `tar` crate knows the fields of a header. Walking from header to header is done here, because a part that
//! breaks off must keep what was listed before, and because no length that a header claims may be allocated.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use exodus_api::SourceError;
use tar::{EntryType, Header};

use super::listing::{
    Container, Listing, Member, Opened, Refusal, Unopened, hash_listing, hex32, no_such_slot,
};
use super::names;
use super::stretch::{Stretch, read_at_most};

const BLOCK: usize = 512;
/// The longest name or PAX header that is believed, in bytes.
const LONGEST_META: u64 = 1 << 20;
const AGAIN: &str = "download this part again, then run the same command: what is done stays done";

/// A tar, read forwards.
pub(super) trait Tape {
    /// Fills `buf`, and returns how many bytes there were: fewer only at the end.
    fn fill(&mut self, buf: &mut [u8]) -> io::Result<usize>;

    /// Passes over so many bytes, and returns how many there were: fewer only at the end.
    fn pass(&mut self, len: u64) -> io::Result<u64>;

    /// Passes over the content of the member that will have this slot; the CRC-32 is of what was passed.
    fn content(&mut self, _path: &str, _slot: u32, len: u64) -> io::Result<(u64, Option<u32>)> {
        Ok((self.pass(len)?, None))
    }

    /// How many bytes of the tar are before this point.
    fn position(&self) -> u64;
}

/// Where the content of a member is in the tar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    /// Its first byte.
    pub(super) offset: u64,
    /// Its length in bytes.
    pub(super) size: u64,
}

/// True when these first bytes of a file are those of a tar: a header whose checksum is right.
pub(super) fn is_header(head: &[u8]) -> bool {
    head.get(..BLOCK).is_some_and(|block| header_of(block).is_some())
}

fn header_of(block: &[u8]) -> Option<&Header> {
    let header = Header::from_byte_slice(block);
    let is_sum = |idx: usize| (148..156).contains(&idx);
    let bytes = block.iter().enumerate();
    let sum: u32 = bytes.map(|(idx, byte)| if is_sum(idx) { 32 } else { u32::from(*byte) }).sum();
    (header.cksum().ok()? == sum).then_some(header)
}

/// Lists all members on the tape. What is wrong with it is in the listing: only failing to read is an error.
pub(super) fn list(tape: &mut impl Tape) -> io::Result<(Listing, Vec<Spot>)> {
    let mut walk =
        Walk { tape, listing: Listing::default(), spots: Vec::new(), next: About::default(), has_end: false };
    loop {
        match walk.step() {
            Ok(true) => {}
            Ok(false) => break,
            Err(End::Io(err)) => return Err(err),
            Err(End::Here(warning)) => {
                walk.listing.warnings.push(warning);
                break;
            }
            Err(End::Lost { what, at }) => {
                // Nobody knows what is lost, so the stretch itself is what could not be taken.
                let stretch = format!("(all from byte {at} of the tar)");
                walk.listing.refused.push(Refusal::new(&stretch, 0, &what, Some(AGAIN)));
                walk.listing.warnings.push(format!("{what}; {AGAIN}"));
                break;
            }
        }
    }
    Ok((walk.listing, walk.spots))
}

/// Why the walk ended before the tar did.
enum End {
    /// The disk fails.
    Io(io::Error),
    /// It ends here; what is lost has been told, or is nothing.
    Here(String),
    /// It is damaged at this byte, and what follows is lost.
    Lost { what: String, at: u64 },
}

impl From<io::Error> for End {
    fn from(err: io::Error) -> End {
        End::Io(err)
    }
}

/// What extension headers say about the member that follows them.
#[derive(Default)]
struct About {
    path: Option<Vec<u8>>,
    size: Option<u64>,
    modified: Option<i64>,
    is_sparse: bool,
    has_pax: bool,
}

struct Walk<'a, T> {
    tape: &'a mut T,
    listing: Listing,
    spots: Vec<Spot>,
    next: About,
    has_end: bool,
}

impl<T: Tape> Walk<'_, T> {
    /// Takes one header and what belongs to it; false at the end.
    fn step(&mut self) -> Result<bool, End> {
        let at = self.tape.position();
        let mut block = [0; BLOCK];
        let len = self.tape.fill(&mut block).map_err(|err| ended(at, err))?;
        if len == 0 {
            let what = "it does not end as a tar does, so something may be missing at its end";
            return if self.has_end { Ok(false) } else { Err(End::Here(format!("{what}: {AGAIN}"))) };
        }
        // Blocks of zeros end a tar; but another may be appended behind them, so only the end of the tape counts.
        if block[..len].iter().all(|byte| *byte == 0) {
            self.has_end = true;
            return Ok(true);
        }
        if len < BLOCK {
            let what = format!("the part is cut short in a header, at byte {at} of the tar");
            return Err(End::Lost { what, at });
        }
        let header = header_of(&block).ok_or_else(|| damaged(at))?;
        let size = number(&header.as_old().size).ok_or_else(|| damaged(at))?;
        match header.entry_type() {
            kind if kind.is_gnu_longname() => self.next.path = Some(self.text(at, size)?),
            kind if kind.is_pax_local_extensions() || kind.as_byte() == b'X' => {
                let records = self.meta(at, size)?;
                self.next.read_pax(&records);
            }
            kind if kind.is_gnu_longlink() || kind.is_pax_global_extensions() || kind.as_byte() == b'V' => {
                self.pass(at, padded(size).ok_or_else(|| damaged(at))?)?;
            }
            kind => {
                let about = std::mem::take(&mut self.next);
                self.member(&block, kind, about, size)?;
            }
        }
        Ok(true)
    }

    /// The content of an extension header.
    fn meta(&mut self, at: u64, size: u64) -> Result<Vec<u8>, End> {
        if size > LONGEST_META {
            return Err(damaged(at));
        }
        let mut meta = vec![0; usize::try_from(size).unwrap_or(0)];
        let len = self.tape.fill(&mut meta).map_err(|err| ended(at, err))?;
        if len < meta.len() {
            let what = format!("the part is cut short in a header, at byte {at} of the tar");
            return Err(End::Lost { what, at });
        }
        self.pass(at, padding(size))?;
        Ok(meta)
    }

    /// The content of an extension header, up to its NUL.
    fn text(&mut self, at: u64, size: u64) -> Result<Vec<u8>, End> {
        let mut text = self.meta(at, size)?;
        let len = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
        text.truncate(len);
        Ok(text)
    }

    fn pass(&mut self, at: u64, len: u64) -> Result<(), End> {
        self.tape.pass(len).map(|_| ()).map_err(|err| ended(at, err))
    }

    fn member(&mut self, block: &[u8; BLOCK], kind: EntryType, about: About, size: u64) -> Result<(), End> {
        let at = self.tape.position();
        let header = Header::from_byte_slice(block);
        let size = self.skip_sparse_map(kind, block, about.size.unwrap_or(size))?;
        let raw_name = about.path.unwrap_or_else(|| header.path_bytes().into_owned());
        let name = names::decode(&raw_name);
        // `D` is a folder with a list of what was in it, for incremental backups.
        let is_folder = (kind.is_dir() || name.ends_with('/')) && size == 0;
        if is_folder || kind.as_byte() == b'D' {
            return self.pass(at, padded(size).ok_or_else(|| damaged(at))?);
        }
        let refused = if let Some(what) = special(kind, about.is_sparse) {
            let hint =
                "links, devices and sparse files are not taken; if it matters, unpack the part by hand";
            Some(Refusal::new(&name, size, what, Some(hint)))
        } else {
            names::clean(&name).err().map(|bad| Refusal::of_name(&name, size, bad))
        };
        if let Some(refusal) = refused {
            self.listing.refused.push(refusal);
            // Only PAX gives a link a content; elsewhere its size is that of the file it stands for.
            let len = if kind_has_no_content(kind, about.has_pax) { 0 } else { size };
            return self.pass(at, padded(len).ok_or_else(|| damaged(at))?);
        }
        let modified = about.modified.or_else(|| signed(&header.as_old().mtime));
        self.file(at, &name, size, modified)
    }

    /// Lists a file, and passes over its content.
    fn file(&mut self, at: u64, name: &str, size: u64, modified: Option<i64>) -> Result<(), End> {
        let path = names::clean(name).unwrap_or_default();
        let slot = u32::try_from(self.spots.len()).map_err(|_| damaged(at))?;
        let passed = self.tape.content(&path, slot, size);
        let crc32 = match passed {
            Ok((len, crc32)) if len == size => crc32,
            Ok(_) => return Err(self.cut_through(&path, size, "the part is cut short")),
            Err(err) if is_of_the_data(&err) => {
                return Err(self.cut_through(&path, size, &err.to_string()));
            }
            Err(err) => return Err(err.into()),
        };
        self.spots.push(Spot { offset: at, size });
        self.listing.members.push(Member { path, size, modified, crc32, order: at, slot });
        self.pass(at, padding(size))
    }

    fn cut_through(&mut self, path: &str, size: u64, why: &str) -> End {
        let what = format!("only its beginning is there: {why}");
        self.listing.refused.push(Refusal::new(path, size, &what, Some(AGAIN)));
        let path = names::printable(path);
        End::Here(format!("{why}: it breaks off in `{path}`, and what may follow is not there; {AGAIN}"))
    }

    /// The old GNU way of sparse files puts further blocks between header and content.
    fn skip_sparse_map(&mut self, kind: EntryType, block: &[u8; BLOCK], size: u64) -> Result<u64, End> {
        let mut goes_on = kind.is_gnu_sparse() && block[482] != 0;
        while goes_on {
            let at = self.tape.position();
            let mut map = [0; BLOCK];
            let len = self.tape.fill(&mut map).map_err(|err| ended(at, err))?;
            goes_on = len == BLOCK && map[504] != 0;
        }
        Ok(size)
    }
}

/// How the walk ends when the tape fails: wrong data ends the listing, a failing disk ends all.
fn ended(at: u64, err: io::Error) -> End {
    if is_of_the_data(&err) {
        End::Lost { what: format!("{err}, at byte {at} of the tar: what may follow is not there"), at }
    } else {
        End::Io(err)
    }
}

fn is_of_the_data(err: &io::Error) -> bool {
    matches!(err.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
}

fn damaged(at: u64) -> End {
    let what =
        format!("no member begins at byte {at} of the tar, where one should: what follows is not listed");
    End::Lost { what, at }
}

fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}

fn padded(size: u64) -> Option<u64> {
    size.checked_add(padding(size))
}

/// What a member is when it is not a plain file.
fn special(kind: EntryType, is_sparse: bool) -> Option<&'static str> {
    match kind.as_byte() {
        b'1' => Some("it is a hard link"),
        b'2' => Some("it is a symbolic link"),
        b'3' | b'4' => Some("it is a device"),
        b'5' => Some("it is a folder that claims to have content"),
        b'6' => Some("it is a named pipe"),
        b'S' => Some("it is a sparse file"),
        b'M' => Some("it is the rest of a file that began in another volume"),
        _ if is_sparse => Some("it is a sparse file"),
        _ => None,
    }
}

fn kind_has_no_content(kind: EntryType, has_pax: bool) -> bool {
    matches!(kind.as_byte(), b'2'..=b'4' | b'6') || (kind.as_byte() == b'1' && !has_pax)
}

/// A number field: octal digits, or (with the top bit set) the number itself. `None` when it is neither or negative.
fn number(field: &[u8; 12]) -> Option<u64> {
    signed(field).and_then(|number| u64::try_from(number).ok())
}

fn signed(field: &[u8; 12]) -> Option<i64> {
    match field[0] {
        0x80 | 0xff => {
            let (high, low) = field.split_last_chunk::<8>()?;
            let number = i64::from_be_bytes(*low);
            let fits = high[1..].iter().all(|byte| *byte == if number < 0 { 0xff } else { 0 });
            (fits && (number < 0) == (field[0] == 0xff)).then_some(number)
        }
        _ => {
            let text = field.split(|byte| *byte == 0).next()?;
            let text = std::str::from_utf8(text).ok()?.trim();
            if text.is_empty() { Some(0) } else { i64::from_str_radix(text, 8).ok() }
        }
    }
}

impl About {
    /// Takes the records of a PAX header: `<length> <key>=<value>\n`.
    fn read_pax(&mut self, mut records: &[u8]) {
        self.has_pax = true;
        while let Some((key, value, rest)) = pax_record(records) {
            let text = || std::str::from_utf8(value).ok();
            match key {
                b"path" | b"GNU.sparse.name" => self.path = Some(value.to_vec()),
                b"size" => self.size = text().and_then(|size| size.parse().ok()).or(self.size),
                b"mtime" => self.modified = text().and_then(seconds).or(self.modified),
                _ => self.is_sparse |= key.starts_with(b"GNU.sparse."),
            }
            records = rest;
        }
    }
}

fn pax_record(records: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = records.iter().take(20).position(|byte| *byte == b' ')?;
    let len: usize = std::str::from_utf8(&records[..space]).ok()?.parse().ok()?;
    let record = records.get(space + 1..len)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    Some((&record[..equals], &record[equals + 1..], &records[len..]))
}

/// The whole seconds of a PAX time, rounded down.
fn seconds(time: &str) -> Option<i64> {
    let (whole, fraction) = time.split_once('.').unwrap_or((time, ""));
    let seconds: i64 = whole.parse().ok()?;
    let is_between = time.starts_with('-') && fraction.bytes().any(|digit| digit != b'0');
    seconds.checked_sub(i64::from(is_between))
}

/// Opens the tar that `file` is, `len` bytes long.
pub(super) fn open(file: File, len: u64) -> Result<Opened, Unopened> {
    let file = Arc::new(file);
    let mut tape = FileTape { file: Arc::clone(&file), pos: 0, len };
    let (mut listing, spots) = list(&mut tape)?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"tar");
    hasher.update(&len.to_le_bytes());
    hash_listing(&mut hasher, &listing.members, &listing.refused);
    listing.fingerprint = hex32(&hasher);
    Ok(Opened { listing, container: Box::new(Tar { file, spots }) })
}

/// A tar that is not packed: what is passed over is not read.
struct FileTape {
    file: Arc<File>,
    pos: u64,
    len: u64,
}

impl Tape for FileTape {
    fn fill(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = read_at_most(&self.file, buf, self.pos)?;
        self.pos += len as u64;
        Ok(len)
    }

    fn pass(&mut self, len: u64) -> io::Result<u64> {
        let passed = len.min(self.len.saturating_sub(self.pos));
        self.pos += passed;
        Ok(passed)
    }

    fn position(&self) -> u64 {
        self.pos
    }
}

struct Tar {
    file: Arc<File>,
    spots: Vec<Spot>,
}

impl Container for Tar {
    fn open(&self, slot: u32) -> Result<Box<dyn Read + Send + '_>, SourceError> {
        let spot = self.spots.get(slot as usize).ok_or_else(no_such_slot)?;
        let end = spot.offset.saturating_add(spot.size);
        Ok(Box::new(Stretch::new(&self.file, spot.offset, end)))
    }
}
