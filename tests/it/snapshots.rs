//! What the commands say, word for word, in `tests/it/snapshots/`. A change of words is a change of a file there:
//! `UPDATE_SNAPSHOTS=1 cargo test --test it snapshots` writes them anew, and a person reads the difference.

use std::fs;
use std::path::Path;

use exodus_fixtures::lang::Lang;
use exodus_fixtures::pack::sample_parts;

use crate::house::{Home, Ran};

/// Compares what a command said on stdout and stderr with its snapshot.
#[track_caller]
fn check(home: &Home, name: &str, ran: &Ran) {
    let said = format!("{}{}", String::from_utf8_lossy(&ran.out), ran.err);
    let said = said.replace(&home.path().display().to_string(), "HOME");
    let said: String = said.lines().map(|line| format!("{}\n", masked(line))).collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/snapshots").join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::create_dir_all(path.parent().expect("it has a folder")).expect("the sources are ours");
        fs::write(&path, &said).expect("the sources are ours");
    }
    let wanted = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(said, wanted, "{}; if the new words are right: UPDATE_SNAPSHOTS=1", path.display());
}

/// A line without what differs from run to run: how long it took.
fn masked(line: &str) -> &str {
    let has_time = line.contains("full text") || line.contains(" sent, ");
    line.split_once(" in ").filter(|_| has_time).map_or(line, |(size, _)| size).trim_end()
}

#[test]
fn every_command_explains_itself() {
    let home = Home::new();
    for command in [
        "import",
        "inspect",
        "status",
        "list",
        "show",
        "search",
        "verify",
        "reindex",
        "receipt",
        "ready",
        "importers",
        "push",
        "target",
        "config",
        "doctor",
        "completions",
        "man",
    ] {
        check(&home, &format!("help-{command}"), &home.run([command, "-h"]).expect(0));
    }
    check(&home, "help", &home.run(["-h"]).expect(0));
    check(&home, "importers", &home.run(["importers"]).expect(0));
}

#[test]
fn an_import_ends_with_its_receipt_and_the_archive_answers() {
    let home = Home::new();
    home.put_parts("export", &sample_parts(Lang::De, 40, 1).0);
    check(&home, "import", &home.run(["import", "export", "--quiet"]).expect(0));
    check(&home, "import-again", &home.run(["import", "export", "--quiet"]).expect(0));
    check(&home, "status", &home.run(["status"]).expect(0));
    check(&home, "verify", &home.run(["verify", "--dkim", "--quiet"]).expect(0));
    check(&home, "list", &home.run(["list", "--kind", "message", "--limit", "5"]).expect(0));
}

#[test]
fn a_push_ends_with_its_receipt() {
    let home = Home::new();
    home.put_parts("export", &sample_parts(Lang::De, 40, 1).0);
    home.run(["import", "export", "--quiet"]).expect(0);
    home.run(["target", "add", "stick", &format!("file://{}/stick", home.path().display())]).expect(0);
    check(&home, "target-list", &home.run(["target", "list"]).expect(0));
    check(&home, "push-plan", &home.run(["push", "--plan", "--map", "mail=Maildir"]).expect(0));
    check(&home, "push-dry-run", &home.run(["push", "stick", "--dry-run", "--only", "mail"]).expect(0));
    check(&home, "push", &home.run(["push", "stick", "--only", "mail", "--quiet"]).expect(0));
    check(
        &home,
        "push-again",
        &home.run(["push", "--only", "mail", "--verify", "hash", "--quiet"]).expect(0),
    );
    home.put("stick/README.txt", b"mine");
    check(&home, "push-left", &home.run(["push", "--only", "README.txt", "--quiet"]).expect(5));
    check(&home, "not-ready", &home.run(["ready"]).expect(5));
    check(&home, "push-nowhere", &home.run(["push", "nowhere"]).expect(7));
}

#[test]
fn what_goes_wrong_is_said_with_its_place_and_what_to_do() {
    let home = Home::new();
    check(&home, "no-such-part", &home.run(["import", "nowhere.zip"]).expect(3));
    check(&home, "no-archive", &home.run(["status"]).expect(4));
    home.put("takeout-20260314T092653Z-001.zip", b"<!doctype html><html><body>Sign in</body></html>");
    check(&home, "web-page", &home.run(["import", "takeout-20260314T092653Z-001.zip"]).expect(3));
}
