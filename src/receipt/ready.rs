//! May the account be deleted? One check after the other, each with what it saw and what to do.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Receipt, Scope};
use crate::archive::files::CONTENT;
use crate::archive::proofs::{Proof, What};
use crate::archive::reader::Reader;
use crate::report::error::Result;

/// One check.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// Its name, for machines: `imported`, `parts`, `faults`, `files`, `verified`, `pushed`.
    pub name: &'static str,
    /// Whether it is met.
    pub is_met: bool,
    /// What was seen.
    pub what: String,
    /// What to do, where it is not met.
    pub hint: Option<String>,
}

impl Check {
    fn of(name: &'static str, is_met: bool, what: String, hint: &str) -> Check {
        Check { name, is_met, what, hint: (!is_met).then(|| hint.to_owned()) }
    }
}

/// All checks, in the order in which a person does what they ask for.
///
/// # Errors
/// When the archive cannot be read.
pub fn checks(receipt: &Receipt, reader: &Reader, proofs: &[Proof], scope: &Scope) -> Result<Vec<Check>> {
    Ok(vec![
        imported(receipt, reader)?,
        parts(receipt),
        faults(receipt),
        files(receipt),
        verified(receipt),
        pushed(receipt, proofs, scope),
    ])
}

fn imported(receipt: &Receipt, reader: &Reader) -> Result<Check> {
    let count =
        |state: &str| receipt.exports.iter().filter_map(|export| export.entries.get(state)).sum::<u64>();
    let (total, pending) = (count("total"), count("pending"));
    let outcome = if receipt.exports.is_empty() { None } else { reader.last_outcome()? };
    let is_complete = outcome.as_deref() == Some("complete");
    let what = match (receipt.exports.len(), &outcome) {
        (0, _) => "nothing was imported yet".to_owned(),
        (_, None) => "the last import was killed".to_owned(),
        (_, Some(outcome)) if !is_complete => format!("the last import ended early: {outcome}"),
        _ if pending > 0 => format!("{pending} of {total} files were never reached"),
        (1, _) => format!("one export with {total} files was read to its end"),
        (n, _) => format!("{n} exports with {total} files were read to their end"),
    };
    let hint = "run `exodus import` with all parts again: what is done stays done";
    Ok(Check::of("imported", is_complete && pending == 0, what, hint))
}

fn parts(receipt: &Receipt) -> Check {
    let n: usize = receipt.exports.iter().map(|export| export.missing.len()).sum();
    let what = match n {
        0 => "no part is missing, as far as the exports' own lists tell".to_owned(),
        n => format!("{n} files of the exports' own lists were in none of the parts"),
    };
    Check::of("parts", n == 0, what, "download the missing parts and import all of them in one command")
}

fn faults(receipt: &Receipt) -> Check {
    let faulted: u64 = receipt.exports.iter().filter_map(|export| export.entries.get("faulted")).sum();
    let n = receipt.faults.len();
    let what = match (n, faulted) {
        (0, 0) => "nothing failed".to_owned(),
        _ => format!("{n} faults; {faulted} files could not be taken"),
    };
    let hint = "the receipt names each with its place; download those parts again and import, or fetch what is named by hand";
    Check::of("faults", n == 0 && faulted == 0, what, hint)
}

fn files(receipt: &Receipt) -> Check {
    let short: Vec<&str> = receipt
        .labels
        .iter()
        .filter(|label| label.in_archive != label.in_export)
        .map(|label| label.name.as_str())
        .collect();
    let what = match short.len() {
        0 => format!("all {} labels and albums have as many items as in the exports", receipt.labels.len()),
        n => format!("{n} labels lack items, `{}` first", short[0]),
    };
    Check::of(
        "files",
        short.is_empty(),
        what,
        "`exodus verify` names the files; import the same exports again",
    )
}

fn verified(receipt: &Receipt) -> Check {
    let (is_met, what) = match &receipt.verified_here {
        None => (false, "the archive was never verified".to_owned()),
        Some(it) if !it.is_current => {
            (false, format!("something was imported since the last verify ({})", it.at))
        }
        Some(it) if it.problems > 0 => {
            (false, format!("the last verify ({}) found {} problems", it.at, it.problems))
        }
        Some(it) => (true, format!("{} items were read and compared ({})", it.items, it.at)),
    };
    Check::of("verified", is_met, what, "run `exodus verify`")
}

/// Every part of the archive must have been found by hash on some target since it last changed.
fn pushed(receipt: &Receipt, proofs: &[Proof], scope: &Scope) -> Check {
    let state = &receipt.archive.ledger_blake3;
    let mut proven: BTreeMap<&str, &str> = BTreeMap::new();
    for proof in proofs.iter().filter(|proof| proof.state == *state) {
        let What::Pushed(pushed) = &proof.what else { continue };
        if scope.target.is_some_and(|only| only != pushed.target) {
            continue;
        }
        for part in &pushed.whole {
            if pushed.is_proven() {
                proven.insert(part, &pushed.target);
            } else if pushed.checked.is_some() && proven.get(part.as_str()) == Some(&pushed.target.as_str()) {
                proven.remove(part.as_str());
            }
        }
    }
    let has_files = |part: &&&str| {
        let top = scope.archive.join(part);
        walkdir::WalkDir::new(top).into_iter().flatten().any(|it| it.file_type().is_file())
    };
    let parts: Vec<&&str> = CONTENT.iter().filter(has_files).collect();
    let lacking: Vec<&str> =
        parts.iter().map(|part| **part).filter(|part| !proven.contains_key(part)).collect();
    let what = if parts.is_empty() {
        "there is nothing to push".to_owned()
    } else if lacking.is_empty() {
        let places: Vec<String> =
            parts.iter().filter_map(|part| Some(format!("{part} on {}", proven.get(**part)?))).collect();
        format!("found by hash: {}", places.join(", "))
    } else {
        format!("not proven on any target since the archive last changed: {}", lacking.join(", "))
    };
    Check::of(
        "pushed",
        !parts.is_empty() && lacking.is_empty(),
        what,
        "run `exodus push TARGET --verify hash`",
    )
}
