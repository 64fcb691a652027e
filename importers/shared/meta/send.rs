//! Sends posts: each a Markdown file, its pictures and videos beside it under the types that they really have.
//!
//! A picture is named by what names its file at Meta's, so that it is one item in all exports; a post that a second
//! list repeats (a reel among the posts) is sent once.

use std::collections::HashMap;

use exodus_api::{At, Body, Entry, ImportError, Item, Kind, Label, Origin, Role, Sink, Source};
use serde_json::{Map, Value, json};

use super::markdown::{self, Link};
use super::media::Media;
use super::post::{Post, stem_of};
use super::shape::head;
use super::tree::{Tree, reference};
use crate::shared::content_lines::uid_of;
use crate::shared::media_type;

/// The product of everything that was posted.
pub const PRODUCT: &str = "posts";
/// So much tells what a file is.
const HEAD_BYTES: u64 = 64;

/// What is known of a picture or video from elsewhere than its post.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The albums that it is in.
    pub albums: Vec<String>,
    /// Further facts.
    pub facts: Map<String, Value>,
}

/// Where a picture or video goes, and what it takes from its post.
struct Beside<'p> {
    folder: &'p str,
    post: Option<&'p str>,
    words: &'p str,
    time: Option<i64>,
}

/// Sends the posts of an export.
pub struct Sender<'s, 'a> {
    source: &'s dyn Source,
    tree: &'s Tree<'a>,
    /// Where the media lie that were sent, by entry.
    sent: HashMap<u32, String>,
    /// The keys of media, with their entries.
    media_keys: HashMap<String, u32>,
    /// The keys of posts, with what they say.
    posts: HashMap<String, String>,
    /// What else is known of media, by entry.
    known: HashMap<u32, Known>,
    /// Media that no given part holds, since [`Sender::missing`] was asked.
    missing: Vec<String>,
    /// The times of the oldest and the newest post.
    span: Option<(i64, i64)>,
}

impl<'s, 'a> Sender<'s, 'a> {
    /// A sender that has sent nothing.
    pub fn new(source: &'s dyn Source, tree: &'s Tree<'a>) -> Sender<'s, 'a> {
        let (sent, media_keys, posts) = (HashMap::new(), HashMap::new(), HashMap::new());
        Sender {
            source,
            tree,
            sent,
            media_keys,
            posts,
            known: HashMap::new(),
            missing: Vec::new(),
            span: None,
        }
    }

    /// Sends a post that was found at `origin`, with its media.
    ///
    /// # Errors
    /// When the run has to end.
    pub fn post(&mut self, post: Post, origin: Origin, sink: &mut dyn Sink) -> Result<(), ImportError> {
        let Some(key) = self.free_key(&post) else { return Ok(()) };
        if let Some(time) = post.time {
            self.span = Some(self.span.map_or((time, time), |(from, to)| (from.min(time), to.max(time))));
        }
        let folder = post.folder();
        let mut links = Vec::new();
        for media in &post.media {
            let beside = Beside { folder: &folder, post: Some(&key), words: &post.caption, time: post.time };
            links.push(self.media(media, &beside, sink)?);
        }
        let mut item = Item::new(Kind::Post, PRODUCT, key, origin);
        item.title = post.title();
        item.time = post.time;
        item.path = format!("{folder}/index.md");
        item.body = Body::Inline(markdown::written(&post, &links).into_bytes());
        item.extra = facts(&post, &links);
        Ok(sink.item(item)?)
    }

    /// Sends a picture or video that is in no post, if that was not done; it goes to `folder`.
    ///
    /// # Errors
    /// When the run has to end.
    pub fn alone(&mut self, media: &Media, folder: &str, sink: &mut dyn Sink) -> Result<(), ImportError> {
        self.media(media, &Beside { folder, post: None, words: "", time: None }, sink)?;
        Ok(())
    }

    /// What is known of the file that a record refers to, to be added to; `None` if no given part holds it.
    pub fn known(&mut self, uri: &str) -> Option<&mut Known> {
        let entry = self.tree.referred(uri)?;
        Some(self.known.entry(entry.id).or_default())
    }

    /// The media that posts spoke of and no given part holds, since this was asked last.
    pub fn missing(&mut self) -> Vec<String> {
        std::mem::take(&mut self.missing)
    }

    /// Which days the posts are of, in words, for people who want to know whether all of them are here; `None` without posts.
    pub fn span(&self) -> Option<String> {
        let day =
            |time: i64| jiff::Timestamp::from_second(time).ok().map(|it| it.strftime("%Y-%m-%d").to_string());
        let (from, to) = self.span?;
        Some(format!("of posts from {} to {}", day(from)?, day(to)?))
    }

    /// A key that no other post has; `None` if this very post was sent.
    fn free_key(&mut self, post: &Post) -> Option<String> {
        let stems: Vec<String> = post.media.iter().map(|media| stem_of(&media.uri)).collect();
        let said = uid_of(format!("{}\n{}", post.caption, stems.join("\n")).as_bytes());
        let wanted = post.key();
        let mut key = wanted.clone();
        let mut n = 1;
        loop {
            match self.posts.get(&key) {
                None => {
                    self.posts.insert(key.clone(), said);
                    return Some(key);
                }
                Some(other) if *other == said => return None,
                Some(_) => {
                    n += 1;
                    key = format!("{wanted}#{n}");
                }
            }
        }
    }

    /// Sends a picture or video, if that was not done, and tells how the post leads to it.
    fn media(&mut self, media: &Media, beside: &Beside, sink: &mut dyn Sink) -> Result<Link, ImportError> {
        let (caption, folder) = (media.caption.clone(), beside.folder);
        if reference(&media.uri).is_none() {
            return Ok(Link { path: media.uri.clone(), caption, is_missing: false });
        }
        let Some(entry) = self.tree.referred(&media.uri) else {
            self.missing.push(media.uri.clone());
            return Ok(Link { path: media.uri.clone(), caption, is_missing: true });
        };
        if let Some(path) = self.sent.get(&entry.id) {
            return Ok(Link { path: from_folder(folder, path), caption, is_missing: false });
        }
        let (name, real_type) = self.true_name(entry);
        let mut item = Item::new(Kind::Photo, PRODUCT, self.media_key(entry), whole(entry));
        item.title = Some(entry.name().to_owned());
        item.time = media.time.or(beside.time);
        item.path = format!("{folder}/{name}");
        item.body = Body::Entry(entry.clone());
        item.extra = media.facts.clone();
        let words = if media.caption.is_empty() { beside.words } else { &media.caption };
        let mut add = |name: &str, value: Value| item.extra.insert(name.to_owned(), value);
        if let Some(post) = beside.post {
            add("post", post.into());
        }
        if item.time.is_some() {
            add("date_from", "sidecar".into());
        }
        // Said even if it is nothing, so that words that were taken away do not come back from an older export.
        add("description", words.into());
        add("text", words.into());
        if let Some(real_type) = real_type {
            add("real_type", real_type.into());
            sink.note(entry, "real_type", real_type.into())?;
        }
        if let Some(known) = self.known.remove(&entry.id) {
            item.extra.extend(known.facts);
            let label = |name| Label { name, role: Some(Role::Album) };
            item.labels = known.albums.into_iter().map(label).collect();
        }
        self.sent.insert(entry.id, item.path.clone());
        sink.item(item)?;
        self.subtitles(media, beside, sink)?;
        Ok(Link { path: name, caption, is_missing: false })
    }

    fn subtitles(&mut self, media: &Media, beside: &Beside, sink: &mut dyn Sink) -> Result<(), ImportError> {
        let Some(entry) = media.subtitles.as_ref().and_then(|uri| self.tree.referred(uri)) else {
            return Ok(());
        };
        if self.sent.contains_key(&entry.id) {
            return Ok(());
        }
        let mut item = Item::new(Kind::File, PRODUCT, self.media_key(entry), whole(entry));
        item.title = Some(entry.name().to_owned());
        item.time = media.time;
        item.path = format!("{}/{}", beside.folder, entry.name());
        item.body = Body::Entry(entry.clone());
        if let Some(post) = beside.post {
            item.extra.insert("post".to_owned(), post.into());
        }
        self.sent.insert(entry.id, item.path.clone());
        Ok(sink.item(item)?)
    }

    /// What names a file for ever. Its extension is a part of it: what was a JPEG and is a WebP today is another file.
    fn media_key(&mut self, entry: &Entry) -> String {
        let extension = entry.name().rsplit_once('.').map_or(String::new(), |(_, it)| it.to_lowercase());
        let key = format!("media:{}.{extension}", stem_of(entry.name()));
        let name = entry.name().rsplit('\\').next().unwrap_or(entry.name());
        match *self.media_keys.entry(key.clone()).or_insert(entry.id) {
            id if id == entry.id && self.tree.is_unique(name) => key,
            // Two files of one name, or with one number: by their folders too.
            _ => {
                let path: Vec<&str> = entry.path.rsplit(['/', '\\']).take(3).collect();
                format!("media:{}", path.into_iter().rev().collect::<Vec<_>>().join("/").to_lowercase())
            }
        }
    }

    /// A file's name with the extension of what it really is, and that, if its own says something else or nothing.
    fn true_name(&self, entry: &Entry) -> (String, Option<&'static str>) {
        let name = entry.name().rsplit('\\').next().unwrap_or(entry.name());
        // In a part that is one stream every look costs a reading.
        if !self.source.opens_anywhere(entry) {
            return (name.to_owned(), None);
        }
        let head = head(self.source, entry, HEAD_BYTES);
        match name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()) {
            Some((stem, extension)) => match media_type::lies(extension, &head) {
                Some(found) => (format!("{stem}.{found}"), Some(found)),
                None => (name.to_owned(), None),
            },
            None => match media_type::by_head(&head) {
                Some(found) => (format!("{name}.{found}"), Some(found)),
                None => (name.to_owned(), None),
            },
        }
    }
}

/// The facts of a post for the index.
fn facts(post: &Post, links: &[Link]) -> Map<String, Value> {
    let mut facts = post.extra.clone();
    facts.insert("type".to_owned(), post.of.name(post.media.len()).into());
    let paths = |is_missing: bool| -> Vec<&str> {
        links.iter().filter(|link| link.is_missing == is_missing).map(|link| link.path.as_str()).collect()
    };
    for (name, list) in [
        ("media", json!(paths(false))),
        ("missing", json!(paths(true))),
        ("hashtags", json!(post.hashtags())),
        ("mentions", json!(post.mentions())),
    ] {
        // Empty ones too: facts of exports add up, and an older one may have had more.
        facts.insert(name.to_owned(), list);
    }
    let captions = post.media.iter().map(|media| media.caption.as_str());
    let place = post.extra.get("location").and_then(Value::as_str);
    let lists = ["links", "people"].iter().filter_map(|name| post.extra.get(*name)?.as_array());
    let told = lists.flatten().flat_map(|it| [it, &it["name"], &it["url"]]).filter_map(Value::as_str);
    let text: Vec<&str> = std::iter::once(post.caption.as_str())
        .chain(captions)
        .chain(place)
        .chain(told)
        .filter(|text| !text.is_empty())
        .collect();
    facts.insert("text".to_owned(), text.join("\n").into());
    facts
}

fn whole(entry: &Entry) -> Origin {
    Origin { entry: entry.clone(), at: At::Whole }
}

/// The path to a file as it is written in a file of `folder`.
fn from_folder(folder: &str, path: &str) -> String {
    if let Some(name) = path.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')) {
        return name.to_owned();
    }
    let mut folders = folder.split('/').peekable();
    let mut rest = path.split('/').peekable();
    while folders.peek() == rest.peek() && folders.peek().is_some() {
        folders.next();
        rest.next();
    }
    let up = "../".repeat(folders.count());
    format!("{up}{}", rest.collect::<Vec<_>>().join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_out_of_a_folder() {
        assert_eq!(from_folder("p/2022/a", "p/2022/a/1.jpg"), "1.jpg");
        assert_eq!(from_folder("p/2022/a", "p/2021/b/1.jpg"), "../../2021/b/1.jpg");
    }
}
