//! One entry of a blog's feed: a post, a page, a comment, as the feed says it.
//!
//! Takeout's feed (`xmlns:blogger="http://schemas.google.com/blogger/2018"`) tells what an entry is in `blogger:type`, its state in
//! `blogger:status`, its labels in one `category` with line breaks between them or in several; the backup that Blogger itself
//! makes, and older Takeouts, in a `category` whose scheme ends in `#kind` and in `app:draft`. Both were seen in tests of public
//! converters of 2023 to 2026. Names are compared without their prefix.

use jiff::Timestamp;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::shared::html::decoded;

/// What an entry is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// An entry of the blog.
    Post,
    /// A page beside the entries.
    Page,
    /// What somebody said to one of them.
    Comment,
    /// A setting or a template, which older feeds have among their entries.
    #[default]
    Other,
}

/// An entry.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// `tag:blogger.com,1999:blog-1.post-2`.
    pub id: String,
    /// What it is.
    pub form: Form,
    /// `LIVE`, `DRAFT`, `SOFT_TRASHED` … in upper case; empty where the feed does not tell.
    pub status: String,
    /// Its title, as text.
    pub title: String,
    /// Its content, HTML.
    pub html: String,
    /// What search engines are to show.
    pub description: String,
    /// Who wrote it.
    pub author: String,
    /// Where they are found.
    pub author_url: String,
    /// Times as the feed has them.
    pub created: String,
    /// The same.
    pub published: String,
    /// The same.
    pub updated: String,
    /// Its labels.
    pub labels: Vec<String>,
    /// Its address, whole or from the blog's own on.
    pub url: String,
    /// The id of what a comment was made to.
    pub parent: String,
    /// The id of the comment that a comment answers.
    pub in_reply_to: String,
}

/// Reads an entry; `None` if it is no XML, or has neither id nor content.
pub fn read(xml: &[u8]) -> Option<Entry> {
    let mut reader = Reader::from_reader(xml);
    let mut reading = Reading::default();
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                reading.start(&start);
                if reading.is_xhtml(&start) {
                    let inner = reader.read_text(start.name()).ok()?;
                    reading.entry.html = inner.into_owned();
                    reading.path.pop();
                }
            }
            Event::Empty(start) => {
                reading.start(&start);
                reading.path.pop();
            }
            Event::Text(text) => reading.text(&decoded(&String::from_utf8_lossy(&text))),
            Event::CData(text) => reading.text(&String::from_utf8_lossy(&text)),
            Event::End(_) => {
                reading.path.pop();
            }
            Event::Eof => break,
            _ => {}
        }
    }
    reading.finish()
}

/// The time that a text tells, in seconds since 1970-01-01 UTC.
pub fn seconds(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_second)
}

#[derive(Default)]
struct Reading {
    entry: Entry,
    /// The elements that are open, without their prefixes.
    path: Vec<String>,
    is_draft: String,
    trashed: String,
    filename: String,
}

impl Reading {
    fn start(&mut self, start: &BytesStart) {
        self.path.push(String::from_utf8_lossy(start.local_name().as_ref()).into_owned());
        if self.path.len() != 2 {
            return;
        }
        match self.path[1].as_str() {
            "category" => self.category(&attribute(start, "scheme"), &attribute(start, "term")),
            "link" if attribute(start, "rel") == "alternate" => self.entry.url = attribute(start, "href"),
            "in-reply-to" => self.entry.parent = attribute(start, "ref"),
            _ => {}
        }
    }

    fn is_xhtml(&self, start: &BytesStart) -> bool {
        self.path.len() == 2 && self.path[1] == "content" && attribute(start, "type") == "xhtml"
    }

    fn category(&mut self, scheme: &str, term: &str) {
        if scheme.ends_with("#kind") {
            self.entry.form = form(term.rsplit('#').next().unwrap_or_default());
            return;
        }
        let labels = term.split('\n').map(str::trim).filter(|label| !label.is_empty());
        self.entry.labels.extend(labels.map(str::to_owned));
    }

    fn text(&mut self, text: &str) {
        let names: Vec<&str> = self.path.iter().skip(1).map(String::as_str).collect();
        let entry = &mut self.entry;
        let field = match names[..] {
            ["type"] => return entry.form = form(text),
            ["id"] => &mut entry.id,
            ["status"] => &mut entry.status,
            ["title"] => &mut entry.title,
            ["content"] => &mut entry.html,
            ["metaDescription"] => &mut entry.description,
            ["author", "name"] => &mut entry.author,
            ["author", "uri"] => &mut entry.author_url,
            ["created"] => &mut entry.created,
            ["published"] => &mut entry.published,
            ["updated"] => &mut entry.updated,
            ["parent"] => &mut entry.parent,
            ["inReplyTo"] => &mut entry.in_reply_to,
            ["filename"] => &mut self.filename,
            ["trashed"] => &mut self.trashed,
            ["control", "draft"] => &mut self.is_draft,
            _ => return,
        };
        field.push_str(text);
    }

    fn finish(mut self) -> Option<Entry> {
        let is_trashed = !self.trashed.trim().is_empty();
        let is_draft = self.is_draft.trim().eq_ignore_ascii_case("yes");
        let entry = &mut self.entry;
        // Takeout escapes titles twice.
        entry.title = decoded(&entry.title).split_whitespace().collect::<Vec<&str>>().join(" ");
        entry.status = match (entry.status.trim(), is_trashed, is_draft) {
            (_, true, _) => "TRASHED".to_owned(),
            ("", _, true) => "DRAFT".to_owned(),
            (status, ..) => status.to_uppercase(),
        };
        for field in [
            &mut entry.id,
            &mut entry.author,
            &mut entry.author_url,
            &mut entry.created,
            &mut entry.published,
            &mut entry.updated,
            &mut entry.parent,
            &mut entry.in_reply_to,
            &mut entry.description,
        ] {
            *field = field.trim().to_owned();
        }
        if entry.url.is_empty() {
            entry.url = self.filename.trim().to_owned();
        }
        (!self.entry.id.is_empty() || !self.entry.html.trim().is_empty()).then_some(self.entry)
    }
}

fn form(word: &str) -> Form {
    match word.trim().to_lowercase().as_str() {
        "post" => Form::Post,
        "page" => Form::Page,
        "comment" => Form::Comment,
        _ => Form::Other,
    }
}

/// The value of an attribute, decoded; its line breaks stay.
fn attribute(start: &BytesStart, name: &str) -> String {
    let found = start.attributes().flatten().find(|it| it.key.local_name().as_ref() == name.as_bytes());
    found.map_or_else(String::new, |it| decoded(&String::from_utf8_lossy(&it.value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_of_takeout_is_read_with_labels_in_one_category() {
        let entry = read(
            "<entry><id>tag:blogger.com,1999:blog-1.post-2</id><blogger:type>POST</blogger:type>\
            <blogger:status>LIVE</blogger:status><author><name>Ada Example</name><uri></uri>\
            <blogger:type>BLOGGER</blogger:type></author><title>The &amp;#39;boat&amp;#39;</title>\
            <content type='html'>&lt;p&gt;a &amp;amp; b&lt;/p&gt;</content><blogger:metaDescription/>\
            <published>2026-06-18T01:45:55.218Z</published><category scheme='tag:blogger.com,1999:blog-1' \
            term='Boats&#10;Harbour\nSea'/><blogger:filename>/2026/06/boat.html</blogger:filename><link/>\
            <blogger:trashed/></entry>"
                .as_bytes(),
        )
        .expect("an entry");
        let expected = Entry {
            id: "tag:blogger.com,1999:blog-1.post-2".into(),
            form: Form::Post,
            status: "LIVE".into(),
            title: "The 'boat'".into(),
            html: "<p>a &amp; b</p>".into(),
            author: "Ada Example".into(),
            published: "2026-06-18T01:45:55.218Z".into(),
            labels: vec!["Boats".into(), "Harbour".into(), "Sea".into()],
            url: "/2026/06/boat.html".into(),
            ..Entry::default()
        };
        assert_eq!(entry, expected);
    }

    #[test]
    fn an_entry_of_an_older_feed_is_read_too() {
        let entry = read(
            b"<entry><id>tag:blogger.com,1999:blog-1.comment-3</id><category scheme='http://schemas.google.com/g/2005#kind' \
            term='http://schemas.google.com/blogger/2008/kind#comment'/><category scheme='http://www.blogger.com/atom/ns#' \
            term='x'/><title type='text'>t</title><content type='xhtml'><div>a<br/>b</div></content><app:control><app:draft>yes\
            </app:draft></app:control><link rel='alternate' href='https://example.org/a?b&amp;c'/><thr:in-reply-to \
            ref='tag:blogger.com,1999:blog-1.post-2'/></entry>",
        )
        .expect("an entry");
        assert_eq!((entry.form, entry.status.as_str()), (Form::Comment, "DRAFT"));
        assert_eq!(entry.html, "<div>a<br/>b</div>");
        assert_eq!(entry.url, "https://example.org/a?b&c");
        assert_eq!(
            (entry.labels, entry.parent.as_str()),
            (vec!["x".to_owned()], "tag:blogger.com,1999:blog-1.post-2")
        );
    }

    #[test]
    fn what_is_no_entry_is_none() {
        for text in
            ["<entry><id>x</entry>", "<entry></entry>", "<entry><id>", "<entry><title>x</title></entry>"]
        {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
    }
}
