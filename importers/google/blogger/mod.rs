//! Blogger: every post and page as a Markdown file, every comment in the index, the pictures beside.
//!
//! `Blogs/<blog>/feed.atom` has posts, pages and comments of a blog, `Comments/<blog>/feed.atom` what the user said elsewhere, `Albums/<blog>/`
//! the pictures; a blog's folder is named after it, the folders above may be in any language. A feed is known by its content. It
//! is read entry by entry, and kept as it is, since Markdown does not hold all of a post's HTML. Themes and profiles are kept.

mod entry;

use std::collections::{HashMap, HashSet};

use exodus_api::{
    At, Body, Entry, ImportError, Item, Kind, Options, Origin, Product, Sink, Skip, Source, front_matter,
};
use jiff::Timestamp;
use memchr::memmem;
use serde_json::{Map, Value};

use self::entry::{Form, seconds};
use super::{faults, head};
use crate::shared::blocks::{Blocks, Marks};
use crate::shared::html::decoded;
use crate::shared::{markdown, names};

const PRODUCT: &str = "blogger";
const MARKS: Marks = Marks { open: "<entry", close: "</entry>", end: "</feed>" };
const HINT: &str = "the other entries are safe, and the feed is kept as it is";
/// Endings of what lies in albums.
const PICTURES: &[&str] =
    &["jpg", "jpeg", "png", "gif", "webp", "bmp", "heic", "tif", "tiff", "svg", "mp4", "mov"];

/// Imports all blogs of an account.
pub fn import(
    source: &dyn Source,
    product: &Product,
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    let root = format!("{}/", product.folder);
    let mut entries: Vec<&Entry> =
        source.under(&root).iter().filter(|entry| !names::is_system_junk(&entry.path)).collect();
    entries.sort_by_key(|entry| (entry.part, entry.order));
    let mut blogger = Blogger { source, options, pictures: HashMap::new(), keys: HashSet::new() };
    for entry in entries.iter().filter(|entry| PICTURES.contains(&&*ending(entry))) {
        blogger.picture(entry, sink)?;
    }
    for entry in entries.iter().filter(|entry| is_feed(source, entry)) {
        blogger.feed(entry, sink)?;
    }
    Ok(())
}

fn ending(entry: &Entry) -> String {
    entry.name().rsplit_once('.').map_or(String::new(), |(_, ending)| ending.to_lowercase())
}

/// True for the feed of a blog.
pub fn is_feed(source: &dyn Source, entry: &Entry) -> bool {
    if !matches!(ending(entry).as_str(), "atom" | "xml") {
        return false;
    }
    let beginning = head(source, entry, 8 << 10);
    let says = |word: &str| memmem::find(&beginning, word.as_bytes()).is_some();
    says("<feed") && (says("blogger.com") || says("schemas.google.com/blogger"))
}

/// The folder that an entry lies in: it is named after the blog.
fn folder(entry: &Entry) -> &str {
    entry.folder().rsplit('/').next().unwrap_or_default()
}

struct Blogger<'a> {
    source: &'a dyn Source,
    options: &'a Options,
    /// The folders that have a picture of a name.
    pictures: HashMap<String, Vec<&'a Entry>>,
    /// What was sent: a comment may stand in two feeds.
    keys: HashSet<String>,
}

/// What is known of a feed before its entries come.
struct Feed<'a> {
    entry: &'a Entry,
    title: String,
    /// The name of the blog's folder.
    folder: &'a str,
    n_posts: u64,
    n_comments: u64,
}

impl<'a> Blogger<'a> {
    fn picture(&mut self, entry: &'a Entry, sink: &mut dyn Sink) -> Result<(), ImportError> {
        self.pictures.entry(names::folded(entry.name())).or_default().push(entry);
        if !self.options.wants(Kind::File, PRODUCT) {
            return Ok(sink.skip(entry, Skip::NotAskedFor)?);
        }
        let origin = Origin { entry: entry.clone(), at: At::Whole };
        let mut item = Item::new(Kind::File, PRODUCT, "blogger-picture".to_owned(), origin);
        item.title = Some(entry.name().to_owned());
        item.path = format!("posts/blogger/{}/pictures/{}", folder(entry), entry.name());
        item.body = Body::Unique(entry.clone());
        Ok(sink.item(item)?)
    }

    fn feed(&mut self, entry: &'a Entry, sink: &mut dyn Sink) -> Result<(), ImportError> {
        let (wants_posts, wants_files) =
            (self.options.wants(Kind::Post, PRODUCT), self.options.wants(Kind::File, PRODUCT));
        if !wants_posts && !wants_files {
            return Ok(sink.skip(entry, Skip::NotAskedFor)?);
        }
        let title = feed_title(&head(self.source, entry, 64 << 10));
        let mut feed = Feed { entry, title, folder: folder(entry), n_posts: 0, n_comments: 0 };
        if wants_posts {
            if !wants_files && sink.is_done(entry) {
                return Ok(sink.used(entry)?);
            }
            if !self.entries(&mut feed, sink)? {
                return Ok(());
            }
        }
        if !wants_files {
            return Ok(sink.used(entry)?);
        }
        Ok(sink.item(original(&feed))?)
    }

    /// Sends every entry; tells whether the feed could be read to its end.
    fn entries(&mut self, feed: &mut Feed, sink: &mut dyn Sink) -> Result<bool, ImportError> {
        let (source, entry) = (self.source, feed.entry);
        let Some(reader) = faults::opened(source, entry, sink)? else { return Ok(false) };
        let mut blocks = Blocks::new(reader, MARKS);
        loop {
            let block = match blocks.next_block() {
                Ok(Some(block)) => block,
                Ok(None) => return Ok(true),
                Err(err) => {
                    sink.fault(faults::breaks_off(source, entry, blocks.offset(), &err))?;
                    return Ok(false);
                }
            };
            let at = At::Byte(block.offset);
            let Some(found) = block.bytes.as_deref().and_then(entry::read) else {
                let what = "an entry of a blog cannot be read".to_owned();
                sink.fault(faults::bad_record(source, entry, at, what, HINT))?;
                continue;
            };
            let origin = Origin { entry: entry.clone(), at };
            let key = key_of(&found);
            if found.form == Form::Other || !self.keys.insert(key.clone()) {
                continue;
            }
            match found.form {
                Form::Comment => {
                    feed.n_comments += 1;
                    sink.item(comment(&found, feed, Item::new(Kind::Post, PRODUCT, key, origin)))?;
                }
                _ => {
                    feed.n_posts += 1;
                    sink.item(self.post(&found, feed, Item::new(Kind::Post, PRODUCT, key, origin)))?;
                }
            }
        }
    }

    fn post(&self, found: &entry::Entry, feed: &Feed, mut item: Item) -> Item {
        let mut media: Vec<String> = Vec::new();
        let text = markdown::of_html(&found.html, &mut |url| {
            let picture = self.picture_of(url, feed.folder)?;
            let link = match folder(picture) == feed.folder {
                true => format!("../pictures/{}", picture.name()),
                false => format!("../../{}/pictures/{}", folder(picture), picture.name()),
            };
            if !media.contains(&link) {
                media.push(link.clone());
            }
            Some(link)
        });
        let mut facts = facts(found, feed);
        if !media.is_empty() {
            facts.insert("media".to_owned(), media.into());
        }
        let mut front = Map::new();
        if !found.title.is_empty() {
            front.insert("title".to_owned(), found.title.as_str().into());
        }
        front.insert("platform".to_owned(), PRODUCT.into());
        if let Some(date) = time_of(found).and_then(|time| Timestamp::from_second(time).ok()) {
            front.insert("date".to_owned(), date.to_string().into());
        }
        front.extend(facts.clone());
        item.body = Body::Inline(format!("{}{text}", front_matter::written(&front)).into_bytes());
        item.path = path_of(found, feed);
        item.title = Some(found.title.clone()).filter(|title| !title.is_empty());
        item.time = time_of(found);
        item.extra = facts;
        item
    }

    /// The file of a picture: that of its name in the blog's own album, or the only one of its name.
    fn picture_of(&self, url: &str, blog: &str) -> Option<&'a Entry> {
        let path = url.split(['?', '#']).next().unwrap_or_default();
        let name = path.rsplit('/').next().filter(|name| !name.is_empty())?;
        // Blanks in names are `+` in addresses of Blogger.
        let plain = super::browser::percent_decoded(name);
        let found = [plain.replace('+', " "), plain];
        let files = found.iter().find_map(|name| self.pictures.get(&names::folded(name)))?;
        let own = files.iter().find(|entry| folder(entry) == blog);
        own.or(files.first().filter(|_| files.len() == 1)).copied()
    }
}

/// Names an entry for ever: by what Blogger calls it, or by its first time and title.
fn key_of(found: &entry::Entry) -> String {
    match id_of(&found.id) {
        Some(id) => id,
        None => {
            let named = format!("{}\n{}", found.published, found.title);
            format!("blogger:{}", &blake3::hash(named.as_bytes()).to_hex()[..32])
        }
    }
}

/// `tag:blogger.com,1999:blog-1.post-2` as a key: `blogger:1.post-2`.
fn id_of(id: &str) -> Option<String> {
    let tail = id.rsplit_once("blog-").map_or(id, |(_, tail)| tail);
    (!tail.is_empty()).then(|| format!("blogger:{tail}"))
}

fn time_of(found: &entry::Entry) -> Option<i64> {
    [&found.published, &found.created, &found.updated].into_iter().find_map(|text| seconds(text))
}

fn blog_path(folder: &str) -> String {
    format!("posts/blogger/{}", if folder.is_empty() { "blog" } else { folder })
}

/// Posts lie in their years, pages by themselves. A file keeps its place for ever, so nothing of it says what may change:
/// whether a post is a draft stands in the front matter.
fn path_of(found: &entry::Entry, feed: &Feed) -> String {
    let date = time_of(found).and_then(|time| Timestamp::from_second(time).ok()).map(|time| time.to_string());
    let date = date.as_deref().and_then(|date| date.get(..10)).unwrap_or_default();
    let stem = markdown::file_stem(&found.title, "");
    let (folder, date) = match found.form {
        Form::Page => ("pages", ""),
        _ => (date.get(..4).unwrap_or("undated"), date),
    };
    let name = match (date.is_empty(), stem.is_empty()) {
        (true, true) => "untitled".to_owned(),
        (true, false) => stem,
        (false, true) => date.to_owned(),
        (false, false) => format!("{date} {stem}"),
    };
    format!("{}/{folder}/{name}.md", blog_path(feed.folder))
}

fn facts(found: &entry::Entry, feed: &Feed) -> Map<String, Value> {
    let form = match found.form {
        Form::Page => "page",
        Form::Comment => "comment",
        Form::Post | Form::Other => "post",
    };
    let status = found.status.to_lowercase();
    let texts = [
        ("blog", feed.title.as_str()),
        ("form", form),
        ("status", if status == "live" { "" } else { &status }),
        ("published", &found.published),
        ("updated", &found.updated),
        ("created", &found.created),
        ("author", &found.author),
        ("author_url", &found.author_url),
        ("url", &found.url),
        ("description", &found.description),
    ];
    let texts = texts.into_iter().filter(|(_, text)| !text.is_empty());
    let mut facts: Map<String, Value> = texts.map(|(name, text)| (name.to_owned(), text.into())).collect();
    // Programs for sites know this word, and not Blogger's.
    if ["DRAFT", "SCHEDULED", "TRASHED"].iter().any(|word| found.status.contains(word)) {
        facts.insert("draft".to_owned(), true.into());
    }
    if !found.labels.is_empty() {
        facts.insert("labels".to_owned(), found.labels.clone().into());
    }
    facts
}

fn comment(found: &entry::Entry, feed: &Feed, mut item: Item) -> Item {
    item.time = time_of(found);
    item.extra = facts(found, feed);
    for (fact, id) in [("post", &found.parent), ("reply_to", &found.in_reply_to)] {
        if let Some(key) = id_of(id) {
            item.extra.insert(fact.to_owned(), key.into());
        }
    }
    let text = markdown::of_html(&found.html, &mut |_| None);
    item.extra.insert("text".to_owned(), text.trim_end().into());
    item
}

/// The feed as it is.
fn original(feed: &Feed) -> Item {
    let origin = Origin { entry: feed.entry.clone(), at: At::Whole };
    let name = if feed.n_posts == 0 && feed.n_comments > 0 { "comments.atom" } else { "feed.atom" };
    let key = format!("blogger-{name}:{}", names::folded(feed.folder));
    let mut item = Item::new(Kind::File, PRODUCT, key, origin);
    item.title = Some(feed.title.clone()).filter(|title| !title.is_empty());
    item.path = format!("{}/{name}", blog_path(feed.folder));
    item.body = Body::Entry(feed.entry.clone());
    item
}

/// The title of a feed, which stands before its entries.
fn feed_title(beginning: &[u8]) -> String {
    let text = String::from_utf8_lossy(beginning);
    let head = text.split("<entry").next().unwrap_or_default();
    let title = head.split_once("<title").and_then(|(_, rest)| rest.split_once('>'));
    let title =
        title.filter(|(tag, _)| !tag.ends_with('/')).and_then(|(_, rest)| rest.split_once("</title>"));
    title.map_or_else(String::new, |(title, _)| decoded(&decoded(title)).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_tells_its_title_before_its_entries() {
        assert_eq!(
            feed_title(b"<feed><id>x</id><title type='text'>Boats &amp;amp; co</title><entry>"),
            "Boats & co"
        );
        assert_eq!(feed_title(b"<feed><title/><entry><title>no</title></entry>"), "");
        assert_eq!(feed_title(b"<feed><entry><title>no</title></entry>"), "");
    }

    #[test]
    fn an_id_is_a_key_whatever_stands_before_it() {
        assert_eq!(id_of("tag:blogger.com,1999:blog-1.post-2").as_deref(), Some("blogger:1.post-2"));
        assert_eq!(id_of("odd").as_deref(), Some("blogger:odd"));
        assert_eq!(id_of(""), None);
    }
}
