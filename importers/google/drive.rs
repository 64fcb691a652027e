//! Drive: a tree of files, and the sidecars that stand beside them in some exports.
//!
//! A sidecar is known by its name *and* its content: `<file>-info.json` (also cut to `-inf`, `-in`, `-i`, `-`, with
//! the number of a duplicate moved behind it: `file.docx-info(1).json` for `file(1).docx`) that holds a title and
//! permissions or times; `<file>-comments.html` whose title is the file. Anything else is the user's own, whatever
//! its name. Without a sidecar an export tells no date of a file: then the document itself is asked, and if it does
//! not know either the date stays unknown, for the container's own date is that of the export.

use std::collections::HashMap;

use exodus_api::{
    At, Body, Entry, ImportError, Item, Key, Kind, Options, Origin, Product, Sink, Skip, Source,
};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::naming::{spelled, split_extension, split_number};
use super::read;
use super::wire::DriveInfo;
use crate::shared::{document_date, names};

/// A larger file is no sidecar.
const SIDECAR_LIMIT_BYTES: u64 = 1 << 20;
/// Names are cut to about so many UTF-16 units; a longer title is the better name.
const CUT_UNITS: usize = 45;

/// Imports a Drive.
pub fn import(
    source: &dyn Source,
    product: &Product,
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    let root = format!("{}/", product.folder);
    let entries: Vec<&Entry> =
        source.under(&root).iter().filter(|entry| !names::is_system_junk(&entry.path)).collect();
    if !options.wants(Kind::File, "drive") {
        for entry in entries {
            sink.skip(entry, Skip::NotAskedFor)?;
        }
        return Ok(());
    }
    let mut sidecars = Sidecars::find(source, &entries);
    let mut files: Vec<&Entry> =
        entries.into_iter().filter(|entry| !sidecars.is_sidecar.contains_key(&entry.id)).collect();
    files.sort_by_key(|entry| (entry.part, entry.order));
    for entry in files {
        let facts = sidecars.of_file.remove(&entry.id).unwrap_or_default();
        let item = item(source, entry, &root, facts, sink.is_done(entry));
        sink.item(item)?;
    }
    for (sidecar, facts) in sidecars.of_nothing {
        // A folder's sidecar, or that of a file in a part that was not given.
        sink.note(sidecar, "info", facts)?;
    }
    let mut used: Vec<&Entry> = sidecars.is_sidecar.into_values().collect();
    used.sort_by_key(|entry| entry.id);
    for entry in used {
        sink.used(entry)?;
    }
    Ok(())
}

fn item(source: &dyn Source, entry: &Entry, root: &str, facts: Facts, is_done: bool) -> Item {
    let below = &entry.path[root.len()..];
    let mut extra = Map::new();
    let mut time = facts.info.as_ref().and_then(modified);
    let mut date_from = time.map(|_| "sidecar");
    if time.is_none() && !is_done {
        time = document_date::modified(source, entry);
        date_from = time.map(|_| "document");
    }
    if let Some(date_from) = date_from {
        extra.insert("date_from".to_owned(), date_from.into());
    }
    let title = facts.info.as_ref().and_then(|info| info.title.clone());
    let name = title.as_deref().and_then(|title| uncut_name(entry.name(), title));
    let path = match (name, below.rsplit_once('/')) {
        (Some(name), Some((folder, _))) => format!("{folder}/{name}"),
        (Some(name), None) => name,
        (None, _) => below.to_owned(),
    };
    if let Some(info) = facts.raw_info {
        extra.insert("drive".to_owned(), info);
    }
    if let Some(comments) = facts.comments {
        extra.insert("comments_html".to_owned(), comments.into());
    }
    Item {
        key: Key(format!("drive:{below}")),
        kind: Kind::File,
        product: "drive",
        time,
        title: title.or_else(|| Some(entry.name().to_owned())),
        path: format!("drive/{path}"),
        labels: Vec::new(),
        body: Body::Entry(entry.clone()),
        origin: Origin { entry: entry.clone(), at: At::Whole },
        mail: None,
        extra,
    }
}

fn modified(info: &DriveInfo) -> Option<i64> {
    let times = [&info.content_last_modified, &info.last_modified_by_any_user, &info.created];
    times.into_iter().flatten().find_map(|time| time.parse::<Timestamp>().ok()).map(Timestamp::as_second)
}

/// The whole name of a file whose name was cut: its title with its extension. `None` unless the name is the
/// beginning of the title, as the export spells it.
fn uncut_name(name: &str, title: &str) -> Option<String> {
    let (stem, extension) = split_extension(name);
    let title_stem = match title.strip_suffix(extension) {
        Some(stem) if !extension.is_empty() => stem,
        _ => title,
    };
    let spelled = spelled(title_stem);
    let is_cut = stem.encode_utf16().count() >= CUT_UNITS && spelled.len() > stem.len();
    (is_cut && spelled.starts_with(stem)).then(|| format!("{title_stem}{extension}").replace('/', "_"))
}

/// What sidecars tell of a file.
#[derive(Default)]
struct Facts {
    info: Option<DriveInfo>,
    raw_info: Option<Value>,
    comments: Option<String>,
}

/// The sidecars of a Drive and what they belong to.
struct Sidecars<'a> {
    is_sidecar: HashMap<u32, &'a Entry>,
    of_file: HashMap<u32, Facts>,
    of_nothing: Vec<(&'a Entry, Value)>,
}

impl<'a> Sidecars<'a> {
    fn find(source: &dyn Source, entries: &[&'a Entry]) -> Sidecars<'a> {
        let mut folders: HashMap<&str, Vec<&'a Entry>> = HashMap::new();
        for entry in entries {
            folders.entry(entry.folder()).or_default().push(entry);
        }
        let mut found =
            Sidecars { is_sidecar: HashMap::new(), of_file: HashMap::new(), of_nothing: Vec::new() };
        let mut candidates: Vec<(&'a Entry, Suffix)> = Vec::new();
        for entry in entries {
            if entry.size <= SIDECAR_LIMIT_BYTES
                && let Some(suffix) = Suffix::of(entry.name())
            {
                candidates.push((entry, suffix));
            }
        }
        candidates.sort_by_key(|(entry, _)| (entry.part, entry.order));
        for (entry, suffix) in candidates {
            let beside = folders.get(entry.folder()).map_or(&[][..], Vec::as_slice);
            found.consider(entry, &suffix, &read(source, entry), beside);
        }
        found
    }

    fn consider(&mut self, entry: &'a Entry, suffix: &Suffix, bytes: &[u8], beside: &[&'a Entry]) {
        if suffix.is_comments {
            let Some(title) = html_title(bytes) else { return };
            let file = suffix.file_among(beside, entry, Some(&title));
            let is_of = |file: &&Entry| {
                let (name, title) = (names::folded(file.name()), names::folded(&spelled(&title)));
                let (stem, _) = split_extension(&name);
                !title.is_empty() && (name == title || stem == title || title.starts_with(stem))
            };
            if let Some(file) = file.filter(is_of) {
                let facts = self.of_file.entry(file.id).or_default();
                facts.comments = Some(String::from_utf8_lossy(bytes).into_owned());
                self.is_sidecar.insert(entry.id, entry);
            }
            return;
        }
        let Ok(raw) = serde_json::from_slice::<Value>(bytes) else { return };
        let is_info = raw.get("title").is_some_and(Value::is_string)
            && (raw.get("last_modified_by_any_user").is_some()
                || raw.get("permissions").is_some_and(Value::is_array));
        if !is_info {
            return;
        }
        self.is_sidecar.insert(entry.id, entry);
        let title = raw.get("title").and_then(Value::as_str).map(str::to_owned);
        match suffix.file_among(beside, entry, title.as_deref()) {
            Some(file) => {
                let facts = self.of_file.entry(file.id).or_default();
                facts.info = serde_json::from_value(raw.clone()).ok();
                facts.raw_info = Some(raw);
            }
            None => self.of_nothing.push((entry, json!(raw))),
        }
    }
}

/// The end of a sidecar's name: what stands before it, and the number of a duplicate.
#[derive(Debug, PartialEq, Eq)]
struct Suffix {
    base: String,
    number: Option<u32>,
    is_comments: bool,
}

impl Suffix {
    /// The suffix of a name, `None` if it has none.
    fn of(name: &str) -> Option<Suffix> {
        let (stem, extension) = name.rsplit_once('.')?;
        let is_comments = match extension.to_ascii_lowercase().as_str() {
            "json" => false,
            "html" => true,
            _ => return None,
        };
        let (stem, number) = split_number(stem);
        let whole = if is_comments { "comments" } else { "info" };
        let dashed = stem.rsplit_once('-').filter(|(_, end)| whole.starts_with(&end.to_ascii_lowercase()));
        // Of a long name nothing may be left of the suffix; then only the content can tell.
        let is_all_cut = !is_comments && stem.encode_utf16().count() >= CUT_UNITS;
        let base = dashed.map(|(base, _)| base).or(is_all_cut.then_some(stem))?;
        Some(Suffix { base: base.to_owned(), number, is_comments })
    }

    /// The file that the sidecar belongs to, among those beside it. `title` is what the sidecar calls it.
    fn file_among<'a>(&self, beside: &[&'a Entry], own: &Entry, title: Option<&str>) -> Option<&'a Entry> {
        let number = self.number.map(|number| format!("({number})")).unwrap_or_default();
        let (stem, extension) = split_extension(&self.base);
        let wanted = [format!("{stem}{number}{extension}"), format!("{}{number}", self.base)];
        let others = || beside.iter().copied().filter(|entry| entry.id != own.id);
        let equal = |left: &str, right: &str| names::folded(left) == names::folded(right);
        let whole = others().find(|entry| wanted.iter().any(|name| equal(entry.name(), name)));
        let by_stem = || {
            let stem_is =
                |entry: &&Entry| wanted.iter().any(|name| equal(split_extension(entry.name()).0, name));
            let found: Vec<&Entry> =
                others().filter(stem_is).filter(|it| Suffix::of(it.name()).is_none()).collect();
            (found.len() == 1).then(|| found[0])
        };
        let by_title = || {
            let title = names::folded(&spelled(title?));
            let base = names::folded(&self.base);
            let is_it = |entry: &&Entry| {
                let (stem, found) = split_number(split_extension(entry.name()).0);
                let stem = names::folded(stem);
                let is_cut = base.encode_utf16().count() >= CUT_UNITS - 6;
                is_cut
                    && found == self.number
                    && title.starts_with(&stem)
                    && (base.starts_with(&stem) || stem.starts_with(&base))
            };
            let found: Vec<&Entry> =
                others().filter(is_it).filter(|it| Suffix::of(it.name()).is_none()).collect();
            (found.len() == 1).then(|| found[0])
        };
        whole.or_else(by_stem).or_else(by_title)
    }
}

fn html_title(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(1 << 16)]);
    let start = text.find("<title>")? + 7;
    let end = start + text[start..].find("</title>")?;
    let title = text[start..end].replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">");
    Some(title.replace("&#39;", "'").replace("&quot;", "\"").trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_suffix(name: &str, expected: Option<(&str, Option<u32>, bool)>) {
        let expected =
            expected.map(|(base, number, is_comments)| Suffix { base: base.into(), number, is_comments });
        assert_eq!(Suffix::of(name), expected, "{name}");
    }

    #[test]
    fn sidecars_are_suspected_by_every_form_of_their_names() {
        check_suffix("a.docx-info.json", Some(("a.docx", None, false)));
        check_suffix("a.docx-info(1).json", Some(("a.docx", Some(1), false)));
        check_suffix("a-inf.json", Some(("a", None, false)));
        check_suffix("a-.json", Some(("a", None, false)));
        check_suffix("a-comments(2).html", Some(("a", Some(2), true)));
        check_suffix("data.json", None);
        check_suffix("a-information.json", None);
        check_suffix("a-info.txt", None);
        let long = "a".repeat(46);
        check_suffix(&format!("{long}.json"), Some((&long, None, false)));
        check_suffix(&format!("{long}.html"), None);
    }

    fn entry(id: u32, name: &str) -> Entry {
        Entry { id, part: 0, path: format!("Drive/{name}"), size: 1, modified: None, crc32: None, order: 0 }
    }

    fn check_partner(sidecar: &str, title: &str, files: &[&str], expected: Option<&str>) {
        let own = entry(99, sidecar);
        let files: Vec<Entry> = files.iter().zip(0..).map(|(name, id)| entry(id, name)).collect();
        let beside: Vec<&Entry> = files.iter().collect();
        let found = Suffix::of(sidecar).expect("a sidecar's name").file_among(&beside, &own, Some(title));
        assert_eq!(found.map(Entry::name), expected, "{sidecar}");
    }

    #[test]
    fn a_sidecar_finds_its_file() {
        let cut = "A very long title of a document that goes on and o";
        let title = "A very long title of a document that goes on and on and on";
        check_partner("a.docx-info.json", "a", &["b.docx", "a.docx"], Some("a.docx"));
        check_partner("a.docx-info(1).json", "a", &["a.docx", "a(1).docx"], Some("a(1).docx"));
        check_partner("a-info.json", "a", &["a.docx", "b.docx"], Some("a.docx"));
        check_partner("a-info.json", "a", &["a.docx", "a.pdf"], None);
        check_partner(
            &format!("{}-i.json", &cut[..48]),
            title,
            &[&format!("{cut}.docx")],
            Some(&format!("{cut}.docx")),
        );
        check_partner("Folder-info.json", "Folder", &["a.docx"], None);
    }

    #[test]
    fn a_cut_name_is_made_whole_and_no_other_is_changed() {
        let cut = "A very long title of a document that goes on and o";
        let title = "A very long title of a document that goes on and on: the end";
        assert_eq!(uncut_name(&format!("{cut}.docx"), title), Some(format!("{title}.docx")));
        assert_eq!(uncut_name("Budget_ 2024.xlsx", "Budget: 2024"), None);
        assert_eq!(uncut_name("a.docx", "quite another title"), None);
    }
}
