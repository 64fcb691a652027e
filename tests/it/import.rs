//! The sample in two languages against the truth that the fixtures tell of it.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;

use exodus_fixtures::drive::Role;
use exodus_fixtures::lang::{Lang, System};
use exodus_fixtures::pack::{Kind, Packing, pack, sample_parts};
use exodus_fixtures::takeout::{FolderRole, Spec, TrueMessage, Truth, build};

use crate::house::{Home, assert_adds_up, number};
use crate::{index, tree};

const LANGS: [Lang; 3] = [Lang::De, Lang::En, Lang::Ja];

/// A home with an imported sample.
fn imported(lang: Lang, messages: usize) -> (Home, Truth) {
    let home = Home::new();
    let (parts, truth) = sample_parts(lang, messages, 1);
    let folder = home.put_parts("export", &parts);
    home.import(&folder, &[]).expect(0);
    (home, truth)
}

#[test]
fn every_message_gives_its_original_bytes_back() {
    for lang in LANGS {
        let (home, truth) = imported(lang, 150);
        for message in &truth.messages {
            let shown = home.run(["show", &key(message), "--raw"]).expect(0).out;
            assert!(shown == message.original_bytes, "{lang:?} `{}` {}", message.name, message.gm_id);
        }
    }
}

#[test]
fn every_message_lies_in_its_folder_with_its_flags_labels_and_date() {
    for lang in LANGS {
        let (home, truth) = imported(lang, 400);
        let found = index::messages(&home.archive());
        assert_eq!(found.len(), truth.messages.len());
        for message in &truth.messages {
            let it = &found[&key(message)];
            let labels: BTreeSet<&String> = it.labels.iter().collect();
            assert_eq!(labels, message.labels.iter().collect(), "{lang:?} {}", it.path);
            assert_eq!(it.flags, flags(message), "{lang:?} {}", it.path);
            assert!(it.path.split_once(":2,").is_some_and(|(_, letters)| letters.starts_with(&it.flags)));
            assert_eq!(it.thread, Some(message.thread.to_string()));
            let seconds = message.internal_date_ms / 1000;
            assert_eq!(it.time, Some(seconds));
            let there = home.archive().join(&it.path).metadata().expect("a row has its file");
            assert_eq!(there.mtime(), seconds);
            check_folder(lang, message, &it.folder);
        }
    }
}

#[track_caller]
fn check_folder(lang: Lang, message: &TrueMessage, folder: &str) {
    let wanted = match message.folder_role {
        FolderRole::Chat => ".Chats",
        FolderRole::Trash => ".Trash",
        FolderRole::Spam => ".Junk",
        FolderRole::Draft => ".Drafts",
        FolderRole::Inbox => "",
        FolderRole::Sent => ".Sent",
        FolderRole::Archive if message.labels.iter().all(|label| is_system(lang, label)) => ".Archive",
        FolderRole::Archive => {
            let special = ["", ".Archive", ".Sent", ".Trash", ".Junk", ".Drafts", ".Chats"];
            return assert!(!special.contains(&folder), "{:?} in `{folder}`", message.labels);
        }
    };
    assert_eq!(folder, wanted, "{lang:?} {:?}", message.labels);
}

fn is_system(lang: Lang, label: &str) -> bool {
    use System::*;
    let all = [
        Inbox, Sent, Draft, Spam, Trash, Starred, Important, Unread, Opened, Archived, Chat, Personal,
        Updates, Promotions, Social, Forums,
    ];
    label.starts_with("IMAP_") || all.iter().any(|system| lang.label(*system).replace('\u{a0}', " ") == label)
}

fn flags(message: &TrueMessage) -> String {
    let is_trash = message.folder_role == FolderRole::Trash;
    let flags = [(message.draft, 'D'), (message.flagged, 'F'), (message.seen, 'S'), (is_trash, 'T')];
    flags.iter().filter(|(is_set, _)| *is_set).map(|(_, letter)| letter).collect()
}

fn key(message: &TrueMessage) -> String {
    format!("gmail:{}", message.gm_id)
}

#[test]
fn the_drive_is_a_tree_of_the_users_files_with_their_dates() {
    for lang in LANGS {
        let (home, truth) = imported(lang, 20);
        let listed = home.json_lines(&["list", "--product", "drive"]);
        let root = format!("Takeout/{}/", lang.names().drive);
        let is_own = |role: Role| matches!(role, Role::File | Role::PinnedRevision);
        let files: Vec<_> = truth.drive.iter().filter(|file| is_own(file.role)).collect();
        assert_eq!(listed.len(), files.len(), "{lang:?}");
        let mut paths = BTreeMap::new();
        for line in listed {
            let item = home.json(&["show", &line["id"].to_string()]);
            let entry = item["origins"][0]["entry"].as_str().expect("an item has an origin").to_owned();
            paths.insert(entry, item["path"].as_str().expect("a file has a path").to_owned());
        }
        for file in files {
            let path = &paths[&file.path];
            let there = home.archive().join(path).metadata().expect("a row has its file");
            assert_eq!(there.len(), file.size, "{path}");
            assert_eq!(there.mtime(), file.modified.unwrap_or(0), "{lang:?} {path}");
            let below = file.path.strip_prefix(&root).expect("it lies in the Drive");
            let is_as_it_was = *path == format!("files/drive/{below}");
            let is_uncut = file.title.as_ref().is_some_and(|title| path.contains(&**title));
            // Two names that some disk cannot keep apart are numbered.
            assert!(is_as_it_was || is_uncut || path.contains(" (2)"), "{path} was {below}");
        }
        // JSON of the user's own is no sidecar, whatever its name.
        for own in ["data.json", "my-info.json"] {
            assert!(home.archive().join("files/drive").join(own).exists(), "{own}");
        }
    }
}

#[test]
fn what_nobody_understands_is_kept_verbatim() {
    for lang in LANGS {
        let home = Home::new();
        let spec = Spec::new(lang, 10, 1);
        let (entries, _) = build(&spec);
        let folder = home.put_parts("export", &pack(&entries, &Packing::zip(3)));
        home.import(&folder, &[]).expect(0);
        let stored: BTreeSet<String> =
            tree::of(&home.archive().join("files")).into_values().map(|leaf| leaf.content).collect();
        let names = lang.names();
        let understood = [
            names.mail,
            names.drive,
            names.photos,
            names.contacts,
            names.calendar,
            names.tasks,
            names.keep,
            "Google Chat",
            "Hangouts",
            "Voice",
            // Histories and tables are in the index with all they say.
            names.my_activity,
            names.youtube,
            "Saved",
            "Gespeichert",
        ];
        let understood = understood.map(|folder| format!("Takeout/{folder}/"));
        for entry in
            entries.iter().filter(|it| it.path.starts_with("Takeout/") && !it.path.contains(".DS_Store"))
        {
            let is_kept = !understood.iter().any(|folder| entry.path.starts_with(&**folder));
            assert!(!is_kept || stored.contains(&tree::hash(&entry.content)), "{lang:?} {}", entry.path);
        }
    }
}

/// Keys of all that is in the archive, but of what is named by its path in the export.
fn keys_of_products(home: &Home) -> BTreeSet<String> {
    let sql = "SELECT key FROM item WHERE product NOT IN ('mail', 'takeout') AND key NOT LIKE 'kept:%'";
    index::rows(&index::open(&home.archive()), sql, |row| row.get(0)).into_iter().collect()
}

#[test]
fn products_are_known_by_their_content_where_no_page_and_no_name_tells() {
    let spec = Spec { has_mac_rubbish: false, ..Spec::new(Lang::De, 10, 1) };
    let (mut entries, _) = build(&spec);
    let wanted = imported_parts(&pack(&entries, &Packing::zip(1)));
    entries.retain(|entry| !entry.path.ends_with("bersicht.html"));
    let names = Lang::De.names();
    let folders =
        [names.contacts, names.calendar, names.tasks, names.keep, "Google Chat", "Hangouts", "Voice"];
    for entry in &mut entries {
        for (n, folder) in folders.iter().enumerate() {
            if let Some(below) = entry.path.strip_prefix(&format!("Takeout/{folder}/")) {
                entry.path = format!("Takeout/Ordner {n}/{below}");
            }
        }
    }
    let found = imported_parts(&pack(&entries, &Packing::zip(1)));
    assert_eq!(keys_of_products(&found), keys_of_products(&wanted));
}

#[test]
fn every_entry_ends_in_one_state_and_the_states_add_up() {
    for lang in LANGS {
        let (home, truth) = imported(lang, 60);
        let status = home.json(&["status"]);
        // One file of the sample stands in two parts.
        assert_eq!(assert_adds_up(&status["entries"]), truth.entries.len() as u64 + 1);
        assert_eq!(number(&status["entries"]["faulted"]), 0);
        assert_eq!(number(&status["items"]["message"]), 60);
        assert_eq!(status["exports"][0]["account"], truth.account.as_str());
        home.assert_whole("after an import");
        tree::assert_tidy(&home.archive(), "after an import");
    }
}

#[test]
fn the_same_parts_again_add_nothing_and_touch_nothing() {
    let (home, _) = imported(Lang::De, 100);
    let before = tree::of_archive(&home.archive());
    let entries = home.json(&["status"])["entries"].clone();
    for round in 1..=2 {
        let again = home.import(&home.at("export"), &[]).expect(0).summary();
        assert_eq!(number(&again["added"]), 0, "round {round}: {again}");
        assert_adds_up(&again["entries"]);
        tree::assert_same(&tree::of_archive(&home.archive()), &before, "imported again");
        assert_eq!(
            home.json(&["status"])["entries"],
            entries,
            "the states of entries are those of the first run"
        );
        home.assert_whole("imported again");
    }
}

#[test]
fn zips_and_tgz_make_the_same_archive_byte_for_byte() {
    let (entries, _) = build(&Spec::new(Lang::De, 80, 1));
    let of_zips = archive_of(&pack(&entries, &Packing::zip(3)));
    let of_tgz = archive_of(&pack(&entries, &Packing { kind: Kind::Tgz, ..Packing::zip(3) }));
    tree::assert_same(&of_tgz, &of_zips, "three tgz");
}

/// The order of parts decides which letter a keyword has and which of two names that collide is numbered, so that
/// is left out of the comparison.
#[test]
fn a_zip_a_tgz_and_a_folder_are_one_export() {
    let (entries, _) = build(&Spec::new(Lang::De, 80, 1));
    let zips = pack(&entries, &Packing::zip(3));
    let of_zips = imported_parts(&[zips[0].clone(), zips[1].clone(), zips[2].clone()]);
    let tgz = pack(&entries, &Packing { kind: Kind::Tgz, ..Packing::zip(3) });
    // The folder holds what the third zip holds.
    let third = entries.iter().enumerate().filter(|(n, _)| n % 3 == 2).map(|(_, it)| it.clone());
    let folder = pack(&third.collect::<Vec<_>>(), &Packing { kind: Kind::Folder, ..Packing::zip(1) });
    let home = Home::new();
    let zip = home.put(&zips[0].0, &zips[0].1);
    let tgz = home.put(&tgz[1].0, &tgz[1].1);
    let folder = home.put_parts("unpacked", &folder);
    home.run(["import".as_ref(), zip.as_os_str(), tgz.as_os_str(), folder.as_os_str()]).expect(0);
    home.assert_whole("mixed kinds");
    assert_eq!(meaning(&home), meaning(&of_zips));
}

fn archive_of(parts: &[(String, Vec<u8>)]) -> tree::Tree {
    tree::of_archive(&imported_parts(parts).archive())
}

fn imported_parts(parts: &[(String, Vec<u8>)]) -> Home {
    let home = Home::new();
    let folder = home.put_parts("export", parts);
    home.import(&folder, &[]).expect(0);
    home.assert_whole("after an import");
    home
}

/// Messages with folder, flags, labels and content; contents of files.
fn meaning(home: &Home) -> (Vec<String>, Vec<String>) {
    let tree = tree::of_archive(&home.archive());
    let message = |(key, it): (String, index::Message)| {
        format!("{key} {} {} {:?} {}", it.folder, it.flags, it.labels, tree[&it.path].content)
    };
    let messages = index::messages(&home.archive()).into_iter().map(message).collect();
    let files = tree.iter().filter(|(path, leaf)| path.starts_with("files/") && leaf.mtime.is_some());
    let mut files: Vec<String> = files.map(|(_, leaf)| format!("{} {}", leaf.content, leaf.size)).collect();
    files.sort_unstable();
    (messages, files)
}

#[test]
fn status_counts_of_every_kind_what_the_generator_made() {
    use exodus_fixtures::{
        activity, blogs, calendar, chats, contacts, fit, keep, photos, places, store, youtube,
    };
    for lang in [Lang::De, Lang::En] {
        let home = Home::new();
        home.import(&home.put_parts("export", &sample_parts(lang, 40, 1).0), &[]).expect(0);
        let items = home.json(&["status"])["items"].clone();
        let rows: Vec<&str> = (places::TRUTH.iter().map(|it| it.0))
            .chain(store::TRUTH.iter().map(|it| it.0))
            .chain(fit::TRUTH.iter().map(|it| it.0))
            .chain(youtube::TRUTH.iter().map(|it| match it.0.split(':').next() {
                Some("youtube-post") => "post",
                Some("youtube-video") => "file",
                _ => "bookmark",
            }))
            .chain(activity::TRUTH.iter().map(|_| "activity"))
            .chain(blogs::TRUTH.iter().map(|_| "post"))
            .collect();
        let n_rows = |kind: &str| rows.iter().filter(|it| **it == kind).count();
        let expected = [
            ("message", build(&Spec::new(lang, 40, 1)).1.messages.len()),
            ("photo", photos::truth(lang).len()),
            ("contact", contacts::TRUTH.len()),
            ("event", calendar::EVENTS.len()),
            ("task", calendar::TASKS.len()),
            ("note", keep::TRUTH.len()),
            ("conversation", chats::TRUTH.len()),
            ("chat", chats::TRUTH.iter().map(|it| it.texts.len()).sum()),
            ("place", n_rows("place")),
            ("bookmark", n_rows("bookmark")),
            ("activity", n_rows("activity")),
            ("track", n_rows("track")),
            ("post", n_rows("post")),
        ];
        for (kind, n) in expected {
            assert_eq!(number(&items[kind]), n as u64, "{lang:?} {kind}: {items}");
        }
    }
}
