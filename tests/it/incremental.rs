//! Two exports of one account with every product, imported in either order: the archive comes out the same.

use exodus_fixtures::lang::Lang;
use exodus_fixtures::pack::{Packing, pack};
use exodus_fixtures::photos;
use exodus_fixtures::takeout::{FileEntry, Spec, build};
use serde_json::Value;

use crate::exports::{self, NEWER, OLDER, entry};
use crate::house::{Home, number};
use crate::index;
use crate::tree::{self, Tree};

/// An older and a newer export, each as its files.
struct Account {
    before: Vec<FileEntry>,
    after: Vec<FileEntry>,
}

/// The files whose path ends so.
fn ending<'a>(files: &'a mut [FileEntry], end: &str) -> Vec<&'a mut FileEntry> {
    files.iter_mut().filter(|file| file.path.ends_with(end)).collect()
}

/// Replaces a text in all files whose path ends so; panics when it stands in none of them.
#[track_caller]
fn replace(files: &mut [FileEntry], end: &str, old: &str, new: &str) {
    let mut is_found = false;
    for file in ending(files, end) {
        let text = String::from_utf8(file.content.clone()).expect("it is UTF-8");
        is_found |= text.contains(old);
        file.content = text.replace(old, new).into_bytes();
    }
    assert!(is_found, "no {old:?} in {end}");
}

/// The sample before and after a year: of every product something has changed, something is new, something is gone.
fn account() -> Account {
    let (before, _) = build(&Spec::new(Lang::De, 40, 1));
    let mut after = before.clone();
    replace(
        &mut after,
        "bersicht.html",
        "0db7b8c4-5a1e-4c55-9d10-000000000001",
        "0db7b8c4-5a1e-4c55-9d10-000000000002",
    );
    // Contacts: a phone changed, two new, one gone.
    replace(&mut after, ".vcf", "N:Muster;Dora;;Dr.;", "N:Muster;Nina;;;");
    replace(&mut after, ".vcf", "item1.TEL:+49 30 00000", "item1.TEL:+49 30 11111");
    let new =
        "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Zoe Sample\r\nN:Sample;Zoe;;;\r\nTEL:+1 555 0177\r\nEND:VCARD\r\n";
    let all = ending(&mut after, ".vcf").remove(0);
    all.content.extend_from_slice(new.as_bytes());
    // Calendar: an event moved, one new, one gone. Tasks: one done, one new, one gone.
    replace(&mut after, ".ics", "VALUE=DATE:20240501", "VALUE=DATE:20240503");
    let event = "BEGIN:VEVENT\r\nDTSTART:20260901T080000Z\r\nDTSTAMP:20270101T000000Z\r\nUID:new@google.com\r\nSUMMARY:Neu\r\n\
        END:VEVENT\r\nEND:VCALENDAR\r\n";
    replace(&mut after, "ada@example.org.ics", "END:VCALENDAR\r\n", event);
    replace(&mut after, ".ics", "UID:twice@google.com", "UID:other@google.com");
    replace(&mut after, "Tasks.json", "Milch kaufen", "Milch holen");
    replace(
        &mut after,
        "Tasks.json",
        "\"id\": \"gone\", \"title\": \"Gelöscht\"",
        "\"id\": \"new\", \"title\": \"Neu\"",
    );
    // Keep: a note edited, one new, one gone.
    replace(&mut after, "/Boot.json", "Farbe kaufen", "Farbe holen");
    replace(&mut after, "/Boot.json", "1552986831000000", "1752986831000000");
    replace(&mut after, "/Boot.html", "Farbe kaufen", "Farbe holen");
    after.retain(|file| !file.path.ends_with("/Boot(1).json") && !file.path.ends_with("/Boot(1).html"));
    let keep = folder_of(&before, "/Boot.json");
    let note = br#"{"title":"Segel","textContent":"flicken","createdTimestampUsec":1752986000000001,"userEditedTimestampUsec":1752986831000000,
        "isTrashed":false,"isPinned":false,"isArchived":false,"color":"DEFAULT"}"#;
    after.push(entry(&format!("{keep}/Segel.json"), note.to_vec()));
    // Chat: one message more.
    replace(&mut after, "messages.json", "Moin <b>alle</b>", "Moin <b>ihr alle</b>");
    // Drive: one changed, one new.
    let drive =
        before.iter().find(|file| file.path.ends_with("Notizen.txt") && !file.path.contains("MACOSX"));
    let drive = drive.expect("the sample has it").path.clone();
    ending(&mut after, &drive)[0].content = b"newer notes\n".to_vec();
    after.push(entry(&drive.replace("Notizen.txt", "Neu.txt"), b"new\n".to_vec()));
    change_photos(&before, &mut after);
    change_histories(&mut after);
    Account { before, after }
}

/// Histories, links and places: of each something is new; what is gone from the newer one stays.
fn change_histories(after: &mut [FileEntry]) {
    let activity = r#"[{"header": "Chrome", "title": "Visited a new pier", "titleUrl": "https://example.org/new-pier",
        "time": "2026-05-06T07:08:09.123Z", "products": ["Chrome"]}]"#;
    let own =
        after.iter_mut().find(|file| file.path.contains("/Chrome/Meine") && file.path.ends_with(".json"));
    // The newer one has only what is new: Google keeps eighteen months.
    own.expect("the sample has it").content = activity.as_bytes().to_vec();
    replace(
        after,
        "/Abos.csv",
        "UC0,http://www.youtube.com/channel/UC0,Harbour TV",
        "UC2,http://www.youtube.com/channel/UC2,Pier TV",
    );
    replace(after, "/Verlauf.json", "https://example.org/untitled", "https://example.org/newer");
    replace(after, "/Lesezeichen.html", "ADD_DATE=\"1552986900\">Boats", "ADD_DATE=\"1752986900\">Sails");
    replace(after, "/Boote.csv", "https://example.org/boats,", "https://example.org/sails,");
    replace(after, "/Gespeicherte Orte.json", "good coffee", "better coffee");
    replace(after, "harbours/feed.atom", "Wait for spring", "Spring has come");
    replace(after, "/Tägliche Aktivitätsmesswerte.csv", ",5885\n", ",5999\n2019-08-14,,1.5,,,6000\n");
    replace(after, "/Reviews.json", "Crackles in fog", "Clear now");
    replace(after, "/transactions_1234567890.csv", "PDS.0000-1", "PDS.0000-3");
    let semantic = ending(after, "/2023_APRIL.json").remove(0);
    let text = String::from_utf8(semantic.content.clone()).expect("it is UTF-8");
    semantic.path = semantic.path.replace("2023/2023_APRIL", "2024/2024_MAY");
    semantic.content = text.replace("2023-04-01", "2024-05-01").replace("16803", "17145").into_bytes();
}

/// A photo stands in one more album, one is new, one is gone.
fn change_photos(before: &[FileEntry], after: &mut Vec<FileEntry>) {
    let boats = before.iter().find(|file| file.path.contains("/Boote/")).expect("the sample has it");
    let album = boats.path.rsplit_once('/').expect("it lies in a folder").0.to_owned();
    let truth = photos::truth(Lang::De);
    let free = truth.iter().find(|photo| photo.albums.is_empty()).expect("one is in no album");
    let name = free.path.rsplit('/').next().expect("a name");
    after.push(entry(&format!("{album}/{name}"), free.content.clone()));
    after.push(entry(&format!("{album}/IMG_9999.jpg"), photos::picture(9999)));
    let is_gone = |photo: &&photos::TruePhoto| photo.albums.is_empty() && photo.content != free.content;
    let gone = truth.iter().filter(is_gone).find(|photo| {
        let mut same = before.iter().filter(|file| file.content == photo.content);
        same.next().is_some() && same.next().is_none()
    });
    let gone = gone.expect("one stands in no album");
    after.retain(|file| file.content != gone.content);
}

fn folder_of(files: &[FileEntry], end: &str) -> String {
    let file = files.iter().find(|file| file.path.ends_with(end)).expect("the sample has it");
    file.path.rsplit_once('/').expect("it lies in a folder").0.to_owned()
}

fn parts(files: &[FileEntry], stamp: &'static str) -> exports::Parts {
    pack(files, &Packing { stamp, ..Packing::zip(2) })
}

/// What must be equal: mail, files, contacts, calendars. Of the exports' own pages and of Chrome's history, which holds
/// some months, both are kept under one name, and which of them gets the number behind it depends on which came first:
/// of those only the contents must be equal.
fn rooms(home: &Home) -> Tree {
    let mut all = Tree::new();
    for room in ["mail", "files", "contacts", "calendars"] {
        let below = tree::of(&home.archive().join(room));
        all.extend(below.into_iter().map(|(path, leaf)| (format!("{room}/{path}"), leaf)));
    }
    for (folder, name) in [("/google/", "bersicht"), ("/chrome/", "/History")] {
        let is_one = |path: &String| path.contains(folder) && path.contains(name);
        let both: Vec<String> = all.keys().filter(|path| is_one(path)).cloned().collect();
        assert_eq!(both.len(), 2, "{name} of each export");
        for path in both {
            let leaf = all.remove(&path).expect("it was listed");
            all.insert(format!("{name} {}", leaf.content), leaf);
        }
    }
    all
}

/// Imports the two exports in an order.
fn imported(first: (&str, &exports::Parts), second: (&str, &exports::Parts)) -> Home {
    let home = Home::new();
    for (name, parts) in [first, second] {
        let folder = home.put_parts(name, parts);
        // The newer one's own page still names the note that is gone.
        home.import(&folder, &["--allow-missing-parts"]).expect(0);
        home.assert_whole(name);
    }
    home
}

fn text_of(home: &Home, query: &str) -> String {
    let conn = rusqlite::Connection::open(home.archive().join("index.sqlite")).expect("it is there");
    let path: String =
        conn.query_row(query, [], |row| row.get(0)).unwrap_or_else(|err| panic!("{query}: {err}"));
    std::fs::read_to_string(home.archive().join(path)).expect("its file is there")
}

#[test]
fn two_exports_of_every_product_make_one_archive_in_either_order() {
    let account = account();
    let (older, newer) = (parts(&account.before, OLDER), parts(&account.after, NEWER));
    let up = imported(("older", &older), ("newer", &newer));
    let down = imported(("newer", &newer), ("older", &older));
    tree::assert_same(&rooms(&down), &rooms(&up), "newer, then older");

    for home in [&up, &down] {
        let of = |kind: &str, title: &str| {
            text_of(home, &format!("SELECT path FROM item WHERE kind = '{kind}' AND title LIKE '{title}'"))
        };
        assert!(of("contact", "Jörg%").contains("+49 30 11111"), "the newer phone");
        assert!(of("contact", "Zoe%").contains("+1 555 0177"), "a new contact");
        assert!(of("event", "Feiertag").contains("20240503"), "the event was moved");
        assert!(of("event", "Treffen%").contains("Treffen"), "what is gone stays");
        assert!(of("task", "Milch holen").contains("Milch holen"), "a task was renamed");
        assert!(of("note", "Segel").contains("flicken"), "a new note");
        assert!(of("contact", "%Dora%").contains("+49 40"), "a contact that is gone stays");
        assert!(of("contact", "%Nina%").contains("+49 40"), "another new contact");
        let n = |query: &str| index::count(&home.archive(), query);
        assert_eq!(n("SELECT count(*) FROM item WHERE kind = 'contact' AND title LIKE 'Jörg%'"), 1);
        assert_eq!(n("SELECT count(*) FROM item WHERE kind = 'event' AND title = 'Feiertag'"), 1);
        assert_eq!(n("SELECT count(*) FROM item WHERE kind = 'note' AND title = 'Boot'"), 2);
        assert_eq!(n("SELECT count(*) FROM item WHERE kind = 'task' AND title LIKE 'Milch%'"), 1);
        let titled = |title: &str| n(&format!("SELECT count(*) FROM item WHERE title = '{title}'"));
        for title in ["Visited a new pier", "Harbour TV", "Pier TV", "Boats", "Sails", "2023-04", "2024-05"] {
            assert_eq!(titled(title), 1, "{title}");
        }
        assert_eq!(titled("Harbour café"), 2, "one is saved, the other a place");
        let place = "SELECT count(*) FROM item WHERE kind = 'place' AND extra LIKE '%better coffee%'";
        assert_eq!(n(place), 1, "the newer comment");
        let told = |kind: &str, words: &str| {
            n(&format!("SELECT count(*) FROM item WHERE kind = '{kind}' AND extra LIKE '%{words}%'"))
        };
        assert_eq!((told("post", "Clear now"), told("post", "Crackles")), (1, 0), "the newer review");
        assert_eq!((titled("2019-08-13"), told("activity", "5999"), titled("2019-08-14")), (1, 1, 1));
        assert_eq!((titled("Tide tables"), titled("Not yet")), (2, 1), "payments of both tables, one draft");
        let visits = "SELECT count(*) FROM item WHERE title IN ('https://example.org/untitled', 'https://example.org/newer')";
        assert_eq!(n(visits), 2, "the older visit stays");
        assert_eq!(n("SELECT count(*) FROM item WHERE kind = 'task' AND title IN ('Gelöscht', 'Neu')"), 2);
        assert_eq!(
            n("SELECT count(*) FROM item WHERE product = 'drive' AND title IN ('Notizen.txt', 'Neu.txt')"),
            2
        );
    }
    let albums = "SELECT count(*) FROM photo WHERE albums LIKE '%Boote%'";
    let alone = imported(("older", &older), ("older again", &older));
    let grown = |query: &str| index::count(&up.archive(), query) - index::count(&alone.archive(), query);
    assert_eq!(grown(albums), 2, "a photo of before and a new one came into the album");
    assert_eq!(grown("SELECT count(*) FROM photo"), 1, "the photo that is gone stays");
    for name in ["older", "newer"] {
        let again = up.import(&up.at(name), &["--allow-missing-parts"]).expect(0).summary();
        assert_eq!(number(&again["added"]), 0, "{name} once more");
    }
    tree::assert_same(&rooms(&up), &rooms(&down), "both once more");
}

#[test]
fn the_history_of_an_item_says_what_changed_and_when() {
    let account = account();
    let home = imported(("older", &parts(&account.before, OLDER)), ("newer", &parts(&account.after, NEWER)));
    let listed = home.json_lines(&["list", "--kind", "event"]);
    let event =
        listed.iter().find(|line| line["title"] == "Feiertag").expect("it is there")["id"].to_string();
    let steps: Vec<Value> = home.json_lines(&["show", &event, "--history"]);
    assert_eq!(steps.len(), 2, "{steps:?}");
    assert_eq!((number(&steps[0]["run"]), number(&steps[1]["run"])), (1, 2));
    assert_eq!(steps[0]["changes"], serde_json::json!([]));
    assert_ne!(steps[0]["export"], steps[1]["export"]);
    let changes = steps[1]["changes"].as_array().expect("a list");
    let of = |name: &str| {
        changes.iter().find(|change| change["field"] == name).unwrap_or_else(|| panic!("{name}: {changes:?}"))
    };
    assert_ne!(of("blake3")["old"], of("blake3")["new"]);
    let start = of("extra.start");
    assert_eq!((&start["old"], &start["new"]), (&"2024-05-01".into(), &"2024-05-03".into()));
    let said = String::from_utf8(home.run(["show", &event, "--history"]).expect(0).out).expect("it is UTF-8");
    assert!(
        said.contains("run 1, ") && said.contains(": first found\n") && said.contains(": changed\n"),
        "{said}"
    );
}
