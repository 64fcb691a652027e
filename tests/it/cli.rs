//! How the command line speaks: exit codes, JSON, help, rights of what it writes.

use std::process::Command;

use exodus_fixtures::lang::Lang;
use exodus_fixtures::pack::sample_parts;
use serde_json::Value;

use crate::house::{EXODUS, Home, assert_adds_up, number, run};
use crate::{exports, tree};

const COMMANDS: [&str; 9] =
    ["import", "inspect", "status", "list", "show", "search", "verify", "reindex", "importers"];

/// A home with an imported sample.
fn imported(messages: usize) -> Home {
    let home = Home::new();
    home.import(&home.put_parts("export", &sample_parts(Lang::De, messages, 1).0), &[]).expect(0);
    home
}

/// Runs words parted by blanks; asserts the exit code and that an error is one with its kind of words.
#[track_caller]
fn check(home: &Home, words: &str, code: i32) {
    let ran = home.run(words.split_whitespace());
    assert_eq!(ran.code, code, "exodus {words}: {}", ran.err);
    if code != 0 {
        assert!(ran.out.is_empty(), "exodus {words}: an error belongs on stderr");
        let line = ran.err.lines().find(|line| line.starts_with("error: ")).unwrap_or("Usage: ");
        assert!(!line.ends_with('.'), "{line}");
    }
}

#[test]
fn exit_codes_are_those_of_the_public_table() {
    let home = imported(10);
    home.put("notes.txt", b"nothing that anybody exports\n");
    home.put("empty/.keep", b"");
    for (words, code) in [
        ("--help", 0),
        ("--version", 0),
        ("import --help", 0),
        ("importers", 0),
        ("status", 0),
        ("list --limit 3", 0),
        ("show 1", 0),
        ("search from:ada", 0),
        ("verify --subset 2/3", 0),
        ("verify --dkim", 0),
        ("", 2),
        ("unknown", 2),
        ("status --unknown", 2),
        ("import", 2),
        ("import export --only nothing", 2),
        ("import export --from nobody", 2),
        ("import export --labels=many", 2),
        ("import export --from-quoting=perhaps", 2),
        ("verify --subset 4/3", 2),
        ("verify --subset 0/3", 2),
        ("show no-such-item", 2),
        ("search before:soon", 2),
        ("import no-such-file.zip", 3),
        ("inspect no-such-file.zip", 3),
        ("import notes.txt", 3),
        ("import empty", 3),
        ("status --archive nowhere", 4),
        ("verify --archive nowhere", 4),
        ("reindex --archive nowhere", 4),
        ("list --archive nowhere", 4),
    ] {
        check(&home, words, code);
    }
    assert!(!home.at("nowhere").exists(), "a question makes no archive");
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    let home = imported(5);
    let conn = rusqlite::Connection::open(home.archive().join("index.sqlite")).expect("it is there");
    conn.execute_batch("PRAGMA user_version = 2").expect("the archive is ours");
    drop(conn);
    let before = tree::of_archive(&home.archive());
    for words in ["status", "list", "import export", "verify", "search ada"] {
        let ran = home.run(words.split_whitespace());
        assert_eq!(ran.code, 4, "{words}: {}", ran.err);
        assert!(ran.err.contains("format 2") && ran.err.contains("hint: "), "{words}: {}", ran.err);
    }
    tree::assert_same(&tree::of_archive(&home.archive()), &before, "a newer format");
}

fn has(value: &Value, names: &[&str]) {
    for name in names {
        assert!(value.get(name).is_some(), "no `{name}` in {value}");
    }
}

const STATES: [&str; 7] = ["total", "taken", "used", "duplicate", "kept", "skipped", "faulted"];

#[test]
fn the_json_of_status_and_inspect_is_what_was_promised() {
    let home = imported(30);
    let status = home.json(&["status"]);
    assert_eq!(status["format"], 1);
    assert_eq!(number(&status["items"]["message"]), 30);
    assert!(number(&status["items"]["file"]) > 0 && number(&status["items"]["setting"]) > 0);
    has(&status["entries"], &STATES);
    assert_adds_up(&status["entries"]);
    has(&status["exports"][0], &["export", "platform", "account", "exported_at", "parts", "entries"]);
    has(&status, &["folders", "faults", "bytes"]);
    let inspected = home.json(&["inspect", "export"]);
    let fields =
        ["platform", "layout", "account", "parts", "products", "entries", "bytes", "needed_bytes", "missing"];
    has(&inspected, &fields);
    has(&inspected["parts"][0], &["name", "kind", "size"]);
    has(&inspected["products"][0], &["name", "folder", "understood", "entries", "bytes"]);
    assert_eq!(inspected["parts"].as_array().map(Vec::len), Some(3));
    assert_eq!(inspected["exported_at"], "2026-03-14T09:26:53Z");
}

#[test]
fn an_import_answers_in_json_lines_and_the_last_is_the_summary() {
    let home = Home::new();
    let export = home.put_parts("export", &sample_parts(Lang::En, 30, 1).0);
    let ran = home.import(&export, &[]).expect(0);
    let lines = ran.json_lines();
    assert!(lines.iter().all(|line| line["event"].is_string()), "{lines:?}");
    assert_eq!(lines.iter().filter(|line| line["event"] == "summary").count(), 1);
    let summary = ran.summary();
    has(&summary["entries"], &STATES);
    assert_adds_up(&summary["entries"]);
    assert_eq!(summary["entries"], home.json(&["status"])["entries"]);
    has(
        &summary,
        &[
            "platform", "account", "archive", "items", "added", "kept", "faults", "missing", "bytes",
            "seconds",
        ],
    );
    assert_eq!(number(&summary["items"]["message"]), 30);
}

#[test]
fn with_json_stdout_holds_nothing_else() {
    let home = imported(20);
    home.put("archive/mail/cur/1.2.exodus,S=1,W=1:2,", b"x");
    for (words, code) in [
        ("status", 0),
        ("list", 0),
        ("show 1", 0),
        ("search kind:message", 0),
        ("search nothing-of-this-is-there", 0),
        ("importers", 0),
        ("inspect export", 0),
        ("verify --dkim", 5),
        ("import export", 0),
        ("reindex", 0),
    ] {
        let ran = home.run(words.split_whitespace().chain(["--json"])).expect(code);
        let lines = ran.json_lines();
        assert!(!lines.is_empty() || words.contains("nothing"), "{words}");
    }
}

#[test]
fn quiet_says_nothing_but_what_was_asked() {
    let home = Home::new();
    home.put_parts("export", &sample_parts(Lang::De, 10, 1).0);
    let ran = home.run(["import", "export", "--quiet"]).expect(0);
    assert_eq!(ran.err, "");
    assert_eq!(home.run(["verify", "--quiet"]).expect(0).err, "");
}

#[test]
fn every_command_explains_itself() {
    let home = Home::new();
    for command in COMMANDS {
        let help = String::from_utf8(home.run([command, "--help"]).expect(0).out).expect("help is UTF-8");
        assert!(help.contains(&format!("Usage: exodus {command}")), "{help}");
        let first = help.lines().next().unwrap_or("");
        assert!(first.len() > 10 && !first.ends_with('.'), "{command}: {first}");
        let needs_example = ["import", "inspect", "show", "search", "verify"].contains(&command);
        assert!(!needs_example || help.contains(&format!("  exodus {command} ")), "{command} has no example");
    }
    let whole = String::from_utf8(home.run(["--help"]).expect(0).out).expect("help is UTF-8");
    assert!(COMMANDS.iter().all(|command| whole.contains(&format!("\n  {command} "))), "{whole}");
}

#[test]
fn only_the_owner_may_read_an_archive_whatever_the_umask_says() {
    let home = Home::new();
    home.put_parts(
        "export",
        &exports::takeout(&exports::mails(20), &[("Drive/a/b.txt", b"x")], exports::NEWER),
    );
    for umask in ["000", "022", "077"] {
        let exodus = "exec \"$0\" import export --quiet --log-file wide/log --archive";
        let script = format!("umask {umask}; mkdir -p wide; {exodus} wide/{umask}/archive");
        let mut command = Command::new("sh");
        run(command.args(["-c", &script, EXODUS]).current_dir(home.path())).expect(0);
        for (path, leaf) in tree::of(&home.at("wide")) {
            let wanted = if leaf.mode & 0o170_000 == 0o040_000 { 0o700 } else { 0o600 };
            assert_eq!(leaf.mode & 0o7777, wanted, "{umask}: {path}");
        }
        assert!(home.at(&format!("wide/{umask}/archive/files/drive/a/b.txt")).exists());
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let home = imported(400);
    for words in ["list", "list --json", "show 20 --raw", "status", "import --help"] {
        let script = format!("set -o pipefail; \"$0\" {words} | head -c 20 >/dev/null");
        let mut command = Command::new("bash");
        command.args(["-c", &script, EXODUS]).env("EXODUS_ARCHIVE", home.archive());
        let ran = run(&mut command);
        assert_eq!((ran.code, &*ran.err), (0, ""), "{words}");
    }
}

#[test]
fn the_archive_is_found_by_flag_then_environment_then_default() {
    let home = Home::new();
    home.put_parts("export", &sample_parts(Lang::En, 5, 1).0);
    run(home.command(["import", "export", "--quiet"]).env_remove("EXODUS_ARCHIVE")).expect(0);
    assert!(home.at("exodus-archive/index.sqlite").exists());
    run(&mut home.command(["import", "export", "--quiet"])).expect(0);
    assert!(home.archive().join("index.sqlite").exists());
    run(&mut home.command(["import", "export", "--quiet", "--archive", "third"])).expect(0);
    assert!(home.at("third/index.sqlite").exists());
}
