//! The list at the end of a zip: the central directory (APPNOTE.TXT 6.3.10, sections 4.3.12 to 4.3.16).
//!
//! It is read here, record by record, and not by a zip library: those we know keep members in a map by name,
//! where the second of two members with one name vanishes in silence. Only this list is believed; the headers
//! beside the data may differ from it (a Takeout writes them before it knows the sizes).

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::sync::Arc;

use super::super::listing::Unopened;
use super::super::stretch::{Stretch, read_at_most};

const END: &[u8; 4] = b"PK\x05\x06";
const END64: &[u8; 4] = b"PK\x06\x06";
const LOCATOR64: &[u8; 4] = b"PK\x06\x07";
const RECORD: &[u8; 4] = b"PK\x01\x02";
const END_LEN: usize = 22;
/// The end record, and the longest comment that can follow it.
const TAIL_LEN: u64 = 22 + 65_535;

/// Where the central directory stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Bounds {
    /// Its first byte in the file.
    pub(in super::super) start: u64,
    /// The byte behind it.
    pub(in super::super) end: u64,
    /// What stands before the zip in the file (the program of a self-extracting one), in bytes.
    base: u64,
    /// How many members the end record promises.
    count: Count,
    /// True when this is one of several disks that make up one zip.
    is_split: bool,
}

/// A number of members; without zip64 there are only 16 bits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Count {
    Exact(u64),
    Low16(u16),
}

impl Bounds {
    /// True when the directory may hold so many members as were found.
    fn is_kept_by(self, found: u64) -> bool {
        match self.count {
            Count::Exact(count) => count == found,
            Count::Low16(count) => u64::from(count) == found & 0xffff,
        }
    }
}

/// Finds the central directory; `None` when the file does not end like a zip.
pub(in super::super) fn find(file: &File, len: u64) -> io::Result<Option<Bounds>> {
    let tail_start = len.saturating_sub(TAIL_LEN);
    let mut tail = vec![0; usize::try_from(len - tail_start).unwrap_or(0)];
    let got = read_at_most(file, &mut tail, tail_start)?;
    tail.truncate(got);
    for pos in (0..tail.len().saturating_sub(END_LEN - 1)).rev() {
        let record = &tail[pos..];
        if record.starts_with(END)
            && record.len() >= END_LEN + usize::from(u16_at(record, 20))
            && let Some(bounds) = bounds(file, record, tail_start + pos as u64)?
        {
            return Ok(Some(bounds));
        }
    }
    Ok(None)
}

/// What the end record at `pos` says, when there is a directory where it says.
fn bounds(file: &File, record: &[u8], pos: u64) -> io::Result<Option<Bounds>> {
    let mut is_split = u16_at(record, 4) != 0 && u16_at(record, 4) != 0xffff;
    let mut count = Count::Low16(u16_at(record, 10));
    let mut size = u64::from(u32_at(record, 12));
    let mut offset = u64::from(u32_at(record, 16));
    let mut end = pos;
    if let Some((end64_pos, end64)) = end64(file, pos)? {
        is_split = u32_at(&end64, 16) != 0;
        count = Count::Exact(u64_at(&end64, 32));
        size = u64_at(&end64, 40);
        offset = u64_at(&end64, 48);
        end = end64_pos;
    }
    // What is prepended to a zip shifts all its offsets; the directory still stands right before its end.
    // Only when something stands between the two is the offset taken by its word.
    for start in [end.checked_sub(size), Some(offset)].into_iter().flatten() {
        let Some(base) = start.checked_sub(offset) else {
            continue;
        };
        let fits = start.checked_add(size).is_some_and(|stop| stop <= end);
        if fits && (size == 0 || starts_with(file, start, RECORD)?) {
            return Ok(Some(Bounds { start, end: start + size, base, count, is_split }));
        }
    }
    Ok(is_split.then_some(Bounds { start: end, end, base: 0, count, is_split }))
}

/// The zip64 end record that goes with the end record at `pos`, and where it stands.
fn end64(file: &File, pos: u64) -> io::Result<Option<(u64, [u8; 56])>> {
    let mut locator = [0; 20];
    let Some(locator_pos) = pos.checked_sub(20) else {
        return Ok(None);
    };
    if read_at_most(file, &mut locator, locator_pos)? < 20 || !locator.starts_with(LOCATOR64) {
        return Ok(None);
    }
    let told = Some(u64_at(&locator, 8));
    for start in [told, locator_pos.checked_sub(56)].into_iter().flatten() {
        let mut end64 = [0; 56];
        if start < locator_pos && read_at_most(file, &mut end64, start)? == 56 && end64.starts_with(END64) {
            return Ok(Some((start, end64)));
        }
    }
    Ok(None)
}

fn starts_with(file: &File, start: u64, what: &[u8; 4]) -> io::Result<bool> {
    let mut head = [0; 4];
    Ok(read_at_most(file, &mut head, start)? == 4 && head == *what)
}

/// One member as the central directory tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// The bytes of its name.
    pub(super) raw_name: Vec<u8>,
    /// The name that its Unicode path field (0x7075) tells, when that was made for this very name.
    pub(super) unicode_name: Option<String>,
    /// The general purpose bits.
    pub(super) flags: u16,
    /// How it is packed.
    pub(super) method: u16,
    /// CRC-32 of its content.
    pub(super) crc32: u32,
    /// How long it is packed, in bytes.
    pub(super) packed: u64,
    /// How long its content is, in bytes.
    pub(super) size: u64,
    /// Where its header stands in the file.
    pub(super) offset: u64,
    /// The unix mode, where a unix system packed it.
    pub(super) mode: Option<u32>,
    /// Seconds since 1970-01-01 UTC; never the DOS time, which has no zone.
    pub(super) modified: Option<i64>,
}

/// Reads the records of a directory one after the other.
pub(super) struct Records<'a> {
    input: BufReader<Stretch>,
    left: u64,
    bounds: Bounds,
    found: u64,
    hasher: &'a mut blake3::Hasher,
}

impl<'a> Records<'a> {
    /// The records within these bounds; `hasher` sees all the bytes of the directory.
    pub(super) fn new(
        file: &Arc<File>,
        bounds: Bounds,
        hasher: &'a mut blake3::Hasher,
    ) -> Result<Records<'a>, Unopened> {
        if bounds.is_split {
            let hint =
                "join the pieces first (`zip -s 0 first.zip --out whole.zip`), then give the whole zip";
            return Err(Unopened::new("it is one piece of a zip that was split over several files", hint));
        }
        let input = BufReader::with_capacity(1 << 16, Stretch::new(file, bounds.start, bounds.end));
        Ok(Records { input, left: bounds.end - bounds.start, bounds, found: 0, hasher })
    }

    /// The next record, or `None` behind the last one.
    pub(super) fn next(&mut self) -> Result<Option<Record>, Unopened> {
        // A digital signature (PK\x05\x05) may follow the last record; nothing else is shorter than a record.
        let is_end = self.left < 46 || (self.is_signature()? && self.bounds.is_kept_by(self.found));
        if !is_end {
            self.found += 1;
            return self.record().map(Some);
        }
        if !self.bounds.is_kept_by(self.found) {
            return Err(damaged(&format!("it lists {} members, but promises another number", self.found)));
        }
        let mut rest = Vec::new();
        self.input.read_to_end(&mut rest)?;
        self.hasher.update(&rest);
        Ok(None)
    }

    fn is_signature(&mut self) -> io::Result<bool> {
        Ok(io::BufRead::fill_buf(&mut self.input)?.starts_with(b"PK\x05\x05"))
    }

    fn record(&mut self) -> Result<Record, Unopened> {
        let at = self.bounds.end - self.left;
        let cut = |_| damaged(&format!("it breaks off at byte {at} of the part"));
        let mut fixed = [0; 46];
        self.take(&mut fixed).map_err(cut)?;
        if !fixed.starts_with(RECORD) {
            return Err(damaged(&format!(
                "no member is described at byte {at} of the part, where one should be"
            )));
        }
        let mut raw_name = vec![0; usize::from(u16_at(&fixed, 28))];
        let mut extra = vec![0; usize::from(u16_at(&fixed, 30))];
        let mut comment = vec![0; usize::from(u16_at(&fixed, 32))];
        for bytes in [&mut raw_name, &mut extra, &mut comment] {
            self.take(bytes).map_err(cut)?;
        }
        let mut record = Record {
            flags: u16_at(&fixed, 8),
            method: u16_at(&fixed, 10),
            crc32: u32_at(&fixed, 16),
            packed: u64::from(u32_at(&fixed, 20)),
            size: u64::from(u32_at(&fixed, 24)),
            offset: u64::from(u32_at(&fixed, 42)),
            raw_name,
            // The upper byte of "made by" is the system: 3 is unix, 19 macOS. Others leave no mode.
            mode: matches!(fixed[5], 3 | 19).then(|| u32_at(&fixed, 38) >> 16),
            ..Record::default()
        };
        record.read_extra(&extra);
        record.offset = record.offset.saturating_add(self.bounds.base);
        Ok(record)
    }

    fn take(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or(io::ErrorKind::UnexpectedEof)?;
        self.input.read_exact(bytes)?;
        self.hasher.update(bytes);
        Ok(())
    }
}

fn damaged(how: &str) -> Unopened {
    let what = format!("the list of its members is damaged: {how}");
    Unopened::new(what, "download this part again, then run the same command")
}

impl Record {
    /// Takes what the extra fields know better.
    fn read_extra(&mut self, mut extra: &[u8]) {
        let mut ntfs_time = None;
        while let [id0, id1, len0, len1, rest @ ..] = extra {
            let len = usize::from(u16::from_le_bytes([*len0, *len1])).min(rest.len());
            let (field, after) = rest.split_at(len);
            match u16::from_le_bytes([*id0, *id1]) {
                0x0001 => self.read_zip64(field),
                0x000a => ntfs_time = time_of_ntfs(field).or(ntfs_time),
                0x5455 => self.modified = time_of_ut(field).or(self.modified),
                0x7075 => self.unicode_name = unicode_path(field, &self.raw_name),
                _ => {}
            }
            extra = after;
        }
        self.modified = self.modified.or(ntfs_time);
    }

    /// Takes the 64-bit numbers, which are there, in this order, only for those that do not fit into 32 bits.
    fn read_zip64(&mut self, mut field: &[u8]) {
        for number in [&mut self.size, &mut self.packed, &mut self.offset] {
            if *number == u64::from(u32::MAX)
                && let Some((wide, rest)) = field.split_first_chunk()
            {
                *number = u64::from_le_bytes(*wide);
                field = rest;
            }
        }
    }
}

/// The modification time of an "extended timestamp" field: a flag byte, then signed seconds in UTC.
fn time_of_ut(field: &[u8]) -> Option<i64> {
    let (flags, rest) = field.split_first()?;
    let seconds = i32::from_le_bytes(*rest.first_chunk()?);
    (flags & 1 != 0).then_some(i64::from(seconds))
}

/// The modification time of an NTFS field: units of 100 ns since 1601-01-01 UTC, in its first attribute.
fn time_of_ntfs(field: &[u8]) -> Option<i64> {
    let attribute = field.get(4..)?;
    let (head, rest) = attribute.split_first_chunk::<4>()?;
    let ticks = u64::from_le_bytes(*rest.first_chunk()?);
    let is_times = *head == [1, 0, 24, 0] && ticks != 0;
    let seconds = i64::try_from(ticks / 10_000_000).ok()?;
    is_times.then_some(seconds - 11_644_473_600)
}

/// The name of an Info-ZIP Unicode path field, unless the member was renamed since by a program that did not know it.
fn unicode_path(field: &[u8], raw_name: &[u8]) -> Option<String> {
    let (version, rest) = field.split_first()?;
    let (crc32, name) = rest.split_first_chunk()?;
    let is_current = *version == 1 && u32::from_le_bytes(*crc32) == crc32fast::hash(raw_name);
    let name = std::str::from_utf8(name).ok()?;
    (is_current && !name.is_empty()).then(|| name.to_owned())
}

/// The number in the two bytes from `at` on, which must be there.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_with_a_zone_are_taken_and_no_others() {
        let mut ut = vec![1];
        ut.extend(1_742_000_000_i32.to_le_bytes());
        assert_eq!(time_of_ut(&ut), Some(1_742_000_000));
        ut[0] = 2;
        assert_eq!(time_of_ut(&ut), None);
        assert_eq!(time_of_ut(&[1, 0, 0]), None);
        let mut ntfs = vec![0, 0, 0, 0, 1, 0, 24, 0];
        ntfs.extend(((1_742_000_000_u64 + 11_644_473_600) * 10_000_000).to_le_bytes());
        assert_eq!(time_of_ntfs(&ntfs), Some(1_742_000_000));
        assert_eq!(time_of_ntfs(&ntfs[..12]), None);
    }

    #[test]
    fn a_unicode_path_counts_only_for_the_name_it_was_made_for() {
        let mut field = vec![1];
        field.extend(crc32fast::hash(b"x").to_le_bytes());
        field.extend("ü".as_bytes());
        assert_eq!(unicode_path(&field, b"x").as_deref(), Some("ü"));
        assert_eq!(unicode_path(&field, b"y"), None);
        assert_eq!(unicode_path(&field[..4], b"x"), None);
    }

    #[test]
    fn zip64_numbers_are_there_only_for_those_that_do_not_fit() {
        let max = u64::from(u32::MAX);
        let mut record = Record { size: max, packed: 7, offset: max, ..Record::default() };
        let field: Vec<u8> =
            [5_000_000_000_u64, 6_000_000_000].iter().flat_map(|n| n.to_le_bytes()).collect();
        record.read_zip64(&field);
        assert_eq!((record.size, record.packed, record.offset), (5_000_000_000, 7, 6_000_000_000));
    }
}
