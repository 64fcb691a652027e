//! Contacts and calendars of the sample: one file each, read back with another implementation (Python's vobject).

use std::collections::BTreeSet;
use std::process::Command;

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
        for path in glob.glob(sys.argv[1] + '/**/*.*', recursive=True):\n    \
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
        (names.sort(), wanted.sort());
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
