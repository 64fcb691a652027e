//! A disk that is full, and one that takes no writing.

use std::process::Command;

use exodus_fixtures::lang::Lang;
use exodus_fixtures::pack::sample_parts;

use crate::house::{EXODUS, Home, Ran, run, skip};
use crate::tree;

/// Runs in a mount namespace of its own, so that the small disk is gone with the shell, however that ends.
/// `$1` is the home, `$2` the size of the disk, `$3` the binary; prints an exit code a line.
const SCRIPT: &str = r#"
cd "$1"
mkdir disk
mount -t tmpfs -o "size=$2" none disk
"$3" import export --archive disk/archive --only drive --quiet >/dev/null 2>first.err
echo $?
"$3" import export --archive disk/archive --quiet >/dev/null 2>full.err
echo $?
mount -o remount,size=64m disk
"$3" verify --archive disk/archive --quiet >/dev/null 2>&1
echo $?
"$3" import export --archive disk/archive --quiet >/dev/null 2>roomy.err
echo $?
"$3" verify --archive disk/archive --quiet >verify.out 2>&1
echo $?
cp -a disk/archive archive
"#;

fn on_small_disk(home: &Home, kib: u64) -> Ran {
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", SCRIPT, "sh"]).arg(home.path()).arg(format!("{kib}k")).arg(EXODUS);
    run(&mut command)
}

/// True where small disks can be mounted.
pub fn can_mount() -> bool {
    let test = "mount -t tmpfs -o size=64k none /mnt";
    Command::new("unshare").args(["--mount", "sh", "-c", test]).output().is_ok_and(|it| it.status.success())
}

#[test]
fn a_full_disk_stops_the_run_and_with_room_again_it_goes_on() {
    if !can_mount() {
        return skip("a full disk", "no small disk can be mounted here (root and unshare are needed)");
    }
    let parts = sample_parts(Lang::De, 100, 1).0;
    let clean = Home::new();
    let export = clean.put_parts("export", &parts);
    clean.import(&export, &["--only", "drive"]).expect(0);
    clean.import(&export, &[]).expect(0);
    let wanted = tree::of_archive(&clean.archive());
    let mut n_full = 0;
    // From a disk that takes hardly more than the Drive to one on which only the last steps find no room.
    for kib in [700, 900, 1200, 1600, 2000, 2400, 2700, 3000, 3400] {
        let home = Home::new();
        home.put_parts("export", &parts);
        let ran = on_small_disk(&home, kib).expect(0);
        let codes =
            String::from_utf8_lossy(&ran.out).split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let told = std::fs::read_to_string(home.at("full.err")).unwrap_or_default();
        assert!(["0", "4"].contains(&&*codes[1]), "{kib} KiB: {codes:?} {told}");
        if codes[1] == "4" {
            n_full += 1;
            assert!(told.contains("make room"), "{kib} KiB: {told}");
        }
        let roomy = std::fs::read_to_string(home.at("roomy.err")).unwrap_or_default();
        assert_eq!(codes[3..], ["0", "0"], "{kib} KiB: {codes:?} {roomy}");
        tree::assert_same(&tree::of_archive(&home.archive()), &wanted, &format!("{kib} KiB, then room"));
        tree::assert_tidy(&home.archive(), "after a full disk");
    }
    assert!(n_full >= 4, "only {n_full} disks were full");
}

#[test]
fn a_new_archive_is_not_begun_on_a_disk_that_cannot_hold_the_export() {
    if !can_mount() {
        return skip("a disk too small", "no small disk can be mounted here (root and unshare are needed)");
    }
    let home = Home::new();
    home.put_parts("export", &sample_parts(Lang::De, 100, 1).0);
    let script = r#"cd "$1"; mkdir disk; mount -t tmpfs -o size=256k none disk
        "$2" import export --archive disk/archive --quiet; code=$?; ls disk; exit $code"#;
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script, "sh"]).arg(home.path()).arg(EXODUS);
    let ran = run(&mut command).expect(4);
    assert!(ran.err.contains("hint: make room") && ran.out.is_empty(), "{ran:?}");
}

#[test]
fn a_folder_of_other_files_is_never_made_an_archive() {
    let home = Home::new();
    home.put_parts("export", &sample_parts(Lang::De, 5, 1).0);
    home.put("archive/diary.txt", b"mine\n");
    let before = tree::of(&home.archive());
    let ran = home.import(&home.at("export"), &[]).expect(4);
    assert!(ran.err.contains("is not an exodus archive"), "{}", ran.err);
    tree::assert_same(&tree::of(&home.archive()), &before, "a folder of other files");
}
