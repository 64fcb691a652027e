//! `exodus inspect`: how much is not understood, and the skeleton of it, in which no value of the export stands.

use std::collections::BTreeSet;

use exodus_fixtures::lang::Lang;
use exodus_fixtures::pack::sample_parts;
use exodus_fixtures::takeout::{Spec, build};
use serde_json::Value;

use crate::exports;
use crate::house::{Home, number};

/// The skeleton of an export, read back from the file, as text and as JSON.
fn skeleton(home: &Home, export: &str) -> (String, Value) {
    home.run(["inspect", export, "--skeleton", "skeleton.json", "--quiet"]).expect(0);
    let text = std::fs::read_to_string(home.at("skeleton.json")).expect("it was written");
    let json = serde_json::from_str(&text).expect("it is JSON");
    (text, json)
}

/// All texts in JSON that are values.
fn texts(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => drop(found.insert(text.clone())),
        Value::Array(list) => list.iter().for_each(|value| texts(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| texts(value, found)),
        _ => {}
    }
}

#[test]
fn no_value_of_the_sample_stands_in_its_skeleton() {
    for lang in [Lang::De, Lang::En, Lang::Ja] {
        let home = Home::new();
        home.put_parts("export", &sample_parts(lang, 40, 1).0);
        let (text, _) = skeleton(&home, "export");
        let (files, truth) = build(&Spec::new(lang, 40, 1));
        let mut private = BTreeSet::new();
        for file in &files {
            if let Ok(json) = serde_json::from_slice(&file.content) {
                texts(&json, &mut private);
            }
            let lines = String::from_utf8_lossy(&file.content).into_owned();
            let is_told = |line: &&str| {
                ["Subject: ", "FN:", "TEL", "EMAIL", "SUMMARY:"].iter().any(|name| line.starts_with(name))
            };
            let values = lines.lines().filter(is_told).filter_map(|line| line.split_once(':'));
            private.extend(values.map(|(_, value)| value.trim().to_owned()));
        }
        private.extend(truth.drive.iter().filter_map(|file| file.title.clone()));
        private.insert(truth.account);
        // What is shorter is a word of the format as well: `Chrome`, `text`.
        let found: Vec<&String> =
            private.iter().filter(|value| value.len() > 7 && text.contains(*value)).collect();
        assert!(private.len() > 150, "only {} values to look for", private.len());
        assert_eq!(found, Vec::<&String>::new(), "{lang:?}");
    }
}

/// An export of a product that nobody knows and of one that has become newer.
fn strange() -> exports::Parts {
    let json = br#"{"events": [{"kind": "tea", "with": "Ada Example", "at": "2024-05-06T07:08:09Z", "n": 2}],
        "of ada@example.org": {"x": true}}"#;
    let page = b"<html><body><div class=\"cell\"><b>Ada Example</b> drank tea</div></body></html>";
    let files: &[(&str, &[u8])] = &[
        ("Drive/a.txt", b"x"),
        ("Teapots of Ada/Tea with Ben 2024.json", json),
        ("Teapots of Ada/Tea with Zoe 2025.json", json),
        ("Teapots of Ada/Diary.html", page),
        ("Teapots of Ada/list.csv", b"Guest,Time\nBen,7:30\nZoe,8:30\n"),
        ("Google Chat/Groups/DM x/group_info.json", br#"{"guests": ["Ada Example"]}"#),
    ];
    exports::takeout(&exports::mails(5), files, exports::NEWER)
}

#[test]
fn a_skeleton_tells_the_structure_of_what_nobody_knows() {
    let home = Home::new();
    home.put_parts("export", &strange());
    let (text, json) = skeleton(&home, "export");
    for private in ["Ada", "Ben", "Zoe", "Tea", "tea", "Diary", "Guest s", "2024", "example.org", "7:30"] {
        assert!(!text.contains(private), "{private} in {text}");
    }
    let file = |path: &str| {
        let files = json["files"].as_array().expect("a list");
        files.iter().find(|file| file["path"] == path).unwrap_or_else(|| panic!("no {path} in {text}"))
    };
    let teas = file("Takeout/Aaaaaaa aa Aaa/Aaa aaaa Aaa 9999.json");
    assert_eq!((number(&teas["files"]), &teas["fate"]), (2, &"not understood".into()));
    let events = serde_json::json!(["list of 1", {"at": "text: date", "kind": "text", "n": "whole number", "with": "text"}]);
    assert_eq!(teas["structure"]["json"]["events"], events);
    let page = file("Takeout/Aaaaaaa aa Aaa/Aaaaa.html");
    assert_eq!(page["structure"]["elements"][3], "html > body > div.cell > b");
    let columns = &file("Takeout/Aaaaaaa aa Aaa/aaaa.csv")["structure"]["table"]["columns"];
    assert_eq!((&columns[0]["name"], &columns[1]["name"]), (&"Guest".into(), &"Time".into()));
}

#[test]
fn a_skeleton_takes_the_place_of_no_file() {
    let home = Home::new();
    home.put_parts("export", &strange());
    home.put("mine.json", b"mine");
    let ran = home.run(["inspect", "export", "--skeleton", "mine.json", "--quiet"]).expect(2);
    assert!(ran.err.contains("mine.json") && ran.err.contains("hint: "), "{}", ran.err);
    assert_eq!(std::fs::read(home.at("mine.json")).expect("it is there"), b"mine");
}

/// What `inspect` says of a product.
fn product(inspected: &Value, name: &str) -> Value {
    let products = inspected["products"].as_array().expect("a list");
    products.iter().find(|product| product["name"] == name).expect("it is there").clone()
}

#[test]
fn inspect_counts_what_is_kept_because_nobody_knows_it() {
    let home = Home::new();
    home.put_parts("export", &strange());
    let inspected = home.json(&["inspect", "export"]);
    assert_eq!(number(&product(&inspected, "chat")["not_understood"]), 1);
    assert_eq!(number(&product(&inspected, "drive")["not_understood"]), 0);
    let said =
        String::from_utf8(home.run(["inspect", "export", "--quiet"]).expect(0).out).expect("it is UTF-8");
    assert!(said.contains("newer than exodus knows? 1 file not understood, kept as it is"), "{said}");
    let sample = Home::new();
    sample.put_parts("export", &sample_parts(Lang::De, 40, 1).0);
    let inspected = sample.json(&["inspect", "export"]);
    for found in inspected["products"].as_array().expect("a list") {
        assert_eq!(number(&found["not_understood"]), 0, "{found}");
    }
    let said = sample.run(["inspect", "export", "--quiet"]).expect(0).out;
    assert!(
        !String::from_utf8_lossy(&said).contains("newer than exodus"),
        "what is kept on purpose is known"
    );
}
