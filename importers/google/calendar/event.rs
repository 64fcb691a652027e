//! One event with all that belongs to it: its master, its overrides, the time zones they use.

use std::collections::BTreeMap;

use exodus_api::Kind;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use crate::shared::content_lines::{self, Component, Property, escaped, lines, push_line, push_raw};

/// What a component of that name is; `None` for what is no item.
pub fn kind_of(component: &str) -> Option<Kind> {
    match component {
        "VEVENT" | "VJOURNAL" => Some(Kind::Event),
        "VTODO" => Some(Kind::Task),
        _ => None,
    }
}

/// The UID of a component; one without gets one of its content, the same in every export.
pub fn uid_of(component: &Component) -> String {
    let properties = content_lines::properties(&component.bytes);
    let uid = properties.iter().find(|it| it.name == "UID").map(|it| it.text().trim().to_owned());
    uid.filter(|uid| !uid.is_empty()).unwrap_or_else(|| content_lines::uid_of(&content(component)))
}

/// All that a component says but when it was exported: Google writes the time of the export as `DTSTAMP`.
fn content(component: &Component) -> Vec<u8> {
    let is_stamp = |line: &[u8]| content_lines::property(line).is_some_and(|it| it.name == "DTSTAMP");
    let kept = lines(&component.bytes).filter(|line| !is_stamp(line));
    kept.flat_map(|line| line.trim_ascii_end().iter().copied().chain([b'\n'])).collect()
}

/// The components of one UID, as they come.
#[derive(Default)]
pub struct Series {
    components: Vec<Component>,
}

impl Series {
    /// Takes one more.
    pub fn add(&mut self, component: Component) {
        self.components.push(component);
    }

    /// How many it has.
    pub fn n_seen(&self) -> u32 {
        self.components.len() as u32
    }

    /// Where the first of them begins.
    pub fn offset(&self) -> u64 {
        self.components.first().map_or(0, |component| component.offset)
    }

    /// The series as objects: one, and another for each component that has the place of a newer one (two masters, two
    /// overrides of one day), under a UID of its own, since a calendar has each UID once.
    pub fn into_objects(self) -> Vec<Object> {
        let mut slots: BTreeMap<Option<String>, Version> = BTreeMap::new();
        let mut older = Vec::new();
        for component in self.components {
            let new = Version::of(component);
            match slots.get_mut(&new.slot) {
                None => {
                    slots.insert(new.slot.clone(), new);
                }
                Some(known) if known.content == new.content => {}
                Some(known) if known.rank <= new.rank => older.push(std::mem::replace(known, new)),
                Some(_) => older.push(new),
            }
        }
        let Some(first) = slots.values().next() else { return Vec::new() };
        let uid = first.uid.clone();
        let components = slots.into_values().map(|version| version.component).collect();
        let mut objects = vec![Object { uid: uid.clone(), new_uid: None, components }];
        for version in older {
            let hash = content_lines::uid_of(&version.content);
            let own = format!("{uid}-{}", &hash[..8]);
            if objects.iter().all(|object| object.uid != own) {
                let components = vec![version.component];
                objects.push(Object { uid: own.clone(), new_uid: Some(own), components });
            }
        }
        objects
    }
}

/// A component with what decides its place.
struct Version {
    uid: String,
    slot: Option<String>,
    rank: (u64, String),
    content: Vec<u8>,
    component: Component,
}

impl Version {
    fn of(component: Component) -> Version {
        let properties = content_lines::properties(&component.bytes);
        let find = |name: &str| properties.iter().find(|it| it.name == name).map(|it| it.value.clone());
        let sequence = find("SEQUENCE").and_then(|value| value.trim().parse().ok()).unwrap_or(0);
        let rank = (sequence, find("LAST-MODIFIED").unwrap_or_default());
        let slot = find("RECURRENCE-ID");
        Version { uid: uid_of(&component), slot, rank, content: content(&component), component }
    }
}

/// One iCalendar object.
pub struct Object {
    /// Its UID.
    pub uid: String,
    /// A UID that takes the place of that in its components.
    new_uid: Option<String>,
    /// The master first, if there is one.
    components: Vec<Component>,
}

/// What an object says of what matters here.
pub struct Facts {
    /// Its `SUMMARY`.
    pub summary: Option<String>,
    /// When it was last changed, in seconds since 1970-01-01 UTC.
    pub changed: Option<i64>,
    /// `start`, `end`, `due`, `timezone`, `location`, `repeats`, `status`, `attendees`.
    pub extra: Map<String, Value>,
}

impl Object {
    /// Where its first component begins.
    pub fn offset(&self) -> u64 {
        self.components.first().map_or(0, |component| component.offset)
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        self.components.first().and_then(|component| kind_of(&component.name)).unwrap_or(Kind::Event)
    }

    /// What its master says, or the first of its overrides.
    pub fn facts(&self) -> Facts {
        let bytes = self.components.first().map_or(&[][..], |component| &component.bytes);
        let properties = content_lines::properties(bytes);
        let find = |name: &str| properties.iter().find(|it| it.name == name);
        let text = |name: &str| find(name).map(|it| it.text()).filter(|text| !text.trim().is_empty());
        let mut extra = Map::new();
        for (fact, name) in [("start", "DTSTART"), ("end", "DTEND"), ("due", "DUE")] {
            if let Some(time) = find(name).and_then(|it| time_in_words(&it.value)) {
                extra.insert(fact.to_owned(), time.into());
            }
        }
        if let Some(zone) = find("DTSTART").and_then(|it| it.param("TZID")) {
            extra.insert("timezone".to_owned(), zone.into());
        }
        for (fact, name) in [("location", "LOCATION"), ("repeats", "RRULE"), ("status", "STATUS")] {
            if let Some(text) = text(name) {
                extra.insert(fact.to_owned(), text.into());
            }
        }
        let attendees = properties.iter().filter(|it| it.name == "ATTENDEE").map(address_of);
        let attendees: Vec<String> = attendees.collect();
        if !attendees.is_empty() {
            extra.insert("attendees".to_owned(), attendees.into());
        }
        let stamps = ["LAST-MODIFIED", "CREATED"].into_iter().filter_map(find);
        let changed = stamps.filter_map(|it| seconds(&it.value)).next();
        Facts { summary: text("SUMMARY"), changed, extra }
    }

    /// The object, with the properties `head` of its calendar and those of `zones` that it uses.
    pub fn written(&self, head: &[u8], zones: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
        let mut out = b"BEGIN:VCALENDAR\r\n".to_vec();
        out.extend_from_slice(head);
        let has = |name: &[u8]| {
            head.split(|byte| *byte == b'\n')
                .any(|line| line.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name)))
        };
        if !has(b"VERSION") {
            push_line(&mut out, "VERSION:2.0");
        }
        if !has(b"PRODID") {
            push_line(&mut out, "PRODID:-//exodus//EN");
        }
        for (zone, bytes) in zones {
            let is_used = |line: &[u8]| {
                content_lines::property(line).is_some_and(|it| it.param("TZID") == Some(zone.as_str()))
            };
            if self.components.iter().any(|component| lines(&component.bytes).any(is_used)) {
                push_raw(&mut out, bytes);
            }
        }
        for component in &self.components {
            self.push(component, &mut out);
        }
        out.extend_from_slice(b"END:VCALENDAR\r\n");
        out
    }

    /// A component as it was, but for its stamp: without a method `DTSTAMP` says when the event was last changed
    /// (RFC 5545 section 3.8.7.2), and so does not differ from export to export.
    fn push(&self, component: &Component, out: &mut Vec<u8>) {
        let properties = content_lines::properties(&component.bytes);
        let find = |name: &str| properties.iter().find(|it| it.name == name);
        let stamp = find("LAST-MODIFIED").or_else(|| find("CREATED")).map(|it| it.value.trim().to_owned());
        let mut depth = 0;
        for (number, line) in lines(&component.bytes).enumerate() {
            let property = content_lines::property(line);
            let name = property.as_ref().map_or("", |it| it.name.as_str());
            let is_own = depth == 1;
            match name {
                "BEGIN" => depth += 1,
                "END" => depth -= 1,
                _ => {}
            }
            let is_replaced = match name {
                "DTSTAMP" => is_own && stamp.is_some(),
                "UID" => is_own && self.new_uid.is_some(),
                _ => false,
            };
            if !is_replaced && !line.trim_ascii().is_empty() {
                push_raw(out, line);
            }
            if number == 0 {
                self.push_missing(&find, stamp.as_deref(), out);
            }
        }
        if component.is_cut {
            push_line(out, &format!("END:{}", component.name));
        }
    }

    fn push_missing<'a>(
        &self,
        find: &dyn Fn(&str) -> Option<&'a Property<'a>>,
        stamp: Option<&str>,
        out: &mut Vec<u8>,
    ) {
        if let Some(uid) = &self.new_uid {
            push_line(out, &format!("UID:{uid}"));
            push_line(out, &format!("X-EXODUS-UID-WAS:{}", find("UID").map_or("", |it| it.value.trim())));
        } else if find("UID").is_none_or(|it| it.value.trim().is_empty()) {
            push_line(out, &format!("UID:{}", escaped(&self.uid)));
        }
        if let Some(stamp) = stamp {
            push_line(out, &format!("DTSTAMP:{stamp}"));
        } else if find("DTSTAMP").is_none() {
            push_line(out, "DTSTAMP:19700101T000000Z");
        }
    }
}

fn address_of(property: &Property) -> String {
    let value = property.value.trim();
    let is_mail = value.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("mailto:"));
    if is_mail { value[7..].to_owned() } else { value.to_owned() }
}

/// `20190319T100000Z` as `2019-03-19T10:00:00Z`; without `Z` it is local, without a time a day.
fn time_in_words(value: &str) -> Option<String> {
    let value = value.trim();
    let digits = |range: std::ops::Range<usize>| {
        value.get(range).filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let day = format!("{}-{}-{}", digits(0..4)?, digits(4..6)?, digits(6..8)?);
    let Some('T') = value[8..].chars().next() else { return Some(day) };
    let zone = if value.ends_with('Z') { "Z" } else { "" };
    Some(format!("{day}T{}:{}:{}{zone}", digits(9..11)?, digits(11..13)?, digits(13..15)?))
}

fn seconds(value: &str) -> Option<i64> {
    let words = time_in_words(value)?;
    let utc = words.parse::<Timestamp>().map(Timestamp::as_second);
    utc.ok().or_else(|| {
        let local = words.parse::<DateTime>().ok()?;
        Some(local.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(lines: &str) -> Component {
        let bytes = format!("BEGIN:VEVENT\r\n{lines}END:VEVENT\r\n").into_bytes();
        Component { name: "VEVENT".into(), offset: 0, bytes, is_cut: false }
    }

    fn objects(components: &[&str]) -> Vec<(String, String)> {
        let mut series = Series::default();
        components.iter().for_each(|lines| series.add(component(lines)));
        let zones =
            BTreeMap::from([("Europe/Berlin".to_owned(), b"BEGIN:VTIMEZONE\r\nEND:VTIMEZONE\r\n".to_vec())]);
        let written = |object: &Object| String::from_utf8(object.written(b"", &zones)).expect("text");
        series.into_objects().iter().map(|object| (object.uid.clone(), written(object))).collect()
    }

    #[test]
    fn a_master_and_its_overrides_are_one_object_with_the_zones_they_use() {
        let found = objects(&[
            "UID:a\r\nRECURRENCE-ID:20200102T090000Z\r\nDTSTART;TZID=Europe/Berlin:20200102T100000\r\n",
            "UID:a\r\nRRULE:FREQ=DAILY\r\nDTSTAMP:20260101T000000Z\r\nLAST-MODIFIED:20200101T000000Z\r\n",
        ]);
        assert_eq!(found.len(), 1);
        let text = &found[0].1;
        assert_eq!(text.matches("BEGIN:VEVENT").count(), 2);
        assert!(text.find("RRULE") < text.find("RECURRENCE-ID") && text.contains("VTIMEZONE"), "{text}");
        assert!(text.contains("DTSTAMP:20200101T000000Z") && !text.contains("2026"), "{text}");
    }

    #[test]
    fn of_two_masters_the_newer_keeps_the_uid_and_both_stay() {
        let found =
            objects(&["UID:a\r\nSEQUENCE:2\r\nSUMMARY:new\r\n", "UID:a\r\nSEQUENCE:1\r\nSUMMARY:old\r\n"]);
        assert_eq!(found.len(), 2);
        assert!(found[0].0 == "a" && found[0].1.contains("SUMMARY:new"));
        assert!(found[1].0.starts_with("a-") && found[1].1.contains("SUMMARY:old"), "{}", found[1].1);
        assert!(found[1].1.contains("X-EXODUS-UID-WAS:a") && !found[1].1.contains("\nUID:a\r"));
        let same = ["UID:a\r\nSUMMARY:x\r\nDTSTAMP:1\r\n", "UID:a\r\nSUMMARY:x\r\nDTSTAMP:2\r\n"];
        assert_eq!(objects(&same).len(), 1, "the stamp of the export is no difference");
    }

    #[test]
    fn an_event_without_a_uid_gets_the_same_in_every_export() {
        let found = objects(&["SUMMARY:x\r\nDTSTAMP:1\r\n"]);
        assert_eq!(found[0].0, objects(&["SUMMARY:x\r\nDTSTAMP:2\r\n"])[0].0);
        assert!(found[0].1.contains(&format!("UID:{}", found[0].0)));
    }

    #[test]
    fn times_are_read_in_all_their_forms() {
        assert_eq!(time_in_words("20190319T100000Z").as_deref(), Some("2019-03-19T10:00:00Z"));
        assert_eq!(time_in_words("20190319T100000").as_deref(), Some("2019-03-19T10:00:00"));
        assert_eq!(time_in_words("20190319").as_deref(), Some("2019-03-19"));
        assert_eq!(time_in_words("soon"), None);
        assert_eq!(time_in_words("2019031é"), None);
        assert_eq!(seconds("19700101T000001Z"), Some(1));
    }
}
