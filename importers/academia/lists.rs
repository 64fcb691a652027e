//! Bibliographies: BibTeX and BibLaTeX, RIS, CSL-JSON, and the tables of Zotero, ORCID and Google Scholar.

use biblatex::{Bibliography, ChunksExt, EntryType, Person};
use exodus_api::{At, Entry, Origin};
use serde_json::{Value, json};

use super::work::{Work, compared, doi_in, named, person, set_date, set_day};

/// The records of a `.bib`, and the lines of those that cannot be read. Each is read alone, so that one that cannot be read costs only itself.
pub fn bibtex(text: &str, entry: &Entry) -> (Vec<Work>, Vec<u64>) {
    let (mut works, mut bad) = (Vec::new(), Vec::new());
    let strings: String = blocks(text)
        .filter(|(_, block)| is_string(block))
        .map(|(_, block)| block.to_owned() + "\n")
        .collect();
    for (line, block) in blocks(text).filter(|(_, block)| !is_string(block)) {
        let lower = block.to_ascii_lowercase();
        if lower.starts_with("@comment") || lower.starts_with("@preamble") {
            continue;
        }
        let source = format!("{strings}{block}");
        let parsed = Bibliography::parse(&source).ok().and_then(|all| all.into_vec().pop());
        let origin = Origin { entry: entry.clone(), at: At::Line(line) };
        match parsed.and_then(|it| of_bibtex(&it, origin)) {
            Some(work) => works.push(work),
            None => bad.push(line),
        }
    }
    (works, bad)
}

fn is_string(block: &str) -> bool {
    block.get(..7).is_some_and(|head| head.eq_ignore_ascii_case("@string"))
}

/// The blocks of a `.bib`: each begins with an `@` at the beginning of a line; with the line.
fn blocks(text: &str) -> impl Iterator<Item = (u64, &str)> {
    let mut starts: Vec<(usize, u64)> = Vec::new();
    let mut at = 0;
    for (line, part) in (1..).zip(text.split_inclusive('\n')) {
        let blanks = part.len() - part.trim_start().len();
        if part.trim_start().starts_with('@') {
            starts.push((at + blanks, line));
        }
        at += part.len();
    }
    let ends: Vec<usize> = starts.iter().skip(1).map(|(start, _)| *start).chain([text.len()]).collect();
    let blocks: Vec<(u64, &str)> = starts
        .into_iter()
        .zip(ends)
        .map(|((start, line), end)| (line, text[start..end].trim_end()))
        .collect();
    blocks.into_iter()
}

fn of_bibtex(found: &biblatex::Entry, origin: Origin) -> Option<Work> {
    let text = |name: &str| found.get(name).map(|chunks| chunks.format_verbatim()).unwrap_or_default();
    let mut work = Work::new(origin);
    work.set("title", text("title"));
    if work.text("title").is_empty() {
        return None;
    }
    let of = match found.entry_type {
        EntryType::Book | EntryType::Collection | EntryType::MvBook => "book",
        EntryType::InBook | EntryType::InCollection => "chapter",
        EntryType::InProceedings => "paper-conference",
        EntryType::Thesis | EntryType::MastersThesis | EntryType::PhdThesis => "thesis",
        EntryType::Report | EntryType::TechReport => "report",
        EntryType::Unpublished | EntryType::Misc => "manuscript",
        _ => "article-journal",
    };
    work.set("type", of);
    let people =
        |all: Vec<Person>| all.iter().map(of_person).filter(|it| !it.is_null()).collect::<Vec<Value>>();
    work.set("authors", people(found.author().unwrap_or_default()));
    let editors = found.editors().unwrap_or_default();
    work.set("editors", people(editors.into_iter().flat_map(|(people, _)| people).collect()));
    let date = [text("date"), text("year")].into_iter().find(|it| !it.is_empty()).unwrap_or_default();
    set_date(&mut work.facts, &date);
    if let (Some(year), true) = (work.year(), date.len() == 4) {
        set_day(&mut work.facts, year, month(&text("month")), text("day").parse().ok());
    }
    let venue =
        ["journal", "journaltitle", "booktitle", "series"].map(text).into_iter().find(|it| !it.is_empty());
    work.set("venue", venue);
    let publisher = ["publisher", "school", "institution"].map(text).into_iter().find(|it| !it.is_empty());
    work.set("publisher", publisher);
    work.set("volume", text("volume"));
    work.set("issue", [text("number"), text("issue")].into_iter().find(|it| !it.is_empty()));
    work.set("pages", text("pages").replace("--", "-").replace('–', "-"));
    work.set("isbn", text("isbn"));
    work.set("doi", doi_in(&text("doi")));
    work.set("abstract", text("abstract"));
    work.set("language", text("langid"));
    work.set("keywords", words(&text("keywords"), &[',', ';']));
    eprint(&mut work, &text("eprint"), &text("archiveprefix"));
    let url = text("url");
    work.id = super::wire::id_in(&url).map(str::to_owned);
    work.set("url", url);
    Some(work)
}

fn eprint(work: &mut Work, number: &str, of: &str) {
    if of.eq_ignore_ascii_case("arxiv") {
        work.set("arxiv", number);
    }
}

fn of_person(it: &Person) -> Value {
    let family = [it.prefix.as_str(), it.name.as_str()].join(" ");
    named(&it.given_name, family.trim())
}

fn month(text: &str) -> Option<i64> {
    const MONTHS: &[&str] =
        &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let lower = text.to_lowercase();
    let named = MONTHS.iter().position(|name| lower.starts_with(name)).map(|at| at as i64 + 1);
    named.or_else(|| text.trim().parse().ok())
}

fn words(text: &str, ends: &[char]) -> Vec<Value> {
    text.split(ends).map(str::trim).filter(|it| !it.is_empty()).map(Value::from).collect()
}

/// The records of a `.ris`.
pub fn ris(text: &str, entry: &Entry) -> Vec<Work> {
    let mut works: Vec<Work> = Vec::new();
    let mut fields: Vec<(String, String)> = Vec::new();
    let mut start = 1;
    for (line, text) in (1..).zip(text.lines()) {
        let text = text.trim_start_matches('\u{feff}');
        let tag =
            text.get(..2).filter(|_| text.get(2..5).is_some_and(|it| it.trim_end() == "  -" || it == "  -"));
        match tag {
            Some("TY") => {
                fields.clear();
                start = line;
                fields.push(("TY".to_owned(), text[5..].trim().to_owned()));
            }
            Some("ER") => {
                let origin = Origin { entry: entry.clone(), at: At::Line(start) };
                works.extend(of_ris(&std::mem::take(&mut fields), origin));
            }
            Some(tag) => fields.push((tag.to_owned(), text[5..].trim().to_owned())),
            None => {
                if let Some((_, value)) = fields.last_mut() {
                    value.push(' ');
                    value.push_str(text.trim());
                }
            }
        }
    }
    works
}

fn of_ris(fields: &[(String, String)], origin: Origin) -> Option<Work> {
    let first = |names: &[&str]| {
        names.iter().find_map(|name| {
            fields
                .iter()
                .find(|(tag, value)| tag == name && !value.is_empty())
                .map(|(_, value)| value.clone())
        })
    };
    let all = |names: &[&str]| {
        fields
            .iter()
            .filter(|(tag, _)| names.contains(&tag.as_str()))
            .map(|(_, value)| value.as_str())
            .collect::<Vec<_>>()
    };
    let mut work = Work::new(origin);
    work.set("title", first(&["TI", "T1", "CT"])?);
    let of = match first(&["TY"]).unwrap_or_default().as_str() {
        "BOOK" | "EDBOOK" | "EBOOK" => "book",
        "CHAP" | "ECHAP" => "chapter",
        "CONF" | "CPAPER" => "paper-conference",
        "THES" => "thesis",
        "RPRT" => "report",
        "SLIDE" | "HEAR" => "speech",
        "UNPB" | "MANSCPT" => "manuscript",
        _ => "article-journal",
    };
    work.set("type", of);
    work.set(
        "authors",
        all(&["AU", "A1"]).into_iter().map(person).filter(|it| !it.is_null()).collect::<Vec<_>>(),
    );
    work.set(
        "editors",
        all(&["ED", "A2"]).into_iter().map(person).filter(|it| !it.is_null()).collect::<Vec<_>>(),
    );
    set_date(&mut work.facts, &first(&["DA", "PY", "Y1"]).unwrap_or_default());
    work.set("venue", first(&["JO", "JF", "T2", "JA", "BT"]));
    work.set("publisher", first(&["PB"]));
    work.set("volume", first(&["VL"]));
    work.set("issue", first(&["IS"]));
    let pages = match (first(&["SP"]), first(&["EP"])) {
        (Some(first), Some(last)) if first != last && !first.contains('-') => Some(format!("{first}-{last}")),
        (first, _) => first,
    };
    work.set("pages", pages);
    work.set("doi", first(&["DO", "M3"]).and_then(|it| doi_in(&it)));
    work.set("isbn", first(&["SN"]));
    work.set("abstract", first(&["AB", "N2"]));
    work.set("language", first(&["LA"]));
    work.set("keywords", all(&["KW"]).into_iter().map(Value::from).collect::<Vec<_>>());
    let url = first(&["UR"]).unwrap_or_default();
    work.id = super::wire::id_in(&url).map(str::to_owned);
    work.set("url", url);
    Some(work)
}

/// True for a list of CSL-JSON.
pub fn is_csl(value: &Value) -> bool {
    let first = value.as_array().and_then(|all| all.first());
    first.is_some_and(|it| {
        it.get("type").is_some_and(Value::is_string)
            && it.get("title").is_some()
            && (it.get("issued").is_some() || it.get("author").is_some())
    })
}

/// The records of CSL-JSON.
pub fn csl(value: &Value, entry: &Entry) -> Vec<Work> {
    let records = value.as_array().into_iter().flatten();
    let of = |(at, it): (u64, &Value)| {
        let text = |name: &str| match it.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        let mut work = Work::new(Origin { entry: entry.clone(), at: At::Record(at) });
        work.set("title", text("title"));
        work.set("type", text("type"));
        for (fact, list) in [("authors", "author"), ("editors", "editor")] {
            let people = it.get(list).and_then(Value::as_array).into_iter().flatten();
            work.set(fact, people.filter_map(csl_person).collect::<Vec<_>>());
        }
        let parts = it.pointer("/issued/date-parts/0").and_then(Value::as_array);
        let part = |at: usize| {
            parts.and_then(|all| all.get(at)).and_then(|it| it.as_i64().or_else(|| it.as_str()?.parse().ok()))
        };
        if let Some(year) = part(0) {
            set_day(&mut work.facts, year, part(1), part(2));
        }
        for (fact, name) in [
            ("venue", "container-title"),
            ("publisher", "publisher"),
            ("volume", "volume"),
            ("issue", "issue"),
            ("pages", "page"),
            ("isbn", "ISBN"),
            ("abstract", "abstract"),
            ("language", "language"),
            ("url", "URL"),
        ] {
            work.set(fact, text(name));
        }
        work.set("doi", doi_in(&text("DOI")));
        work.set("keywords", words(&text("keyword"), &[',', ';']));
        work.id = super::wire::id_in(work.text("url")).map(str::to_owned);
        (!work.text("title").is_empty()).then_some(work)
    };
    (0..).zip(records).filter_map(of).collect()
}

fn csl_person(it: &Value) -> Option<Value> {
    let part = |name: &str| it.get(name).and_then(Value::as_str).unwrap_or_default();
    let family = [part("non-dropping-particle"), part("family")].join(" ");
    let found = if part("literal").is_empty() {
        named(part("given"), family.trim())
    } else {
        json!({"literal": part("literal")})
    };
    (!found.is_null()).then_some(found)
}

/// Heads of tables with the fact that their cells are; compared without case and signs.
const HEADS: &[(&str, &str)] = &[
    ("title", "title"),
    ("paper title", "title"),
    ("paper", "title"),
    ("work", "title"),
    ("author", "authors"),
    ("authors", "authors"),
    ("contributors", "authors"),
    ("editor", "editors"),
    ("publication year", "date"),
    ("year", "date"),
    ("date", "date"),
    ("publication date", "date"),
    ("publication title", "venue"),
    ("publication", "venue"),
    ("journal", "venue"),
    ("journal title", "venue"),
    ("volume", "volume"),
    ("issue", "issue"),
    ("number", "issue"),
    ("pages", "pages"),
    ("publisher", "publisher"),
    ("doi", "doi"),
    ("isbn", "isbn"),
    ("url", "url"),
    ("link", "url"),
    ("abstract note", "abstract"),
    ("abstract", "abstract"),
    ("language", "language"),
    ("manual tags", "keywords"),
    ("keywords", "keywords"),
    ("item type", "type"),
    ("type", "type"),
    ("views", "views"),
    ("all time views", "views"),
    ("total views", "views"),
    ("paper views", "views"),
];

/// What the columns of a table are; `None` if it is none of works.
pub fn columns(heads: &[String]) -> Option<Vec<Option<&'static str>>> {
    let of = |head: &String| {
        let head = compared(head);
        HEADS.iter().find(|(known, _)| *known == head).map(|(_, fact)| *fact)
    };
    let columns: Vec<_> = heads.iter().map(of).collect();
    let has = |fact: &str| columns.contains(&Some(fact));
    (has("title") && (has("authors") || has("doi") || has("views") || has("venue"))).then_some(columns)
}

/// A row of a table of works; `None` if it names none.
pub fn row(columns: &[Option<&'static str>], cells: &[String], origin: Origin) -> Option<Work> {
    let mut work = Work::new(origin);
    for (fact, cell) in columns.iter().zip(cells).filter_map(|(fact, cell)| Some(((*fact)?, cell.as_str()))) {
        match fact {
            "authors" | "editors" => {
                let people =
                    cell.split(';').filter(|it| !it.trim().is_empty()).map(person).filter(|it| !it.is_null());
                work.set(fact, people.collect::<Vec<_>>());
            }
            // The exact date stands behind the year in Zotero's tables.
            "date" if !cell.is_empty() => set_date(&mut work.facts, cell),
            "date" => {}
            "doi" => work.set("doi", doi_in(cell)),
            "keywords" => work.set("keywords", words(cell, &[';'])),
            "views" => work.set("views", cell.replace([',', '.'], "").parse::<i64>().ok()),
            "type" => work.set("type", type_of(cell)),
            "pages" => work.set("pages", cell.replace('–', "-").replace("--", "-")),
            _ => work.set(fact, cell),
        }
    }
    work.id = super::wire::id_in(work.text("url")).map(str::to_owned);
    (!work.text("title").is_empty()).then_some(work)
}

/// The type of CSL of what Zotero and ORCID call a work.
fn type_of(name: &str) -> Option<&'static str> {
    Some(match compared(name).replace(' ', "").as_str() {
        "journalarticle" | "articlejournal" | "magazinearticle" => "article-journal",
        "book" => "book",
        "booksection" | "bookchapter" | "chapter" => "chapter",
        "conferencepaper" | "paperconference" => "paper-conference",
        "thesis" | "dissertation" | "dissertationthesis" => "thesis",
        "presentation" | "lecturespeech" | "speech" => "speech",
        "report" => "report",
        "manuscript" | "preprint" | "workingpaper" => "manuscript",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry { id: 0, part: 0, path: "a".to_owned(), size: 0, modified: None, crc32: None, order: 0 }
    }

    fn origin() -> Origin {
        Origin { entry: entry(), at: At::Whole }
    }

    const FACTS: &str = r#"{"authors":[{"family":"Pérez","given":"Ana"},{"family":"Gómez","given":"Berta"}],"date":"2016","doi":"10.5555/a.1","issue":"3","pages":"12-34","title":"Los astilleros: del norte","type":"article-journal","venue":"Revista de Historia","volume":"12","year":2016}"#;

    fn check(works: Vec<Work>) {
        assert_eq!(works.len(), 1);
        let wanted: Value = serde_json::from_str(FACTS).expect("it is JSON");
        assert_eq!(Value::Object(works[0].facts.clone()), wanted);
    }

    #[test]
    fn all_bibliographies_tell_the_same_of_a_work() {
        let bib = "@string{rh = \"Revista de Historia\"}\n@comment{x}\n@article{p,\n title={Los {Astilleros}: del norte},\n author={P{\\'e}rez, Ana and Berta G\\'omez}, journal=rh, volume=12,\n number={3}, pages={12--34}, year=2016, doi={https://doi.org/10.5555/A.1}}\n@article{broken, title={x\n";
        let (works, bad) = bibtex(&bib.replace("{Astilleros}", "astilleros"), &entry());
        assert_eq!(bad, [7]);
        check(works);
        let ris_text = "TY  - JOUR\r\nTI  - Los astilleros:\r\n  del norte\r\nAU  - Pérez, Ana\r\nAU  - Gómez, Berta\r\nPY  - 2016\r\nJO  - Revista de Historia\r\nVL  - 12\r\nIS  - 3\r\nSP  - 12\r\nEP  - 34\r\nDO  - 10.5555/a.1\r\nER  - \r\n";
        check(ris(ris_text, &entry()));
        check(csl(
            &json!([{"type": "article-journal", "title": "Los astilleros: del norte", "author": [{"family": "Pérez", "given": "Ana"}, {"family": "Gómez", "given": "Berta"}],
            "issued": {"date-parts": [[2016]]}, "container-title": "Revista de Historia", "volume": 12, "issue": "3", "page": "12-34", "DOI": "10.5555/a.1"}]),
            &entry(),
        ));
        let heads = [
            "Key",
            "Item Type",
            "Publication Year",
            "Author",
            "Title",
            "Publication Title",
            "DOI",
            "Pages",
            "Issue",
            "Volume",
        ]
        .map(str::to_owned);
        let cells = [
            "X",
            "journalArticle",
            "2016",
            "Pérez, Ana; Gómez, Berta",
            "Los astilleros: del norte",
            "Revista de Historia",
            "10.5555/A.1",
            "12–34",
            "3",
            "12",
        ]
        .map(str::to_owned);
        let columns = columns(&heads).expect("a table of works");
        check(row(&columns, &cells, origin()).into_iter().collect());
        assert_eq!(super::columns(&["Name".to_owned(), "Phone".to_owned()]), None);
    }
}
