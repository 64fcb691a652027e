//! What the papers show is what the program does: every block of README.md and docs/ that begins with `$ exodus` is
//! run, block by block, in a fresh folder with the German sample in three zips, and its answers are compared. A line
//! `...` stands for any lines; times, rates and free disk may differ. `UPDATE_SNAPSHOTS=1 cargo test --test it readme`
//! writes the answers anew, and a person reads the difference.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use exodus_fixtures::lang::Lang;
use exodus_fixtures::pack::sample_parts;

use crate::asyncssh::{Login, Server};
use crate::house::{EXODUS, Home, Ran, run};

/// A command of a block, and what the paper says of it.
struct Step {
    command: String,
    shown: Vec<String>,
    /// The lines of the paper on which the answer stands.
    at: std::ops::Range<usize>,
}

/// The commands of a paper, in order.
fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let (mut is_inside, mut is_ours) = (false, false);
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            (is_inside, is_ours) = (!is_inside, false);
        } else if is_inside && line.starts_with("$ ") {
            is_ours = line.starts_with("$ exodus ");
            if is_ours {
                let command = line[2..].to_owned();
                steps.push(Step { command, shown: Vec::new(), at: number + 1..number + 1 });
            }
        } else if is_inside && is_ours {
            let step = steps.last_mut().expect("its command came before");
            step.shown.push(line.to_owned());
            step.at.end = number + 1;
        }
    }
    steps
}

/// A line without what differs from run to run: times and rates, moments, free disk.
fn masked(line: &str) -> String {
    if let Some((before, _)) = line.split_once(" are free there") {
        return format!("{}; FREE", before.rsplit_once("; ").map_or(before, |(before, _)| before));
    }
    // The size of an index is not the same to the page in every run.
    if let Some((before, _)) = line.split_once(" sent, ").filter(|_| line.contains("/s)")) {
        return format!("{before} sent, SIZE in TIME");
    }
    if let Some((before, _)) = line.split_once(" in ").filter(|_| line.contains("/s)")) {
        return format!("{before} in TIME");
    }
    let is_moment = |word: &str| word.trim_matches(['(', ')']).parse::<jiff::Timestamp>().is_ok();
    // Columns are as wide as the longest path of the test's home.
    let words = line.split_whitespace().map(|word| if is_moment(word) { "MOMENT" } else { word });
    words.collect::<Vec<_>>().join(" ").trim_end().to_owned()
}

/// Whether an answer is what is shown, where a line `...` stands for any lines.
fn is_same(shown: &[String], said: &[String]) -> bool {
    match shown.split_first() {
        None => said.is_empty(),
        Some((line, rest)) if line == "..." => (0..=said.len()).any(|n| is_same(rest, &said[n..])),
        Some((line, rest)) => {
            said.first().is_some_and(|it| masked(it) == masked(line)) && is_same(rest, &said[1..])
        }
    }
}

/// The paper with what was said in the place of what it showed; what stood around a `...` keeps its length.
fn renewed(shown: &[String], said: &[String]) -> Vec<String> {
    match shown.iter().position(|line| line == "...") {
        Some(at) if shown.len() <= said.len() => {
            let after = &said[said.len() - (shown.len() - at - 1)..];
            [&said[..at], &["...".to_owned()], after].concat()
        }
        _ => said.to_vec(),
    }
}

/// Runs a command as a person would have: by a shell that finds exodus.
fn run_by_shell(home: &Home, command: &str) -> Ran {
    let folder = Path::new(EXODUS).parent().expect("it lies in a folder");
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).current_dir(home.path()).env_clear();
    shell.env("PATH", path).env("HOME", home.path()).env("TMPDIR", home.path()).env("LC_ALL", "C.UTF-8");
    run(shell.stdin(Stdio::null()))
}

/// A server that answers to `example.org`, where anybody may log in whose key is this home's.
fn server(home: &Home) -> Option<Server> {
    let server = Server::start(home, Login::Key)?;
    let config = format!("Host example.org\n  HostName 127.0.0.1\n  Port {}\n", server.port);
    home.put(".ssh/config", config.as_bytes());
    Some(server)
}

/// README.md and what is in docs/.
fn papers() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = walkdir::WalkDir::new(root.join("docs")).sort_by_file_name().into_iter().flatten();
    let docs =
        docs.map(walkdir::DirEntry::into_path).filter(|path| path.extension().is_some_and(|it| it == "md"));
    [root.join("README.md")].into_iter().chain(docs).collect()
}

fn check(paper: &Path) {
    let text = fs::read_to_string(paper).expect("it is there");
    let steps = steps(&text);
    if steps.is_empty() {
        return;
    }
    let home = Home::new();
    home.put_parts(".", &sample_parts(Lang::De, 400, 1).0);
    let needs_server = steps.iter().any(|step| step.command.contains("sftp://"));
    let server = if needs_server { server(&home) } else { None };
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut wrong = Vec::new();
    for step in &steps {
        let is_about_server =
            ["push", "target", "ready", "receipt", "doctor"].iter().any(|it| step.command.contains(it));
        if needs_server && server.is_none() && is_about_server {
            continue;
        }
        let ran = run_by_shell(&home, &step.command);
        let is_well = ran.code == 0 || (ran.code == 5 && !step.shown.is_empty());
        assert!(is_well, "{}: `{}`: exit {}: {}", paper.display(), step.command, ran.code, ran.err);
        // The reader's home is another one than the test's.
        let out = String::from_utf8_lossy(&ran.out).replace(&home.path().display().to_string(), "/home/ada");
        let said: Vec<String> = out.lines().map(str::to_owned).collect();
        if !step.shown.is_empty() && !is_same(&step.shown, &said) {
            wrong.push((step, said));
        }
    }
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        for (step, said) in wrong.drain(..).rev() {
            lines.splice(step.at.clone(), renewed(&step.shown, &said));
        }
        fs::write(paper, lines.join("\n") + "\n").expect("the sources are ours");
    }
    let wrong: Vec<String> = wrong
        .iter()
        .map(|(step, said)| {
            format!("$ {}\n--- shown\n{}\n--- said\n{}", step.command, step.shown.join("\n"), said.join("\n"))
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "{}; if the new words are right: UPDATE_SNAPSHOTS=1\n{}",
        paper.display(),
        wrong.join("\n\n")
    );
}

#[test]
fn every_example_of_the_papers_does_what_it_shows() {
    papers().iter().for_each(|paper| check(paper));
}

#[test]
fn the_readme_has_examples_and_differences_are_seen() {
    let text = fs::read_to_string(papers().swap_remove(0)).expect("it is there");
    assert!(steps(&text).len() >= 10, "{}", steps(&text).len());
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    assert!(
        is_same(&lines("a\n...\nd"), &lines("a\nb\nc\nd")) && !is_same(&lines("a\n...\nd"), &lines("a\nb"))
    );
    assert!(!is_same(&lines("3 files"), &lines("4 files")));
    let (old, new) = ("1 sent, 5 MiB in 0.2 s (2 MiB/s)", "1 sent, 6 MiB in 10.5 s (9 GiB/s)");
    assert_eq!(masked(old), masked(new));
    assert_ne!(masked(old), masked(&new.replace("1 sent", "2 sent")));
    assert_eq!(renewed(&lines("a\n...\nd"), &lines("A\nb\nc\nD")), lines("A\n...\nD"));
}
