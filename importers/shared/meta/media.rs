//! A picture or video of a post, out of JSON and out of pages.

use serde_json::{Map, Value};

use super::facts::seconds;
use super::pages::Head;
use super::record;
use super::tree::reference;

/// A picture or video of a post.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Media {
    /// Where the export says that it lies.
    pub uri: String,
    /// When it was uploaded, in seconds since 1970-01-01 UTC.
    pub time: Option<i64>,
    /// Its own words, where they differ from those of the post.
    pub caption: String,
    /// Subtitles, where the export says that they lie.
    pub subtitles: Option<String>,
    /// What is known of it: `latitude`, `longitude`, `camera`.
    pub facts: Map<String, Value>,
}

/// Where a post was made: where its first picture was.
pub fn add_place(extra: &mut Map<String, Value>, media: &[Media]) {
    let Some(first) = media.iter().find(|media| media.facts.contains_key("latitude")) else { return };
    for name in ["latitude", "longitude"] {
        if let Some(value) = first.facts.get(name) {
            extra.insert(name.to_owned(), value.clone());
        }
    }
}

/// A picture or video as JSON tells of it; `None` if it tells of none.
pub fn media_of(value: &Value) -> Option<Media> {
    let uri = value.get("uri")?.as_str().filter(|uri| !uri.is_empty())?.to_owned();
    let time = value.get("creation_timestamp").and_then(Value::as_i64).and_then(seconds);
    let caption = value.get("title").and_then(Value::as_str).unwrap_or_default().trim().to_owned();
    let metadata = &value["media_metadata"];
    let subtitles = metadata["video_metadata"]["subtitles"]["uri"].as_str().filter(|uri| !uri.is_empty());
    let mut camera = Map::new();
    for of in ["photo_metadata", "video_metadata"] {
        let told = &metadata[of];
        // Older exports have the values without a list around them.
        let list = told["exif_data"].as_array().cloned().unwrap_or_else(|| vec![told.clone()]);
        for facts in list.iter().filter_map(Value::as_object) {
            let own = facts.iter().filter(|(_, value)| !value.is_object() && !value.is_array());
            camera.extend(own.map(|(name, value)| (name.clone(), value.clone())));
        }
    }
    let mut facts = Map::new();
    let place = (camera.remove("latitude"), camera.remove("longitude"));
    if let (Some(latitude), Some(longitude)) = place
        && is_place(latitude.as_f64(), longitude.as_f64())
    {
        facts.insert("latitude".to_owned(), latitude);
        facts.insert("longitude".to_owned(), longitude);
    }
    if let Some(app) = value["cross_post_source"]["source_app"].as_str() {
        facts.insert("app".to_owned(), app.into());
    }
    camera.retain(|_, value| value.as_str() != Some(""));
    if !camera.is_empty() {
        facts.insert("camera".to_owned(), Value::Object(camera));
    }
    Some(Media { uri, time, caption, subtitles: subtitles.map(str::to_owned), facts })
}

/// True for degrees that can be those of a place.
pub fn is_place(latitude: Option<f64>, longitude: Option<f64>) -> bool {
    match (latitude, longitude) {
        (Some(latitude), Some(longitude)) => {
            latitude.abs() <= 90.0 && longitude.abs() <= 180.0 && (latitude, longitude) != (0.0, 0.0)
        }
        _ => false,
    }
}

/// Where a post was made: two rows beside each other whose values are degrees.
pub fn place_of(rows: &[record::Row]) -> Option<(f64, f64)> {
    let degrees = |row: &record::Row| row.value.parse::<f64>().ok().filter(|_| row.value.contains('.'));
    let pairs = rows.windows(2).filter_map(|pair| Some((degrees(&pair[0])?, degrees(&pair[1])?)));
    pairs.into_iter().find(|(latitude, longitude)| is_place(Some(*latitude), Some(*longitude)))
}

/// The pictures and videos that a record of a page shows.
pub fn media_on_page(record: &record::Record) -> Vec<Media> {
    let is_media = |uri: &&String| {
        let path = reference(uri).unwrap_or_default();
        !path.ends_with(".html") && !path.ends_with(".srt")
    };
    let shown = record.media.iter().filter(is_media);
    shown.map(|uri| Media { uri: uri.clone(), ..Media::default() }).collect()
}

/// What a page tells of a post besides its words: where it was made, which its first picture is told too, and its date as it
/// is shown where nobody knows how far that clock was from UTC.
pub fn facts_on_page(record: &record::Record, head: &Head, media: &mut [Media]) -> Map<String, Value> {
    let mut facts = Map::new();
    if head.ahead_s.is_none() && !record.dated.is_empty() {
        facts.insert("dated".to_owned(), record.dated.clone().into());
    }
    if let Some((latitude, longitude)) = place_of(&record.rows) {
        for (name, value) in [("latitude", latitude), ("longitude", longitude)] {
            facts.insert(name.to_owned(), value.into());
            if let Some(first) = media.first_mut() {
                first.facts.insert(name.to_owned(), value.into());
            }
        }
    }
    facts
}
