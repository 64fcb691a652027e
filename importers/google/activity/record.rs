//! One record of a history: its facts, its name for ever, its item.
//!
//! JSON (2018 to 2026): `header`, `title`, `titleUrl`, `subtitles`, `description`, `time`, `products`, `details`,
//! `locationInfos`, `activityControls`, `imageFile`, `audioFiles`, `attachedFiles`, `safeHtmlItem`; all but `title` and
//! `time` may be missing. Before 2017 searches were `{"query":{"id":[{"timestamp_usec"}],"query_text"}}`.

use exodus_api::{Item, Kind, Origin};
use jiff::Timestamp;
use serde_json::{Map, Value};

/// What a record says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// When, in seconds since 1970-01-01 UTC.
    pub time: Option<i64>,
    /// What was done, as the export words it.
    pub title: String,
    /// To what.
    pub url: Option<String>,
    /// All else, under the names of the JSON.
    pub extra: Map<String, Value>,
}

/// Tells records of the same second and the same words apart by counting them.
#[derive(Debug, Default)]
pub struct Keys {
    time: Option<i64>,
    seen: Vec<(String, u32)>,
}

impl Keys {
    /// The name, with a number if it is not the first of its second: equal records stand one after the other.
    pub fn counted(&mut self, time: Option<i64>, name: String) -> String {
        if self.time != time {
            self.time = time;
            self.seen.clear();
        }
        // Records without a time would heap up here: nobody counts beyond some.
        if self.seen.len() > 4096 {
            self.seen.clear();
        }
        match self.seen.iter_mut().find(|(known, _)| *known == name) {
            Some((_, count)) => {
                *count += 1;
                format!("{name}#{count}")
            }
            None => {
                self.seen.push((name.clone(), 1));
                name
            }
        }
    }
}

/// A record of JSON; `None` if it is none.
pub fn of_json(value: Value) -> Option<Record> {
    let Value::Object(mut extra) = value else { return None };
    if let Some(query) = extra.get("query") {
        let micros = query["id"][0]["timestamp_usec"].as_str()?.parse::<i64>().ok()?;
        let title = query["query_text"].as_str()?.to_owned();
        return Some(Record { time: Some(micros.div_euclid(1_000_000)), title, url: None, extra });
    }
    let title = extra.remove("title").and_then(|it| it.as_str().map(blanks_folded)).unwrap_or_default();
    let time_text = extra.get("time").and_then(Value::as_str).map(str::to_owned);
    let time = time_text.as_ref().and_then(|text| text.parse::<Timestamp>().ok()).map(|time| {
        // Before 1970 too the second that has begun, as pages show it.
        time.as_millisecond().div_euclid(1000)
    });
    if let Some(text) = time_text.filter(|_| time.is_none()) {
        extra.insert("time_text".to_owned(), text.into());
    }
    if title.is_empty() && !extra.contains_key("time") {
        return None;
    }
    let url = extra.remove("titleUrl").and_then(|url| url.as_str().map(str::to_owned));
    Some(Record { time, title, url, extra })
}

/// A text whose blanks are single spaces: pages have no-break ones where JSON has others.
pub fn blanks_folded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<&str>>().join(" ")
}

impl Record {
    /// The item. It is named by its second and by what it was done to, or by its words where there is no address: so JSON
    /// and page agree, and where there is an address, languages too.
    pub fn into_item(self, product: &'static str, keys: &mut Keys, origin: Origin) -> Item {
        let dated = self.extra.get("time_text").and_then(Value::as_str).unwrap_or_default();
        let when = self.time.map_or_else(|| dated.to_owned(), |time| time.to_string());
        let what = self.url.as_deref().unwrap_or(&self.title);
        let hash = blake3::hash(format!("{when}\n{what}").as_bytes()).to_hex();
        let key = keys.counted(self.time, format!("activity:{product}:{}", &hash[..32]));
        let mut item = Item::new(Kind::Activity, product, key, origin);
        item.time = self.time;
        let text = self.searched();
        item.title = Some(self.title).filter(|title| !title.is_empty());
        item.extra = self.extra;
        if let Some(url) = self.url {
            item.extra.insert("url".to_owned(), url.into());
        }
        if !text.is_empty() {
            item.extra.insert("text".to_owned(), text.into());
        }
        item
    }

    /// What the search finds besides the title.
    fn searched(&self) -> String {
        let mut texts = Vec::new();
        for name in ["subtitles", "description", "safeHtmlItem", "text"] {
            self.extra.get(name).into_iter().for_each(|value| collect(value, &mut texts));
        }
        texts.join("\n")
    }
}

/// The texts of a value that people read: names, descriptions and pieces of HTML without their tags.
fn collect(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) => into.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| collect(value, into)),
        Value::Object(fields) => {
            if let Some(Value::String(name)) = fields.get("name") {
                into.push(name.clone());
            }
            if let Some(Value::String(html)) = fields.get("html") {
                let mut text = String::new();
                crate::shared::html::walk(html, &mut |_, step| {
                    if let crate::shared::html::Step::Text(piece) = step {
                        text.push_str(piece);
                        text.push(' ');
                    }
                });
                into.push(blanks_folded(&text));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_keeps_all_that_it_says_and_its_time_in_utc() {
        let record = of_json(
            json!({"header": "Search", "title": "Searched for\u{a0}boats", "titleUrl": "https://example.org/",
            "time": "2019-03-19T09:13:51.678Z", "products": ["Search"], "new": [1]}),
        )
        .expect("it is one");
        assert_eq!((record.time, record.title.as_str()), (Some(1_552_986_831), "Searched for boats"));
        assert_eq!(record.url.as_deref(), Some("https://example.org/"));
        assert_eq!(record.extra["time"], "2019-03-19T09:13:51.678Z");
        assert_eq!(record.extra["new"], json!([1]));
        let query = json!({"query": {"id": [{"timestamp_usec": "1552986831000001"}], "query_text": "boats"}});
        assert_eq!(of_json(query).and_then(|record| record.time), Some(1_552_986_831));
        let odd = of_json(json!({"title": "x", "time": "yesterday"})).expect("it is one");
        assert_eq!((odd.time, &odd.extra["time_text"]), (None, &json!("yesterday")));
        for value in [json!(1), json!({}), json!({"query": 5}), json!({"title": 5})] {
            assert_eq!(of_json(value), None);
        }
    }

    #[test]
    fn equal_records_of_one_second_are_counted() {
        let mut keys = Keys::default();
        let names = [(1, "a"), (1, "b"), (1, "a"), (2, "a"), (1, "a")];
        let named = names.map(|(time, name)| keys.counted(Some(time), name.to_owned()));
        assert_eq!(named, ["a", "b", "a#2", "a", "a"]);
    }
}
