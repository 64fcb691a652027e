//! `X-Gmail-Labels`: from the header's bytes to labels with their meaning.
//!
//! The value is one list. Where any label is not ASCII the whole list is one run of encoded words, folded anywhere,
//! commas and quotes included; so it is decoded first and split then (seen in a Takeout of 2019). A label with a
//! comma stands in double quotes; a double quote elsewhere than at the beginning of a label is its own text
//! (German `Kategorie: "Neuigkeiten"`, 2024).

use std::collections::HashMap;
use std::sync::LazyLock;

use exodus_api::{Label, Role};
use exodus_mail::encoded_word;

use super::locales::{LOCALES, Locale, RESERVED};
use crate::shared::names;

/// The labels of an unfolded header value, decoded, in their order.
pub fn parse(value: &[u8]) -> Vec<String> {
    split_csv(&encoded_word::decode(value))
}

fn split_csv(list: &str) -> Vec<String> {
    let mut labels = Vec::new();
    let mut rest = list;
    while !rest.is_empty() {
        let begin = rest.trim_start();
        let (label, next) = quoted_label(begin).unwrap_or_else(|| {
            let (label, next) = begin.split_once(',').unwrap_or((begin, ""));
            (label.to_owned(), next)
        });
        let label = label.replace("\\'", "'").replace(['\u{a0}', '\u{202f}'], " ");
        let label = label.trim();
        if !label.is_empty() {
            labels.push(label.to_owned());
        }
        rest = next;
    }
    labels
}

/// A label in double quotes at the beginning of `list`, and what follows its comma.
fn quoted_label(list: &str) -> Option<(String, &str)> {
    let mut rest = list.strip_prefix('"')?;
    let mut label = String::new();
    loop {
        let (text, after) = rest.split_once('"')?;
        label.push_str(text);
        if let Some(after) = after.strip_prefix('"') {
            label.push('"');
            rest = after;
            continue;
        }
        let after = after.trim_start();
        return if after.is_empty() {
            Some((label, ""))
        } else {
            after.strip_prefix(',').map(|next| (label, next))
        };
    }
}

fn folded(label: &str) -> String {
    names::folded(label).replace('\u{2019}', "'")
}

/// For each spelling, the languages (by their place in `LOCALES`) in which it is Gmail's own, and its meaning there.
static SPELLINGS: LazyLock<HashMap<String, Vec<(usize, Role)>>> = LazyLock::new(|| {
    let mut spellings: HashMap<String, Vec<(usize, Role)>> = HashMap::new();
    for (number, locale) in LOCALES.iter().enumerate() {
        for (role, name) in locale.spellings() {
            spellings.entry(folded(name)).or_default().push((number, role));
        }
    }
    spellings
});

/// Counts which language's own labels a mailbox has: shared spellings count for less.
#[derive(Clone, Debug)]
pub struct LanguageScore {
    scores: Vec<f64>,
    seen: HashMap<String, u32>,
}

impl Default for LanguageScore {
    fn default() -> Self {
        LanguageScore { scores: vec![0.0; LOCALES.len()], seen: HashMap::new() }
    }
}

impl LanguageScore {
    /// Takes the labels of one message into account.
    pub fn add(&mut self, labels: &[String]) {
        for label in labels {
            // Every label counts at most so often: a label of the user's that another language happens to have,
            // on ten thousand messages, must not outvote a dozen of Gmail's own.
            let times = match self.seen.get_mut(label) {
                Some(times) => times,
                None => self.seen.entry(label.clone()).or_insert(0),
            };
            *times += 1;
            if *times > 20 {
                continue;
            }
            if let Some(languages) = SPELLINGS.get(&folded(label)) {
                let weight = 1.0 / languages.len() as f64;
                for (number, _) in languages {
                    self.scores[*number] += weight;
                }
            }
        }
    }

    /// The language with the highest score, English if there is none.
    pub fn language(&self) -> &'static Locale {
        let mut best = 0;
        for (number, score) in self.scores.iter().enumerate() {
            if *score > self.scores[best] + 1e-9 {
                best = number;
            }
        }
        &LOCALES[best]
    }
}

/// What a label means in an account of that language.
pub fn label(name: String, locale: &Locale) -> Label {
    if let Some(keyword) = name.strip_prefix("IMAP_") {
        return Label { name: keyword.to_owned(), role: Some(Role::Keyword) };
    }
    let role = role(&folded(&name), locale);
    Label { name, role }
}

/// What a label means where the language of the account is not known: what it means in every language that has it.
pub fn role_in_any_language(name: &str) -> Option<Role> {
    let folded = folded(name);
    let mut roles = SPELLINGS.get(&folded).into_iter().flatten().map(|(_, role)| *role);
    match roles.next() {
        Some(first) => roles.all(|role| role == first).then_some(first),
        None => RESERVED.iter().find(|(_, known)| *known == folded).map(|(role, _)| *role),
    }
}

fn role(folded_name: &str, locale: &Locale) -> Option<Role> {
    let own = SPELLINGS.get(folded_name).into_iter().flatten();
    let own = own.filter(|(number, _)| LOCALES[*number].language == locale.language);
    if let Some((_, role)) = own.into_iter().next() {
        return Some(*role);
    }
    let rest = folded_name.strip_prefix(&folded(locale.category));
    if rest.is_some_and(|rest| rest.starts_with([' ', ':', '：'])) {
        return Some(Role::Category);
    }
    RESERVED.iter().find(|(_, name)| *name == folded_name).map(|(role, _)| *role)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, labels: &[&str]) {
        assert_eq!(parse(value.as_bytes()), labels, "{value}");
    }

    #[test]
    fn lists_are_split_as_gmail_writes_them() {
        check("Inbox,Important,Opened", &["Inbox", "Important", "Opened"]);
        check("\"Haus, Garten\",Inbox", &["Haus, Garten", "Inbox"]);
        check("Kategorie: \"Neuigkeiten\",Inbox", &["Kategorie: \"Neuigkeiten\"", "Inbox"]);
        check("\"a \"\"b\"\", c\",d", &["a \"b\", c", "d"]);
        check("\"never closed,d", &["\"never closed", "d"]);
        check("\"closed\" early,d", &["\"closed\" early", "d"]);
        check("a,,b, ", &["a", "b"]);
        check("", &[]);
    }

    #[test]
    fn encoded_lists_are_decoded_before_they_are_split() {
        check(
            "=?UTF-8?Q?Posteingang,Ge=C3?= =?UTF-8?Q?=B6ffnet,\"Haus,_Garten\"?=",
            &["Posteingang", "Geöffnet", "Haus, Garten"],
        );
        check(
            "=?UTF-8?Q?Archived,=E2=98=AF,\\'single-quote,takeout?=",
            &["Archived", "☯", "'single-quote", "takeout"],
        );
        check("=?UTF-8?Q?Cat=C3=A9gorie=C2=A0:_Forums?=", &["Catégorie : Forums"]);
    }

    fn locale(language: &str) -> &'static Locale {
        LOCALES.iter().find(|locale| locale.language == language).expect("a language of the table")
    }

    #[test]
    fn the_language_is_that_of_most_labels() {
        for locale in LOCALES {
            let mut score = LanguageScore::default();
            for (role, name) in locale.spellings() {
                if matches!(role, Role::Inbox | Role::Unread | Role::Sent | Role::Trash) {
                    score.add(&[name.to_owned(), "Work".to_owned()]);
                }
            }
            assert_eq!(score.language().language, locale.language);
        }
        assert_eq!(LanguageScore::default().language().language, "en");
    }

    #[test]
    fn a_label_of_the_users_does_not_turn_the_language() {
        let mut score = LanguageScore::default();
        for _ in 0..1000 {
            score.add(&["Archiviert".to_owned()]);
        }
        for _ in 0..12 {
            score.add(&["Inbox".to_owned(), "Opened".to_owned(), "Unread".to_owned()]);
        }
        assert_eq!(score.language().language, "en");
    }

    #[test]
    fn labels_mean_what_they_mean_in_the_accounts_language() {
        let role = |name: &str, language: &str| label(name.to_owned(), locale(language)).role;
        assert_eq!(role("Papierkorb", "de"), Some(Role::Trash));
        assert_eq!(role("Papierkorb", "en"), None);
        assert_eq!(role("Entwu\u{308}rfe", "de"), Some(Role::Drafts));
        assert_eq!(role("Kategorie: \"Neuigkeiten\"", "de"), Some(Role::Category));
        assert_eq!(role("Category Personal", "en"), Some(Role::Category));
        assert_eq!(role("Catégorie : Forums", "fr"), Some(Role::Category));
        assert_eq!(role("Categories", "en"), None);
        assert_eq!(role("Inbox", "de"), Some(Role::Inbox));
        assert_eq!(role("Safata d’entrada", "ca"), Some(Role::Inbox));
        assert_eq!(role("^OPENED", "en"), Some(Role::Seen));
        let keyword = label("IMAP_$Forwarded".to_owned(), locale("en"));
        assert_eq!((keyword.name.as_str(), keyword.role), ("$Forwarded", Some(Role::Keyword)));
    }
}
