//! Posts, reels, stories and their like, out of JSON (since March 2021) and out of pages.
//!
//! The caption of a single picture stands in the title of its media, that of several in the title of the post. Times are seconds UTC in
//! JSON, a clock on a wall on pages. Places and cameras stand only in the JSON: the files have lost theirs.

use exodus_api::{Entry, ImportError, Sink, Source};
use serde_json::{Map, Value};

use super::PLATFORM;
use crate::shared::json_list::List;
use crate::shared::meta::facts::{Facts, seconds};
use crate::shared::meta::media::{Media, add_place, facts_on_page, media_of, media_on_page};
use crate::shared::meta::mojibake;
use crate::shared::meta::pages::Head;
use crate::shared::meta::post::{Post, Type};
use crate::shared::meta::record;
use crate::shared::meta::records::Pages;
use crate::shared::meta::send::Sender;

const WHAT: &str = "a post cannot be read";
const HINT: &str = "the others are safe; export again to get this one";
const LISTS: &[&[&str]] = &[&["*"], &["?", "*"]];
const WHOLE: &[&[&str]] = &[&[]];

/// A file of posts.
#[derive(Clone, Copy, Debug)]
pub struct Posts<'a> {
    /// The file.
    pub entry: &'a Entry,
    /// Their type.
    pub of: Type,
    /// True if the file is one post and no list.
    pub is_single: bool,
    /// True for a page.
    pub is_page: bool,
}

impl Posts<'_> {
    /// Sends all posts of the file; false if it cannot be read to its end, which is told.
    ///
    /// # Errors
    /// When the run has to end.
    pub fn send(
        &self,
        source: &dyn Source,
        sender: &mut Sender,
        sink: &mut dyn Sink,
    ) -> Result<bool, ImportError> {
        if self.is_page {
            return self.send_page(source, sender, sink);
        }
        let is_mangled = mojibake::is_mangled(source, self.entry);
        let paths = if self.is_single { WHOLE } else { LISTS };
        let list = List { source, entry: self.entry, paths, what: WHAT, hint: HINT };
        list.each(sink, &mut |record, sink| {
            let mut value = record.value;
            if is_mangled {
                mojibake::repair(&mut value);
            }
            let Some(post) = of_json(&value, self.of) else { return Ok(false) };
            sender.post(post, record.origin, sink)?;
            Ok(true)
        })
    }

    fn send_page(
        &self,
        source: &dyn Source,
        sender: &mut Sender,
        sink: &mut dyn Sink,
    ) -> Result<bool, ImportError> {
        let pages = Pages { source, entry: self.entry, what: WHAT, hint: HINT };
        pages.each(sink, &mut |record, head, origin, sink| {
            // A record without pictures, words and date is none of a post.
            match of_page(record, head, self.of) {
                Some(post) => sender.post(post, origin, sink),
                None => Ok(()),
            }
        })
    }
}

/// A post out of JSON that was made whole; `None` if it is none.
pub fn of_json(value: &Value, of: Type) -> Option<Post> {
    value.as_object()?;
    let list = match value.get("media") {
        Some(Value::Array(list)) => list.iter().filter_map(media_of).collect(),
        Some(object @ Value::Object(_)) => media_of(object).into_iter().collect(),
        _ => Vec::new(),
    };
    let mut media: Vec<Media> = list;
    if media.is_empty() {
        media.extend(media_of(value));
    }
    let own = ["creation_timestamp", "timestamp"].iter().find_map(|name| value.get(*name)?.as_i64());
    let time = own.and_then(seconds).or_else(|| media.first().and_then(|media| media.time));
    let own = value.get("title").and_then(Value::as_str).unwrap_or_default().trim();
    let of_media = || media.iter().map(|media| media.caption.as_str()).find(|caption| !caption.is_empty());
    let mut caption = if own.is_empty() { of_media().unwrap_or_default() } else { own }.to_owned();
    let mut extra = Map::new();
    if value.get("label_values").is_some()
        && let Some(facts) = Facts::of_json(value)
    {
        if caption.is_empty() {
            caption = facts.said().to_owned();
        }
        extra.insert("facts".to_owned(), facts.rows_json());
    }
    for media in &mut media {
        if media.caption == caption {
            media.caption.clear();
        }
    }
    add_place(&mut extra, &media);
    let is_any = !media.is_empty() || (!caption.is_empty() && time.is_some());
    is_any.then_some(Post { platform: PLATFORM, of, caption, time, media, extra })
}

/// A post out of a record of a page; `None` if it is none.
pub fn of_page(record: record::Record, head: &Head, of: Type) -> Option<Post> {
    let mut media = media_on_page(&record);
    let time = head.seconds(&record.dated);
    let mut extra = facts_on_page(&record, head, &mut media);
    let texts = record.texts.clone();
    let caption = if record.title.is_empty() { texts.join("\n") } else { record.title.clone() };
    let rows = Facts::of_page(record::Record { media: Vec::new(), texts: Vec::new(), ..record }, head).rows;
    if !rows.is_empty() {
        let facts = Facts { rows, ..Facts::default() };
        extra.insert("facts".to_owned(), facts.rows_json());
    }
    let is_any = !media.is_empty() || (!caption.is_empty() && time.is_some());
    is_any.then_some(Post { platform: PLATFORM, of, caption, time, media, extra })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn post(value: &Value) -> Post {
        of_json(value, Type::Post).expect("it is a post")
    }

    #[test]
    fn a_caption_stands_in_its_media_or_in_the_post() {
        let single =
            post(&json!({"media": [{"uri": "a.jpg", "creation_timestamp": 1_658_740_000, "title": "here"}]}));
        assert_eq!(
            (&*single.caption, single.time, single.media[0].caption.as_str()),
            ("here", Some(1_658_740_000), "")
        );
        let several = post(&json!({
            "media": [{"uri": "1.jpg", "creation_timestamp": 1_700_000_001, "title": ""}, {"uri": "2.mp4", "title": "own"}],
            "title": "there", "creation_timestamp": 1_700_000_005
        }));
        assert_eq!((&*several.caption, several.time, several.media.len()), ("there", Some(1_700_000_005), 2));
        assert_eq!(several.media[1].caption, "own");
        let object = post(&json!({"media": {"uri": "1.jpg", "title": "one"}, "title": ""}));
        assert_eq!((&*object.caption, object.time), ("one", None));
        let story = post(&json!({"uri": "s.jpg", "creation_timestamp": 1_700_000_001, "title": "flat"}));
        assert_eq!((&*story.caption, story.media.len()), ("flat", 1));
        assert_eq!(of_json(&json!({}), Type::Post), None);
        assert_eq!(of_json(&json!("no data"), Type::Post), None);
    }

    #[test]
    fn place_and_camera_come_out_of_either_form() {
        let new =
            json!({"exif_data": [{"latitude": 41.15, "longitude": -8.61}, {"iso": 50, "lens_model": ""}]});
        let old = json!({"latitude": 41.15, "longitude": -8.61, "iso": 50});
        for metadata in [new, old] {
            let value = json!({"media": [{"uri": "a.jpg", "title": "x", "media_metadata": {"photo_metadata": metadata}}]});
            let post = post(&value);
            assert_eq!(post.media[0].facts["camera"], json!({"iso": 50}));
            assert_eq!(
                (&post.extra["latitude"], &post.media[0].facts["longitude"]),
                (&json!(41.15), &json!(-8.61))
            );
        }
        let nowhere = json!({"uri": "a.jpg", "media_metadata": {"photo_metadata": {"exif_data": [{"latitude": 0, "longitude": 0}]}}});
        assert!(post(&nowhere).media[0].facts.is_empty());
    }
}
