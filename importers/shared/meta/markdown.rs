//! A post as a Markdown file with YAML front matter, as Hugo, Zola and Eleventy read it: `index.md` beside its pictures.
//!
//! The words of a post are no Markdown, so what would be read as such is escaped; a brace too, which templates would run.

use exodus_api::front_matter;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::post::Post;

/// A picture or video as the file leads to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Where it lies, from the file's folder; or on the web.
    pub path: String,
    /// What is said of it.
    pub caption: String,
    /// True if it is in no part that was given.
    pub is_missing: bool,
}

/// The file.
pub fn written(post: &Post, links: &[Link]) -> String {
    let mut out = front_matter::written(&facts(post, links));
    if !post.caption.is_empty() {
        out.push_str(&escaped(&post.caption));
        out.push_str("\n\n");
    }
    for link in links {
        if link.is_missing {
            continue;
        }
        let path = link.path.replace(['<', '>', '\n'], "");
        let name = path.rsplit('/').next().unwrap_or(&path);
        let (bang, text) = if is_picture(&path) { ("!", link.caption.as_str()) } else { ("", name) };
        out.push_str(&format!("{bang}[{}](<{path}>)\n", escaped(&text.replace('\n', " "))));
        if bang.is_empty() && !link.caption.is_empty() {
            out.push_str(&format!("\n{}\n", escaped(&link.caption)));
        }
        out.push('\n');
    }
    for (name, url) in shared(post) {
        let name = if name.is_empty() { url } else { name };
        let url = url.replace(['<', '>', '\n'], "");
        out.push_str(&format!("[{}](<{url}>)\n\n", escaped(&name.replace('\n', " "))));
    }
    let len = out.trim_end().len();
    out.truncate(len);
    out.push('\n');
    out
}

/// The links to the web that a post shares, with what they are called.
fn shared(post: &Post) -> impl Iterator<Item = (&str, &str)> {
    let links = post.extra.get("links").and_then(Value::as_array).into_iter().flatten();
    links.filter_map(|link| {
        let url =
            link["url"].as_str().filter(|url| url.starts_with("https://") || url.starts_with("http://"))?;
        Some((link["name"].as_str().unwrap_or_default(), url))
    })
}

fn facts(post: &Post, links: &[Link]) -> Map<String, Value> {
    let mut facts = Map::new();
    let mut add = |name: &str, value: Value| {
        let is_empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty) || value == json!("");
        if !is_empty {
            facts.insert(name.to_owned(), value);
        }
    };
    add("title", post.title().into());
    let time = post.time.and_then(|time| Timestamp::from_second(time).ok());
    add("date", time.map(|time| time.to_string()).into());
    add("draft", post.of.is_hidden().then_some(true).into());
    add("platform", post.platform.into());
    add("type", post.of.name(post.media.len()).into());
    add("caption", post.caption.clone().into());
    let paths = |is_missing: bool| -> Vec<&str> {
        links.iter().filter(|link| link.is_missing == is_missing).map(|link| link.path.as_str()).collect()
    };
    add("media", json!(paths(false)));
    add("missing", json!(paths(true)));
    add("hashtags", json!(post.hashtags()));
    add("mentions", json!(post.mentions()));
    for name in ["location", "latitude", "longitude", "links", "people"] {
        add(name, post.extra.get(name).cloned().unwrap_or_default());
    }
    facts
}

fn is_picture(path: &str) -> bool {
    let path = path.to_lowercase();
    [".jpg", ".jpeg", ".png", ".webp", ".gif", ".heic", ".avif"].iter().any(|end| path.ends_with(end))
}

/// Text that Markdown, and the template languages of programs for sites, take as it stands; its lines stay lines.
fn escaped(text: &str) -> String {
    let line = |line: &str| {
        let mut out = String::with_capacity(line.len() + 8);
        for (at, letter) in line.char_indices() {
            let is_first = line[..at].trim().is_empty();
            match letter {
                '\\' | '*' | '_' | '`' | '[' | ']' | '~' | '|' => out.extend(['\\', letter]),
                '<' => out.push_str("&lt;"),
                '&' => out.push_str("&amp;"),
                '{' => out.push_str("&#123;"),
                '#' | '+' | '-' | '=' | '>' | ':' if is_first => out.extend(['\\', letter]),
                // `1. ` begins a list.
                '.' | ')' if !is_first && line[..at].trim().bytes().all(|byte| byte.is_ascii_digit()) => {
                    out.extend(['\\', letter]);
                }
                letter => out.push(letter),
            }
        }
        out.trim_start().to_owned()
    };
    let mut out = String::new();
    let mut lines = text.lines().map(str::trim_end).peekable();
    while let Some(this) = lines.next() {
        out.push_str(&line(this));
        if let Some(next) = lines.peek() {
            // A line break within a paragraph must be said.
            let is_break = !this.is_empty() && !next.is_empty();
            out.push_str(if is_break { "\\\n" } else { "\n" });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::media::Media;
    use super::super::post::Type;
    use super::*;

    #[test]
    fn a_carousel_is_a_file_with_its_pictures() {
        let mut extra = Map::new();
        extra.insert("location".into(), "Cádiz".into());
        let post = Post {
            platform: "instagram",
            of: Type::Post,
            caption: "Día de playa 🌊\n#mar con @ben.b\n\n1. no *list* {{< x >}}".into(),
            time: Some(1_658_871_953),
            media: vec![Media::default(), Media::default()],
            extra,
        };
        let link = |path: &str, caption: &str, is_missing| Link {
            path: path.into(),
            caption: caption.into(),
            is_missing,
        };
        let links = [link("a.webp", "", false), link("b.mp4", "a [film]", false), link("c.jpg", "", true)];
        assert_eq!(
            written(&post, &links),
            "---\ncaption: \"Día de playa 🌊\\n#mar con @ben.b\\n\\n1. no *list* {{< x >}}\"\ndate: \"2022-07-26T21:45:53Z\"\n\
            hashtags: [\"mar\"]\nlocation: \"Cádiz\"\nmedia: [\"a.webp\",\"b.mp4\"]\nmentions: [\"ben.b\"]\nmissing: [\"c.jpg\"]\n\
            platform: \"instagram\"\ntitle: \"Día de playa 🌊\"\ntype: \"carousel\"\n---\n\n\
            Día de playa 🌊\\\n\\#mar con @ben.b\n\n1\\. no \\*list\\* &#123;&#123;&lt; x >}}\n\n\
            ![](<a.webp>)\n\n[b.mp4](<b.mp4>)\n\na \\[film\\]\n"
        );
    }

    #[test]
    fn what_its_owner_hid_is_a_draft() {
        let post = Post {
            platform: "instagram",
            of: Type::Archived,
            caption: String::new(),
            time: None,
            media: Vec::new(),
            extra: Map::new(),
        };
        assert_eq!(
            written(&post, &[]),
            "---\ndraft: true\nplatform: \"instagram\"\ntype: \"archived\"\n---\n"
        );
    }
}
