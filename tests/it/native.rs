//! That exodus behaves like a program of the system: completions, manual, colours, terminals of any width, other
//! locales, readers that go away, logs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use exodus_fixtures::lang::Lang;
use exodus_fixtures::pack::sample_parts;

use crate::house::{EXODUS, Home, Ran, has_program, run, skip};

fn text(ran: &Ran) -> String {
    String::from_utf8(ran.out.clone()).expect("it is UTF-8")
}

fn with_export() -> Home {
    let home = Home::new();
    home.put_parts("export", &sample_parts(Lang::De, 40, 1).0);
    home
}

fn imported() -> Home {
    let home = with_export();
    home.run(["import", "export", "--quiet"]).expect(0);
    home
}

/// Runs a line of a shell in the home, with `exodus` as `$0`.
fn shell(home: &Home, program: &str, script: &str) -> Ran {
    let mut command = Command::new(program);
    command.args(["-c", script, EXODUS]).current_dir(home.path());
    command.env("HOME", home.path()).env("EXODUS_ARCHIVE", home.archive());
    run(&mut command)
}

/// Runs a command on a terminal of so many columns; everything that the terminal got.
fn on_terminal(home: &Home, columns: u16, locale: &str, words: &str) -> String {
    let inner = format!("stty cols {columns} rows 30; exec '{EXODUS}' {words}");
    let mut command = Command::new("script");
    command.args(["-qec", &inner, "/dev/null"]).current_dir(home.path()).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("TERM", "xterm");
    command.env("HOME", home.path()).env("EXODUS_ARCHIVE", home.archive()).env("LC_ALL", locale);
    String::from_utf8_lossy(&run(command.env("TMPDIR", home.path())).expect(0).out).into_owned()
}

/// What stands on the terminal's lines one after the other, without what steers it.
fn drawn(raw: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut letters = raw.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\u{1b}' => {
                letters.by_ref().find(char::is_ascii_alphabetic);
            }
            '\r' | '\n' => lines.push(String::new()),
            letter => lines.last_mut().expect("there is one").push(letter),
        }
    }
    lines
}

#[test]
fn completions_are_understood_by_their_shells_and_know_importers_options() {
    let home = Home::new();
    for (shell_name, check, file) in [
        ("bash", "bash -n exodus.bash", "exodus.bash"),
        ("zsh", "zsh -n exodus.zsh", "exodus.zsh"),
        ("fish", "fish --no-execute exodus.fish", "exodus.fish"),
    ] {
        let script = text(&home.run(["completions", shell_name]).expect(0));
        assert!(script.contains("from-quoting") && script.contains("reindex"), "{shell_name}");
        home.put(file, script.as_bytes());
        if has_program(shell_name) {
            shell(&home, "sh", check).expect(0);
        } else {
            skip(&format!("completions for {shell_name}"), &format!("{shell_name} is not installed"));
        }
    }
    let complete = "source exodus.bash; COMP_WORDS=(exodus imp); COMP_CWORD=1; _exodus exodus imp exodus; echo ${COMPREPLY[@]}";
    assert_eq!(text(&shell(&home, "bash", complete).expect(0)).trim(), "importers import");
    home.run(["completions", "tcsh"]).expect(2);
}

#[test]
fn every_command_has_a_page_in_the_manual() {
    let home = Home::new();
    home.run(["man", "man1"]).expect(0);
    let pages = fs::read_dir(home.at("man1")).expect("it was made").flatten();
    let mut names: Vec<String> = pages.map(|it| it.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    for page in ["exodus.1", "exodus-import.1", "exodus-target-add.1", "exodus-export-photos.1"] {
        assert!(names.iter().any(|name| name == page), "no {page} in {names:?}");
    }
    let import = fs::read_to_string(home.at("man1/exodus-import.1")).expect("it is there");
    assert!(import.contains("from\\-quoting") && import.contains("Examples"), "{import}");
    assert!(text(&home.run(["man"]).expect(0)).contains(".TH exodus 1"));
    if !has_program("groff") {
        return skip("the form of the manual", "groff is not installed");
    }
    let ran = shell(&home, "sh", "cd man1; for page in *; do groff -man -ww -z -Tutf8 -Kutf8 $page; done");
    assert_eq!((ran.code, &*ran.err), (0, ""));
}

#[test]
fn colours_are_for_terminals_and_for_who_asks() {
    let home = Home::new();
    let has_colour = |words: &[&str], name: &str, value: &str| {
        let ran = run(home.command(words).env(name, value));
        ran.err.contains('\u{1b}') || ran.out.contains(&0x1b)
    };
    for (words, name, value, wanted) in [
        (&["status"][..], "A", "", false),
        (&["status", "--color", "always"], "A", "", true),
        (&["status", "--color=always"], "NO_COLOR", "1", true),
        (&["status"], "CLICOLOR_FORCE", "1", true),
        (&["status", "--color", "never"], "CLICOLOR_FORCE", "1", false),
        (&["--color", "always", "status", "--unknown"], "A", "", true),
        (&["status", "--unknown"], "A", "", false),
        (&["status", "--help", "--color=always"], "A", "", true),
        (&["status", "--help", "--color=never"], "CLICOLOR_FORCE", "1", false),
    ] {
        assert_eq!(has_colour(words, name, value), wanted, "{words:?} {name}={value}");
    }
    home.run(["status", "--color", "pink"]).expect(2);
}

#[test]
fn help_fits_the_terminal() {
    let home = Home::new();
    for columns in [40, 200] {
        for words in [&["import", "--help"][..], &["push", "-h"], &["--help"]] {
            let help = text(&run(home.command(words).env("COLUMNS", columns.to_string())).expect(0));
            let (usage, examples) = help.split_once("Examples:").unwrap_or((&help, ""));
            for line in usage.lines() {
                // A word is not cut in two; nor is an option with its value.
                let is_one = !line.trim().trim_start_matches('-').contains("  ")
                    && line.trim().split(' ').count() <= 3;
                assert!(line.chars().count() <= columns || is_one, "{columns}: {line}");
            }
            assert!(words[0] == "--help" || examples.contains("\n  exodus "), "{help}");
        }
    }
}

#[test]
fn progress_fits_the_terminal_and_its_locale() {
    if !has_program("script") || !has_program("stty") {
        return skip("progress on a terminal", "`script` or `stty` is not installed");
    }
    for (columns, locale) in [(40, "C.UTF-8"), (80, "C.UTF-8"), (200, "C.UTF-8"), (40, "C"), (200, "C")] {
        let home = with_export();
        let raw = on_terminal(&home, columns, locale, "import export");
        // The receipt on stdout is no progress, and as long as what it says.
        let (progress, _) = raw.split_once("Imported an export").expect("it ends with the receipt");
        let lines = drawn(progress);
        let bars: Vec<&String> =
            lines.iter().filter(|line| line.contains('%') || line.contains("left")).collect();
        assert!(!bars.is_empty(), "{columns} {locale}: no progress in {progress:?}");
        // Bars stand below each other without a line feed: each fills its line to the last column.
        for line in lines.iter().filter(|line| line.chars().count() > usize::from(columns)) {
            let letters: Vec<char> = line.chars().collect();
            for bar in letters.chunks(usize::from(columns)).map(|it| it.iter().collect::<String>()) {
                assert!(bar.contains('%') || bar.contains("left"), "{columns} {locale}: {line}");
            }
        }
        assert!(locale != "C" || progress.is_ascii(), "{progress:?}");
    }
}

#[test]
fn in_any_locale_names_and_text_are_written_whole() {
    let home = with_export();
    let mut outputs = Vec::new();
    for locale in ["C", "de_DE.ISO-8859-1", "C.UTF-8"] {
        let archive = format!("archive-{locale}");
        run(home.command(["import", "export", "--archive", &archive]).env("LC_ALL", locale)).expect(0);
        let listed = run(home.command(["list", "--archive", &archive]).env("LC_ALL", locale)).expect(0);
        let found = run(home.command(["search", "Grüße", "--archive", &archive]).env("LC_ALL", locale));
        outputs.push((listed.out, found.code, found.out));
    }
    assert!(!outputs[0].0.is_ascii(), "the sample has names in all scripts");
    assert!(outputs.iter().all(|output| *output == outputs[0]));
}

#[test]
fn whatever_prints_ends_quietly_when_nobody_reads_on() {
    let home = imported();
    for words in [
        "list --json",
        "list",
        "status",
        "status --json",
        "search kind:message",
        "show 20 --raw",
        "show 20 --history",
        "inspect export",
        "inspect export --json",
        "importers",
        "verify",
        "receipt",
        "push --plan file:///tmp/x",
        "target list",
        "completions bash",
        "man",
        "import --help",
        "--version",
        "import export",
        "reindex",
    ] {
        let script = format!("set -o pipefail; \"$0\" {words} 2>err | head -c 1 >/dev/null");
        let ran = shell(&home, "bash", &script);
        let err = fs::read_to_string(home.at("err")).unwrap_or_default();
        assert!(
            ran.code == 0 && !err.contains("panic") && !err.contains("roken pipe"),
            "{words}: {} {err}",
            ran.code
        );
    }
    // A reader of progress who goes away stops nothing either.
    let ran = shell(
        &home,
        "bash",
        "\"$0\" import export --archive second -vv 2>&1 >/dev/null | head -1; \"$0\" verify --archive second --quiet",
    );
    assert!(text(&ran.expect(0)).contains("The archive is whole"));
    if fs::exists("/dev/full").unwrap_or(false) {
        let ran = shell(&home, "bash", "\"$0\" list > /dev/full");
        assert_eq!(ran.code, 4, "an answer that is cut by a full disk is an error: {}", ran.err);
    }
}

#[test]
fn a_log_tells_what_was_done_with_the_time_and_is_for_the_owner_only() {
    let home = with_export();
    let ran = home.run(["import", "export", "--quiet", "--log-file", "log"]).expect(0);
    assert_eq!(ran.err, "", "what goes into the log is not told twice");
    home.run(["status", "--archive", "nowhere", "--log-file", "log"]).expect(4);
    let log = fs::read_to_string(home.at("log")).expect("it was written");
    for what in [
        " info    exodus ",
        "importer `google`",
        "product ",
        "import begins",
        "import ends",
        " debug   product ",
        "exit code 0",
        " error   ",
        " hint    ",
        "exit code 4",
    ] {
        assert!(log.contains(what), "no `{what}` in {log}");
    }
    let has_time = |line: &str| line.len() > 24 && line[..24].parse::<jiff::Timestamp>().is_ok();
    assert!(log.lines().all(has_time), "{log}");
    assert_eq!(fs::metadata(home.at("log")).expect("it is there").permissions().mode() & 0o777, 0o600);
    home.run(["status", "--log-file", "no/such/folder/log"]).expect(2);
}

#[test]
fn more_is_told_to_who_asks() {
    let home = with_export();
    let told = |more: &[&str], archive: &str| {
        home.run(["import", "export", "--archive", archive].iter().chain(more)).expect(0).err
    };
    let (little, more, most) = (told(&[], "a"), told(&["-v"], "b"), told(&["-vv"], "c"));
    assert!(!little.contains("info: ") && more.contains("info: import begins"), "{more}");
    assert!(!more.contains("debug: ") && most.contains("debug: product "), "{most}");
}
