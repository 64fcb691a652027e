//! Play Store, Google Pay, Profile: what was installed, bought and reviewed is found, how it was paid is not in the index.

use std::fs;

use exodus_fixtures::lang::{LANGS, Lang};
use exodus_fixtures::pack::sample_parts;
use exodus_fixtures::store::{TRUTH, play};
use exodus_fixtures::takeout::{Spec, build};
use serde_json::{Value, json};

use crate::house::Home;
use crate::{exports, index};

type Row = (String, String, String, Option<i64>, Value);

fn rows(home: &Home) -> Vec<Row> {
    let sql = "SELECT kind, key, coalesce(title, ''), time, coalesce(extra, '{}') FROM item \
        WHERE product IN ('play', 'pay', 'profile') AND kind <> 'file'";
    index::rows(&index::open(&home.archive()), sql, |row| {
        let extra: String = row.get(4)?;
        let extra = serde_json::from_str(&extra).expect("facts are JSON");
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, extra))
    })
}

#[test]
fn every_record_is_in_the_index_under_one_key_in_every_language() {
    let mut keys = Vec::new();
    for lang in LANGS {
        let home = Home::new();
        home.import(&home.put_parts("export", &sample_parts(lang, 5, 1).0), &[]).expect(0);
        home.assert_whole("store");
        let found = rows(&home);
        for (kind, key, title, time) in TRUTH {
            let is_it =
                |row: &&Row| row.0 == *kind && row.1.starts_with(key) && row.2 == *title && row.3 == *time;
            assert!(found.iter().any(|row| is_it(&row)), "{lang:?}: {kind} {key} {title} {found:?}");
        }
        assert_eq!(found.len(), TRUTH.len(), "{lang:?}");
        for path in
            ["play/Order History.json", "pay/transactions_1234567890.csv", "google/profile/Profile.json"]
        {
            assert!(home.archive().join("files").join(path).exists(), "{lang:?}: {path}");
        }
        let mut told: Vec<String> = found.into_iter().map(|row| row.1).collect();
        told.sort();
        keys.push(told);
    }
    assert!(keys.iter().all(|told| *told == keys[0]), "keys know no language");
}

#[test]
fn what_helps_to_find_is_in_the_index_and_how_it_was_paid_is_not() {
    let home = Home::new();
    home.import(&home.put_parts("export", &sample_parts(Lang::De, 5, 1).0), &[]).expect(0);
    let found = rows(&home);
    let facts = |key: &str| &found.iter().find(|row| row.1.starts_with(key)).expect(key).4;
    assert_eq!(
        *facts("play-orders:"),
        json!({
            "list": "orders", "document_type": "Books", "price": "€8.98", "refund": "€0.00",
            "order": "GPA.1111-2222-3333-44444"
        })
    );
    assert_eq!(facts("play-subscriptions:")["renews"], "2026-04-01T00:00:00Z");
    assert_eq!(facts("play-subscriptions:")["price"], "€2.00");
    assert_eq!(
        (&facts("play-reviews:")["rating"], &facts("play-reviews:")["text"]),
        (&json!(4), &json!("Crackles in fog"))
    );
    assert_eq!(
        *facts("pay-transaction:PDS.0000-1"),
        json!({"service": "Google Play", "status": "Abgeschlossen", "price": "4,99 €"})
    );
    for words in ["fog", "knots", "buoy"] {
        assert!(!home.json_lines(&["search", words]).is_empty(), "{words}");
    }
    let index = fs::read(home.archive().join("index.sqlite")).expect("the index");
    for secret in ["Visa", "192.0.2.7", "Secret Street", "0000-03-14"] {
        let is_there = index.windows(secret.len()).any(|bytes| bytes == secret.as_bytes());
        assert!(!is_there, "{secret} is in the index");
    }
}

#[test]
fn a_review_that_was_changed_is_the_same_review() {
    let home = Home::new();
    let (_, reviews) = play().swap_remove(5);
    let reviews = String::from_utf8(reviews).expect("text");
    let changed = reviews.replace("Crackles in fog", "Clear now").replace("2021-05-03", "2022-05-03");
    for (folder, reviews, stamp) in
        [("a", &reviews, exports::OLDER), ("b", &changed, exports::NEWER), ("c", &reviews, exports::OLDER)]
    {
        let file = ("Google Play Store/Reviews.json", reviews.as_bytes());
        home.import(&home.put_parts(folder, &exports::takeout(&exports::mails(3), &[file], stamp)), &[])
            .expect(0);
    }
    let found = rows(&home);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].4["text"], "Clear now");
}

#[test]
fn a_product_whose_code_nobody_knows_is_known_by_its_folder() {
    let home = Home::new();
    for file in build(&Spec::new(Lang::En, 5, 1)).0 {
        let content = match file.path.ends_with("archive_browser.html") {
            true => String::from_utf8(file.content)
                .expect("a page")
                .replace("\"PLAY\"", "\"SHOP_OF_APPS\"")
                .into_bytes(),
            false => file.content,
        };
        home.put(&format!("export/{}", file.path), &content);
    }
    home.import(&home.at("export"), &["--only", "play"]).expect(0);
    assert_eq!(rows(&home).len(), 7);
}
