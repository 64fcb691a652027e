//! Gmail's filters as Sieve: compiled by Pigeonhole's `sievec`, and run by its `sieve-test` over messages.

use std::fs;
use std::path::Path;
use std::process::Command;

use exodus_fixtures::lang::Lang;
use exodus_fixtures::pack::sample_parts;

use crate::house::{Home, has_program, run, skip};
use crate::{exports, index};

fn has_sieve(what: &str) -> bool {
    let is_there = has_program("sievec") && has_program("sieve-test");
    if !is_there {
        skip(what, "there is no sievec; `tests/run` installs dovecot-sieve where it can");
    }
    is_there
}

/// A configuration under which Pigeonhole asks for nothing of the machine's own.
fn config(home: &Home) -> std::path::PathBuf {
    let folder = home.path().display();
    let id =
        |args: &[&str]| String::from_utf8_lossy(&run(Command::new("id").args(args)).out).trim().to_owned();
    // Dovecot runs nothing as root; whom root becomes must own what is read.
    let is_root = rustix::process::getuid().is_root();
    let user = if is_root { "nobody".to_owned() } else { id(&["-un"]) };
    let group = id(&["-gn", &user]);
    let text = format!(
        "base_dir = {folder}/run\nstate_dir = {folder}/state\nmail_home = {folder}\nssl = no\nfirst_valid_uid = 0\n\
        first_valid_gid = 0\nmail_uid = {user}\nmail_gid = {group}\nmail_location = maildir:{folder}/Maildir\n\
        default_internal_user = {user}\ndefault_internal_group = {group}\ndefault_login_user = {user}\n"
    );
    if is_root {
        run(Command::new("chown").arg("-R").arg(format!("{user}:{group}")).arg(home.path())).expect(0);
    }
    home.put("sieve.conf", text.as_bytes())
}

fn compile(home: &Home, script: &Path) {
    let out = home.at("compiled.svbin");
    run(Command::new("sievec").arg("-c").arg(config(home)).arg(script).arg(&out)).expect(0);
    assert!(out.exists(), "{}", script.display());
}

#[test]
fn the_scripts_of_every_language_compile_and_the_settings_stay() {
    for lang in [Lang::De, Lang::En, Lang::Ja] {
        let home = Home::new();
        home.import(&home.put_parts("export", &sample_parts(lang, 10, 1).0), &["--only", "setting"])
            .expect(0);
        home.assert_whole("settings");
        let settings = home.archive().join("files/settings");
        let signature = fs::read_to_string(settings.join("gmail-signature-ada@example.org kurz.html"));
        assert!(signature.expect("a signature").contains("<div>Grüße<br>Ada</div>"));
        let originals =
            "SELECT count(*) FROM item WHERE kind = 'setting' AND path LIKE 'files/google/mail/%.json'";
        assert_eq!(index::count(&home.archive(), originals), 5, "{lang:?}");
        let script = fs::read_to_string(settings.join("gmail-filters.sieve")).expect("the filters");
        assert!(
            script.contains("fileinto \"Garten\";") && !script.contains("Not translated: take"),
            "{script}"
        );
        assert!(script.contains("# Not translated: `is:muted` has no test in Sieve"), "{script}");
        if has_sieve("Gmail's filters as Sieve") {
            compile(&home, &settings.join("gmail-filters.sieve"));
            compile(&home, &settings.join("gmail-vacation.sieve"));
        }
    }
}

#[test]
fn hostile_settings_make_scripts_that_compile() {
    if !has_sieve("hostile filters as Sieve") {
        return;
    }
    let filters = r##"{"filter":[{"query":"\"\\\"; stop; \u0000 #","labelsToAdd":["\"; discard; \"", "a\nb", "\\"]},
        {"query":"from:x\r\nstop;","forwardTo":"a@example.org\"; discard; \""},{"from":"*","shouldArchive":true},{},7,null,
        {"query":"((a OR b) {c -d} \"e f\") https://example.org/?a=b:c","labelsToAdd":[1,{"name":"x"}],"shouldStar":"true"}]}"##;
    let vacation = r#"{"enabled":true,"subject":"a\"b\r\nc","body":".\n\"; discard;\n","startTime":"2024-02-30","endTime":1}"#;
    let home = Home::new();
    let files = [
        ("Gmail/Nutzereinstellungen/a.json", filters.as_bytes()),
        ("Gmail/Nutzereinstellungen/b.json", vacation.as_bytes()),
        ("Gmail/Nutzereinstellungen/c.json", b"{\"filter\":\"none\"}"),
    ];
    home.import(
        &home.put_parts("export", &exports::takeout(&exports::mails(3), &files, exports::NEWER)),
        &[],
    )
    .expect(0);
    let settings = home.archive().join("files/settings");
    compile(&home, &settings.join("gmail-filters.sieve"));
    compile(&home, &settings.join("gmail-vacation.sieve"));
}

#[test]
fn a_script_does_with_a_message_what_the_filter_did() {
    if !has_sieve("what filters do") {
        return;
    }
    let filters = r#"{"filter":[
        {"query":"from:(news@example.com)","labelsToAdd":["Garten"],"labelsToRemove":["Posteingang"],"shouldMarkAsRead":true},
        {"query":"subject:(Boot OR Hafen) -from:ben","labelsToAdd":["Boote"]},
        {"query":"angebot","shouldTrash":true}]}"#;
    let home = Home::new();
    let files = [("Gmail/Nutzereinstellungen/Filter.json", filters.as_bytes())];
    home.import(
        &home.put_parts("export", &exports::takeout(&exports::mails(3), &files, exports::NEWER)),
        &[],
    )
    .expect(0);
    let script = home.archive().join("files/settings/gmail-filters.sieve");
    let config = config(&home);
    let check = |message: &str, expected: &[&str]| {
        let message = home.put("message.eml", message.as_bytes());
        let said =
            run(Command::new("sieve-test").arg("-c").arg(&config).arg(&script).arg(&message)).expect(0);
        let said = String::from_utf8_lossy(&said.out).into_owned();
        let actions: Vec<String> = said
            .lines()
            .filter_map(|line| {
                line.split_once("store message in folder: ").map(|(_, folder)| folder.trim().to_owned())
            })
            .collect();
        assert_eq!(actions, expected, "{said}");
    };
    check("From: News <news@example.com>\nSubject: x\n\nx\n", &["Garten"]);
    check("From: ada@example.org\nSubject: Am Hafen\n\nx\n", &["Boote", "INBOX"]);
    check("From: ben@example.org\nSubject: Am Hafen\n\nx\n", &["INBOX"]);
    check("From: x@example.org\nSubject: x\n\nein Angebot\n", &["Trash"]);
}
