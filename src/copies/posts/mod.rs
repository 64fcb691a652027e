//! Posts of any platform as programs for sites and other networks take them.
//!
//! A post in the archive is a Markdown file with front matter and its pictures; the file itself is read, so nothing here
//! depends on where it came from. Only what lies in `files/posts/` is ever copied: no message, no list of people.

pub mod json_feed;
pub mod markdown;
pub mod pixelfed;

use std::fs;
use std::path::Path;

use exodus_api::front_matter;
use serde_json::{Map, Value};

use crate::archive::reader::Reader;
use crate::archive::tally;
use crate::report::error::{Error, Kind, Result};

/// The folder of all posts, from the archive's top.
const FOLDER: &str = "files/posts/";
/// A larger post is no post.
const LIMIT_BYTES: u64 = 64 << 20;

/// What some exports tell of a post and others do not. Its file is what the newest one made of it; the index has what any of them told.
const TOLD_BY_SOME: [&str; 5] = ["latitude", "links", "location", "longitude", "people"];

/// Which posts are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Only those of this platform.
    pub platform: Option<String>,
    /// Also those that their owner shows to nobody: drafts, archived, deleted ones.
    pub with_drafts: bool,
}

/// A post.
#[derive(Clone, Debug, PartialEq)]
pub struct Post {
    /// Where it lies, below `files/posts/`.
    pub path: String,
    /// When it was posted, in seconds since 1970-01-01 UTC.
    pub time: Option<i64>,
    /// Its front matter, with what only the index has.
    pub front: Map<String, Value>,
    /// What only the index has, as lines of front matter.
    pub added: String,
    /// What stands below it.
    pub body: String,
    /// Its pictures and videos that the archive has, below `files/posts/`, in their order.
    pub media: Vec<String>,
}

impl Post {
    /// The platform it comes from.
    pub fn platform(&self) -> &str {
        let folder = self.path.split('/').next().unwrap_or_default();
        self.text("platform").unwrap_or(folder)
    }

    /// A text of its front matter.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.front.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// Its tags: what its words mark with `#`, or its labels.
    pub fn tags(&self) -> Vec<&str> {
        let list = ["hashtags", "labels", "tags"].iter().find_map(|name| self.front.get(*name)?.as_array());
        list.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    fn is_draft(&self) -> bool {
        self.front.get("draft") == Some(&Value::Bool(true))
    }
}

/// The posts of an archive, the newest first.
///
/// # Errors
/// When the archive cannot be read.
pub fn chosen(archive: &Path, choice: &Choice) -> Result<Vec<Post>> {
    let mut posts = Vec::new();
    for line in Reader::open(archive)?.posts()? {
        let post = read(archive, line)?;
        let is_of = choice.platform.as_deref().is_none_or(|platform| platform == post.platform());
        if is_of && (choice.with_drafts || !post.is_draft()) {
            posts.push(post);
        }
    }
    Ok(posts)
}

fn read(archive: &Path, line: tally::Post) -> Result<Post> {
    let (path, time) = (line.path.as_str(), line.time);
    let file = archive.join(path);
    let len = file.metadata().map_err(|err| Error::io("read", &file, &err))?.len();
    if len > LIMIT_BYTES {
        return Err(Error::new(Kind::Archive, format!("`{path}` is too large for a post: {len} bytes")));
    }
    let text = fs::read_to_string(&file).map_err(|err| Error::io("read", &file, &err))?;
    let (mut front, body) = parted(&text);
    let mut added = String::new();
    for (name, value) in line.facts {
        let is_told = front.is_empty() || front.contains_key(&name) || !TOLD_BY_SOME.contains(&name.as_str());
        if !is_told && !value.is_null() && value != Value::Array(Vec::new()) {
            added.push_str(&front_matter::line(&name, &value));
            front.insert(name, value);
        }
    }
    let path = path.strip_prefix(FOLDER).unwrap_or(path).to_owned();
    let listed = front.get("media").and_then(Value::as_array);
    let media = listed.into_iter().flatten().filter_map(Value::as_str);
    let media = media.filter_map(|link| resolved(&path, link));
    let media = media.filter(|media| archive.join(FOLDER).join(media).is_file()).collect();
    Ok(Post { path, time, front, added, body: body.to_owned(), media })
}

/// Front matter and what stands below it. Values are JSON, a line each.
fn parted(text: &str) -> (Map<String, Value>, &str) {
    let none = (Map::new(), text);
    let Some((front, body)) = text.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n")) else {
        return none;
    };
    let value = |line: &str| {
        let (name, value) = line.split_once(": ")?;
        Some((name.to_owned(), serde_json::from_str(value).ok()?))
    };
    (front.lines().filter_map(value).collect(), body.trim_start_matches('\n'))
}

/// Where a link in a post leads, below `files/posts/`; `None` if it leads out of there.
fn resolved(post: &str, link: &str) -> Option<String> {
    if link.contains("://") || link.starts_with('/') {
        return None;
    }
    let mut path: Vec<&str> = post.split('/').collect();
    path.pop();
    for part in link.split('/') {
        match part {
            ".." => drop(path.pop()?),
            "." | "" => {}
            part => path.push(part),
        }
    }
    (path.len() > 1).then(|| path.join("/"))
}

/// The media type of a file, by its extension, which in the archive is that of what it is.
fn mime_type(path: &str) -> &'static str {
    let extension = path.rsplit_once('.').map_or(String::new(), |(_, it)| it.to_lowercase());
    match extension.as_str() {
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "heic" => "image/heic",
        "avif" => "image/avif",
        "mp4" | "m4v" => "video/mp4",
        "mov" => "video/quicktime",
        "webm" => "video/webm",
        "mp3" => "audio/mpeg",
        "m4a" => "audio/mp4",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn front_matter_is_told_from_what_stands_below() {
        let (front, body) = parted("---\ntitle: \"a\\n---\"\nmedia: [\"1.jpg\"]\n---\n\n# b\n---\n");
        assert_eq!((front["title"].as_str(), body), (Some("a\n---"), "# b\n---\n"));
        assert_eq!(front["media"][0], "1.jpg");
        assert_eq!(parted("no front\n"), (Map::new(), "no front\n"));
    }

    #[test]
    fn a_link_leads_to_no_place_but_posts() {
        assert_eq!(resolved("p/2022/a/index.md", "1.jpg").as_deref(), Some("p/2022/a/1.jpg"));
        assert_eq!(resolved("p/2022/a/index.md", "../../2021/b/1.jpg").as_deref(), Some("p/2021/b/1.jpg"));
        assert_eq!(resolved("p/2022/a/index.md", "../../../../chats/1.jpg"), None);
        assert_eq!(resolved("p/a.md", "../../x"), None);
        assert_eq!(resolved("p/a.md", "https://example.org/1.jpg"), None);
        assert_eq!(resolved("p/a.md", "/etc/passwd"), None);
    }
}
