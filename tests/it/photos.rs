//! The photos of the sample against the truth that the fixtures tell of them.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use exodus_fixtures::lang::{LANGS, Lang};
use exodus_fixtures::pack::{Packing, pack, sample_parts};
use exodus_fixtures::photos::{self, TruePhoto};
use exodus_fixtures::takeout::{FileEntry, Spec, build};
use serde_json::Value;

use crate::house::{Home, number, skip};
use crate::{index, tree};

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
fn the_index_answers_questions_about_photos() {
    let home = imported(Lang::De);
    let conn = index::open(&home.archive());
    let sql = "SELECT path || ' ' || people || ' ' || albums || ' ' || latitude FROM photo WHERE favourite";
    let found: Vec<String> = index::rows(&conn, sql, |row| row.get(0));
    let wanted = "files/photos/2019/05/IMG_0001.jpg [\"Ben Example\"] [\"Hafenfest: 2019\"] 54.32";
    assert_eq!(found, [wanted]);
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

/// The album's folder of links as (name of the link, content of what it leads to).
fn links_of(home: &Home, name: &str) -> BTreeMap<String, String> {
    let folder = home.archive().join("files/photos/albums").join(name);
    let Ok(entries) = fs::read_dir(&folder) else { return BTreeMap::new() };
    let read = |entry: fs::DirEntry| {
        let content = fs::read(entry.path()).expect("a link leads somewhere");
        (entry.file_name().to_string_lossy().into_owned(), tree::hash(&content))
    };
    entries.flatten().map(read).collect()
}

#[test]
fn albums_are_folders_of_links_that_can_be_moved_or_of_hard_links_or_none() {
    let export = sample_parts(Lang::De, 5, 1).0;
    let wanted = |name: &str| -> BTreeMap<String, String> {
        let truth = photos::truth(Lang::De).into_iter().filter(|photo| photo.albums.contains(&name));
        let pair = |photo: TruePhoto| {
            let name = photo.path.rsplit('/').next().map(str::to_owned);
            (name.unwrap_or_default(), tree::hash(&photo.content))
        };
        truth.map(pair).collect()
    };
    let home = Home::new();
    let folder = home.put_parts("export", &export);
    for (how, is_link) in [("links", true), ("hardlinks", false), ("none", false), ("links", true)] {
        home.import(&folder, &["--albums", how]).expect(0);
        let is_shown = how != "none";
        for (name, on_disk) in [("Hafenfest: 2019", "Hafenfest_ 2019"), ("Boote", "Boote")] {
            let wanted = if is_shown { wanted(name) } else { BTreeMap::new() };
            assert_eq!(links_of(&home, on_disk), wanted, "{how} {name}");
        }
        let link = home.archive().join("files/photos/albums/Boote/IMG_0003.jpg");
        let meta = link.symlink_metadata().ok();
        assert_eq!(meta.as_ref().is_some_and(fs::Metadata::is_symlink), is_link, "{how}");
        assert_eq!(meta.is_some_and(|meta| meta.nlink() > 1), how == "hardlinks", "{how}");
        home.assert_whole(how);
    }
    fs::rename(home.archive(), home.at("elsewhere")).expect("it is ours");
    fs::read(home.at("elsewhere/files/photos/albums/Boote/IMG_0003.jpg")).expect("links are relative");
}

#[test]
fn views_that_are_lost_or_changed_are_named_and_made_again() {
    let home = imported(Lang::En);
    let whole = tree::of_archive(&home.archive());
    let photo = "files/photos/2019/05/IMG_0001.jpg";
    let sidecar = home.archive().join(format!("{photo}.xmp"));
    let link = home.archive().join("files/photos/albums/Boote/Vom Freund.jpg");
    for again in [vec!["import", "export", "--quiet"], vec!["reindex", "--quiet"]] {
        fs::remove_file(&sidecar).expect("there is a sidecar");
        fs::remove_file(&link).expect("there is a link");
        let ran = home.run(["verify"]).expect(5);
        for name in [format!("{photo}.xmp is missing"), "albums/Boote/Vom Freund.jpg is missing".to_owned()] {
            let out = String::from_utf8_lossy(&ran.out);
            assert!(out.contains(&name) || ran.err.contains(&name), "{name} in {ran:?}");
        }
        home.run(&again).expect(0);
        tree::assert_same(&tree::of_archive(&home.archive()), &whole, again[0]);
    }
    // What another program has written there is its own, until the index is built again.
    fs::write(&sidecar, b"<changed/>").expect("it is ours");
    home.import(&home.at("export"), &[]).expect(0);
    assert_eq!(fs::read(&sidecar).expect("it is there"), b"<changed/>");
    home.run(["verify"]).expect(5);
    home.run(["reindex", "--quiet"]).expect(0);
    tree::assert_same(&tree::of_archive(&home.archive()), &whole, "a changed sidecar");
}

#[test]
fn a_newer_export_changes_albums_and_sidecars() {
    let home = Home::new();
    let (album, photo) = ("Takeout/Google Photos/Boote", "Takeout/Google Photos/Photos from 2019");
    let sidecar = |words: &str| {
        let favourite = if words.contains("old") { ",\"favorited\":true" } else { "" };
        let taken = "\"photoTakenTime\":{\"timestamp\":\"1556893812\"}";
        format!("{{\"title\":\"a.jpg\",\"description\":\"{words}\",{taken}{favourite}}}")
    };
    let export = |words: &str, in_album: bool, stamp: &'static str| {
        let mut files = vec![
            (format!("{photo}/a.jpg"), photos::picture(1)),
            (format!("{photo}/a.jpg.json"), sidecar(words).into_bytes()),
            (format!("{album}/metadata.json"), b"{\"title\":\"Boote\"}".to_vec()),
            (format!("{album}/b.jpg"), photos::picture(2)),
            (format!("{album}/b.jpg.json"), sidecar("other").replace("a.jpg", "b.jpg").into_bytes()),
        ];
        if in_album {
            files.push((format!("{album}/a.jpg"), photos::picture(1)));
        }
        let entry = |(path, content)| FileEntry { path, mtime: 1_773_480_413, content };
        let entries: Vec<FileEntry> = files.into_iter().map(entry).collect();
        pack(&entries, &Packing { stamp, ..Packing::zip(1) })
    };
    home.put_parts("old", &export("old words", true, "20250101T000000Z"));
    home.put_parts("new", &export("new words", false, "20260101T000000Z"));
    let xmp = home.archive().join("files/photos/2019/05/a.jpg.xmp");
    for (name, words, n_linked) in [("old", "old words", 2), ("new", "new words", 1), ("old", "new words", 1)]
    {
        home.import(&home.at(name), &[]).expect(0);
        let found = fs::read_to_string(&xmp).expect("there is a sidecar");
        assert_eq!(found.contains("Rating>5<"), words.contains("old"), "{name}: {found}");
        assert!(
            found.contains(words) && found.contains("Albums/Boote") == (n_linked == 2),
            "{name}: {found}"
        );
        assert_eq!(links_of(&home, "Boote").len(), n_linked, "{name}");
        home.assert_whole(name);
    }
    assert_eq!(home.json_lines(&["search", "new words"]).len(), 1);
}

#[test]
fn exiftool_reads_the_sidecars() {
    let home = imported(Lang::De);
    let sidecar = home.archive().join("files/photos/2019/05/IMG_0001.jpg.xmp");
    let Ok(ran) = Command::new("exiftool").args(["-json", "-n"]).arg(&sidecar).output() else {
        return skip("exiftool on the sidecars", "there is no exiftool");
    };
    let told: Value = serde_json::from_slice(&ran.stdout).expect("exiftool writes JSON");
    let told = &told[0];
    assert_eq!(told["DateTimeOriginal"], "2019:05:03 14:30:12Z", "{told}");
    assert_eq!((&told["GPSLatitude"], &told["GPSLongitude"]), (&54.32.into(), &10.14.into()), "{told}");
    assert_eq!((&told["Rating"], &told["GPSAltitude"]), (&5.into(), &3.5.into()), "{told}");
    assert_eq!(told["Description"], "Der Hafen, früh am Morgen & <still>", "{told}");
    assert_eq!(told["PersonInImage"], "Ben Example", "{told}");
    assert_eq!(
        told["TagsList"],
        serde_json::json!(["People/Ben Example", "Albums/Hafenfest: 2019"]),
        "{told}"
    );
}

#[test]
fn a_push_passes_over_the_links_of_albums_and_the_copy_makes_its_own() {
    for how in ["links", "hardlinks"] {
        let home = Home::new();
        let folder = home.put_parts("export", &sample_parts(Lang::En, 5, 1).0);
        home.import(&folder, &["--albums", how]).expect(0);
        let album = "files/photos/albums/Boote/IMG_0003.jpg";
        assert!(home.archive().join(album).exists(), "{how}");
        let target = format!("file://{}", home.at("disk").display());
        home.run(["push", &target]).expect(0);
        let pushed = tree::of(&home.at("disk"));
        assert!(pushed.keys().any(|path| path.ends_with("files/photos/2019/05/IMG_0001.jpg.xmp")), "{how}");
        assert!(!pushed.keys().any(|path| path.contains("/albums")), "{how}: {pushed:?}");
        home.run(["verify", "--archive", "disk"]).expect(0);
        home.run(["reindex", "--archive", "disk"]).expect(0);
        assert!(home.at("disk").join(album).exists(), "{how}");
        home.run(["verify", "--archive", "disk"]).expect(0);
    }
}
