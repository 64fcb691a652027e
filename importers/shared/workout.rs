//! What a recorded workout is about, from the file that holds it: TCX (Training Center XML 2) or GPX 1.1.
//!
//! Read as it streams: points are counted, not held. TCX has sums for each lap, GPX only points, so that neither distance nor
//! calories are known of one.

use std::io::{self, BufReader, Read};

use jiff::Timestamp;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde_json::{Map, Value};

use super::html::decoded;

/// What stands behind this is not read: bounds what one element may hold.
const LIMIT_BYTES: u64 = 64 << 20;

/// A workout.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Workout {
    /// What the file calls it; in TCX the time at which it began.
    pub id: String,
    /// What was done: `Walking`, `Biking`, `Other` …
    pub sport: String,
    /// When it began and ended, as the file has it (RFC 3339).
    pub first: String,
    /// The same.
    pub last: String,
    /// How long it took without breaks, in seconds.
    pub duration_s: Option<f64>,
    /// How far it went, in metres.
    pub distance_m: Option<f64>,
    /// Kilocalories.
    pub calories: Option<f64>,
    /// How many points were recorded.
    pub n_points: u64,
    /// How many of them have a place.
    pub n_places: u64,
}

impl Workout {
    /// When it began, in seconds since 1970-01-01 UTC.
    pub fn time(&self) -> Option<i64> {
        self.first.parse::<Timestamp>().ok().map(Timestamp::as_second)
    }

    /// What is known, under the names of the archive's format.
    pub fn facts(&self) -> Map<String, Value> {
        let mut facts = Map::new();
        let texts = [("sport", &self.sport), ("first", &self.first), ("last", &self.last)];
        for (name, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
            facts.insert(name.to_owned(), text.as_str().into());
        }
        let numbers =
            [("duration_s", self.duration_s), ("distance_m", self.distance_m), ("calories", self.calories)];
        for (name, number) in numbers {
            if let Some(number) = number.and_then(serde_json::Number::from_f64) {
                facts.insert(name.to_owned(), Value::Number(number));
            }
        }
        facts.insert("n_points".to_owned(), self.n_points.into());
        facts.insert("n_places".to_owned(), self.n_places.into());
        facts
    }
}

/// True for the beginning of a file that [`read`] understands.
pub fn is_one(beginning: &[u8]) -> bool {
    [&b"<TrainingCenterDatabase"[..], b"<gpx"]
        .iter()
        .any(|mark| memchr::memmem::find(beginning, mark).is_some())
}

/// Reads a workout. Of a file that is no XML further on, what stands before is told.
///
/// # Errors
/// When it cannot be read to its end.
pub fn read(reader: impl Read) -> io::Result<Workout> {
    let mut xml = Reader::from_reader(BufReader::with_capacity(1 << 16, reader.take(LIMIT_BYTES)));
    let mut reading = Reading::default();
    let mut buf = Vec::new();
    loop {
        match xml.read_event_into(&mut buf) {
            Ok(Event::Start(start)) => reading.start(&start),
            Ok(Event::Empty(start)) => {
                reading.start(&start);
                reading.path.pop();
            }
            Ok(Event::Text(text)) => reading.text(decoded(&String::from_utf8_lossy(&text)).trim()),
            Ok(Event::End(_)) => {
                reading.path.pop();
            }
            Ok(Event::Eof) => break,
            Ok(_) => {}
            Err(quick_xml::Error::Io(err)) => return Err(io::Error::new(err.kind(), err.to_string())),
            // Whether the rest can be read is told by whoever copies it.
            Err(_) => break,
        }
        buf.clear();
    }
    Ok(reading.workout)
}

#[derive(Default)]
struct Reading {
    workout: Workout,
    /// The elements that are open, without their prefixes.
    path: Vec<String>,
}

impl Reading {
    fn start(&mut self, start: &BytesStart) {
        let name = String::from_utf8_lossy(start.local_name().as_ref()).into_owned();
        let attribute = |wanted: &str| {
            let found =
                start.attributes().flatten().find(|it| it.key.local_name().as_ref() == wanted.as_bytes());
            found.map_or_else(String::new, |it| decoded(&String::from_utf8_lossy(&it.value)))
        };
        match name.as_str() {
            "Activity" if self.workout.sport.is_empty() => self.workout.sport = attribute("Sport"),
            "Lap" => self.at(&attribute("StartTime")),
            "Trackpoint" => self.workout.n_points += 1,
            "Position" => self.workout.n_places += 1,
            "trkpt" => {
                self.workout.n_points += 1;
                self.workout.n_places += 1;
            }
            _ => {}
        }
        self.path.push(name);
    }

    fn text(&mut self, text: &str) {
        let mut last = self.path.iter().rev().map(String::as_str);
        let (name, around) = (last.next().unwrap_or_default(), last.next().unwrap_or_default());
        let workout = &mut self.workout;
        match (around, name) {
            ("Activity", "Id") if workout.id.is_empty() => workout.id = text.to_owned(),
            ("Lap", "TotalTimeSeconds") => add(&mut workout.duration_s, text),
            ("Lap", "DistanceMeters") => add(&mut workout.distance_m, text),
            ("Lap", "Calories") => add(&mut workout.calories, text),
            ("Trackpoint", "Time") | ("trkpt", "time") => self.at(text),
            ("trk", "type") if workout.sport.is_empty() => workout.sport = text.to_owned(),
            _ => {}
        }
    }

    fn at(&mut self, time: &str) {
        // Times of one file are written alike, so that their order is that of their texts.
        if time.is_empty() {
            return;
        }
        if self.workout.first.is_empty() || time < self.workout.first.as_str() {
            self.workout.first = time.to_owned();
        }
        if time > self.workout.last.as_str() {
            self.workout.last = time.to_owned();
        }
    }
}

fn add(sum: &mut Option<f64>, text: &str) {
    if let Ok(number) = text.parse::<f64>() {
        *sum = Some(sum.unwrap_or_default() + number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TCX: &str = "<?xml version=\"1.0\"?><TrainingCenterDatabase><Activities><Activity Sport=\"Walking\">\
        <Id>2025-01-30T14:34:00.878Z</Id><Lap StartTime=\"2025-01-30T14:34:00.878Z\"><Track><Trackpoint>\
        <DistanceMeters>5.0</DistanceMeters><Time>2025-01-30T14:34:00.878Z</Time></Trackpoint><Trackpoint><Position>\
        <LatitudeDegrees>1</LatitudeDegrees></Position><Time>2025-01-30T14:48:41.323Z</Time></Trackpoint></Track>\
        <DistanceMeters>700.5</DistanceMeters><TotalTimeSeconds>600</TotalTimeSeconds><Calories>34.25</Calories></Lap>\
        <Lap StartTime=\"2025-01-30T14:50:00Z\"><DistanceMeters>99.5</DistanceMeters></Lap></Activity></Activities>\
        <Author><Name>x</Name></Author></TrainingCenterDatabase>";

    #[test]
    fn a_tcx_tells_the_sums_of_its_laps() {
        let workout = read(TCX.as_bytes()).expect("it can be read");
        let expected = Workout {
            id: "2025-01-30T14:34:00.878Z".into(),
            sport: "Walking".into(),
            first: "2025-01-30T14:34:00.878Z".into(),
            last: "2025-01-30T14:50:00Z".into(),
            duration_s: Some(600.0),
            distance_m: Some(800.0),
            calories: Some(34.25),
            n_points: 2,
            n_places: 1,
        };
        assert_eq!(workout, expected);
        assert_eq!(workout.time(), Some(1_738_247_640));
    }

    #[test]
    fn a_gpx_tells_its_times_and_points() {
        let gpx = "<gpx><metadata><time>2020-01-01T00:00:00Z</time></metadata><trk><name>x</name><type>Run &amp; walk</type>\
            <trkseg><trkpt lat=\"1\" lon=\"2\"><time>2021-05-01T08:00:01Z</time></trkpt><trkpt lat=\"1\" lon=\"2\"/></trkseg></trk></gpx>";
        let workout = read(gpx.as_bytes()).expect("it can be read");
        assert_eq!((workout.sport.as_str(), workout.n_points), ("Run & walk", 2));
        assert_eq!(
            (workout.first.as_str(), workout.last.as_str()),
            ("2021-05-01T08:00:01Z", "2021-05-01T08:00:01Z")
        );
        assert_eq!((workout.distance_m, workout.calories), (None, None));
    }

    #[test]
    fn broken_files_do_no_harm() {
        for cut in 0..TCX.len() {
            assert!(read(&TCX.as_bytes()[..cut]).is_ok());
        }
        assert_eq!(read(&b"<gpx></trk>\0"[..]).expect("no failure"), Workout::default());
        assert!(is_one(TCX.as_bytes()) && !is_one(b"<html>"));
    }
}
