//! A work and what is told of it, in the words of `docs/archive-format.md`; people's names; texts as they are compared.

use exodus_api::Origin;
use serde_json::{Map, Value, json};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A work that a page, a list or the platform's own JSON tells of.
#[derive(Clone, Debug)]
pub struct Work {
    /// The platform's number.
    pub id: Option<String>,
    /// Facts by their names in the archive.
    pub facts: Map<String, Value>,
    /// Names that its file has or gets when it is downloaded.
    pub file_names: Vec<String>,
    /// The platform's numbers of its files.
    pub attachments: Vec<String>,
    /// The number of the account that has uploaded it.
    pub owner: Option<String>,
    /// True if a profile or a list of the platform names it; false if only a bibliography does.
    pub is_listed: bool,
    /// Where it was found first.
    pub origin: Origin,
}

impl Work {
    /// A work of which nothing is known yet.
    pub fn new(origin: Origin) -> Work {
        Work {
            id: None,
            facts: Map::new(),
            file_names: Vec::new(),
            attachments: Vec::new(),
            owner: None,
            is_listed: false,
            origin,
        }
    }

    /// Sets a fact, unless it says nothing.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        set(&mut self.facts, name, value);
    }

    /// A fact that is a text; empty if there is none.
    pub fn text(&self, name: &str) -> &str {
        self.facts.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// The year of publication.
    pub fn year(&self) -> Option<i64> {
        self.facts.get("year").and_then(Value::as_i64)
    }

    /// Takes what `other` knows of the same work. Where both say something the better source, `other` if `is_better`, wins.
    pub fn take(&mut self, other: Work, is_better: bool) {
        for (name, value) in other.facts {
            if is_better || !self.facts.contains_key(&name) {
                self.facts.insert(name, value);
            }
        }
        self.id = self.id.take().or(other.id);
        self.owner = self.owner.take().or(other.owner);
        self.is_listed |= other.is_listed;
        for (all, more) in
            [(&mut self.file_names, other.file_names), (&mut self.attachments, other.attachments)]
        {
            for one in more {
                if !all.contains(&one) {
                    all.push(one);
                }
            }
        }
    }

    /// Names it for ever: by the platform's number, else by its DOI, else by title and year.
    pub fn key(&self) -> String {
        if let Some(id) = &self.id {
            return format!("work:{id}");
        }
        let doi = self.text("doi");
        if !doi.is_empty() {
            return format!("doi:{}", doi.to_lowercase());
        }
        let year = self.year().map(|year| year.to_string()).unwrap_or_default();
        let hash = blake3::hash(format!("{}\n{year}", compared(self.text("title"))).as_bytes());
        format!("title:{}", &hash.to_hex()[..16])
    }
}

/// Sets a fact, unless it says nothing.
pub fn set(facts: &mut Map<String, Value>, name: &str, value: impl Into<Value>) {
    let value = match value.into() {
        Value::String(text) => Value::String(text.split_whitespace().collect::<Vec<_>>().join(" ")),
        other => other,
    };
    let is_empty = match &value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    };
    if !is_empty {
        facts.insert(name.to_owned(), value);
    }
}

/// Sets `date` and `year` from a date as lists write it: `2016`, `2016-05`, `2016/5/3`, `2016-05-03T00:00:00Z`.
pub fn set_date(facts: &mut Map<String, Value>, text: &str) {
    let day = text.trim().split(['T', ' ']).next().unwrap_or_default();
    let mut numbers = day.split(['-', '/', '.']).map(|part| part.parse::<i64>().ok());
    let year = numbers.next().flatten().filter(|year| (1000..3000).contains(year));
    let month = numbers.next().flatten();
    let found = year.map(|year| (year, month, numbers.next().flatten()));
    let loose = || {
        // `3 mayo 2016`: the year is certain, the rest is words.
        let mut words = text.split(|letter: char| !letter.is_ascii_digit()).filter(|word| word.len() == 4);
        words.find_map(|word| word.parse().ok()).filter(|year| (1000..3000).contains(year))
    };
    if let Some((year, month, day)) = found.or_else(|| loose().map(|year| (year, None, None))) {
        set_day(facts, year, month, day);
    }
}

/// Sets `date` and `year` from numbers, as exact as they are known.
pub fn set_day(facts: &mut Map<String, Value>, year: i64, month: Option<i64>, day: Option<i64>) {
    let month = month.filter(|month| (1..=12).contains(month));
    let day = day.filter(|day| month.is_some() && (1..=31).contains(day));
    let date = match (month, day) {
        (Some(month), Some(day)) => format!("{year:04}-{month:02}-{day:02}"),
        (Some(month), None) => format!("{year:04}-{month:02}"),
        _ => format!("{year:04}"),
    };
    facts.insert("year".to_owned(), year.into());
    facts.insert("date".to_owned(), date.into());
}

/// Words that belong to the family name behind them.
const PARTICLES: &[&str] = &[
    "de", "del", "della", "der", "den", "di", "da", "do", "dos", "du", "la", "le", "van", "von", "zu", "ter",
    "ten", "y",
];

/// A person by one name: `Pérez, Ana` or `Ana de la Cruz`. Where only the order tells, the last word and the small words
/// before it are the family name.
pub fn person(name: &str) -> Value {
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((family, given)) = name.split_once(',') {
        return named(given.trim(), family.trim());
    }
    let words: Vec<&str> = name.split(' ').collect();
    let mut at = words.len().saturating_sub(1);
    while at > 1 && PARTICLES.contains(&words[at - 1].to_lowercase().as_str()) {
        at -= 1;
    }
    named(&words[..at].join(" "), &words[at..].join(" "))
}

/// A person by the parts of a name.
pub fn named(given: &str, family: &str) -> Value {
    let (given, family) = (given.trim(), family.trim());
    match (given.is_empty(), family.is_empty()) {
        (true, true) => Value::Null,
        (true, false) => json!({ "literal": family }),
        (false, true) => json!({ "literal": given }),
        (false, false) => json!({ "given": given, "family": family }),
    }
}

/// A text as it is compared: lower case, without marks above letters, every run of other signs one blank.
pub fn compared(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.nfkd().filter(|letter| !is_combining_mark(*letter)).flat_map(char::to_lowercase) {
        match letter {
            'ß' => out.push_str("ss"),
            letter if letter.is_alphanumeric() => out.push(letter),
            _ if !out.ends_with(' ') && !out.is_empty() => out.push(' '),
            _ => {}
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// A DOI without its resolver, in lower case; `None` if the text has none.
pub fn doi_in(text: &str) -> Option<String> {
    dois_in(text).into_iter().next()
}

/// All DOIs of a text, in their order, each once: `10.` and four to nine digits, a slash, and what may follow.
pub fn dois_in(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let lower = text.to_ascii_lowercase();
    for (at, _) in lower.match_indices("10.") {
        if lower[..at].ends_with(|before: char| before.is_ascii_digit() || before == '.') {
            continue;
        }
        let rest = &lower[at + 3..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if !(4..=9).contains(&digits) || !rest[digits..].starts_with('/') {
            continue;
        }
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._;()/:".contains(byte);
        let len = rest.as_bytes()[digits + 1..].iter().take_while(|byte| is_part(byte)).count();
        let mut doi = &lower[at..at + 3 + digits + 1 + len];
        loop {
            let cut = doi.trim_end_matches(['.', ';', ':', ',', '-', '/']);
            // A bracket that was opened outside of it is not its own.
            let is_odd = cut.ends_with(')') && cut.matches(')').count() > cut.matches('(').count();
            let cut = if is_odd { &cut[..cut.len() - 1] } else { cut };
            if cut.len() == doi.len() {
                break;
            }
            doi = cut;
        }
        if doi.len() > 3 + digits + 1 && !found.iter().any(|known| known == doi) {
            found.push(doi.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_by_given_and_family_name() {
        for (name, given, family) in [
            ("Pérez, Ana", "Ana", "Pérez"),
            ("Ana María de la Cruz", "Ana María", "de la Cruz"),
            ("Ada Example", "Ada", "Example"),
            ("Ludwig van Example", "Ludwig", "van Example"),
        ] {
            assert_eq!(person(name), json!({"given": given, "family": family}));
        }
        assert_eq!(person("Example"), json!({"literal": "Example"}));
        assert_eq!(person(" "), Value::Null);
    }

    #[test]
    fn a_doi_ends_where_the_sentence_goes_on() {
        assert_eq!(
            dois_in("(doi:10.5555/Ab.1(2)). See https://doi.org/10.5555/x-y."),
            ["10.5555/ab.1(2)", "10.5555/x-y"]
        );
        assert_eq!(dois_in("version 10.12, 110.5555/a 10.55/a 10.5555/"), Vec::<String>::new());
    }

    #[test]
    fn dates_are_as_exact_as_they_are_written() {
        for (text, date) in [
            ("2016", "2016"),
            ("2016/5", "2016-05"),
            ("2016-05-03T00:00:00Z", "2016-05-03"),
            ("3 de mayo de 2016", "2016"),
            ("2016-13-40", "2016"),
        ] {
            let mut facts = Map::new();
            set_date(&mut facts, text);
            assert_eq!((&facts["date"], &facts["year"]), (&json!(date), &json!(2016)), "{text}");
        }
        let mut facts = Map::new();
        set_date(&mut facts, "n.d. 12");
        assert!(facts.is_empty());
    }

    #[test]
    fn texts_are_equal_whatever_their_marks_and_signs() {
        assert_eq!(
            compared("¿«Größe»? — Los_Astilleros!"),
            compared("groesse? los astilleros".replace("oe", "o").as_str())
        );
    }
}
