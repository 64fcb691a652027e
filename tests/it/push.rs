//! Push to a folder of this machine: what any target must do, whatever it is. `push_sftp.rs` has the same over SFTP
//! and what only a server can do.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use exodus_fixtures::lang::Lang;
use exodus_fixtures::pack::sample_parts;
use serde_json::Value;

use crate::exports::{self, NEWER, OLDER};
use crate::house::{Home, Ran, number, run};
use crate::tree::{self, Tree};

/// A home with a sample archive, and a folder that is the target.
pub struct Story {
    /// Where everything lies.
    pub home: Home,
    /// The target's URL.
    pub url: String,
    /// The target's root, seen from here.
    pub root: PathBuf,
}

impl Story {
    /// An archive of the sample, and a folder for a target.
    pub fn new() -> Story {
        Story::of(&sample_parts(Lang::De, 60, 1).0)
    }

    /// An archive of this export, and a folder for a target.
    pub fn of(parts: &[(String, Vec<u8>)]) -> Story {
        let home = Home::new();
        let export = home.put_parts("export", parts);
        home.import(&export, &[]).expect(0);
        let root = home.at("server/archive");
        let url = format!("file://{}", root.display());
        Story { home, url, root }
    }

    /// Puts a file of the user's own into the archive, with the modes that are usual there.
    pub fn add(&self, path: &str, bytes: &[u8]) -> PathBuf {
        let file = self.home.put(&format!("archive/{path}"), bytes);
        let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
        set(&file, 0o600).expect("the archive is ours");
        for folder in file.ancestors().skip(1).take_while(|folder| *folder != self.home.path()) {
            set(folder, 0o700).expect("the archive is ours");
        }
        file
    }

    /// Pushes; returns what the command did.
    pub fn push(&self, more: &[&str]) -> Ran {
        let args = ["push", &self.url, "--json"];
        self.home.run(args.iter().chain(more))
    }

    /// Pushes, which must work, and tells its counts.
    #[track_caller]
    pub fn counts(&self, more: &[&str]) -> Value {
        self.push(more).expect(0).summary()["counts"].clone()
    }

    /// Asserts that the target has all of the archive, and nothing else.
    #[track_caller]
    pub fn assert_there(&self, why: &str) {
        tree::assert_same(&of_target(&self.root), &of_archive(&self.home.archive()), why);
    }

    /// A message on the target.
    pub fn a_message(&self) -> PathBuf {
        let tree = tree::of(&self.root.join("mail"));
        let path = tree.keys().find(|path| path.contains("cur/") && path.ends_with(":2,"));
        self.root.join("mail").join(path.expect("there is unread mail"))
    }
}

/// What a push should bring: everything but locks, the journal and the links of albums.
fn of_archive(archive: &Path) -> Tree {
    let mut tree = tree::of(archive);
    // Albums can be made of the index anywhere.
    tree.retain(|path, _| !path.starts_with("files/photos/albums"));
    tree.retain(|path, _| !path.starts_with("push.sqlite") && path != "lock" && path != "proofs.jsonl");
    tree
}

/// What is on a target, without what is exodus's own there.
pub fn of_target(root: &Path) -> Tree {
    let mut tree = tree::of(root);
    tree.retain(|path, _| !path.starts_with(".exodus"));
    tree
}

fn append(path: &Path, text: &str) {
    let bytes = [&fs::read(path).expect("it is there")[..], text.as_bytes()].concat();
    fs::write(path, bytes).expect("the target is ours");
}

/// How often each message is on the target, by its name without flags.
fn messages(root: &Path) -> BTreeMap<String, u32> {
    let mut found = BTreeMap::new();
    for path in tree::of(&root.join("mail")).keys().filter(|path| path.contains(".exodus,S=")) {
        let name = path.rsplit('/').next().unwrap_or(path);
        *found.entry(name.split(',').next().unwrap_or(name).to_owned()).or_default() += 1;
    }
    found
}

#[test]
fn a_copy_is_an_archive_that_is_whole_and_makes_its_albums_itself() {
    let story = Story::new();
    story.push(&[]).expect(0);
    let copy = story.root.to_str().expect("it is text");
    story.home.run(["verify", "--archive", copy]).expect(0);
    let albums = |archive: &Path| {
        let mut tree = tree::of(archive);
        tree.retain(|path, _| path.starts_with("files/photos/albums/"));
        tree
    };
    story.home.run(["reindex", "--archive", copy]).expect(0);
    tree::assert_same(&albums(&story.root), &albums(&story.home.archive()), "albums");
    assert!(!albums(&story.root).is_empty());
    story.home.run(["verify", "--archive", copy]).expect(0);
}

#[test]
fn a_push_brings_everything_and_the_next_sends_nothing() {
    let story = Story::new();
    let first = story.push(&["--verify", "hash"]).expect(0).summary();
    let n = number(&first["counts"]["files_sent"]);
    assert_eq!(n, number(&first["all"]["files"]));
    assert_eq!(number(&first["verified"]["good"]), n);
    story.assert_there("the first push");
    let again = story.push(&[]).expect(0).summary();
    assert_eq!(number(&again["counts"]["files_sent"]), 0);
    assert_eq!(number(&again["all"]["files"]), n);
    story.assert_there("the second push");
    story.home.assert_whole("a push changes nothing in the archive");
}

#[test]
fn a_dry_run_and_a_plan_send_nothing() {
    let story = Story::new();
    let dry = story.push(&["--dry-run"]).expect(0).summary();
    assert_eq!(dry["new"], dry["all"]);
    story.push(&["--plan"]).expect(0);
    assert!(!story.root.exists(), "nothing was made");
    story.push(&[]).expect(0);
    let dry = story.push(&["--dry-run"]).expect(0).summary();
    assert_eq!(number(&dry["new"]["files"]), 0);
}

#[test]
fn what_a_mail_program_has_read_moved_or_deleted_stays_as_it_left_it() {
    let story = Story::new();
    story.push(&[]).expect(0);
    let unread = story.a_message();
    let read = PathBuf::from(format!("{}S", unread.display()));
    fs::rename(&unread, &read).expect("the target is ours");
    let deleted = story.a_message();
    fs::remove_file(&deleted).expect("the target is ours");
    assert_eq!(number(&story.counts(&[])["files_sent"]), 0);
    let checked = story.push(&["--verify", "hash"]).expect(0).summary()["verified"].clone();
    assert_eq!(number(&checked["moved_or_deleted_by_owner"]), 1);
    assert!(read.exists() && !unread.exists() && !deleted.exists());
}

#[test]
fn a_newer_export_moves_messages_and_duplicates_none() {
    let before = exports::mails(80);
    let after = exports::later(&before, 9);
    let story = Story::of(&exports::takeout(&before, &[], OLDER));
    story.push(&[]).expect(0);
    // Meanwhile its owner has read all of them there, and deleted one that the archive will move.
    let files = tree::of(&story.root.join("mail")).into_keys().filter(|path| path.ends_with(":2,"));
    for path in files.map(|path| story.root.join("mail").join(path)) {
        fs::rename(&path, format!("{}S", path.display())).expect("the target is ours");
    }
    let moved = format!(".{}.exodus", before[1].gm_id);
    let all = tree::of(&story.root.join("mail"));
    let deleted = all.keys().find(|path| path.contains(&moved)).expect("it was sent");
    fs::remove_file(story.root.join("mail").join(deleted)).expect("the target is ours");
    let newer = story.home.put_parts("newer", &exports::takeout(&after, &[], NEWER));
    story.home.import(&newer, &[]).expect(0);
    let counts = story.counts(&["--verify", "hash"]);
    assert!(number(&counts["messages_replaced"]) > 0, "{counts}");
    let (there, mut wanted) = (messages(&story.root), messages(&story.home.archive()));
    wanted.retain(|name, _| !name.ends_with(&moved));
    assert_eq!(there, wanted, "what was deleted there stays deleted");
    let new: Vec<String> =
        tree::of(&story.root.join("mail")).into_keys().filter(|it| it.ends_with(":2,")).collect();
    assert!(new.len() <= 9, "what was read there stays read: {new:?}");
    assert!(there.values().all(|n| *n == 1), "a message lies there twice");
    assert_eq!(number(&story.counts(&[])["files_sent"]), 0);
}

#[test]
fn a_file_that_is_not_ours_is_left_alone_unless_forced() {
    let story = Story::new();
    fs::create_dir_all(&story.root).expect("the home is ours");
    fs::write(story.root.join("README.txt"), "mine").expect("the home is ours");
    let left = story.push(&[]).expect(5).summary();
    assert_eq!(number(&left["counts"]["files_left_alone"]), 1);
    assert_eq!(fs::read(story.root.join("README.txt")).expect("it is there"), b"mine");
    story.push(&["--force"]).expect(0);
    story.assert_there("forced");
}

#[test]
fn a_file_that_was_changed_there_is_left_alone_unless_forced() {
    let story = Story::new();
    story.push(&[]).expect(0);
    let theirs = story.root.join("ledger.jsonl");
    append(&theirs, "their own line\n");
    append(&story.home.archive().join("ledger.jsonl"), "our own line\n");
    let left = story.push(&[]).expect(5).summary();
    assert_eq!(left["left_alone"][0]["path"], "ledger.jsonl");
    assert!(fs::read_to_string(&theirs).expect("it is text").ends_with("their own line\n"));
    story.push(&["--force"]).expect(0);
    story.assert_there("forced");
}

#[test]
fn a_file_that_changed_here_is_replaced_and_one_only_touched_is_not_sent() {
    let story = Story::new();
    story.push(&[]).expect(0);
    append(&story.home.archive().join("ledger.jsonl"), "x");
    let readme = story.home.archive().join("README.txt");
    fs::write(&readme, fs::read(&readme).expect("it is there")).expect("the archive is ours");
    let an_hour_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    let file = fs::File::options().write(true).open(&readme).expect("it is there");
    file.set_modified(an_hour_ago).expect("the archive is ours");
    let counts = story.counts(&[]);
    assert_eq!(number(&counts["files_sent"]), 1);
    let ours = fs::read(story.home.archive().join("ledger.jsonl")).expect("it is there");
    assert_eq!(fs::read(story.root.join("ledger.jsonl")).expect("it is there"), ours);
    assert_eq!(number(&story.counts(&[])["files_sent"]), 0);
}

#[test]
fn only_prune_removes_and_only_what_is_ours_and_unchanged() {
    let story = Story::new();
    story.push(&[]).expect(0);
    let own = |name: &str| story.home.put(&format!("archive/files/extra/{name}"), name.as_bytes());
    let (gone, touched) = (own("gone.txt"), own("touched.txt"));
    story.push(&[]).expect(0);
    fs::write(story.root.join("files/extra/foreign.txt"), "not ours").expect("the target is ours");
    fs::write(story.root.join("files/extra/touched.txt"), "changed there").expect("the target is ours");
    fs::remove_file(gone).and_then(|()| fs::remove_file(touched)).expect("the archive is ours");
    let kept = story.counts(&[]);
    assert_eq!((number(&kept["files_superfluous"]), number(&kept["files_pruned"])), (2, 0));
    // Another part is pruned: these are not looked at.
    assert_eq!(number(&story.counts(&["--prune", "--only", "mail"])["files_pruned"]), 0);
    let pruned = story.push(&["--prune"]).expect(5).summary();
    assert_eq!(number(&pruned["counts"]["files_pruned"]), 1);
    let there = |name: &str| story.root.join("files/extra").join(name).exists();
    assert_eq!((there("gone.txt"), there("touched.txt"), there("foreign.txt")), (false, true, true));
}

#[test]
fn parts_go_where_the_map_says_with_the_modes_it_says() {
    let story = Story::new();
    story.home.put("archive/files/papers/2020-example.pdf", b"%PDF-1.4");
    let map = ["--map", "mail=Maildir", "--map", "files/papers=public_html/papers:0644"];
    let summary = story.push(&map).expect(0).summary();
    assert!(summary["staying"].as_array().is_some_and(|list| list.contains(&"README.txt".into())));
    let mode = |path: &str| {
        fs::metadata(story.root.join(path)).map(|it| it.permissions().mode() & 0o777).unwrap_or_default()
    };
    assert_eq!(mode("public_html/papers/2020-example.pdf"), 0o644);
    assert_eq!((mode("public_html/papers"), mode("public_html")), (0o755, 0o755));
    assert_eq!((mode("Maildir/cur"), mode("Maildir")), (0o700, 0o700));
    assert!(!story.root.join("files").exists() && !story.root.join("index.sqlite").exists());
    let mail = tree::of(&story.home.archive().join("mail"));
    tree::assert_same(&tree::of(&story.root.join("Maildir")), &mail, "the mapped Maildir");
}

#[test]
fn only_what_was_asked_for_is_sent() {
    let story = Story::new();
    story.push(&["--only", "mail"]).expect(0);
    assert!(story.root.join("mail/cur").is_dir() && !story.root.join("files").exists());
    story.push(&["--only", "files/drive"]).expect(0);
    let names: Vec<_> = fs::read_dir(story.root.join("files")).expect("it was made").flatten().collect();
    assert_eq!(names.len(), 1);
    story.push(&["--only", "no/such/path"]).expect(2);
    story.push(&[]).expect(0);
    story.assert_there("all in the end");
}

#[test]
fn without_its_journal_a_push_learns_from_the_manifest_and_without_both_from_the_files() {
    let story = Story::new();
    story.push(&[]).expect(0);
    let forget_journal = || fs::remove_file(story.home.archive().join("push.sqlite")).expect("it is there");
    forget_journal();
    assert_eq!(number(&story.counts(&[])["files_sent"]), 0);
    // A mail program renames a message; then all books are lost.
    let unread = story.a_message();
    fs::rename(&unread, format!("{}S", unread.display())).expect("the target is ours");
    forget_journal();
    fs::remove_file(story.root.join(".exodus/manifest.jsonl")).expect("it is there");
    let counts = story.counts(&[]);
    assert_eq!(number(&counts["files_sent"]), 0, "{counts}");
    assert!(number(&counts["files_here_already"]) > 0);
    assert_eq!(messages(&story.root), messages(&story.home.archive()));
    assert_eq!(number(&story.counts(&["--verify", "hash"])["files_here_already"]), 0);
}

#[test]
fn a_manifest_that_was_cut_is_mended() {
    let story = Story::new();
    story.push(&[]).expect(0);
    let manifest = story.root.join(".exodus/manifest.jsonl");
    let whole = fs::read(&manifest).expect("it is there");
    fs::write(&manifest, &whole[..whole.len() - 30]).expect("the target is ours");
    let counts = story.counts(&[]);
    assert_eq!((number(&counts["files_sent"]), number(&counts["files_here_already"])), (0, 1));
    fs::remove_file(story.home.archive().join("push.sqlite")).expect("it is there");
    let counts = story.counts(&[]);
    assert_eq!((number(&counts["files_sent"]), number(&counts["files_here_already"])), (0, 0), "{counts}");
}

#[test]
fn what_verify_finds_lost_is_sent_again_and_what_it_finds_rotten_is_replaced_by_force() {
    let story = Story::new();
    story.push(&[]).expect(0);
    let (lost, rotten) = (story.root.join("README.txt"), story.root.join("ledger.jsonl"));
    fs::remove_file(&lost).expect("the target is ours");
    let metadata = fs::metadata(&rotten).expect("it is there");
    let mut bytes = fs::read(&rotten).expect("it is there");
    bytes[100] ^= 1;
    fs::write(&rotten, bytes).expect("the target is ours");
    let file = fs::File::options().write(true).open(&rotten).expect("it is there");
    file.set_modified(metadata.modified().expect("it has one")).expect("the target is ours");
    assert_eq!(number(&story.counts(&[])["files_sent"]), 0);
    let found = story.push(&["--verify", "size"]).expect(5).summary();
    assert_eq!(found["verified"]["problems"].as_array().map(Vec::len), Some(1));
    let found = story.push(&["--verify", "hash"]).expect(5).summary();
    assert_eq!(found["counts"]["files_sent"], 1, "what was lost is sent again");
    assert_eq!(found["verified"]["problems"][0]["path"], "ledger.jsonl");
    assert_eq!(story.push(&[]).expect(5).summary()["left_alone"][0]["path"], "ledger.jsonl");
    story.push(&["--force", "--verify", "hash"]).expect(0);
    story.assert_there("mended");
}

#[test]
fn a_push_that_was_killed_anywhere_goes_on_and_leaves_no_trace() {
    let story = Story::new();
    let command = |root: &Path| {
        let url = format!("file://{}", root.display());
        let mut command = story.home.command(["push", &url, "--quiet"]);
        command.env("EXODUS_BATCH_RECORDS", "20");
        command
    };
    let clean = story.home.at("server/clean");
    let counted = run(command(&clean).env("EXODUS_KILL_AT", "0")).expect(0).err;
    let n: u64 = counted
        .lines()
        .find_map(|line| line.strip_prefix("kill points passed: ")?.parse().ok())
        .expect("a debug build counts its kill points");
    assert!(n > 60, "only {n} kill points");
    let points: Vec<u64> = (1..=n).step_by((n as usize / 60).max(1)).collect();
    for at in points {
        let root = story.home.at("server/killed");
        let killed = run(command(&root).env("EXODUS_KILL_AT", at.to_string()));
        assert_eq!(killed.code, -9, "point {at}: {}", killed.err);
        run(&mut command(&root)).expect(0);
        tree::assert_same(&of_target(&root), &of_archive(&story.home.archive()), &format!("killed at {at}"));
        let again = story.home.run(["push", &format!("file://{}", root.display()), "--json"]).expect(0);
        assert_eq!(number(&again.summary()["counts"]["files_sent"]), 0, "killed at {at}");
        fs::remove_dir_all(&root).expect("the target is ours");
    }
}

#[test]
fn a_push_of_a_newer_export_that_was_killed_anywhere_duplicates_none() {
    let before = exports::mails(60);
    let older = Story::of(&exports::takeout(&before, &[], OLDER));
    older.push(&[]).expect(0);
    let pushed = older.home.at("pushed");
    let copy = |from: &Path, to: &Path| {
        run(std::process::Command::new("cp").arg("-a").arg(from).arg(to)).expect(0);
    };
    let newer = older.home.put_parts("newer", &exports::takeout(&exports::later(&before, 5), &[], NEWER));
    older.home.import(&newer, &[]).expect(0);
    copy(&older.root, &pushed);
    let journal = older.home.archive().join("push.sqlite");
    let journal_before = fs::read(&journal).expect("it is there");
    let command = || {
        let mut command = older.home.command(["push", &older.url, "--quiet", "--only", "mail"]);
        command.env("EXODUS_BATCH_RECORDS", "4");
        command
    };
    let begin = || {
        fs::remove_dir_all(&older.root).expect("the target is ours");
        copy(&pushed, &older.root);
        fs::write(&journal, &journal_before).expect("the archive is ours");
    };
    let counted = run(command().env("EXODUS_KILL_AT", "0")).expect(0).err;
    let n: u64 = counted
        .lines()
        .find_map(|line| line.strip_prefix("kill points passed: ")?.parse().ok())
        .expect("a debug build counts its kill points");
    for at in 1..=n {
        begin();
        let killed = run(command().env("EXODUS_KILL_AT", at.to_string()));
        assert_eq!(killed.code, -9, "point {at}: {}", killed.err);
        run(&mut command()).expect(0);
        let (there, wanted) = (messages(&older.root), messages(&older.home.archive()));
        assert_eq!(there, wanted, "killed at {at} of {n}");
    }
}

#[test]
fn targets_have_names_and_what_is_wrong_with_them_is_said() {
    let home = Home::new();
    let said = |args: &[&str], code: i32| home.run(args).expect(code).err;
    assert!(said(&["push"], 7).contains("no target is named"));
    assert!(said(&["push", "file:///nowhere"], 4).contains("no exodus archive"));
    let url = format!("file://{}", home.at("stick").display());
    let add = ["target", "add", "stick", &url, "--map", "mail=Maildir", "--config", "exodus.toml"];
    home.run(add).expect(0);
    assert!(said(&add, 7).contains("there is a target `stick`"));
    let list = home.json(&["target", "list"]);
    assert_eq!(list["targets"]["stick"]["map"]["mail"], "Maildir");
    assert_eq!(home.json(&["target", "test"])["root"], home.at("stick").display().to_string());
    let text = fs::read_to_string(home.at("exodus.toml")).expect("it was written");
    fs::write(home.at("exodus.toml"), format!("# mine\n{text}")).expect("the home is ours");
    home.run(["target", "add", "other", "sftp://ada@example.org/~/x"]).expect(0);
    assert!(said(&["target", "test"], 7).contains("there are several"));
    home.run(["target", "remove", "other"]).expect(0);
    let text = fs::read_to_string(home.at("exodus.toml")).expect("it is there");
    assert!(text.starts_with("# mine\n") && !text.contains("other"), "{text}");
    assert!(said(&["target", "remove", "other"], 7).contains("no target `other`"));
    assert!(said(&["target", "test", "gopher://x/y"], 7).contains("no kind of target"));
    let secret = said(&["target", "test", "sftp://ada:hunter2@example.org/~/x"], 7);
    assert!(secret.contains("password") && !secret.contains("hunter2"), "{secret}");
    fs::write(home.at("exodus.toml"), "[target.a]\nurl = \"file:///x\"\nbwlimt = 3\n")
        .expect("the home is ours");
    let wrong = said(&["target", "list"], 7);
    assert!(wrong.contains("at line 3") && wrong.contains("bwlimt"), "{wrong}");
}

#[test]
fn two_pushes_of_one_archive_do_not_run_at_once() {
    let story = Story::new();
    story.push(&[]).expect(0);
    let journal = rusqlite::Connection::open(story.home.archive().join("push.sqlite")).expect("it is there");
    journal.execute_batch("BEGIN EXCLUSIVE").expect("nobody else has it");
    let ran = story.push(&[]).expect(4);
    assert!(ran.err.contains("another push"), "{}", ran.err);
}

#[test]
fn the_journal_is_for_its_owner_only() {
    let story = Story::new();
    story.push(&[]).expect(0);
    let mode =
        fs::metadata(story.home.archive().join("push.sqlite")).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mode =
        fs::metadata(story.root.join(".exodus/manifest.jsonl")).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
