//! Notes: Markdown with their facts, in every language, whole or broken.

use std::collections::BTreeSet;
use std::fs;

use exodus_fixtures::keep::{TRUTH, TrueNote, files};
use exodus_fixtures::lang::Lang;
use exodus_fixtures::pack::sample_parts;
use serde_json::Value;

use crate::house::{Home, number};
use crate::{exports, index};

struct Note {
    key: String,
    title: String,
    time: Option<i64>,
    extra: Value,
    text: String,
}

fn notes(home: &Home) -> Vec<Note> {
    let sql = "SELECT key, coalesce(title, ''), time, extra, path FROM item WHERE kind = 'note' ORDER BY key";
    index::rows(&index::open(&home.archive()), sql, |row| {
        let (extra, path): (String, String) = (row.get(3)?, row.get(4)?);
        assert!(path.starts_with("files/notes/") && path.ends_with(".md"), "{path}");
        Ok(Note {
            key: row.get(0)?,
            title: row.get(1)?,
            time: row.get(2)?,
            extra: serde_json::from_str(&extra).expect("facts are JSON"),
            text: fs::read_to_string(home.archive().join(path)).expect("a note has its file"),
        })
    })
}

fn body(note: &Note) -> &str {
    note.text.strip_prefix("---\n").and_then(|text| text.split_once("\n---\n\n")).expect("front matter").1
}

fn is_true(note: &Note, truth: &TrueNote) -> bool {
    let list = |name: &str| {
        let texts = note.extra[name].as_array().into_iter().flatten();
        texts.map(|text| text.as_str().expect("texts").to_owned()).collect::<Vec<String>>()
    };
    let attachments: Vec<String> =
        truth.attachments.iter().map(|name| format!("attachments/{name}")).collect();
    note.title == truth.title
        && body(note) == truth.body
        && note.time == truth.edited
        && list("labels") == truth.labels
        && list("attachments") == attachments
        && ["pinned", "archived", "trashed"]
            .iter()
            .all(|mark| (note.extra[mark] == true) == truth.marks.contains(mark))
}

#[test]
fn every_note_is_a_file_with_its_facts_and_attachments_in_every_language() {
    let mut keys = BTreeSet::new();
    for lang in [Lang::De, Lang::En, Lang::Ja] {
        let home = Home::new();
        home.import(&home.put_parts("export", &sample_parts(lang, 10, 1).0), &["--only", "note"]).expect(0);
        home.assert_whole("notes");
        let found = notes(&home);
        assert_eq!(found.len(), TRUTH.len());
        for truth in TRUTH {
            assert!(found.iter().any(|note| is_true(note, truth)), "{lang:?} {truth:?}");
            for name in truth.attachments {
                assert!(home.archive().join("files/notes/attachments").join(name).exists(), "{name}");
            }
        }
        assert!(home.archive().join("files/google/keep/Boot.json").exists(), "the original is kept");
        keys.insert(found.into_iter().map(|note| note.key).collect::<Vec<_>>());
        let hits = home.json_lines(&["search", "Pinsel"]);
        assert!(hits.iter().any(|hit| hit["kind"] == "note"), "{hits:?}");
    }
    assert_eq!(keys.len(), 1, "keys know no language");
}

/// The files of the Keep as part of an export, changed by `change`.
fn export(stamp: &'static str, change: impl Fn(&str, Vec<u8>) -> Vec<u8>) -> exports::Parts {
    let changed = |(path, content): (String, Vec<u8>)| {
        let content = change(&path, content);
        (format!("Notizen/{path}"), content)
    };
    let files: Vec<(String, Vec<u8>)> = files(Lang::De).into_iter().map(changed).collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|it| (it.0.as_str(), it.1.as_slice())).collect();
    exports::takeout(&exports::mails(3), &files, stamp)
}

fn replaced(bytes: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    String::from_utf8(bytes).expect("it is text").replace(from, to).into_bytes()
}

#[test]
fn a_note_whose_json_is_broken_is_taken_from_its_page_and_told_of() {
    let home = Home::new();
    let broken = export(exports::NEWER, |path, bytes| match path {
        "Boot.json" => replaced(bytes, "\"title\":", "\"title\""),
        // A time that is missing is no reason to lose a note.
        "Boot(1).json" => replaced(bytes, "\"userEditedTimestampUsec\":1552986831000000,", ""),
        _ => bytes,
    });
    let summary = home.import(&home.put_parts("export", &broken), &["--only", "keep"]).expect(5).summary();
    assert_eq!(number(&summary["n_faults"]), 1, "{summary}");
    let found = notes(&home);
    assert_eq!(found.len(), TRUTH.len());
    let boat = found.iter().find(|note| body(note) == "Farbe kaufen\nPinsel auch\n").expect("it is there");
    assert_eq!(boat.extra["dated"], "19.03.2019, 09:13:51");
    assert!(home.archive().join("files/google/keep/Boot.json").exists(), "the broken file is kept");
}

#[test]
fn a_newer_export_changes_a_note_and_an_older_one_does_not() {
    let home = Home::new();
    let newer = export(exports::NEWER, |path, bytes| match path {
        "Boot.json" => replaced(bytes, "Farbe kaufen", "Farbe gekauft"),
        _ => bytes,
    });
    home.import(&home.put_parts("newer", &newer), &[]).expect(0);
    home.import(&home.put_parts("older", &export(exports::OLDER, |_, bytes| bytes)), &[]).expect(0);
    home.assert_whole("both");
    let found = notes(&home);
    assert_eq!(found.len(), TRUTH.len());
    assert!(found.iter().any(|note| body(note).starts_with("Farbe gekauft")));
}
