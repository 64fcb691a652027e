//! What one message says, out of JSON and out of a page.

use serde_json::{Map, Value, json};

use super::facts;
use super::pages::Head;
use super::record;

/// What a message says.
#[derive(Debug, Default)]
pub struct Said {
    /// Who sent it, by the name that is shown today.
    pub sender: String,
    /// When, in seconds since 1970-01-01 UTC.
    pub time: Option<i64>,
    /// When, as a page shows it.
    pub dated: Option<String>,
    /// What was said; the first is its own words.
    pub texts: Vec<String>,
    /// What was shared.
    pub link: Option<String>,
    /// The files of the export that were sent.
    pub files: Vec<String>,
    /// What happened instead: unsent, a call.
    pub event: Option<String>,
    /// What else is told of it.
    pub extra: Map<String, Value>,
}

impl Said {
    /// What a JSON record that was made whole says.
    pub fn of_json(mut value: Value) -> Said {
        let mut take = |name: &str| value.as_object_mut().and_then(|object| object.remove(name));
        let mut said = Said { sender: text(take("sender_name")), ..Said::default() };
        let time_ms = take("timestamp_ms").and_then(|time| time.as_i64());
        said.time = time_ms.and_then(|time| facts::seconds(time.div_euclid(1000)));
        said.take_encrypted(&mut take);
        said.texts.extend(Some(text(take("content"))).filter(|text| !text.is_empty()));
        if let Some(share) = take("share") {
            said.link = share["link"].as_str().filter(|link| !link.is_empty()).map(str::to_owned);
            let about = share["share_text"].as_str().map(|text| text.trim().to_owned());
            said.texts.extend(about.filter(|about| !about.is_empty() && !said.texts.contains(about)));
            said.extra.insert("share".to_owned(), share);
        }
        for list in ["photos", "videos", "audio_files", "files", "gifs", "sticker"] {
            let files = take(list).unwrap_or_default();
            let files = if files.is_array() { files } else { json!([files]) };
            let uris = files.as_array().into_iter().flatten().filter_map(|file| file["uri"].as_str());
            said.files.extend(uris.filter(|uri| !uri.is_empty()).map(str::to_owned));
        }
        for (name, event) in
            [("is_unsent", "unsent"), ("is_taken_down", "taken down"), ("missed", "missed call")]
        {
            if take(name) == Some(Value::Bool(true)) {
                said.event = Some(event.to_owned());
            }
        }
        if let Some(duration) = take("call_duration") {
            said.event.get_or_insert_with(|| "call".to_owned());
            said.extra.insert("duration_s".to_owned(), duration);
        }
        // Said of every message, and nothing of it.
        for (name, usual) in [("is_geoblocked_for_viewer", json!(false)), ("type", json!("Generic"))] {
            let found = take(name);
            said.extra.extend(found.filter(|it| *it != usual).map(|it| (name.to_owned(), it)));
        }
        let is_empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty) || value.is_null();
        let rest = value.as_object_mut().map(std::mem::take).unwrap_or_default();
        said.extra.extend(rest.into_iter().filter(|(_, value)| !is_empty(value)));
        said
    }

    /// Takes what Messenger's own download calls otherwise.
    fn take_encrypted(&mut self, take: &mut dyn FnMut(&str) -> Option<Value>) {
        let Some(sender) = take("senderName") else { return };
        self.sender = text(Some(sender));
        self.time = take("timestamp").and_then(|time| facts::seconds(time.as_i64()?.div_euclid(1000)));
        self.texts.extend(Some(text(take("text"))).filter(|text| !text.is_empty()));
        let media = take("media").unwrap_or_default();
        let uris = media.as_array().into_iter().flatten().filter_map(|file| file["uri"].as_str());
        self.files.extend(uris.filter(|uri| !uri.is_empty()).map(str::to_owned));
        if take("isUnsent") == Some(Value::Bool(true)) {
            self.event = Some("unsent".to_owned());
        }
        let kind = take("type").filter(|kind| kind != "text" && kind != "media");
        self.extra.extend(kind.map(|kind| ("type".to_owned(), kind)));
    }

    /// A message on a page; `None` if the record is none.
    pub fn of_page(html: &str, head: &Head) -> Option<Said> {
        let record = record::read(html);
        if record.dated.is_empty() {
            return None;
        }
        let mut said = Said { sender: record.title, time: head.seconds(&record.dated), ..Said::default() };
        if head.ahead_s.is_none() {
            // Nobody knows how far that clock was from UTC.
            said.extra.insert("dated".to_owned(), record.dated.clone().into());
        }
        said.dated = Some(record.dated);
        said.link = record.links.first().cloned();
        said.texts = record.texts;
        said.texts.extend(record.rows.into_iter().map(|row| format!("{} {}", row.label, row.value)));
        // A link is shown as itself.
        said.texts.retain(|text| said.link.as_ref() != Some(text));
        said.files = record.media;
        if record.links.len() > 1 {
            said.extra.insert("links".to_owned(), record.links.into());
        }
        if !record.reactions.is_empty() {
            said.extra.insert("reactions".to_owned(), record.reactions.into());
        }
        Some(said)
    }
}

fn text(value: Option<Value>) -> String {
    value.as_ref().and_then(Value::as_str).unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_taken_apart_and_nothing_of_it_is_lost() {
        let said = Said::of_json(json!({
            "sender_name": "Ana", "timestamp_ms": 1_690_000_000_123_i64, "content": "hola",
            "share": {"link": "https://www.instagram.com/p/X/", "share_text": "a picture"},
            "photos": [{"uri": "a/1.jpg"}], "sticker": {"uri": "s.png"}, "reactions": [{"reaction": "❤", "actor": "Me"}],
            "is_geoblocked_for_viewer": false, "type": "Generic", "something_new": 1, "magic": []
        }));
        assert_eq!(
            (said.time, said.texts),
            (Some(1_690_000_000), vec!["hola".to_owned(), "a picture".into()])
        );
        assert_eq!(
            (said.link.as_deref(), said.files),
            (Some("https://www.instagram.com/p/X/"), vec!["a/1.jpg".into(), "s.png".into()])
        );
        let facts: Vec<&str> = said.extra.keys().map(String::as_str).collect();
        assert_eq!(facts, ["reactions", "share", "something_new"]);
        let said = Said::of_json(json!({"sender_name": "Ana", "is_unsent": true, "call_duration": 3}));
        assert_eq!((said.event.as_deref(), &said.extra["duration_s"]), (Some("unsent"), &json!(3)));
    }
}
