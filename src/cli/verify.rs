//! `exodus verify`: proves that the archive is whole; `exodus reindex`: builds its index again.

use clap::Args;
use serde_json::json;

use super::output::{clean, counted, number, size};
use super::progress::{Progress, Telling};
use super::{Common, Context};
use crate::archive::reindex as archive_reindex;
use crate::archive::verify::{Report, Scope, verify};
use crate::report::counts::State;
use crate::report::error::{Error, Kind, Result};

/// Prove that the archive is whole: every file unchanged, every entry accounted for
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  exodus verify\n  exodus verify --subset 3/7      (a seventh a day)\n  exodus verify --dkim            (how many mails are byte for byte what their sender signed)"
)]
pub struct VerifyArgs {
    /// Read only the n-th of t shares of the files
    #[arg(long, value_name = "n/t", value_parser = parse_subset)]
    subset: Option<(u64, u64)>,
    /// Compute the body hash of every message that carries a DKIM signature, offline
    #[arg(long)]
    dkim: bool,
    #[command(flatten)]
    common: Common,
}

/// Build the index again from the ledger and the files
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  exodus reindex\n  exodus reindex --no-fts")]
pub struct ReindexArgs {
    /// Make no full-text index
    #[arg(long)]
    no_fts: bool,
    #[command(flatten)]
    common: Common,
}

fn parse_subset(text: &str) -> std::result::Result<(u64, u64), String> {
    let parts = text.split_once('/').and_then(|(n, t)| Some((n.parse().ok()?, t.parse().ok()?)));
    match parts {
        Some((n, t)) if n >= 1 && n <= t => Ok((n, t)),
        _ => Err("write n/t with 1 <= n <= t, for example 3/7".to_owned()),
    }
}

/// Runs `verify`.
pub fn run(args: &VerifyArgs, context: &Context) -> Result<()> {
    let is_quiet = args.common.quiet;
    let progress = Progress::new(&context.output, Telling::People, is_quiet);
    let scope = Scope { subset: args.subset, dkim: args.dkim };
    let report = verify(&args.common.archive, scope, &progress, &context.stop)?;
    if args.common.json {
        context.output.json(&json_of(&report));
    } else {
        print(&report, args, context);
    }
    if report.problems.is_empty() {
        return Ok(());
    }
    let what = format!("the archive is not whole: {}", counted(report.problems.len() as u64, "problem"));
    Err(Error::new(Kind::Partial, what)
        .hint(
            "remove a file that has changed, then import the same export again: what is missing is put back",
        )
        .hint("keep a second copy of the archive"))
}

fn json_of(report: &Report) -> serde_json::Value {
    let problems = report.problems.iter().map(|it| json!({"path": it.path, "what": it.what}));
    let faults = report.faults.iter().map(|it| json!({"place": it.place, "what": it.what, "hint": it.hint}));
    let dkim = report
        .dkim
        .map(|dkim| json!({"proven": dkim.proven, "differs": dkim.differs, "unsigned": dkim.unsigned}));
    json!({
        "whole": report.problems.is_empty(),
        "items": report.items,
        "bytes": report.bytes,
        "entries": report.entries.to_json(),
        "problems": problems.collect::<Vec<_>>(),
        "faults": faults.collect::<Vec<_>>(),
        "notes": report.notes,
        "dkim": dkim,
    })
}

fn print(report: &Report, args: &VerifyArgs, context: &Context) {
    let line = |text: &str| context.output.line(text);
    for problem in &report.problems {
        line(&format!("PROBLEM  {} {}", clean(&problem.path), problem.what));
    }
    for note in &report.notes {
        line(&format!("note: {}", clean(note)));
    }
    let share = args.subset.map(|(n, t)| format!(" (share {n} of {t})")).unwrap_or_default();
    line(&format!("{}, {} read and compared{share}", counted(report.items, "item"), size(report.bytes)));
    let entries = &report.entries;
    let states = State::ALL.into_iter().filter(|state| entries.get(*state) > 0);
    let words: Vec<String> = states.map(|state| format!("{} {state}", number(entries.get(state)))).collect();
    line(&format!("{} of exports: {}", counted(entries.total(), "file"), words.join(" + ")));
    if let Some(dkim) = report.dkim {
        line(&format!(
            "DKIM body hashes: {} messages proven byte-exact, {} differ (lists and gateways change mail), {} unsigned",
            number(dkim.proven),
            number(dkim.differs),
            number(dkim.unsigned)
        ));
    }
    if !report.faults.is_empty() {
        line(&format!(
            "{} faults are on record: `exodus status` lists them",
            number(report.faults.len() as u64)
        ));
    }
    if report.problems.is_empty() {
        line("The archive is whole.");
    }
}

/// Runs `reindex`.
pub fn reindex(args: &ReindexArgs, context: &Context) -> Result<()> {
    let progress = Progress::new(&context.output, Telling::People, args.common.quiet);
    let rebuilt = archive_reindex::reindex(&args.common.archive, !args.no_fts, &progress, &context.stop)?;
    if args.common.json {
        context.output.json(&json!({"items": rebuilt.items, "missing": rebuilt.missing}));
    } else {
        context.output.line(&format!("The index was built again: {} items", number(rebuilt.items)));
    }
    if rebuilt.missing > 0 {
        let what = format!("{} items have no file any more", rebuilt.missing);
        return Err(Error::new(Kind::Partial, what).hint("`exodus verify` names them"));
    }
    Ok(())
}
