//! Fit and Fitbit: workouts as they were recorded, the list of what was done and slept, the figures of each day.
//!
//! *Fit*: `Activities/*.tcx`, one workout each; `All Sessions/*.json`, one session each; `Daily activity metrics/Daily activity metrics.csv`
//! (`Daily Aggregations/Daily Summaries.csv` until about 2020), one row a day, heads in the account's language. Seen in a public
//! export of 2025. *Fitbit*: `exercise-<n>.json` and `sleep-<date>.json`, arrays of records with a `logId`, in `Global Export Data`, `Physical
//! Activity` or `Sleep`; known from public parsers of 2020 to 2026. Everything is known by its content. The single points that were
//! measured (`All Data`, most files of Fitbit) are kept as they are: they are no list of things that a person looks for.

use std::collections::HashMap;

use exodus_api::{At, Body, Entry, ImportError, Item, Kind, Options, Origin, Product, Sink, Skip, Source};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;
use memchr::memmem;
use serde_json::{Map, Value};

use super::json_list::List;
use super::{faults, head, read};
use crate::shared::table::{LIMIT_BYTES, Row, Rows};
use crate::shared::{json_mended, names, workout};

/// A larger session is not held.
const LIMIT_SESSION_BYTES: u64 = 16 << 20;
const PATHS: &[&[&str]] = &[&["*"]];

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// A workout with its points.
    Workout,
    /// One session of Fit.
    Session,
    /// A table with a row for each day.
    Days,
    /// Records of Fitbit, and what they are called in keys.
    Logs(&'static str),
}

/// Imports the workouts of an account: those of Fit, or those of Fitbit, which are products of their own.
pub fn import(
    source: &dyn Source,
    (product, name): (&Product, &'static str),
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    let root = format!("{}/", product.folder);
    let under = source.under(&root).iter().filter(|entry| !names::is_system_junk(&entry.path));
    let mut entries: Vec<(&Entry, Form)> =
        under.filter_map(|entry| Some((entry, form_of(source, entry)?))).collect();
    entries.sort_by_key(|(entry, _)| (entry.part, entry.order));
    let mut fit = Fit { source, options, product: name, seen: HashMap::new() };
    for (entry, form) in entries {
        match form {
            Form::Workout => fit.workout(entry, sink)?,
            Form::Session => fit.session(entry, sink)?,
            Form::Days => fit.list(entry, "days", sink)?,
            Form::Logs(list) => fit.list(entry, list, sink)?,
        }
    }
    Ok(())
}

fn form_of(source: &dyn Source, entry: &Entry) -> Option<Form> {
    let ending = entry.name().rsplit_once('.').map_or(String::new(), |(_, ending)| ending.to_lowercase());
    let beginning = match ending.as_str() {
        "tcx" | "gpx" | "json" | "csv" => head(source, entry, 8 << 10),
        _ => return None,
    };
    let says = |word: &str| memmem::find(&beginning, word.as_bytes()).is_some();
    match ending.as_str() {
        "json" if says("\"fitnessActivity\"") && says("\"startTime\"") => {
            (entry.size <= LIMIT_SESSION_BYTES).then_some(Form::Session)
        }
        "json" if says("\"logId\"") && says("\"activityName\"") => Some(Form::Logs("exercise")),
        "json" if says("\"logId\"") && says("\"dateOfSleep\"") => Some(Form::Logs("sleep")),
        "csv" => (entry.size <= LIMIT_BYTES && has_days(&beginning)).then_some(Form::Days),
        "tcx" | "gpx" => workout::is_one(&beginning).then_some(Form::Workout),
        _ => None,
    }
}

/// True for heads above a row that begins with a day and has many figures.
fn has_days(beginning: &[u8]) -> bool {
    let mut rows = Rows::new(beginning);
    let mut next = || rows.next_row().ok().flatten();
    let (Some(heads), Some(first)) = (next(), next()) else { return false };
    heads.cells.len() > 4 && day(&heads).is_none() && day(&first).is_some()
}

fn day(row: &Row) -> Option<Date> {
    row.cells.first().filter(|cell| cell.len() == 10)?.parse().ok()
}

struct Fit<'a> {
    source: &'a dyn Source,
    options: &'a Options,
    product: &'static str,
    /// How often a key was given.
    seen: HashMap<String, u32>,
}

impl Fit<'_> {
    fn counted(&mut self, key: String) -> String {
        let count = self.seen.entry(key.clone()).or_default();
        *count += 1;
        if *count == 1 { key } else { format!("{key}#{count}") }
    }

    fn workout(&mut self, entry: &Entry, sink: &mut dyn Sink) -> Result<(), ImportError> {
        if !self.options.wants(Kind::Track, self.product) {
            return Ok(sink.skip(entry, Skip::NotAskedFor)?);
        }
        let Some(workout) = self.source.open(entry).ok().and_then(|reader| workout::read(reader).ok()) else {
            // Broken off: the engine reports it when it keeps the file.
            return Ok(());
        };
        let origin = Origin { entry: entry.clone(), at: At::Whole };
        let name = format!("track:{}", self.product);
        let (key, body) = match workout.id.is_empty() {
            true => (name, Body::Unique(entry.clone())),
            false => (self.counted(format!("{name}:{}", workout.id)), Body::Entry(entry.clone())),
        };
        let mut item = Item::new(Kind::Track, self.product, key, origin);
        let sport = sport_of_name(entry.name()).unwrap_or(&workout.sport);
        item.title = Some(if sport.is_empty() { entry.name() } else { sport }.to_owned());
        item.time = workout.time();
        let year = workout.first.get(..4).filter(|year| year.bytes().all(|byte| byte.is_ascii_digit()));
        item.path = format!("tracks/{}/{}/{}", self.product, year.unwrap_or("undated"), entry.name());
        item.extra = workout.facts();
        item.body = body;
        Ok(sink.item(item)?)
    }

    fn session(&mut self, entry: &Entry, sink: &mut dyn Sink) -> Result<(), ImportError> {
        let (wants_session, wants_file) =
            (self.options.wants(Kind::Activity, self.product), self.options.wants(Kind::File, self.product));
        if !wants_session && !wants_file {
            return Ok(sink.skip(entry, Skip::NotAskedFor)?);
        }
        let bytes = read(self.source, entry);
        if bytes.len() as u64 != entry.size {
            // Broken off: the engine reports it when it keeps the file.
            return Ok(());
        }
        let session =
            json_mended::parse(&bytes).ok().filter(|session| session["fitnessActivity"].is_string());
        let Some(session) = session else {
            let what = "a session cannot be read".to_owned();
            let hint = "its file is kept as it is; export again to get it into the index";
            return Ok(sink.fault(faults::bad_record(self.source, entry, At::Whole, what, hint))?);
        };
        let text = |name: &str| session[name].as_str().unwrap_or_default();
        let (activity, start) = (text("fitnessActivity"), text("startTime"));
        let name = self.counted(format!("{start}:{activity}"));
        if wants_session {
            let origin = Origin { entry: entry.clone(), at: At::Record(0) };
            let mut item = Item::new(Kind::Activity, self.product, format!("fit-session:{name}"), origin);
            let title = [text("name"), activity].into_iter().find(|title| !title.is_empty());
            item.title = title.map(str::to_owned);
            item.time = start.parse::<Timestamp>().ok().map(Timestamp::as_second);
            item.extra = facts_of_session(&session);
            sink.item(item)?;
        }
        if !wants_file {
            return Ok(sink.used(entry)?);
        }
        let path = format!("{}/sessions/{}", self.product, entry.name());
        Ok(sink.item(self.original(entry, format!("fit-session-file:{name}"), path))?)
    }

    /// A file as it is.
    fn original(&self, entry: &Entry, key: String, path: String) -> Item {
        let origin = Origin { entry: entry.clone(), at: At::Whole };
        let mut item = Item::new(Kind::File, self.product, key, origin);
        item.title = Some(entry.name().to_owned());
        item.path = path;
        item.body = Body::Entry(entry.clone());
        item
    }

    /// Sends every day of a table or every record of a list, and the file as it is.
    fn list(&mut self, entry: &Entry, list: &'static str, sink: &mut dyn Sink) -> Result<(), ImportError> {
        let (wants_rows, wants_file) =
            (self.options.wants(Kind::Activity, self.product), self.options.wants(Kind::File, self.product));
        if !wants_rows && !wants_file {
            return Ok(sink.skip(entry, Skip::NotAskedFor)?);
        }
        if wants_rows {
            if !wants_file && sink.is_done(entry) {
                return Ok(sink.used(entry)?);
            }
            let is_whole = match list {
                "days" => self.days(entry, sink)?,
                _ => self.logs(entry, list, sink)?,
            };
            if !is_whole {
                return Ok(());
            }
        }
        if !wants_file {
            return Ok(sink.used(entry)?);
        }
        // Lists of days go by one name in each language; those of Fitbit are many, and their names say which.
        let (key, name) = match list {
            "days" => (format!("{}-days", self.product), "Daily activity metrics.csv"),
            _ => (format!("{}-file:{}", self.product, names::folded(entry.name())), entry.name()),
        };
        let key = self.counted(key);
        Ok(sink.item(self.original(entry, key, format!("{}/{name}", self.product)))?)
    }

    fn days(&mut self, entry: &Entry, sink: &mut dyn Sink) -> Result<bool, ImportError> {
        let Some(reader) = faults::opened(self.source, entry, sink)? else { return Ok(false) };
        let (mut rows, mut heads, mut record) = (Rows::new(reader), Vec::new(), 0);
        loop {
            let row = match rows.next_row() {
                Ok(Some(row)) => row,
                Ok(None) => return Ok(true),
                Err(err) => {
                    sink.fault(faults::breaks_off(self.source, entry, 0, &err))?;
                    return Ok(false);
                }
            };
            let origin = Origin { entry: entry.clone(), at: At::Record(record) };
            record += 1;
            match day(&row) {
                Some(date) => {
                    let key = self.counted(format!("{}-day:{date}", self.product));
                    sink.item(day_item(
                        date,
                        &heads,
                        &row,
                        Item::new(Kind::Activity, self.product, key, origin),
                    ))?;
                }
                None if heads.is_empty() => heads = row.cells,
                None => {
                    let hint = "the other days are safe, and the table is kept as it is";
                    let (at, what) = (At::Line(row.line), "a row without a day".to_owned());
                    sink.fault(faults::bad_record(self.source, entry, at, what, hint))?;
                }
            }
        }
    }

    fn logs(&mut self, entry: &Entry, list: &str, sink: &mut dyn Sink) -> Result<bool, ImportError> {
        let what = "a record of what was done cannot be read";
        let hint = "the others are safe; the file is kept as it is";
        let records = List { source: self.source, entry, paths: PATHS, what, hint };
        records.each(sink, &mut |record, sink| {
            let Some(id) = record.value["logId"].as_u64().map(|id| id.to_string()) else { return Ok(false) };
            let key = self.counted(format!("{}-{list}:{id}", self.product));
            let item = Item::new(Kind::Activity, self.product, key, record.origin);
            Ok(sink.item(log_item(&record.value, list, item)).map(|()| true)?)
        })
    }
}

/// What was done, by the name that Fit gives a workout: `2025-01-30T20_07_41.323+05_30_PT11M_Walking.tcx`.
fn sport_of_name(name: &str) -> Option<&str> {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let (_, rest) = stem.split_once("_PT")?;
    rest.split_once('_').map(|(_, sport)| sport).filter(|sport| !sport.is_empty())
}

fn facts_of_session(session: &Value) -> Map<String, Value> {
    const SUMS: [(&str, &str); 5] = [
        ("com.google.calories.expended", "calories"),
        ("com.google.step_count.delta", "steps"),
        ("com.google.distance.delta", "distance_m"),
        ("com.google.heart_minutes.summary", "heart_points"),
        ("com.google.active_minutes", "move_minutes"),
    ];
    let mut facts = Map::new();
    let texts = [("activity", "fitnessActivity"), ("first", "startTime"), ("last", "endTime")];
    for (fact, name) in texts {
        if let Some(text) = session[name].as_str() {
            facts.insert(fact.to_owned(), text.into());
        }
    }
    let duration = session["duration"].as_str().and_then(|text| text.strip_suffix('s')?.parse::<f64>().ok());
    if let Some(duration) = duration.and_then(serde_json::Number::from_f64) {
        facts.insert("duration_s".to_owned(), Value::Number(duration));
    }
    for sum in session["aggregate"].as_array().into_iter().flatten() {
        let name = SUMS.iter().find(|(name, _)| sum["metricName"] == *name);
        let number =
            ["floatValue", "intValue"].iter().find_map(|name| sum.get(name).filter(|it| it.is_number()));
        if let (Some((_, fact)), Some(number)) = (name, number) {
            facts.insert((*fact).to_owned(), number.clone());
        }
    }
    facts
}

fn day_item(date: Date, heads: &[String], row: &Row, mut item: Item) -> Item {
    let name = |at: usize| heads.get(at).filter(|head| !head.is_empty()).cloned();
    let cells = row.cells.iter().enumerate().skip(1).filter(|(_, cell)| !cell.is_empty());
    let figures: Map<String, Value> = cells
        .map(|(at, cell)| (name(at).unwrap_or_else(|| format!("column {}", at + 1)), cell.as_str().into()))
        .collect();
    item.title = Some(date.to_string());
    // A day of the place where it was spent, which the table does not tell.
    item.time = Offset::UTC
        .to_timestamp(date.to_datetime(jiff::civil::Time::midnight()))
        .ok()
        .map(Timestamp::as_second);
    item.extra.insert("date".to_owned(), date.to_string().into());
    item.extra.insert("row".to_owned(), Value::Object(figures));
    item
}

fn log_item(log: &Value, list: &str, mut item: Item) -> Item {
    let text = |name: &str| log[name].as_str().map(str::trim).filter(|text| !text.is_empty());
    let title = text("activityName").or(text("dateOfSleep")).unwrap_or_default();
    item.title = Some(title.to_owned()).filter(|title| !title.is_empty());
    item.time = text("startTime").and_then(local_seconds);
    item.extra.insert("list".to_owned(), list.into());
    for (fact, name) in
        [("activity", "activityName"), ("date", "dateOfSleep"), ("first", "startTime"), ("last", "endTime")]
    {
        if let Some(text) = text(name) {
            item.extra.insert(fact.to_owned(), text.into());
        }
    }
    if let Some(duration_ms) = log["duration"].as_i64() {
        item.extra.insert("duration_s".to_owned(), (duration_ms / 1000).into());
    }
    let metres = match text("distanceUnit") {
        Some("Kilometer") => Some(1000.0),
        Some("Mile") => Some(1609.344),
        Some("Meter") => Some(1.0),
        _ => None,
    };
    let distance = metres.zip(log["distance"].as_f64()).map(|(metres, distance)| metres * distance);
    if let Some(distance) = distance.and_then(serde_json::Number::from_f64) {
        item.extra.insert("distance_m".to_owned(), Value::Number(distance));
    }
    let numbers = [
        ("calories", "calories"),
        ("steps", "steps"),
        ("heart_rate", "averageHeartRate"),
        ("minutes_asleep", "minutesAsleep"),
    ];
    for (fact, name) in numbers {
        if log[name].is_number() {
            item.extra.insert(fact.to_owned(), log[name].clone());
        }
    }
    item
}

/// A time of Fitbit, `05/29/26 10:00:00` or `2026-05-31T23:00:00.000`, as if it were UTC: its zone stands nowhere.
fn local_seconds(text: &str) -> Option<i64> {
    let time = text.parse::<DateTime>().ok().or_else(|| {
        let (date, time) = text.split_once(' ')?;
        let mut numbers = date.split('/').map(str::parse::<i16>);
        let (Some(Ok(month)), Some(Ok(day)), Some(Ok(year)), None) =
            (numbers.next(), numbers.next(), numbers.next(), numbers.next())
        else {
            return None;
        };
        let year = if year < 100 { year + 2000 } else { year };
        let date = Date::new(year, month.try_into().ok()?, day.try_into().ok()?).ok()?;
        Some(date.to_datetime(time.parse().ok()?))
    })?;
    Offset::UTC.to_timestamp(time).ok().map(Timestamp::as_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_days_is_known_in_any_language_and_no_other_table_is() {
        for text in ["Date,a,b,c,d\n2025-01-29,1,2,3,4\n", "Datum,Schritte,x,y,z\n2019-08-12,,,,\n"] {
            assert!(has_days(text.as_bytes()), "{text}");
        }
        for text in [
            "Start time,End time,a,b,c\n00:00:00.000+02:00,00:15:00.000+02:00,1,2,3\n",
            "Date,Score\n2025-01-29,5\n",
            "2025-01-29,1,2,3,4\n2025-01-30,1,2,3,4\n",
            "",
        ] {
            assert!(!has_days(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn names_of_workouts_tell_what_was_done() {
        assert_eq!(sport_of_name("2019-08-12T07_14_08.709+02_00_PT14M3.063S_Gehen.tcx"), Some("Gehen"));
        assert_eq!(sport_of_name("exercise.tcx"), None);
    }

    #[test]
    fn times_of_fitbit_are_read_in_both_forms() {
        assert_eq!(local_seconds("05/29/26 10:00:00"), Some(1_780_048_800));
        assert_eq!(local_seconds("2026-05-29T10:00:00.000"), Some(1_780_048_800));
        for text in ["", "13/40/26 10:00:00", "05/29 10:00:00", "05/29/26/1 10:00:00"] {
            assert_eq!(local_seconds(text), None, "{text}");
        }
    }
}
