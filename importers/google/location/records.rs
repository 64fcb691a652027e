//! One record of a location history: the positions and the visit that it tells of.
//!
//! Degrees are integers of 1e-7 until 2024 (old files have some that were taken for unsigned: 2^32 too large), then texts:
//! `12.1°, -1.2°` on Android, `geo:12.1,-1.2` on iOS. Times are milliseconds as text (`…Ms`), later RFC 3339.

use jiff::Timestamp;
use serde_json::Value;

/// Where somebody was. Time in milliseconds since 1970-01-01 UTC, degrees WGS 84, metres.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub time_ms: i64,
    pub lat: f64,
    pub lon: f64,
    pub elevation_m: Option<f64>,
}

/// Where somebody stayed.
#[derive(Clone, Debug, PartialEq)]
pub struct Visit {
    pub at: Point,
    pub end_ms: Option<i64>,
    pub name: Option<String>,
    pub address: Option<String>,
}

/// What a record tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    pub points: Vec<Point>,
    pub visit: Option<Visit>,
}

/// Reads a record of any generation; what tells no position is empty.
pub fn read(value: &Value) -> Record {
    if value["latitudeE7"].is_number() {
        let time_ms = time(value, "timestamp");
        let point = time_ms.zip(place(value)).map(|(time_ms, (lat, lon))| Point {
            elevation_m: value["altitude"].as_f64(),
            ..point(time_ms, lat, lon)
        });
        return Record { points: point.into_iter().collect(), visit: None };
    }
    if value["placeVisit"].is_object() {
        return place_visit(&value["placeVisit"]);
    }
    if value["activitySegment"].is_object() {
        return Record { points: way(&value["activitySegment"]), visit: None };
    }
    if value["position"].is_object() {
        let position = &value["position"];
        let at = ["LatLng", "latLng"].iter().find_map(|name| place_of_text(&position[*name]));
        let point = time(position, "timestamp").zip(at).map(|(time_ms, (lat, lon))| Point {
            elevation_m: position["altitudeMeters"].as_f64(),
            ..point(time_ms, lat, lon)
        });
        return Record { points: point.into_iter().collect(), visit: None };
    }
    segment(value)
}

fn point(time_ms: i64, lat: f64, lon: f64) -> Point {
    Point { time_ms, lat, lon, elevation_m: None }
}

/// `<name>Ms`, `<name>`.
fn time(value: &Value, name: &str) -> Option<i64> {
    let of_ms = &value[&*format!("{name}Ms")];
    let ms = of_ms.as_i64().or_else(|| of_ms.as_str()?.parse().ok());
    let ms = ms.or_else(|| value[name].as_str()?.parse::<Timestamp>().ok().map(Timestamp::as_millisecond));
    ms.filter(|ms| Timestamp::from_millisecond(*ms).is_ok())
}

/// Degrees of integers.
fn degrees(value: &Value, limit: f64) -> Option<f64> {
    let number = value.as_i64()?;
    let number = if number > 2_147_483_647 { number - (1 << 32) } else { number };
    Some(number as f64 / 1e7).filter(|degrees| degrees.abs() <= limit)
}

fn place(value: &Value) -> Option<(f64, f64)> {
    let first = |names: [&str; 2]| names.iter().map(|name| &value[*name]).find(|it| it.is_number());
    let (lat, lon) = (first(["latitudeE7", "latE7"])?, first(["longitudeE7", "lngE7"])?);
    Some((degrees(lat, 90.0)?, degrees(lon, 180.0)?))
}

fn place_of_text(value: &Value) -> Option<(f64, f64)> {
    let text = value.as_str()?;
    let (lat, lon) = text.strip_prefix("geo:").unwrap_or(text).split_once(',')?;
    let number = |text: &str| text.trim().trim_end_matches('°').parse::<f64>().ok();
    let (lat, lon) = (number(lat)?, number(lon)?);
    (lat.abs() <= 90.0 && lon.abs() <= 180.0).then_some((lat, lon))
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn place_visit(visit: &Value) -> Record {
    let (start, end) = (time(&visit["duration"], "startTimestamp"), time(&visit["duration"], "endTimestamp"));
    let location = &visit["location"];
    let visit_of = |(time_ms, (lat, lon))| Visit {
        at: point(time_ms, lat, lon),
        end_ms: end,
        name: text(&location["name"]),
        address: text(&location["address"]),
    };
    let points = raw_path(&visit["simplifiedRawPath"]);
    Record { points, visit: start.zip(place(location)).map(visit_of) }
}

fn raw_path(path: &Value) -> Vec<Point> {
    let points = path["points"].as_array().into_iter().flatten();
    let at = |it: &Value| Some((time(it, "timestamp")?, place(it)?));
    points.filter_map(at).map(|(time_ms, (lat, lon))| point(time_ms, lat, lon)).collect()
}

fn way(segment: &Value) -> Vec<Point> {
    let end_of = |place_name: &str, time_name: &str| {
        let (lat, lon) = place(&segment[place_name])?;
        Some(point(time(&segment["duration"], time_name)?, lat, lon))
    };
    let mut points: Vec<Point> = end_of("startLocation", "startTimestamp").into_iter().collect();
    points.extend(raw_path(&segment["simplifiedRawPath"]));
    points.extend(end_of("endLocation", "endTimestamp"));
    points
}

/// A segment of what a phone exports.
fn segment(value: &Value) -> Record {
    let (start, end) = (time(value, "startTime"), time(value, "endTime"));
    let mut record = Record::default();
    for step in value["timelinePath"].as_array().into_iter().flatten() {
        let minutes = &step["durationMinutesOffsetFromStartTime"];
        let minutes = minutes.as_i64().or_else(|| minutes.as_str()?.parse().ok());
        let of_offset = || start?.checked_add(minutes?.checked_mul(60_000)?);
        let at = time(step, "time").or_else(of_offset).zip(place_of_text(&step["point"]));
        record.points.extend(at.map(|(time_ms, (lat, lon))| point(time_ms, lat, lon)));
    }
    let lat_lng = |value: &Value| place_of_text(&value["latLng"]).or_else(|| place_of_text(value));
    for (name, time_ms) in [("start", start), ("end", end)] {
        let at = time_ms.zip(lat_lng(&value["activity"][name]));
        record.points.extend(at.map(|(time_ms, (lat, lon))| point(time_ms, lat, lon)));
    }
    let candidate = &value["visit"]["topCandidate"];
    // What kind of place: Home, Work, Unknown.
    let kind = text(&candidate["semanticType"]).filter(|kind| !kind.eq_ignore_ascii_case("unknown"));
    record.visit = start.zip(lat_lng(&candidate["placeLocation"])).map(|(time_ms, (lat, lon))| Visit {
        at: point(time_ms, lat, lon),
        end_ms: end,
        name: kind,
        address: None,
    });
    record
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn positions_of_every_generation_are_the_same() {
        let wanted = Point { time_ms: 1_552_986_831_678, lat: 54.32, lon: -10.14, elevation_m: None };
        let (ms, iso) = ("1552986831678", "2019-03-19T10:13:51.678+01:00");
        for value in [
            json!({"timestampMs": ms, "latitudeE7": 543_200_000, "longitudeE7": -101_400_000}),
            json!({"timestamp": iso, "latitudeE7": 543_200_000, "longitudeE7": 4_193_567_296_i64}),
            json!({"activitySegment": {"duration": {"startTimestamp": iso}, "startLocation":
                {"latitudeE7": 543_200_000, "longitudeE7": -101_400_000}}}),
            json!({"activitySegment": {"simplifiedRawPath": {"points": [{"timestampMs": ms, "latE7": 543_200_000,
                "lngE7": -101_400_000}]}}}),
            json!({"startTime": iso, "timelinePath": [{"point": "54.32°, -10.14°", "time": iso}]}),
            json!({"startTime": "2019-03-19T10:08:51.678+01:00", "timelinePath": [{"point": "geo:54.32,-10.14",
                "durationMinutesOffsetFromStartTime": "5"}]}),
            json!({"startTime": iso, "activity": {"start": "geo:54.32,-10.14"}}),
            json!({"position": {"LatLng": "54.32°, -10.14°", "timestamp": iso}}),
        ] {
            assert_eq!(read(&value), Record { points: vec![wanted], visit: None }, "{value}");
        }
    }

    #[test]
    fn visits_have_their_place_and_what_says_nothing_is_empty() {
        let old = json!({"placeVisit": {"location": {"latitudeE7": 1, "longitudeE7": 2, "name": "Harbour", "address": "Pier 1"},
            "duration": {"startTimestampMs": "1000", "endTimestampMs": "2000"}}});
        let visit = read(&old).visit.expect("there is one");
        assert_eq!(
            (visit.at.time_ms, visit.end_ms, visit.name.as_deref()),
            (1000, Some(2000), Some("Harbour"))
        );
        let new = json!({"startTime": "2024-01-02T03:04:05Z", "visit": {"topCandidate": {"semanticType": "HOME",
            "placeLocation": {"latLng": "1.5°, 2.5°"}}}});
        assert_eq!(read(&new).visit.and_then(|visit| visit.name).as_deref(), Some("HOME"));
        for value in [
            json!({}),
            json!({"latitudeE7": 5}),
            json!({"timelinePath": 5, "visit": []}),
            json!({"startTime": "x", "timelinePath": [{"point": "°", "durationMinutesOffsetFromStartTime": i64::MAX}]}),
            json!({"timestampMs": "1", "latitudeE7": 910_000_000, "longitudeE7": 0}),
        ] {
            assert_eq!(read(&value), Record::default(), "{value}");
        }
    }
}
