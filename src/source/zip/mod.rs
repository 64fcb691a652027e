//! A zip as a part: which of its members can be read, and the reading of them.
//!
//! Members are read straight from the file by position, so that any number of them can be open at once. That is
//! also why the readers of the `zip` crate are not used: they borrow their archive mutably for as long as they live.

pub(super) mod directory;

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::sync::Arc;

use exodus_api::SourceError;

use self::directory::{Bounds, Record, Records, u16_at};
use super::listing::{
    Container, Listing, Member, Opened, Refusal, Unopened, cannot_open, hex32, no_such_slot,
};
use super::names;
use super::stretch::{Stretch, read_at_most};

/// How long a local header is without its name and extra field, in bytes.
const LOCAL_LEN: u64 = 30;
const AGAIN: &str = "download this part again, then run the same command";

/// How the content of a member is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Stored,
    Deflate,
    Deflate64,
}

impl Method {
    fn of(number: u16) -> Option<Method> {
        match number {
            0 => Some(Method::Stored),
            8 => Some(Method::Deflate),
            9 => Some(Method::Deflate64),
            _ => None,
        }
    }

    /// More bytes cannot come out of `packed` bytes: a match of 258 bytes takes 2 bits of deflate at least, one of
    /// 65,538 bytes 2 bits of deflate64.
    fn most_bytes(self, packed: u64) -> u64 {
        match self {
            Method::Stored => packed,
            Method::Deflate => packed.saturating_mul(1032),
            Method::Deflate64 => packed.saturating_mul(4 * 65_538),
        }
    }
}

/// Where a member is.
#[derive(Clone, Copy, Debug)]
struct Spot {
    offset: u64,
    packed: u64,
    method: Method,
}

struct Zip {
    file: Arc<File>,
    spots: Vec<Spot>,
}

/// Opens the zip that `file` is, `len` bytes long.
pub(super) fn open(file: File, len: u64) -> Result<Opened, Unopened> {
    let cut = "this zip is cut short: the list of its members, which stands at its end, is missing";
    let bounds = directory::find(&file, len)?.ok_or_else(|| Unopened::new(cut, AGAIN))?;
    let file = Arc::new(file);
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"zip");
    hasher.update(&len.to_le_bytes());
    let mut inventory = Inventory::default();
    let mut records = Records::new(&file, bounds, &mut hasher)?;
    while let Some(record) = records.next()? {
        inventory.take(&record);
    }
    inventory.refuse_overlaps(bounds);
    let mut listing = inventory.listing;
    listing.fingerprint = hex32(&hasher);
    let container = Box::new(Zip { file, spots: inventory.spots });
    Ok(Opened { listing, container })
}

/// The members of a zip while they are being listed.
#[derive(Default)]
struct Inventory {
    listing: Listing,
    spots: Vec<Spot>,
}

impl Inventory {
    fn take(&mut self, record: &Record) {
        let name = match &record.unicode_name {
            Some(name) => names::with_slashes(name.as_str().into()),
            None => names::with_slashes(names::decode_zip(&record.raw_name)),
        };
        let is_folder = name.ends_with('/') || record.mode.is_some_and(|mode| mode & 0o170_000 == 0o040_000);
        if is_folder && record.size == 0 {
            return;
        }
        match refusal(record, &name, is_folder) {
            Err(refusal) => self.listing.refused.push(refusal),
            Ok((path, method)) => self.add(record, path, method),
        }
    }

    fn add(&mut self, record: &Record, path: String, method: Method) {
        let Ok(slot) = u32::try_from(self.spots.len()) else {
            let what = "the zip has more members than can be counted";
            return self.listing.refused.push(Refusal::new(&path, record.size, what, None));
        };
        self.spots.push(Spot { offset: record.offset, packed: record.packed, method });
        self.listing.members.push(Member {
            path,
            size: record.size,
            modified: record.modified,
            crc32: Some(record.crc32),
            order: record.offset,
            slot,
        });
    }

    /// Refuses members that lie over one another, or over the list of members. What is compared is the least
    /// that a member can take (its header without a name, and its data), so that no honest zip is refused.
    fn refuse_overlaps(&mut self, bounds: Bounds) {
        let spots = &self.spots;
        self.listing.members.sort_by_key(|member| (member.order, member.slot));
        let mut taken_to = 0;
        let mut refused = Vec::new();
        self.listing.members.retain(|member| {
            let packed = spots.get(member.slot as usize).map_or(0, |spot| spot.packed);
            let end = member.order.saturating_add(LOCAL_LEN).saturating_add(packed);
            let what = if end > bounds.start {
                "its data would lie outside of the zip"
            } else if member.order < taken_to {
                "members overlap: this is how zip bombs are built"
            } else {
                taken_to = end;
                return true;
            };
            refused.push(Refusal::new(&member.path, member.size, what, Some(AGAIN)));
            false
        });
        self.listing.refused.append(&mut refused);
    }
}

/// The path and the packing of a member, or why no importer may see it.
fn refusal(record: &Record, name: &str, is_folder: bool) -> Result<(String, Method), Refusal> {
    let refuse = |what: &str, hint| Err(Refusal::new(name, record.size, what, hint));
    let path = names::clean(name).map_err(|bad| Refusal::of_name(name, record.size, bad))?;
    if is_folder {
        return refuse("it is a folder that claims to have content", None);
    }
    if record.flags & 0x2041 != 0 || record.method == 99 {
        let hint = "unpack the zip with its password and give the folder instead";
        return refuse("it is encrypted", Some(hint));
    }
    if let Some(what) = record.mode.and_then(special) {
        return refuse(
            what,
            Some("links and devices are not followed; if it matters, give what it points to"),
        );
    }
    match Method::of(record.method) {
        // A promise that no data can keep would make the export look larger than any disk.
        Some(method) if record.size > method.most_bytes(record.packed) => {
            refuse("it promises more bytes than can be packed in its data", Some(AGAIN))
        }
        Some(method) => Ok((path, method)),
        None => {
            let what =
                format!("it is packed in a way that exodus cannot read (zip method {})", record.method);
            refuse(&what, Some("unpack the zip with another program and give the folder instead"))
        }
    }
}

/// What a unix mode says when it is not that of a file.
fn special(mode: u32) -> Option<&'static str> {
    match mode & 0o170_000 {
        0o120_000 => Some("it is a symbolic link"),
        0o010_000 => Some("it is a named pipe"),
        0o020_000 | 0o060_000 => Some("it is a device"),
        0o140_000 => Some("it is a socket"),
        _ => None,
    }
}

impl Container for Zip {
    fn open(&self, slot: u32) -> Result<Box<dyn Read + Send + '_>, SourceError> {
        let spot = *self.spots.get(slot as usize).ok_or_else(no_such_slot)?;
        let start = data_start(&self.file, spot.offset).map_err(|err| cannot_open(&err))?;
        let start = start.ok_or_else(|| SourceError {
            what: format!("no member begins at byte {} of the part, where its list says so", spot.offset),
            hint: Some(AGAIN.to_owned()),
        })?;
        let packed = Stretch::new(&self.file, start, start.saturating_add(spot.packed));
        // Exports have as many small members as large ones: a sidecar needs no room for a photo.
        let room = usize::try_from(spot.packed).unwrap_or(usize::MAX).clamp(1 << 9, 1 << 16);
        Ok(match spot.method {
            Method::Stored => Box::new(packed),
            Method::Deflate => {
                let packed = BufReader::with_capacity(room, packed);
                Box::new(Unpacked(flate2::bufread::DeflateDecoder::new(packed)))
            }
            Method::Deflate64 => {
                let packed = BufReader::with_capacity(room, packed);
                Box::new(Unpacked(deflate64::Deflate64Decoder::with_buffer(packed)))
            }
        })
    }

    fn extent(&self, slot: u32) -> Option<(u64, u64)> {
        let spot = self.spots.get(slot as usize)?;
        Some((data_start(&self.file, spot.offset).ok()??, spot.packed))
    }
}

/// Where the data of the member with its header at `offset` begins. Of that header only the lengths are used:
/// they alone say how far the data is away.
fn data_start(file: &File, offset: u64) -> io::Result<Option<u64>> {
    let mut local = [0; 30];
    if read_at_most(file, &mut local, offset)? < local.len() || !local.starts_with(b"PK\x03\x04") {
        return Ok(None);
    }
    let names_len = u64::from(u16_at(&local, 26)) + u64::from(u16_at(&local, 28));
    Ok(offset.checked_add(LOCAL_LEN + names_len))
}

/// Says of every failure of a decoder that the data is wrong.
struct Unpacked<R>(R);

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf).map_err(|err| match err.kind() {
            io::ErrorKind::InvalidInput | io::ErrorKind::Other | io::ErrorKind::UnexpectedEof => {
                io::Error::new(io::ErrorKind::InvalidData, format!("the packed data is damaged: {err}"))
            }
            _ => err,
        })
    }
}
