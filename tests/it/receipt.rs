//! The receipt, and the question whether the account may be deleted: red until everything is proven, and red again
//! when something has come since.

use std::fs;
use std::path::Path;
use std::process::Command;

use exodus_fixtures::lang::Lang;
use exodus_fixtures::pack::sample_parts;
use serde_json::Value;

use crate::exports::{self, NEWER, OLDER};
use crate::house::{Home, skip};

/// The checks that are not met, and what they say.
fn unmet(home: &Home, code: i32, more: &[&str]) -> Vec<String> {
    let answer = home.run(["ready", "--json"].iter().chain(more)).expect(code).json();
    assert_eq!(answer["is_ready"], code == 0, "{answer}");
    let checks = answer["checks"].as_array().expect("a list").iter();
    let open = checks.filter(|check| check["is_met"] == false);
    open.map(|check| {
        assert!(check["hint"].is_string(), "{check} says what to do");
        check["name"].as_str().expect("a name").to_owned()
    })
    .collect()
}

fn imported() -> Home {
    let home = Home::new();
    let parts = home.put_parts("export", &sample_parts(Lang::De, 40, 1).0);
    home.import(&parts, &[]).expect(0);
    home
}

fn url(home: &Home, name: &str) -> String {
    format!("file://{}", home.at(name).display())
}

#[test]
fn an_account_may_be_deleted_when_all_is_verified_here_and_there_and_not_before() {
    let home = imported();
    assert_eq!(unmet(&home, 5, &[]), ["verified", "pushed"]);
    home.run(["verify", "--subset", "1/2"]).expect(0);
    assert_eq!(unmet(&home, 5, &[]), ["verified", "pushed"], "a share proves nothing of the rest");
    home.run(["verify"]).expect(0);
    assert_eq!(unmet(&home, 5, &[]), ["pushed"]);
    let (disk, other) = (url(&home, "disk"), url(&home, "other"));
    home.run(["push", &disk]).expect(0);
    assert_eq!(unmet(&home, 5, &[]), ["pushed"], "sent is not proven");
    home.run(["push", &disk, "--verify", "size"]).expect(0);
    assert_eq!(unmet(&home, 5, &[]), ["pushed"], "a size is not a hash");
    home.run(["push", &disk, "--only", "mail", "--verify", "hash"]).expect(0);
    assert_eq!(unmet(&home, 5, &[]), ["pushed"], "mail is not all");
    // Mail on one server and files on another are all of it.
    for part in ["files", "contacts", "calendars"] {
        if home.archive().join(part).exists() {
            home.run(["push", &other, "--only", part, "--verify", "hash"]).expect(0);
        }
    }
    assert_eq!(unmet(&home, 0, &[]), [""; 0]);
    let words = String::from_utf8(home.run(["ready"]).expect(0).out).expect("it is text");
    assert!(words.contains("may be deleted") && words.contains("Only disks of this machine"), "{words}");
    assert_eq!(unmet(&home, 5, &["--target", &disk]), ["pushed"], "on this one there is only mail");
    // What was lost there since takes the proof back.
    let message = first_message(&home.at("disk/mail/cur"));
    fs::write(message, "changed").expect("the target is ours");
    home.run(["push", &disk, "--only", "mail", "--verify", "hash"]).expect(5);
    assert_eq!(unmet(&home, 5, &[]), ["pushed"]);
}

fn first_message(cur: &Path) -> std::path::PathBuf {
    fs::read_dir(cur).expect("it is there").flatten().next().expect("there is mail").path()
}

#[test]
fn what_comes_later_or_fails_makes_it_red_again() {
    let home = Home::new();
    let mails = exports::mails(30);
    let older = home.put_parts("older", &exports::takeout(&mails, &[("Drive/a.txt", b"a")], OLDER));
    home.import(&older, &[]).expect(0);
    home.run(["verify"]).expect(0);
    home.run(["push", &url(&home, "disk"), "--verify", "hash"]).expect(0);
    assert_eq!(unmet(&home, 0, &[]), [""; 0]);
    let newer = home
        .put_parts("newer", &exports::takeout(&exports::later(&mails, 3), &[("Drive/b.txt", b"b")], NEWER));
    home.import(&newer, &[]).expect(0);
    assert_eq!(unmet(&home, 5, &[]), ["verified", "pushed"]);
    // A file of the archive that is lost shows in the labels.
    let message = first_message(&home.archive().join("mail/cur"));
    fs::remove_file(message).expect("the archive is ours");
    assert!(unmet(&home, 5, &[]).contains(&"files".to_owned()));
    home.run(["verify"]).expect(5);
    assert!(unmet(&home, 5, &[]).contains(&"verified".to_owned()));
}

#[test]
fn a_fault_and_a_missing_part_are_named_with_their_place() {
    let home = Home::new();
    let parts = sample_parts(Lang::De, 40, 1).0;
    let broken: Vec<(String, Vec<u8>)> = parts[..2].to_vec();
    let export = home.put_parts("export", &broken);
    home.import(&export, &["--allow-missing-parts"]).expect(0);
    assert_eq!(unmet(&home, 5, &[]), ["parts", "verified", "pushed"]);
    home.run(["receipt"]).expect(0);
    let receipt = receipt(&home.archive());
    let missing = receipt["exports"][0]["missing"].as_array().expect("a list");
    assert!(!missing.is_empty());
    // The missing part comes; the export is whole.
    let whole = home.put_parts("export", &parts);
    home.import(&whole, &[]).expect(0);
    assert_eq!(unmet(&home, 5, &[]), ["verified", "pushed"]);

    let home = Home::new();
    let export =
        home.put_parts("export", &exports::takeout(&exports::mails(5), &[("Drive/<a>.txt", b"a")], OLDER));
    damage_stored(&export);
    home.import(&export, &[]).expect(5);
    assert_eq!(unmet(&home, 5, &[]), ["faults", "verified", "pushed"]);
    home.run(["receipt"]).expect(0);
    let page = fs::read_to_string(home.archive().join("receipt.html")).expect("it was written");
    assert!(page.contains("&lt;a&gt;.txt"), "names are escaped");
}

/// Changes the checksum of the first file named `<a>.txt`, in its local header and in the directory.
fn damage_stored(export: &Path) {
    for entry in fs::read_dir(export).expect("it is there").flatten() {
        let mut bytes = fs::read(entry.path()).expect("it is there");
        let mut from = 0;
        while let Some(at) = memchr::memmem::find(&bytes[from..], b"PK\x01\x02").map(|at| from + at) {
            from = at + 46;
            let name_len = usize::from(u16::from_le_bytes([bytes[at + 28], bytes[at + 29]]));
            if bytes[at + 46..at + 46 + name_len].ends_with(b"<a>.txt") {
                bytes[at + 16] ^= 1;
            }
        }
        fs::write(entry.path(), bytes).expect("the export is ours");
    }
}

fn receipt(folder: &Path) -> Value {
    let text = fs::read_to_string(folder.join("receipt.json")).expect("it was written");
    serde_json::from_str(&text).expect("it is JSON")
}

#[test]
fn a_receipt_names_every_part_and_adds_up_and_fits_its_schema() {
    let home = imported();
    home.run(["verify"]).expect(0);
    home.run(["push", &url(&home, "disk"), "--verify", "hash"]).expect(0);
    let mut args = vec!["receipt".to_owned(), "--out".to_owned(), home.at("out").display().to_string()];
    args.push("--parts".to_owned());
    let parts: Vec<_> = fs::read_dir(home.at("export")).expect("it is there").flatten().collect();
    args.extend(parts.iter().map(|part| part.path().display().to_string()));
    home.run(&args).expect(0);
    let receipt = receipt(&home.at("out"));
    let export = &receipt["exports"][0];
    let entries = export["entries"].as_object().expect("an object");
    let sum: u64 =
        entries.iter().filter(|(state, _)| *state != "total").filter_map(|(_, n)| n.as_u64()).sum();
    assert_eq!(entries["total"], sum);
    assert_eq!(export["parts"].as_array().expect("a list").len(), parts.len());
    for part in &parts {
        let bytes = fs::read(part.path()).expect("it is there");
        let sha256 = data_encoding::HEXLOWER.encode(&<sha2::Sha256 as sha2::Digest>::digest(&bytes));
        let known = export["parts"].as_array().expect("a list").iter();
        assert!(known.clone().any(|it| it["sha256"] == sha256), "{}", part.path().display());
    }
    for label in receipt["labels"].as_array().expect("a list") {
        assert_eq!(label["in_export"], label["in_archive"], "{label}");
    }
    assert!(receipt["is_ready"].as_bool().expect("a claim"));
    let page = fs::read_to_string(home.at("out/receipt.html")).expect("it was written");
    assert!(!page.contains("<script") && !page.contains("src=") && !page.contains("href="));
    fits_schema(&home.at("out/receipt.json"));
}

/// A validator of other people says that the receipt has the form that is documented.
pub fn fits_schema(receipt: &Path) {
    fits("docs/receipt.schema.json", receipt);
}

/// The same of any JSON file and schema of ours.
pub fn fits(schema: &str, file: &Path) {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join(schema);
    let has_validator = Command::new("/usr/bin/python3").args(["-c", "import jsonschema"]).output();
    if !has_validator.is_ok_and(|ran| ran.status.success()) {
        return skip("the form of JSON that is documented", "python3-jsonschema is not installed");
    }
    let script = "import json,sys,jsonschema\n\
                  jsonschema.validate(json.load(open(sys.argv[2])), json.load(open(sys.argv[1])))";
    let ran = Command::new("/usr/bin/python3").args(["-c", script]).arg(&schema).arg(file).output();
    let ran = ran.expect("python3 was there just now");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}
