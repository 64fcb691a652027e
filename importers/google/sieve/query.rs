//! Gmail's search language as tests of Sieve.
//!
//! `OR` binds its neighbours, blanks mean *and*, `{ }` means *any*, `-` means *not*, an operator may stand before a
//! group. Sieve compares parts of headers where Gmail compares words, so a test may fit more than the query did.

use std::collections::BTreeSet;

use super::quoted;

/// Deeper nesting is nobody's filter.
const LIMIT_DEPTH: u32 = 32;

/// A condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// All of them.
    All(Vec<Test>),
    /// Any of them.
    Any(Vec<Test>),
    /// Not this.
    Not(Box<Test>),
    /// One of the headers contains the text.
    Header(&'static [&'static str], String),
    /// The text stands somewhere in the message.
    Text(String),
    /// The message is larger (or smaller) than so many bytes.
    Size(&'static str, String),
}

impl Test {
    /// The test as Sieve writes it.
    pub fn written(&self) -> String {
        let list = |tests: &[Test]| tests.iter().map(Test::written).collect::<Vec<String>>().join(", ");
        match self {
            Test::All(tests) => format!("allof ({})", list(tests)),
            Test::Any(tests) => format!("anyof ({})", list(tests)),
            Test::Not(test) => format!("not {}", test.written()),
            Test::Header(names, text) => {
                let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
                format!("header :contains [{}] {}", names.join(", "), quoted(text))
            }
            Test::Text(text) => format!(
                "anyof (header :contains [\"subject\", \"from\", \"to\", \"cc\"] {0}, body :text :contains {0})",
                quoted(text)
            ),
            Test::Size(relation, size) => format!("size :{relation} {size}"),
        }
    }

    /// Adds the extensions that it needs.
    pub fn extensions(&self, requires: &mut BTreeSet<&'static str>) {
        match self {
            Test::All(tests) | Test::Any(tests) => tests.iter().for_each(|test| test.extensions(requires)),
            Test::Not(test) => test.extensions(requires),
            Test::Text(_) => drop(requires.insert("body")),
            Test::Header(..) | Test::Size(..) => {}
        }
    }
}

/// The test of a query.
///
/// # Errors
/// The part of it that has no test, in words.
pub fn parse(query: &str) -> Result<Test, String> {
    let words = words(query);
    let mut parser = Parser { words: &words, at: 0, depth: 0 };
    let test = parser.all(None, None)?;
    match parser.words.get(parser.at) {
        Some(word) => Err(format!("`{}` stands where nothing can", word.text)),
        None => Ok(test),
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Word {
    text: String,
    /// It stood in quotes: no operator.
    is_quoted: bool,
}

/// The words of a query; brackets, `-` and operators before a group are words of their own.
fn words(query: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut text = String::new();
    let mut letters = query.chars().peekable();
    let flush = |text: &mut String, words: &mut Vec<Word>| {
        if !text.is_empty() {
            words.push(Word { text: std::mem::take(text), is_quoted: false });
        }
    };
    while let Some(letter) = letters.next() {
        match letter {
            '"' => {
                flush(&mut text, &mut words);
                let phrase: String = letters.by_ref().take_while(|letter| *letter != '"').collect();
                words.push(Word { text: phrase, is_quoted: true });
            }
            '(' | ')' | '{' | '}' => {
                flush(&mut text, &mut words);
                words.push(Word { text: letter.to_string(), is_quoted: false });
            }
            '-' if text.is_empty() => words.push(Word { text: "-".to_owned(), is_quoted: false }),
            letter if letter.is_whitespace() => flush(&mut text, &mut words),
            letter => {
                text.push(letter);
                let is_before_group = letter == ':' && matches!(letters.peek(), Some('(' | '{' | '"'));
                if is_before_group {
                    flush(&mut text, &mut words);
                }
            }
        }
    }
    flush(&mut text, &mut words);
    words
}

struct Parser<'a> {
    words: &'a [Word],
    at: usize,
    depth: u32,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&str> {
        self.words.get(self.at).filter(|word| !word.is_quoted).map(|word| word.text.as_str())
    }

    /// Terms up to `end`, all of which must hold.
    fn all(&mut self, field: Option<&str>, end: Option<&str>) -> Result<Test, String> {
        let mut tests = Vec::new();
        while self.at < self.words.len() && (end.is_none() || self.peek() != end) {
            if self.peek() == Some("AND") {
                self.at += 1;
                continue;
            }
            let mut choices = vec![self.term(field)?];
            while matches!(self.peek(), Some("OR" | "|")) {
                self.at += 1;
                choices.push(self.term(field)?);
            }
            tests.push(one_or(choices, Test::Any)?);
        }
        one_or(tests, Test::All)
    }

    fn term(&mut self, field: Option<&str>) -> Result<Test, String> {
        self.depth += 1;
        if self.depth > LIMIT_DEPTH {
            return Err("it is nested too deeply".to_owned());
        }
        let test = self.term_inside(field);
        self.depth -= 1;
        test
    }

    fn term_inside(&mut self, field: Option<&str>) -> Result<Test, String> {
        let Some(word) = self.words.get(self.at).cloned() else { return Err("it ends early".to_owned()) };
        self.at += 1;
        if word.is_quoted {
            return leaf(field, &word.text);
        }
        match word.text.as_str() {
            "-" => Ok(Test::Not(Box::new(self.term(field)?))),
            "(" => {
                let test = self.all(field, Some(")"));
                self.close(")")?;
                test
            }
            "{" => {
                let mut choices = Vec::new();
                while self.at < self.words.len() && self.peek() != Some("}") {
                    if matches!(self.peek(), Some("OR" | "|")) {
                        self.at += 1;
                    } else {
                        choices.push(self.term(field)?);
                    }
                }
                self.close("}")?;
                one_or(choices, Test::Any)
            }
            ")" | "}" | "OR" | "|" => Err(format!("`{}` stands where nothing can", word.text)),
            text => match text.split_once(':') {
                Some((name, "")) if !name.is_empty() => self.term(Some(&name.to_lowercase())),
                Some((name, value)) if is_operator(name) => leaf(Some(&name.to_lowercase()), value),
                _ => leaf(field, text),
            },
        }
    }

    fn close(&mut self, bracket: &str) -> Result<(), String> {
        match self.peek() == Some(bracket) {
            true => {
                self.at += 1;
                Ok(())
            }
            false => Err(format!("`{bracket}` is missing")),
        }
    }
}

fn one_or(mut tests: Vec<Test>, several: impl Fn(Vec<Test>) -> Test) -> Result<Test, String> {
    match tests.len() {
        0 => Err("a part of it is empty".to_owned()),
        1 => Ok(tests.remove(0)),
        _ => Ok(several(tests)),
    }
}

/// True for the names of operators, so that the colon of a URL or a time makes none.
fn is_operator(name: &str) -> bool {
    const OPERATORS: &[&str] = &[
        "from",
        "to",
        "cc",
        "bcc",
        "subject",
        "list",
        "deliveredto",
        "replyto",
        "rfc822msgid",
        "has",
        "is",
        "in",
        "label",
        "category",
        "filename",
        "larger",
        "smaller",
        "size",
        "larger_than",
        "smaller_than",
        "after",
        "before",
        "older",
        "newer",
        "older_than",
        "newer_than",
        "around",
    ];
    OPERATORS.contains(&name.to_lowercase().as_str())
}

fn leaf(field: Option<&str>, value: &str) -> Result<Test, String> {
    let text = value.trim().trim_start_matches(['*', '+']).trim_end_matches('*').to_owned();
    let header = |names| Ok(Test::Header(names, text.clone()));
    if text.is_empty() {
        return Err("a part of it is empty".to_owned());
    }
    match field {
        None => Ok(Test::Text(text)),
        Some("from") => header(&["from"]),
        Some("to") => header(&["to", "cc", "bcc"]),
        Some("cc") => header(&["cc"]),
        Some("bcc") => header(&["bcc"]),
        Some("subject") => header(&["subject"]),
        Some("list") => header(&["list-id", "list-post"]),
        Some("deliveredto") => header(&["delivered-to", "x-original-to"]),
        Some("replyto") => header(&["reply-to"]),
        Some("rfc822msgid") => header(&["message-id"]),
        // A message with attachments is nearly always of this type, and others seldom are.
        Some("has") if text.eq_ignore_ascii_case("attachment") => {
            Ok(Test::Header(&["content-type"], "multipart/mixed".to_owned()))
        }
        Some("larger" | "size" | "larger_than") => size("over", &text),
        Some("smaller" | "smaller_than") => size("under", &text),
        Some(other) => Err(format!("`{other}:{value}` has no test in Sieve")),
    }
}

fn size(relation: &'static str, text: &str) -> Result<Test, String> {
    let text = text.to_uppercase();
    let text = text.trim_end_matches('B');
    let digits = text.trim_end_matches(['K', 'M', 'G']);
    let is_number =
        !digits.is_empty() && digits.len() < 10 && digits.bytes().all(|byte| byte.is_ascii_digit());
    match is_number && text.len() - digits.len() <= 1 {
        true => Ok(Test::Size(relation, text.to_owned())),
        false => Err(format!("the size `{text}` is none")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, expected: &str) {
        let test = parse(query).unwrap_or_else(|why| panic!("{query}: {why}"));
        assert_eq!(test.written(), expected, "{query}");
    }

    #[test]
    fn operators_groups_and_sizes_become_tests() {
        check("from:*@example.org", "header :contains [\"from\"] \"@example.org\"");
        check(
            "subject:(Boot) has:attachment",
            "allof (header :contains [\"subject\"] \"Boot\", header :contains [\"content-type\"] \"multipart/mixed\")",
        );
        check(
            "from:(a OR b) -to:c",
            "allof (anyof (header :contains [\"from\"] \"a\", header :contains [\"from\"] \"b\"), not header :contains [\"to\", \"cc\", \"bcc\"] \"c\")",
        );
        check(
            "{from:a from:b}",
            "anyof (header :contains [\"from\"] \"a\", header :contains [\"from\"] \"b\")",
        );
        check("larger:5M", "size :over 5M");
        check("subject:\"two words\"", "header :contains [\"subject\"] \"two words\"");
        check(
            "list:<boats.example.org>",
            "header :contains [\"list-id\", \"list-post\"] \"<boats.example.org>\"",
        );
    }

    #[test]
    fn or_binds_its_neighbours_only() {
        let from = |name: &str| Test::Header(&["from"], name.to_owned());
        let expected = Test::All(vec![from("a"), Test::Any(vec![from("b"), from("c")]), from("d")]);
        assert_eq!(parse("from:a from:b OR from:c from:d"), Ok(expected));
    }

    #[test]
    fn words_are_looked_for_everywhere() {
        let test = parse("https://example.org").expect("a word");
        assert_eq!(test, Test::Text("https://example.org".into()));
        let mut requires = BTreeSet::new();
        test.extensions(&mut requires);
        assert!(requires.contains("body"));
    }

    #[test]
    fn what_sieve_cannot_ask_is_said_and_nothing_panics() {
        for query in [
            "",
            "in:inbox",
            "is:unread",
            "(",
            ")",
            "a)",
            "from:",
            "-",
            "{",
            "OR",
            "a OR",
            "\"",
            "larger:x",
            "from:*",
        ] {
            assert!(parse(query).is_err(), "{query}: {:?}", parse(query));
        }
        assert!(parse(&"(".repeat(100_000)).is_err());
        assert!(parse(&"-".repeat(100_000)).is_err());
    }
}
