//! What product a folder is whose name nobody knows: by what lies in it, where no page tells.
//!
//! Careful rather than clever: a Drive may hold anything, so all files of a folder must be of the product's kinds, and
//! one must say what it is. A folder that fits nothing is kept under its own name.

use exodus_api::{Entry, Source};

use super::{head, pay};
use crate::shared::names;

/// So many files of one kind are opened.
const TRIES: usize = 3;

/// The code of the product in a folder, by its content.
pub fn code_of(source: &dyn Source, folder: &str) -> Option<&'static str> {
    let root = format!("{folder}/");
    let under = source.under(&root).iter().filter(|entry| !names::is_system_junk(&entry.path));
    let folder = Folder { source, root: &root, entries: under.collect() };
    let checks: &[(&str, Check)] = &[
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
        ("FITBIT", |it| it.says("json", &["\"logId\""]) || it.says("json", &["\"dateTime\"", "\"value\""])),
        ("GOOGLE_PAY", |it| it.begins("csv", pay::has_payments)),
        ("PROFILE", |it| it.has_depth(1) && it.says("json", &["\"displayName\"", "\"givenName\""])),
        ("BLOGGER", |it| it.says("atom", &["<feed", "blogger"])),
        ("CHROME", |it| it.has_depth(1) && it.says("json", &["\"Browser History\""])),
        ("CHROME", |it| it.has_depth(1) && it.says("html", &["NETSCAPE-Bookmark-file"])),
        ("MAPS", |it| it.says("json", &["\"FeatureCollection\"", "\"google_maps_url\""])),
        ("MAPS", |it| it.says("json", &["\"FeatureCollection\"", "\"Google Maps URL\""])),
        ("LOCATION_HISTORY", |it| it.says("json", &["\"locations\"", "\"latitudeE7\""])),
        ("LOCATION_HISTORY", |it| it.says("json", &["\"timelineObjects\""])),
        ("YOUTUBE", |it| it.says("csv", &["/channel/UC"]) || it.says("json", &["\"youtube#", "\"snippet\""])),
        ("SAVE", |it| it.has_only(&["csv"], 1) && it.says("csv", &[",URL,"])),
        ("MY_ACTIVITY", |it| {
            it.has_depth(2) && it.says("json", &["\"header\"", "\"title\"", "\"products\""])
        }),
        ("MY_ACTIVITY", |it| it.has_depth(2) && it.says("html", &["class=\"outer-cell"])),
    ];
    checks.iter().find(|(_, is_it)| is_it(&folder)).map(|(code, _)| *code)
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
        let has = |beginning: &[u8], word: &&str| memchr::memmem::find(beginning, word.as_bytes()).is_some();
        self.begins(wanted, |beginning| words.iter().all(|word| has(beginning, word)))
    }

    /// True if one of the first files with this ending begins so.
    fn begins(&self, wanted: &str, is_it: impl Fn(&[u8]) -> bool) -> bool {
        let mut files = self.entries.iter().filter(|entry| ending(entry) == wanted).take(TRIES);
        files.any(|entry| is_it(&head(self.source, entry, 16 << 10)))
    }
}

fn ending(entry: &Entry) -> String {
    entry.name().rsplit_once('.').map_or(String::new(), |(_, ending)| ending.to_lowercase())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use exodus_api::Importer;
    use exodus_fixtures::lang::Lang;
    use exodus_fixtures::takeout::{Spec, build};

    use crate::contract::Memory;
    use crate::google::IMPORTER;
    use crate::google::products::name_of;

    #[test]
    fn products_are_known_by_their_content_when_no_name_and_no_page_tells() {
        let (mut folders, mut files) = (Vec::<String>::new(), Vec::new());
        let mut expected = BTreeSet::new();
        for file in build(&Spec::new(Lang::De, 60, 3)).0 {
            let Some((folder, rest)) = file.path.strip_prefix("Takeout/").and_then(|it| it.split_once('/'))
            else {
                continue;
            };
            let known = folders.iter().position(|it| it == folder).unwrap_or(folders.len());
            if known == folders.len() {
                folders.push(folder.to_owned());
            }
            files.push((format!("Takeout/Ordner {known}/{rest}"), file.content));
        }
        for folder in &folders {
            let code = super::super::products::code_of_folder(folder);
            expected.insert((folder.clone(), name_of(code, folder)));
        }
        let survey = IMPORTER.survey(&Memory::new(files, 2)).expect("it is a Takeout");
        let found: BTreeSet<(String, String)> = survey
            .products
            .into_iter()
            .filter_map(|it| {
                let n: usize = it.folder.strip_prefix("Takeout/Ordner ")?.parse().ok()?;
                Some((folders[n].clone(), it.name))
            })
            .collect();
        // Anything may be in a Drive, and mail is found by its mbox.
        let is_told = |it: &&(String, String)| !["drive", "mail", "groups"].contains(&&*it.1);
        let missed: Vec<_> = expected.difference(&found).filter(is_told).collect();
        assert_eq!(missed, Vec::<&(String, String)>::new(), "of {found:?}");
    }

    #[test]
    fn photos_alone_are_a_takeout_even_out_of_their_folder() {
        let files = build(&Spec::new(Lang::De, 5, 3)).0.into_iter();
        let photos = files.filter_map(|it| Some((it.path.strip_prefix("Takeout/")?.to_owned(), it.content)));
        let photos: Vec<_> = photos.filter(|(path, _)| path.starts_with("Google Fotos/")).collect();
        assert!(photos.len() > 10);
        assert_ne!(IMPORTER.detect(&Memory::new(photos, 1)), exodus_api::Detection::No);
        let pictures = vec![("Google Fotos/2019/a.jpg".to_owned(), b"\xff\xd8\xff".to_vec())];
        assert_eq!(IMPORTER.detect(&Memory::new(pictures, 1)), exodus_api::Detection::No);
    }
}
