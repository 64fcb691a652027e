//! Exports of before 2018: pages only, `html/messages.htm`, `html/wall.htm` (later `timeline.htm`), `html/friends.htm`, `html/photos.htm`, all of
//! English names in any language.
//!
//! What is told here of their structure was seen in tests and code of public parsers, of 2013 to 2018 and in English, Italian and others;
//! `README.md` says of what nobody has written. All that such a page says is read by its classes; what is not understood stays in
//! the file, which is kept.

pub mod chats;
mod pieces;
pub mod wall;

use exodus_api::Source;

use crate::shared::html::Element;
use crate::shared::meta::record::folded;
use crate::shared::meta::shape::head;
use crate::shared::meta::tree::File;

/// The content begins behind a list of all pages.
const HEAD_BYTES: u64 = 64 << 10;

/// What an old page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OldPage {
    /// What stands on the account's wall, its own words and those of others.
    Wall,
    /// Friends, and people who were asked or removed.
    Friends,
    /// The names of albums.
    Albums,
}

/// What an old page is; `None` if it is none, or one of conversations.
pub fn page_of(source: &dyn Source, file: &File) -> Option<OldPage> {
    let page = match file.stem() {
        "wall" | "timeline" => OldPage::Wall,
        "friends" => OldPage::Friends,
        "photos" => OldPage::Albums,
        _ => return None,
    };
    (is_here(file) && has_contents(source, file)).then_some(page)
}

/// True for a file beside the old pages.
pub fn is_here(file: &File) -> bool {
    file.extension() == "htm" && file.is_in("html")
}

fn has_contents(source: &dyn Source, file: &File) -> bool {
    memchr::memmem::find(&head(source, file.entry, HEAD_BYTES), b"class=\"contents\"").is_some()
}

/// What an element leads to: a picture, a video, a link.
fn target(element: &Element) -> Option<&str> {
    let name = if element.name == "a" { "href" } else { "src" };
    element.attribute(name).filter(|target| !target.is_empty() && !target.starts_with('#'))
}

fn is_on_the_web(target: &str) -> bool {
    target.starts_with("http://") || target.starts_with("https://")
}

/// Text with its lines, each without needless blanks.
fn tidy(text: &str) -> String {
    text.split('\n').map(folded).collect::<Vec<_>>().join("\n").trim().to_owned()
}
