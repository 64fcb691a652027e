//! What every importer promises, tested for all of them alike; a new importer adds its row to [`EXPORTS`].
//!
//! An export here is a list of (path, content) in memory, dealt out to any number of parts. A content may break off,
//! as that of a damaged part does.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};

use exodus_api::{
    At, Body, Detection, Entry, Fault, Importer, Item, Kind, Options, Sink, Skip, Source, SourceError, Stop,
};
use exodus_fixtures::damage;
use exodus_fixtures::facebook;
use exodus_fixtures::facebook_old;
use exodus_fixtures::instagram::{self, Generation, Spec};
use exodus_fixtures::lang::Lang;
use exodus_fixtures::mbox::{Quoting, to_lf};
use exodus_fixtures::takeout::{self, build};
use serde_json::Value;

/// For each importer exports that are its own.
const EXPORTS: &[(&str, Maker)] = &[
    ("google", || takeout(Lang::De)),
    ("google", || takeout(Lang::Ja)),
    ("google", lone_gmail_mbox),
    ("instagram", || instagram(Spec::json(Generation::Flat))),
    ("instagram", || instagram(Spec::json(Generation::FlatWithThreads))),
    ("instagram", || instagram(Spec::json(Generation::Folders))),
    ("instagram", || instagram(Spec { lang: Lang::De, ..Spec::json(Generation::Labels) })),
    ("instagram", || instagram(Spec::html(Generation::Media, Lang::Es))),
    ("facebook", || facebook::files(facebook::Spec::json(facebook::Generation::Folders))),
    ("facebook", || facebook::files(facebook::Spec::json(facebook::Generation::Activity))),
    ("facebook", || facebook::files(facebook::Spec::html(facebook::Generation::Folders, Lang::De))),
    ("facebook", || facebook::files(facebook::Spec::html(facebook::Generation::Across, Lang::Es))),
    ("facebook", facebook::encrypted),
    ("facebook", || facebook_old::files(Lang::De, false)),
    ("facebook", || facebook_old::files(Lang::Es, true)),
    ("mbox", old_mail),
    ("academia", scholar),
];

/// The row of an export that has no texts but one mbox.
const LONE_MBOX: usize = 2;

type Files = Vec<(String, Vec<u8>)>;
type Maker = fn() -> Files;

fn takeout(lang: Lang) -> Files {
    build(&takeout::Spec::new(lang, 60, 3)).0.into_iter().map(|it| (it.path, it.content)).collect()
}

fn instagram(spec: Spec) -> Files {
    instagram::files(spec)
}

fn lone_gmail_mbox() -> Files {
    takeout(Lang::En)
        .into_iter()
        .filter(|(path, _)| path.ends_with(".mbox") && !path.contains("/._"))
        .map(renamed)
        .collect()
}

fn renamed((_, content): (String, Vec<u8>)) -> (String, Vec<u8>) {
    ("mine.mbox".to_owned(), content)
}

/// All that a scholar has saved, without the page that was saved as a PDF.
fn scholar() -> Files {
    exodus_fixtures::scholar::files()
        .into_iter()
        .filter(|(path, _)| !path.ends_with(exodus_fixtures::scholar::SIGN_UP))
        .collect()
}

/// A Thunderbird mbox, a letter and a Maildir.
fn old_mail() -> Files {
    let mails = exodus_fixtures::mailbox::mails(9, Quoting::None, 4);
    let bytes: Vec<Vec<u8>> = mails.into_iter().map(|mail| to_lf(&mail.bytes)).collect();
    let mut mbox = Vec::new();
    for mail in &bytes[..5] {
        mbox.extend_from_slice(b"From - Tue Mar 19 09:13:51 2019\n");
        mbox.extend_from_slice(mail);
        mbox.push(b'\n');
    }
    vec![
        ("Profile/Mail/Inbox".to_owned(), mbox),
        ("Profile/letters/one.eml".to_owned(), bytes[5].clone()),
        ("Maildir/cur/1552986831.a.host:2,FS".to_owned(), bytes[6].clone()),
        ("Maildir/new/1552986832.b.host".to_owned(), bytes[7].clone()),
    ]
}

/// An export in memory.
pub(crate) struct Memory {
    entries: Vec<Entry>,
    contents: Vec<Vec<u8>>,
    /// Where a content breaks off, by entry.
    cuts: BTreeMap<u32, usize>,
    names: Vec<String>,
}

impl Memory {
    /// Files dealt out to so many parts.
    pub(crate) fn new(mut files: Files, n_parts: u32) -> Memory {
        files.sort();
        let mut entries = Vec::new();
        let mut contents = Vec::new();
        for (id, (path, content)) in (0..).zip(files) {
            let size = content.len() as u64;
            let part = id % n_parts;
            entries.push(Entry { id, part, path, size, modified: None, crc32: None, order: u64::from(id) });
            contents.push(content);
        }
        let names = (0..n_parts).map(|part| format!("part-{part}.zip")).collect();
        Memory { entries, contents, cuts: BTreeMap::new(), names }
    }
}

impl Source for Memory {
    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn open(&self, entry: &Entry) -> Result<Box<dyn Read + Send + '_>, SourceError> {
        let content = &self.contents[entry.id as usize];
        Ok(match self.cuts.get(&entry.id) {
            Some(cut) => Box::new(content[..(*cut).min(content.len())].chain(Broken)),
            None => Box::new(&content[..]),
        })
    }

    fn part_name(&self, part: u32) -> &str {
        &self.names[part as usize]
    }

    fn opens_anywhere(&self, _: &Entry) -> bool {
        true
    }
}

/// A reader that fails as a damaged part does.
struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::new(io::ErrorKind::InvalidData, "the packed data is damaged"))
    }
}

/// Writes down what an importer says.
#[derive(Default)]
struct Record {
    items: Vec<Item>,
    used: Vec<u32>,
    skipped: Vec<u32>,
    faults: Vec<Fault>,
}

impl Sink for Record {
    fn item(&mut self, item: Item) -> Result<(), Stop> {
        self.items.push(item);
        Ok(())
    }

    fn used(&mut self, entry: &Entry) -> Result<(), Stop> {
        self.used.push(entry.id);
        Ok(())
    }

    fn skip(&mut self, entry: &Entry, _: Skip) -> Result<(), Stop> {
        self.skipped.push(entry.id);
        Ok(())
    }

    fn fault(&mut self, fault: Fault) -> Result<(), Stop> {
        self.faults.push(fault);
        Ok(())
    }

    fn note(&mut self, _: &Entry, _: &'static str, _: Value) -> Result<(), Stop> {
        Ok(())
    }

    fn is_done(&self, _: &Entry) -> bool {
        false
    }
}

impl Record {
    /// The names of the items for ever; content that names its item is a part of its name.
    fn keys(&self, source: &Memory) -> BTreeSet<String> {
        let key = |item: &Item| match &item.body {
            Body::Unique(entry) => {
                format!("{}#{}", item.key.0, blake3::hash(&source.contents[entry.id as usize]).to_hex())
            }
            _ => item.key.0.clone(),
        };
        self.items.iter().map(key).collect()
    }

    /// What is true of the items whatever parts they came in: key, kind, path, content.
    fn items(&self) -> BTreeSet<(String, &'static str, String, String)> {
        let content = |item: &Item| match &item.body {
            Body::None => String::new(),
            Body::Entry(entry) | Body::Unique(entry) => entry.path.clone(),
            Body::Inline(bytes) => blake3::hash(bytes).to_hex().to_string(),
        };
        self.items
            .iter()
            .map(|item| (item.key.0.clone(), item.kind.name(), item.path.clone(), content(item)))
            .collect()
    }
}

fn importer(name: &str) -> &'static dyn Importer {
    *crate::ALL.iter().find(|importer| importer.about().name == name).expect("a row names an importer")
}

fn import(name: &str, source: &Memory) -> Record {
    let mut record = Record::default();
    let imported = importer(name).import(source, &Options::default(), &mut record);
    imported.unwrap_or_else(|err| panic!("{name}: {err}"));
    record
}

#[test]
#[expect(clippy::disallowed_methods, reason = "looks into its own source, not into an export")]
fn registry_folders_papers_and_this_suite_agree() {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders: BTreeSet<String> = std::fs::read_dir(here)
        .expect("it is there")
        .flatten()
        .filter(|entry| entry.path().join("mod.rs").exists() && entry.file_name() != "shared")
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    let registry: BTreeSet<String> = crate::ALL.iter().map(|it| it.about().name.to_owned()).collect();
    assert_eq!(registry, folders, "one folder an importer");
    assert_eq!(registry.len(), crate::ALL.len(), "each name once");
    let rows =
        include_str!("README.md").lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    assert_eq!(
        rows.map(str::to_owned).collect::<BTreeSet<_>>(),
        registry,
        "one row of README.md an importer"
    );
    assert_eq!(EXPORTS.iter().map(|(name, _)| (*name).to_owned()).collect::<BTreeSet<_>>(), registry);
    for name in &registry {
        assert!(here.join(name).join("README.md").exists(), "{name} has no README.md");
    }
}

#[test]
fn every_importer_tells_of_itself() {
    for importer in crate::ALL {
        let about = importer.about();
        assert!(
            !about.title.is_empty() && !about.kinds.is_empty() && !about.products.is_empty(),
            "{about:?}"
        );
        let is_flag = |name: &str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        assert!(is_flag(about.name), "{about:?}");
        for option in about.options {
            assert!(
                is_flag(option.name) && !option.values.is_empty() && !option.help.is_empty(),
                "{option:?}"
            );
        }
    }
}

#[test]
fn an_export_is_detected_by_its_importer_and_by_no_other() {
    for &(name, files) in EXPORTS {
        for n_parts in [1, 3] {
            let source = Memory::new(files(), n_parts);
            for importer in crate::ALL {
                let is_its_own = matches!(importer.detect(&source), Detection::Yes { .. });
                assert_eq!(
                    is_its_own,
                    importer.about().name == name,
                    "{} asked for {name}",
                    importer.about().name
                );
            }
        }
    }
}

#[test]
fn nobody_detects_an_empty_export_or_a_strangers_files() {
    let notes = vec![("notes.txt".to_owned(), b"nothing that anybody exports\n".to_vec())];
    for files in [Vec::new(), notes] {
        let source = Memory::new(files, 1);
        assert!(crate::ALL.iter().all(|importer| importer.detect(&source) == Detection::No));
    }
}

#[test]
fn every_entry_is_claimed_at_most_once() {
    for &(name, files) in EXPORTS {
        let source = Memory::new(files(), 2);
        let record = import(name, &source);
        assert!(record.faults.is_empty(), "{name}: {:?}", record.faults);
        assert!(record.items.len() > 3, "{name}: only {} items", record.items.len());
        for entry in source.entries() {
            let count = |list: &[u32]| list.iter().filter(|id| **id == entry.id).count();
            let (n_used, n_skipped) = (count(&record.used), count(&record.skipped));
            let of_it = record.items.iter().filter(|item| item.origin.entry.id == entry.id);
            let n_whole = of_it.clone().filter(|item| item.body.entry().is_some()).count();
            let n_pieces = of_it.count() - n_whole;
            assert!(n_used + n_skipped + n_whole <= 1, "{name}: {} is claimed twice", entry.path);
            assert!(n_pieces == 0 || n_used + n_whole == 1, "{name}: {} is not finished", entry.path);
        }
    }
}

#[test]
fn the_same_items_come_out_again_and_out_of_other_parts() {
    for &(name, files) in EXPORTS {
        let source = Memory::new(files(), 1);
        let wanted = import(name, &source);
        for n_parts in [1, 2, 3, 7] {
            let found = import(name, &Memory::new(files(), n_parts));
            assert_eq!(found.items(), wanted.items(), "{name} in {n_parts} parts");
        }
        let contents = |item: &&Item| matches!(item.body, Body::Unique(_));
        let unique: BTreeSet<&[u8]> = wanted
            .items
            .iter()
            .filter(contents)
            .map(|item| &*source.contents[item.origin.entry.id as usize])
            .collect();
        let n_items = wanted.items.iter().filter(|item| !contents(item)).count() + unique.len();
        assert_eq!(wanted.keys(&source).len(), n_items, "{name}: different items have different keys");
    }
}

#[test]
fn an_items_origin_is_where_its_bytes_stand() {
    for &(name, files) in EXPORTS {
        let source = Memory::new(files(), 3);
        for item in import(name, &source).items {
            let entry = &item.origin.entry;
            let content = &source.contents[entry.id as usize];
            assert_eq!(source.entries[entry.id as usize], *entry, "{name}: an entry of this source");
            match (&item.body, item.origin.at) {
                (Body::Inline(_), At::Byte(at)) if item.kind == Kind::Message => {
                    let there = &content[at as usize..];
                    assert!(
                        there.starts_with(b"From "),
                        "{name}: no message begins at byte {at} of {}",
                        entry.path
                    );
                }
                (Body::Entry(body) | Body::Unique(body), at) => {
                    assert_eq!((body.id, at), (entry.id, At::Whole), "{name}: {}", entry.path)
                }
                _ => {}
            }
        }
    }
}

/// What must hold of an import of damaged entries.
fn check_damaged(name: &str, source: &Memory, damaged: &BTreeSet<u32>) {
    let mut record = Record::default();
    // It may refuse the whole, with words; it may not panic.
    if let Err(err) = importer(name).import(source, &Options::default(), &mut record) {
        assert!(!err.to_string().is_empty());
    }
    for fault in &record.faults {
        assert!(damaged.contains(&fault.entry), "{name}: {} at an entry that is whole", fault.place);
        assert_eq!(fault.place.path, source.entries[fault.entry as usize].path);
        assert!(!fault.what.is_empty() && !fault.what.ends_with('.'), "{name}: {}", fault.what);
    }
    for id in record.used.iter().filter(|id| source.cuts.contains_key(id)) {
        let is_told = record.faults.iter().any(|fault| fault.entry == *id);
        let has_items = record.items.iter().any(|item| item.origin.entry.id == *id);
        assert!(
            is_told || !has_items,
            "{name}: {} is cut and nobody is told",
            source.entries[*id as usize].path
        );
    }
}

#[test]
fn content_that_breaks_off_is_a_fault_that_names_its_entry() {
    for &(name, files) in EXPORTS {
        let whole = import(name, &Memory::new(files(), 1));
        for per_mille in [0, 1, 300, 777, 999] {
            let mut source = Memory::new(files(), 2);
            let of_pieces: BTreeSet<u32> = whole
                .items
                .iter()
                .filter(|item| matches!(item.body, Body::Inline(_)))
                .map(|item| item.origin.entry.id)
                .collect();
            for id in 0..source.entries.len() as u32 {
                let len = source.contents[id as usize].len();
                source.cuts.insert(id, len * per_mille / 1000);
            }
            check_damaged(name, &source, &source.cuts.keys().copied().collect());
            // One alone: the others come out whole.
            for id in of_pieces {
                let mut source = Memory::new(files(), 2);
                source.cuts.insert(id, source.contents[id as usize].len() * per_mille / 1000);
                check_damaged(name, &source, &BTreeSet::from([id]));
            }
        }
    }
}

#[test]
fn flipped_bits_never_panic() {
    for &(name, files) in EXPORTS {
        for seed in 0..8 {
            let mut damaged = files();
            for (_, content) in &mut damaged {
                *content = damage::flip(content, 1 + seed as usize, seed);
            }
            let source = Memory::new(damaged, 2);
            let all = source.entries.iter().map(|entry| entry.id).collect();
            check_damaged(name, &source, &all);
            for importer in crate::ALL {
                importer.detect(&source);
            }
        }
    }
}

/// Pieces cut out, holes, ends cut off: what flipped bits do not do to formats of text.
#[test]
fn mangled_texts_never_panic() {
    let is_text = |path: &str| {
        [".vcf", ".ics", ".json", ".html", ".htm", ".csv", ".txt", ".atom", ".tcx", ".bib", ".pdf"]
            .iter()
            .any(|end| path.ends_with(end))
            && !path.contains("bersicht.html")
    };
    let is_all = |(row, (name, _)): &(usize, &(&str, Maker))| *name != "mbox" && *row != LONE_MBOX;
    for (_, &(name, files)) in EXPORTS.iter().enumerate().filter(is_all) {
        let mut whole = files();
        whole.retain(|(path, _)| is_text(path));
        assert!(whole.len() > 7, "only {} texts", whole.len());
        for seed in 0..120 {
            let mut mangled = whole.clone();
            for (n, (_, content)) in (0..).zip(&mut mangled) {
                let seed = seed * 1000 + n;
                *content = match seed % 4 {
                    0 => damage::without_run(content, 1 + seed as usize % 37, seed),
                    1 => damage::hole(content, 1 + seed as usize % 11, seed),
                    2 => damage::cut_at(content, (seed as usize * 7) % 1000),
                    _ => damage::flip(content, 5, seed),
                };
            }
            let source = Memory::new(mangled, 2);
            let all = source.entries.iter().map(|entry| entry.id).collect();
            check_damaged(name, &source, &all);
        }
    }
}
