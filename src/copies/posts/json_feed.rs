//! Posts as a JSON Feed 1.1 (jsonfeed.org/version/1.1): what feed readers and many importers take.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::{FOLDER, Post, mime_type};
use crate::report::error::{Error, Result};

/// What is not written as it is in a path of an address.
const IN_PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b']')
    .add(b'`');

/// Writes the feed as `feed.json` into a folder that has the posts.
///
/// # Errors
/// When it cannot be written.
pub fn write(archive: &Path, posts: &[Post], to: &Path, title: &str, base: Option<&str>) -> Result<()> {
    let feed = written(archive, posts, title, base);
    let (path, temporary) = (to.join("feed.json"), to.join("feed.json.part"));
    fs::create_dir_all(to)
        .and_then(|()| fs::write(&temporary, format!("{feed:#}\n")))
        .and_then(|()| fs::rename(&temporary, &path))
        .map_err(|err| Error::io("write", &path, &err))
}

/// The feed. `base` is the address at which the folder of the posts will be; without it addresses are relative to
/// the feed.
fn written(archive: &Path, posts: &[Post], title: &str, base: Option<&str>) -> Value {
    let base = base.map(|base| format!("{}/", base.trim_end_matches('/'))).unwrap_or_default();
    let items: Vec<Value> = posts.iter().map(|post| item(archive, post, &base)).collect();
    let mut feed = Map::new();
    feed.insert("version".to_owned(), "https://jsonfeed.org/version/1.1".into());
    feed.insert("title".to_owned(), title.into());
    if !base.is_empty() {
        feed.insert("home_page_url".to_owned(), base.clone().into());
        feed.insert("feed_url".to_owned(), format!("{base}feed.json").into());
    }
    feed.insert("items".to_owned(), items.into());
    Value::Object(feed)
}

fn item(archive: &Path, post: &Post, base: &str) -> Value {
    let address = |path: &str| format!("{base}{}", utf8_percent_encode(path, IN_PATH));
    let mut item = Map::new();
    let mut add = |name: &str, value: Value| item.insert(name.to_owned(), value);
    // The name of the post in the archive is its own for ever, wherever the folder will be.
    add("id", post.path.clone().into());
    if !base.is_empty() {
        add("url", address(post.path.strip_suffix("index.md").unwrap_or(&post.path)).into());
    }
    if let Some(title) = post.text("title") {
        add("title", title.into());
    }
    add("content_text", post.text("caption").unwrap_or(post.body.trim_end()).into());
    if let Some(time) = post.time.and_then(|time| Timestamp::from_second(time).ok()) {
        add("date_published", time.to_string().into());
    }
    let changed = ["updated", "edited"].iter().find_map(|name| post.text(name));
    if let Some(changed) = changed.filter(|changed| changed.parse::<Timestamp>().is_ok()) {
        add("date_modified", changed.into());
    }
    if !post.tags().is_empty() {
        add("tags", post.tags().into());
    }
    let attachments: Vec<Value> = post
        .media
        .iter()
        .map(|path| {
            let size = archive.join(FOLDER).join(path).metadata().map_or(0, |it| it.len());
            json!({"url": address(path), "mime_type": mime_type(path), "size_in_bytes": size})
        })
        .collect();
    if let Some(picture) = post.media.iter().find(|path| mime_type(path).starts_with("image/")) {
        add("image", address(picture).into());
    }
    if !attachments.is_empty() {
        add("attachments", attachments.into());
    }
    // Extensions begin with `_` and are objects.
    add("_exodus", json!({"platform": post.platform(), "type": post.text("type")}));
    Value::Object(item)
}
