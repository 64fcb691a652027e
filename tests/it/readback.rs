//! The archive's Maildir as other programs read it: Python's `mailbox`, Dovecot, mbsync.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use exodus_fixtures::lang::Lang;
use exodus_fixtures::pack::sample_parts;
use serde_json::Value;

use crate::house::{Home, Ran, has_program, run, skip};
use crate::index::{self, Message};

/// Per folder of the Maildir what is told of each message: flags and size, or flags and date.
type Folders = BTreeMap<String, Vec<String>>;

fn imported(lang: Lang) -> Home {
    let home = Home::new();
    home.import(&home.put_parts("export", &sample_parts(lang, 150, 1).0), &[]).expect(0);
    home
}

/// What the index says, a line a message, in the words of `each`.
fn of_index(home: &Home, name: impl Fn(&Message) -> String, each: impl Fn(&Message) -> String) -> Folders {
    let mut folders = Folders::new();
    for message in index::messages(&home.archive()).values() {
        folders.entry(name(message)).or_default().push(each(message));
    }
    folders.values_mut().for_each(|lines| lines.sort_unstable());
    folders
}

/// Prints JSON: folder to a list of `flags size`.
const PYTHON: &str = r#"
import json, mailbox, sys
box = mailbox.Maildir(sys.argv[1], factory=None, create=False)
def told(folder):
    lines = []
    for key in folder.keys():
        message = folder.get_message(key)
        flags = "".join(flag for flag in message.get_flags() if flag.isupper())
        lines.append("%s %d" % (flags, len(folder.get_bytes(key))))
    return sorted(lines)
answer = {"": told(box)}
for name in box.list_folders():
    answer["." + name] = told(box.get_folder(name))
json.dump({name: lines for name, lines in answer.items() if lines}, sys.stdout)
"#;

#[test]
fn python_reads_the_same_folders_messages_and_flags() {
    if !has_program("python3") {
        return skip("Python's mailbox", "there is no python3");
    }
    for lang in [Lang::De, Lang::En, Lang::Ja] {
        let home = imported(lang);
        let mail = home.archive().join("mail");
        let ran = run(Command::new("python3").args(["-c", PYTHON]).arg(&mail)).expect(0);
        let found: Folders = serde_json::from_slice(&ran.out).expect("it prints JSON");
        let size =
            |message: &Message| fs::metadata(home.archive().join(&message.path)).map_or(0, |meta| meta.len());
        let wanted = of_index(&home, |it| it.folder.clone(), |it| format!("{} {}", it.flags, size(it)));
        assert_eq!(found, wanted, "{lang:?}");
    }
}

/// A Dovecot that only this home knows: no daemon, no network, as the user who runs the tests.
struct Dovecot<'a> {
    home: &'a Home,
    user: String,
    config: std::path::PathBuf,
}

impl Dovecot<'_> {
    /// `None`, said aloud, where it cannot be used.
    fn over<'a>(home: &'a Home, mail: &Path) -> Option<Dovecot<'a>> {
        if !has_program("doveadm") || !Path::new("/usr/lib/dovecot").exists() {
            skip("Dovecot", "there is no doveadm; `tests/run` installs dovecot-core where it can");
            return None;
        }
        let id = |args: &[&str]| {
            String::from_utf8_lossy(&run(Command::new("id").args(args)).out).trim().to_owned()
        };
        // Dovecot gives root no mail; whom root becomes must own what is read.
        let is_root = rustix::process::getuid().is_root();
        let user = if is_root { "nobody".to_owned() } else { id(&["-un"]) };
        let group = id(&["-gn", &user]);
        let home_path = home.path().display();
        let config = format!(
            "base_dir = {home_path}/run\nstate_dir = {home_path}/state\nlog_path = {home_path}/dovecot.log\n\
            default_internal_user = {user}\ndefault_internal_group = {group}\ndefault_login_user = {user}\n\
            mail_uid = {user}\nmail_gid = {group}\nfirst_valid_uid = 0\nfirst_valid_gid = 0\nmail_home = {home_path}\n\
            mail_location = maildir:{mail}:INDEX={home_path}/indexes\nssl = no\n\
            maildir_very_dirty_syncs = no\n\
            namespace inbox {{\n  inbox = yes\n  separator = /\n}}\n",
            mail = mail.display()
        );
        let config = home.put("dovecot.conf", config.as_bytes());
        if is_root {
            let owner = format!("{user}:{group}");
            run(Command::new("chown").arg("-R").arg(owner).arg(home.path())).expect(0);
        }
        Some(Dovecot { home, user, config })
    }

    fn doveadm(&self, args: &[&str]) -> Ran {
        let mut command = Command::new("doveadm");
        command.arg("-c").arg(&self.config).args(args).env("HOME", self.home.path()).env("USER", &self.user);
        run(&mut command)
    }

    /// The records that `doveadm -f json` prints.
    fn records(&self, args: &[&str]) -> Vec<Value> {
        let ran = self.doveadm(&[&["-f", "json"], args].concat()).expect(0);
        serde_json::from_slice(&ran.out)
            .unwrap_or_else(|err| panic!("{err}: {}", String::from_utf8_lossy(&ran.out)))
    }

    /// Folder, flags and `field` of every message.
    fn messages(&self, field: &str) -> Vec<(String, Vec<String>, String)> {
        let fields = format!("mailbox flags {field}");
        let text = |record: &Value, name: &str| record[name].as_str().unwrap_or_default().to_owned();
        self.records(&["fetch", &fields, "mailbox", "*"])
            .iter()
            .map(|record| {
                let flags = text(record, "flags").split_whitespace().map(str::to_owned).collect();
                (text(record, "mailbox"), flags, text(record, field))
            })
            .collect()
    }
}

/// The name under which an IMAP server shows the folder of a message.
fn shown_name(home: &Home) -> impl Fn(&Message) -> String {
    let conn = index::open(&home.archive());
    let names: BTreeMap<String, String> =
        index::rows(&conn, "SELECT path, name FROM folder", |row| Ok((row.get(0)?, row.get(1)?)))
            .into_iter()
            .collect();
    // A dot in a label is a one dot leader in the folder's name.
    move |message| names[&message.folder].replace('.', "\u{2024}")
}

const SYSTEM_FLAGS: [(&str, char); 5] =
    [("\\Draft", 'D'), ("\\Flagged", 'F'), ("\\Answered", 'R'), ("\\Seen", 'S'), ("\\Deleted", 'T')];

fn letters(flags: &[String]) -> String {
    let has = |name: &str| flags.iter().any(|flag| flag == name);
    SYSTEM_FLAGS.iter().filter(|(name, _)| has(name)).map(|(_, letter)| letter).collect()
}

#[test]
fn dovecot_reads_the_same_folders_messages_flags_and_dates() {
    for lang in [Lang::De, Lang::En, Lang::Ja] {
        let home = imported(lang);
        let Some(dovecot) = Dovecot::over(&home, &home.archive().join("mail")) else { return };
        let mut found = Folders::new();
        for (folder, flags, date) in dovecot.messages("date.received.unixtime") {
            found.entry(folder).or_default().push(format!("{} {date}", letters(&flags)));
        }
        found.values_mut().for_each(|lines| lines.sort_unstable());
        let each = |it: &Message| format!("{} {}", it.flags, it.time.unwrap_or(0));
        assert_eq!(found, of_index(&home, shown_name(&home), each), "{lang:?}");
        home.assert_whole("after Dovecot has read it");
    }
}

#[test]
fn dovecot_shows_labels_as_keywords_and_all_folders_as_subscribed() {
    let home = imported(Lang::De);
    let Some(dovecot) = Dovecot::over(&home, &home.archive().join("mail")) else { return };
    let listed = |args: &[&str]| -> Vec<String> {
        let text = String::from_utf8(dovecot.doveadm(args).expect(0).out).expect("doveadm speaks UTF-8");
        let mut names: Vec<String> = text.lines().map(str::to_owned).collect();
        names.sort_unstable();
        names
    };
    let subscribed = listed(&["mailbox", "list", "-s"]);
    let mut all: Vec<String> = of_index(&home, shown_name(&home), |_| String::new()).into_keys().collect();
    all.retain(|name| name != "INBOX");
    assert!(all.iter().all(|name| subscribed.contains(name)), "{all:?} in {subscribed:?}");
    assert!(all.iter().any(|name| name.contains('/')), "a nested label is a nested folder: {all:?}");
    // Every keyword letter of a file name is one of its folder's keywords.
    let n_letters: usize = index::messages(&home.archive())
        .values()
        .map(|it| {
            it.path.split_once(":2,").map_or(0, |(_, letters)| letters.matches(char::is_lowercase).count())
        })
        .sum();
    let is_keyword = |flag: &&String| !flag.starts_with('\\');
    let n_keywords: usize =
        dovecot.messages("uid").iter().map(|(_, flags, _)| flags.iter().filter(is_keyword).count()).sum();
    assert_eq!(n_keywords, n_letters);
    assert!(n_keywords > 50, "only {n_keywords}");
    let keywords = dovecot.messages("uid").into_iter().flat_map(|(_, flags, _)| flags).collect::<Vec<_>>();
    assert!(keywords.iter().any(|flag| flag == "$Important"), "{keywords:?}");
}

/// Copies mailboxes as a mail program's first synchronization does; the archive is only read.
#[test]
fn mbsync_copies_every_message_out() {
    if !has_program("mbsync") {
        return skip("mbsync", "it is not installed; `tests/run` installs isync where it can");
    }
    let home = imported(Lang::En);
    // mbsync writes its state into what it reads.
    let copied =
        Command::new("cp").arg("-a").arg(home.archive().join("mail")).arg(home.at("source")).status();
    assert!(copied.expect("there is a cp").success());
    fs::create_dir(home.at("copy")).expect("the home is ours");
    let path = home.path().display();
    let config = format!(
        "MaildirStore from\nInbox {path}/source\nSubFolders Maildir++\n\n\
        MaildirStore to\nInbox {path}/copy\nSubFolders Maildir++\n\n\
        Channel all\nFar :from:\nNear :to:\nPatterns *\nCreate Near\nSync Pull\nSyncState {path}/state-\n"
    );
    let config = home.put("mbsyncrc", config.as_bytes());
    run(Command::new("mbsync").arg("-c").arg(&config).arg("-q").arg("all").env("HOME", home.path()))
        .expect(0);
    let count = |folder: &str| {
        let tree = crate::tree::of(&home.at(folder));
        tree.keys().filter(|path| path.contains("cur/") || path.contains("new/")).count()
    };
    assert_eq!(count("copy"), index::messages(&home.archive()).len());
}
