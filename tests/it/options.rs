//! What the flags of `import` do.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;

use exodus_fixtures::lang::Lang;
use exodus_fixtures::mbox::Quoting;
use exodus_fixtures::pack::{Packing, pack, sample_parts};
use exodus_fixtures::takeout::{Spec, build};

use crate::house::{Home, assert_adds_up, number};
use crate::{index, tree};

#[test]
fn only_mail_takes_mail_and_a_later_run_takes_the_rest() {
    let (parts, _) = sample_parts(Lang::De, 40, 1);
    let (home, whole) = (Home::new(), Home::new());
    let export = home.put_parts("export", &parts);
    whole.import(&export, &[]).expect(0);
    let first = home.import(&export, &["--only", "mail"]).expect(0).summary();
    assert!(number(&first["entries"]["skipped"]) > 30, "{first}");
    assert_adds_up(&first["entries"]);
    let items = home.json(&["status"])["items"].clone();
    assert_eq!(number(&items["message"]), 40);
    assert!(!home.archive().join("files/drive").exists(), "nothing else was asked for");
    home.assert_whole("only mail");
    home.import(&export, &[]).expect(0);
    tree::assert_same(
        &tree::of_archive(&home.archive()),
        &tree::of_archive(&whole.archive()),
        "mail, then all",
    );
    assert_eq!(home.json(&["status"])["entries"], whole.json(&["status"])["entries"]);
    home.assert_whole("mail, then all");
}

#[test]
fn a_dry_run_counts_what_an_import_takes_and_writes_nothing() {
    let (parts, _) = sample_parts(Lang::En, 40, 1);
    let home = Home::new();
    let export = home.put_parts("export", &parts);
    let before = tree::of(home.path());
    let dry = home.import(&export, &["--dry-run"]).expect(0).summary();
    tree::assert_same(&tree::of(home.path()), &before, "a dry run");
    let wet = home.import(&export, &[]).expect(0).summary();
    assert_eq!(dry["items"], wet["items"]);
    assert_eq!(dry["entries"], wet["entries"]);
    let before = tree::of(home.path());
    home.import(&export, &["--dry-run"]).expect(0);
    tree::assert_same(&tree::of(home.path()), &before, "a dry run over an archive");
}

#[test]
fn a_missing_part_is_named_before_anything_is_written() {
    for lang in [Lang::De, Lang::En, Lang::Fr, Lang::Ja] {
        let (parts, truth) = sample_parts(lang, 20, 1);
        let (home, whole) = (Home::new(), Home::new());
        let all = home.put_parts("all", &parts);
        let some = home.put_parts("some", &parts[..2]);
        let before = tree::of(home.path());
        let ran = home.import(&some, &[]).expect(3);
        tree::assert_same(&tree::of(home.path()), &before, "a part is missing");
        assert!(
            ran.err.contains("hint: missing: ") && ran.err.contains("--allow-missing-parts"),
            "{}",
            ran.err
        );
        let inspected = home.json(&["inspect", "some"]);
        let n_missing = inspected["missing"].as_array().map_or(0, Vec::len);
        assert!(n_missing > 0 && n_missing < truth.entries.len(), "{inspected}");
        let partial = home.import(&some, &["--allow-missing-parts"]).expect(0).summary();
        assert_eq!(partial["missing"].as_array().map(Vec::len), Some(n_missing));
        home.assert_whole("two parts of three");
        home.import(&all, &[]).expect(0);
        whole.import(&all, &[]).expect(0);
        home.assert_whole("the third part came later");
        let keys = |home: &Home| {
            let conn = index::open(&home.archive());
            index::rows(&conn, "SELECT key FROM item", |row| row.get(0))
                .into_iter()
                .collect::<BTreeSet<String>>()
        };
        let (found, wanted) = (keys(&home), keys(&whole));
        assert!(found.is_superset(&wanted), "{lang:?}");
        // Whose file was in the missing part could not be known for the page of comments that it is, and whose JSON
        // was there waits as a page for its note.
        let more: Vec<&String> = found.difference(&wanted).collect();
        let is_page =
            |key: &str| key.contains("-comments") || (key.starts_with("kept:") && key.contains(".html#"));
        assert!(more.iter().all(|key| is_page(key)), "{lang:?} {more:?}");
    }
}

#[test]
fn copies_are_hard_links_in_the_folder_of_every_label() {
    let (parts, _) = sample_parts(Lang::De, 120, 1);
    let home = Home::new();
    let export = home.put_parts("export", &parts);
    home.import(&export, &["--labels=copies"]).expect(0);
    home.assert_whole("copies");
    let mut n_copies = 0;
    for entry in walkdir::WalkDir::new(home.archive().join("mail")).into_iter().flatten() {
        let meta = entry.metadata().expect("it was listed");
        if meta.is_file() && meta.nlink() > 1 {
            n_copies += 1;
        }
    }
    assert!(n_copies > 20, "only {n_copies} files have links");
    let found = index::messages(&home.archive());
    let conn = index::open(&home.archive());
    let sql =
        "SELECT label.name, folder.path FROM label JOIN folder ON folder.name = label.name WHERE role = ''";
    let labels = index::rows(&conn, sql, |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)));
    assert!(labels.len() > 3, "{labels:?}");
    for (label, folder) in labels {
        check_copies(&home, &found, &label, &folder);
    }
    // The mode is the archive's for ever.
    let ran = home.import(&export, &["--labels=primary"]).expect(2);
    assert!(ran.err.contains("--labels=copies"), "{}", ran.err);
    home.assert_whole("another mode was asked for");
    let before = tree::of_archive(&home.archive());
    home.import(&export, &[]).expect(0);
    tree::assert_same(&tree::of_archive(&home.archive()), &before, "copies, imported again");
}

fn check_copies(home: &Home, found: &BTreeMap<String, index::Message>, label: &str, folder: &str) {
    let is_of_label = |it: &&index::Message| it.labels.iter().any(|other| other == label);
    let wanted: BTreeSet<&str> = found.values().filter(is_of_label).map(|it| unique(&it.path)).collect();
    let copies = tree::of(&home.archive().join("mail").join(folder).join("cur"));
    let copies: BTreeSet<&str> = copies.keys().map(|name| unique(name)).collect();
    assert_eq!(copies, wanted, "{label} in {folder}");
}

/// What stays the same in a message's file name.
fn unique(path: &str) -> &str {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    name.split(":2,").next().unwrap_or(name)
}

/// Each message's bytes, with the mbox quoted in one way and read in one.
#[track_caller]
fn check_quoting(written: Quoting, read: &str, wanted: fn(u64) -> bool) {
    let (entries, truth) = build(&Spec { quoting: written, ..Spec::new(Lang::En, 120, 1) });
    let home = Home::new();
    let export = home.put_parts("export", &pack(&entries, &Packing::zip(2)));
    home.import(&export, &[&format!("--from-quoting={read}")]).expect(0);
    let mut differ = 0;
    for message in &truth.messages {
        let shown = home.run(["show", &format!("gmail:{}", message.gm_id), "--raw"]).expect(0).out;
        differ += u64::from(shown != message.original_bytes);
    }
    assert!(wanted(differ), "written {written:?}, read as {read}: {differ} messages differ");
}

#[test]
fn from_quoting_is_undone_as_asked_or_by_evidence() {
    check_quoting(Quoting::Mboxrd, "mboxrd", |differ| differ == 0);
    check_quoting(Quoting::Mboxrd, "auto", |differ| differ == 0);
    check_quoting(Quoting::None, "none", |differ| differ == 0);
    check_quoting(Quoting::None, "auto", |differ| differ == 0);
    check_quoting(Quoting::Mboxrd, "none", |differ| differ > 0);
}

#[test]
fn without_full_text_words_are_found_only_after_reindex() {
    let (parts, _) = sample_parts(Lang::En, 40, 1);
    let home = Home::new();
    let export = home.put_parts("export", &parts);
    home.import(&export, &["--no-fts"]).expect(0);
    let ran = home.run(["search", "nothing"]).expect(0);
    assert!(ran.out.is_empty() && ran.err.contains("reindex"), "{}", ran.err);
    home.run(["reindex"]).expect(0);
    assert_eq!(number(&home.json(&["status"])["without_text"]), 0);
    assert!(!home.json_lines(&["search", "nothing"]).is_empty());
    home.assert_whole("after reindex");
}
