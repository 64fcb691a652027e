//! `exodus import`: an export in, an archive out, a receipt at the end.

use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args};
use exodus_api::{Kind as ItemKind, Options};
use serde_json::json;

use super::output::{Output, clean, counted, number, size, things};
use super::progress::{Progress, Telling};
use super::sandbox::{self, Reach};
use super::{Common, Context};
use crate::archive::maildir::LabelMode;
use crate::archive::views::albums::AlbumMode;
use crate::archive::views::papers::checklist::Checklist;
use crate::import::{self, ItemCounts, Outcome, Request};
use crate::report::counts::State;
use crate::report::error::{Error, Kind, Result};

/// Import an export into the archive
///
/// Give all parts of one export in one command: zips, tgz, tar, folders, a folder full of parts. Running the same
/// command again is always safe: it goes on where it was stopped and takes nothing twice.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  exodus import takeout-*.zip\n  exodus import ~/Downloads --archive ~/my-archive\n  exodus import takeout-*.tgz --only mail\n  exodus import old-mail.mbox"
)]
pub struct ImportArgs {
    /// Parts of the export: zip, tgz, tar, a folder, a folder full of parts, an mbox
    #[arg(required = true, value_name = "PART")]
    parts: Vec<PathBuf>,
    /// Use this importer, whatever the content looks like
    #[arg(long, value_name = "IMPORTER")]
    from: Option<String>,
    /// Take only this kind or product (may be repeated): mail, drive, message, file
    #[arg(long, value_name = "KIND|PRODUCT")]
    only: Vec<String>,
    /// Say what would be taken into a new archive, write nothing
    #[arg(long)]
    dry_run: bool,
    /// Go on although the export's own list names files that are in no given part
    #[arg(long)]
    allow_missing_parts: bool,
    /// One file a message, in the folder of its most telling label; or hard links in every label's folder.
    /// Kept by the archive from its first import on [default: primary]
    #[arg(long, value_name = "HOW", value_parser = ["primary", "copies"])]
    labels: Option<String>,
    /// Show albums of photos as folders of links, of hard links, or not.
    /// Kept by the archive until another is asked for [default: links]
    #[arg(long, value_name = "HOW", value_parser = ["links", "hardlinks", "none"])]
    albums: Option<String>,
    /// Make no full-text index; `exodus reindex` makes it later
    #[arg(long)]
    no_fts: bool,
    /// Do not shut the import in (by Landlock, where the kernel has it): it may then read and write whatever you may
    #[arg(long)]
    no_sandbox: bool,
    #[command(flatten)]
    common: Common,
}

/// Runs the command.
pub fn run(args: &ImportArgs, matches: Option<&ArgMatches>, context: &Context) -> Result<()> {
    let request = Request {
        parts: args.parts.clone(),
        archive: args.common.archive.clone(),
        from: args.from.clone(),
        options: options(args, matches, context)?,
        labels: args.labels.as_deref().and_then(LabelMode::from_name),
        albums: args.albums.as_deref().and_then(AlbumMode::from_name),
        allow_missing_parts: args.allow_missing_parts,
        with_text: !args.no_fts,
        is_dry_run: args.dry_run,
    };
    let telling = Telling::of(args.common.json, args.common.quiet);
    let progress = Progress::new(&context.output, telling, args.common.quiet);
    let archive = (!args.dry_run).then_some(request.archive.as_path());
    let reach = Reach { parts: &request.parts, archive, ..Reach::default() };
    let outcome = sandbox::inside(&reach, args.no_sandbox, &context.output, || {
        import::import(&request, context.importers, &progress, &context.stop)
    })?;
    if args.common.json {
        context.output.json(&summary(&outcome, &request));
    } else {
        Receipt { outcome: &outcome, request: &request, output: &context.output }.print();
    }
    match outcome.error {
        Some(err) => Err(err),
        None if outcome.n_faults > 0 => {
            let what = format!("{} entries or items could not be taken; all else is safe", outcome.n_faults);
            Err(Error::new(Kind::Partial, what))
        }
        None => Ok(()),
    }
}

/// The importers' options that the user set, and `--only`.
fn options(args: &ImportArgs, matches: Option<&ArgMatches>, context: &Context) -> Result<Options> {
    let mut options = Options { only: args.only.clone(), ..Options::default() };
    for spec in context.importers.iter().flat_map(|importer| importer.about().options) {
        let Some(matches) = matches else { continue };
        if matches.value_source(spec.name) == Some(ValueSource::CommandLine)
            && let Some(value) = matches.get_one::<String>(spec.name)
        {
            options.values.insert(spec.name.to_owned(), value.clone());
        }
    }
    let is_known = |only: &str| {
        let mut products = context.importers.iter().flat_map(|importer| importer.about().products);
        ItemKind::from_name(only).is_some() || products.any(|product| *product == only)
    };
    if let Some(unknown) = args.only.iter().find(|only| !is_known(only)) {
        let what = format!("--only does not know `{unknown}`");
        return Err(Error::new(Kind::Usage, what).hint("`exodus importers` lists kinds and products"));
    }
    Ok(options)
}

/// The last JSON line of an import.
fn summary(outcome: &Outcome, request: &Request) -> serde_json::Value {
    let by_kind = |count: fn(&ItemCounts) -> u64| -> serde_json::Value {
        let none = ItemCounts::default();
        let of = |kind: &ItemKind| count(outcome.items.get(kind.name()).unwrap_or(&none));
        ItemKind::ALL
            .iter()
            .map(|kind| (kind.name().to_owned(), of(kind).into()))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let faults = outcome.faults.iter().map(|it| json!({"place": it.place, "what": it.what, "hint": it.hint}));
    let kept = outcome
        .kept
        .iter()
        .map(|(product, (n, bytes))| json!({"product": product, "entries": n, "bytes": bytes}));
    json!({
        "event": "summary",
        "dry_run": request.is_dry_run,
        "platform": outcome.platform,
        "account": outcome.account,
        "archive": request.archive,
        "entries": outcome.entries.to_json(),
        "items": by_kind(|counts| counts.new),
        "items_updated": by_kind(|counts| counts.updated),
        "items_known": by_kind(|counts| counts.known),
        "added": outcome.items.values().map(|counts| counts.new).sum::<u64>(),
        "kept": kept.collect::<Vec<_>>(),
        "faults": faults.collect::<Vec<_>>(),
        "n_faults": outcome.n_faults,
        "missing": outcome.missing,
        "notes": outcome.notes,
        "papers": outcome.checklist.as_ref().map(Checklist::to_json),
        "bytes": outcome.bytes,
        "seconds": {"import": outcome.seconds.0, "text": outcome.seconds.1},
        "error": outcome.error.as_ref().map(|error| error.what.clone()),
    })
}

/// What came in, where it lies, what was kept as it is, what failed and what to do.
struct Receipt<'a> {
    outcome: &'a Outcome,
    request: &'a Request,
    output: &'a Output,
}

impl Receipt<'_> {
    fn print(&self) {
        let outcome = self.outcome;
        let account =
            outcome.account.as_ref().map(|account| format!(" of {}", clean(account))).unwrap_or_default();
        let head =
            if self.request.is_dry_run { "Nothing was written. An import would take" } else { "Imported" };
        self.line(&format!("{head} an export{account} ({})", outcome.platform));
        for (kind, counts) in &outcome.items {
            let mut words = format!("  {:>12}  {}", number(counts.new), things(counts.new, kind));
            if counts.updated > 0 {
                words.push_str(&format!(", {} changed", number(counts.updated)));
            }
            if counts.known > 0 {
                words.push_str(&format!(", {} here already", number(counts.known)));
            }
            self.line(&words);
        }
        self.entries();
        if !outcome.kept.is_empty() {
            self.line("Kept as they came:");
            for (product, (n, bytes)) in &outcome.kept {
                self.line(&format!("  {:>12}  {} ({})", number(*n), clean(product), size(*bytes)));
            }
        }
        if !self.request.is_dry_run {
            self.places();
        }
        self.faults();
        for line in outcome.checklist.iter().flat_map(Checklist::lines) {
            self.line(&clean(&line));
        }
    }

    fn entries(&self) {
        let entries = &self.outcome.entries;
        let states = State::ALL.into_iter().filter(|state| entries.get(*state) > 0);
        let words: Vec<String> =
            states.map(|state| format!("{} {state}", number(entries.get(state)))).collect();
        self.line(&format!("Of {} in the export: {}", counted(entries.total(), "file"), words.join(", ")));
    }

    fn places(&self) {
        let archive = self.request.archive.display();
        self.line(&format!("The archive: {archive}"));
        self.line(&format!(
            "  mail   {archive}/mail   (a Maildir: Dovecot and mutt read it as it is, Thunderbird through Dovecot)"
        ));
        self.line(&format!("  files  {archive}/files"));
        let (import_s, text_s) = self.outcome.seconds;
        let rate = (self.outcome.bytes as f64 / import_s.max(0.001)) as u64;
        self.line(&format!(
            "{} in {import_s:.1} s ({}/s), full text {text_s:.1} s",
            size(self.outcome.bytes),
            size(rate)
        ));
        if self.outcome.n_faults == 0 && self.outcome.error.is_none() && self.outcome.missing.is_empty() {
            self.line(&format!("Nothing failed. Prove it: exodus verify --archive {archive}"));
        }
    }

    fn faults(&self) {
        let outcome = self.outcome;
        if !outcome.missing.is_empty() {
            let n = number(outcome.missing.len() as u64);
            self.line(&format!("{n} files that the export lists are in no given part:"));
            for path in outcome.missing.iter().take(10) {
                self.line(&format!("  {}", clean(path)));
            }
        }
        if outcome.n_faults == 0 {
            return;
        }
        self.line(&format!("{}:", counted(outcome.n_faults, "fault")));
        for fault in outcome.faults.iter().take(20) {
            self.line(&format!("  {}, in {}", clean(&fault.what), clean(&fault.place)));
            if let Some(hint) = &fault.hint {
                self.line(&format!("    hint: {}", clean(hint)));
            }
        }
        if outcome.n_faults > 20 {
            self.line("  ... `exodus status` lists them all");
        }
    }

    fn line(&self, text: &str) {
        self.output.line(text);
    }
}
