//! The lists of papers in the forms of other programs: BibTeX, CSL-JSON, RIS, and the table that the user edits.

use std::collections::BTreeMap;

use biblatex::{Chunk, Entry, EntryType, Spanned};
use serde_json::{Map, Value, json};
use unicode_normalization::UnicodeNormalization;

use super::Known;

/// The columns of the table; those behind `work` are facts.
const COLUMNS: &[&str] = &[
    "key",
    "file",
    "access",
    "work",
    "title",
    "authors",
    "date",
    "type",
    "venue",
    "volume",
    "issue",
    "pages",
    "publisher",
    "doi",
    "isbn",
    "section",
    "language",
    "keywords",
    "blake3",
];

/// Gives every paper its `citation_key` and `bibtex`. Keys are of author, year and a word of the title; equal ones get letters in the order
/// of the papers.
pub fn cite(papers: &mut [Known]) {
    let mut n_of: BTreeMap<String, u32> = BTreeMap::new();
    for paper in papers {
        let key = citation_key(paper);
        let n = n_of.entry(key.clone()).or_default();
        *n += 1;
        let key = if *n == 1 { key } else { format!("{key}-{n}") };
        let entry = entry(paper, &key);
        paper.facts.insert("citation_key".to_owned(), key.into());
        paper.facts.insert("bibtex".to_owned(), entry.into());
    }
}

fn citation_key(paper: &Known) -> String {
    let plain = |text: &str| -> String {
        text.nfkd().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
    };
    let author = people(paper, "authors").first().map(|(family, _)| plain(family)).unwrap_or_default();
    let title = paper.title.clone().unwrap_or_default();
    let word = title.split_whitespace().map(&plain).find(|word| word.len() > 3).unwrap_or_default();
    let key = format!("{author}{}{word}", paper.text("year"));
    if key.is_empty() { "paper".to_owned() } else { key }
}

/// Family and given names, in order; the whole name of an organisation as the first.
fn people(paper: &Known, name: &str) -> Vec<(String, String)> {
    let list = paper.facts.get(name).and_then(Value::as_array);
    let part = |it: &Value, name: &str| it.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let of = |it: &Value| match part(it, "family") {
        family if family.is_empty() => (part(it, "literal"), String::new()),
        family => (family, part(it, "given")),
    };
    list.into_iter().flatten().map(of).filter(|(family, _)| !family.is_empty()).collect()
}

fn keywords(paper: &Known) -> Vec<String> {
    let list = paper.facts.get("keywords").and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn entry(paper: &Known, key: &str) -> String {
    let of = paper.text("type");
    let (of, venue) = match of.as_str() {
        "book" => (EntryType::Book, "series"),
        "chapter" => (EntryType::InCollection, "booktitle"),
        "paper-conference" => (EntryType::InProceedings, "booktitle"),
        "thesis" => (EntryType::PhdThesis, "school"),
        "report" => (EntryType::TechReport, "institution"),
        "speech" | "manuscript" => (EntryType::Misc, "howpublished"),
        _ => (EntryType::Article, "journal"),
    };
    let mut entry = Entry::new(key.to_owned(), of);
    let mut set = |name: &str, text: &str| {
        if !text.is_empty() {
            entry.set(name, vec![Spanned::zero(Chunk::Normal(text.to_owned()))]);
        }
    };
    set("title", &paper.title.clone().unwrap_or_default());
    for (field, name) in [("author", "authors"), ("editor", "editors")] {
        let names = people(paper, name).into_iter().map(|(family, given)| match given.is_empty() {
            true => family,
            false => format!("{family}, {given}"),
        });
        set(field, &names.collect::<Vec<_>>().join(" and "));
    }
    set(venue, &paper.text("venue"));
    set("year", &paper.text("year"));
    set("pages", &paper.text("pages").replace('-', "--"));
    for (field, name) in [
        ("volume", "volume"),
        ("number", "issue"),
        ("publisher", "publisher"),
        ("doi", "doi"),
        ("isbn", "isbn"),
        ("url", "url"),
        ("eprint", "arxiv"),
        ("abstract", "abstract"),
        ("language", "language"),
    ] {
        set(field, &paper.text(name));
    }
    set("keywords", &keywords(paper).join(", "));
    entry.to_bibtex_string().unwrap_or_else(|_| entry.to_biblatex_string()) + "\n"
}

/// `papers.bib`.
pub fn bibtex(papers: &[Known]) -> String {
    papers.iter().map(|paper| paper.text("bibtex")).collect::<Vec<_>>().join("\n")
}

/// `papers.csl.json`.
pub fn csl(papers: &[Known]) -> String {
    let all: Vec<Value> = papers.iter().map(csl_of).collect();
    serde_json::to_string_pretty(&all).expect("facts are JSON") + "\n"
}

fn csl_of(paper: &Known) -> Value {
    let mut out = Map::new();
    let mut set = |name: &str, value: Value| {
        if !matches!(&value, Value::String(text) if text.is_empty()) && value != json!([]) {
            out.insert(name.to_owned(), value);
        }
    };
    set("id", paper.text("citation_key").into());
    set(
        "type",
        Some(paper.text("type"))
            .filter(|it| !it.is_empty())
            .unwrap_or_else(|| "manuscript".to_owned())
            .into(),
    );
    set("title", paper.title.clone().unwrap_or_default().into());
    for (field, name) in [("author", "authors"), ("editor", "editors")] {
        set(field, paper.facts.get(name).cloned().unwrap_or(json!([])));
    }
    let date = paper.text("date");
    let parts: Vec<i64> = date.split('-').filter_map(|part| part.parse().ok()).collect();
    if !parts.is_empty() {
        set("issued", json!({ "date-parts": [parts] }));
    }
    for (field, name) in [
        ("container-title", "venue"),
        ("publisher", "publisher"),
        ("volume", "volume"),
        ("issue", "issue"),
        ("page", "pages"),
        ("DOI", "doi"),
        ("ISBN", "isbn"),
        ("URL", "url"),
        ("abstract", "abstract"),
        ("language", "language"),
    ] {
        set(field, paper.text(name).into());
    }
    set("keyword", keywords(paper).join(", ").into());
    Value::Object(out)
}

/// `papers.ris`.
pub fn ris(papers: &[Known]) -> String {
    let mut out = String::new();
    for paper in papers {
        let of = match paper.text("type").as_str() {
            "book" => "BOOK",
            "chapter" => "CHAP",
            "paper-conference" => "CPAPER",
            "thesis" => "THES",
            "report" => "RPRT",
            "speech" => "SLIDE",
            "manuscript" => "UNPB",
            _ => "JOUR",
        };
        let mut line = |tag: &str, text: &str| {
            if !text.is_empty() {
                out.push_str(&format!("{tag}  - {text}\r\n"));
            }
        };
        line("TY", of);
        line("TI", paper.title.as_deref().unwrap_or_default());
        for (tag, name) in [("AU", "authors"), ("ED", "editors")] {
            for (family, given) in people(paper, name) {
                line(tag, &if given.is_empty() { family } else { format!("{family}, {given}") });
            }
        }
        line("PY", &paper.text("year"));
        line("DA", &paper.text("date").replace('-', "/"));
        let pages = paper.text("pages");
        let (first, last) = pages.split_once('-').unwrap_or((&pages, ""));
        for (tag, text) in [
            ("T2", paper.text("venue")),
            ("PB", paper.text("publisher")),
            ("VL", paper.text("volume")),
            ("IS", paper.text("issue")),
            ("SP", first.to_owned()),
            ("EP", last.to_owned()),
            ("DO", paper.text("doi")),
            ("SN", paper.text("isbn")),
            ("UR", paper.text("url")),
            ("LA", paper.text("language")),
            ("AB", paper.text("abstract")),
        ] {
            line(tag, &text);
        }
        keywords(paper).iter().for_each(|word| line("KW", word));
        out.push_str("ER  - \r\n\r\n");
    }
    out
}

/// `papers.csv`: one row a paper, filled in with what is known.
pub fn table(papers: &[Known]) -> String {
    let mut out = COLUMNS.join(",") + "\n";
    for paper in papers {
        let cell = |name: &&str| match *name {
            "key" => paper.key.clone(),
            "file" => paper.path.clone().unwrap_or_default(),
            "blake3" => paper.blake3.clone(),
            "title" => paper.title.clone().unwrap_or_default(),
            "authors" => {
                let names = people(paper, "authors").into_iter();
                let name = |(family, given): (String, String)| {
                    if given.is_empty() { family } else { format!("{family}, {given}") }
                };
                names.map(name).collect::<Vec<_>>().join("; ")
            }
            "keywords" => keywords(paper).join("; "),
            name => paper.text(name),
        };
        out.push_str(&(COLUMNS.iter().map(|name| quoted(&cell(name))).collect::<Vec<_>>().join(",") + "\n"));
    }
    out
}

fn quoted(cell: &str) -> String {
    match cell.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.to_owned(),
    }
}
