//! Gmail's filters and vacation responder as Sieve (RFC 5228 with fileinto, imap4flags, body, vacation).
//!
//! What Sieve cannot say stands as a comment where it would be, so that nobody takes the script for more than it is.
//! The names of the JSON are from one importer's fixture (`query`, `labelsToAdd`, `shouldArchive`); those of Gmail's
//! other forms (its XML of filters, its API) are understood too. Gmail applies all filters that fit, and so does the
//! script: no filter stops those after it, but for deleting.

mod query;

use std::collections::BTreeSet;

use exodus_api::Role;
use serde_json::Value;

use self::query::Test;
use super::labels;

/// A script, and how much of its source it could not say.
#[derive(Debug, PartialEq, Eq)]
pub struct Script {
    /// The script.
    pub text: String,
    /// Filters or conditions that stand in it as comments only.
    pub n_untranslated: u32,
}

/// The script of a settings file with filters; `None` if there are none in it.
pub fn filters(settings: &Value) -> Option<Script> {
    let filters = ["filter", "filters"].iter().find_map(|name| settings.get(name)?.as_array())?;
    let mut requires = BTreeSet::new();
    let mut body = String::new();
    let mut n_untranslated = 0;
    for (number, filter) in filters.iter().enumerate() {
        let block = Block::of(&Fields(filter), &mut requires);
        n_untranslated += u32::from(!block.is_whole);
        body.push_str(&format!("\n# Filter {}: {}\n{}", number + 1, in_comment(&block.title), block.text));
    }
    let head = "# Filters of Gmail, translated. `keep` leaves a message in the inbox; labels are folders.\n";
    Some(Script { text: format!("{head}{}{body}", require(&requires)), n_untranslated })
}

/// The script of a settings file with a vacation responder; `None` if there is none in it.
pub fn vacation(settings: &Value) -> Option<Script> {
    let inner = ["vacationResponder", "vacation"].iter().find_map(|name| settings.get(name));
    let fields = Fields(inner.unwrap_or(settings));
    let plain = fields.text(&["body", "responseBodyPlainText", "message"]);
    let html = fields.text(&["responseBodyHtml", "bodyHtml", "html"]);
    let body = match (plain, html) {
        (Some(plain), _) => quoted(&plain),
        (None, Some(html)) => {
            format!(":mime {}", quoted(&format!("Content-Type: text/html; charset=utf-8\r\n\r\n{html}")))
        }
        (None, None) => return None,
    };
    let mut requires = BTreeSet::from(["vacation"]);
    let subject = fields.text(&["subject", "responseSubject"]);
    let subject = subject.map_or(String::new(), |subject| format!(" :subject {}", quoted(&subject)));
    // Gmail answers one sender every four days.
    let action = format!("vacation :days 4{subject} {body};\n");
    let mut tests = Vec::new();
    for (names, relation) in
        [(["startTime", "startDate", "firstDay"], "ge"), (["endTime", "endDate", "lastDay"], "le")]
    {
        if let Some(day) = fields.day(&names) {
            requires.extend(["date", "relational"]);
            tests.push(format!("currentdate :value \"{relation}\" \"date\" \"{day}\""));
        }
    }
    let mut text = "# Gmail's vacation responder, translated.\n".to_owned();
    let is_for_contacts = fields.is(&["contactsOnly", "restrictToContacts"]);
    let is_for_domain = fields.is(&["domainOnly", "restrictToDomain"]);
    text.push_str(&require(&requires));
    if is_for_contacts || is_for_domain {
        text.push_str("# Not translated: it answers only people in the contacts or the own domain.\n");
    }
    if !fields.is(&["enabled", "enableAutoReply", "isEnabled"]) {
        text.push_str("# It was switched off.\n");
        tests.insert(0, "false".to_owned());
    }
    text.push_str(&match tests.as_slice() {
        [] => action,
        [test] => format!("if {test} {{\n    {action}}}\n"),
        tests => format!("if allof ({}) {{\n    {action}}}\n", tests.join(", ")),
    });
    Some(Script { text, n_untranslated: u32::from(is_for_contacts || is_for_domain) })
}

fn require(names: &BTreeSet<&'static str>) -> String {
    if names.is_empty() {
        return String::new();
    }
    let names: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    format!("require [{}];\n", names.join(", "))
}

/// A text as a Sieve string.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\0', "").replace('\\', "\\\\").replace('"', "\\\""))
}

fn in_comment(text: &str) -> String {
    text.split(|letter: char| letter.is_control()).collect::<Vec<&str>>().join(" ")
}

/// The fields of a filter, whatever object of it they stand in.
struct Fields<'a>(&'a Value);

impl Fields<'_> {
    fn find(&self, names: &[&str]) -> Option<&Value> {
        let inside = ["criteria", "action", "actions"].iter().filter_map(|name| self.0.get(name));
        let mut objects = std::iter::once(self.0).chain(inside);
        objects.find_map(|object| names.iter().find_map(|name| object.get(name)))
    }

    fn text(&self, names: &[&str]) -> Option<String> {
        let text = match self.find(names)? {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        Some(text).filter(|text| !text.is_empty())
    }

    fn is(&self, names: &[&str]) -> bool {
        match self.find(names) {
            Some(Value::Bool(is_set)) => *is_set,
            Some(Value::String(text)) => text == "true",
            _ => false,
        }
    }

    fn list(&self, names: &[&str]) -> Vec<String> {
        let text = |value: &Value| {
            let name = value.get("name").and_then(Value::as_str);
            value.as_str().or(name).map(|text| text.trim().to_owned())
        };
        match self.find(names) {
            Some(Value::Array(list)) => list.iter().filter_map(text).filter(|it| !it.is_empty()).collect(),
            Some(value) => text(value).filter(|text| !text.is_empty()).into_iter().collect(),
            None => Vec::new(),
        }
    }

    /// A day as `2024-01-31`, of a date or of milliseconds since 1970.
    fn day(&self, names: &[&str]) -> Option<String> {
        let text = self.text(names)?;
        if let Ok(time_ms) = text.parse::<i64>() {
            let time = jiff::Timestamp::from_millisecond(time_ms).ok().filter(|_| time_ms > 0)?;
            return Some(time.strftime("%Y-%m-%d").to_string());
        }
        let day = text.get(..10)?;
        day.parse::<jiff::civil::Date>().ok().map(|day| day.to_string())
    }
}

/// One filter.
struct Block {
    title: String,
    text: String,
    is_whole: bool,
}

impl Block {
    fn of(fields: &Fields, requires: &mut BTreeSet<&'static str>) -> Block {
        let (title, test) = condition(fields);
        let (mut commands, left_out) = actions(fields);
        let mut text = String::new();
        for what in &left_out {
            text.push_str(&format!("# Not translated: {}\n", in_comment(what)));
        }
        let is_test = match test {
            Ok(test) => {
                if commands.is_empty() {
                    commands.push(Command::Keep);
                }
                test.extensions(requires);
                requires.extend(commands.iter().filter_map(Command::extension));
                let commands: String =
                    commands.iter().map(|command| format!("    {}\n", command.written())).collect();
                text.push_str(&format!("if {} {{\n{commands}}}\n", test.written()));
                true
            }
            Err(why) => {
                text.push_str(&format!("# Not translated: {}\n", in_comment(&why)));
                for command in &commands {
                    text.push_str(&format!("#     {}\n", in_comment(&command.written())));
                }
                false
            }
        };
        Block { title, text, is_whole: is_test && left_out.is_empty() }
    }
}

/// What a filter looks for: in its own words, and as a test or why not.
fn condition(fields: &Fields) -> (String, Result<Test, String>) {
    let mut words = Vec::new();
    for (names, prefix) in [
        (&["from"][..], "from:"),
        (&["to"], "to:"),
        (&["subject"], "subject:"),
        (&["query", "hasTheWord"], ""),
        (&["negatedQuery", "doesNotHaveTheWord"], "-"),
    ] {
        if let Some(text) = fields.text(names) {
            words.push(if prefix.is_empty() { text } else { format!("{prefix}({text})") });
        }
    }
    if fields.is(&["hasAttachment", "hasTheAttachment"]) {
        words.push("has:attachment".to_owned());
    }
    if let Some(size) = fields.text(&["size"]).filter(|size| size != "0") {
        let is_smaller = fields
            .text(&["sizeComparison", "sizeOperator"])
            .is_some_and(|it| it.contains("smaller") || it == "s_ss");
        let unit = match fields.text(&["sizeUnit"]).as_deref() {
            Some("s_smb" | "MB") => "M",
            Some("s_skb" | "KB") => "K",
            _ => "",
        };
        words.push(format!("{}:{size}{unit}", if is_smaller { "smaller" } else { "larger" }));
    }
    let title = words.join(" ");
    let test = if title.is_empty() {
        Err("the filter says nothing of what it looks for".to_owned())
    } else {
        query::parse(&title)
    };
    (title, test)
}

/// What is done with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Command {
    AddFlag(&'static str),
    Redirect(String),
    FileInto(String),
    Keep,
    Stop,
}

impl Command {
    fn written(&self) -> String {
        match self {
            Command::AddFlag(flag) => format!("addflag {};", quoted(flag)),
            Command::Redirect(address) => format!("redirect {};", quoted(address)),
            Command::FileInto(folder) => format!("fileinto {};", quoted(folder)),
            Command::Keep => "keep;".to_owned(),
            Command::Stop => "stop;".to_owned(),
        }
    }

    fn extension(&self) -> Option<&'static str> {
        match self {
            Command::AddFlag(_) => Some("imap4flags"),
            Command::FileInto(_) => Some("fileinto"),
            _ => None,
        }
    }
}

/// True for an address as Sieve takes it: no name, no quotes.
fn is_address(text: &str) -> bool {
    let is_word = |word: &str, also: &str| {
        let is_edge = word.starts_with('.') || word.ends_with('.') || word.contains("..");
        let is_letter = |letter: char| letter.is_ascii_alphanumeric() || also.contains(letter);
        !word.is_empty() && !is_edge && word.chars().all(is_letter)
    };
    let parts = text.rsplit_once('@');
    parts.is_some_and(|(local, domain)| is_word(local, ".!#$%&'*+/=?^_`{|}~-") && is_word(domain, ".-"))
}

/// The commands of a filter, and what none can say.
fn actions(fields: &Fields) -> (Vec<Command>, Vec<String>) {
    let (mut commands, mut left_out) = (Vec::new(), unsayable(fields));
    let (mut flags, mut folders) = (BTreeSet::new(), Vec::new());
    let mut is_archived = fields.is(&["shouldArchive"]);
    let mut is_deleted = fields.is(&["shouldTrash"]);
    for name in fields.list(&["labelsToAdd", "addLabelIds", "label", "labels"]) {
        match labels::role_in_any_language(&name) {
            Some(Role::Flagged) => drop(flags.insert("\\Flagged")),
            Some(Role::Important) => drop(flags.insert("$Important")),
            Some(Role::Trash) => is_deleted = true,
            _ => folders.push(in_comment(&name)),
        }
    }
    for name in fields.list(&["labelsToRemove", "removeLabelIds"]) {
        match labels::role_in_any_language(&name) {
            Some(Role::Inbox) => is_archived = true,
            Some(Role::Unread) => drop(flags.insert("\\Seen")),
            _ => left_out.push(format!("take the label {name} away")),
        }
    }
    for (names, flag) in [
        (&["shouldMarkAsRead"][..], "\\Seen"),
        (&["shouldStar"], "\\Flagged"),
        (&["shouldAlwaysMarkAsImportant", "shouldMarkAsImportant"], "$Important"),
    ] {
        if fields.is(names) {
            flags.insert(flag);
        }
    }
    commands.extend(flags.into_iter().map(Command::AddFlag));
    let (forwards, odd): (Vec<String>, Vec<String>) =
        fields.list(&["forwardTo", "forward"]).into_iter().partition(|it| is_address(it));
    left_out.extend(odd.into_iter().map(|address| format!("forward to {address}")));
    let is_forwarded = !forwards.is_empty();
    commands.extend(forwards.into_iter().map(Command::Redirect));
    if is_deleted {
        commands.extend([Command::FileInto("Trash".to_owned()), Command::Stop]);
        return (commands, left_out);
    }
    if is_archived && folders.is_empty() {
        folders.push("Archive".to_owned());
    }
    let has_folders = !folders.is_empty();
    commands.extend(folders.into_iter().map(Command::FileInto));
    // Filing or forwarding takes a message out of the inbox unless told otherwise.
    if !is_archived && (has_folders || is_forwarded) {
        commands.push(Command::Keep);
    }
    (commands, left_out)
}

/// What a filter does and no command can say.
fn unsayable(fields: &Fields) -> Vec<String> {
    let mut left_out = Vec::new();
    for (name, what) in [
        ("shouldNeverSpam", "never treat as spam"),
        ("shouldSpam", "treat as spam"),
        ("shouldNeverMarkAsImportant", "never mark as important"),
    ] {
        if fields.is(&[name]) {
            left_out.push(what.to_owned());
        }
    }
    if let Some(category) = fields.text(&["smartLabelToApply", "category"]) {
        left_out.push(format!("put into the category {category}"));
    }
    left_out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(filter: Value, expected: &str, n_untranslated: u32) {
        let script = filters(&json!({ "filter": [filter] })).expect("there are filters");
        let body = script.text.split_once("# Filter 1: ").expect("a first filter").1;
        assert_eq!(body.split_once('\n').expect("a title").1, expected, "{}", script.text);
        assert_eq!(script.n_untranslated, n_untranslated);
    }

    #[test]
    fn a_filter_becomes_a_block() {
        check(
            json!({"query": "from:(news@example.com)", "labelsToAdd": ["Garten", "Markiert"], "labelsToRemove": ["Posteingang"],
                "shouldMarkAsRead": true, "forwardTo": "archive@example.org"}),
            "if header :contains [\"from\"] \"news@example.com\" {\n    addflag \"\\\\Flagged\";\n    addflag \"\\\\Seen\";\n    \
            redirect \"archive@example.org\";\n    fileinto \"Garten\";\n}\n",
            0,
        );
        check(
            json!({"criteria": {"from": "a@example.org OR b@example.org", "subject": "x"}, "action": {"addLabelIds": ["Hafen"]}}),
            "if allof (anyof (header :contains [\"from\"] \"a@example.org\", header :contains [\"from\"] \"b@example.org\"), \
            header :contains [\"subject\"] \"x\") {\n    fileinto \"Hafen\";\n    keep;\n}\n",
            0,
        );
        check(
            json!({"query": "size:10", "shouldTrash": true, "shouldNeverSpam": true}),
            "# Not translated: never treat as spam\nif size :over 10 {\n    fileinto \"Trash\";\n    stop;\n}\n",
            1,
        );
    }

    #[test]
    fn what_cannot_be_said_is_a_comment() {
        check(
            json!({"query": "is:muted from:x\nredirect \"evil@example.org\";", "shouldArchive": true}),
            "# Not translated: `is:muted` has no test in Sieve\n#     fileinto \"Archive\";\n",
            1,
        );
        check(
            json!({"shouldStar": true}),
            "# Not translated: the filter says nothing of what it looks for\n#     addflag \"\\\\Flagged\";\n",
            1,
        );
    }

    #[test]
    fn a_vacation_responder_that_was_off_answers_nobody() {
        let text = |value: Value| vacation(&value).expect("a responder").text;
        let off = text(json!({"enabled": false, "subject": "Im \"Urlaub\"", "body": "Bis Montag."}));
        assert!(
            off.ends_with(
                "if false {\n    vacation :days 4 :subject \"Im \\\"Urlaub\\\"\" \"Bis Montag.\";\n}\n"
            ),
            "{off}"
        );
        let on = text(
            json!({"enableAutoReply": true, "responseBodyHtml": "<p>x</p>", "startTime": "1735689600000", "endTime": 1_736_000_000_000_i64}),
        );
        assert!(on.contains("if allof (currentdate :value \"ge\" \"date\" \"2025-01-01\", "), "{on}");
        assert!(on.contains(":mime \"Content-Type: text/html; charset=utf-8"), "{on}");
        assert_eq!(vacation(&json!({"filter": []})), None);
    }
}
