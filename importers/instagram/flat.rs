//! Exports before 2021: one file for all media, and lists of pairs. Dates are ISO 8601, text is whole.
//!
//! A carousel stands there as so many pictures with the same time and words, and becomes one post again. Seen in an
//! anonymised export of October 2020 and in viewers of 2018 to 2021; the pairs of `saved.json` are a guess.

use exodus_api::{At, Entry, ImportError, Origin, Sink, Source};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::layout::{self, FLAT_LISTS, Role};
use super::{PLATFORM, lists};
use crate::shared::json_list::List;
use crate::shared::meta::facts::{Facts, Row};
use crate::shared::meta::media::Media;
use crate::shared::meta::post::{Post, Type};
use crate::shared::meta::records::Keys;
use crate::shared::meta::send::Sender;

const HINT: &str = "the others are safe; export again to get this one";
const MEDIA: &[&[&str]] = &[&["?", "*"]];
const PAIRS: &[&[&str]] = &[&["?", "*"], &["*"]];
/// Connections are objects of names with dates.
const NAMES: &[&[&str]] = &[&["?", "?"], &["?", "*"]];

/// Sends everything that was posted; false if the file cannot be read to its end, which is told.
///
/// # Errors
/// When the run has to end.
pub fn send_media(
    source: &dyn Source,
    entry: &Entry,
    sender: &mut Sender,
    sink: &mut dyn Sink,
) -> Result<bool, ImportError> {
    let mut posts: Vec<(Post, Origin)> = Vec::new();
    let list = List {
        source,
        entry,
        paths: MEDIA,
        what: "a picture or video of the list cannot be read",
        hint: HINT,
    };
    let is_whole = list.each(sink, &mut |record, _| {
        let of = match record.keys.first().map(String::as_str) {
            Some("stories") => Type::Story,
            Some("profile") => Type::ProfilePhoto,
            Some("igtv" | "igtv_videos") => Type::Igtv,
            // Sent in conversations, and taken with them.
            Some("direct") => return Ok(true),
            _ => Type::Post,
        };
        let Some(post) = post_of(&record.value, of) else { return Ok(false) };
        posts.push((post, record.origin));
        Ok(true)
    })?;
    for (post, origin) in grouped(posts) {
        sender.post(post, origin, sink)?;
    }
    Ok(is_whole)
}

fn post_of(value: &Value, of: Type) -> Option<Post> {
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
    let uri = Some(text("path")).filter(|path| !path.is_empty())?;
    let time = seconds(&text("taken_at"));
    let mut extra = Map::new();
    let location = text("location");
    if !location.is_empty() {
        extra.insert("location".to_owned(), location.into());
    }
    let media = Media { uri, time, ..Media::default() };
    Some(Post { platform: PLATFORM, of, caption: text("caption"), time, media: vec![media], extra })
}

/// Pictures of one time and the same words are one post; it stands where the first of them stood.
fn grouped(posts: Vec<(Post, Origin)>) -> Vec<(Post, Origin)> {
    let mut out: Vec<(Post, Origin)> = Vec::new();
    let mut by_words: std::collections::HashMap<(i64, String), usize> = std::collections::HashMap::new();
    for (post, origin) in posts {
        let words = post.time.filter(|_| post.of == Type::Post).map(|time| (time, post.caption.clone()));
        match words.as_ref().and_then(|words| by_words.get(words)) {
            Some(at) => {
                let first = &mut out[*at].0;
                first.media.extend(post.media);
                for (name, value) in post.extra {
                    first.extra.entry(name).or_insert(value);
                }
            }
            None => {
                if let Some(words) = words {
                    by_words.insert(words, out.len());
                }
                out.push((post, origin));
            }
        }
    }
    out
}

/// Sends the records of a file of lists; false if there is none in it, or it cannot be read to its end, which is told.
///
/// # Errors
/// When the run has to end.
pub fn send_lists(
    source: &dyn Source,
    (entry, stem): (&Entry, &str),
    keys: &mut Keys,
    sink: &mut dyn Sink,
) -> Result<bool, ImportError> {
    let paths = if stem == "connections" { NAMES } else { PAIRS };
    let list = List { source, entry, paths, what: "a record of a list cannot be read", hint: HINT };
    let mut n_items = 0_u64;
    let is_whole = list.each(sink, &mut |record, sink| {
        let names = &record.keys;
        let is_word = names.is_empty() && record.value.is_string();
        // The words that there is no data.
        if is_word {
            return Ok(true);
        }
        let Some(facts) = facts_of(&record.value, names.get(1)) else { return Ok(false) };
        let list = list_named(names.first().map(String::as_str), stem);
        n_items += 1;
        sink.item(lists::item(facts, &list, record.origin, keys))?;
        Ok(true)
    })?;
    Ok(is_whole && n_items > 0)
}

/// What a list is by its key, else by its file.
pub fn list_named(key: Option<&str>, stem: &str) -> layout::List {
    let known = key.and_then(|key| FLAT_LISTS.iter().find(|(known, ..)| *known == key));
    if let Some((_, name, role)) = known {
        return layout::List { name: (*name).to_owned(), role: *role };
    }
    let role = match stem {
        "connections" => Role::Connections,
        "likes" => Role::Likes,
        "comments" => Role::Comments,
        "saved" => Role::Saved,
        "searches" => Role::Searches,
        "stories_activities" => Role::Stories,
        "account_history" => Role::Logins,
        "seen_content" => Role::Ads,
        _ => Role::Account,
    };
    layout::List { name: key.unwrap_or(stem).replace('_', "-"), role }
}

/// A record of a list: `["2019-…", "text", "user"]`, an object, or the date that stands behind a name.
fn facts_of(value: &Value, name: Option<&String>) -> Option<Facts> {
    let mut facts = Facts::default();
    if let Some(name) = name {
        facts.rows.push(Row { value: name.clone(), ..Row::default() });
    }
    let mut add = |label: &str, value: &Value| match value {
        Value::String(text) => match seconds(text) {
            Some(time) => {
                facts.time = facts.time.or(Some(time));
            }
            None if text.trim().is_empty() => {}
            None => facts.rows.push(Row {
                label: label.to_owned(),
                value: text.trim().to_owned(),
                ..Row::default()
            }),
        },
        Value::Number(_) | Value::Bool(_) if !label.is_empty() => {
            facts.rows.push(Row { label: label.to_owned(), value: value.to_string(), ..Row::default() });
        }
        _ => {}
    };
    let mut said_under = None;
    match value {
        // A comment has its words before the user whose post it is about.
        Value::Array(list) if list.len() == 3 => {
            ["time", "comment", "owner"].into_iter().zip(list).for_each(|(label, value)| add(label, value));
            said_under = Some("comment".to_owned());
        }
        Value::Array(list) => list.iter().for_each(|value| add("", value)),
        Value::Object(object) => object.iter().for_each(|(label, value)| add(label, value)),
        scalar => add("", scalar),
    }
    facts.said_under = said_under;
    (!facts.rows.is_empty()).then_some(facts)
}

/// The time of `2019-07-02T10:11:12+00:00`, in seconds since 1970-01-01 UTC; without a zone it is UTC.
pub fn seconds(text: &str) -> Option<i64> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time.as_second());
    }
    let has_time =
        text.len() >= 19 && text.as_bytes().get(10).is_some_and(|byte| matches!(byte, b'T' | b' '));
    let time: jiff::civil::DateTime = has_time.then(|| text.parse().ok())??;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second())
}

/// The place of a whole file.
pub fn whole(entry: &Entry) -> Origin {
    Origin { entry: entry.clone(), at: At::Byte(0) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pictures_of_one_time_and_the_same_words_are_one_post() {
        let entry = Entry {
            id: 0,
            part: 0,
            path: "media.json".into(),
            size: 1,
            modified: None,
            crc32: None,
            order: 0,
        };
        let post = |caption: &str, time: &str, path: &str, of| {
            let value = json!({"caption": caption, "taken_at": time, "path": path, "location": "Cádiz"});
            (post_of(&value, of).expect("it is one"), whole(&entry))
        };
        let (noon, later) = ("2019-07-02T12:00:00+00:00", "2019-07-02T12:00:01+00:00");
        let posts = grouped(vec![
            post("a", noon, "1.jpg", Type::Post),
            post("b", noon, "2.jpg", Type::Post),
            post("a", noon, "3.mp4", Type::Post),
            post("a", later, "4.jpg", Type::Post),
            post("", noon, "s1.jpg", Type::Story),
            post("", noon, "s2.jpg", Type::Story),
        ]);
        let media: Vec<Vec<&str>> =
            posts.iter().map(|(post, _)| post.media.iter().map(|it| it.uri.as_str()).collect()).collect();
        assert_eq!(
            media,
            [vec!["1.jpg", "3.mp4"], vec!["2.jpg"], vec!["4.jpg"], vec!["s1.jpg"], vec!["s2.jpg"]]
        );
        assert_eq!((posts[0].0.time, &posts[0].0.extra["location"]), (Some(1_562_068_800), &json!("Cádiz")));
    }

    #[test]
    fn pairs_names_and_objects_are_records() {
        let facts = facts_of(&json!(["2019-07-02T12:00:00+00:00", "ok", "ben.b"]), None).expect("it is one");
        assert_eq!(
            (facts.time, facts.said(), facts.owner().as_deref()),
            (Some(1_562_068_800), "ok", Some("ben.b"))
        );
        let facts =
            facts_of(&json!("2018-01-02T00:00:00+00:00"), Some(&"ana".to_owned())).expect("it is one");
        assert_eq!((facts.said(), facts.time), ("ana", Some(1_514_851_200)));
        let facts =
            facts_of(&json!({"time": "2019-07-02T12:00:00.123456+00:00", "search_click": "boats"}), None);
        assert_eq!(
            facts.map(|facts| (facts.said().to_owned(), facts.time)),
            Some(("boats".into(), Some(1_562_068_800)))
        );
        assert_eq!(facts_of(&json!([]), None), None);
    }

    #[test]
    fn times_are_iso_with_or_without_a_zone() {
        assert_eq!(seconds("2019-07-02T12:00:00"), Some(1_562_068_800));
        assert_eq!(seconds("2019-07-02T14:00:00+02:00"), Some(1_562_068_800));
        assert_eq!((seconds("boats"), seconds(""), seconds("2019-07-02")), (None, None, None));
    }
}
