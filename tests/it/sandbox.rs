//! That an import and a watch are shut in, and that nobody who has a right to something is shut out. (What who is shut in can do is
//! tested beside the sandbox's own code. Every other test that imports runs in it too.)

use std::fs;
use std::os::unix::fs::symlink;

use exodus_fixtures::lang::Lang;
use exodus_fixtures::pack::sample_parts;

use crate::house::{Home, Ran, skip};
use crate::tree;

fn home() -> Home {
    let home = Home::new();
    home.put_parts("export", &sample_parts(Lang::De, 20, 1).0);
    home
}

/// False, aloud, where the kernel has no Landlock.
fn has_landlock(ran: &Ran) -> bool {
    let has_it =
        !ran.err.contains("no sandbox: this kernel has no Landlock") && !ran.err.contains("switched off");
    if !has_it {
        skip("the sandbox of import", "this kernel has no Landlock");
    }
    has_it
}

#[test]
fn an_import_is_shut_in_unless_it_is_told_otherwise() {
    let home = home();
    let ran = home.run(["import", "export", "-v"]).expect(0);
    if !has_landlock(&ran) {
        return;
    }
    assert!(ran.err.contains("info: sandbox: "), "{}", ran.err);
    let free = home.run(["import", "export", "-v", "--no-sandbox", "--archive", "free"]).expect(0);
    assert!(free.err.contains("info: no sandbox: --no-sandbox"), "{}", free.err);
    let dry = home.run(["import", "export", "-v", "--dry-run", "--archive", "dry"]).expect(0);
    assert!(dry.err.contains("info: sandbox: ") && !home.at("dry").exists(), "{}", dry.err);
    let doctor = home.json(&["doctor"]);
    assert!(doctor.to_string().contains("Landlock"), "{doctor}");
}

#[test]
fn a_watch_is_shut_in_unless_it_is_told_otherwise_and_leaves_no_empty_folder() {
    let home = home();
    let watch = |more: &[&str]| {
        let words = ["watch", "export", "--settle", "50ms", "--until-idle", "100ms", "-v"];
        home.run(words.iter().chain(more)).expect(0)
    };
    let ran = watch(&["--archive", "inside"]);
    if !has_landlock(&ran) {
        return;
    }
    assert!(ran.err.contains("info: sandbox: reads the parts"), "{}", ran.err);
    let free = watch(&["--no-sandbox", "--archive", "outside"]);
    assert!(free.err.contains("info: no sandbox: --no-sandbox"), "{}", free.err);
    let names = |folder: &str| tree::of(&home.at(folder)).into_keys().collect::<Vec<_>>();
    assert_eq!(names("inside"), names("outside"));
    let deleting = watch(&["--archive", "inside", "--delete-imported"]);
    assert!(deleting.err.contains("info: sandbox: reads and changes the parts"), "{}", deleting.err);
    assert_eq!(fs::read_dir(home.at("export")).expect("it is there").count(), 0, "{}", deleting.err);
    home.run(["verify", "--quiet", "--archive", "inside"]).expect(0);
    watch(&["--archive", "never/used"]);
    assert!(!home.at("never").exists());
}

#[test]
fn an_archive_made_in_the_sandbox_is_the_one_made_outside() {
    let home = home();
    home.run(["import", "export", "--quiet", "--archive", "inside"]).expect(0);
    home.run(["import", "export", "--quiet", "--archive", "outside", "--no-sandbox"]).expect(0);
    let names = |folder: &str| tree::of(&home.at(folder)).into_keys().collect::<Vec<_>>();
    assert_eq!(names("inside"), names("outside"));
    home.run(["verify", "--quiet", "--archive", "inside"]).expect(0);
}

#[test]
fn parts_and_archives_behind_links_are_reached() {
    let home = home();
    let export = home.at("export");
    let parts: Vec<_> = fs::read_dir(&export).expect("it is there").flatten().map(|it| it.path()).collect();
    fs::create_dir_all(home.at("links")).expect("the home is ours");
    for part in &parts {
        symlink(part, home.at("links").join(part.file_name().expect("it has one")))
            .expect("the home is ours");
    }
    // One link, to a folder, and an archive behind another; then links to parts.
    home.run(["import", "export", "--quiet", "--archive", "a"]).expect(0);
    symlink(&export, home.at("link")).expect("the home is ours");
    fs::create_dir_all(home.at("disk/b")).expect("the home is ours");
    symlink(home.at("disk/b"), home.at("b")).expect("the home is ours");
    home.run(["import", "link", "--quiet", "--archive", "b"]).expect(0);
    assert!(home.at("disk/b/index.sqlite").exists());
    let words: Vec<String> = parts
        .iter()
        .map(|part| format!("links/{}", part.file_name().expect("it has one").to_string_lossy()))
        .collect();
    home.run(["import", "--quiet", "--archive", "c"].into_iter().map(str::to_owned).chain(words)).expect(0);
    // The files of an archive may have moved to another disk.
    fs::rename(home.at("a/files"), home.at("disk/files")).expect("the home is ours");
    symlink(home.at("disk/files"), home.at("a/files")).expect("the home is ours");
    home.put("more.mbox", b"From 1@xxx Thu Jan 01 00:00:00 +0000 1970\nSubject: x\n\ny\n");
    home.run(["import", "more.mbox", "--quiet", "--archive", "a"]).expect(0);
}

#[test]
fn an_import_that_takes_nothing_leaves_no_folder() {
    let home = home();
    home.put("notes.txt", b"nothing that anybody exports\n");
    for part in ["notes.txt", "nowhere.zip"] {
        home.run(["import", part, "--archive", "new/and/deep"]).expect(3);
        assert!(!home.at("new").exists(), "{part}");
    }
    fs::create_dir_all(home.at("mine")).expect("the home is ours");
    home.run(["import", "notes.txt", "--archive", "mine/archive"]).expect(3);
    assert!(home.at("mine").exists() && !home.at("mine/archive").exists(), "what was there stays");
}
