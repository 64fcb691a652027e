//! Which file is which work. Rules in their order, each with its threshold; what none of them decides is asked, never guessed.
//!
//! 1. `csv`: the row of `papers.csv` says so. 2. `id`: the name has the platform's number of a file. 3. `name`: the name is that of a
//!    file of the work, or its title, or its link. 4. `doi`: the only DOI of the first pages. 5. `title`: the PDF's own title or the name, at least
//!    [`MIN_TITLE_SIMILARITY`] of their words in common. 6. `text`: the title stands on the first pages. Where several works fit a rule, the
//!    one whose year is in the name or on the first pages; if that leaves several, the next rule chooses among them.

use super::document::File;
use super::titles::Titles;
use super::work::{Work, compared};

/// Words in common, of all words of both, from which on titles are the same.
pub const MIN_TITLE_SIMILARITY: f64 = 0.9;
/// A shorter title says too little to be looked for in a text.
pub const MIN_TITLE_LETTERS: usize = 20;
/// So many words of it.
pub const MIN_TITLE_WORDS: usize = 3;
/// A title stands at the beginning of the text that follows the cover, within so many letters.
pub const LIMIT_TITLE_LETTERS: usize = 1500;

/// A work as files are compared with it.
struct Candidate<'w> {
    work: &'w Work,
    title: String,
    names: Vec<String>,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    /// The number of the work.
    pub work: usize,
    /// The rule that found it.
    pub by: &'static str,
}

/// All works as files are compared with them.
pub struct Candidates<'w> {
    all: Vec<Candidate<'w>>,
    titles: Titles,
}

/// The works as files are compared with them.
pub fn candidates(works: &[Work]) -> Candidates<'_> {
    let of = |work| {
        let work: &Work = work;
        let title = compared(work.text("title"));
        let names = work.file_names.iter().map(|name| compared(stem(name)));
        let mut names: Vec<String> = names.filter(|name| !name.is_empty()).collect();
        names.push(title.clone());
        Candidate { work, title, names }
    };
    let all: Vec<Candidate> = works.iter().map(of).collect();
    let mut titles = Titles::default();
    all.iter().enumerate().for_each(|(number, it)| titles.set(number, &it.title));
    Candidates { all, titles }
}

/// The work of a file; `None` if no rule decides.
pub fn find(file: &File, candidates: &Candidates) -> Option<Match> {
    let all = candidates.all.as_slice();
    if let Some(chosen) = &file.chosen {
        let found =
            all.iter().position(|it| it.work.id.as_deref() == Some(chosen) || it.work.key() == *chosen);
        // What the user has written is never overruled.
        return found.map(|work| Match { work, by: "csv" });
    }
    let mut titled = candidates.titles.similar(&file.title);
    titled.extend(candidates.titles.similar(&file.stem));
    type Fits<'f> = &'f dyn Fn(usize, &Candidate) -> bool;
    let rules: [(&'static str, Fits); 4] = [
        ("id", &|_, it| it.work.attachments.iter().any(|id| id.len() >= 4 && file.numbers.contains(id))),
        ("name", &|_, it| it.names.contains(&file.stem)),
        ("doi", &|_, it| has_doi(file, it.work)),
        ("title", &|at, _| titled.contains(&at)),
    ];
    // Of several that fit one rule the next ones choose.
    let mut pool: Vec<usize> = (0..all.len()).collect();
    for (by, rule) in rules {
        let found: Vec<usize> = pool.iter().copied().filter(|at| rule(*at, &all[*at])).collect();
        if let Some(work) = only(&found, file, all) {
            return Some(Match { work, by });
        }
        if !found.is_empty() {
            pool = found;
        }
    }
    in_text(file, all, &pool).map(|work| Match { work, by: "text" })
}

/// The one of several works that the year decides for.
fn only(found: &[usize], file: &File, all: &[Candidate]) -> Option<usize> {
    if let [one] = found {
        return Some(*one);
    }
    let head = beginning(&file.first);
    let has_year = |at: &&usize| {
        all[**at].work.year().is_some_and(|year| {
            let year = year.to_string();
            file.numbers.contains(&year) || head.split(' ').any(|word| word == year)
        })
    };
    let mut with_year = found.iter().filter(has_year);
    match (with_year.next(), with_year.next()) {
        (Some(one), None) => Some(*one),
        _ => None,
    }
}

/// The DOI counts only if it is the only one: others are those of works that are cited.
fn has_doi(file: &File, work: &Work) -> bool {
    matches!(file.dois.as_slice(), [doi] if !doi.is_empty() && work.text("doi").eq_ignore_ascii_case(doi))
}

/// The work whose title stands at the beginning of the text: of titles that hold one another the longest.
fn in_text(file: &File, all: &[Candidate], pool: &[usize]) -> Option<usize> {
    let head = format!(" {} ", beginning(&file.first));
    let is_there = |it: &Candidate| {
        it.title.chars().count() >= MIN_TITLE_LETTERS
            && it.title.split(' ').count() >= MIN_TITLE_WORDS
            && head.contains(&format!(" {} ", it.title))
    };
    let found: Vec<usize> = pool.iter().copied().filter(|at| is_there(&all[*at])).collect();
    let is_in_other = |at: &usize| {
        let title = &all[*at].title;
        found.iter().any(|other| all[*other].title.len() > title.len() && all[*other].title.contains(title))
    };
    let longest: Vec<usize> = found.iter().copied().filter(|at| !is_in_other(at)).collect();
    // Two that stand apart: one of them is cited.
    only(&longest, file, all)
}

fn beginning(text: &str) -> &str {
    text.char_indices().nth(LIMIT_TITLE_LETTERS).map_or(text, |(at, _)| &text[..at])
}

/// A file's name without extension and without what browsers add to it: ` (1)`.
pub fn stem(name: &str) -> &str {
    let stem = match name.rsplit_once('.') {
        Some((stem, ending)) if (2..=4).contains(&ending.len()) && !stem.is_empty() => stem,
        _ => name,
    };
    let stem = stem.trim_end();
    let added = stem.strip_suffix(')').and_then(|it| it.rsplit_once('('));
    match added {
        Some((before, number))
            if !number.is_empty() && number.len() < 3 && number.bytes().all(|it| it.is_ascii_digit()) =>
        {
            before.trim_end()
        }
        _ => stem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use exodus_api::{At, Entry, Origin};

    fn work(id: &str, title: &str, year: i64, doi: &str) -> Work {
        let entry =
            Entry { id: 0, part: 0, path: "a".to_owned(), size: 0, modified: None, crc32: None, order: 0 };
        let mut work = Work::new(Origin { entry, at: At::Whole });
        work.id = Some(id.to_owned());
        work.set("title", title);
        work.set("year", year);
        work.set("doi", doi);
        work.attachments.push(format!("{id}9"));
        work.file_names.push(format!("scan_{id}.pdf"));
        work
    }

    fn check(name: &str, title: &str, first: &str, wanted: Option<(usize, &'static str)>) {
        let works = [
            work("1001", "Los astilleros del norte", 2016, "10.5555/a"),
            work("1002", "Los astilleros del norte", 2018, ""),
            work("1003", "Los astilleros del norte de España", 2018, "10.5555/c"),
            work("1004", "Boats", 2018, ""),
            work("1005", "Harbours of the northern sea and their boats in the age of sail", 2018, ""),
        ];
        let file = File::of_test(name, title, first);
        let found = find(&file, &candidates(&works)).map(|it| (it.work, it.by));
        assert_eq!(found, wanted, "{name} {title} {first}");
    }

    #[test]
    fn each_rule_finds_its_file_and_none_guesses() {
        check("attachment_10019.pdf", "", "", Some((0, "id")));
        check("scan_1003 (1).pdf", "", "", Some((2, "name")));
        check("Boats.pdf", "", "", Some((3, "name")));
        check("x.pdf", "", "doi 10.5555/c", Some((2, "doi")));
        check("x.pdf", "", "doi 10.5555/c and 10.5555/a", None);
        check("x.pdf", "Del norte: los ASTILLEROS de España", "", Some((2, "title")));
        check("x.pdf", "Harbours of the northern sea and their boats in the age of", "", Some((4, "title")));
        check("x.pdf", "Harbours of the northern sea and their boats", "", None);
        check("x.pdf", "", "Revista 3\nLos astilleros del norte de España\nAna", Some((2, "text")));
        check("x.pdf", "", "Boats", None);
        // Two works of one title: the year decides, or nobody does.
        check("los-astilleros-del-norte.pdf", "", "", None);
        check("los-astilleros-del-norte.pdf", "", "Congreso, 2018", Some((1, "name")));
        check("x.pdf", "Los astilleros del norte", "2016 and 2018", None);
        // A title far behind the beginning is one that is cited.
        check("x.pdf", "", &format!("{}Los astilleros del norte de España", "word ".repeat(400)), None);
    }
}
