//! Settings: where they come from, and that a mistake in them is named.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use exodus_fixtures::lang::Lang;
use exodus_fixtures::pack::sample_parts;
use serde_json::Value;

use crate::house::{Home, run};

const SETTINGS: &str = r#"archive = "my/archive"

[site]
title = "Works"

[target.home]
url = "sftp://ada@example.org/~/archive"
jobs = 4
password_file = "~/secret"

[target.home.map]
mail = "Maildir"
"files/papers" = { to = "public_html/papers", mode = "0644" }
"#;

/// The value of a setting and where it comes from.
fn setting(shown: &Value, name: &str) -> (String, String) {
    let list = shown["settings"].as_array().expect("a list");
    let found = list.iter().find(|it| it["name"] == name).unwrap_or_else(|| panic!("no {name} in {shown}"));
    let text = |field: &str| found[field].as_str().unwrap_or("-").to_owned();
    (text("value"), text("origin"))
}

#[track_caller]
fn check(shown: &Value, name: &str, value: &str, origin: &str) {
    assert_eq!(setting(shown, name), (value.to_owned(), origin.to_owned()), "{name}");
}

#[test]
fn every_setting_is_shown_with_where_it_comes_from() {
    let home = Home::new();
    let show = |more: &[&str]| {
        let words = ["config", "show", "--json"].iter().chain(more);
        run(home.command(words).env_remove("EXODUS_ARCHIVE")).expect(0).json()
    };
    let nothing = show(&[]);
    check(&nothing, "config", "-", "default");
    check(&nothing, "archive", "exodus-archive", "default");
    check(&nothing, "site.language", "en", "default");
    home.put("exodus.toml", SETTINGS.as_bytes());
    let file = show(&[]);
    check(&file, "config", "exodus.toml", "found");
    check(&file, "archive", "my/archive", "exodus.toml:1");
    check(&file, "site.title", "Works", "exodus.toml:4");
    check(&file, "site.email", "-", "default");
    check(&file, "target.home.jobs", "4", "exodus.toml:8");
    check(&file, "target.home.map.files/papers.to", "public_html/papers", "exodus.toml:13");
    check(&show(&["--archive", "x"]), "archive", "x", "--archive");
    check(
        &home.json(&["config", "show"]),
        "archive",
        &home.archive().display().to_string(),
        "EXODUS_ARCHIVE",
    );
    home.put("other.toml", b"archive = \"there\"\n");
    let named = show(&["--config", "other.toml"]);
    check(&named, "config", "other.toml", "--config");
    check(&named, "archive", "there", "other.toml:1");
    let text = home.run(["config", "show", "--origin"]).expect(0);
    let text = String::from_utf8(text.out).expect("it is UTF-8");
    assert!(
        text.lines().any(|line| line.starts_with("target.home.url ") && line.ends_with("exodus.toml:7")),
        "{text}"
    );
}

#[test]
fn the_file_is_looked_for_here_then_in_the_users_configuration() {
    let home = Home::new();
    home.put_parts("export", &sample_parts(Lang::En, 5, 1).0);
    home.put("cfg/exodus/exodus.toml", b"archive = \"by-xdg\"\n");
    let import = || {
        let mut command = home.command(["import", "export", "--quiet"]);
        run(command.env_remove("EXODUS_ARCHIVE").env("XDG_CONFIG_HOME", home.at("cfg"))).expect(0)
    };
    import();
    assert!(home.at("cfg/exodus/by-xdg/index.sqlite").exists(), "a relative archive is beside its file");
    home.put("exodus.toml", b"archive = \"~/by-project\"\n");
    import();
    assert!(home.at("by-project/index.sqlite").exists());
}

#[test]
fn what_cannot_be_understood_is_an_error_with_line_and_column() {
    for (text, place) in [
        ("archiv = \"x\"\n", "at line 1, column 1"),
        ("[target.a]\nurl = \"file:///x\"\n  pasword_env = \"y\"\n", "at line 3, column 3"),
        ("[site]\ntitel = \"x\"\n", "at line 2, column 1"),
        ("[target.a]\nurl = 7\n", "at line 2, column 7"),
        ("# ä\n[target.a\n", "at line 2, column"),
        ("[targets.a]\nurl = \"file:///x\"\n", "at line 1, column"),
    ] {
        let home = Home::new();
        home.put("exodus.toml", text.as_bytes());
        for words in [&["status"][..], &["config", "show"], &["push"], &["site", "papers", "out"]] {
            let ran = home.run(words).expect(7);
            assert!(ran.err.contains("exodus.toml") && ran.err.contains(place), "{text}: {}", ran.err);
        }
        // What explains and what packages are made of needs no settings.
        for words in [&["push", "--help"][..], &["--version"], &["completions", "bash"], &["man"]] {
            home.run(words).expect(0);
        }
    }
}

#[test]
fn no_secret_is_shown() {
    let home = Home::new();
    home.put("exodus.toml", SETTINGS.as_bytes());
    let secret = home.put("secret", b"kanarienvogel4711\n");
    fs::set_permissions(secret, fs::Permissions::from_mode(0o600)).expect("it is ours");
    let ran = run(home.command(["config", "show", "--origin"]).env("EXODUS_PASSWORD", "kanarienvogel4711"))
        .expect(0);
    let out = String::from_utf8(ran.out).expect("it is UTF-8");
    assert!(out.contains("set, and not shown") && !out.contains("kanarienvogel4711"), "{out}");
}
