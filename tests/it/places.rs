//! Chrome, Saved, Maps and Location history: the files that other programs read, and every entry of them in the index.

use std::collections::BTreeSet;
use std::fs;

use exodus_fixtures::lang::LANGS;
use exodus_fixtures::pack::sample_parts;
use exodus_fixtures::places::{TRUTH, location, timeline};
use serde_json::Value;

use crate::house::Home;
use crate::{exports, index};

type Row = (String, String, String, Option<i64>, Value);

fn rows(home: &Home, products: &str) -> Vec<Row> {
    let sql = format!(
        "SELECT kind, key, coalesce(title, ''), time, coalesce(extra, '{{}}') FROM item WHERE product IN ({products})"
    );
    index::rows(&index::open(&home.archive()), &sql, |row| {
        let extra: String = row.get(4)?;
        let extra = serde_json::from_str(&extra).expect("facts are JSON");
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, extra))
    })
}

#[test]
fn every_place_link_and_visit_is_in_the_index_in_every_language() {
    let mut keys = BTreeSet::new();
    for lang in LANGS {
        let home = Home::new();
        home.import(&home.put_parts("export", &sample_parts(lang, 5, 1).0), &[]).expect(0);
        home.assert_whole("places");
        let found = rows(&home, "'chrome', 'saved', 'maps', 'location'");
        for (kind, key, title, time) in TRUTH {
            let is_it = |row: &&Row| row.0 == *kind && row.2 == *title && row.3 == *time;
            let row = found.iter().find(is_it).unwrap_or_else(|| panic!("{lang:?}: {kind} {title} {time:?}"));
            assert!(key.is_empty() || row.1 == *key, "{}", row.1);
            // A list of Saved is known by its name, which may be the language's.
            if !row.1.starts_with("saved:") {
                keys.insert(row.1.clone());
            }
        }
        let pieces = found.iter().filter(|row| row.0 != "file").count();
        assert_eq!(pieces, TRUTH.len(), "{lang:?}");
        for path in [
            "chrome/Bookmarks.html",
            "chrome/Reading List.html",
            "chrome/History.json",
            "maps/Saved Places.json",
            "maps/Labeled places.json",
            "maps/Reviews.json",
            "location/Records.json",
            "location/Semantic Location History/2023_APRIL.json",
        ] {
            assert!(home.archive().join("files").join(path).exists(), "{lang:?}: {path}");
        }
    }
    assert_eq!(keys.len(), TRUTH.len() - 2, "keys know no language");
}

#[test]
fn facts_of_places_and_links_are_those_of_the_export() {
    let home = Home::new();
    home.import(&home.put_parts("export", &sample_parts(LANGS[0], 5, 1).0), &[]).expect(0);
    let found = rows(&home, "'chrome', 'saved', 'maps', 'location'");
    let facts = |kind: &str, title: &str| {
        let row = found.iter().find(|row| row.0 == kind && row.2 == title).expect(title);
        row.4.clone()
    };
    assert_eq!(facts("bookmark", "Example & co")["url"], "https://example.org/?a=1&b=2");
    assert_eq!(facts("bookmark", "Example & co")["folders"], serde_json::json!(["Lesezeichenleiste"]));
    let cafe = facts("place", "Harbour café");
    assert_eq!((cafe["lat"].as_f64(), cafe["lon"].as_f64()), (Some(54.32), Some(10.14)));
    assert!(facts("place", "Old pier")["lat"].is_null(), "0,0 is no place");
    assert_eq!(facts("bookmark", "Harbour café")["list"], "Favoriten");
    for words in ["good coffee", "Careful hands", "open, early", "Pier 1"] {
        assert!(!home.json_lines(&["search", words]).is_empty(), "{words}");
    }
}

#[test]
fn a_month_of_positions_is_a_gpx_file_in_the_order_of_time() {
    let home = Home::new();
    home.import(&home.put_parts("export", &sample_parts(LANGS[0], 5, 1).0), &["--only", "track"]).expect(0);
    let gpx = fs::read_to_string(home.archive().join("files/location/records/2019-03.gpx")).expect("a month");
    let points: Vec<&str> = gpx.lines().filter(|line| line.starts_with("<trkpt")).collect();
    assert_eq!(
        points,
        [
            "<trkpt lat=\"54.32\" lon=\"-10.14\"><ele>3</ele><time>2019-03-19T09:13:51.678Z</time></trkpt>",
            "<trkpt lat=\"54.33\" lon=\"10.15\"><time>2019-03-19T10:13:51Z</time></trkpt>",
        ]
    );
    let gpx =
        fs::read_to_string(home.archive().join("files/location/semantic/2023-04.gpx")).expect("a month");
    assert!(gpx.contains("<name>Harbour café</name><desc>Pier 1</desc></wpt>"), "{gpx}");
}

#[test]
fn what_a_phone_exports_is_read_in_both_forms_and_on_its_own() {
    for is_ios in [false, true] {
        let home = Home::new();
        let name = if is_ios { "location-history.json" } else { "Zeitleiste.json" };
        let folder = home.put_parts("phone", &[(name.to_owned(), timeline(is_ios))]);
        home.import(&folder, &[]).expect(0);
        home.assert_whole("phone");
        let mut tracks: Vec<String> =
            rows(&home, "'location'").into_iter().filter(|row| row.0 == "track").map(|row| row.1).collect();
        tracks.sort();
        let expected: &[&str] = match is_ios {
            true => &["track:timeline:2025-02"],
            false => &["track:signals:2025-03", "track:timeline:2025-02"],
        };
        assert_eq!(tracks, expected);
        let gpx =
            fs::read_to_string(home.archive().join("files/location/timeline/2025-02.gpx")).expect("a month");
        let point = "<trkpt lat=\"54.32\" lon=\"10.14\"><time>2025-02-03T09:05:00Z</time></trkpt>";
        assert!(gpx.contains(point) && gpx.contains("<wpt lat=\"54.33\" lon=\"10.15\">"), "{gpx}");
        assert!(home.archive().join("files/location/Timeline.json").exists());
    }
}

#[test]
fn a_newer_export_with_more_of_a_month_replaces_its_file_and_adds_none() {
    let home = Home::new();
    let records = String::from_utf8(location(LANGS[0])[0].1.clone()).expect("text");
    let fewer = records.replace("2019-04-02T10:13:20Z", "2019-03-19T11:00:00Z");
    for (folder, content, stamp) in [("a", &fewer, exports::OLDER), ("b", &records, exports::NEWER)] {
        let file = ("Location History/Records.json", content.as_bytes());
        home.import(&home.put_parts(folder, &exports::takeout(&exports::mails(3), &[file], stamp)), &[])
            .expect(0);
    }
    let found = rows(&home, "'location'");
    let tracks: BTreeSet<&str> =
        found.iter().filter(|row| row.0 == "track").map(|row| row.1.as_str()).collect();
    assert_eq!(tracks, BTreeSet::from(["track:records:2019-03", "track:records:2019-04"]));
    assert_eq!(found.iter().filter(|row| row.0 == "file").count(), 2, "both originals stay");
}
