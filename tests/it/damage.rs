//! What happens to an archive in thirty years: every flipped byte is found, a lost index is built again. And what
//! happens to an export on its way: what is whole in a damaged one is taken, the rest is told.

use std::fs;
use std::path::Path;

use exodus_fixtures::damage;
use exodus_fixtures::lang::Lang;
use exodus_fixtures::pack::{Kind, Packing, pack};
use exodus_fixtures::rng::Rng;
use exodus_fixtures::takeout::{Spec, build};

use crate::house::{Home, Ran, number};
use crate::{index, tree};

/// A home with an imported sample.
fn imported(messages: usize) -> Home {
    let home = Home::new();
    let parts = exodus_fixtures::pack::sample_parts(Lang::De, messages, 1).0;
    home.import(&home.put_parts("export", &parts), &[]).expect(0);
    home
}

/// All files of an archive, from its top, but those that mail programs write too, those that are empty, and the index
/// and the seal, which have a test of their own.
fn files(home: &Home) -> Vec<String> {
    let is_plain = |(path, leaf): (String, tree::Leaf)| {
        let own = ["index.sqlite", "seal.blake3", "proofs.jsonl"];
        let is_theirs = path.ends_with("/subscriptions") || own.contains(&&*path);
        (leaf.size > 0 && !is_theirs).then_some(path)
    };
    tree::of(&home.archive()).into_iter().filter_map(is_plain).collect()
}

/// Changes a file with `change`, asserts that `verify` names it, and puts it back.
#[track_caller]
fn check(home: &Home, path: &str, what: &str, change: impl FnOnce(&Path, &[u8])) {
    let file = home.archive().join(path);
    let bytes = fs::read(&file).expect("it is there");
    let modified = file.metadata().and_then(|meta| meta.modified()).expect("it is there");
    change(&file, &bytes);
    let ran = home.run(["verify", "--json", "--quiet"]);
    assert_eq!(ran.code, 5, "{what} {path}: {}", ran.err);
    assert!(names(&ran, path), "{what} {path}: {}", String::from_utf8_lossy(&ran.out));
    fs::write(&file, &bytes)
        .and_then(|()| fs::File::options().write(true).open(&file)?.set_modified(modified))
        .expect("the archive is ours");
}

fn names(ran: &Ran, path: &str) -> bool {
    let report = ran.json();
    let problems = report["problems"].as_array().expect("a list");
    problems.iter().any(|problem| problem["path"] == path)
}

#[test]
fn a_flipped_byte_in_any_file_is_found_and_named() {
    let home = imported(40);
    let mut rng = Rng::new(1);
    let files = files(&home);
    assert!(files.len() > 80, "{files:?}");
    for path in &files {
        check(&home, path, "flipped", |file, bytes| {
            let mut bytes = bytes.to_vec();
            let at = rng.below(bytes.len() as u64) as usize;
            bytes[at] ^= 1 << rng.below(8);
            fs::write(file, bytes).expect("the archive is ours");
        });
    }
    home.assert_whole("all is put back");
}

#[test]
fn what_is_gone_cut_emptied_or_swapped_is_found_and_named() {
    let home = imported(12);
    let files = files(&home);
    for (number, path) in files.iter().enumerate() {
        let other = home.archive().join(&files[(number + 1) % files.len()]);
        check(&home, path, "gone", |file, _| fs::remove_file(file).expect("the archive is ours"));
        check(&home, path, "cut", |file, bytes| fs::write(file, &bytes[..bytes.len() / 2]).expect("ours"));
        check(&home, path, "swapped", |file, bytes| {
            let mut others = fs::read(other).expect("it is there");
            others.truncate(bytes.len());
            // Two files of the sample are the same.
            others.extend(if others == bytes { &b"!"[..] } else { b"" });
            fs::write(file, others).expect("the archive is ours");
        });
    }
    home.assert_whole("all is put back");
}

#[test]
fn a_message_that_no_row_speaks_of_is_found_and_one_of_another_program_is_not() {
    let home = imported(5);
    home.put("archive/mail/cur/1700000000.M1P1.host:2,S", b"Subject: a new mail\n\nHello\n");
    home.put("archive/files/drive/by hand.txt", b"mine\n");
    home.assert_whole("files of other programs");
    let stray = "mail/cur/1700000000.1.exodus,S=3,W=4:2,S";
    home.put(&format!("archive/{stray}"), b"ab\n");
    let ran = home.run(["verify", "--json", "--quiet"]).expect(5);
    assert!(names(&ran, stray));
}

#[test]
fn a_file_that_is_gone_comes_back_with_the_next_import() {
    let home = imported(30);
    let wanted = tree::of_archive(&home.archive());
    for path in files(&home).iter().filter(|path| path.contains('/')).step_by(7) {
        fs::remove_file(home.archive().join(path)).expect("the archive is ours");
    }
    home.run(["verify", "--quiet"]).expect(5);
    home.import(&home.at("export"), &[]).expect(0);
    tree::assert_same(&tree::of_archive(&home.archive()), &wanted, "imported again");
    home.assert_whole("imported again");
}

/// What the archive answers to questions.
fn answers(home: &Home) -> Vec<Vec<u8>> {
    let questions: [&[&str]; 6] = [
        &["list"],
        &["status"],
        &["search", "from:ada"],
        &["search", "label:Garten"],
        &["search", "nothing"],
        &["search", "has:attachment", "after:2012"],
    ];
    questions.iter().map(|words| home.run(words.iter().chain(&["--json"])).out).collect()
}

#[test]
fn a_flipped_byte_in_the_index_or_its_seal_is_found_and_named() {
    let home = imported(40);
    let mut rng = Rng::new(3);
    for (name, n) in [("index.sqlite", 120), ("seal.blake3", 20)] {
        let path = home.archive().join(name);
        let whole = fs::read(&path).expect("it is there");
        for _ in 0..n {
            let mut bytes = whole.clone();
            let at = rng.below(bytes.len() as u64) as usize;
            bytes[at] ^= 1 << rng.below(8);
            fs::write(&path, bytes).expect("the archive is ours");
            let ran = home.run(["verify", "--json", "--quiet"]);
            // An index that cannot even be opened ends the command.
            let is_told = ran.code == 4 && ran.err.contains("exodus reindex");
            assert!(is_told || (ran.code == 5 && names(&ran, name)), "{name} at byte {at}: {ran:?}");
        }
        fs::write(&path, &whole).expect("the archive is ours");
        home.assert_whole("put back");
    }
}

#[test]
fn a_lost_or_damaged_index_is_built_again_and_answers_the_same() {
    let home = imported(60);
    let path = home.archive().join("index.sqlite");
    let whole = fs::read(&path).expect("it is there");
    let wanted = answers(&home);
    let stored = tree::of_archive(&home.archive());
    let damages: Vec<(String, Option<Vec<u8>>)> = vec![
        ("deleted".into(), None),
        ("empty".into(), Some(Vec::new())),
        ("cut".into(), Some(damage::cut_at(&whole, 400))),
        ("zeros".into(), Some(vec![0; 8192])),
        ("a hole".into(), Some(damage::hole(&whole, 20_000, 4))),
        ("flipped".into(), Some(damage::flip(&whole, 500, 5))),
        ("another file".into(), Some(b"this is no database".to_vec())),
    ];
    for (what, bytes) in damages {
        match bytes {
            Some(bytes) => fs::write(&path, bytes).expect("the archive is ours"),
            None => fs::remove_file(&path).expect("the archive is ours"),
        }
        let ran = home.run(["verify", "--quiet"]);
        assert!(ran.code == 4 || ran.code == 5, "{what}: {ran:?}");
        assert!(
            format!("{}{}", ran.err, String::from_utf8_lossy(&ran.out)).contains("exodus reindex"),
            "{what}: {ran:?}"
        );
        home.run(["reindex", "--quiet"]).expect(0);
        assert!(answers(&home) == wanted, "{what}: other answers than before");
        home.assert_whole(&what);
        tree::assert_same(&tree::of_archive(&home.archive()), &stored, &what);
        tree::assert_tidy(&home.archive(), &what);
    }
    let again = home.import(&home.at("export"), &[]).expect(0).summary();
    assert_eq!(again["added"], 0, "after reindex");
}

#[test]
fn a_damaged_ledger_is_told_and_stops_a_reindex() {
    let home = imported(10);
    let path = home.archive().join("ledger.jsonl");
    let whole = fs::read(&path).expect("it is there");
    let mut bytes = whole.clone();
    bytes[whole.len() / 2..][..40].fill(b'#');
    fs::write(&path, bytes).expect("the archive is ours");
    let ran = home.run(["reindex"]).expect(4);
    assert!(ran.err.contains("the ledger is damaged") && ran.err.contains("hint: "), "{}", ran.err);
    fs::remove_file(&path).expect("the archive is ours");
    let ran = home.run(["reindex"]).expect(4);
    assert!(ran.err.contains("the ledger of the archive") && ran.err.contains("hint: "), "{}", ran.err);
    fs::write(&path, whole).expect("the archive is ours");
    home.assert_whole("the ledger is back");
}

/// Imports a damaged export, then the whole one into the same archive.
fn check_export(kind: Kind, what: &str, break_it: impl Fn(&[u8], u64) -> Vec<u8>) {
    let (entries, truth) = build(&Spec::new(Lang::En, 40, 1));
    let whole = pack(&entries, &Packing { kind, ..Packing::zip(2) });
    for round in 0..6 {
        let home = Home::new();
        let mut broken = whole.clone();
        broken[(round % 2) as usize].1 = break_it(&broken[(round % 2) as usize].1, round);
        let folder = home.put_parts("broken", &broken);
        let ran = home.import(&folder, &["--allow-missing-parts"]);
        let why = format!("{kind:?} {what} {round}");
        assert!([0, 3, 5].contains(&ran.code), "{why}: {ran:?}");
        assert!(!ran.err.contains("panicked"), "{why}: {}", ran.err);
        if ran.code == 5 {
            let summary = ran.summary();
            let faults = summary["faults"].as_array().expect("a list");
            let is_placed =
                |fault: &serde_json::Value| fault["place"].as_str().is_some_and(|it| it.contains('!'));
            assert!(!faults.is_empty() && faults.iter().all(is_placed), "{why}: {summary}");
            home.assert_whole(&why);
        }
        home.import(&home.put_parts("whole", &whole), &[]).expect(0);
        home.assert_whole(&why);
        let found = index::messages(&home.archive());
        for message in &truth.messages {
            let key = format!("gmail:{}", message.gm_id);
            let shown = home.run(["show", &key, "--raw"]).expect(0).out;
            assert!(shown == message.original_bytes, "{why}: {key}");
            assert!(found.contains_key(&key), "{why}: {key}");
        }
        check_drive(&home, &entries, &why);
    }
}

fn check_drive(home: &Home, entries: &[exodus_fixtures::takeout::FileEntry], why: &str) {
    let stored: Vec<String> =
        tree::of(&home.archive().join("files")).into_values().map(|leaf| leaf.content).collect();
    let is_file = |path: &str| {
        path.starts_with("Takeout/Drive/") && !path.ends_with(".json") && !path.ends_with(".html")
    };
    for entry in entries.iter().filter(|entry| is_file(&entry.path)) {
        assert!(stored.contains(&tree::hash(&entry.content)), "{why}: {}", entry.path);
    }
}

#[test]
fn exports_that_were_cut_are_taken_as_far_as_they_go_and_later_whole() {
    let cut = |bytes: &[u8], round: u64| damage::cut_at(bytes, 150 + 150 * round as usize);
    check_export(Kind::Zip, "cut", cut);
    check_export(Kind::Tgz, "cut", cut);
}

#[test]
fn exports_with_flipped_bits_are_taken_as_far_as_they_go_and_later_whole() {
    let flip = |bytes: &[u8], round: u64| damage::flip(bytes, 1 + round as usize * 2, 90 + round);
    check_export(Kind::Zip, "flipped", flip);
    check_export(Kind::Tgz, "flipped", flip);
}

/// Names as a German Takeout has them, of every depth, with the product's own file names and somebody's. A note is not
/// among them: an empty one is a fault.
const NAMES: &[&str] = &[
    "Archiv_Übersicht.html",
    "Aufgaben/Aufgaben.json",
    "Discover/Interessen/Interessen.json",
    "Gespeichert/Lieblingsorte von Ada.csv",
    "Gmail/Nutzereinstellungen/Filter.json",
    "Gmail/Nutzereinstellungen/Blockierte Adressen.json",
    "Google Chat/Users/User 000000000000000000001/user_info.json",
    "Google Fit/Alle Daten/raw_com.example.step_count(1).json",
    "Google Fit/Täglich zusammengefasste Aktivitätsdaten/2024-01-02.csv",
    "Google Fotos/drucken-abos.json",
    "Google Fotos/Fotos von 2024/IMG_0001.jpg.json",
    "Google Kontakte/Alle Kontakte/Alle Kontakte.vcf",
    "Google Kontakte/Ada am Kai/Ada am Kai.vcf",
    "Google-Konto/ada.Abonnenteninformationen.html",
    "Groups/hafen@example.org/Mitglieder.csv",
    "Kalender/Hafenverein.ics",
    "Maps (Meine Orte)/Rezensionen.json",
    "Tasks/Tasks.json",
    "YouTube und YouTube Music/Verlauf/Wiedergabeverlauf.html",
];

#[test]
fn an_export_of_empty_files_is_imported_without_a_fault() {
    for root in ["Takeout", "Mein Takeout (2)"] {
        let home = Home::new();
        let paths = || NAMES.iter().map(|name| format!("{root}/{name}"));
        for path in paths() {
            home.put(&format!("export/{path}"), b"");
        }
        home.run(["inspect", "export", "--quiet"]).expect(0);
        let summary = home.import(&home.at("export"), &[]).expect(0).summary();
        assert_eq!(number(&summary["entries"]["total"]), NAMES.len() as u64, "{root}");
        assert_eq!(number(&summary["n_faults"]), 0, "{root}: {}", summary["faults"]);
        home.assert_whole(root);
    }
}
