//! What a zip may hold, honest and not.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::FileExt;

use exodus_api::Source;

use super::writers::{Zipped, field, zip};
use super::{entry, open_bytes, paths, read, refused, text};

fn stored(name: &str, data: &[u8]) -> Zipped {
    Zipped { method: 0, flags: 0, ..Zipped::new(name, data) }
}

#[test]
fn a_takeout_is_read_with_its_sizes_in_descriptors_and_its_time_in_ut() {
    let mut ut = vec![1];
    ut.extend(1_742_000_000_i32.to_le_bytes());
    let big = "so many words ".repeat(50_000);
    let members = [
        Zipped { extra: field(0x5455, &ut), ..Zipped::new("Takeout/Mail/a.mbox", big.as_bytes()) },
        Zipped::new("Takeout/b.json", b""),
    ];
    let export = open_bytes("takeout-20250326T151156Z-001.zip", &zip(&members)).expect("a whole zip");
    assert_eq!(paths(&export), ["Takeout/Mail/a.mbox", "Takeout/b.json"]);
    assert_eq!(text(&export, "Takeout/Mail/a.mbox"), big);
    assert_eq!(text(&export, "Takeout/b.json"), "");
    assert_eq!(entry(&export, "Takeout/Mail/a.mbox").modified, Some(1_742_000_000));
    assert_eq!(entry(&export, "Takeout/b.json").modified, None, "the DOS time of 1980 is none");
    assert_eq!(export.content_bytes(), big.len() as u64);
    assert_eq!(export.parts()[0].stamp.as_deref(), Some("20250326T151156Z"));
    assert_eq!(export.parts()[0].fingerprint.len(), 32);
    assert!(export.warnings().is_empty() && export.refused().is_empty());
    assert!(export.opens_anywhere(&export.entries()[0]));
}

#[test]
fn all_ways_of_packing_are_read() {
    let mut members = vec![stored("stored", b"one"), Zipped::new("deflate", b"two")];
    members.push(Zipped { method: 9, ..Zipped::new("deflate64", b"three") });
    members.push(Zipped { is_zip64: true, ..Zipped::new("zip64", b"four") });
    let export = open_bytes("a.zip", &zip(&members)).expect("a whole zip");
    let want = [("stored", "one"), ("deflate", "two"), ("deflate64", "three"), ("zip64", "four")];
    for (path, want) in want {
        assert_eq!(text(&export, path), want, "{path}");
    }
}

#[test]
fn what_another_writer_wrote_is_read() {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut writer = zip::ZipWriter::new(&mut bytes);
    let options = zip::write::SimpleFileOptions::default();
    for (name, large) in [("a/b.txt", false), ("ü.txt", true)] {
        writer.start_file(name, options.large_file(large)).expect("a new member");
        writer.write_all(name.repeat(1000).as_bytes()).expect("memory takes all");
    }
    writer.add_directory("empty/", options).expect("a new member");
    writer.finish().expect("memory takes all");
    let export = open_bytes("a.zip", bytes.get_ref()).expect("a whole zip");
    assert_eq!(paths(&export), ["a/b.txt", "ü.txt"]);
    assert_eq!(text(&export, "ü.txt"), "ü.txt".repeat(1000));
}

#[test]
fn more_members_than_16_bits_can_count_are_all_there() {
    let members: Vec<Zipped> = (0..70_000).map(|idx| stored(&format!("{idx:05}"), b"")).collect();
    let export = open_bytes("a.zip", &zip(&members)).expect("a whole zip");
    assert_eq!(export.entries().len(), 70_000);
    assert_eq!(read(&export, &export.entries()[69_999]).expect("an empty entry"), b"");
}

#[test]
fn names_are_what_their_writer_meant() {
    let mut unicode = vec![1];
    unicode.extend(crc32fast::hash(b"?.txt").to_le_bytes());
    unicode.extend("Ж.txt".as_bytes());
    let members = [
        Zipped { name: b"\x81ber.txt".to_vec(), flags: 0, ..stored("", b"1") },
        Zipped { extra: field(0x7075, &unicode), ..stored("?.txt", b"2") },
        stored("folder\\inner\\c.txt", b"3"),
        Zipped { local_name: Some(b"other".to_vec()), ..stored("d.txt", b"4") },
        stored("./e//f.txt", b"5"),
        stored("empty/", b""),
    ];
    let export = open_bytes("a.zip", &zip(&members)).expect("a whole zip");
    assert_eq!(paths(&export), ["d.txt", "e/f.txt", "folder/inner/c.txt", "über.txt", "Ж.txt"]);
    assert_eq!(text(&export, "d.txt"), "4");
    assert_eq!(text(&export, "Ж.txt"), "2");
}

#[test]
fn what_no_importer_may_see_is_refused_and_told() {
    let names = ["../up", "a/../../up", "/etc/passwd", "C:\\Windows\\x", "C:/x", "a\0b", "folder/"];
    let mut members: Vec<Zipped> = names.iter().map(|name| stored(name, b"x")).collect();
    members.push(Zipped { flags: 1, ..stored("secret", b"x") });
    members.push(Zipped { mode: Some(0o120_777), ..stored("link", b"/etc/passwd") });
    members.push(Zipped { mode: Some(0o010_644), ..stored("pipe", b"") });
    members.push(Zipped { method: 12, ..stored("bzip2", b"x") });
    members.push(stored("fine", b"x"));
    let export = open_bytes("a.zip", &zip(&members)).expect("a whole zip");
    assert_eq!(paths(&export), ["fine"]);
    let climbs = "its name climbs out of the archive";
    let absolute = "its name is absolute: it points outside of the archive";
    let want = [
        ("../up", climbs),
        ("a/../../up", climbs),
        ("/etc/passwd", absolute),
        ("C:/Windows/x", absolute),
        ("C:/x", absolute),
        ("a\\u{0}b", "its name has a NUL in it"),
        ("folder/", "it is a folder that claims to have content"),
        ("secret", "it is encrypted"),
        ("link", "it is a symbolic link"),
        ("pipe", "it is a named pipe"),
        ("bzip2", "it is packed in a way that exodus cannot read (zip method 12)"),
    ];
    assert_eq!(refused(&export), want);
}

#[test]
fn two_members_of_one_name_are_both_there() {
    let members = [stored("a.txt", b"one"), stored("a.txt", b"two"), stored("a.txt", b"one")];
    let export = open_bytes("a.zip", &zip(&members)).expect("a whole zip");
    assert_eq!(paths(&export), ["a (2).txt", "a.txt"]);
    assert_eq!((text(&export, "a.txt"), text(&export, "a (2).txt")), ("one".into(), "two".into()));
    assert_eq!(export.copies().len(), 1);
    assert_eq!(export.copies()[0].of, entry(&export, "a.txt").id);
}

#[test]
fn members_that_overlap_are_refused() {
    let members = [
        stored("a", b"one"),
        Zipped { shares: Some(0), ..stored("b", b"one") },
        stored("c", b"two"),
        Zipped { shares: Some(0), ..stored("d", b"one") },
    ];
    let export = open_bytes("a.zip", &zip(&members)).expect("a whole zip");
    assert_eq!(paths(&export), ["a", "c"]);
    let what = "members overlap: this is how zip bombs are built";
    assert_eq!(refused(&export), [("b", what), ("d", what)]);
}

#[test]
fn content_that_is_not_what_was_promised_fails_at_its_end() {
    let check = |member: Zipped, want: &str| {
        let export = open_bytes("a.zip", &zip(&[member])).expect("a whole zip");
        let err = read(&export, &export.entries()[0]).expect_err("the promise is broken");
        assert_eq!((err.kind(), err.to_string().as_str()), (ErrorKind::InvalidData, want));
    };
    let other = "the content is not what was packed: its CRC-32 differs";
    let short = "the content ends before its promised length";
    let long = "the content is longer than promised";
    for base in [stored("a", b"text"), Zipped::new("a", b"text")] {
        check(Zipped { crc32: Some(1), ..base.clone() }, other);
        check(Zipped { size: Some(2), ..base }, long);
    }
    check(Zipped { size: Some(9), ..Zipped::new("a", b"text") }, short);
}

#[test]
fn a_promise_that_no_data_can_keep_is_refused_and_does_not_count() {
    let packed = Zipped::new("b", b"text");
    for member in
        [Zipped { size: Some(5), ..stored("a", b"text") }, Zipped { size: Some(u32::MAX), ..packed }]
    {
        let export = open_bytes("a.zip", &zip(&[member])).expect("a whole zip");
        assert_eq!(refused(&export)[0].1, "it promises more bytes than can be packed in its data");
        assert_eq!(export.content_bytes(), 0);
    }
}

#[test]
fn a_zip_with_something_before_or_behind_it_is_read() {
    let whole = zip(&[Zipped::new("a", b"text")]);
    let with_program = [b"MZ this program unpacks itself".to_vec(), whole.clone()].concat();
    assert_eq!(text(&open_bytes("a.exe", &with_program).expect("a zip"), "a"), "text");
    let with_junk = [whole, b"junk".to_vec()].concat();
    assert_eq!(text(&open_bytes("a.zip", &with_junk).expect("a zip"), "a"), "text");
}

#[test]
fn a_part_that_cannot_be_read_says_what_to_do() {
    let check = |name: &str, bytes: &[u8], want: &str| {
        let err = open_bytes(name, bytes).expect_err("no zip");
        assert_eq!(err.to_string(), format!("{want}, in {name}"));
        assert!(err.hint.is_some());
    };
    let whole = zip(&[Zipped::new("a", b"text"), Zipped::new("b", b"text")]);
    let cut = "this zip is cut short: the list of its members, which stands at its end, is missing";
    check("a.zip", &whole[..whole.len() - 30], cut);
    check("b.zip", &whole[..40], cut);
    let page = "this is a web page, not a zip: the download link had expired or needed a login";
    check("c.zip", b"\n<!DOCTYPE html><html><title>Sign in</title>", page);
    check("d.tgz", b"<html>", &page.replace("a zip", "a tgz"));
    check("e.zip", b"", "this file is empty: nothing of it was downloaded");
    let other = "this is not a zip, though its name says so: its first bytes are those of something else";
    check("f.zip", b"hello", other);
    let mut fewer = whole.clone();
    let count_at = fewer.len() - 12;
    fewer[count_at] = 3;
    fewer[count_at - 2] = 3;
    let damaged = "the list of its members is damaged: it lists 2 members, but promises another number";
    check("g.zip", &fewer, damaged);
}

#[test]
fn members_are_read_from_many_threads_at_once() {
    let data: Vec<Vec<u8>> = (0..8_u64).map(|seed| super::Seeded(seed).bytes(300_000)).collect();
    let members: Vec<Zipped> =
        data.iter().enumerate().map(|(idx, data)| Zipped::new(&idx.to_string(), data)).collect();
    let export = open_bytes("a.zip", &zip(&members)).expect("a whole zip");
    std::thread::scope(|scope| {
        for (entry, data) in export.entries().iter().zip(&data) {
            let export = &export;
            scope.spawn(move || assert!(read(export, entry).expect("a whole entry") == *data));
        }
    });
}

#[test]
fn members_beyond_4_gib_are_found() {
    // The big content is a hole in the file: it takes no room, and only its beginning is read.
    const BIG: u64 = 5 << 30;
    let whole = zip(&[
        Zipped { is_zip64: true, ..stored("big", b"") },
        Zipped { is_zip64: true, ..stored("far", b"text") },
    ]);
    let local_len = 30 + 3 + 4;
    let list_at = whole.windows(4).position(|four| four == b"PK\x01\x02").expect("the list");
    let mut list = whole[list_at..].to_vec();
    // The first zip64 field: size, packed size; the second: offset; then the end record: where the list is.
    let name_len = 46 + 3 + 4;
    list[name_len..name_len + 8].copy_from_slice(&BIG.to_le_bytes());
    list[name_len + 8..name_len + 16].copy_from_slice(&BIG.to_le_bytes());
    let shift = |list: &mut [u8], at: usize| {
        let old = u64::from_le_bytes(list[at..at + 8].try_into().expect("eight bytes"));
        list[at..at + 8].copy_from_slice(&(old + BIG).to_le_bytes());
    };
    let second = name_len + 24 + name_len;
    shift(&mut list, second + 16);
    let end64 = list.windows(4).position(|four| four == b"PK\x06\x06").expect("the end");
    shift(&mut list, end64 + 48);
    shift(&mut list, end64 + 56 + 8);

    let scratch = super::Scratch::new();
    let path = scratch.put("a.zip", &whole[..local_len]);
    let file = std::fs::OpenOptions::new().write(true).open(&path).expect("it was just written");
    file.write_all_at(&whole[local_len..list_at], local_len as u64 + BIG).expect("a sparse file");
    file.write_all_at(&list, list_at as u64 + BIG).expect("a sparse file");
    let export = super::open(&[path]).expect("a whole zip");
    assert_eq!(paths(&export), ["big", "far"]);
    assert_eq!(entry(&export, "big").size, BIG);
    assert!(entry(&export, "far").order > BIG);
    assert_eq!(text(&export, "far"), "text");
    let mut head = [1; 64];
    export.open(entry(&export, "big")).expect("an entry").read_exact(&mut head).expect("its beginning");
    assert_eq!(head, [0; 64]);
}
