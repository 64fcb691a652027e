//! The photos of the sample against the truth that the fixtures tell of them.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;

use exodus_fixtures::lang::{LANGS, Lang};
use exodus_fixtures::pack::{Packing, pack, sample_parts};
use exodus_fixtures::photos::{self, TruePhoto};
use exodus_fixtures::takeout::{FileEntry, Spec, build};
use serde_json::Value;

use crate::house::{Home, number};
use crate::tree;

/// A home with an imported sample.
fn imported(lang: Lang) -> Home {
    let home = Home::new();
    let folder = home.put_parts("export", &sample_parts(lang, 5, 1).0);
    home.import(&folder, &[]).expect(0);
    home
}

/// All photos of an archive as `show --json` tells of them, by the hash of their content.
fn shown(home: &Home) -> BTreeMap<String, Value> {
    let listed = home.json_lines(&["list", "--kind", "photo"]);
    let show = |line: &Value| home.json(&["show", &line["id"].to_string()]);
    listed
        .iter()
        .map(show)
        .map(|item| (item["blake3"].as_str().unwrap_or_default().to_owned(), item))
        .collect()
}

#[test]
fn every_photo_is_there_once_with_its_date_its_facts_and_its_albums_in_any_language() {
    for lang in LANGS {
        let home = imported(lang);
        let found = shown(&home);
        let truth = photos::truth(lang);
        assert_eq!(found.len(), truth.len(), "{lang:?}");
        for photo in &truth {
            check(lang, &home, photo, &found[&tree::hash(&photo.content)]);
        }
        home.assert_whole("photos");
    }
}

#[track_caller]
fn check(lang: Lang, home: &Home, photo: &TruePhoto, item: &Value) {
    let why = format!("{lang:?} {}", photo.path);
    assert_eq!(item["path"], format!("files/{}", photo.path), "{why}");
    let there = home.archive().join("files").join(&photo.path).metadata().expect("a row has its file");
    assert_eq!(there.mtime(), photo.time.unwrap_or(0), "{why}");
    let extra = &item["extra"];
    assert_eq!(extra["date_from"], photo.date_from, "{why}");
    assert_eq!(extra["description"].as_str(), photo.description, "{why}");
    let labels: Vec<&str> = item["labels"].as_array().into_iter().flatten().filter_map(label).collect();
    assert_eq!(labels, photo.albums, "{why}");
    for fact in ["favourite", "trashed", "edited", "edited_of", "live_pair", "real_type"] {
        assert_eq!(!extra[fact].is_null(), photo.facts.contains(&fact), "{why}: {fact} in {extra}");
    }
}

fn label(label: &Value) -> Option<&str> {
    label.as_str().or_else(|| label["name"].as_str())
}

#[test]
fn photos_are_found_by_what_is_written_about_them() {
    let home = imported(Lang::De);
    let found = home.json_lines(&["search", "Hafen früh"]);
    assert!(found.iter().any(|line| line["kind"] == "photo"), "{found:?}");
}

#[test]
fn a_sidecar_without_its_photo_is_told_and_the_photo_of_a_later_part_finds_it() {
    let home = Home::new();
    let spec = Spec { has_mac_rubbish: false, ..Spec::new(Lang::En, 5, 1) };
    // Without the export's own list.
    let entries: Vec<FileEntry> =
        build(&spec).0.into_iter().filter(|it| !it.path.ends_with("archive_browser.html")).collect();
    let is_late = |entry: &FileEntry| entry.path.ends_with("/IMG_0006.jpg");
    let (late, early): (Vec<FileEntry>, Vec<FileEntry>) = entries.into_iter().partition(is_late);
    let export = home.put_parts("export", &pack(&early, &Packing::zip(1)));
    let ran = home.import(&export, &[]).expect(0);
    let missing = ran.summary()["missing"].to_string();
    assert!(missing.contains("Photos from 2019/IMG_0006.jpg"), "{missing}");
    let packed = pack(&late, &Packing::zip(1));
    home.put(&format!("export/{}", Packing::zip(2).part_name(2)), &packed[0].1);
    let again = home.import(&export, &[]).expect(0).summary();
    assert_eq!(number(&again["items"]["photo"]), 1, "{again}");
    assert_eq!(again["missing"], serde_json::json!([]));
    let item = &shown(&home)[&tree::hash(&late[0].content)];
    assert_eq!(item["extra"]["date_from"], "sidecar", "{item}");
}
