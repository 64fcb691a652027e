//! `exodus doctor` finds what was put in the way, says what to do, and changes nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use exodus_fixtures::lang::Lang;
use exodus_fixtures::pack::sample_parts;
use serde_json::Value;

use crate::house::{EXODUS, Home, Ran, run};
use crate::sshd::{Sshd, free_port};
use crate::tree;

fn imported() -> Home {
    let home = Home::new();
    home.put_parts("export", &sample_parts(Lang::De, 10, 1).0);
    home.import(&home.at("export"), &[]).expect(0);
    home
}

/// State and words of a check.
#[track_caller]
fn check(ran: &Ran, name: &str) -> (String, String) {
    let answer: Value = ran.json();
    let list = answer["checks"].as_array().expect("a list").clone();
    let found = list.iter().find(|it| it["name"] == name).unwrap_or_else(|| panic!("no {name} in {answer}"));
    (found["state"].as_str().unwrap_or("").to_owned(), format!("{} {}", found["what"], found["hints"]))
}

#[track_caller]
fn assert_check(ran: &Ran, name: &str, state: &str, words: &str) {
    let (found, text) = check(ran, name);
    assert!(found == state && text.contains(words), "{name} is {found}, not {state}: {text}");
}

#[test]
fn where_all_is_well_it_says_so_and_changes_nothing() {
    let home = imported();
    let before = tree::of_archive(&home.archive());
    let ran = run(home.command(["doctor", "--json"]).env("LC_ALL", "C.UTF-8")).expect(0);
    for name in ["disk", "temporary", "limits", "clock", "locale", "archive", "ssh-agent", "ssh", "ssh-keys"]
    {
        assert_check(&ran, name, "ok", "");
    }
    assert_check(&ran, "archive", "ok", "format 1");
    check(&ran, "sandbox");
    tree::assert_same(&tree::of_archive(&home.archive()), &before, "a check");
    let empty = Home::new();
    assert_check(&empty.run(["doctor", "--json"]).expect(0), "archive", "ok", "there is none");
    assert!(!empty.archive().exists());
}

#[test]
fn what_stands_in_the_way_is_named_with_what_to_do() {
    let home = imported();
    home.put("archive/lock", b"123456");
    home.put(".ssh/known_hosts", b"");
    home.put(".ssh/id_ed25519", b"");
    let chmod = |name: &str, mode| {
        fs::set_permissions(home.at(name), fs::Permissions::from_mode(mode)).expect("it is ours")
    };
    chmod(".ssh/known_hosts", 0o666);
    chmod(".ssh/id_ed25519", 0o644);
    chmod("archive/index.sqlite", 0o644);
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 200; exec \"$0\" doctor --json", EXODUS]).current_dir(home.path());
    command.env("HOME", home.path()).env("EXODUS_ARCHIVE", home.archive()).env("LC_ALL", "C");
    let ran = run(command.env("SSH_AUTH_SOCK", home.at("no-agent")).env("TMPDIR", home.at("none"))).expect(0);
    assert_check(&ran, "temporary", "warning", "TMPDIR");
    assert_check(&ran, "lock", "warning", "run the same command again");
    assert_check(&ran, "limits", "warning", "ulimit -n");
    assert_check(&ran, "locale", "warning", "LC_ALL");
    assert_check(&ran, "ssh-agent", "warning", "SSH_AUTH_SOCK");
    assert_check(&ran, "ssh", "warning", "chmod 644");
    assert_check(&ran, "ssh-keys", "warning", "chmod 600");
    assert_check(&ran, "rights", "warning", "chmod -R go=");
    let text = home.run(["doctor"]).expect(0);
    assert!(String::from_utf8_lossy(&text.out).contains("to do: run the same command again"));
}

#[test]
fn errors_end_with_the_code_of_the_table() {
    let home = imported();
    let conn = rusqlite::Connection::open(home.archive().join("index.sqlite")).expect("it is there");
    conn.execute_batch("PRAGMA user_version = 2").expect("the archive is ours");
    drop(conn);
    assert_check(&home.run(["doctor", "--json"]).expect(4), "archive", "error", "format 2");
    fs::remove_file(home.archive().join("index.sqlite")).expect("it is ours");
    assert_check(&home.run(["doctor", "--json"]).expect(4), "archive", "error", "reindex");
}

#[test]
fn a_server_is_asked_when_it_is_named() {
    let home = Home::new();
    let gone = format!("sftp://127.0.0.1:{}/x", free_port());
    assert_check(&home.run(["doctor", "--json", "--target", &gone]).expect(6), "target", "error", "refused");
    assert_check(
        &home.run(["doctor", "--json", "--target", "nobody"]).expect(7),
        "target",
        "error",
        "no target",
    );
    let Some(sshd) = Sshd::start(&home, "sshd", "") else { return };
    let url = sshd.url(&home.at("there"));
    assert_check(&home.run(["doctor", "--json", "--target", &url]).expect(0), "target", "ok", "answers");
}
