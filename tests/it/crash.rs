//! Runs that are killed: the same command again makes what one clean run makes, byte for byte.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use exodus_fixtures::lang::Lang;
use exodus_fixtures::pack::sample_parts;
use exodus_fixtures::rng::Rng;
use rustix::process::{Pid, Signal, kill_process};

use crate::exports::{self, NEWER, OLDER};
use crate::house::{Home, Ran, finish, run};
use crate::tree::{self, Tree};

/// A command that is killed, from the same beginning each time.
struct Story {
    /// The archive it begins with; `None` for none.
    before: Option<PathBuf>,
    args: Vec<OsString>,
    /// What a clean run leaves in `mail/` and `files/`.
    after: Tree,
    /// How many kill points a clean run passes.
    n_points: u64,
    /// Where the export lies, and the archive it begins with.
    _home: Home,
}

impl Story {
    fn new(home: Home, before: Option<PathBuf>, args: &[&str]) -> Story {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        let mut story = Story { before, args, after: Tree::new(), n_points: 0, _home: home };
        let clean = story.begin();
        let ran = run(story.command(&clean).env("EXODUS_KILL_AT", "0")).expect(0);
        let counted = ran.err.lines().find_map(|line| line.strip_prefix("kill points passed: "));
        story.n_points = counted.and_then(|n| n.parse().ok()).expect("a debug build counts its kill points");
        story.after = tree::of_archive(&clean.archive());
        clean.assert_whole("a clean run");
        story
    }

    /// A home with the archive as it was before the command.
    fn begin(&self) -> Home {
        let home = Home::new();
        if let Some(before) = &self.before {
            copy(before, &home.archive());
        }
        home
    }

    fn command(&self, home: &Home) -> Command {
        let mut command = home.command(&self.args);
        // Many batches, so that points lie between them too.
        command.env("EXODUS_BATCH_RECORDS", "40");
        command
    }

    /// What must be true after the command was killed (and perhaps other commands came) and then run again.
    fn assert_converges(&self, home: &Home, why: &str) {
        run(&mut self.command(home)).expect(0);
        tree::assert_same(&tree::of_archive(&home.archive()), &self.after, why);
        home.assert_whole(why);
        tree::assert_tidy(&home.archive(), why);
    }

    /// Points spread over the whole run: the first, the last, and others in between.
    fn points(&self, n_wanted: u64) -> BTreeSet<u64> {
        let edge = n_wanted / 4;
        let mut rng = Rng::new(self.n_points);
        let between = (0..n_wanted - 2 * edge).map(|_| rng.range(edge, self.n_points));
        (1..=edge).chain(self.n_points.saturating_sub(edge)..=self.n_points).chain(between).collect()
    }

    fn sweep(&self, n_wanted: u64) {
        let points = self.points(n_wanted);
        assert!(points.len() as u64 >= n_wanted * 3 / 4, "{} points of {}", points.len(), self.n_points);
        for point in points {
            let home = self.begin();
            let ran = run(self.command(&home).env("EXODUS_KILL_AT", point.to_string()));
            // The last points may not be reached when threads pass fewer.
            assert!(ran.code == -9 || (ran.code == 0 && point + 8 > self.n_points), "point {point}: {ran:?}");
            // What comes between changes nothing about what the killed run left to be cleaned up.
            let between = match point % 3 {
                0 => vec!["verify", "--quiet"],
                1 => vec!["reindex", "--quiet"],
                _ => vec!["status"],
            };
            let ran = home.run(&between);
            assert!([0, 4, 5].contains(&ran.code), "{between:?} at point {point}: {ran:?}");
            self.assert_converges(&home, &format!("killed at point {point} of {}", self.n_points));
        }
    }
}

/// Copies an archive with its times, modes and hard links.
fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("there is a cp");
    assert!(copied.success());
}

fn sample(messages: usize) -> Home {
    let home = Home::new();
    home.put_parts("export", &sample_parts(Lang::De, messages, 1).0);
    home
}

fn path_of(home: &Home, name: &str) -> String {
    home.at(name).display().to_string()
}

/// A home with an export, a newer one, and an archive of the first.
fn updated(how: &[&str]) -> Story {
    let home = Home::new();
    let before = exports::mails(60);
    let after = exports::later(&before, 12);
    home.put_parts(
        "older",
        &exports::takeout(&before, &[("Drive/a.txt", b"old"), ("Drive/b.txt", b"b")], OLDER),
    );
    home.put_parts(
        "newer",
        &exports::takeout(&after, &[("Drive/a.txt", b"newer"), ("Drive/b.txt", b"b")], NEWER),
    );
    home.import(&home.at("older"), how).expect(0);
    let (archive, newer) = (home.archive(), path_of(&home, "newer"));
    Story::new(home, Some(archive), &["import", &newer, "--quiet"])
}

#[test]
fn an_import_killed_anywhere_converges() {
    let home = sample(60);
    let export = path_of(&home, "export");
    let story = Story::new(home, None, &["import", &export, "--quiet"]);
    story.sweep(100);
}

#[test]
fn an_import_of_a_newer_export_killed_anywhere_converges() {
    updated(&[]).sweep(64);
}

#[test]
fn an_import_with_copies_killed_anywhere_converges() {
    updated(&["--labels=copies"]).sweep(64);
}

#[test]
fn a_reindex_killed_anywhere_converges() {
    let home = sample(60);
    home.import(&home.at("export"), &[]).expect(0);
    let wanted = home.run(["list", "--json"]).expect(0).out;
    let archive = home.archive();
    let story = Story::new(home, Some(archive), &["reindex", "--quiet"]);
    for point in 1..=story.n_points {
        let home = story.begin();
        fs::write(home.archive().join("index.sqlite"), b"damaged").expect("the archive is ours");
        let ran = run(story.command(&home).env("EXODUS_KILL_AT", point.to_string()));
        assert!([-9, 0].contains(&ran.code), "{ran:?}");
        story.assert_converges(&home, &format!("killed at point {point}"));
        assert_eq!(home.run(["list", "--json"]).expect(0).out, wanted);
    }
}

#[test]
fn thirty_kills_at_random_times_converge() {
    let home = sample(200);
    let export = path_of(&home, "export");
    let story = Story::new(home, None, &["import", &export, "--quiet"]);
    let clean = story.begin();
    let start = Instant::now();
    run(&mut story.command(&clean)).expect(0);
    let mut whole_run = start.elapsed();
    let mut rng = Rng::new(30);
    let mut n_killed = 0;
    for round in 0..30 {
        let home = story.begin();
        let mut child = quiet(&mut story.command(&home)).spawn().expect("the binary runs");
        // Not a wait for anything: the moment of the kill is what is random.
        std::thread::sleep(whole_run.mul_f64(rng.below(1000) as f64 / 1000.0).max(Duration::from_millis(1)));
        child.kill().expect("it is ours");
        let is_killed = finish(child).code == -9;
        n_killed += u32::from(is_killed);
        if !is_killed {
            // On a machine that is less busy than it was a whole run takes less.
            whole_run = whole_run.mul_f64(0.7);
        }
        story.assert_converges(&home, &format!("random kill {round}"));
    }
    assert!(n_killed >= 10, "only {n_killed} of 30 runs were killed before their end");
}

fn quiet(command: &mut Command) -> &mut Command {
    command.stdout(Stdio::null()).stderr(Stdio::null())
}

/// Starts an import and returns once it has saved its first items, in the middle of its work.
fn in_the_middle(story: &Story, home: &Home) -> Child {
    let mut command = story.command(home);
    let mut child =
        command.arg("--json").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    let out = child.stdout.take().expect("it is piped");
    let mut lines = BufReader::new(out).lines();
    // The first batches may hold nothing but states of entries.
    let has_items = |line: &String| {
        let event: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
        event["event"] == "saved" && event["new_items"].as_u64() > Some(0)
    };
    let saved = lines.by_ref().map_while(Result::ok).find(has_items);
    assert!(saved.is_some(), "an import tells of its first items");
    // Read on, so that it never waits for us.
    std::thread::spawn(move || lines.for_each(drop));
    child
}

#[test]
fn a_polite_stop_ends_with_130_and_the_next_run_goes_on() {
    let home = sample(700);
    let export = path_of(&home, "export");
    let story = Story::new(home, None, &["import", &export]);
    for signal in [Signal::INT, Signal::TERM] {
        let home = story.begin();
        let child = in_the_middle(&story, &home);
        kill_process(Pid::from_child(&child), signal).expect("it is ours");
        let ran: Ran = finish(child);
        assert_eq!(ran.code, 130, "{}", ran.err);
        assert!(ran.err.contains("what is done stays done"), "{}", ran.err);
        assert!(!home.json_lines(&["list"]).is_empty(), "what is done stays done");
        story.assert_converges(&home, "stopped by a signal");
    }
}

#[test]
fn of_writers_at_once_one_goes_on_and_the_others_say_who_is_there() {
    let home = sample(100);
    let export = path_of(&home, "export");
    let story = Story::new(home, None, &["import", &export, "--quiet"]);
    for _ in 0..5 {
        let home = story.begin();
        let start = |_| {
            let mut command = story.command(&home);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs")
        };
        let children: Vec<Child> = (0..4).map(start).collect();
        let rans: Vec<Ran> = children.into_iter().map(finish).collect();
        assert!(rans.iter().any(|ran| ran.code == 0), "{rans:?}");
        for ran in rans.iter().filter(|ran| ran.code != 0) {
            assert!(ran.code == 4 && ran.err.contains("another exodus is writing"), "{ran:?}");
        }
        story.assert_converges(&home, "several writers at once");
    }
}

#[test]
fn a_held_lock_is_respected_and_a_left_one_is_taken_over() {
    use rustix::fs::{FlockOperation, flock};
    let home = sample(20);
    let export = home.at("export");
    home.import(&export, &[]).expect(0);
    let lock = home.put("archive/lock", b"4242");
    let file = fs::File::open(&lock).expect("it was made");
    flock(&file, FlockOperation::LockExclusive).expect("nobody holds it");
    for args in [vec!["import", "export"], vec!["reindex"], vec!["verify"]] {
        let ran = home.run(&args).expect(4);
        assert!(ran.err.contains("another exodus") && ran.err.contains("4242"), "{args:?}: {}", ran.err);
    }
    home.run(["status"]).expect(0);
    drop(file);
    home.import(&export, &[]).expect(0);
    tree::assert_tidy(&home.archive(), "a left lock");
    drop(home);
}
