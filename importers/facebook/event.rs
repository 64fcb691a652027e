//! Events as a calendar takes them: one iCalendar object each (RFC 5545).
//!
//! An export tells when an event begins, and in JSON its end, place and words too; never in which zone, so times are UTC.

use exodus_api::{Body, Item, Kind};
use jiff::Timestamp;
use serde_json::Value;

use super::PLATFORM;
use crate::shared::content_lines::{escaped, push_line, uid_of};
use crate::shared::meta::facts::seconds;

/// What a calendar shows of an event beside its name and its beginning.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    end: Option<i64>,
    place: String,
    words: String,
    /// The answer to the invitation, as the key of its list says: `joined`, `declined`, `interested`.
    answer: Option<String>,
}

impl Event {
    /// What a record tells that stands below `keys`.
    pub fn of_json(value: &Value, keys: &[String]) -> Event {
        let text = |value: &Value| value.as_str().unwrap_or_default().trim().to_owned();
        let answer = keys.last().and_then(|key| key.strip_prefix("events_")).map(str::to_owned);
        Event {
            end: value["end_timestamp"].as_i64().and_then(seconds),
            place: text(&value["place"]["name"]),
            words: text(&value["description"]),
            answer: answer.filter(|answer| answer != "invited"),
        }
    }

    /// Makes an event of the item whose facts were found already; one without a beginning stays what it is.
    pub fn add_to(self, item: &mut Item) {
        let Some(start) = item.time.and_then(stamp) else { return };
        let uid = uid_of(format!("{PLATFORM} {}", item.key.0).as_bytes());
        let end = self.end.filter(|end| item.time.is_some_and(|start| *end > start));
        let mut out = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//exodus//EN\r\nBEGIN:VEVENT\r\n".to_vec();
        let mut add = |name: &str, value: &str| {
            if !value.is_empty() {
                push_line(&mut out, &format!("{name}:{value}"));
            }
        };
        add("UID", &uid);
        // Nobody knows when it was last changed.
        add("DTSTAMP", "19700101T000000Z");
        add("DTSTART", &start);
        add("DTEND", &end.and_then(stamp).unwrap_or_default());
        add("SUMMARY", &escaped(item.title.as_deref().unwrap_or_default()));
        add("LOCATION", &escaped(&self.place));
        add("DESCRIPTION", &escaped(&self.words));
        // Whoever declined, or only looked, is not kept from other things.
        if self.answer.as_deref().is_some_and(|answer| answer != "joined") {
            add("TRANSP", "TRANSPARENT");
        }
        out.extend_from_slice(b"END:VEVENT\r\nEND:VCALENDAR\r\n");
        item.kind = Kind::Event;
        item.path = format!("{PLATFORM}/{uid}.ics");
        item.body = Body::Inline(out);
        let facts = [
            ("start", item.time.and_then(moment).into()),
            ("end", end.and_then(moment).into()),
            ("location", Some(self.place).filter(|place| !place.is_empty()).into()),
            ("answer", self.answer.into()),
        ];
        let told = facts.into_iter().filter(|(_, value): &(&str, Value)| !value.is_null());
        item.extra.extend(told.map(|(name, value)| (name.to_owned(), value)));
    }
}

fn stamp(time: i64) -> Option<String> {
    Some(Timestamp::from_second(time).ok()?.strftime("%Y%m%dT%H%M%SZ").to_string())
}

fn moment(time: i64) -> Option<String> {
    Some(Timestamp::from_second(time).ok()?.to_string())
}
