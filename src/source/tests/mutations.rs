//! Damaged parts: whatever is flipped or cut, there is an answer, and it comes.

use std::io::Read;

use exodus_api::Source;

use super::super::open;
use super::writers::{Zipped, field, gz, pax, tar_of, tarred, zip};
use super::{Scratch, Seeded};

/// Opens and reads all of 2,000 damaged copies of a part. Not to panic and to end is all that is asked.
fn check(name: &str, whole: &[u8], pack: fn(&[u8]) -> Vec<u8>) {
    let scratch = Scratch::new();
    let mut seeded = Seeded(20_250_326);
    for _ in 0..2_000 {
        let mut bytes = whole.to_vec();
        for _ in 0..=seeded.below(4) {
            let at = seeded.below(bytes.len());
            bytes[at] = match seeded.below(3) {
                0 => bytes[at] ^ (1 << seeded.below(8)),
                1 => 0xff,
                _ => seeded.next() as u8,
            };
        }
        if seeded.below(4) == 0 {
            bytes.truncate(seeded.below(bytes.len()).max(1));
        }
        let Ok(export) = open(&[scratch.put(name, &pack(&bytes))]) else {
            continue;
        };
        for entry in export.entries().iter().rev() {
            if let Ok(reader) = export.open(entry) {
                let _ = reader.take(1 << 20).read_to_end(&mut Vec::new());
            }
        }
    }
}

#[test]
fn a_damaged_zip_never_panics_nor_loops() {
    let members = [
        Zipped { extra: field(0x5455, &[1, 0, 0, 0, 0]), ..Zipped::new("a/b.txt", b"some text, some text") },
        Zipped { is_zip64: true, ..Zipped::new("ü", &[7; 300]) },
        Zipped { method: 9, ..Zipped::new("d", b"deflate64, or what is the same") },
        Zipped { method: 0, flags: 0, ..Zipped::new("s", b"stored") },
    ];
    check("a.zip", &zip(&members), <[u8]>::to_vec);
}

#[test]
fn a_damaged_tar_never_panics_nor_loops() {
    check("a.tar", &small_tar(), <[u8]>::to_vec);
}

#[test]
fn a_damaged_tgz_never_panics_nor_loops() {
    check("a.tgz", &gz(&small_tar()), <[u8]>::to_vec);
    check("a.tgz", &small_tar(), gz);
}

fn small_tar() -> Vec<u8> {
    tar_of(&[
        tarred(b"././@LongLink", b'L', b"long/name\0"),
        tarred(b"a", b'0', b"some text, some text"),
        pax(&[("path", "p"), ("size", "3"), ("mtime", "1.5")]),
        tarred(b"b", b'0', b"abc"),
        tarred(b"link", b'2', b""),
        tarred(b"c.json", b'0', &Seeded(3).bytes(2_000)),
    ])
}
