//! `exodus push`: the archive to the user's own server, with a receipt at the end.

use clap::{Args, ValueEnum};
use serde_json::json;

use super::chosen_target::ChosenArgs;
use super::output::{Output, clean, counted, number, size};
use super::progress::{Progress, Telling};
use super::questions::Questions;
use super::{Common, Context};
use crate::push::check::{Checked, Verify};
use crate::push::run::{self, Ears, Outcome, Request, counts};
use crate::push::survey::Survey;
use crate::report::error::{Error, Kind, Result};

/// Send the archive to your own server
///
/// Sends what the server does not have yet; running the same command again is always safe and goes on where it was
/// stopped. Files that exodus did not put there, or that were changed there since, are never touched without --force.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  exodus push sftp://ada@example.org/~/archive\n  exodus push home --only mail\n  exodus push home --dry-run\n  exodus push home --verify hash        (prove that all of it is there)\n  exodus push file:///media/stick/archive"
)]
pub struct PushArgs {
    /// A URL (sftp://user@host:port/path, /~/path is in your home there; file:///path), or a name from exodus.toml
    #[arg(value_name = "TARGET")]
    target: Option<String>,
    /// Send only this (may be repeated): mail, files, contacts, calendars, or a path in the archive
    #[arg(long, value_name = "PART|PATH")]
    only: Vec<String>,
    /// Ask the server what it has, say what would be sent, send nothing
    #[arg(long)]
    dry_run: bool,
    /// Say what goes where, without asking the server
    #[arg(long, conflicts_with = "dry_run")]
    plan: bool,
    /// Look at all that should be there afterwards, whenever it was sent: its size, or its bytes
    #[arg(long, value_name = "HOW", value_enum, default_value_t = How::None)]
    verify: How,
    /// Where the server cannot compute hashes, files are read back; only this share of them, chosen anew each time
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent, default_value = "100")]
    sample: f64,
    /// Remove files there that exodus put and that the archive does not have any more
    #[arg(long)]
    prune: bool,
    /// Replace files there that are not exodus's, or were changed there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    chosen: ChosenArgs,
    #[command(flatten)]
    common: Common,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum How {
    /// What sending itself looks at: each file, once, after it got its name
    None,
    /// Every file is there with its size
    Size,
    /// Every file is there with its bytes
    Hash,
}

fn parse_percent(text: &str) -> std::result::Result<f64, String> {
    let percent: Option<f64> = text.trim_end_matches('%').parse().ok();
    percent.filter(|it| *it > 0.0 && *it <= 100.0).ok_or_else(|| "write a number from 1 to 100".to_owned())
}

/// Runs the command.
pub fn run(args: &PushArgs, context: &Context) -> Result<()> {
    let request = request_of(args)?;
    let output = &context.output;
    if args.plan {
        return plan(&request, args, output);
    }
    let telling = Telling::of(args.common.json, args.common.quiet);
    let progress = Progress::new(output, telling, args.common.quiet);
    let questions = Questions::new(output);
    let ears = Ears { ask: &questions, observer: &progress, stop: &context.stop };
    let outcome = run::push(&request, ears)?;
    if args.common.json {
        output.json(&summary(&outcome, &request));
    } else {
        Receipt { outcome: &outcome, request: &request, args, output }.print();
    }
    if let Some(err) = outcome.error {
        return Err(err);
    }
    match outcome.n_faults() {
        0 => Ok(()),
        n => {
            let what =
                format!("{} could not be sent or do not verify; all else is there", counted(n, "file"));
            Err(Error::new(Kind::Partial, what))
        }
    }
}

fn request_of(args: &PushArgs) -> Result<Request> {
    let mut request = args.chosen.request(args.target.as_deref(), &args.common.archive)?;
    request.only = args.only.iter().map(|only| only.trim_matches('/').to_owned()).collect();
    request.is_dry_run = args.dry_run;
    request.prune = args.prune;
    request.force = args.force;
    request.verify = match args.verify {
        How::None => Verify::None,
        How::Size => Verify::Size,
        How::Hash => Verify::Hash { sample: args.sample / 100.0 },
    };
    crate::archive::require(&request.archive)?;
    for only in &request.only {
        let is_word = ["mail", "files", "contacts", "calendars"].contains(&only.as_str());
        if !is_word && !request.archive.join(only).exists() {
            return Err(Error::new(Kind::Usage, format!("there is no `{only}` in the archive"))
                .hint("--only takes mail, files, contacts, calendars, or a path from the archive's top"));
        }
    }
    Ok(request)
}

fn plan(request: &Request, args: &PushArgs, output: &Output) -> Result<()> {
    let (parts, survey) = run::plan(request)?;
    if args.common.json {
        let rules = request.mapping.rules().iter();
        let rules: Vec<_> = rules
            .map(|it| json!({"from": it.from, "to": it.to, "mode": format!("{:04o}", it.mode)}))
            .collect();
        output.json(&json!({
            "target": request.url,
            "map": rules,
            "parts": parts.iter().map(|it| json!({"part": it.part, "files": it.files, "bytes": it.bytes})).collect::<Vec<_>>(),
            "staying": survey.staying,
        }));
        return Ok(());
    }
    output.line(&format!("To {}:", clean(&request.url)));
    for rule in request.mapping.rules() {
        let open =
            if rule.mode & 0o044 == 0 { String::new() } else { format!("   (mode {:04o})", rule.mode) };
        output.line(&format!("  {:<24} -> {}{open}", clean(&rule.from), clean(&rule.to)));
    }
    output.line("The archive has for it:");
    for it in &parts {
        output.line(&format!("  {:<24} {}, {}", clean(&it.part), counted(it.files, "file"), size(it.bytes)));
    }
    if !survey.staying.is_empty() {
        output.line(&format!("Stays here: {}", clean(&survey.staying.join(", "))));
    }
    Ok(())
}

/// The last JSON line of a push.
fn summary(outcome: &Outcome, request: &Request) -> serde_json::Value {
    let pair = |(n, bytes): (u64, u64)| json!({"files": n, "bytes": bytes});
    let named = |list: &[(String, String)]| {
        list.iter().map(|(path, what)| json!({"path": path, "what": what})).collect::<Vec<_>>()
    };
    let failed: Vec<_> = outcome
        .failed
        .iter()
        .map(|(path, what, hint)| json!({"path": path, "what": what, "hint": hint}))
        .collect();
    let checked = outcome.checked.as_ref().map(|it| {
        json!({
            "good": it.good, "bytes": it.bytes, "hashed_there": it.hashed_there, "read_back": it.read_back,
            "by_size": it.by_size, "moved_or_deleted_by_owner": it.moved_on, "problems": named(&it.problems),
        })
    });
    json!({
        "event": "summary",
        "dry_run": request.is_dry_run,
        "target": request.url,
        "archive": request.archive,
        "all": pair(outcome.totals.all),
        "new": pair(outcome.totals.new),
        "changed": pair(outcome.totals.changed),
        "counts": counts(outcome),
        "odd": named(&outcome.survey.odd),
        "staying": outcome.survey.staying,
        "left_alone": named(&outcome.settled.left_alone),
        "failed": failed,
        "changed_meanwhile": outcome.changed,
        "verified": checked,
        "n_faults": outcome.n_faults(),
        "seconds": {"push": outcome.seconds.0, "verify": outcome.seconds.1},
        "error": outcome.error.as_ref().map(|error| error.what.clone()),
    })
}

/// What was sent, what was there, what was left and what to do.
struct Receipt<'a> {
    outcome: &'a Outcome,
    request: &'a Request,
    args: &'a PushArgs,
    output: &'a Output,
}

impl Receipt<'_> {
    fn print(&self) {
        let outcome = self.outcome;
        if self.request.is_dry_run {
            self.dry_run();
        } else {
            self.sent();
        }
        self.list("Left alone on the server", &outcome.settled.left_alone);
        if !outcome.settled.left_alone.is_empty() {
            self.line("  --force replaces them with the archive's");
        }
        let failed: Vec<_> =
            outcome.failed.iter().map(|(path, what, _)| (path.clone(), what.clone())).collect();
        self.list("Could not be sent", &failed);
        let changed: Vec<_> =
            outcome.changed.iter().map(|path| (path.clone(), "changed meanwhile".to_owned())).collect();
        self.list("To be sent by the next push", &changed);
        self.survey(&outcome.survey);
        if let Some(checked) = &outcome.checked {
            self.checked(checked);
        } else if outcome.n_faults() == 0 && outcome.error.is_none() && !self.request.is_dry_run {
            let target = self.args.target.as_deref().unwrap_or_default();
            self.line(&format!("Prove it: exodus push {} --verify hash", clean(target)).replace("  ", " "));
        }
    }

    fn dry_run(&self) {
        let totals = self.outcome.totals;
        self.line(&format!("Nothing was sent. A push to {} would", clean(&self.request.url)));
        self.line(&format!("  send      {}, {}", counted(totals.new.0, "file"), size(totals.new.1)));
        self.line(&format!("  replace   {}, {}", counted(totals.changed.0, "file"), size(totals.changed.1)));
        if self.outcome.moved > 0 {
            self.line(&format!("  move      {}", counted(self.outcome.moved, "message")));
        }
        if self.request.prune {
            self.line(&format!("  remove    {}", counted(self.outcome.pruned, "file")));
        }
        let there = totals.all.0.saturating_sub(totals.new.0 + totals.changed.0);
        self.line(&format!("  and find  {} there already", counted(there, "file")));
    }

    fn sent(&self) {
        let outcome = self.outcome;
        let seconds = outcome.seconds.0;
        let rate =
            ((outcome.bytes - outcome.resumed_bytes.min(outcome.bytes)) as f64 / seconds.max(0.001)) as u64;
        self.line(&format!("Pushed to {}", clean(&self.request.url)));
        let time =
            if outcome.files > 0 { format!(" in {seconds:.1} s ({}/s)", size(rate)) } else { String::new() };
        self.line(&format!("  {:>12}  sent, {}{time}", number(outcome.files), size(outcome.bytes)));
        let totals = outcome.totals;
        let there = totals.all.0.saturating_sub(totals.new.0 + totals.changed.0);
        let counts = [
            (there + outcome.settled.here_already, "there already"),
            (outcome.moved, "messages moved to another folder"),
            (outcome.pruned, "removed"),
        ];
        for (n, what) in counts.into_iter().filter(|(n, _)| *n > 0) {
            self.line(&format!("  {:>12}  {what}", number(n)));
        }
        if outcome.resumed_bytes > 0 {
            self.line(&format!("  {} had arrived in an earlier try", size(outcome.resumed_bytes)));
        }
        if outcome.superfluous > 0 && outcome.pruned == 0 {
            self.line(&format!(
                "{} on the server that the archive does not have any more; --prune removes them",
                counted(outcome.superfluous, "file")
            ));
        }
    }

    fn survey(&self, survey: &Survey) {
        self.list("Not sent", &survey.odd);
        if !survey.staying.is_empty() {
            self.line(&format!(
                "Stays here, since no place is named for it: {}",
                clean(&survey.staying.join(", "))
            ));
        }
        if survey.is_being_written {
            self.line("The archive is being written to: its index goes with the next push");
        }
    }

    fn checked(&self, checked: &Checked) {
        let how = [
            (checked.hashed_there, "by hash, computed there"),
            (checked.read_back, "by hash, read back"),
            (checked.by_size, "by size"),
        ];
        let how: Vec<String> =
            how.into_iter().filter(|(n, _)| *n > 0).map(|(n, how)| format!("{} {how}", number(n))).collect();
        self.line(&format!("Verified there: {} ({})", counted(checked.good, "file"), how.join(", ")));
        if checked.moved_on > 0 {
            let n = number(checked.moved_on);
            self.line(&format!("Moved or deleted by their owner there: {n} (messages)"));
        }
        self.list("PROBLEM", &checked.problems);
        if checked.problems.is_empty() {
            self.line("All of it is there.");
        }
    }

    fn list(&self, head: &str, list: &[(String, String)]) {
        if list.is_empty() {
            return;
        }
        self.line(&format!("{head}: {}", number(list.len() as u64)));
        for (path, what) in list.iter().take(10) {
            self.line(&format!("  {}: {}", clean(path), clean(what)));
        }
        if list.len() > 10 {
            self.line(&format!("  and {} more (--json lists all)", number(list.len() as u64 - 10)));
        }
    }

    fn line(&self, text: &str) {
        self.output.line(text);
    }
}
