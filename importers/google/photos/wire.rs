//! JSON of Google Photos as it is spelled there: sidecars of photos and the descriptions of albums.
//!
//! Both are known by what they hold, since their names are in the account's language and cut. Times are seconds since
//! 1970-01-01 UTC, written as text; `formatted` is in the account's language and never read. Keys are left out where
//! they would be empty or false. Places of 0/0 are none.

use serde_json::{Map, Value, json};

/// What a JSON file beside photos is.
#[derive(Debug, PartialEq)]
pub enum Json {
    /// The sidecar of a photo.
    Sidecar(Box<Sidecar>),
    /// The description of an album: its title, empty for albums that have none, and all else that it tells.
    Album {
        /// As its user wrote it.
        title: String,
        /// The whole description.
        facts: Value,
    },
    /// What was said below a shared album, in a file of its own.
    Comments(Value),
    /// Something else.
    Other,
}

/// What a sidecar tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sidecar {
    /// The name of the file before it was spelled and cut.
    pub title: String,
    /// When the photo was taken, in seconds since 1970-01-01 UTC; `None` where Google does not know.
    pub taken: Option<i64>,
    /// All else, under the names of `docs/archive-format.md`.
    pub facts: Map<String, Value>,
}

/// Reads a JSON file.
pub fn read(bytes: &[u8]) -> Json {
    let Ok(Value::Object(map)) = serde_json::from_slice(bytes) else { return Json::Other };
    let is_sidecar = map.contains_key("photoTakenTime")
        || (map.contains_key("title")
            && ["url", "imageViews", "geoDataExif"].iter().any(|key| map.contains_key(*key)));
    if is_sidecar {
        return Json::Sidecar(Box::new(sidecar(map)));
    }
    // Until about 2020 an album's description was wrapped.
    let album = match map.get("albumData") {
        Some(Value::Object(album)) => album.clone(),
        _ => map,
    };
    match album.get("title") {
        Some(Value::String(title)) => {
            Json::Album { title: title.trim().to_owned(), facts: Value::Object(album.clone()) }
        }
        _ if album.contains_key("sharedAlbumComments") => Json::Comments(Value::Object(album)),
        _ => Json::Other,
    }
}

fn sidecar(mut map: Map<String, Value>) -> Sidecar {
    let title = match map.remove("title") {
        Some(Value::String(title)) => title,
        _ => String::new(),
    };
    let taken = map.remove("photoTakenTime").as_ref().and_then(timestamp).filter(|taken| *taken != 0);
    let mut facts = Map::new();
    let mut put = |name: &str, value: Value| facts.insert(name.to_owned(), value);
    if let Some(Value::String(text)) = map.remove("description").filter(|text| *text != json!("")) {
        put("description", text.into());
    }
    if let Some(place) = map.remove("geoData").as_ref().and_then(place) {
        for (name, value) in ["latitude", "longitude", "altitude"].into_iter().zip(place) {
            put(name, value.into());
        }
    }
    if let Some([latitude, longitude, altitude]) = map.remove("geoDataExif").as_ref().and_then(place) {
        put("camera_place", json!({ "latitude": latitude, "longitude": longitude, "altitude": altitude }));
    }
    if let Some(Value::Array(people)) = map.remove("people") {
        let names = people.iter().filter_map(|person| person.get("name").and_then(Value::as_str));
        put("people", names.collect::<Vec<_>>().into());
    }
    for (key, name) in [("favorited", "favourite"), ("archived", "archived"), ("trashed", "trashed")] {
        if map.remove(key) == Some(Value::Bool(true)) {
            put(name, true.into());
        }
    }
    if let Some(uploaded) = map.remove("creationTime").as_ref().and_then(timestamp) {
        put("uploaded", uploaded.into());
    }
    if let Some(views) = map.remove("imageViews") {
        let number = views.as_str().and_then(|views| views.parse::<u64>().ok());
        put("views", number.map_or(views, Value::from));
    }
    for (key, name) in
        [("url", "url"), ("googlePhotosOrigin", "origin"), ("appSource", "app"), ("comments", "comments")]
    {
        if let Some(value) = map.remove(key) {
            put(name, value);
        }
    }
    if !map.is_empty() {
        put("more", Value::Object(map));
    }
    Sidecar { title, taken, facts }
}

/// `{"timestamp": "1552986831", "formatted": …}`.
fn timestamp(value: &Value) -> Option<i64> {
    let stamp = value.get("timestamp")?;
    stamp.as_i64().or_else(|| stamp.as_str()?.trim().parse().ok())
}

/// Latitude, longitude and altitude, unless the place is 0/0 or none on this planet.
fn place(value: &Value) -> Option<[f64; 3]> {
    let number = |name: &str| value.get(name).and_then(Value::as_f64).unwrap_or(0.0);
    let (latitude, longitude) = (number("latitude"), number("longitude"));
    let is_there =
        latitude.abs() <= 90.0 && longitude.abs() <= 180.0 && (latitude != 0.0 || longitude != 0.0);
    is_there.then(|| [latitude, longitude, number("altitude")])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sidecar_of(json: &Value) -> Sidecar {
        match read(json.to_string().as_bytes()) {
            Json::Sidecar(sidecar) => *sidecar,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_sidecar_tells_its_facts_and_keeps_what_nobody_knows() {
        let found = sidecar_of(&json!({
            "title": "IMG_1.jpg", "description": "Der Hafen", "imageViews": "12",
            "creationTime": {"timestamp": "1600000000", "formatted": "13 Sept 2020"},
            "photoTakenTime": {"timestamp": "-1500000000", "formatted": "?"},
            "geoData": {"latitude": 54.32, "longitude": 10.14, "altitude": 3.0, "latitudeSpan": 0.0},
            "geoDataExif": {"latitude": 0.0, "longitude": 0.0, "altitude": 0.0},
            "people": [{"name": "Ben Example"}, {}], "url": "https://example.org/1", "favorited": true,
            "archived": false, "googlePhotosOrigin": {"webUpload": {}}, "newThing": [1]
        }));
        assert_eq!((&*found.title, found.taken), ("IMG_1.jpg", Some(-1_500_000_000)));
        let wanted = json!({
            "description": "Der Hafen", "views": 12, "uploaded": 1_600_000_000, "latitude": 54.32,
            "longitude": 10.14, "altitude": 3.0, "people": ["Ben Example"], "url": "https://example.org/1",
            "favourite": true, "origin": {"webUpload": {}}, "more": {"newThing": [1]}
        });
        assert_eq!(Value::Object(found.facts), wanted);
    }

    #[test]
    fn a_sidecar_without_a_time_has_none() {
        for time in [json!({"timestamp": "0"}), json!({"timestamp": "soon"}), json!(7), json!({})] {
            assert_eq!(sidecar_of(&json!({"title": "a.jpg", "photoTakenTime": time})).taken, None, "{time}");
        }
        assert_eq!(sidecar_of(&json!({"photoTakenTime": {"timestamp": 5}})).taken, Some(5));
    }

    #[test]
    fn albums_are_known_by_what_they_hold_in_all_their_forms() {
        let titles = [
            (json!({"title": "Summer"}), Some("Summer")),
            (json!({"title": "", "access": "protected"}), Some("")),
            (json!({"sharedAlbumComments": [{"text": "nice"}]}), None),
            (json!({"albumData": {"title": "Old", "date": {"timestamp": "1"}}}), Some("Old")),
            (json!({"prints": []}), None),
            (json!([{"title": "x"}]), None),
        ];
        for (json, wanted) in titles {
            let found = match read(json.to_string().as_bytes()) {
                Json::Album { title, .. } => Some(title),
                _ => None,
            };
            assert_eq!(found.as_deref(), wanted, "{json}");
        }
        assert_eq!(read(b"{ broken"), Json::Other);
    }
}
