//! What product a folder is whose name nobody knows: by what lies in it, where no page tells.
//!
//! Careful rather than clever: a Drive may hold anything, so all files of a folder must be of the product's kinds, and
//! one must say what it is. A folder that fits nothing is kept under its own name.

use exodus_api::{Entry, Source};

use super::head;
use crate::shared::names;

/// So many files of one kind are opened.
const TRIES: usize = 3;

/// The code of the product in a folder, by its content.
pub fn code_of(source: &dyn Source, folder: &str) -> Option<&'static str> {
    let root = format!("{folder}/");
    let under = source.under(&root).iter().filter(|entry| !names::is_system_junk(&entry.path));
    let folder = Folder { source, root: &root, entries: under.collect() };
    let checks: [(&str, Check); 12] = [
        ("CONTACTS", |it| it.has_only(&["vcf", "jpg", "jpeg", "png"], 2) && it.says("vcf", &["BEGIN:VCARD"])),
        ("CALENDAR", |it| it.has_only(&["ics"], 1) && it.says("ics", &["BEGIN:VCALENDAR"])),
        ("TASKS", |it| it.has_only(&["json"], 1) && it.says("json", &["tasks#taskLists"])),
        ("KEEP", |it| it.has_depth(1) && it.says("json", &["\"isTrashed\"", "\"isPinned\"", "\"title\""])),
        ("KEEP", |it| it.has_depth(1) && it.says("html", &["<div class=\"note", "class=\"heading\""])),
        ("HANGOUTS_CHAT", |it| it.says("json", &["\"messages\"", "\"creator\"", "\"created_date\""])),
        ("HANGOUTS", |it| it.has_depth(1) && it.says("json", &["\"conversation", "\"participant_data\""])),
        ("VOICE", |it| it.says("html", &["hChatLog hfeed"]) || it.says("html", &["class=\"haudio\""])),
        ("GROUPS", |it| it.has_only(&["mbox", "csv"], 3) || it.has_only(&["mbox", "csv"], 4)),
        ("FIT", |it| it.says("json", &["\"Data Source\"", "\"Data Points\""])),
        ("PLAY", |it| {
            it.has_only(&["json"], 1) && it.says("json", &["\"doc\"", "\"documentType\"", "\"title\""])
        }),
        ("BLOGGER", |it| it.says("atom", &["<feed", "blogger"])),
    ];
    checks.into_iter().find(|(_, is_it)| is_it(&folder)).map(|(code, _)| code)
}

type Check = fn(&Folder) -> bool;

struct Folder<'a> {
    source: &'a dyn Source,
    root: &'a str,
    entries: Vec<&'a Entry>,
}

impl Folder<'_> {
    /// True if all files have one of the endings and lie so many names below the folder.
    fn has_only(&self, endings: &[&str], depth: usize) -> bool {
        self.has_depth(depth) && self.entries.iter().all(|entry| endings.contains(&&*ending(entry)))
    }

    fn has_depth(&self, depth: usize) -> bool {
        let depth_of = |entry: &&Entry| entry.path[self.root.len()..].split('/').count();
        !self.entries.is_empty() && self.entries.iter().all(|entry| depth_of(entry) == depth)
    }

    /// True if one of the first files with this ending has all of the words near its beginning.
    fn says(&self, wanted: &str, words: &[&str]) -> bool {
        let mut files = self.entries.iter().filter(|entry| ending(entry) == wanted).take(TRIES);
        files.any(|entry| {
            let beginning = head(self.source, entry, 16 << 10);
            words.iter().all(|word| memchr::memmem::find(&beginning, word.as_bytes()).is_some())
        })
    }
}

fn ending(entry: &Entry) -> String {
    entry.name().rsplit_once('.').map_or(String::new(), |(_, ending)| ending.to_lowercase())
}
