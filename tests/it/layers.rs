//! The floors of the house (`ARCHITECTURE.md`): who may name whom, and who may name a platform.

use std::fs;
use std::path::{Path, PathBuf};

/// Rooms of `src/` with their floors. Arrows run down only; rooms on one floor do not know each other.
const FLOORS: [(&str, u32); 15] = [
    ("main", 6),
    ("cli", 5),
    ("batch", 4),
    ("watch", 4),
    ("receipt", 4),
    ("import", 3),
    ("push", 3),
    ("copies", 3),
    ("fetch", 3),
    ("site", 3),
    ("source", 2),
    ("archive", 2),
    ("report", 1),
    // The map names all rooms, to make them modules.
    ("lib", 7),
    ("tests", 8),
];

/// Names of platforms, which no room may know.
const PLATFORMS: [&str; 8] =
    ["google", "gmail", "takeout", "instagram", "facebook", "academia", "twitter", "youtube"];

/// Where a platform's name may stand all the same, and why.
const EXCEPTIONS: [(&str, &str, &str); 6] = [
    ("src/source/parts.rs", "takeout-", "the names of parts, by which parts of one export are found"),
    ("src/source/parts.rs", "-takeout.zip", "the same before 2015"),
    ("src/source/parts.rs", "{stamp}", "the same, when a part is missing"),
    ("src/source/folder.rs", "Takeout", "an unpacked export whose own folder was given"),
    ("src/cli/", "exodus i", "examples in help texts"),
    ("src/cli/", "exodus receipt --parts", "an example in a help text"),
];

/// What an importer may not touch: it is a pure reader.
const FORBIDDEN_TO_IMPORTERS: [&str; 9] = [
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "SystemTime",
    "Instant::now",
    "println!",
    "Timestamp::now",
    "rusqlite",
];

struct Line {
    file: String,
    number: usize,
    text: String,
}

/// All lines of code below a folder: no comments, no tests.
fn code(folder: &str) -> Vec<Line> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in walkdir::WalkDir::new(root.join(folder)).sort_by_file_name().into_iter().flatten() {
        let path = entry.path();
        let is_test =
            path.components().any(|part| part.as_os_str() == "tests") || path.ends_with("contract.rs");
        if path.extension().is_some_and(|ext| ext == "rs") && !is_test {
            files.push(path.to_owned());
        }
    }
    assert!(!files.is_empty(), "no code in {folder}");
    files.iter().flat_map(|path| lines(root, path)).collect()
}

fn lines(root: &Path, path: &Path) -> Vec<Line> {
    let file = path.strip_prefix(root).expect("it lies below").to_string_lossy().into_owned();
    let text = fs::read_to_string(path).expect("it was listed");
    // Tests stand last in a file.
    let of_tests = text.find("\n#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    let lines = text[..of_tests].lines().enumerate();
    let is_code = |text: &str| !text.trim_start().starts_with("//") && !text.trim().is_empty();
    lines
        .filter(|(_, text)| is_code(text))
        .map(|(number, text)| Line { file: file.clone(), number: number + 1, text: text.to_owned() })
        .collect()
}

fn room(file: &str) -> &str {
    let below = file.strip_prefix("src/").unwrap_or(file);
    below.split('/').next().unwrap_or(below).trim_end_matches(".rs")
}

fn floor(room: &str) -> Option<u32> {
    FLOORS.iter().find(|(name, _)| *name == room).map(|(_, floor)| *floor)
}

/// What follows each `crate::` in a line, `use crate::{a, b}` included.
fn rooms_named(text: &str) -> Vec<String> {
    let is_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    let mut named = Vec::new();
    for after in text.split("crate::").skip(1) {
        let list =
            after.strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or(after, |(list, _)| list);
        let heads = if after.starts_with('{') { list.split(',').collect() } else { vec![list] };
        for head in heads {
            let name: String = head.trim().chars().take_while(|letter| is_name(*letter)).collect();
            named.push(name);
        }
    }
    named
}

#[test]
fn arrows_run_down_only() {
    let mut answers = Vec::new();
    for line in code("src") {
        let ours = room(&line.file);
        let Some(our_floor) = floor(ours) else {
            answers.push(format!("{}: the room '{ours}' has no floor", line.file));
            continue;
        };
        for theirs in rooms_named(&line.text).iter().filter(|theirs| *theirs != ours) {
            let Some(their_floor) = floor(theirs) else { continue };
            if their_floor >= our_floor {
                answers.push(format!("{}:{}: '{ours}' may not name '{theirs}'", line.file, line.number));
            }
        }
    }
    assert!(answers.is_empty(), "{}", answers.join("\n"));
}

#[test]
fn only_main_knows_the_importers() {
    let names = |line: &&Line| line.text.contains("exodus_importers") && line.file != "src/main.rs";
    let answers: Vec<String> = code("src")
        .iter()
        .filter(names)
        .map(|line| format!("{}:{}: names an importer", line.file, line.number))
        .collect();
    assert!(answers.is_empty(), "{}", answers.join("\n"));
}

#[test]
fn the_engine_names_no_platform() {
    let mut answers = Vec::new();
    for line in code("src") {
        let Some(platform) = PLATFORMS.iter().find(|name| is_named(&line.text, name)) else { continue };
        let is_known =
            |(file, with, _): &&(&str, &str, &str)| line.file.starts_with(file) && line.text.contains(with);
        // Doc comments of commands are help texts; examples there name files of a platform.
        if !EXCEPTIONS.iter().any(|known| is_known(&known)) && !is_function_name(&line) {
            answers.push(format!("{}:{}: names '{platform}'", line.file, line.number));
        }
    }
    assert!(answers.is_empty(), "{}", answers.join("\n"));
}

/// True when a line has the name, and not only as the end of another word (`IncomingMail`).
fn is_named(text: &str, name: &str) -> bool {
    let text = text.to_lowercase();
    let begins = |at: usize| !text[..at].ends_with(|letter: char| letter.is_ascii_lowercase());
    text.match_indices(name).any(|(at, _)| begins(at))
}

/// The one place that knows the folder of an unpacked export calls its function after it.
fn is_function_name(line: &Line) -> bool {
    line.file == "src/source/folder.rs" && line.text.contains("is_takeout")
}

#[test]
fn importers_are_pure_and_strangers_to_each_other() {
    let importers: Vec<String> = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("importers"))
        .expect("it is there")
        .flatten()
        .filter(|entry| entry.path().join("mod.rs").exists())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name != "shared")
        .collect();
    assert!(importers.len() >= 2);
    let mut answers = Vec::new();
    for line in code("importers") {
        if let Some(what) = FORBIDDEN_TO_IMPORTERS.iter().find(|what| line.text.contains(**what)) {
            answers.push(format!("{}:{}: an importer may not use `{what}`", line.file, line.number));
        }
        let ours = line.file.split('/').nth(1).unwrap_or("");
        let theirs = rooms_named(&line.text).into_iter().find(|it| importers.contains(it) && it != ours);
        if let Some(theirs) = theirs {
            answers.push(format!("{}:{}: '{ours}' may not name '{theirs}'", line.file, line.number));
        }
    }
    assert!(answers.is_empty(), "{}", answers.join("\n"));
}

#[test]
fn the_checks_of_this_file_find_what_they_look_for() {
    assert_eq!(rooms_named("use crate::push::journal;"), ["push"]);
    assert_eq!(rooms_named("use crate::{archive, report::error};"), ["archive", "report"]);
    assert_eq!(rooms_named("let a = crate::cli::x(crate::source::y());"), ["cli", "source"]);
    assert_eq!(room("src/archive/mod.rs"), "archive");
    assert_eq!(room("src/main.rs"), "main");
    assert!(is_named("fn is_gmail()", "gmail") && !is_named("IncomingMail", "gmail"));
    assert!(floor("archive") < floor("import") && floor("source") == floor("archive"));
}
