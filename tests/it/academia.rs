//! Papers of Academia.edu: what a scholar has saved, matched, listed, told, and imported again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use exodus_fixtures::scholar::{self, ALONE, SIGN_UP, TrueWork, UPLOADED_BY_OTHERS, WORKS};
use serde_json::Value;

use crate::house::{Home, number};
use crate::{index, tree};

struct Paper {
    key: String,
    path: Option<String>,
    facts: Value,
}

fn papers(home: &Home) -> Vec<Paper> {
    let sql = "SELECT key, item.path, extra, access FROM item JOIN paper USING (id) ORDER BY key";
    index::rows(&index::open(&home.archive()), sql, |row| {
        let extra: String = row.get(2)?;
        let mut facts: Value = serde_json::from_str(&extra).expect("facts are JSON");
        facts["access"] = row.get::<_, Option<String>>(3)?.into();
        Ok(Paper { key: row.get(0)?, path: row.get(1)?, facts })
    })
}

fn put(home: &Home, folder: &str, files: Vec<(String, Vec<u8>)>) -> PathBuf {
    for (path, content) in files {
        home.put(&format!("{folder}/{path}"), &content);
    }
    home.at(folder)
}

/// All that was saved but for the page that asks to sign up.
fn whole() -> Vec<(String, Vec<u8>)> {
    scholar::files().into_iter().filter(|(path, _)| !path.ends_with(SIGN_UP)).collect()
}

fn imported() -> Home {
    let home = Home::new();
    let folder = put(&home, "saved", whole());
    home.import(&folder, &[]).expect(0);
    home.assert_whole("imported");
    home
}

fn read(home: &Home, name: &str) -> String {
    fs::read_to_string(home.archive().join("files/papers").join(name)).expect("it is written with the papers")
}

fn with_file() -> impl Iterator<Item = &'static TrueWork> {
    WORKS.iter().filter(|work| !work.by.is_empty())
}

#[test]
fn every_file_is_matched_or_reported_as_its_truth_says_and_is_the_same_to_the_byte() {
    let home = imported();
    let found = papers(&home);
    let contents: BTreeMap<String, Vec<u8>> =
        scholar::pdfs().into_iter().map(|(path, content)| (path.replace("files/", ""), content)).collect();
    let mut alone = BTreeSet::new();
    for paper in &found {
        let Some(path) = &paper.path else { continue };
        let name = paper.facts["file"]["name"].as_str().expect("a file has the name it came with");
        assert!(fs::read(home.archive().join(path)).expect("it is there") == contents[name], "{name}");
        let Some(id) = paper.facts["work"].as_str() else {
            alone.insert(name);
            continue;
        };
        let work = WORKS.iter().find(|work| work.id.to_string() == id).expect("a work that there is");
        assert_eq!(paper.facts["matched_by"], work.by, "{name}");
        assert_eq!(paper.facts["access"], work.access, "{name}");
        let text = paper.facts["text"].as_str().expect("a PDF has its text");
        assert!(text.contains(&format!("zq{id}x")), "{name} is not the file of {id}");
        assert_eq!(paper.facts["file"]["pages"], 1, "a cover is no page of it: {name}");
    }
    assert_eq!(alone, ALONE.iter().copied().collect());
    let matched: BTreeSet<&str> =
        found.iter().filter(|it| it.path.is_some()).filter_map(|it| it.facts["work"].as_str()).collect();
    let truth: BTreeSet<String> = with_file().map(|work| work.id.to_string()).collect();
    assert_eq!(matched, truth.iter().map(String::as_str).collect());
    assert_eq!((matched.len(), found.len()), (21, WORKS.len() + ALONE.len()));
}

#[test]
fn works_have_the_facts_of_all_that_was_saved() {
    let home = imported();
    let found = papers(&home);
    let of = |id: u32| &found.iter().find(|it| it.key == format!("work:{id}")).expect("it is listed").facts;
    for work in WORKS {
        let facts = of(work.id);
        assert_eq!((&facts["title"], &facts["year"]), (&work.title.into(), &work.year.into()));
        assert_eq!(
            (&facts["section"], &facts["authors"][0]["family"]),
            (&work.section.into(), &"Pérez".into())
        );
        assert_eq!(facts["doi"].as_str().unwrap_or_default(), work.doi, "{}", work.title);
        assert_eq!(facts["uploaded_by"].is_string(), UPLOADED_BY_OTHERS.contains(&work.id), "{}", work.title);
    }
    let first = of(40_001);
    assert_eq!((&first["date"], &first["keywords"][0]), (&"2016-05".into(), &"Harbours".into()));
    assert_eq!(first["abstract"], "On {braces} and \"quotes\": abstract 40001");
    assert_eq!(first["authors"][1]["family"], "Gómez");
    // The bibliography knows better.
    assert_eq!((&of(40_003)["venue"], &of(40_003)["volume"]), (&"Anuario".into(), &"7".into()));
    assert_eq!(of(40_007)["views"], 1204);
    assert!(!found.iter().any(|it| it.facts["title"].as_str().is_some_and(|title| title.contains("Whales"))));
    let first = papers(&home).into_iter().find(|it| it.key == "work:40001").and_then(|it| it.path);
    assert_eq!(first.as_deref(), Some("files/papers/2016-perez-los-astilleros-del-norte-de-espana.pdf"));
}

#[test]
fn the_checklist_says_what_is_still_missing() {
    let home = Home::new();
    let folder = put(&home, "saved", scholar::files());
    let path = folder.to_str().expect("a path of ours");
    let inspected = home.json(&["inspect", path]);
    let summary = home.import(&folder, &[]).expect(5).summary();
    let missing: BTreeSet<&str> =
        WORKS.iter().filter(|work| work.by.is_empty()).map(|work| work.title).collect();
    for told in [&inspected["papers"], &summary["papers"]] {
        assert_eq!((number(&told["works"]), number(&told["files"])), (30, 24), "{told}");
        let list = told["missing"].as_array().expect("a list");
        assert_eq!(list.len(), 9, "{told}");
        assert_eq!(list.iter().filter_map(|it| it["title"].as_str()).collect::<BTreeSet<_>>(), missing);
        assert!(
            list.iter().all(|it| it["url"]
                .as_str()
                .is_some_and(|url| url.starts_with("https://www.academia.edu/4")))
        );
        assert_eq!(told["alone"].as_array().map(Vec::len), Some(ALONE.len()));
        assert_eq!(told["uploaded_by_others"].as_array().map(Vec::len), Some(3));
    }
    let fault = &summary["faults"][0];
    assert!(fault["what"].as_str().is_some_and(|what| what.contains("sign up")), "{summary}");
    let page = read(&home, "CHECKLIST.md");
    assert!(page.contains("30 works are listed; 24 files are here; 9 works have no file; 3 files match no work; 3 works are a co-author's upload"), "{page}");
    assert!(
        page.contains(
            "- [ ] Un faro en la niebla, 2021, https://www.academia.edu/40007/Un_faro_en_la_niebla\n"
        ),
        "{page}"
    );
    for command in ["import", "inspect"] {
        let text = String::from_utf8(home.run([command, path]).out).expect("text");
        assert!(text.contains("30 works are listed; 24 files are here; 9 works have no file;"), "{text}");
        assert!(text.contains("missing: Un faro en la niebla, 2021, https://"), "{text}");
        assert!(text.contains("give both to one command"), "{text}");
    }
    home.assert_whole("with a fault");
}

#[test]
fn lists_for_other_programs_have_every_paper() {
    let home = imported();
    let bib = read(&home, "papers.bib");
    assert_eq!(bib.matches("\n@").count() + 1, 33, "{bib}");
    assert!(bib.contains("doi = {10.5555/scholar.3}") && bib.contains("author = {P"), "{bib}");
    let csl: Value = serde_json::from_str(&read(&home, "papers.csl.json")).expect("it is JSON");
    let csl = csl.as_array().expect("a list");
    let ids: BTreeSet<&str> = csl.iter().filter_map(|it| it["id"].as_str()).collect();
    assert_eq!((csl.len(), ids.len()), (33, 33));
    assert!(
        csl.iter().any(|it| it["DOI"] == "10.5555/scholar.11" && it["issued"]["date-parts"][0][0] == 2022)
    );
    assert_eq!(read(&home, "papers.ris").matches("\r\nER  - \r\n").count(), 33);
    // They can be imported in turn, as anybody's.
    let again = Home::new();
    for (name, text) in [("a.bib", bib), ("b.ris", read(&home, "papers.ris"))] {
        again.put(&format!("lists/{name}"), text.as_bytes());
    }
    again.import(&again.at("lists"), &["--from", "academia"]).expect(0);
    let titles =
        |home: &Home| papers(home).iter().map(|it| it.facts["title"].to_string()).collect::<BTreeSet<_>>();
    assert_eq!(titles(&again), titles(&home));
}

#[test]
fn questions_of_papers_can_be_asked_in_sql() {
    let home = imported();
    let sql = "SELECT title, type, year, date, venue, volume, issue, pages, doi, keywords, section, language, url, views FROM paper \
        WHERE doi = '10.5555/scholar.3'";
    let rows = index::rows(&index::open(&home.archive()), sql, |row| {
        let cell = |at: usize| -> rusqlite::types::Value { row.get(at).expect("a column of the view") };
        Ok((0..14).map(cell).collect::<Vec<_>>())
    });
    let [row] = rows.as_slice() else { panic!("one work has this DOI: {rows:?}") };
    let work = WORKS.iter().find(|work| work.doi == "10.5555/scholar.3").expect("a work that there is");
    assert_eq!((&row[0], &row[2]), (&work.title.to_owned().into(), &work.year.into()));
    assert_eq!((&row[4], &row[5]), (&"Anuario".to_owned().into(), &"7".to_owned().into()));
    assert_eq!(row[10], work.section.to_owned().into());
}

#[test]
fn works_that_are_no_pdfs_are_matched_by_what_stands_in_them() {
    let home = Home::new();
    let times = exodus_fixtures::office::Times { created: 1_462_269_600, modified: 1_462_269_600 };
    let title = "Los astilleros del norte de España";
    let docx = exodus_fixtures::office::docx(title, "A manuscript with zqword1x", times);
    let odt = exodus_fixtures::office::odt("Notes", &format!("{title} by zqword2x"), times);
    home.put(
        "saved/list.bib",
        format!("@article{{a, title={{{title}}}, author={{Pérez, Ana}}, year=2016}}").as_bytes(),
    );
    home.put("saved/x1.docx", &docx);
    home.put("saved/x2.odt", &odt);
    home.import(&home.at("saved"), &["--from", "academia"]).expect(0);
    let found = papers(&home);
    let [paper] = found.as_slice() else { panic!("one work") };
    assert_eq!(
        (&paper.facts["matched_by"], &paper.facts["file"]["name"]),
        (&"title".into(), &"x1.docx".into())
    );
    assert!(
        fs::read(home.archive().join(paper.path.as_ref().expect("it has a file"))).expect("it is there")
            == docx
    );
    let hits =
        home.json_lines(&["search", "zqword1x"]).len() + home.json_lines(&["search", "zqword2x"]).len();
    assert_eq!(hits, 2, "both are found by their text");
    home.assert_whole("documents");
}

#[test]
fn a_library_of_thousands_is_matched_in_seconds_and_told_in_few_lines() {
    let home = Home::new();
    let mut bib = String::new();
    for number in 0..5_000_u32 {
        let words: Vec<String> = (0..6).map(|at| format!("w{}", (number * 7 + at * 911) % 4_000)).collect();
        bib.push_str(&format!(
            "@article{{k{number}, title={{{} n{number}}}, author={{Example, Ada}}, year=2016}}\n",
            words.join(" ")
        ));
    }
    home.put("lists/zotero.bib", bib.as_bytes());
    let path = home.at("lists");
    let started = std::time::Instant::now();
    let ran = home.run(["inspect", "--from", "academia", path.to_str().expect("a path of ours")]);
    assert!(started.elapsed().as_secs() < 30, "each record was compared with every work");
    let text = String::from_utf8(ran.expect(0).out).expect("text");
    assert!(text.contains("5000 works are listed; 0 files are here;"), "{text}");
    assert!(text.contains("and 4950 more") && text.lines().count() < 80, "{text}");
}

#[test]
fn papers_are_found_by_the_words_in_them() {
    let home = imported();
    let hits = home.json_lines(&["search", "kind:paper", "zq40005x"]);
    assert!(hits.len() == 1 && hits[0]["title"] == "Ropes, knots and the people who made them", "{hits:?}");
    let hits = home.json_lines(&["search", "kind:paper", "Gomez"]);
    assert!(hits.len() > 10, "authors are found: {hits:?}");
}

#[test]
fn an_import_again_changes_nothing() {
    let home = imported();
    let before = tree::of_archive(&home.archive());
    let summary = home.import(&home.at("saved"), &[]).expect(0).summary();
    let updated: u64 = summary["items_updated"].as_object().expect("by kind").values().map(number).sum();
    assert_eq!((number(&summary["added"]), updated), (0, 0), "{summary}");
    tree::assert_same(&tree::of_archive(&home.archive()), &before, "imported again");
}

#[test]
fn what_the_user_writes_into_the_table_is_so() {
    let home = imported();
    let table = read(&home, "papers.csv");
    let edited: Vec<String> = table
        .lines()
        .map(|line| match line {
            _ if line.starts_with("work:40001,") => line.replace(",on-request,", ",public,"),
            _ if line.starts_with("file#") && line.contains("same-words")
                || line.contains("Same words") && line.starts_with("file#") =>
            {
                line.replace(",on-request,,", ",on-request,40029,")
            }
            _ => line.to_owned(),
        })
        .collect();
    let edited = edited.join("\n") + "\n";
    assert_ne!(edited, table);
    let files = whole().into_iter().chain([("papers.csv".to_owned(), edited.clone().into_bytes())]);
    let folder = put(&home, "again", files.collect());
    let summary = home.import(&folder, &[]).expect(0).summary();
    home.assert_whole("edited");
    let found = papers(&home);
    let of = |key: &str| found.iter().find(|it| it.key == key).expect("it is there");
    assert_eq!(of("work:40001").facts["access"], "public");
    let named = of("work:40029");
    assert_eq!((&named.facts["matched_by"], named.path.is_some()), (&"csv".into(), true));
    let told = &summary["papers"];
    assert_eq!(
        (told["missing"].as_array().map(Vec::len), told["alone"].as_array().map(Vec::len)),
        (Some(8), Some(2)),
        "{told}"
    );
    // An import without the table does not undo it.
    home.import(&home.at("saved"), &[]).expect(0);
    home.assert_whole("without the table");
    let n_public = papers(&home).iter().filter(|it| it.facts["access"] == "public").count();
    assert_eq!(n_public, 1);
    assert!(
        read(&home, "papers.csv")
            .lines()
            .any(|line| line.starts_with("work:40001,") && line.contains(",public,"))
    );
    // The table alone is enough to decide who may read what.
    let again = read(&home, "papers.csv").replace(",on-request,", ",public,");
    let path = home.put("table/papers.csv", again.as_bytes());
    home.import(path.parent().expect("a folder"), &[]).expect(0);
    home.assert_whole("only the table");
    let n_public = papers(&home).iter().filter(|it| it.facts["access"] == "public").count();
    assert_eq!(n_public, with_file().filter(|work| work.access == "on-request").count() + 3);
    assert!(papers(&home).iter().filter(|it| it.path.is_some()).count() >= 24, "files stay");
}

#[test]
fn an_edited_table_is_never_written_over() {
    let home = imported();
    let path = home.archive().join("files/papers/papers.csv");
    fs::write(&path, "key,blake3,access\nmine\n").expect("it is the user's");
    home.assert_whole("the user edits");
    home.import(&home.at("saved"), &[]).expect(0);
    assert!(read(&home, "papers.csv").starts_with("key,file,access,work"));
    assert_eq!(read(&home, "papers (edited).csv"), "key,blake3,access\nmine\n");
}

#[test]
fn two_halves_in_either_order_give_the_same() {
    let half = |is_first: bool| {
        let pages = ["Ana Pérez _ UPV.html", "zotero.bib"];
        let is_in_first = |path: &str| {
            pages.contains(&path) || scholar::pdfs().iter().take(12).any(|(name, _)| name == path)
        };
        whole().into_iter().filter(move |(path, _)| is_in_first(path) == is_first).collect::<Vec<_>>()
    };
    let mut archives = Vec::new();
    for order in [[true, false], [false, true]] {
        let home = Home::new();
        for is_first in order {
            let folder = put(&home, if is_first { "first" } else { "second" }, half(is_first));
            home.import(&folder, &[]).expect(0);
            home.assert_whole("a half");
        }
        let facts: BTreeMap<String, (Option<String>, Value)> =
            papers(&home).into_iter().map(|it| (it.key, (it.path, it.facts))).collect();
        archives.push((
            facts,
            read(&home, "CHECKLIST.md"),
            read(&home, "papers.bib"),
            read(&home, "papers.csv"),
        ));
    }
    assert_eq!(archives[0].0, archives[1].0);
    assert!(archives[0] == archives[1], "the lists differ");
}

#[test]
fn a_folder_of_pdfs_is_only_read_when_asked_for() {
    let home = Home::new();
    let folder = put(&home, "pdfs", scholar::pdfs());
    let ran = home.import(&folder, &[]);
    assert_ne!(ran.code, 0, "nothing says whose it is");
    let summary = home.import(&folder, &["--from", "academia"]).expect(0).summary();
    assert_eq!(number(&summary["items"]["paper"]), 24);
    assert_eq!(summary["papers"]["alone"].as_array().map(Vec::len), Some(24), "{summary}");
    home.assert_whole("pdfs");
}
