//! Posts, out of JSON and out of pages.
//!
//! The title of a record is a sentence in the account's language ("… added a new photo."), never words of the account's: those stand
//! in `data[].post`. A record without words, pictures, links and a place is only that sentence, and no post.

use exodus_api::{Entry, ImportError, Item, Kind, Origin, Sink, Source};
use serde_json::{Map, Value, json};

use super::PLATFORM;
use super::albums::media_of;
use crate::shared::meta::facts::{Facts, seconds};
use crate::shared::meta::media::{Media, add_place, facts_on_page, is_place, media_on_page};
use crate::shared::meta::pages::Head;
use crate::shared::meta::post::{Post, Type};
use crate::shared::meta::record;
use crate::shared::meta::records::{Keys, LISTS, Pages, WHOLE};
use crate::shared::meta::send::{self, Sender};

const WHAT: &str = "a post cannot be read";
const HINT: &str = "the others are safe; export again to get this one";

/// Sends all posts of a file; false if it cannot be read to its end, which is told.
///
/// # Errors
/// When the run has to end.
pub fn send(
    source: &dyn Source,
    (entry, is_single): (&Entry, bool),
    keys: &mut Keys,
    sender: &mut Sender,
    sink: &mut dyn Sink,
) -> Result<bool, ImportError> {
    let pages = Pages { source, entry, what: WHAT, hint: HINT };
    if pages.is_page() {
        return pages.each(sink, &mut |record, head, origin, sink| {
            let sentence = (record.title.clone(), head.seconds(&record.dated));
            match of_page(record, head) {
                Some(post) => sender.post(post, origin, sink),
                None => send_sentence(sentence, origin, keys, sink),
            }
        });
    }
    pages.each_value(if is_single { WHOLE } else { LISTS }, sink, &mut |value, origin, sink| {
        if !value.is_object() {
            return Ok(value.is_string());
        }
        match of_json(&value) {
            Some(post) => sender.post(post, origin, sink)?,
            None => send_sentence((text(&value["title"]), time_of(&value)), origin, keys, sink)?,
        }
        Ok(true)
    })
}

/// Sends what is only a sentence of the platform's: facts, and nothing for anybody else.
pub fn send_sentence(
    (sentence, time): (String, Option<i64>),
    origin: Origin,
    keys: &mut Keys,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    let Some(time) = time.filter(|_| !sentence.is_empty()) else { return Ok(()) };
    // The sentence is another in every language.
    let key = keys.free(format!("timeline:{}", time.div_euclid(60)));
    let mut item = Item::new(Kind::Activity, send::PRODUCT, key, origin);
    item.time = Some(time);
    item.title = Some(sentence.clone());
    item.extra.insert("list".to_owned(), "timeline".into());
    item.extra.insert("text".to_owned(), sentence.into());
    Ok(sink.item(item)?)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().trim().to_owned()
}

fn time_of(value: &Value) -> Option<i64> {
    ["timestamp", "creation_timestamp"].iter().find_map(|name| value[*name].as_i64()).and_then(seconds)
}

/// A post out of JSON that was made whole; `None` if it is none.
fn of_json(value: &Value) -> Option<Post> {
    if value.get("label_values").is_some() {
        return of_labels(value);
    }
    let data = value["data"].as_array().into_iter().flatten();
    let mut words: Vec<String> = Vec::new();
    let mut extra = Map::new();
    for part in data {
        let said = text(&part["post"]);
        if !said.is_empty() && !words.contains(&said) {
            words.push(said);
        }
        for (name, fact) in [("update_timestamp", "updated"), ("backdated_timestamp", "backdated")] {
            if let Some(time) = part[name].as_i64().and_then(seconds) {
                extra.insert(fact.to_owned(), time.into());
            }
        }
    }
    let mut attached = Attached::default();
    for attachment in value["attachments"].as_array().into_iter().flatten() {
        attachment["data"].as_array().into_iter().flatten().for_each(|part| attached.take(part));
    }
    let time = time_of(value).or_else(|| attached.media.first().and_then(|media| media.time));
    let mut caption = words.join("\n");
    let is_said = |media: &&Media| !media.caption.is_empty();
    if caption.is_empty()
        && let [only] = &*attached.media
        && is_said(&only)
    {
        caption.clone_from(&only.caption);
    }
    for media in attached.media.iter_mut().filter(|media| media.caption == caption) {
        media.caption.clear();
    }
    let tags = value["tags"].as_array().into_iter().flatten();
    let people: Vec<&str> = tags.filter_map(|tag| tag.as_str().or_else(|| tag["name"].as_str())).collect();
    if !people.is_empty() {
        extra.insert("people".to_owned(), json!(people));
    }
    attached.add_to(&mut extra);
    let is_any = !caption.is_empty() || !attached.media.is_empty() || attached.is_more;
    add_sentence(&mut extra, text(&value["title"]));
    is_any.then_some(Post { platform: PLATFORM, of: Type::Post, caption, time, media: attached.media, extra })
}

fn add_sentence(extra: &mut Map<String, Value>, sentence: String) {
    if !sentence.is_empty() {
        extra.insert("sentence".to_owned(), sentence.into());
    }
}

/// What is attached to a post.
#[derive(Default)]
struct Attached {
    media: Vec<Media>,
    links: Vec<Value>,
    place: Map<String, Value>,
    /// What else is attached: events, polls, quoted words.
    others: Vec<Value>,
    /// True if there is more than pictures.
    is_more: bool,
}

impl Attached {
    fn take(&mut self, part: &Value) {
        if let Some(media) = part.get("media").and_then(media_of) {
            self.media.push(media);
        } else if let Some(link) = part.get("external_context") {
            let url = text(&link["url"]);
            if !url.is_empty() {
                self.links.push(json!({"name": text(&link["name"]), "url": url}));
                self.is_more = true;
            }
        } else if let Some(place) = part.get("place") {
            self.take_place(place);
        } else if !part.is_null() {
            self.others.push(part.clone());
            self.is_more |= part.get("text").is_some() || part.get("poll").is_some();
        }
    }

    fn take_place(&mut self, place: &Value) {
        self.is_more = true;
        let mut add = |name: &str, value: Value| self.place.insert(name.to_owned(), value);
        let name = text(&place["name"]);
        if !name.is_empty() {
            add("location", name.into());
        }
        for fact in ["address", "url"] {
            let told = text(&place[fact]);
            if !told.is_empty() {
                add(&format!("location_{fact}"), told.into());
            }
        }
        let (latitude, longitude) = (&place["coordinate"]["latitude"], &place["coordinate"]["longitude"]);
        if is_place(latitude.as_f64(), longitude.as_f64()) {
            add("latitude", latitude.clone());
            add("longitude", longitude.clone());
        }
    }

    fn add_to(&mut self, extra: &mut Map<String, Value>) {
        add_place(extra, &self.media);
        // Where a post says that it was made counts more than where its picture was taken.
        extra.extend(std::mem::take(&mut self.place));
        for (name, list) in [("links", &mut self.links), ("attached", &mut self.others)] {
            if !list.is_empty() {
                extra.insert(name.to_owned(), Value::Array(std::mem::take(list)));
            }
        }
    }
}

/// A post out of a generic record, as newer exports have them.
fn of_labels(value: &Value) -> Option<Post> {
    let facts = Facts::of_json(value)?;
    let listed = value["media"].as_array().into_iter().flatten().filter_map(media_of);
    let mut media: Vec<Media> = listed.collect();
    if media.is_empty() {
        media.extend(facts.media.iter().map(|uri| Media { uri: uri.clone(), ..Media::default() }));
    }
    let caption = facts.said().to_owned();
    let extra = Map::from_iter([("facts".to_owned(), facts.rows_json())]);
    let is_any = !media.is_empty() || !caption.is_empty();
    is_any.then_some(Post { platform: PLATFORM, of: Type::Post, caption, time: facts.time, media, extra })
}

/// A post out of a record of a page; `None` if it is none.
fn of_page(record: record::Record, head: &Head) -> Option<Post> {
    let mut media = media_on_page(&record);
    let time = head.seconds(&record.dated);
    let mut extra = facts_on_page(&record, head, &mut media);
    let is_words = |text: &&String| !text.starts_with("http://") && !text.starts_with("https://");
    let mut texts = record.texts.iter().filter(is_words);
    // The words come first; what follows is of what was attached.
    let caption = texts.next().cloned().unwrap_or_default();
    let others: Vec<&String> = texts.collect();
    if !others.is_empty() {
        extra.insert("attached".to_owned(), json!(others));
    }
    let links: Vec<Value> = record.links.iter().map(|url| json!({"name": "", "url": url})).collect();
    let is_any = !media.is_empty() || (!caption.is_empty() && time.is_some()) || !links.is_empty();
    if !links.is_empty() {
        extra.insert("links".to_owned(), links.into());
    }
    add_sentence(&mut extra, record.title.clone());
    let rest = record::Record { media: Vec::new(), texts: Vec::new(), links: Vec::new(), ..record };
    let facts = Facts::of_page(rest, head);
    if !facts.rows.is_empty() {
        extra.insert("facts".to_owned(), facts.rows_json());
    }
    is_any.then_some(Post { platform: PLATFORM, of: Type::Post, caption, time, media, extra })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_account_and_never_the_sentence() {
        let post = of_json(&json!({
            "timestamp": 1_600_000_000, "title": "Ada Example added a new photo.", "tags": [{"name": "Ben Example"}, "Cleo"],
            "data": [{"post": "Im Hafen ⛵"}, {"update_timestamp": 1_600_000_100}],
            "attachments": [{"data": [
                {"media": {"uri": "posts/media/x/1.jpg", "creation_timestamp": 1_600_000_000, "title": "Trip", "description": "own"}},
                {"external_context": {"name": "News", "url": "https://example.org/n"}},
                {"place": {"name": "Hafen", "coordinate": {"latitude": 1.5, "longitude": 2.5}}}, {"name": "x"}
            ]}]
        }))
        .expect("it is a post");
        assert_eq!(
            (&*post.caption, post.time, &*post.media[0].caption),
            ("Im Hafen ⛵", Some(1_600_000_000), "own")
        );
        assert_eq!(
            (&post.extra["people"], &post.extra["location"], &post.extra["updated"]),
            (&json!(["Ben Example", "Cleo"]), &json!("Hafen"), &json!(1_600_000_100))
        );
        assert_eq!(post.extra["links"], json!([{"name": "News", "url": "https://example.org/n"}]));
    }

    #[test]
    fn a_sentence_alone_is_no_post() {
        assert_eq!(
            of_json(&json!({"timestamp": 1_600_000_000, "title": "Ada Example updated her profile."})),
            None
        );
        assert_eq!(
            of_json(&json!({"timestamp": 1_600_000_000, "data": [{"post": ""}], "attachments": []})),
            None
        );
    }
}
