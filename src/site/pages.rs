//! The pages, by templates that a user may replace one by one.

use std::collections::BTreeMap;
use std::path::Path;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Value, context};
use serde::Serialize;
use serde_json::json;

use super::paper::{Access, Paper};
use super::settings::SiteSettings;
use crate::report::error::{Error, Kind, Result};

/// The templates, by the names under which a user's own take their place.
const TEMPLATES: [(&str, &str); 6] = [
    ("base.html", include_str!("templates/base.html")),
    ("index.html", include_str!("templates/index.html")),
    ("paper.html", include_str!("templates/paper.html")),
    ("feed.xml", include_str!("templates/feed.xml")),
    ("sitemap.xml", include_str!("templates/sitemap.xml")),
    ("robots.txt", include_str!("templates/robots.txt")),
];

/// The site's own words in the languages that it has: the key of each is the English one.
const WORDS: [(&str, &[(&str, &str)]); 2] = [
    (
        "de",
        &[
            ("Abstract", "Zusammenfassung"),
            ("All publications", "Alle Veröffentlichungen"),
            ("Cite", "Zitieren"),
            ("Keywords", "Schlagwörter"),
            ("Publications", "Veröffentlichungen"),
            ("Skip to the list", "Zur Liste springen"),
            ("Undated", "Ohne Datum"),
            ("on request", "auf Anfrage"),
            ("not available here", "hier nicht verfügbar"),
            ("Feed of new publications", "Feed neuer Veröffentlichungen"),
            ("By section", "Nach Abschnitt"),
            ("Download", "Herunterladen"),
        ],
    ),
    (
        "es",
        &[
            ("Abstract", "Resumen"),
            ("All publications", "Todas las publicaciones"),
            ("Cite", "Citar"),
            ("Keywords", "Palabras clave"),
            ("Publications", "Publicaciones"),
            ("Skip to the list", "Ir a la lista"),
            ("Undated", "Sin fecha"),
            ("on request", "a petición"),
            ("not available here", "no disponible aquí"),
            ("Feed of new publications", "Canal de novedades"),
            ("By section", "Por sección"),
            ("Download", "Descargar"),
        ],
    ),
];

/// Papers of one section, by year, the newest first.
#[derive(Serialize)]
struct Section<'a> {
    name: &'a str,
    id: String,
    years: Vec<Year<'a>>,
}

#[derive(Serialize)]
struct Year<'a> {
    year: &'a str,
    papers: Vec<&'a Paper>,
}

/// The pages of a site.
pub struct Pages {
    environment: Environment<'static>,
}

impl Pages {
    /// The templates, with those of the user.
    ///
    /// # Errors
    /// When one of them cannot be read or understood: with its line.
    pub fn new(own: Option<&Path>) -> Result<Pages> {
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|name| match name.ends_with(".txt") {
            true => AutoEscape::None,
            false => AutoEscape::Html,
        });
        // A tag on a line of its own leaves no empty line.
        let syntax =
            SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build();
        environment.set_syntax(syntax.map_err(|err| wrong(&err))?);
        environment.add_filter("size", |bytes: u64| indicatif::BinaryBytes(bytes).to_string());
        for (name, builtin) in TEMPLATES {
            let path = own.map(|folder| folder.join(name)).filter(|path| path.is_file());
            let text = match &path {
                Some(path) => std::fs::read_to_string(path).map_err(|err| Error::io("read", path, &err))?,
                None => builtin.to_owned(),
            };
            environment.add_template_owned(name, text).map_err(|err| wrong(&err))?;
        }
        Ok(Pages { environment })
    }

    /// The page of a paper.
    ///
    /// # Errors
    /// When a template of the user's does not fit.
    pub fn paper(&self, paper: &Paper, site: &SiteSettings) -> Result<String> {
        let citations: Vec<_> =
            paper.citations().into_iter().map(|(name, html)| json!({"name": name, "html": html})).collect();
        // In a script element `</` and `<!--` mean something, whatever stands there.
        let linked_data = linked_data(paper, site).to_string().replace('<', "\\u003c");
        self.render(
            "paper.html",
            site,
            context! {
                paper => Value::from(Serde(paper)), citations => Value::from(Serde(&citations)), linked_data, root => "../",
            },
        )
    }

    /// All other files of the site.
    ///
    /// # Errors
    /// When a template of the user's does not fit.
    pub fn others(&self, papers: &[Paper], site: &SiteSettings) -> Result<Vec<(&'static str, String)>> {
        let sections = sections(papers);
        let updated = papers.iter().map(|paper| stamp(&paper.date)).max().unwrap_or_default();
        let entries: Vec<_> =
            papers.iter().map(|paper| json!({"stamp": stamp(&paper.date), "id": id(paper, site)})).collect();
        let context = context! {
            papers => Value::from(Serde(papers)), sections => Value::from(Serde(&sections)),
            entries => Value::from(Serde(&entries)), updated, root => "",
        };
        let mut files = Vec::new();
        for name in ["index.html", "feed.xml", "sitemap.xml", "robots.txt"] {
            // A sitemap has whole addresses only.
            if name != "sitemap.xml" || site.url.is_some() {
                files.push((name, self.render(name, site, context.clone())?));
            }
        }
        Ok(files)
    }

    fn render(&self, name: &str, site: &SiteSettings, more: Value) -> Result<String> {
        let words = WORDS.iter().find(|(language, _)| site.language.starts_with(language));
        let words: BTreeMap<&str, &str> =
            words.into_iter().flat_map(|(_, words)| words.iter().copied()).collect();
        let template = self.environment.get_template(name).map_err(|err| wrong(&err))?;
        let own = context! { site => Value::from(Serde(site)), base => site.base(), words };
        template.render(context! { ..more, ..own }).map_err(|err| wrong(&err))
    }
}

fn wrong(err: &minijinja::Error) -> Error {
    let place = err.name().map(|name| format!("the template `{name}`, line {}: ", err.line().unwrap_or(0)));
    let what =
        err.detail().map_or_else(|| err.kind().to_string(), |detail| format!("{}: {detail}", err.kind()));
    Error::new(Kind::Usage, format!("{}{what}", place.unwrap_or_default()))
}

/// Sections in the order of their newest paper.
fn sections(papers: &[Paper]) -> Vec<Section<'_>> {
    let mut sections: Vec<Section> = Vec::new();
    for paper in papers {
        let at = sections.iter().position(|known| known.name == paper.section).unwrap_or_else(|| {
            let id = format!("section-{}", sections.len() + 1);
            sections.push(Section { name: &paper.section, id, years: Vec::new() });
            sections.len() - 1
        });
        let years = &mut sections[at].years;
        match years.last_mut().filter(|last| last.year == paper.year) {
            Some(last) => last.papers.push(paper),
            None => years.push(Year { year: &paper.year, papers: vec![paper] }),
        }
    }
    sections
}

/// A moment for a date that may be a year alone.
fn stamp(date: &str) -> String {
    let (year, month, day) = (date.get(..4), date.get(5..7), date.get(8..10));
    let year = year.filter(|year| year.bytes().all(|byte| byte.is_ascii_digit())).unwrap_or("1970");
    format!("{year}-{}-{}T00:00:00Z", month.unwrap_or("01"), day.unwrap_or("01"))
}

/// What names a paper in a feed for ever.
fn id(paper: &Paper, site: &SiteSettings) -> String {
    match site.base() {
        _ if !paper.doi.is_empty() => format!("https://doi.org/{}", paper.doi),
        Some(base) => format!("{base}papers/{}.html", paper.slug),
        None => {
            let said = format!("{}\n{}", paper.year, paper.title);
            format!("urn:exodus:{}", &blake3::hash(said.as_bytes()).to_hex()[..32])
        }
    }
}

/// What search engines read (schema.org `ScholarlyArticle`).
fn linked_data(paper: &Paper, site: &SiteSettings) -> serde_json::Value {
    let author = |author: &super::paper::Author| match author.given.is_empty() {
        true => json!({"@type": "Person", "name": author.family}),
        false => json!({
            "@type": "Person", "givenName": author.given, "familyName": author.family,
            "name": format!("{} {}", author.given, author.family),
        }),
    };
    let mut data = json!({
        "@context": "https://schema.org", "@type": "ScholarlyArticle", "headline": paper.title, "name": paper.title,
        "author": paper.authors.iter().map(author).collect::<Vec<_>>(),
    });
    let mut add = |name: &str, value: serde_json::Value| {
        if !value.is_null() && value != "" && value != json!([]) {
            data[name] = value;
        }
    };
    add("datePublished", paper.date.clone().into());
    add("abstract", paper.summary.clone().into());
    add("inLanguage", paper.language.clone().into());
    add("keywords", paper.keywords.clone().into());
    add("pagination", paper.pages.clone().into());
    if !paper.venue.is_empty() {
        add("isPartOf", json!({"@type": "Periodical", "name": paper.venue}));
    }
    if !paper.doi.is_empty() {
        add("sameAs", format!("https://doi.org/{}", paper.doi).into());
    }
    add("isAccessibleForFree", (paper.access == Access::Public && paper.file.is_some()).into());
    if let Some(base) = site.base() {
        add("url", format!("{base}papers/{}.html", paper.slug).into());
        if let Some(file) = &paper.file {
            add("encoding", json!({"@type": "MediaObject", "contentUrl": format!("{base}papers/{file}")}));
        }
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_that_is_a_year_alone_is_its_first_moment() {
        for (date, expected) in [
            ("2016", "2016-01-01T00:00:00Z"),
            ("2016-05", "2016-05-01T00:00:00Z"),
            ("2016-05-03", "2016-05-03T00:00:00Z"),
            ("", "1970-01-01T00:00:00Z"),
        ] {
            assert_eq!(stamp(date), expected);
        }
    }

    #[test]
    fn a_template_that_is_wrong_is_told_with_its_line() {
        let folder = std::env::temp_dir().join(format!("exodus-templates-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("it can be made");
        std::fs::write(folder.join("paper.html"), "<p>\n{% if %}").expect("it can be written");
        let err = Pages::new(Some(&folder)).map(|_| ()).expect_err("it is wrong");
        std::fs::remove_dir_all(&folder).expect("it is ours");
        assert!(err.what.contains("`paper.html`, line 2"), "{}", err.what);
    }
}
