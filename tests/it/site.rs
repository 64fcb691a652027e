//! `exodus site papers`: what goes out and what does not, read by a parser of HTML and by a browser.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::house::{Home, number, skip};

/// Papers as the index tells of them: title, file, facts.
fn papers() -> Vec<(&'static str, Option<&'static str>, Value)> {
    let ana = json!({"given": "Ana", "family": "Pérez"});
    vec![
        (
            "Los astilleros del norte",
            Some("2016-perez.pdf"),
            json!({"type": "article-journal", "authors": [ana, {"given": "Berta", "family": "Gómez"}], "year": 2016,
                "date": "2016-05", "venue": "Revista de Historia", "volume": "12", "issue": "3", "pages": "12-34",
                "doi": "10.5555/a.b", "abstract": "Barcos <del> norte & gentes.\n\nFin.", "keywords": ["barcos"],
                "section": "Papers", "language": "es", "access": "public", "bibtex": "@article{perez2016,\n}\n"}),
        ),
        (
            "Schiffe im Eis",
            Some("2019-perez.pdf"),
            json!({"type": "book", "authors": [ana], "date": "2019-05-03", "publisher": "Example Press",
                "section": "Books", "language": "de", "access": "private", "licence_mark": "© Example Press"}),
        ),
        (
            "A talk on boats",
            Some("2020-talk.pdf"),
            json!({"type": "speech", "authors": [{"literal": "Harbour Society"}], "date": "2020", "section": "Talks"}),
        ),
        (
            "</script><script>alert(1)</script> \"quoted\" & odd",
            None,
            json!({"type": "manuscript", "authors": [{"family": "<b>Evil</b>"}], "abstract": "</script><img src=x onerror=alert(1)>"}),
        ),
    ]
}

/// An archive with papers. The site reads the index alone, so they are put there.
fn archive() -> Home {
    let home = Home::new();
    home.put("one.mbox", b"From - Tue Mar 19 09:13:51 2019\nFrom: ada@example.org\nSubject: x\n\nhi\n");
    home.import(&home.at("one.mbox"), &[]).expect(0);
    let conn = rusqlite::Connection::open(home.archive().join("index.sqlite")).expect("it is there");
    for (number, (title, file, facts)) in papers().into_iter().enumerate() {
        let path = file.map(|name| format!("files/papers/{name}"));
        if let Some(path) = &path {
            home.put(&format!("archive/{path}"), format!("%PDF-1.4 {title}").as_bytes());
        }
        let sql = "INSERT INTO item (platform, key, kind, product, title, path, size, export_id, extra)
            VALUES ('test', ?1, 'paper', 'papers', ?2, ?3, 1, 1, ?4)";
        let values = rusqlite::params![format!("paper:{number}"), title, path, facts.to_string()];
        conn.execute(sql, values).expect("the index takes it");
    }
    let settings = "[site]\ntitle = \"Publications\"\nauthor = \"Ana Pérez\"\nurl = \"https://ana.example.org\"\n\
        email = \"ana@example.org\"\n\n[target.home]\nurl = \"file:///tmp/x\"\n";
    home.put("exodus.toml", settings.as_bytes());
    home
}

fn site(home: &Home, more: &[&str]) -> Value {
    let args = ["site", "papers", "out", "--json"];
    home.run(args.iter().chain(more)).expect(0).summary()
}

/// All files of a site, below its folder.
fn files(folder: &Path) -> BTreeSet<String> {
    let all = walkdir::WalkDir::new(folder).into_iter().flatten().filter(|it| it.file_type().is_file());
    let below = |path: &Path| path.strip_prefix(folder).expect("it lies below").display().to_string();
    all.map(|it| below(it.path())).filter(|path| !path.starts_with('.')).collect()
}

fn page(home: &Home, path: &str) -> String {
    fs::read_to_string(home.at("out").join(path)).unwrap_or_else(|err| panic!("{path}: {err}"))
}

const ARTICLE: &str = "papers/2016-perez-los-astilleros-del-norte.html";

#[test]
fn only_files_that_are_public_go_out_and_what_becomes_private_goes_away() {
    let home = archive();
    let told = site(&home, &["--zenodo", "drafts"]);
    let counts = ["papers", "public", "on_request", "private", "drafts"].map(|name| number(&told[name]));
    assert_eq!(counts, [4, 1, 1, 1, 3], "{told}");
    let files = files(&home.at("out"));
    let documents: Vec<&String> = files.iter().filter(|path| path.ends_with(".pdf")).collect();
    assert_eq!(documents, ["papers/2016-perez-los-astilleros-del-norte.pdf"]);
    for path in &files {
        let bytes = fs::read(home.at("out").join(path)).expect("it is there");
        let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(!has("%PDF-1.4 Schiffe") && !has("%PDF-1.4 A talk"), "{path}");
    }
    assert!(page(&home, "papers/2020-harbour-society-a-talk-on-boats.html").contains("on request"));
    assert_eq!(number(&site(&home, &[])["written"]), 0, "nothing has changed");
    fs::write(home.at("out/mine.html"), "mine").expect("it can be written");
    let conn = rusqlite::Connection::open(home.archive().join("index.sqlite")).expect("it is there");
    conn.execute("UPDATE item SET extra = json_set(extra, '$.access', 'private') WHERE key = 'paper:0'", [])
        .expect("the index takes it");
    let told = site(&home, &[]);
    assert_eq!((number(&told["removed"]), number(&told["public"])), (1, 0), "{told}");
    assert!(!home.at("out/papers/2016-perez-los-astilleros-del-norte.pdf").exists());
    assert!(home.at("out/mine.html").exists(), "what is not ours stays");
}

#[test]
fn every_page_is_sound_html_and_every_link_leads_somewhere() {
    let home = archive();
    site(&home, &[]);
    let files = files(&home.at("out"));
    let pages: Vec<&String> = files.iter().filter(|path| path.ends_with(".html")).collect();
    assert_eq!(pages.len(), 5);
    for path in pages {
        let text = page(&home, path);
        let html = scraper::Html::parse_document(&text);
        assert!(html.errors.is_empty(), "{path}: {:?}", html.errors);
        let all = |what: &str| -> Vec<String> {
            let selector = scraper::Selector::parse(what).expect("a selector");
            html.select(&selector).map(|it| it.inner_html()).collect()
        };
        assert_eq!((all("h1").len(), all("main").len(), all("title").len()), (1, 1, 1), "{path}");
        let scripts = all("script");
        let is_data = scripts.iter().all(|it| serde_json::from_str::<Value>(it).is_ok());
        assert!(
            is_data && scripts.len() == usize::from(path.as_str() != "index.html"),
            "{path}: {scripts:?}"
        );
        assert!(!text.contains("<img"), "{path}");
        let selector = scraper::Selector::parse("[href]").expect("a selector");
        for link in html.select(&selector).filter_map(|it| it.value().attr("href")) {
            if let Some(name) = link.strip_prefix('#') {
                assert!(text.contains(&format!("id=\"{name}\"")), "{path}: #{name}");
            } else if !["https://doi.org/", "https://ana.example.org/", "mailto:ana@example.org?"]
                .iter()
                .any(|it| link.starts_with(it))
            {
                let file = home.at("out").join(path).parent().expect("a folder").join(link);
                assert!(file.is_file(), "{path}: {link}");
            }
        }
    }
    let article = page(&home, ARTICLE);
    for (name, content) in [
        ("title", "Los astilleros del norte"),
        ("author", "Pérez, Ana"),
        ("author", "Gómez, Berta"),
        ("publication_date", "2016&#x2f;05"),
        ("journal_title", "Revista de Historia"),
        ("firstpage", "12"),
        ("lastpage", "34"),
        ("pdf_url", "https:&#x2f;&#x2f;ana.example.org&#x2f;papers/2016-perez-los-astilleros-del-norte.pdf"),
    ] {
        assert!(
            article.contains(&format!("<meta name=\"citation_{name}\" content=\"{content}\">")),
            "{name}: {article}"
        );
    }
    for path in ["feed.xml", "sitemap.xml"] {
        let script = "import sys, xml.dom.minidom as d; d.parse(sys.argv[1])";
        let Ok(ran) = Command::new("python3").args(["-c", script]).arg(home.at("out").join(path)).output()
        else {
            return skip("the feed read by another parser", "python3 is not installed");
        };
        assert!(ran.status.success(), "{path}: {}", String::from_utf8_lossy(&ran.stderr));
    }
}

#[test]
fn templates_of_ones_own_take_the_place_of_ours() {
    let home = archive();
    home.put(
        "mine/paper.html",
        b"<!DOCTYPE html><title>{{ paper.title }}</title><p>{{ words[\"Cite\"] or \"Cite\" }}",
    );
    let german = fs::read_to_string(home.at("exodus.toml"))
        .expect("it is there")
        .replace("[site]", "[site]\nlanguage = \"de\"");
    home.put("exodus.toml", german.as_bytes());
    site(&home, &["--templates", "mine"]);
    assert_eq!(page(&home, ARTICLE), "<!DOCTYPE html><title>Los astilleros del norte</title><p>Zitieren");
    assert!(page(&home, "index.html").contains("auf Anfrage"));
    home.put("mine/paper.html", b"{{ paper.title");
    let ran = home.run(["site", "papers", "out", "--templates", "mine"]).expect(2);
    assert!(ran.err.contains("`paper.html`, line 1"), "{}", ran.err);
}

#[test]
fn a_browser_shows_the_pages_without_a_complaint_and_asks_nobody() {
    let home = archive();
    site(&home, &[]);
    for path in ["index.html", ARTICLE] {
        let net_log = home.at("net.json");
        let ran = Command::new("chromium")
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--no-first-run",
            ])
            .args(["--enable-logging=stderr", "--v=0", "--dump-dom"])
            .arg(format!("--user-data-dir={}", home.at("profile").display()))
            .arg(format!("--log-net-log={}", net_log.display()))
            .arg(format!("file://{}", home.at("out").join(path).display()))
            .output();
        let Ok(ran) = ran else {
            return skip("pages in a browser", "chromium is not installed");
        };
        let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        assert!(out.contains("Los astilleros del norte"), "{path}: {err}");
        assert!(!err.contains("CONSOLE"), "{path}: {err}");
        let log = fs::read_to_string(&net_log).unwrap_or_default();
        let asked = log
            .split('"')
            .filter(|it| it.starts_with("http"))
            .filter(|it| it.contains("ana.example.org") || it.contains("doi.org"));
        assert_eq!(asked.count(), 0, "{path} asks somebody");
    }
}

#[test]
fn an_archive_without_papers_says_so() {
    let home = Home::new();
    home.put("one.mbox", b"From - Tue Mar 19 09:13:51 2019\nFrom: ada@example.org\nSubject: x\n\nhi\n");
    home.import(&home.at("one.mbox"), &[]).expect(0);
    let ran = home.run(["site", "papers", "out"]).expect(2);
    assert!(ran.err.contains("no papers") && ran.err.contains("hint: "), "{}", ran.err);
    assert!(!home.at("out").exists());
}
