//! Academia.edu: papers, from what a person can save. The platform has no export of its own.
//!
//! [`page`] reads saved profiles and works, [`json`] answers of the platform, [`lists`] bibliographies, [`papers_csv`] the user's own
//! decisions, [`document`], [`pdf`] and [`office`] the files. [`gather`] puts all of it together into [`work`]s, [`matching`] finds which file is which, [`paper`]
//! makes the items. What is accepted, and the thresholds: `README.md` beside this file.

mod document;
mod gather;
mod inside;
mod json;
mod licence;
mod lists;
mod matching;
mod office;
mod page;
mod paper;
mod papers_csv;
mod pdf;
mod pdf_text;
mod scan;
mod titles;
mod wire;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use exodus_api::{
    About, Detection, Entry, ImportError, Importer, Kind, Options, Product, Sink, Skip, Source, Survey,
};
use serde_json::Map;

use self::document::File;
use self::gather::{Form, Gathered};
use self::matching::Match;
use self::paper::PRODUCT;
use crate::shared::names;

/// The importer.
pub static IMPORTER: Academia = Academia;

/// Reads what a scholar has saved of Academia.edu.
pub struct Academia;

static ABOUT: About = About {
    name: "academia",
    title: "Academia.edu",
    kinds: &[Kind::Paper, Kind::File],
    products: &[PRODUCT],
    options: &[],
    // Each save tells what the others do not.
    do_facts_add_up: true,
    request_url: None,
};

/// So many files are looked into to tell whose they are.
const N_LOOKED_INTO: usize = 60;
/// A saved page tells of works behind its style sheets.
const LIMIT_HEAD_BYTES: u64 = 8 << 20;

impl Importer for Academia {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn detect(&self, source: &dyn Source) -> Detection {
        let may_tell = |entry: &&Entry| Form::of(entry).is_some() && !names::is_system_junk(&entry.path);
        for entry in source.entries().iter().filter(may_tell).take(N_LOOKED_INTO) {
            let mut head = Vec::new();
            let Ok(reader) = source.open(entry) else { continue };
            let _ = reader.take(LIMIT_HEAD_BYTES).read_to_end(&mut head);
            if let Some(layout) = Form::of(entry).and_then(|form| form.layout(&head)) {
                return Detection::Yes { layout };
            }
        }
        Detection::No
    }

    fn survey(&self, source: &dyn Source) -> Result<Survey, ImportError> {
        let account = gather::account(source);
        let product = Product { name: PRODUCT.to_owned(), folder: String::new(), is_understood: true };
        Ok(Survey { account: account.map(|it| it.name), products: vec![product], ..Survey::default() })
    }

    fn import(&self, source: &dyn Source, options: &Options, sink: &mut dyn Sink) -> Result<(), ImportError> {
        if ![Kind::Paper, Kind::File].iter().any(|kind| options.wants(*kind, PRODUCT)) {
            let ours = |entry: &&Entry| Form::of(entry).is_some() || document::is_document(entry);
            for entry in source.entries().iter().filter(ours) {
                sink.skip(entry, Skip::NotAskedFor)?;
            }
            return Ok(());
        }
        let gathered = gather::all(source, sink)?;
        send(gathered, sink)
    }

    fn is_own_name(&self, name: &str) -> bool {
        matches!(name, "papers.csv" | "papers" | "attachments")
    }
}

/// Sends every work with its file, works without and files without one.
fn send(mut gathered: Gathered, sink: &mut dyn Sink) -> Result<(), ImportError> {
    let rest = gathered.apply_rows();
    let account = gathered.account.as_ref().map(|it| it.id.clone());
    let candidates = matching::candidates(&gathered.works);
    let mut of_work: BTreeMap<usize, Vec<(&File, Match)>> = BTreeMap::new();
    let mut alone: Vec<&File> = Vec::new();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut files: Vec<&File> = gathered.files.iter().collect();
    files.sort_by(|left, right| left.entry.path.cmp(&right.entry.path));
    for file in files {
        if !file.blake3.is_empty() && !seen.insert(&file.blake3) {
            sink.skip(&file.entry, Skip::Because("the same file is here under another name"))?;
            continue;
        }
        match matching::find(file, &candidates) {
            Some(found) => of_work.entry(found.work).or_default().push((file, found)),
            None => alone.push(file),
        }
    }
    for (number, work) in gathered.works.iter().enumerate() {
        let mut files = of_work.remove(&number).unwrap_or_default();
        // PDFs first; of several what the user or the platform says, before what titles say.
        files.sort_by_key(|(file, found)| {
            let order = ["csv", "id", "name", "doi", "title", "text"];
            let rank = order.iter().position(|by| *by == found.by);
            (!file.is_pdf, rank, file.entry.path.clone())
        });
        let mut files = files.into_iter();
        match files.next() {
            Some((file, found)) => sink.item(paper::of_both(work, file, found.by, account.as_deref()))?,
            None if gathered.is_own(work) => sink.item(paper::of_work(work, account.as_deref()))?,
            None => {}
        }
        for (file, _) in files {
            sink.item(paper::further(work, file))?;
        }
    }
    let none = Map::new();
    for file in alone {
        sink.item(paper::of_file(file, gathered.chosen.get(&file.blake3).unwrap_or(&none)))?;
    }
    for row in rest {
        sink.item(paper::of_row(&row.key, row.facts, row.origin))?;
    }
    for (entry, form) in &gathered.sources {
        match form {
            Form::OwnTable => sink.used(entry)?,
            form => sink.item(paper::source(entry, form.folder()))?,
        }
    }
    Ok(())
}
