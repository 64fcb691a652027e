//! Rows of a manifest that stand in a table (CSV, RFC 4180): a column for each thing that a row says, `;` between several.

use std::collections::BTreeMap;
use std::path::Path;

use super::manifest::{Problems, Spec};

/// Reads a table and adds its rows, each with its place.
pub(super) fn read(path: &Path, bytes: &[u8], specs: &mut Vec<(String, Spec)>, problems: &mut Problems) {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // Spreadsheets write a byte order mark, and in half of Europe `;` between cells.
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let n_of = |byte: u8| first.iter().filter(|it| **it == byte).count();
    let is_semicolon = n_of(b';') > n_of(b',');
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(if is_semicolon { b';' } else { b',' })
        .flexible(true)
        .has_headers(true)
        .trim(csv::Trim::All)
        .from_reader(bytes);
    let heads = match reader.headers() {
        Ok(heads) => heads.clone(),
        Err(err) => return problems.add(&format!("{name}:1"), err),
    };
    if !heads.iter().any(|head| head == "id") {
        return problems.add(&format!("{name}:1"), "there is no column `id`");
    }
    let separator = if is_semicolon { '|' } else { ';' };
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(err) => {
                let line = err.position().map_or(0, csv::Position::line);
                problems.add(&format!("{name}:{line}"), err);
                continue;
            }
        };
        let place = format!("{name}:{}", record.position().map_or(0, csv::Position::line));
        if record.iter().all(str::is_empty) {
            continue;
        }
        if record.len() != heads.len() {
            problems.add(
                &place,
                format!("it has {} fields, and the first line names {}", record.len(), heads.len()),
            );
            continue;
        }
        let cells = heads.iter().zip(record.iter());
        match spec(&cells.collect(), separator) {
            Ok(spec) => specs.push((place, spec)),
            Err(what) => problems.add(&place, what),
        }
    }
}

fn spec(cells: &BTreeMap<&str, &str>, separator: char) -> Result<Spec, String> {
    let mut spec = Spec::default();
    let list = |text: &str| {
        Some(text.split(separator).map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()).collect())
    };
    let words = |text: &str| Some(text.split_whitespace().map(str::to_owned).collect());
    for (name, text) in cells {
        // An empty cell says nothing: the defaults do.
        if text.is_empty() && !is_variable(name) {
            continue;
        }
        match *name {
            "id" => spec.id = Some((*text).to_owned()),
            "owner" => spec.owner = Some((*text).to_owned()),
            "archive" => spec.archive = Some((*text).to_owned()),
            "time_limit" => spec.time_limit = Some((*text).to_owned()),
            "exports" => spec.exports = list(text),
            "targets" => spec.targets = list(text),
            "import" => spec.import = words(text),
            "push" => spec.push = words(text),
            "verify" => match *text {
                "true" | "yes" => spec.verify = Some(true),
                "false" | "no" => spec.verify = Some(false),
                other => return Err(format!("verify: `{other}` is neither yes nor no")),
            },
            _ => _ = spec.vars.insert((*name).to_owned(), (*text).to_owned()),
        }
    }
    Ok(spec)
}

fn is_variable(name: &str) -> bool {
    !["id", "owner", "archive", "time_limit", "exports", "targets", "import", "push", "verify"]
        .contains(&name)
}
