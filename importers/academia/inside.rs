//! What a document says of itself, whatever its format.

use serde_json::{Map, Value};

use super::licence;
use super::work::{compared, dois_in, set, set_date};

/// A larger document is found by its name only.
pub const LIMIT_BYTES: u64 = 64 << 20;
/// So much text of one is kept for full-text search.
pub const LIMIT_TEXT_BYTES: usize = 256 << 10;

/// What a document says of itself.
#[derive(Clone, Debug, Default)]
pub struct Inside {
    /// Facts: `title`, `authors`, `date`, `year`, `doi`, `arxiv`, `language`, `abstract`, `keywords`, `venue`, `volume`.
    pub facts: Map<String, Value>,
    /// Its pages, without a cover; 0 if nobody knows.
    pub n_pages: usize,
    /// All DOIs on the first pages and in the facts.
    pub dois: Vec<String>,
    /// The text of the first pages, as it is compared.
    pub first: String,
    /// Its text, up to [`LIMIT_TEXT_BYTES`].
    pub text: String,
    /// A publisher's words on its first pages.
    pub licence_mark: Option<String>,
    /// True if there was a cover of the platform.
    pub has_cover: bool,
}

impl Inside {
    /// Sets the title, unless a program wrote it and nobody has given it.
    pub fn set_title(&mut self, title: &str) {
        if !is_junk(title) {
            set(&mut self.facts, "title", title);
        }
    }

    /// Sets the year in which the file was made: a good guess at the year of the work and no more.
    pub fn set_made(&mut self, date: &str) {
        if let Some(year) = date.get(..4) {
            set_date(&mut self.facts, year);
        }
    }

    /// Takes what the first pages tell, and the language: what the file says of it, else what its text shows.
    pub fn take_first_pages(&mut self, first: &str, language: Option<String>) {
        for doi in dois_in(first) {
            if !self.dois.contains(&doi) {
                self.dois.push(doi);
            }
        }
        set(&mut self.facts, "arxiv", arxiv_in(first));
        self.licence_mark = licence::mark(first);
        let told = language.filter(|it| it.len() >= 2);
        let language = told.or_else(|| language_of(&self.text).map(str::to_owned));
        let short = language.map(|it| it.split(['-', '_']).next().unwrap_or_default().to_lowercase());
        set(&mut self.facts, "language", short);
        self.first = compared(first);
    }
}

/// Titles that programs write and nobody has given.
pub fn is_junk(title: &str) -> bool {
    let lower = title.trim().to_lowercase();
    let endings = [".doc", ".docx", ".dvi", ".pdf", ".indd", ".qxd", ".tex", ".rtf", ".odt", ".ps"];
    lower.len() < 4
        || lower.starts_with("microsoft word")
        || lower.starts_with("untitled")
        || lower.starts_with("sin título")
        || lower.starts_with("unbenannt")
        || lower.starts_with("document")
        || lower.starts_with("powerpoint pres")
        || endings.iter().any(|ending| lower.ends_with(ending))
        || !lower.contains(|letter: char| letter.is_alphabetic())
}

/// The number of a preprint: `2011.01234` of `arXiv:2011.01234v2`.
fn arxiv_in(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let (at, it) = lower.match_indices("arxiv:").next()?;
    let rest = lower[at + it.len()..].trim_start();
    let len = rest.find(|letter: char| !(letter.is_ascii_digit() || letter == '.')).unwrap_or(rest.len());
    let number = rest[..len].trim_end_matches('.');
    let (month, counter) = number.split_once('.')?;
    (month.len() == 4 && (4..=5).contains(&counter.len())).then(|| number.to_owned())
}

/// Small words that only one of the languages has.
const SMALL_WORDS: &[(&str, &[&str])] = &[
    ("en", &["the", "and", "of", "this", "with", "which", "from", "were"]),
    ("es", &["el", "los", "las", "una", "por", "como", "según", "y"]),
    ("de", &["der", "und", "die", "das", "nicht", "mit", "ist", "wurde"]),
    ("fr", &["les", "des", "une", "est", "dans", "pour", "et", "sur"]),
    ("it", &["il", "gli", "della", "che", "nel", "sono", "di", "è"]),
    ("pt", &["os", "uma", "não", "são", "com", "ao", "dos", "e"]),
];

/// The language of a text by its small words; `None` if none is clearly ahead.
fn language_of(text: &str) -> Option<&'static str> {
    let mut counts = vec![0_u32; SMALL_WORDS.len()];
    for word in text.split(|letter: char| !letter.is_alphabetic()).take(4000) {
        let word = word.to_lowercase();
        for (count, (_, words)) in counts.iter_mut().zip(SMALL_WORDS) {
            *count += u32::from(words.contains(&word.as_str()));
        }
    }
    let best = (0..counts.len()).max_by_key(|at| counts[*at])?;
    let second = (0..counts.len()).filter(|at| *at != best).map(|at| counts[at]).max().unwrap_or(0);
    (counts[best] >= 8 && counts[best] > second + second / 2).then(|| SMALL_WORDS[best].0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_that_programs_write_are_none() {
        for junk in ["Microsoft Word - a.doc", "untitled", "paper_final.dvi", "", "1-2", "Unbenannt 1"] {
            assert!(is_junk(junk), "{junk}");
        }
        assert!(!is_junk("Los astilleros del norte"));
    }

    #[test]
    fn languages_are_told_by_small_words() {
        let text = |words: &str| words.repeat(10);
        assert_eq!(
            language_of(&text("the boats of this harbour were built with care and skill ")),
            Some("en")
        );
        assert_eq!(language_of(&text("los barcos y las velas por el puerto como una ciudad ")), Some("es"));
        assert_eq!(language_of(&text("der Hafen und das Schiff ist nicht mit der Werft ")), Some("de"));
        assert_eq!(language_of("abc"), None);
    }

    #[test]
    fn preprints_have_numbers() {
        assert_eq!(arxiv_in("see arXiv:2011.01234v2 [cs]").as_deref(), Some("2011.01234"));
        assert_eq!(arxiv_in("arXiv: none"), None);
    }
}
