//! Papers as lists: `CHECKLIST.md`, `papers.csv`, `papers.bib`, `papers.csl.json`, `papers.ris` beside their files.
//!
//! Functions of the index, all but one: `papers.csv` is there to be edited and imported again. While it is as exodus wrote it, its time is
//! 1970-01-01; what the user has made of it is never written over, but moved out of the way.

pub mod checklist;
mod lists;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::SystemTime;

use serde_json::{Map, Value};

use self::checklist::Checklist;
use super::Differs;
use crate::archive::index::Index;
use crate::archive::{folders, names};
use crate::report::error::{Error, Result};
use crate::report::kill_point::kill_point;

/// The folder of papers, from the archive's top.
pub const FOLDER: &str = "files/papers";
/// The table that the user edits.
const TABLE: &str = "papers.csv";

/// A paper of the index.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Known {
    /// Its key.
    pub key: String,
    /// What a person calls it.
    pub title: Option<String>,
    /// Where its file lies, from the archive's top.
    pub path: Option<String>,
    /// The content of that file.
    pub blake3: String,
    /// What is known of it; with `citation_key` and `bibtex`.
    pub facts: Map<String, Value>,
}

impl Known {
    /// True for a file that no list has named.
    fn is_file_alone(&self) -> bool {
        self.key.starts_with("file#")
    }

    /// A fact that is a text or number; empty if there is none.
    fn text(&self, name: &str) -> String {
        match self.facts.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        }
    }
}

/// All papers of the index, each once, with their entries in BibTeX, in the order of their keys.
///
/// # Errors
/// When the index cannot be read.
pub fn of_index(conn: &rusqlite::Connection) -> Result<Vec<Known>> {
    let mut query = conn.prepare(
        "SELECT key, title, path, coalesce(blake3, ''), coalesce(extra, '{}') FROM item WHERE kind = 'paper' ORDER BY platform, key",
    )?;
    let rows = query.query_map([], |row| {
        let facts: String = row.get(4)?;
        let facts = serde_json::from_str(&facts).unwrap_or_default();
        Ok(Known { key: row.get(0)?, title: row.get(1)?, path: row.get(2)?, blake3: row.get(3)?, facts })
    })?;
    let mut papers: Vec<Known> = rows.collect::<rusqlite::Result<_>>()?;
    papers.iter_mut().for_each(decide);
    let mut papers = once_each(papers);
    lists::cite(&mut papers);
    Ok(papers)
}

/// Puts what the user has chosen before what exports tell, and says who may read a file of which the user has not said it: nobody
/// where a publisher keeps its rights, else who asks.
fn decide(paper: &mut Known) {
    if let Some(Value::Object(chosen)) = paper.facts.remove("chosen") {
        if let Some(Value::String(title)) = chosen.get("title") {
            paper.title = Some(title.clone());
        }
        paper.facts.extend(chosen);
    }
    let is_marked = paper.facts.contains_key("licence_mark");
    let default = if is_marked { "private" } else { "on-request" };
    if paper.path.is_some() {
        paper.facts.entry("access").or_insert_with(|| default.into());
    }
}

/// Drops what stands in the index twice: a file that came without its list at first, a work whose file the user has named, a record of a
/// bibliography that came without the work that it is of.
pub fn once_each(papers: Vec<Known>) -> Vec<Known> {
    let of_works: BTreeSet<String> = papers
        .iter()
        .filter(|it| !it.is_file_alone() && !it.blake3.is_empty())
        .map(|it| it.blake3.clone())
        .collect();
    let works: BTreeMap<String, Map<String, Value>> = papers
        .iter()
        .filter(|it| !it.is_file_alone() && it.path.is_none())
        .map(|it| (it.text("work"), it.facts.clone()))
        .collect();
    let dois: BTreeSet<String> =
        papers.iter().filter(|it| !it.text("work").is_empty()).map(|it| it.text("doi")).collect();
    let mut found = BTreeSet::new();
    let mut kept: Vec<Known> = Vec::new();
    for mut paper in papers {
        if paper.is_file_alone() && of_works.contains(&paper.blake3) {
            continue;
        }
        let (work, doi) = (paper.text("work"), paper.text("doi"));
        if paper.path.is_none() && work.is_empty() && !doi.is_empty() && dois.contains(&doi) {
            continue;
        }
        if paper.is_file_alone()
            && let Some(facts) = works.get(&work).filter(|_| !work.is_empty())
        {
            paper.facts.extend(facts.clone());
            found.insert(work);
        }
        kept.push(paper);
    }
    kept.retain(|it| it.path.is_some() || !found.contains(&it.text("work")));
    kept
}

/// The files that there shall be: paths from the archive's top, with their contents. None without papers.
///
/// # Errors
/// When the index cannot be read.
pub fn wanted(index: &Index) -> Result<BTreeMap<String, String>> {
    let papers = of_index(&index.conn)?;
    if papers.is_empty() {
        return Ok(BTreeMap::new());
    }
    let files = [
        ("CHECKLIST.md", Checklist::of(&papers).page()),
        (TABLE, lists::table(&papers)),
        ("papers.bib", lists::bibtex(&papers)),
        ("papers.csl.json", lists::csl(&papers)),
        ("papers.ris", lists::ris(&papers)),
    ];
    Ok(files.into_iter().map(|(name, content)| (format!("{FOLDER}/{name}"), content)).collect())
}

/// Compares the files with the index. A table that was edited is the user's.
///
/// # Errors
/// When the index cannot be read.
pub fn check(root: &Path, index: &Index) -> Result<Vec<Differs>> {
    let mut differs = Vec::new();
    for (path, content) in wanted(index)? {
        match fs::read(root.join(&path)) {
            Ok(found) if found == content.as_bytes() => {}
            Ok(_) if path.ends_with(TABLE) && is_edited(&root.join(&path)) => {}
            found => differs.push(Differs { is_missing: found.is_err(), path }),
        }
    }
    Ok(differs)
}

/// Makes the files what the index says.
///
/// # Errors
/// When the disk does not take them.
pub fn update(root: &Path, index: &Index) -> Result<()> {
    for (path, content) in wanted(index)? {
        let is_table = path.ends_with(TABLE);
        let path = root.join(path);
        if fs::read(&path).is_ok_and(|found| found == content.as_bytes()) {
            continue;
        }
        if let Some(folder) = path.parent() {
            folders::Known::default().make(folder)?;
        }
        if is_table && is_edited(&path) {
            let wanted = path.with_file_name("papers (edited).csv").to_string_lossy().into_owned();
            let free = (1..).map(|n| names::nth_choice(&wanted, n)).find(|name| !Path::new(name).exists());
            fs::rename(&path, free.unwrap_or(wanted)).map_err(|err| Error::io("rename", &path, &err))?;
        }
        write(root, &path, content.as_bytes())?;
    }
    Ok(())
}

/// True for a table that exodus has not left so.
fn is_edited(path: &Path) -> bool {
    path.metadata().and_then(|it| it.modified()).is_ok_and(|time| time != SystemTime::UNIX_EPOCH)
}

fn write(root: &Path, path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = root.join("tmp").join("papers");
    fs::create_dir_all(root.join("tmp")).map_err(|err| Error::io("make", &temporary, &err))?;
    let open = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary);
    let written = open.and_then(|mut file: File| {
        file.write_all(bytes)?;
        file.set_modified(SystemTime::UNIX_EPOCH)
    });
    written.map_err(|err| Error::io("write", &temporary, &err))?;
    kill_point();
    fs::rename(&temporary, path).map_err(|err| Error::io("rename", &temporary, &err))
}
