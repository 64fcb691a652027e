//! A paper as the site shows it, from the facts of its item (`docs/archive-format.md`, kind `paper`).

use hayagriva::archive::{ArchivedStyle, locales};
use hayagriva::citationberg::{LocaleCode, Style};
use hayagriva::types::{Date, EntryType, FormatString, MaybeTyped, PageRanges, Person, QualifiedUrl};
use hayagriva::{
    BibliographyDriver, BibliographyRequest, BufWriteFormat, CitationItem, CitationRequest, Entry,
};
use serde::Serialize;
use serde_json::{Map, Value};

/// Who may read a paper's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Everybody.
    Public,
    /// Who asks its author.
    OnRequest,
    /// Nobody: it is a publisher's.
    Private,
}

/// An author.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Author {
    /// Given names; empty for an organization.
    pub given: String,
    /// Family name, or the whole name where its parts are not known.
    pub family: String,
}

/// A paper. Texts that are not known are empty.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Paper {
    /// Names its page and its file: `2016-perez-los-astilleros`.
    pub slug: String,
    /// A type of CSL: `article-journal`, `book` …
    pub of: String,
    /// Its title.
    pub title: String,
    /// Its authors, in their order.
    pub authors: Vec<Author>,
    /// The year, as four digits.
    pub year: String,
    /// As exact as it is known: `2016`, `2016-05`, `2016-05-03`.
    pub date: String,
    /// Journal, book, or conference.
    pub venue: String,
    /// Publisher or university.
    pub publisher: String,
    /// Volume.
    pub volume: String,
    /// Issue.
    pub issue: String,
    /// Pages, `12-34`.
    pub pages: String,
    /// DOI without a resolver.
    pub doi: String,
    /// ISBN.
    pub isbn: String,
    /// Its own summary.
    pub summary: String,
    /// Keywords.
    pub keywords: Vec<String>,
    /// The section that its author put it into.
    pub section: String,
    /// Language, `es`.
    pub language: String,
    /// Its entry in BibTeX.
    pub bibtex: String,
    /// Who may read it.
    pub access: Access,
    /// The archive's path of its file.
    #[serde(skip)]
    pub path: Option<String>,
    /// True if the archive has its file, whoever may read it.
    pub is_here: bool,
    /// The name of its file on the site, if it is there.
    pub file: Option<String>,
    /// The bytes of that file.
    pub file_bytes: u64,
}

impl Paper {
    /// A paper by its facts. `path`: where its file lies in the archive.
    pub fn of(title: Option<&str>, path: Option<&str>, facts: &Map<String, Value>) -> Paper {
        let text = |name: &str| match facts.get(name) {
            Some(Value::String(text)) => text.trim().to_owned(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        let list = |name: &str| -> Vec<String> {
            let list = facts.get(name).and_then(Value::as_array);
            list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let authors = facts.get("authors").and_then(Value::as_array);
        let authors: Vec<Author> = authors.into_iter().flatten().filter_map(author).collect();
        let access = match facts.get("access").and_then(Value::as_str) {
            Some("public") => Access::Public,
            Some("private") => Access::Private,
            _ => Access::OnRequest,
        };
        let title = Some(text("title")).filter(|title| !title.is_empty()).or(title.map(str::to_owned));
        let date = text("date");
        let year = Some(text("year")).filter(|year| !year.is_empty());
        let year = year.unwrap_or_else(|| date.get(..4).unwrap_or_default().to_owned());
        Paper {
            slug: String::new(),
            of: text("type"),
            title: title.unwrap_or_default(),
            authors,
            date: if date.is_empty() { year.clone() } else { date },
            year,
            venue: text("venue"),
            publisher: text("publisher"),
            volume: text("volume"),
            issue: text("issue"),
            pages: text("pages"),
            doi: text("doi"),
            isbn: text("isbn"),
            summary: text("abstract"),
            keywords: list("keywords"),
            section: text("section"),
            language: text("language"),
            bibtex: text("bibtex"),
            access,
            path: path.map(str::to_owned),
            is_here: path.is_some(),
            file: None,
            file_bytes: 0,
        }
    }

    /// What its slug begins with, before others of the same are told apart.
    pub fn wanted_slug(&self) -> String {
        let author = self.authors.first().map(|author| slugged(&author.family, 24)).unwrap_or_default();
        let parts = [self.year.clone(), author, slugged(&self.title, 60)];
        let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        if parts.is_empty() { "paper".to_owned() } else { parts.join("-") }
    }

    /// How others cite it, as HTML: in the styles of the APA and of Chicago.
    pub fn citations(&self) -> Vec<(&'static str, String)> {
        let styles = [
            ("APA", ArchivedStyle::AmericanPsychologicalAssociation),
            ("Chicago", ArchivedStyle::ChicagoAuthorDate),
        ];
        styles.into_iter().filter_map(|(name, style)| Some((name, self.cited(style)?))).collect()
    }

    fn cited(&self, style: ArchivedStyle) -> Option<String> {
        let Style::Independent(style) = style.get() else { return None };
        let (entry, locales) = (self.entry(), locales());
        let mut driver = BibliographyDriver::new();
        driver.citation(CitationRequest::from_items(
            vec![CitationItem::with_entry(&entry)],
            &style,
            &locales,
        ));
        let locale = Some(LocaleCode::en_us());
        let rendered = driver.finish(BibliographyRequest { style: &style, locale, locale_files: &locales });
        let mut out = String::new();
        for item in rendered.bibliography?.items {
            item.content.write_buf(&mut out, BufWriteFormat::Html).ok()?;
        }
        Some(unveiled(&out.replace(" & ", " &amp; ")))
    }

    fn entry(&self) -> Entry {
        let (of, parent) = match self.of.as_str() {
            "book" => (EntryType::Book, None),
            "chapter" => (EntryType::Chapter, Some(EntryType::Anthology)),
            "paper-conference" => (EntryType::Article, Some(EntryType::Proceedings)),
            "thesis" => (EntryType::Thesis, None),
            "report" => (EntryType::Report, None),
            "speech" => (EntryType::Misc, Some(EntryType::Conference)),
            "manuscript" => (EntryType::Manuscript, None),
            _ => (EntryType::Article, Some(EntryType::Periodical)),
        };
        let mut entry = Entry::new("paper", of);
        entry.set_title(FormatString::with_value(veiled(&self.title)));
        entry.set_authors(self.authors.iter().map(Author::person).collect());
        // Of an unknown language no word is made to begin with a capital.
        let language = if self.language.is_empty() { "und" } else { &self.language };
        if let Ok(language) = language.parse() {
            entry.set_language(language);
        }
        if let Some(date) = date(&self.date) {
            entry.set_date(date);
        }
        if !self.pages.is_empty() {
            let pages = self.pages.replace("--", "-").parse::<PageRanges>();
            let as_it_is = || MaybeTyped::String(veiled(&self.pages));
            entry.set_page_range(pages.map_or_else(|_| as_it_is(), MaybeTyped::Typed));
        }
        if !self.doi.is_empty() {
            entry.set_doi(veiled(&self.doi));
            if let Ok(url) = url::Url::parse(&format!("https://doi.org/{}", self.doi)) {
                entry.set_url(QualifiedUrl { value: url, visit_date: None });
            }
        }
        let typed =
            |text: &str| text.parse().map_or_else(|_| MaybeTyped::String(veiled(text)), MaybeTyped::Typed);
        let place = match parent.filter(|_| !self.venue.is_empty()) {
            Some(parent) => {
                let mut place = Entry::new("venue", parent);
                place.set_title(FormatString::with_value(veiled(&self.venue)));
                Some(place)
            }
            None => None,
        };
        let mut place = place;
        let holder = place.as_mut().unwrap_or(&mut entry);
        if !self.volume.is_empty() {
            holder.set_volume(typed(&self.volume));
        }
        if !self.issue.is_empty() {
            holder.set_issue(typed(&self.issue));
        }
        if !self.publisher.is_empty() {
            let name = FormatString::with_value(veiled(&self.publisher));
            holder.set_publisher(hayagriva::types::Publisher::new(Some(name), None));
        }
        if let Some(place) = place {
            entry.set_parents(vec![place]);
        }
        entry
    }
}

impl Author {
    fn person(&self) -> Person {
        let given_name = Some(veiled(&self.given)).filter(|name| !name.is_empty());
        let name = veiled(&self.family);
        Person { name, given_name, prefix: None, suffix: None, alias: None, comma_suffix: false }
    }
}

/// Letters that mean something in HTML, and those that stand for them while a citation is made: the citation's own
/// HTML is written around texts that nobody escapes.
const VEILS: [(char, char, &str); 4] = [
    ('&', '\u{e000}', "&amp;"),
    ('<', '\u{e001}', "&lt;"),
    ('>', '\u{e002}', "&gt;"),
    ('"', '\u{e003}', "&quot;"),
];

fn veiled(text: &str) -> String {
    let veil =
        |letter: char| VEILS.iter().find(|(plain, ..)| *plain == letter).map_or(letter, |(_, veil, _)| *veil);
    // One that stands in the text itself would become another letter.
    text.chars().filter(|letter| !VEILS.iter().any(|(_, veil, _)| veil == letter)).map(veil).collect()
}

fn unveiled(html: &str) -> String {
    VEILS.iter().fold(html.to_owned(), |html, (_, veil, escaped)| html.replace(*veil, escaped))
}

fn author(value: &Value) -> Option<Author> {
    let part = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
    let author = match value {
        Value::String(name) => Author { given: String::new(), family: name.trim().to_owned() },
        _ if !part("family").is_empty() => Author { given: part("given"), family: part("family") },
        _ => Author { given: String::new(), family: part("literal") },
    };
    (!author.family.is_empty()).then_some(author)
}

fn date(text: &str) -> Option<Date> {
    let mut parts = text.splitn(3, '-');
    let year = parts.next()?.parse().ok()?;
    // hayagriva counts months and days from 0.
    let mut part = |max: u8| {
        let number: u8 = parts.next()?.get(..2)?.parse().ok()?;
        (1..=max).contains(&number).then(|| number - 1)
    };
    let month = part(12);
    let day = month.and_then(|_| part(31));
    Some(Date { year, month, day, ..Date::from_year(year) })
}

/// Words as they may stand in a file's name on any web space.
fn slugged(text: &str, len: usize) -> String {
    use unicode_normalization::UnicodeNormalization;
    let plain = text.nfd().filter(|letter| !unicode_normalization::char::is_combining_mark(*letter));
    let mut slug = String::new();
    for letter in plain.flat_map(char::to_lowercase) {
        match letter {
            'ß' => slug.push_str("ss"),
            letter if letter.is_ascii_alphanumeric() => slug.push(letter),
            _ if !slug.ends_with('-') && !slug.is_empty() => slug.push('-'),
            _ => {}
        }
    }
    while slug.len() > len {
        slug.truncate(slug[..len].rfind('-').unwrap_or(len));
    }
    slug.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn paper(facts: &Value) -> Paper {
        Paper::of(None, None, facts.as_object().expect("an object"))
    }

    #[test]
    fn a_paper_is_cited_in_the_styles_that_people_use() {
        let article = paper(
            &json!({"type": "article-journal", "title": "Los astilleros del norte", "language": "es", "year": 2016,
            "authors": [{"family": "Pérez", "given": "Ana"}, {"family": "Gómez", "given": "Berta"}],
            "venue": "Revista de Historia", "volume": "12", "issue": "3", "pages": "12-34", "doi": "10.5555/a.b"}),
        );
        let cited = article.citations();
        assert_eq!(cited[0].0, "APA");
        assert_eq!(
            cited[0].1,
            "Pérez, A., &amp; Gómez, B. (2016). Los astilleros del norte. <span style=\"font-style: italic;\">Revista de Historia</span>, \
            <span style=\"font-style: italic;\">12</span>(3), 12–34. <a href=\"https://doi.org/10.5555/a.b\">https://doi.org/10.5555/a.b</a>"
        );
        assert!(
            cited[1].1.starts_with("Pérez, Ana, and Berta Gómez. 2016. “Los astilleros del norte.”"),
            "{}",
            cited[1].1
        );
        let book = paper(
            &json!({"type": "book", "title": "Boats", "date": "2019-05-03", "publisher": "Example Press",
            "authors": [{"literal": "Harbour Society"}]}),
        );
        let cited = &book.citations()[0].1;
        assert!(
            cited.contains("Harbour Society") && cited.contains("2019") && cited.contains("Example Press"),
            "{cited}"
        );
    }

    #[test]
    fn no_text_of_a_paper_becomes_html_in_its_citation() {
        let evil = "<script>alert(1)</script> \"a\" & b";
        let paper = paper(
            &json!({"type": "article-journal", "title": evil, "venue": evil, "volume": evil, "issue": evil, "pages": evil,
            "doi": "10.1/<b>", "publisher": evil, "authors": [{"family": evil, "given": evil}], "year": 2016}),
        );
        for (style, cited) in paper.citations() {
            assert!(
                !cited.contains("<script") && !cited.contains("<b>") && cited.contains("&lt;script&gt;"),
                "{style}: {cited}"
            );
        }
    }

    #[test]
    fn a_slug_is_plain_and_says_who_when_and_what() {
        let of = |facts: Value| paper(&facts).wanted_slug();
        let facts =
            json!({"title": "¿Größe? Über «Boote» & más", "year": 2016, "authors": [{"family": "Pérez"}]});
        assert_eq!(of(facts), "2016-perez-grosse-uber-boote-mas");
        assert_eq!(of(json!({"title": "日本"})), "paper");
        assert!(of(json!({"title": "word ".repeat(40)})).len() <= 60);
    }

    #[test]
    fn a_paper_that_says_nothing_of_it_is_on_request() {
        assert_eq!(paper(&json!({})).access, Access::OnRequest);
        assert_eq!(paper(&json!({"access": "public"})).access, Access::Public);
        assert_eq!(paper(&json!({"access": "nonsense"})).access, Access::OnRequest);
        assert_eq!(paper(&json!({"access": "private"})).access, Access::Private);
    }
}
