//! Months of positions as GPX 1.1 files, written as the months come; one month at most is held.

use std::collections::HashMap;

use exodus_api::{Body, Item, Kind, Origin, Sink, Stop};
use jiff::Timestamp;
use jiff::tz::Offset;
use serde_json::{Value, json};

use super::PRODUCT;
use super::records::{Point, Record, Visit};
use crate::shared::html::escaped;

/// A month with more positions goes on in a second file.
const LIMIT_POINTS: usize = 100_000;
const LIMIT_VISITS: usize = 5_000;
/// Where nothing is known for so long, the track is broken.
const GAP_MS: i64 = 30 * 60 * 1000;

/// Gathers positions and sends each month when the next one begins.
#[derive(Default)]
pub struct Months {
    open: Option<Month>,
    /// How many files a month of a series has.
    files: HashMap<(&'static str, String), u32>,
}

struct Month {
    series: &'static str,
    name: String,
    origin: Origin,
    points: Vec<Point>,
    visits: Vec<Visit>,
}

impl Months {
    /// Takes what a record tells to the month in which it begins (UTC).
    ///
    /// # Errors
    /// When the run has to end.
    pub fn add(
        &mut self,
        series: &'static str,
        record: Record,
        origin: Origin,
        sink: &mut dyn Sink,
    ) -> Result<(), Stop> {
        let first = record.visit.as_ref().map(|visit| visit.at.time_ms);
        let Some(first) = first.or(record.points.first().map(|point| point.time_ms)) else { return Ok(()) };
        let Some(name) = utc(first).map(|time| time[..7].to_owned()) else { return Ok(()) };
        let is_full = |open: &Month| {
            open.series != series
                || open.name != name
                || open.points.len() >= LIMIT_POINTS
                || open.visits.len() >= LIMIT_VISITS
        };
        if self.open.as_ref().is_some_and(is_full) {
            self.finish(sink)?;
        }
        let new = || Month { series, name, origin, points: Vec::new(), visits: Vec::new() };
        let open = self.open.get_or_insert_with(new);
        open.points.extend(record.points);
        open.visits.extend(record.visit);
        Ok(())
    }

    /// Sends the month that is open.
    ///
    /// # Errors
    /// When the run has to end.
    pub fn finish(&mut self, sink: &mut dyn Sink) -> Result<(), Stop> {
        let Some(month) = self.open.take() else { return Ok(()) };
        let number = self.files.entry((month.series, month.name.clone())).or_default();
        *number += 1;
        sink.item(month.into_item(*number))
    }
}

/// A time as RFC 3339 has it, in UTC; `None` outside of the years that have four digits.
fn utc(time_ms: i64) -> Option<String> {
    let time = Timestamp::from_millisecond(time_ms).ok()?;
    (0..=9999).contains(&Offset::UTC.to_datetime(time).year()).then(|| time.to_string())
}

impl Month {
    fn into_item(mut self, number: u32) -> Item {
        self.points.sort_by_key(|point| point.time_ms);
        self.visits.sort_by_key(|visit| visit.at.time_ms);
        let (series, name) = (self.series, &self.name);
        let (key, file) = match number {
            1 => (format!("track:{series}:{name}"), format!("{name}.gpx")),
            number => (format!("track:{series}:{name}#{number}"), format!("{name} ({number}).gpx")),
        };
        let times = self.points.iter().chain(self.visits.iter().map(|visit| &visit.at)).map(|it| it.time_ms);
        let (first, last) = (times.clone().min(), times.max());
        let mut item = Item::new(Kind::Track, PRODUCT, key, self.origin.clone());
        item.title = Some(name.clone());
        item.time = last.map(|time_ms| time_ms.div_euclid(1000));
        item.path = format!("location/{series}/{file}");
        let mut add = |name: &str, value: Value| item.extra.insert(name.to_owned(), value);
        add("month", name.as_str().into());
        add("n_points", self.points.len().into());
        for (fact, time_ms) in [("first", first), ("last", last)] {
            if let Some(time) = time_ms.and_then(utc) {
                add(fact, time.into());
            }
        }
        if !self.visits.is_empty() {
            add("visits", self.visits.iter().map(facts).collect());
            let mut told: Vec<&str> = self
                .visits
                .iter()
                .flat_map(|it| [&it.name, &it.address])
                .flatten()
                .map(String::as_str)
                .collect();
            told.sort_unstable();
            told.dedup();
            add("text", told.join("\n").into());
        }
        item.body = Body::Inline(self.gpx().into_bytes());
        item
    }

    fn gpx(&self) -> String {
        let mut out = String::with_capacity(self.points.len() * 100 + 1024);
        out.push_str(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<gpx version=\"1.1\" creator=\"exodus\" \
            xmlns=\"http://www.topografix.com/GPX/1/1\">\n",
        );
        for visit in &self.visits {
            out.push_str(&format!("<wpt lat=\"{}\" lon=\"{}\">", visit.at.lat, visit.at.lon));
            push_inside(&visit.at, &mut out);
            for (element, text) in [("name", &visit.name), ("desc", &visit.address)] {
                if let Some(text) = text {
                    // What XML 1.0 cannot say, not even escaped.
                    let text: String = text
                        .chars()
                        .filter(|it| !it.is_control() && !matches!(it, '\u{fffe}' | '\u{ffff}'))
                        .collect();
                    out.push_str(&format!("<{element}>{}</{element}>", escaped(&text)));
                }
            }
            out.push_str("</wpt>\n");
        }
        let mut before: Option<i64> = None;
        for point in &self.points {
            match before {
                None => out.push_str("<trk><trkseg>\n"),
                Some(before) if point.time_ms - before > GAP_MS => out.push_str("</trkseg><trkseg>\n"),
                Some(_) => {}
            }
            before = Some(point.time_ms);
            out.push_str(&format!("<trkpt lat=\"{}\" lon=\"{}\">", point.lat, point.lon));
            push_inside(point, &mut out);
            out.push_str("</trkpt>\n");
        }
        if before.is_some() {
            out.push_str("</trkseg></trk>\n");
        }
        out.push_str("</gpx>\n");
        out
    }
}

fn push_inside(point: &Point, out: &mut String) {
    if let Some(elevation_m) = point.elevation_m {
        out.push_str(&format!("<ele>{elevation_m}</ele>"));
    }
    if let Some(time) = utc(point.time_ms) {
        out.push_str(&format!("<time>{time}</time>"));
    }
}

fn facts(visit: &Visit) -> Value {
    let mut facts = json!({"lat": visit.at.lat, "lon": visit.at.lon, "start": utc(visit.at.time_ms)});
    let more = [
        ("end", visit.end_ms.and_then(utc)),
        ("name", visit.name.clone()),
        ("address", visit.address.clone()),
    ];
    for (name, text) in more {
        if let Some(text) = text {
            facts[name] = text.into();
        }
    }
    facts
}
