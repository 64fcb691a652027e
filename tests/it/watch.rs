//! Parts that are imported as they come: whole ones only, with sidecars that come before or after, on a disk that is too small.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use exodus_fixtures::zip::{ZipEntry, ZipWriter};
use serde_json::Value;

use crate::house::{Home, number};
use crate::index;

const FOLDER: &str = "Takeout/Google Photos/Photos from 2020";

/// A picture of 300 kB that no program can pack.
fn picture(seed: u8) -> Vec<u8> {
    let mut content = exodus_fixtures::office::jpeg();
    let mut state = u32::from(seed) + 1;
    for _ in 0..300_000 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        content.push((state >> 24) as u8);
    }
    content
}

fn sidecar(name: &str, time: u32) -> Vec<u8> {
    format!(
        "{{\"title\": \"{name}\", \"description\": \"of {name}\", \"photoTakenTime\": {{\"timestamp\": \"{time}\"}}, \
         \"url\": \"https://photos.google.com/photo/{name}\", \"geoData\": {{\"latitude\": 1.5, \"longitude\": 2.5}}}}"
    )
    .into_bytes()
}

fn zip(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Vec::new());
    for (name, content) in files {
        let entry = ZipEntry::google(&format!("{FOLDER}/{name}"), 1_770_000_000).stored();
        zip.add_bytes(&entry, content).expect("memory takes all");
    }
    zip.finish().expect("memory takes all")
}

/// Two parts: of one picture the sidecar comes first, of another the picture.
fn parts() -> [(&'static str, Vec<u8>); 2] {
    let side = |name: &str, time| sidecar(name, time);
    let first = zip(&[
        ("a.jpg", picture(1)),
        ("b.jpg.supplemental-metadata.json", side("b.jpg", 1_583_100_000)),
        ("c.jpg", picture(3)),
        ("c.jpg.supplemental-metadata.json", side("c.jpg", 1_583_200_000)),
    ]);
    let second =
        zip(&[("a.jpg.supplemental-metadata.json", side("a.jpg", 1_583_000_000)), ("b.jpg", picture(2))]);
    [("takeout-20260314T092653Z-001.zip", first), ("takeout-20260314T092653Z-002.zip", second)]
}

/// A watch that is told to say what it does.
struct Watching {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Watching {
    fn start(home: &Home, more: &[&str]) -> Watching {
        fs::create_dir_all(home.at("Downloads")).expect("the home is ours");
        let mut command = home.command(["watch", "Downloads", "--json", "--settle", "400ms"]);
        let mut child = command
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it can be started");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        Watching { child, lines }
    }

    /// Waits for an event that says this, and returns it.
    fn until_said(&mut self, event: &str, text: &str) -> Value {
        for line in self.lines.by_ref() {
            let value: Value = serde_json::from_str(&line.expect("text")).expect("JSON");
            if value["event"] == event && value.to_string().contains(text) {
                return value;
            }
        }
        panic!("it ended without `{event}` of `{text}`");
    }

    fn until(&mut self, event: &str) -> Value {
        self.until_said(event, "")
    }

    fn end(mut self, code: i32) -> Value {
        let summary = self.until_said("summary", "\"parts\"");
        assert_eq!(self.child.wait().expect("it was started").code(), Some(code), "{summary}");
        summary
    }
}

/// Changes a byte of a picture of the archive.
fn spoil(home: &Home) {
    let sql = "SELECT path FROM item WHERE kind = 'photo'";
    let paths = index::rows(&index::open(&home.archive()), sql, |row| row.get::<_, String>(0));
    let path = home.archive().join(&paths[0]);
    let mut content = fs::read(&path).expect("it is there");
    content[1000] ^= 1;
    fs::write(&path, content).expect("the archive is ours");
}

/// A download, as a browser does it: under another name until it is whole.
fn download(home: &Home, name: &str, content: &[u8]) {
    let unfinished = home.at(&format!("Downloads/{name}.crdownload"));
    for piece in content.chunks(content.len() / 3 + 1) {
        let mut file =
            OpenOptions::new().create(true).append(true).open(&unfinished).expect("the home is ours");
        file.write_all(piece).expect("there is room");
        std::thread::sleep(Duration::from_millis(150));
    }
    fs::rename(&unfinished, home.at(&format!("Downloads/{name}"))).expect("the home is ours");
}

/// Key, content and facts of every picture.
fn pictures(home: &Home) -> Vec<(String, String, String)> {
    let sql = "SELECT key, blake3, extra FROM item WHERE kind = 'photo' ORDER BY key";
    index::rows(&index::open(&home.archive()), sql, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
}

fn room(path: &Path) -> u64 {
    fs::metadata(path).expect("it is there").blocks() * 512
}

#[test]
fn an_export_larger_than_the_disk_moves_through_it_and_every_picture_has_its_sidecar() {
    let home = Home::new();
    let [(first, first_bytes), (second, second_bytes)] = parts();
    let mut watching = Watching::start(&home, &["--delete-imported", "--until-idle", "3s"]);
    download(&home, first, &first_bytes);
    let freed = watching.until("freed");
    let at = home.at(&format!("Downloads/{first}"));
    assert_eq!(fs::metadata(&at).expect("it waits for the others").len(), first_bytes.len() as u64);
    assert!(room(&at) < 100_000, "{} bytes of {} are on the disk: {freed}", room(&at), first_bytes.len());
    download(&home, second, &second_bytes);
    let summary = watching.end(0);
    assert_eq!(summary["deleted"].as_array().map(Vec::len), Some(2), "{summary}");
    assert!(number(&summary["freed_bytes"]) >= 800_000, "{summary}");
    assert_eq!(fs::read_dir(home.at("Downloads")).expect("it is there").count(), 0);
    home.assert_whole("watched");
    let at_once = Home::new();
    at_once
        .import(&at_once.put_parts("export", &parts().map(|(name, bytes)| (name.to_owned(), bytes))), &[])
        .expect(0);
    let found = pictures(&home);
    assert_eq!(found.len(), 3);
    assert_eq!(found, pictures(&at_once), "each has the facts of its sidecar");
}

#[test]
fn what_is_not_whole_is_left_alone_and_nothing_is_deleted_unasked() {
    let home = Home::new();
    let [(first, first_bytes), (second, second_bytes)] = parts();
    home.put(&format!("Downloads/{first}"), &first_bytes);
    // Firefox makes an empty file of the final name; a cut download keeps its name for ever.
    home.put(&format!("Downloads/{second}"), b"");
    home.put(&format!("Downloads/{second}.part"), &second_bytes[..1000]);
    home.put("Downloads/takeout-20260314T092653Z-003.zip", &second_bytes[..second_bytes.len() / 2]);
    home.put("Downloads/holiday.pdf", b"%PDF-1.4");
    let mut watching = Watching::start(&home, &["--until-idle", "2s"]);
    watching.until_said("warning", "-003.zip");
    let summary = watching.end(5);
    assert!(
        summary["missing"][0].as_str().is_some_and(|it| it.ends_with("/b.jpg")),
        "its sidecar is here: {summary}"
    );
    assert_eq!(number(&summary["parts"]), 1, "{summary}");
    assert_eq!(fs::read_dir(home.at("Downloads")).expect("it is there").count(), 5);
    assert_eq!(fs::read(home.at(&format!("Downloads/{first}"))).expect("it is there"), first_bytes);
    // Later it goes on with what has come.
    fs::remove_file(home.at(&format!("Downloads/{second}.part"))).expect("it was put there");
    home.put("Downloads/takeout-20260314T092653Z-003.zip", &second_bytes);
    fs::remove_file(home.at(&format!("Downloads/{second}"))).expect("it was put there");
    Watching::start(&home, &["--until-idle", "2s"]).end(0);
    assert_eq!(pictures(&home).len(), 3);
    home.assert_whole("watched twice");
}

#[test]
fn an_archive_that_does_not_verify_keeps_every_part() {
    let home = Home::new();
    let [(first, first_bytes), (second, second_bytes)] = parts();
    home.import(&home.put_parts("before", &[(first.to_owned(), first_bytes.clone())]), &[]).expect(0);
    spoil(&home);
    home.put(&format!("Downloads/{second}"), &second_bytes);
    let mut watching = Watching::start(&home, &["--delete-imported", "--until-idle", "2s"]);
    watching.until_said("warning", "nothing is deleted");
    let summary = watching.end(5);
    assert_eq!(
        (number(&summary["freed_bytes"]), summary["deleted"].as_array().map(Vec::len)),
        (0, Some(0)),
        "{summary}"
    );
    assert_eq!(fs::read(home.at(&format!("Downloads/{second}"))).expect("it stays"), second_bytes);
}

#[test]
fn all_products_that_come_part_by_part_are_as_if_they_had_come_at_once() {
    let home = Home::new();
    let parts = exodus_fixtures::pack::sample_parts(exodus_fixtures::lang::Lang::De, 60, 1).0;
    assert!(parts.len() > 2);
    for n_parts in 1..=parts.len() {
        let folder = home.put_parts("parts", &parts[..n_parts]);
        let ran = home.import(&folder, &["--allow-missing-parts"]);
        assert!([0, 5].contains(&ran.code), "{}", ran.err);
    }
    home.assert_whole("part by part");
    let at_once = Home::new();
    at_once.import(&at_once.put_parts("parts", &parts), &[]).expect(0);
    // What was kept as it came, before what it belongs to had come, stays beside it.
    let sql = "SELECT platform || key, coalesce(blake3, ''), coalesce(extra, '') FROM item WHERE key NOT LIKE 'kept:%' ORDER BY 1";
    // What was only guessed then stays as a fact too: the folder of an album that had no name yet, a sidecar of two that fit.
    let facts = |text: String| {
        let mut facts: Value = serde_json::from_str(&text).unwrap_or_default();
        if let Some(facts) = facts.as_object_mut() {
            facts.retain(|name, _| !["folder", "sidecar"].contains(&name.as_str()));
        }
        facts.to_string()
    };
    let items = |home: &Home| {
        index::rows(&index::open(&home.archive()), sql, |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, facts(row.get(2)?)))
        })
    };
    let (found, wanted) = (items(&home), items(&at_once));
    let odd: Vec<_> = found.iter().filter(|it| !wanted.contains(it)).collect();
    let odd: Vec<_> = odd.into_iter().map(|it| (it, wanted.iter().find(|other| other.0 == it.0))).collect();
    assert!(odd.is_empty(), "{odd:#?}");
    assert_eq!(found.len(), wanted.len());
}

#[test]
fn a_whole_export_stays_too_while_its_archive_does_not_verify() {
    let home = Home::new();
    let parts = parts().map(|(name, bytes)| (name.to_owned(), bytes));
    home.import(&home.put_parts("Downloads", &parts), &[]).expect(0);
    spoil(&home);
    let mut watching = Watching::start(&home, &["--delete-imported", "--until-idle", "2s"]);
    watching.until_said("warning", "nothing is deleted");
    let summary = watching.end(0);
    assert_eq!(summary["deleted"].as_array().map(Vec::len), Some(0), "{summary}");
    for (name, bytes) in parts {
        assert!(fs::read(home.at(&format!("Downloads/{name}"))).expect("it stays") == bytes, "{name}");
    }
}

#[test]
fn parts_stay_while_another_of_their_export_has_not_come_or_cannot_be_read() {
    let side = |name: &str| (format!("{name}.supplemental-metadata.json"), sidecar(name, 1_583_000_000));
    let whole = |name: &str| {
        let (side_name, side_bytes) = side(name);
        zip(&[(name, picture(9)), (&side_name, side_bytes)])
    };
    for (other, why) in [
        ("takeout-20260314T092653Z-003.zip", "-002 is not among"),
        ("takeout-20260314T092653Z-002.zip", "was not imported"),
    ] {
        let home = Home::new();
        home.put("Downloads/takeout-20260314T092653Z-001.zip", &whole("a.jpg"));
        let mut bytes = whole("b.jpg");
        if why == "was not imported" {
            bytes.truncate(bytes.len() / 2);
        }
        home.put(&format!("Downloads/{other}"), &bytes);
        let mut watching = Watching::start(&home, &["--delete-imported", "--until-idle", "2s"]);
        let told = watching.until_said("warning", "-001.zip stays");
        assert!(told["text"].as_str().is_some_and(|it| it.contains(why)), "{told}");
        let summary = watching.end(0);
        assert_eq!(summary["deleted"].as_array().map(Vec::len), Some(0), "{summary}");
    }
}
