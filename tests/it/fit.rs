//! Fit and Fitbit: workouts, sessions and days in the index, the files as they were.

use std::collections::BTreeSet;

use exodus_fixtures::fit::{TRUTH, fit};
use exodus_fixtures::lang::{LANGS, Lang};
use exodus_fixtures::pack::sample_parts;
use serde_json::{Value, json};

use crate::house::Home;
use crate::{exports, index};

type Row = (String, String, String, Option<i64>, Value);

fn rows(home: &Home) -> Vec<Row> {
    let sql = "SELECT kind, key, coalesce(title, ''), time, coalesce(extra, '{}') FROM item \
        WHERE product IN ('fit', 'fitbit') AND kind <> 'file'";
    index::rows(&index::open(&home.archive()), sql, |row| {
        let extra: String = row.get(4)?;
        let extra = serde_json::from_str(&extra).expect("facts are JSON");
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, extra))
    })
}

#[test]
fn every_workout_session_and_day_is_in_the_index_in_every_language() {
    for lang in LANGS {
        let home = Home::new();
        home.import(&home.put_parts("export", &sample_parts(lang, 5, 1).0), &[]).expect(0);
        home.assert_whole("fit");
        let found = rows(&home);
        let told: BTreeSet<(&str, &str, &str, Option<i64>)> =
            found.iter().map(|(kind, key, title, time, _)| (&**kind, &**key, &**title, *time)).collect();
        let truth = TRUTH.iter().map(|(kind, key, title, time)| (*kind, *key, *title, Some(*time))).collect();
        assert_eq!(told, truth, "{lang:?}");
        assert_eq!(found.len(), TRUTH.len());
        for path in [
            "tracks/fit/2019/2019-08-12T07_14_08.709+02_00_PT14M3.063S_Walking.tcx",
            "fit/sessions/2019-08-12T07_14_08.709+02_00_WALKING.json",
            "fit/Daily activity metrics.csv",
            "fitbit/exercise-0.json",
            "fitbit/sleep-2023-09-01.json",
        ] {
            assert!(home.archive().join("files").join(path).exists(), "{lang:?}: {path}");
        }
        let kept = "SELECT count(*) FROM entry WHERE state = 'kept' AND (path LIKE '%/Fitbit/%' OR path LIKE '%Fit/%')";
        assert_eq!(index::count(&home.archive(), kept), 3, "what was measured point by point");
    }
}

#[test]
fn facts_of_workouts_are_those_of_their_files() {
    let home = Home::new();
    home.import(&home.put_parts("export", &sample_parts(Lang::De, 5, 1).0), &[]).expect(0);
    let found = rows(&home);
    let facts = |key: &str| &found.iter().find(|row| row.1 == key).expect(key).4;
    assert_eq!(
        *facts("track:fit:2019-08-12T05:14:08.709Z"),
        json!({
            "sport": "Other", "first": "2019-08-12T05:14:08.709Z", "last": "2019-08-12T05:28:11.772Z",
            "duration_s": 843.063, "distance_m": 777.25, "calories": 34.5, "n_points": 2, "n_places": 1
        })
    );
    let session = facts("fit-session:2019-08-12T05:14:08.709Z:walking");
    assert_eq!((&session["steps"], &session["distance_m"]), (&json!(1004), &json!(777.25)));
    assert_eq!(session["duration_s"], json!(843.063));
    assert_eq!(facts("fit-day:2019-08-12")["row"]["Schrittzahl"], "3952");
    let run = facts("fitbit-exercise:41000000001");
    assert_eq!((&run["distance_m"], &run["heart_rate"]), (&json!(5250.0), &json!(156)));
    assert_eq!(facts("fitbit-sleep:42000000001")["minutes_asleep"], 420);
}

#[test]
fn a_newer_table_adds_days_and_takes_the_place_of_the_older() {
    let home = Home::new();
    let (_, days) = fit(Lang::En).swap_remove(3);
    let days = String::from_utf8(days).expect("text");
    let more = format!("{days}2019-08-14,1,2,3,4,5\n");
    for (folder, days, stamp) in [("a", &days, exports::OLDER), ("b", &more, exports::NEWER)] {
        let file = ("Fit/Daily activity metrics/Daily activity metrics.csv", days.as_bytes());
        home.import(&home.put_parts(folder, &exports::takeout(&exports::mails(3), &[file], stamp)), &[])
            .expect(0);
        home.assert_whole(folder);
    }
    assert_eq!(rows(&home).len(), 3);
    let kept = std::fs::read_to_string(home.archive().join("files/fit/Daily activity metrics.csv"));
    assert_eq!(kept.expect("the table"), more);
}

#[test]
fn a_folder_whose_name_nobody_knows_is_known_by_what_lies_in_it() {
    let home = Home::new();
    let files: Vec<(String, Vec<u8>)> =
        fit(Lang::De).into_iter().map(|(path, content)| (format!("Gesundheit/{path}"), content)).collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|it| (it.0.as_str(), it.1.as_slice())).collect();
    let parts = exports::takeout(&exports::mails(3), &files, exports::NEWER);
    home.import(&home.put_parts("export", &parts), &[]).expect(0);
    assert_eq!(rows(&home).len(), 5);
}
