//! Text of strangers: it never steers a terminal, and what a mail says is never logged.

use exodus_fixtures::labels::Labels;
use exodus_fixtures::lang::System;
use exodus_fixtures::mail::{Attachment, Body, Mail, Message};
use exodus_fixtures::words::Person;

use crate::exports::{NEWER, takeout};
use crate::house::{Home, Ran};

/// In every text that a stranger can put into an export.
const EVIL: &str = "\u{1b}[31mred\u{1b}]0;title\u{7}\u{9b}2J\u{202e}fdp\u{2066}\u{8}";
/// In the text of a message only.
const SECRET: &str = "kanarienvogel4711";

fn evil_mail() -> Mail {
    let evil = |n: u64, unix_s: i64| Message {
        from: Person::new(&format!("Eve {EVIL}"), "eve@example.com"),
        subject: Some(format!("Subject {n} {EVIL} {SECRET}")),
        labels: Labels::system(&[System::Inbox, System::Unread]).with(&format!("Label {EVIL}")),
        body: Body::Plain(format!("{SECRET} {EVIL}\r\n")),
        attachments: vec![Attachment {
            name: format!("{EVIL}.pdf"),
            media_type: "application/pdf",
            bytes: b"%PDF".to_vec(),
        }],
        ..Message::new(n, unix_s)
    };
    evil(1, 1_552_986_831).finish("evil")
}

fn home() -> Home {
    let home = Home::new();
    let name = format!("Drive/{EVIL}.txt");
    let folder = format!("Keep {EVIL}/{EVIL}.json");
    let files: [(&str, &[u8]); 3] =
        [(&name, b"x"), (&folder, b"{}"), ("Drive/../../climbs \u{1b}[2J out.txt", b"evil")];
    home.put_parts("export", &takeout(&[evil_mail()], &files, NEWER));
    home
}

/// Asserts that nothing on stdout or stderr is obeyed by a terminal.
#[track_caller]
fn assert_harmless(ran: &Ran, what: &str) {
    let text = format!("{}{}", String::from_utf8_lossy(&ran.out), ran.err);
    let is_bad = |letter: &char| {
        (letter.is_control() && *letter != '\n')
            || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if let Some(bad) = text.chars().find(is_bad) {
        panic!("{what} prints {bad:?}:\n{}", text.escape_debug());
    }
}

#[test]
fn no_command_hands_a_strangers_control_characters_to_the_terminal() {
    let home = home();
    for json in [&[][..], &["--json"], &["-vv"]] {
        let run = |words: &[&str]| {
            let ran = home.run(words.iter().chain(json));
            assert_harmless(&ran, &words.join(" "));
            ran
        };
        run(&["inspect", "export"]).expect(0);
        run(&["import", "export", "--dry-run"]);
        run(&["import", "export"]).expect(5);
        run(&["status"]).expect(0);
        run(&["list"]).expect(0);
        for id in ["1", "2", "3"] {
            run(&["show", id]).expect(0);
        }
        run(&["search", "from:eve"]).expect(0);
        run(&["search", EVIL]);
        run(&["verify", "--dkim"]).expect(0);
        run(&["show", &format!("no such {EVIL}")]).expect(2);
        run(&["import", &format!("{EVIL}.zip")]).expect(3);
        run(&["search", &format!("before:{EVIL}")]).expect(2);
        run(&["receipt", "--parts", "export"]);
        run(&["ready"]);
        run(&["push", "--plan", "file:///nowhere"]).expect(0);
        run(&["push", &format!("file://{}/there", home.path().display())]);
        run(&["push", &format!("file:///{EVIL}"), "--dry-run"]);
        run(&["export", "photos", &format!("out {EVIL}")]);
        run(&["doctor"]);
        home.put(
            "evil.toml",
            format!("[site]\ntitle = {:?}\n", serde_json::json!(EVIL).to_string()).as_bytes(),
        );
        run(&["config", "show", "--config", "evil.toml"]);
        run(&["status", "--log-file", &format!("no/{EVIL}")]).expect(2);
    }
    std::fs::remove_dir_all(home.archive().join("files/drive")).expect("the archive is ours");
    assert_harmless(&home.run(["verify"]).expect(5), "verify of a damaged archive");
}

#[test]
fn nothing_that_a_message_says_is_logged() {
    let home = home();
    for words in [["import", "export"], ["import", "export"], ["verify", "--dkim"], ["reindex", "--quiet"]] {
        let ran = home.run(words.iter().chain(&["-vv", "--log-file", "log"]));
        let text = format!("{}{}", String::from_utf8_lossy(&ran.out), ran.err);
        assert!(!text.contains(SECRET), "{words:?}: {text}");
    }
    let ledger = std::fs::read_to_string(home.archive().join("ledger.jsonl")).expect("it is there");
    assert!(!ledger.contains(SECRET), "the ledger has places, not words");
    let log = std::fs::read_to_string(home.at("log")).expect("it was written");
    assert!(!log.contains(SECRET) && !log.contains('\u{1b}') && !log.contains('\u{202e}'), "{log}");
    // It is found all the same.
    assert_eq!(home.json_lines(&["search", SECRET]).len(), 1);
}
