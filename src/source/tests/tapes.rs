//! What a tar may hold, packed and not.

use std::os::unix::fs::FileExt;
use std::sync::Mutex;

use exodus_api::Source;

use super::super::open_with;
use super::writers::{gz, pax, tar_of, tarred, tarred_of};
use super::{Scratch, Seeded, entry, open_bytes, paths, read, refused, text};

/// Checks a tar as it is, and packed.
fn check(tar: &[u8], want_paths: &[&str], want_refused: &[(&str, &str)]) {
    for (name, bytes) in [("a.tar", tar.to_vec()), ("a.tgz", gz(tar))] {
        let export = open_bytes(name, &bytes).expect("a tar");
        assert_eq!(paths(&export), want_paths, "{name}");
        assert_eq!(refused(&export), want_refused, "{name}");
        for entry in export.entries() {
            assert_eq!(read(&export, entry).expect("a whole entry").len() as u64, entry.size, "{name}");
        }
    }
}

#[test]
fn long_names_and_pax_facts_are_taken() {
    let long = "x/".repeat(100) + "end.txt";
    let pieces = [
        tarred(b"pax_global_header", b'g', b"19 comment=a comment"),
        tarred(b"././@LongLink", b'K', b"where a link leads\0"),
        tarred(b"././@LongLink", b'L', format!("{long}\0").as_bytes()),
        tarred(b"cut", b'0', b"one"),
        pax(&[("path", "Ж\nb"), ("mtime", "-1.5"), ("size", "4")]),
        tarred_of(b"cut", b'0', b"four", 0),
        tarred(b"plain", b'\0', b""),
    ];
    let tar = tar_of(&pieces);
    check(&tar, &["plain", &long, "Ж\nb"], &[]);
    let export = open_bytes("a.tgz", &gz(&tar)).expect("a tar");
    assert_eq!(text(&export, "Ж\nb"), "four");
    assert_eq!(entry(&export, "Ж\nb").modified, Some(-2));
    assert_eq!(entry(&export, "plain").modified, Some(1_742_000_000));
    assert!(export.warnings().is_empty(), "{:?}", export.warnings());
    assert!(!export.opens_anywhere(&export.entries()[0]));
}

#[test]
fn links_and_devices_are_refused() {
    let pieces = [
        tarred(b"a", b'0', b"x"),
        tarred_of(b"hard", b'1', b"", 1),
        tarred(b"soft", b'2', b""),
        tarred(b"char", b'3', b""),
        tarred(b"pipe", b'6', b""),
        tarred(b"sparse", b'S', b"x"),
        pax(&[("GNU.sparse.major", "1"), ("GNU.sparse.name", "map")]),
        tarred(b"GNUSparseFile.0/map", b'0', b"x"),
        tarred(b"folder/", b'5', b""),
        tarred(b"full/", b'5', b"x"),
        tarred(b"../up", b'0', b"x"),
        tarred(b"/root", b'0', b"x"),
        tarred(b"z", b'0', b"x"),
    ];
    let want = [
        ("hard", "it is a hard link"),
        ("soft", "it is a symbolic link"),
        ("char", "it is a device"),
        ("pipe", "it is a named pipe"),
        ("sparse", "it is a sparse file"),
        ("map", "it is a sparse file"),
        ("full/", "it is a folder that claims to have content"),
        ("../up", "its name climbs out of the archive"),
        ("/root", "its name is absolute: it points outside of the archive"),
    ];
    check(&tar_of(&pieces), &["a", "z"], &want);
}

#[test]
fn a_tar_appended_behind_the_end_of_another_is_read() {
    let first = tar_of(&[tarred(b"a", b'0', b"x")]);
    check(&[first, tar_of(&[tarred(b"b", b'0', b"y")])].concat(), &["a", "b"], &[]);
}

#[test]
fn absurd_sizes_end_the_listing_and_take_no_memory() {
    let mut negative = tarred(b"bad", b'0', b"");
    negative[124..136].fill(0xff);
    let mut header = tar::Header::from_byte_slice(&negative).clone();
    header.set_cksum();
    for piece in [
        header.as_bytes().to_vec(),
        tarred_of(b"bad", b'0', b"", u64::MAX),
        tarred_of(b"bad", b'0', b"", i64::MAX as u64),
        tarred_of(b"bad", b'x', b"", i64::MAX as u64),
        tarred_of(b"bad", b'L', b"", 1 << 40),
        tarred_of(b"bad", b'2', b"", i64::MAX as u64),
    ] {
        for (name, packs) in [("a.tar", false), ("a.tgz", true)] {
            let tar = tar_of(&[tarred(b"good", b'0', b"x"), piece.clone()]);
            let bytes = if packs { gz(&tar) } else { tar };
            let export = open_bytes(name, &bytes).expect("a tar");
            assert_eq!(paths(&export), ["good"], "{name}");
            let is_told = !export.warnings().is_empty() || !export.refused().is_empty();
            assert!(is_told, "{name}");
        }
    }
}

#[test]
fn a_part_cut_short_keeps_what_was_whole() {
    let mut seeded = Seeded(1);
    let long = seeded.bytes(100_000);
    let tar = tar_of(&[tarred(b"a", b'0', b"one"), tarred(b"b", b'0', &long), tarred(b"c", b'0', b"x")]);
    let packed = gz(&tar);
    for (name, bytes) in [("a.tar", &tar[..60_000]), ("a.tgz", &packed[..packed.len() / 2])] {
        let export = open_bytes(name, bytes).expect("a beginning");
        assert_eq!(paths(&export), ["a"]);
        assert_eq!(text(&export, "a"), "one");
        assert_eq!(refused(&export), [("b", "only its beginning is there: the part is cut short")]);
        assert_eq!(export.warnings().len(), 1);
        assert!(export.warnings()[0].starts_with("the part is cut short: it breaks off in `b`"));
    }
}

#[test]
fn a_wrong_checksum_is_told_and_everything_stays_readable() {
    let mut packed = gz(&tar_of(&[tarred(b"a", b'0', b"one")]));
    let at = packed.len() - 8;
    packed[at] ^= 1;
    let export = open_bytes("a.tgz", &packed).expect("a tgz");
    assert_eq!(text(&export, "a"), "one");
    assert_eq!(entry(&export, "a").crc32, None);
    assert!(export.warnings()[0].starts_with("its checksum is wrong"));
}

#[test]
fn a_tgz_of_several_gzip_members_is_one_tar() {
    let tar = tar_of(&[tarred(b"a", b'0', b"one"), tarred(b"b", b'0', b"two")]);
    let mut packed: Vec<u8> = tar.chunks(700).flat_map(gz).collect();
    packed.extend([0; 100]);
    let export = open_bytes("a.tar.gz", &packed).expect("a tgz");
    assert_eq!(paths(&export), ["a", "b"]);
    assert_eq!((text(&export, "b"), text(&export, "a")), ("two".into(), "one".into()));
    assert!(export.warnings().is_empty(), "{:?}", export.warnings());
    packed.extend(b"junk");
    let export = open_bytes("a.tar.gz", &packed).expect("a tgz");
    assert_eq!(export.warnings().len(), 1);
}

#[test]
fn progress_is_told_to_the_end_of_the_part() {
    let scratch = Scratch::new();
    let packed = gz(&tar_of(&[tarred(b"a", b'0', &Seeded(2).bytes(5_000_000))]));
    let part = scratch.put("a.tgz", &packed);
    let told = Mutex::new(Vec::new());
    let note =
        |name: &str, read: u64, len: u64| told.lock().expect("one thread").push((name.to_owned(), read, len));
    open_with(&[part], &note).expect("a tgz");
    let told = told.into_inner().expect("one thread");
    let len = packed.len() as u64;
    assert!(told.len() >= 2 && told.is_sorted_by_key(|(_, read, _)| *read));
    assert_eq!(told.last(), Some(&("a.tgz".to_owned(), len, len)));
}

#[test]
fn a_content_beyond_8_gib_is_passed_over() {
    // 9 GiB do not fit into the octal digits of a header; the content is a hole in the file.
    const BIG: u64 = 9 << 30;
    let scratch = Scratch::new();
    let path = scratch.put("a.tar", &tarred_of(b"big", b'0', b"", BIG));
    let file = std::fs::OpenOptions::new().write(true).open(&path).expect("it was just written");
    file.write_all_at(&tar_of(&[tarred(b"far", b'0', b"text")]), 512 + BIG).expect("a sparse file");
    let export = super::open(&[path]).expect("a whole tar");
    assert_eq!(paths(&export), ["big", "far"]);
    assert_eq!(entry(&export, "big").size, BIG);
    assert_eq!(text(&export, "far"), "text");
}
