//! Contacts and calendars of the sample: one file each, read back with another implementation (Python's vobject).

use std::collections::BTreeSet;
use std::process::Command;

use exodus_fixtures::calendar::{EVENTS, TASKS, TrueEvent};
use exodus_fixtures::contacts;
use exodus_fixtures::lang::Lang;
use exodus_fixtures::pack::sample_parts;
use serde_json::Value;

use crate::house::{Home, number, run, skip};
use crate::{exports, index};

const LANGS: [Lang; 3] = [Lang::De, Lang::En, Lang::Ja];

fn imported(lang: Lang, only: &str) -> Home {
    let home = Home::new();
    let folder = home.put_parts("export", &sample_parts(lang, 10, 1).0);
    home.import(&folder, &["--only", only]).expect(0);
    home.assert_whole(only);
    home
}

/// Key, title, path and facts of all items of a kind.
fn items(home: &Home, kind: &str) -> Vec<(String, String, String, Value)> {
    let sql = format!(
        "SELECT key, coalesce(title, ''), coalesce(path, ''), coalesce(extra, '{{}}') FROM item WHERE kind = '{kind}' ORDER BY key"
    );
    index::rows(&index::open(&home.archive()), &sql, |row| {
        let extra: String = row.get(3)?;
        let extra = serde_json::from_str(&extra).expect("facts are JSON");
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, extra))
    })
}

fn strings(value: &Value) -> Vec<String> {
    let texts = value.as_array().into_iter().flatten();
    texts.map(|text| text.as_str().expect("a list of texts").to_owned()).collect()
}

/// A Python that has vobject: Debian's own, or the first in the path.
fn python_with_vobject() -> Option<&'static str> {
    let has = |python: &&&str| {
        Command::new(python).args(["-c", "import vobject"]).output().is_ok_and(|it| it.status.success())
    };
    ["/usr/bin/python3", "python3"].iter().find(has).copied()
}

/// What vobject reads in the files below a folder of the archive: one line a file.
fn read_back(home: &Home, folder: &str, each: &str) -> Option<BTreeSet<String>> {
    let Some(python) = python_with_vobject() else {
        skip("vCards and iCalendar", "there is no Python with vobject; `tests/run` installs it where it can");
        return None;
    };
    let script = format!(
        "import glob, sys, vobject\nsys.stdout.reconfigure(encoding='utf-8')\n\
        for path in glob.glob(sys.argv[1] + '/*/*.*'):\n    \
        found = list(vobject.readComponents(open(path, encoding='utf-8', newline='').read()))\n    \
        assert len(found) == 1, path\n    it = found[0]\n    it.validate()\n    {each}\n"
    );
    let ran = run(Command::new(python).args(["-c", &script]).arg(home.archive().join(folder))).expect(0);
    Some(String::from_utf8(ran.out).expect("UTF-8").lines().map(str::to_owned).collect())
}

#[test]
fn every_contact_is_one_card_with_all_its_groups_in_every_language() {
    let mut keys_of_langs = BTreeSet::new();
    for lang in LANGS {
        let home = imported(lang, "contact");
        let found = items(&home, "contact");
        let told = |groups: &[String]| groups.join("|");
        let mut names: Vec<_> =
            found.iter().map(|it| (it.1.clone(), told(&strings(&it.3["groups"])))).collect();
        let mut wanted: Vec<_> =
            contacts::TRUTH.iter().map(|it| (it.name.to_owned(), it.groups.join("|"))).collect();
        names.sort();
        wanted.sort();
        assert_eq!(names, wanted, "{lang:?}");
        assert!(found.iter().all(|it| it.2.starts_with("contacts/Contacts/") && it.2.ends_with(".vcf")));
        keys_of_langs.insert(found.iter().map(|it| it.0.clone()).collect::<Vec<_>>());
        let pictures = index::count(
            &home.archive(),
            "SELECT count(*) FROM item WHERE product = 'contacts' AND kind = 'file'",
        );
        assert_eq!(pictures, 1, "the same picture in two groups is one file");
        let card = found.iter().find(|it| it.1 == "Cleo Sample").expect("she is there");
        let card = std::fs::read_to_string(home.archive().join(&card.2)).expect("it has a file");
        assert!(card.contains("PHOTO;ENCODING=b;TYPE=JPEG:") && card.contains("PHOTO:https://"), "{card}");
    }
    assert_eq!(keys_of_langs.len(), 1, "keys know no language");
}

#[test]
fn another_program_reads_every_contact() {
    for lang in LANGS {
        let home = imported(lang, "contact");
        let each = "print(it.fn.value, '|', ','.join(sorted(c for l in it.contents.get('categories', []) for c in l.value)), \
            '|', any(p.params.get('ENCODING') for p in it.contents.get('photo', [])), '|', len(it.uid.value) > 0)";
        let Some(found) = read_back(&home, "contacts", each) else { return };
        let told = |it: &contacts::TrueContact| {
            let has = if it.has_picture { "True" } else { "False" };
            format!("{} | {} | {has} | True", it.name, it.groups.join(","))
        };
        assert_eq!(found, contacts::TRUTH.iter().map(told).collect(), "{lang:?}");
    }
}

#[test]
fn a_newer_export_changes_a_contact_and_makes_no_second_one() {
    let home = Home::new();
    let export = |phone: &str, stamp| {
        let card = format!("BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ada Example\r\nTEL:{phone}\r\nEND:VCARD\r\n");
        let book = ("Contacts/All Contacts/All Contacts.vcf", card.as_bytes());
        exports::takeout(&exports::mails(3), &[book], stamp)
    };
    let newer = home.put_parts("newer", &export("2", exports::NEWER));
    let older = home.put_parts("older", &export("1", exports::OLDER));
    home.import(&newer, &[]).expect(0);
    home.import(&older, &[]).expect(0);
    let found = items(&home, "contact");
    assert_eq!(found.len(), 1);
    assert_eq!(strings(&found[0].3["phones"]), ["2"], "an older export changes nothing");
    let again = home.import(&newer, &[]).expect(0).summary();
    assert_eq!(number(&again["added"]), 0);
}

/// Events or tasks as the truth of the fixtures tells them.
fn told(found: &[(String, String, String, Value)], when: &str) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let day = |text: String| if when == "due" { text.chars().take(10).collect() } else { text };
    let folder = |path: &str| path.split('/').nth(1).unwrap_or_default().to_owned();
    let mut told: Vec<_> =
        found.iter().map(|it| (folder(&it.2), it.1.clone(), day(text(&it.3[when])))).collect();
    told.sort();
    told
}

fn truth(events: &[TrueEvent]) -> Vec<(String, String, String)> {
    let mut told: Vec<_> =
        events.iter().map(|it| (it.folder.into(), it.summary.into(), it.when.into())).collect();
    told.sort();
    told
}

#[test]
fn every_event_and_task_is_one_object_in_the_folder_of_its_calendar_or_list() {
    let mut keys = BTreeSet::new();
    for lang in LANGS {
        let home = imported(lang, "event");
        let events = items(&home, "event");
        assert_eq!(told(&events, "start"), truth(EVENTS), "{lang:?}");
        home.import(&home.at("export"), &["--only", "task"]).expect(0);
        let tasks = items(&home, "task");
        assert_eq!(told(&tasks, "due"), truth(TASKS), "{lang:?}");
        keys.insert(events.iter().chain(&tasks).map(|it| it.0.clone()).collect::<Vec<_>>());
        let milk = tasks.iter().find(|it| it.0 == "task:milk").expect("it is there");
        assert_eq!(
            milk.3["task"]["links"][0]["description"], "Einkauf",
            "what no VTODO holds is in the index"
        );
    }
    assert_eq!(keys.len(), 1, "keys know no language");
}

#[test]
fn another_program_reads_every_event_and_task() {
    for lang in LANGS {
        let home = imported(lang, "event");
        home.import(&home.at("export"), &["--only", "task"]).expect(0);
        let each = "own = getattr(it, 'vevent_list', None) or it.vtodo_list\n    \
            assert len(set(c.uid.value for c in own)) == 1 and all(c.dtstamp.value for c in own), path\n    \
            print(path.split('/')[-2], '|', own[0].summary.value if hasattr(own[0], 'summary') else '', '|', len(own), \
            '|', any(c.dtstart.value.tzinfo is not None and 'Berlin' in str(c.dtstart.value.tzinfo) for c in own if hasattr(c, 'rrule')))";
        let Some(found) = read_back(&home, "calendars", each) else { return };
        let told = |it: &TrueEvent| {
            let is_zoned = if it.n_components > 1 { "True" } else { "False" };
            format!("{} | {} | {} | {is_zoned}", it.folder, it.summary, it.n_components)
        };
        assert_eq!(found, EVENTS.iter().chain(TASKS).map(told).collect(), "{lang:?}");
    }
}

#[test]
fn a_later_export_of_the_same_calendar_changes_nothing() {
    let home = Home::new();
    let stored = |home: &Home| {
        let sql = "SELECT key, blake3 FROM item WHERE key LIKE 'event:%:harbour-1@%' ORDER BY key";
        let row = |row: &rusqlite::Row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
        index::rows(&index::open(&home.archive()), sql, row)
    };
    let export = |stamped: &str, stamp| {
        let mut files = exodus_fixtures::calendar::calendars(Lang::De);
        for (path, content) in &mut files {
            let text = String::from_utf8(std::mem::take(content)).expect("it is text");
            *content = text.replace("DTSTAMP:20260314T092653Z", stamped).into_bytes();
            *path = format!("Kalender/{path}");
        }
        let files: Vec<(&str, &[u8])> = files.iter().map(|it| (it.0.as_str(), it.1.as_slice())).collect();
        exports::takeout(&exports::mails(3), &files, stamp)
    };
    home.import(&home.put_parts("older", &export("DTSTAMP:20250102T030405Z", exports::OLDER)), &[]).expect(0);
    let (before, files) = (items(&home, "event"), stored(&home));
    let again =
        home.import(&home.put_parts("newer", &export("DTSTAMP:20270102T030405Z", exports::NEWER)), &[]);
    again.expect(0);
    home.assert_whole("imported again");
    assert_eq!(items(&home, "event"), before);
    assert_eq!(stored(&home), files, "an event that says when it was changed keeps its bytes");
}
