//! Albums, and pictures and videos that are in none.
//!
//! A picture that stands in a post and in an album is one item: albums are looked through first for what they know of
//! each picture, and what no post has sent is sent after the posts.

use std::collections::HashSet;

use exodus_api::{Entry, ImportError, Item, Sink, Source};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::PLATFORM;
use crate::shared::json_mended;
use crate::shared::json_paths::JsonPaths;
use crate::shared::meta::facts::seconds;
use crate::shared::meta::media::{self, Media, media_on_page};
use crate::shared::meta::mojibake;
use crate::shared::meta::pages::Page;
use crate::shared::meta::record;
use crate::shared::meta::records::{Keys, LISTS, Pages, original};
use crate::shared::meta::send::{self, Sender};

const WHAT: &str = "a picture of an album cannot be read";
const HINT: &str = "the others are safe; export again to get this one";
const PHOTOS: &[&[&str]] = &[&["photos", "*"]];
const TOLD: &[&[&str]] = &[&["name"], &["description"], &["last_modified_timestamp"]];

/// A file with pictures.
#[derive(Clone, Copy, Debug)]
pub struct Album<'a> {
    /// The file.
    pub entry: &'a Entry,
    /// True for an album; false for pictures that are in none.
    pub is_album: bool,
}

/// A picture or video as Facebook tells of it.
pub fn media_of(value: &Value) -> Option<Media> {
    let mut media = media::media_of(value)?;
    // The title of a picture is often that of its album.
    let said = value["description"].as_str().unwrap_or_default().trim();
    media.caption = said.to_owned();
    if let Some(camera) = media.facts.get_mut("camera").and_then(Value::as_object_mut) {
        camera.remove("upload_ip");
        let taken = camera.get("taken_timestamp").and_then(Value::as_i64);
        // Some cameras are thousands of years off.
        if taken.is_some_and(|taken| seconds(taken).is_none()) {
            camera.remove("taken_timestamp");
        }
        if camera.is_empty() {
            media.facts.remove("camera");
        }
    }
    Some(media)
}

impl Album<'_> {
    fn pages<'s>(&'s self, source: &'s dyn Source) -> Pages<'s> {
        Pages { source, entry: self.entry, what: WHAT, hint: HINT }
    }

    /// What an album says of itself: `name`, `description`, `last_modified_timestamp`.
    fn told(&self, source: &dyn Source) -> Map<String, Value> {
        let mut told = Map::new();
        let Ok(reader) = source.open(self.entry) else { return told };
        if self.pages(source).is_page() {
            let mut page = Page::new(reader);
            // What cannot be read is told of where it is sent.
            let _ = page.next_record();
            told.insert("name".to_owned(), page.head().title.into());
            return told;
        }
        let is_mangled = mojibake::is_mangled(source, self.entry);
        let mut values = JsonPaths::new(reader, TOLD);
        while let Ok(Some(found)) = values.next_value() {
            let value = found.bytes.and_then(|bytes| json_mended::parse(&bytes).ok());
            let Some(mut value) = value else { continue };
            if is_mangled {
                mojibake::repair(&mut value);
            }
            told.insert(TOLD[found.path][0].to_owned(), value);
        }
        told
    }

    /// Tells the sender what the album knows of its pictures.
    pub fn look_through(&self, source: &dyn Source, sender: &mut Sender) {
        let told = self.told(source);
        let name = told.get("name").and_then(Value::as_str).unwrap_or_default().trim();
        if !self.is_album || name.is_empty() {
            return;
        }
        let Ok(reader) = source.open(self.entry) else { return };
        let mut known = |uri: &str, comments: Option<&Value>| {
            let Some(known) = sender.known(uri) else { return };
            if !known.albums.iter().any(|album| album == name) {
                known.albums.push(name.to_owned());
            }
            if let Some(comments) = comments.filter(|it| it.as_array().is_some_and(|it| !it.is_empty())) {
                known.facts.insert("comments".to_owned(), comments.clone());
            }
        };
        // A file that breaks off is told of where its pictures are sent.
        if self.pages(source).is_page() {
            let mut page = Page::new(reader);
            while let Ok(Some(found)) = page.next_record() {
                let record = found.html.map(|html| record::read(&html)).unwrap_or_default();
                media_on_page(&record).iter().for_each(|media| known(&media.uri, None));
            }
            return;
        }
        let is_mangled = mojibake::is_mangled(source, self.entry);
        let mut values = JsonPaths::new(reader, PHOTOS);
        while let Ok(Some(found)) = values.next_value() {
            let value = found.bytes.and_then(|bytes| json_mended::parse(&bytes).ok());
            let Some(mut value) = value else { continue };
            if is_mangled {
                mojibake::repair(&mut value);
            }
            if let Some(uri) = value["uri"].as_str() {
                known(uri, value.get("comments"));
            }
        }
    }

    /// Sends the pictures that no post has; false if the file cannot be read to its end, which is told.
    ///
    /// # Errors
    /// When the run has to end.
    pub fn send(
        &self,
        source: &dyn Source,
        sender: &mut Sender,
        sink: &mut dyn Sink,
    ) -> Result<bool, ImportError> {
        let pages = self.pages(source);
        if pages.is_page() {
            return pages.each(sink, &mut |record, head, _, sink| {
                let time = head.seconds(&record.dated);
                let shown = media_on_page(&record);
                let mut seen = HashSet::new();
                for mut media in shown.into_iter().filter(|media| seen.insert(media.uri.clone())) {
                    media.time = time;
                    media.caption = record.texts.first().cloned().unwrap_or_default();
                    sender.alone(&media, &folder_of(&media), sink)?;
                }
                Ok(())
            });
        }
        pages.each_value(if self.is_album { PHOTOS } else { LISTS }, sink, &mut |value, _, sink| {
            // `["You have no data in this section"]`
            let Some(media) = media_of(&value) else { return Ok(!value.is_number()) };
            sender.alone(&media, &folder_of(&media), sink)?;
            Ok(true)
        })
    }

    /// The file itself, with what the album says of itself.
    pub fn original(&self, source: &dyn Source, keys: &mut Keys) -> Item {
        let mut item = original(PLATFORM, self.entry, send::PRODUCT, keys);
        if self.is_album {
            let told = self.told(source);
            item.title = told.get("name").and_then(Value::as_str).map(str::to_owned).or(item.title);
            let said = [told.get("name"), told.get("description")];
            let said: Vec<&str> = said.into_iter().flatten().filter_map(Value::as_str).collect();
            item.extra.insert("text".to_owned(), json!(said.join("\n")));
            item.time = told.get("last_modified_timestamp").and_then(Value::as_i64).and_then(seconds);
        }
        item
    }
}

/// Where a picture goes that is in no post: by its year, as all pictures.
fn folder_of(media: &Media) -> String {
    let time = media.time.and_then(|time| Timestamp::from_second(time).ok());
    let year = time.map_or("unknown date".to_owned(), |time| time.strftime("%Y").to_string());
    format!("photos/{PLATFORM}/{year}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_told_of_by_its_description_and_no_impossible_time() {
        let media = media_of(&json!({
            "uri": "a.jpg", "creation_timestamp": 1_600_000_000, "title": "Trip", "description": "at sea",
            "media_metadata": {"photo_metadata": {"exif_data": [
                {"taken_timestamp": -62_169_958_800_i64, "upload_ip": "192.0.2.1", "latitude": 1.5, "longitude": 2.5}]}}
        }))
        .expect("it is a picture");
        assert_eq!((&*media.caption, media.facts.get("camera")), ("at sea", None));
        assert_eq!(media.facts["latitude"], json!(1.5));
    }
}
