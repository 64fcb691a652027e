//! Small writers of zips and tars that can also write what no honest program writes.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};

/// One member of a zip; what is `None` is told truly.
#[derive(Clone, Default)]
pub(super) struct Zipped {
    pub(super) name: Vec<u8>,
    pub(super) local_name: Option<Vec<u8>>,
    pub(super) data: Vec<u8>,
    pub(super) method: u16,
    pub(super) flags: u16,
    pub(super) mode: Option<u32>,
    pub(super) extra: Vec<u8>,
    pub(super) crc32: Option<u32>,
    pub(super) size: Option<u32>,
    /// The header that the list points to is that of the member with this index.
    pub(super) shares: Option<usize>,
    pub(super) is_zip64: bool,
}

impl Zipped {
    pub(super) fn new(name: &str, data: &[u8]) -> Zipped {
        Zipped { name: name.into(), data: data.into(), method: 8, flags: 0x0808, ..Zipped::default() }
    }

    fn packed(&self) -> Vec<u8> {
        if self.method == 8 || self.method == 9 {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(6));
            encoder.write_all(&self.data).expect("memory takes all");
            encoder.finish().expect("memory takes all")
        } else {
            self.data.clone()
        }
    }
}

pub(super) fn le16(out: &mut Vec<u8>, numbers: &[usize]) {
    numbers.iter().for_each(|number| out.extend((*number as u16).to_le_bytes()));
}

pub(super) fn le32(out: &mut Vec<u8>, numbers: &[u64]) {
    numbers.iter().for_each(|number| out.extend((*number as u32).to_le_bytes()));
}

/// An extra field.
pub(super) fn field(id: u16, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    le16(&mut out, &[id.into(), data.len()]);
    out.extend(data);
    out
}

/// A zip with these members, sizes and sums in data descriptors as in a Takeout.
pub(super) fn zip(members: &[Zipped]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut list = Vec::new();
    let mut offsets = Vec::new();
    for member in members {
        let packed = member.packed();
        let crc32 = member.crc32.unwrap_or_else(|| crc32fast::hash(&member.data));
        let size = u64::from(member.size.unwrap_or(member.data.len() as u32));
        let at = out.len();
        let offset = member.shares.map_or(at, |idx| offsets[idx]);
        offsets.push(offset);
        if member.shares.is_none() {
            let name = member.local_name.as_ref().unwrap_or(&member.name);
            out.extend(b"PK\x03\x04");
            le16(&mut out, &[20, member.flags.into(), member.method.into(), 0, 0x21]);
            le32(&mut out, &[0, 0, 0]);
            le16(&mut out, &[name.len(), 4]);
            out.extend(name);
            out.extend([0xfe, 0xca, 0, 0]);
            out.extend(&packed);
            out.extend(b"PK\x07\x08");
            le32(&mut out, &[crc32.into(), packed.len() as u64, size]);
        }
        let mut extra = member.extra.clone();
        let max = u64::from(u32::MAX);
        let mut told = [packed.len() as u64, size, offset as u64];
        if member.is_zip64 {
            let wide = [told[1], told[0], told[2]];
            extra.extend(field(1, &wide.map(u64::to_le_bytes).concat()));
            told = [max; 3];
        }
        list.extend(b"PK\x01\x02");
        let system = if member.mode.is_some() { 3 << 8 } else { 0 };
        le16(&mut list, &[system | 20, 20, member.flags.into(), member.method.into(), 0, 0x21]);
        le32(&mut list, &[crc32.into(), told[0], told[1]]);
        le16(&mut list, &[member.name.len(), extra.len(), 0, 0, 0]);
        le32(&mut list, &[u64::from(member.mode.unwrap_or(0)) << 16, told[2]]);
        list.extend(&member.name);
        list.extend(&extra);
    }
    let at = out.len();
    out.extend(&list);
    end(&mut out, members, list.len(), at);
    out
}

fn end(out: &mut Vec<u8>, members: &[Zipped], len: usize, at: usize) {
    let is_zip64 = members.len() > 0xffff || members.iter().any(|member| member.is_zip64);
    let count = members.len();
    if is_zip64 {
        let end64 = out.len() as u64;
        out.extend(b"PK\x06\x06");
        out.extend(44_u64.to_le_bytes());
        le16(out, &[45, 45]);
        le32(out, &[0, 0]);
        for number in [count, count, len, at] {
            out.extend((number as u64).to_le_bytes());
        }
        out.extend(b"PK\x06\x07\0\0\0\0");
        out.extend(end64.to_le_bytes());
        le32(out, &[1]);
    }
    out.extend(b"PK\x05\x06\0\0\0\0");
    let count = count.min(0xffff);
    le16(out, &[count, count]);
    let told = if is_zip64 { [u64::from(u32::MAX); 2] } else { [len as u64, at as u64] };
    le32(out, &told);
    le16(out, &[0]);
}

/// One header of a tar with its content, padded.
pub(super) fn tarred(name: &[u8], kind: u8, data: &[u8]) -> Vec<u8> {
    tarred_of(name, kind, data, data.len() as u64)
}

/// As [`tarred`], with a size of its own choice.
pub(super) fn tarred_of(name: &[u8], kind: u8, data: &[u8], size: u64) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(1_742_000_000);
    header.set_entry_type(tar::EntryType::new(kind));
    header.set_size(size);
    header.set_cksum();
    let mut out = header.as_bytes().to_vec();
    out.extend(data);
    out.resize(out.len().next_multiple_of(512), 0);
    out
}

/// A PAX header with these records.
pub(super) fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    let mut data = String::new();
    for (key, value) in records {
        let rest = key.len() + value.len() + 3;
        let mut len = rest + 1;
        while rest + len.to_string().len() != len {
            len += 1;
        }
        data.push_str(&format!("{len} {key}={value}\n"));
    }
    tarred(b"./PaxHeaders/x", b'x', data.as_bytes())
}

/// A whole tar of these pieces.
pub(super) fn tar_of(pieces: &[Vec<u8>]) -> Vec<u8> {
    let mut out = pieces.concat();
    out.extend([0; 1024]);
    out
}

/// These bytes as one gzip member.
pub(super) fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(bytes).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}
