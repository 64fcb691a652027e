//! Several exports of one account, one after the other, in either order.

use exodus_fixtures::lang::System;
use exodus_fixtures::mail::Mail;

use crate::exports::{self, NEWER, OLDER};
use crate::house::{Home, number};
use crate::index::{self, Message};
use crate::tree;

/// The facts of a message that an export decides; keyword letters depend on what came before.
fn facts(message: &Message) -> (&str, &str, &[String]) {
    (&message.folder, &message.flags, &message.labels)
}

fn n_message_files(home: &Home) -> usize {
    let tree = tree::of(&home.archive().join("mail"));
    tree.keys().filter(|path| path.contains(".exodus,S=")).count()
}

/// Imports exports one after the other, each into the same archive; verifies after each.
fn import_all(home: &Home, exports: &[(&str, exports::Parts)], more: &[&str]) {
    for (name, parts) in exports {
        let folder = home.put_parts(name, parts);
        home.import(&folder, more).expect(0);
        home.assert_whole(name);
        tree::assert_tidy(&home.archive(), name);
    }
}

#[test]
fn a_newer_export_moves_messages_and_duplicates_none() {
    let before = exports::mails(120);
    let after = exports::later(&before, 15);
    for how in [&[][..], &["--labels=copies"]] {
        let (home, alone) = (Home::new(), Home::new());
        let older = exports::takeout(&before, &[], OLDER);
        let newer = exports::takeout(&after, &[], NEWER);
        import_all(&home, &[("older", older.clone()), ("newer", newer.clone())], how);
        import_all(&alone, &[("newer", newer)], how);
        let (found, wanted) = (index::messages(&home.archive()), index::messages(&alone.archive()));
        for (key, message) in &wanted {
            assert_eq!(facts(&found[key]), facts(message), "{how:?} {key}");
        }
        let gone: Vec<&Mail> =
            before.iter().filter(|mail| after.iter().all(|it| it.gm_id != mail.gm_id)).collect();
        assert_eq!(
            found.len(),
            wanted.len() + gone.len(),
            "what is gone from the account stays in the archive"
        );
        if how.is_empty() {
            assert_eq!(n_message_files(&home), found.len());
        }
        let again = home.import(&home.at("newer"), how).expect(0).summary();
        assert_eq!(number(&again["added"]), 0);
    }
}

#[test]
fn an_older_export_after_a_newer_changes_nothing_back() {
    let before = exports::mails(100);
    let mut after = exports::later(&before, 0);
    // Nothing was deleted, so that the older export has nothing new.
    after.extend(before[before.len() - 3..].iter().cloned());
    let home = Home::new();
    import_all(&home, &[("newer", exports::takeout(&after, &[("Drive/a.txt", b"new")], NEWER))], &[]);
    let wanted = tree::of_archive(&home.archive());
    import_all(&home, &[("older", exports::takeout(&before, &[("Drive/a.txt", b"old")], OLDER))], &[]);
    tree::assert_same(&tree::of_archive(&home.archive()), &wanted, "an older export");
}

#[test]
fn a_changed_file_of_a_newer_export_takes_the_place_of_the_older() {
    let home = Home::new();
    let mails = exports::mails(3);
    let older = exports::takeout(&mails, &[("Drive/a.txt", b"old"), ("Drive/same.txt", b"same")], OLDER);
    let newer = exports::takeout(&mails, &[("Drive/a.txt", b"newer"), ("Drive/same.txt", b"same")], NEWER);
    import_all(&home, &[("older", older), ("newer", newer)], &[]);
    let read =
        |name: &str| std::fs::read(home.archive().join("files/drive").join(name)).expect("it is there");
    assert_eq!(read("a.txt"), b"newer");
    assert_eq!(read("same.txt"), b"same");
    assert_eq!(index::count(&home.archive(), "SELECT count(*) FROM item WHERE product = 'drive'"), 2);
}

#[test]
fn a_label_that_only_changes_its_keyword_renames_the_file_in_its_folder() {
    let mut mails = exports::mails(5);
    for mail in &mut mails {
        mail.labels.system = vec![System::Inbox, System::Opened];
        mail.labels.user.clear();
    }
    let older = exports::takeout(&mails, &[], OLDER);
    for mail in &mut mails {
        mail.labels.user.push("Haus".to_owned());
    }
    let newer = exports::takeout(&mails, &[], NEWER);
    let home = Home::new();
    import_all(&home, &[("older", older), ("newer", newer)], &[]);
    let names: Vec<String> = tree::of(&home.archive().join("mail/cur")).into_keys().collect();
    assert_eq!(names.len(), 5);
    assert!(names.iter().all(|name| name.ends_with(":2,Sa")), "{names:?}");
    let keywords = std::fs::read_to_string(home.archive().join("mail/dovecot-keywords"));
    assert_eq!(keywords.expect("it was written"), "0 Haus\n");
}

#[test]
fn flags_that_a_mail_program_has_set_are_no_damage_and_no_obstacle() {
    let mails = exports::mails(20);
    let home = Home::new();
    import_all(&home, &[("older", exports::takeout(&mails, &[], OLDER))], &[]);
    let found = index::messages(&home.archive());
    let message = found.values().find(|it| !it.flags.contains('R')).expect("nobody has answered");
    let path = home.archive().join(&message.path);
    let (unique, _) = message.path.split_once(":2,").expect("a Maildir name");
    std::fs::rename(&path, home.archive().join(format!("{unique}:2,RS"))).expect("the archive is ours");
    home.assert_whole("a mail program has set a flag");
    let n_files = n_message_files(&home);
    import_all(&home, &[("newer", exports::takeout(&exports::later(&mails, 0), &[], NEWER))], &[]);
    assert_eq!(n_message_files(&home), n_files);
}

/// An export of an account with one document, as its own page tells it.
fn of_account(account: &str, document: &[u8]) -> exports::Parts {
    let page = format!(
        "<div class=\"job-id hidden\">job-of-{account}</div><h1 class=\"header_title\">Archive for {account}</h1>\
         <h1 class=\"data-folder-name\" data-english-name=\"DRIVE\" data-folder-name=\"Drive\">Drive</h1>"
    );
    let files = [("archive_browser.html", page.as_bytes()), ("Drive/Budget.txt", document)];
    exports::takeout(&exports::mails(3), &files, NEWER)
}

#[test]
fn another_account_is_refused_before_its_files_replace_those_of_the_first() {
    let home = Home::new();
    home.import(&home.put_parts("ada", &of_account("ada@example.org", b"of Ada")), &[]).expect(0);
    let before = tree::of_archive(&home.archive());
    let ran = home.import(&home.put_parts("ben", &of_account("ben@example.org", b"of Ben")), &[]).expect(3);
    assert!(ran.err.contains("ada@example.org") && ran.err.contains("--archive"), "{}", ran.err);
    tree::assert_same(&tree::of_archive(&home.archive()), &before, "another account");
    tree::assert_tidy(&home.archive(), "another account");
    let again = home.put_parts("ada again", &of_account("Ada@Example.org", b"of Ada, newer"));
    home.import(&again, &[]).expect(0);
    home.assert_whole("the same account in other letters");
}
