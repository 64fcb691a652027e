//! My Activity and YouTube: every record in the index, whatever its form and the language of its date.

use std::collections::BTreeSet;

use exodus_fixtures::lang::{LANGS, Lang};
use exodus_fixtures::pack::sample_parts;
use exodus_fixtures::{activity, youtube};
use serde_json::Value;

use crate::house::Home;
use crate::{exports, index};

struct Row {
    key: String,
    title: String,
    time: Option<i64>,
    extra: Value,
}

fn rows(home: &Home, condition: &str) -> Vec<Row> {
    let sql =
        format!("SELECT key, coalesce(title, ''), time, coalesce(extra, '{{}}') FROM item WHERE {condition}");
    index::rows(&index::open(&home.archive()), &sql, |row| {
        let extra: String = row.get(3)?;
        let extra = serde_json::from_str(&extra).expect("facts are JSON");
        Ok(Row { key: row.get(0)?, title: row.get(1)?, time: row.get(2)?, extra })
    })
}

#[test]
fn every_record_is_in_the_index_under_one_key_in_every_language() {
    let mut keys = BTreeSet::new();
    for lang in LANGS {
        let home = Home::new();
        home.import(&home.put_parts("export", &sample_parts(lang, 5, 1).0), &["--only", "activity"])
            .expect(0);
        home.assert_whole("activity");
        for truth in activity::TRUTH {
            let product = format!("kind = 'activity' AND product = '{}'", truth.product);
            let found = rows(&home, &product);
            let row = found.iter().find(|row| row.title == truth.title && row.time == Some(truth.time));
            let row = row.unwrap_or_else(|| panic!("{lang:?}: {truth:?}"));
            assert_eq!(row.extra["url"].as_str().unwrap_or_default(), truth.url);
            let subtitle = row.extra["subtitles"][0]["name"].as_str().unwrap_or_default();
            assert_eq!(subtitle, truth.subtitle);
            keys.insert(row.key.clone());
        }
    }
    assert_eq!(keys.len(), activity::TRUTH.len(), "one key a record, in five languages");
}

#[test]
fn json_and_page_of_the_same_records_are_the_same_items() {
    let home = Home::new();
    let export = |file: &str, content: &[u8], stamp| {
        exports::takeout(&exports::mails(3), &[(&format!("My Activity/Chrome/{file}"), content)], stamp)
    };
    let records = &activity::TRUTH[..2];
    let older = export("MyActivity.json", &activity::json("Chrome", records), exports::OLDER);
    home.import(&home.put_parts("older", &older), &[]).expect(0);
    let first: BTreeSet<String> = rows(&home, "kind = 'activity'").into_iter().map(|row| row.key).collect();
    let newer = export("MiActividad.html", &activity::page(Lang::Es, "Chrome", records), exports::NEWER);
    home.import(&home.put_parts("newer", &newer), &[]).expect(0);
    let both: BTreeSet<String> = rows(&home, "kind = 'activity'").into_iter().map(|row| row.key).collect();
    assert_eq!(first, both);
    assert_eq!(first.len(), 2);
}

#[test]
fn tables_of_youtube_are_read_whatever_their_heads_say() {
    for lang in [Lang::De, Lang::En, Lang::Ja] {
        let home = Home::new();
        home.import(&home.put_parts("export", &sample_parts(lang, 5, 1).0), &["--only", "youtube"]).expect(0);
        home.assert_whole("youtube");
        let found = rows(&home, "product = 'youtube' AND kind IN ('bookmark', 'post', 'file')");
        for (key, title, text, time) in youtube::TRUTH {
            let row = found.iter().find(|row| row.key == *key).unwrap_or_else(|| panic!("{lang:?}: {key}"));
            assert_eq!((row.title.as_str(), row.time), (*title, *time), "{key}");
            assert_eq!(row.extra["text"].as_str().unwrap_or_default(), *text, "{key}");
            let is_of_a_page = key.starts_with("youtube-post:") && *time < Some(1_600_000_000);
            assert!(is_of_a_page || row.extra["row"].as_object().is_some_and(|row| row.len() > 1), "{key}");
        }
        let sql = "SELECT path FROM item WHERE key = 'youtube-video:mein boot_ teil 1.mp4'";
        let path = index::rows(&index::open(&home.archive()), sql, |row| row.get::<_, String>(0));
        assert!(home.archive().join(&path[0]).exists());
    }
}

#[test]
fn what_was_done_is_found_by_its_words() {
    let home = Home::new();
    home.import(&home.put_parts("export", &sample_parts(Lang::En, 5, 1).0), &["--only", "activity"])
        .expect(0);
    let sql = "SELECT count(*) FROM item WHERE kind = 'activity' AND path <> ''";
    assert_eq!(index::count(&home.archive(), sql), 0, "facts only");
    for words in ["dawn", "Harbour TV"] {
        let hits = home.json_lines(&["search", words]);
        assert!(hits.iter().any(|hit| hit["title"] == "Watched Boats at dawn"), "{words}: {hits:?}");
    }
}
