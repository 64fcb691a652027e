//! Many parts as one export, and what else people point at.

use std::os::unix::fs::symlink;

use exodus_api::Source;

use super::super::{PartKind, open};
use super::writers::{Zipped, gz, tar_of, tarred, zip};
use super::{Scratch, entry, paths, read, refused, text};

const ONE: &str = "takeout-20250326T151156Z-001.zip";
const TWO: &str = "takeout-20250326T151156Z-002.zip";

#[test]
fn parts_become_one_tree_in_which_equal_files_count_once() {
    let scratch = Scratch::new();
    let two = scratch.put(TWO, &zip(&[Zipped::new("T/a", b"one"), Zipped::new("T/b.txt", b"new")]));
    let one = scratch.put(ONE, &zip(&[Zipped::new("T/a", b"one"), Zipped::new("T/b.txt", b"old")]));
    let export = open(&[two, one]).expect("two parts");
    let names: Vec<&str> = export.parts().iter().map(|part| part.name.as_str()).collect();
    assert_eq!(names, [ONE, TWO]);
    assert_eq!(paths(&export), ["T/a", "T/b (2).txt", "T/b.txt"]);
    assert_eq!((text(&export, "T/b.txt"), text(&export, "T/b (2).txt")), ("old".into(), "new".into()));
    assert_eq!(export.copies().len(), 1);
    assert_eq!((export.copies()[0].part, export.copies()[0].of), (1, entry(&export, "T/a").id));
    assert_eq!(export.part_name(1), TWO);
    assert!(export.warnings().is_empty());
}

#[test]
fn contents_without_a_known_sum_are_compared_by_reading() {
    let scratch = Scratch::new();
    let tar = scratch.put("a.tar", &tar_of(&[tarred(b"x", b'0', b"same"), tarred(b"y", b'0', b"this")]));
    let tgz = scratch.put("b.tgz", &gz(&tar_of(&[tarred(b"x", b'0', b"same"), tarred(b"y", b'0', b"that")])));
    let export = open(&[tgz, tar]).expect("two parts");
    assert_eq!(paths(&export), ["x", "y", "y (2)"]);
    assert_eq!((text(&export, "y"), text(&export, "y (2)")), ("this".into(), "that".into()));
    assert_eq!(export.copies().len(), 1);
}

#[test]
fn a_part_downloaded_twice_counts_once() {
    let scratch = Scratch::new();
    let zipped = zip(&[Zipped::new("a", b"one")]);
    let copy = scratch.put("takeout-20250326T151156Z-001 (1).zip", &zipped);
    let one = scratch.put(ONE, &zipped);
    let export = open(&[copy, one.clone(), one]).expect("one part");
    assert_eq!(export.parts().len(), 1);
    assert_eq!(export.parts()[0].name, ONE);
    assert_eq!(export.warnings().len(), 2, "{:?}", export.warnings());
}

#[test]
fn a_folder_of_parts_is_opened_as_its_parts() {
    let scratch = Scratch::new();
    scratch.put(ONE, &zip(&[Zipped::new("a", b"one")]));
    scratch.put("takeout-20250326T151156Z-003.zip", &zip(&[Zipped::new("b", b"two")]));
    scratch.put("takeout-20250326T151156Z-004.zip.part", b"PK");
    scratch.put("notes.txt", b"hello");
    let export = open(&[scratch.path().to_owned()]).expect("two parts");
    assert_eq!(paths(&export), ["a", "b"]);
    assert_eq!(export.warnings().len(), 2);
    assert!(export.warnings()[0].ends_with("left out: `notes.txt`, `takeout-20250326T151156Z-004.zip.part`"));
    let gap = "takeout-20250326T151156Z-002 is not among the parts; numbers may have holes";
    assert_eq!(export.warnings()[1], gap);
}

#[test]
fn a_folder_of_nothing_but_archives_is_one_of_parts_and_any_other_is_a_tree() {
    let scratch = Scratch::new();
    scratch.put("one.zip", &zip(&[Zipped::new("a", b"one")]));
    scratch.put("two.tar.gz", &gz(&tar_of(&[tarred(b"b", b'0', b"two")])));
    let export = open(&[scratch.path().to_owned()]).expect("two parts");
    assert_eq!(paths(&export), ["a", "b"]);
    scratch.put("letter.txt", b"dear");
    let export = open(&[scratch.path().to_owned()]).expect("a tree");
    assert_eq!(paths(&export), ["letter.txt", "one.zip", "two.tar.gz"]);
}

#[test]
fn a_folder_of_documents_is_a_tree_although_documents_are_zips() {
    let scratch = Scratch::new();
    scratch.put("letter.docx", &zip(&[Zipped::new("word/document.xml", b"dear")]));
    let export = open(&[scratch.path().to_owned()]).expect("a tree");
    assert_eq!(paths(&export), ["letter.docx"]);
}

#[test]
fn an_empty_download_among_parts_is_not_left_out_in_silence() {
    let scratch = Scratch::new();
    scratch.put(ONE, &zip(&[Zipped::new("a", b"one")]));
    scratch.put(TWO, b"");
    let err = open(&[scratch.path().to_owned()]).expect_err("a part is empty");
    assert_eq!(err.part, TWO);
}

#[test]
fn a_tree_is_read_and_its_links_are_not_followed() {
    let scratch = Scratch::new();
    scratch.put("Takeout/Mail/a.mbox", b"mail");
    scratch.put("Takeout/b.html", b"page");
    scratch.put("secret", b"not yours");
    let top = scratch.path().join("Takeout");
    symlink("../secret", top.join("link")).expect("links can be made");
    symlink("..", top.join("up")).expect("links can be made");
    let export = open(std::slice::from_ref(&top)).expect("a tree");
    assert_eq!(paths(&export), ["Takeout/Mail/a.mbox", "Takeout/b.html"]);
    let link = "it is a symbolic link";
    assert_eq!(refused(&export), [("Takeout/link", link), ("Takeout/up", link)]);
    assert_eq!(export.parts()[0].kind, PartKind::Folder);
    assert_eq!(export.parts()[0].size, 8);
    assert!(entry(&export, "Takeout/b.html").modified.is_some());
    let export = open(&[scratch.path().to_owned()]).expect("a tree");
    assert_eq!(paths(&export), ["Takeout/Mail/a.mbox", "Takeout/b.html", "secret"]);
}

#[test]
fn a_file_that_becomes_a_link_after_the_listing_is_not_followed() {
    let scratch = Scratch::new();
    let path = scratch.put("tree/a", b"mail");
    scratch.put("secret", b"not yours");
    let export = open(&[scratch.path().join("tree")]).expect("a tree");
    std::fs::remove_file(&path).expect("it is there");
    symlink("../secret", &path).expect("links can be made");
    assert!(read(&export, &export.entries()[0]).is_err());
}

#[test]
fn a_single_file_is_an_export_of_one_entry() {
    let scratch = Scratch::new();
    let path = scratch.put("All mail.mbox", b"From a\n\nb\n");
    let export = open(std::slice::from_ref(&path)).expect("a file");
    assert_eq!(paths(&export), ["All mail.mbox"]);
    assert_eq!(text(&export, "All mail.mbox"), "From a\n\nb\n");
    assert_eq!(export.parts()[0].kind, PartKind::File);
    std::fs::write(&path, b"From a\n\nb\nand more").expect("it is there");
    assert!(read(&export, &export.entries()[0]).is_err(), "it has grown since");
}

#[test]
fn what_is_not_there_is_told_by_name() {
    let scratch = Scratch::new();
    let err = open(&[scratch.path().join("gone.zip")]).expect_err("it is not there");
    assert!(err.to_string().ends_with(", in gone.zip"), "{err}");
    assert!(open(&[]).is_err());
}

#[test]
fn entries_of_another_export_are_refused() {
    let scratch = Scratch::new();
    let export = open(&[scratch.put("a", b"x")]).expect("a file");
    let mut other = export.entries()[0].clone();
    other.id = 9;
    assert!(export.open(&other).is_err());
}
