//! `exodus batch`: many accounts from one manifest.

use std::path::PathBuf;
use std::sync::Mutex;

use clap::{Args, Subcommand};
use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::output::{Output, clean, counted, number, size};
use super::progress::bar;
use super::{Context, command};
use crate::batch::manifest::{self, Known, Manifest};
use crate::batch::report::Report;
use crate::batch::run::{Batch, Choice, Progress, Told, chosen};
use crate::batch::shard::Shard;
use crate::batch::state::{RowResult, RowState, StateFolder};
use crate::report::error::{Error, Kind, Result};

/// Move many accounts from one manifest
#[derive(Debug, Args)]
pub struct BatchCommand {
    #[command(subcommand)]
    command: Do,
}

#[derive(Debug, Subcommand)]
enum Do {
    Run(RunArgs),
    Check(CheckArgs),
    MergeReports(MergeArgs),
}

/// Import, verify and push every account of a manifest that is not done yet
///
/// Each account has its own archive, its own log and its own processes: one that fails keeps no other from being done. Running the
/// same command again does only what is not done, or what has changed. The manifest is described in docs/batch.md.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  exodus batch run accounts.toml\n  exodus batch run accounts.toml --jobs 8 --report report.json\n  exodus batch run accounts.toml --only ada --retry-failed\n  exodus batch run accounts.toml --shard 2/8"
)]
pub struct RunArgs {
    /// The manifest: TOML, or a table (CSV)
    #[arg(value_name = "MANIFEST")]
    manifest: PathBuf,
    /// So many accounts side by side [default: what the manifest says, else as many as there are processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Only this account, by its id (may be repeated)
    #[arg(long, value_name = "ROW")]
    only: Vec<String>,
    /// Do accounts again that failed
    #[arg(long)]
    retry_failed: bool,
    /// Only the share K of N, from 1; `auto` in an array job of Slurm or an Indexed Job of Kubernetes
    #[arg(long, value_name = "K/N")]
    shard: Option<String>,
    /// Write the report there, as JSON, and beside it as .csv and .html [default: report.json in the state's folder]
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Keep what is known of each account in this folder [default: MANIFEST.state beside the manifest]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Answer in JSON on stdout; everything else goes to stderr
    #[arg(long)]
    json: bool,
    /// Show no progress
    #[arg(long, short)]
    quiet: bool,
}

/// Read a manifest and say what is wrong with it, start nothing
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  exodus batch check accounts.toml\n  exodus batch check people.csv --json"
)]
pub struct CheckArgs {
    /// The manifest: TOML, or a table (CSV)
    #[arg(value_name = "MANIFEST")]
    manifest: PathBuf,
    /// Answer in JSON on stdout
    #[arg(long)]
    json: bool,
}

/// Put the reports of several machines together
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  exodus batch merge-reports report-*.json --report report.json")]
pub struct MergeArgs {
    /// Reports that `exodus batch run` has written
    #[arg(required = true, value_name = "REPORT")]
    reports: Vec<PathBuf>,
    /// Write the report there, as JSON, and beside it as .csv and .html
    #[arg(long, value_name = "FILE")]
    report: PathBuf,
    /// Answer in JSON on stdout
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &BatchCommand, context: &Context) -> Result<()> {
    match &args.command {
        Do::Run(args) => run_rows(args, context),
        Do::Check(args) => check(args, context),
        Do::MergeReports(args) => merge(args, context),
    }
}

fn read(path: &std::path::Path, context: &Context) -> Result<Manifest> {
    let importers: Vec<&str> = context.importers.iter().map(|importer| importer.about().name).collect();
    let argv = |argv: &[String]| {
        let argv = ["exodus"].into_iter().chain(argv.iter().map(String::as_str));
        let wrong = command(context.importers).try_get_matches_from(argv).err();
        wrong.map_or(Ok(()), |err| {
            let text = err.to_string();
            Err(text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned())
        })
    };
    manifest::read(path, &Known { importers: &importers, argv: &argv })
}

fn run_rows(args: &RunArgs, context: &Context) -> Result<()> {
    let manifest = read(&args.manifest, context)?;
    let shard =
        args.shard.as_ref().map(|text| Shard::parse(text, &|name| std::env::var(name).ok())).transpose()?;
    let choice = Choice {
        only: args.only.clone(),
        shard,
        retry_failed: args.retry_failed,
        jobs: args.jobs.map(usize::from),
    };
    chosen(&manifest, &choice)?;
    let folder = args.state.clone().unwrap_or_else(|| args.manifest.with_extension("state"));
    let part = shard.map(Shard::name);
    let state = StateFolder::open(&folder, part.as_deref())?;
    let output = &context.output;
    let shown = Shown {
        output,
        args,
        bar: (output.is_terminal() && !args.quiet).then(|| bar(output, 0, "accounts")),
        last: Mutex::default(),
    };
    let tell = |told: Told| shown.tell(told);
    let batch = Batch { manifest: &manifest, state: &state, stop: &context.stop, tell: &tell };
    let outcome = batch.run(&choice)?;
    if let Some(bar) = &shown.bar {
        bar.finish_and_clear();
    }
    let report = Report::of(&args.manifest, shard.map(|it| it.to_string()), outcome.rows);
    let name = part.map_or("report.json".to_owned(), |part| format!("report-{part}.json"));
    let path = args.report.clone().unwrap_or_else(|| folder.join(name));
    report.write(&path)?;
    tell_report(output, &report, &path, args.json);
    match outcome.error {
        Some(err) => Err(err),
        None => good(&report),
    }
}

/// The last words of a batch.
fn tell_report(output: &Output, report: &Report, path: &std::path::Path, is_json: bool) {
    let totals = &report.totals;
    if is_json {
        output.json(&json!({
            "event": "summary", "totals": totals, "report": path, "shard": report.shard, "is_good": report.is_good(),
        }));
        return;
    }
    let words = [
        (totals.done, "done"),
        (totals.partial, "with faults"),
        (totals.failed, "failed"),
        (totals.not_run, "not run"),
    ];
    let words: Vec<String> =
        words.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{} {word}", number(*n))).collect();
    output.line(&format!("{}: {}", counted(totals.rows, "account"), words.join(", ")));
    output.line(&format!(
        "{} became {}, {}",
        counted(totals.entries, "file"),
        counted(totals.items, "item"),
        size(totals.bytes)
    ));
    output.line(&format!("The report: {}", clean(&path.with_extension("html").display().to_string())));
}

fn good(report: &Report) -> Result<()> {
    if report.is_good() {
        return Ok(());
    }
    let totals = &report.totals;
    let what =
        format!("{} of {} are not done", number(totals.rows - totals.done), counted(totals.rows, "account"));
    Err(Error::new(Kind::Partial, what)
        .hint("the report says why; --retry-failed does those that failed again"))
}

fn check(args: &CheckArgs, context: &Context) -> Result<()> {
    let manifest = read(&args.manifest, context)?;
    let found = crate::batch::run::look(&manifest);
    let output = &context.output;
    if args.json {
        output.json(&json!({
            "rows": manifest.rows.len(), "files": found.files, "bytes": found.bytes, "missing": found.missing,
            "free_bytes": found.free_bytes, "hosts": found.hosts,
        }));
    } else {
        let n_rows = counted(manifest.rows.len() as u64, "account");
        output.line(&format!("{n_rows}; {} to import, {}", counted(found.files, "part"), size(found.bytes)));
        for (host, n) in &found.hosts {
            let host = if host.is_empty() { "folders of this machine" } else { host };
            output.line(&format!("  {:>6} push to {}", number(*n), clean(host)));
        }
        found.missing.iter().for_each(|it| output.line(&format!("  missing: {}", clean(it))));
    }
    if found.missing.is_empty() {
        return Ok(());
    }
    let what = format!(
        "{} not there yet",
        if found.missing.len() == 1 { "an export is" } else { "some exports are" }
    );
    Err(Error::new(Kind::Partial, what).hint("these accounts would fail; all others would be done"))
}

fn merge(args: &MergeArgs, context: &Context) -> Result<()> {
    let reports: Result<Vec<Report>> = args.reports.iter().map(|path| Report::read(path)).collect();
    let report = Report::merged(reports?);
    report.write(&args.report)?;
    tell_report(&context.output, &report, &args.report, args.json);
    good(&report)
}

/// Shows what is told.
struct Shown<'a> {
    output: &'a Output,
    args: &'a RunArgs,
    bar: Option<ProgressBar>,
    last: Mutex<Option<Progress>>,
}

impl Shown<'_> {
    fn tell(&self, told: Told) {
        match told {
            Told::Began(id) if self.args.json => self.output.json(&json!({"event": "row_began", "id": id})),
            Told::Began(_) => {}
            Told::Ended(result) if self.args.json => self.output.json(&with_event(result)),
            Told::Ended(result) => self.ended(result),
            Told::Progress(progress) => self.progress(progress),
        }
    }

    fn ended(&self, result: &RowResult) {
        if self.args.quiet && result.state == RowState::Done {
            return;
        }
        let mut line = format!(
            "{:<8} {}  {}, {}, {:.1} s",
            result.state.name(),
            result.id,
            counted(result.items, "item"),
            size(result.bytes),
            result.seconds
        );
        for error in result.errors.iter().take(1) {
            line.push_str(&format!("  {}: {}", error.step, error.what));
        }
        self.output.note(&self.output.shown(&line));
    }

    fn progress(&self, progress: Progress) {
        if let Some(bar) = &self.bar {
            bar.set_length(progress.total_bytes);
            bar.set_position(progress.done_bytes);
            let failed =
                if progress.failed > 0 { format!(", {} failed", progress.failed) } else { String::new() };
            bar.set_message(format!(
                "{} of {}, {} at work{failed}",
                progress.done, progress.total, progress.running
            ));
        }
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let is_new = last.is_none_or(|last| last.done != progress.done);
        if self.args.json && is_new {
            self.output.json(&json!({
                "event": "progress", "done": progress.done, "failed": progress.failed, "total": progress.total,
                "running": progress.running, "bytes": progress.done_bytes, "total_bytes": progress.total_bytes,
            }));
        }
        *last = Some(progress);
    }
}

fn with_event(result: &RowResult) -> Value {
    let mut value = json!(result);
    value["event"] = "row".into();
    value
}
