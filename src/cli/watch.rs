//! `exodus watch`: parts are imported as they are downloaded.

use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::output::{clean, counted, size};
use super::progress::{Progress, Telling};
use super::sandbox::{self, Reach};
use super::{Common, Context};
use crate::archive::verify::{Report, Scope, verify};
use crate::report::error::{Error, Kind, Result};
use crate::report::settings;
use crate::watch::{self, Ears, Outcome, Request, Told};

/// Import parts of an export as the browser finishes downloading them
///
/// Start it, then download. Each part is imported as soon as it is whole. With --delete-imported an export may be larger than the
/// disk that it is downloaded to: what is in the archive and verified there is freed while further parts come, and deleted when all
/// have come. The archive itself needs a disk with room for all of it.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  exodus watch ~/Downloads\n  exodus watch ~/Downloads --archive /mnt/big/archive --delete-imported\n  exodus watch ~/Downloads --until-idle 30m"
)]
pub struct WatchArgs {
    /// The folder into which the browser downloads
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Use this importer, whatever the content looks like
    #[arg(long, value_name = "IMPORTER")]
    from: Option<String>,
    /// A part is whole when it has not changed for so long, and its list can be read
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "10s")]
    settle: Duration,
    /// End when nothing has changed for so long [default: watch until it is stopped]
    #[arg(long, value_name = "TIME", value_parser = time)]
    until_idle: Option<Duration>,
    /// After `verify` found nothing wrong: free the room of what is imported, and delete the parts when all have come
    #[arg(long)]
    delete_imported: bool,
    /// Do not shut it in (by Landlock, where the kernel has it): it may then read and write whatever you may
    #[arg(long)]
    no_sandbox: bool,
    #[command(flatten)]
    common: Common,
}

fn time(text: &str) -> std::result::Result<Duration, String> {
    settings::duration(text).ok_or_else(|| "write 10s, 30m or 2h".to_owned())
}

/// Runs the command.
pub fn run(args: &WatchArgs, context: &Context) -> Result<()> {
    let request = Request {
        folder: args.folder.clone(),
        archive: args.common.archive.clone(),
        from: args.from.clone(),
        settle: args.settle,
        until_idle: args.until_idle,
        deletes: args.delete_imported,
    };
    let output = &context.output;
    let is_json = args.common.json;
    let telling = Telling::of(is_json, args.common.quiet);
    let progress = Progress::new(output, telling, args.common.quiet);
    let tell = |told: Told| {
        let (event, text) = match &told {
            Told::Importing(parts) => ("importing", parts.join(", ")),
            Told::Imported(outcome) => {
                let n_new: u64 = outcome.items.values().map(|counts| counts.new).sum();
                let n_faults = outcome.n_faults;
                let faults = if n_faults > 0 {
                    format!(", {} faulted", counted(n_faults, "entry"))
                } else {
                    String::new()
                };
                ("imported", format!("{}{faults}", counted(n_new, "new item")))
            }
            Told::Freed(part, bytes) => ("freed", format!("{part}: {}", size(*bytes))),
            Told::Deleted(part) => ("deleted", part.clone()),
            Told::Warning(what) => ("warning", what.clone()),
        };
        if is_json {
            output.json(&json!({"event": event, "text": text}));
        } else {
            output.note(&output.shown(&format!("{event}: {text}")));
        }
    };
    if !args.common.quiet && !is_json {
        output.note(&format!("watching {}; stop it with Ctrl-C", clean(&args.folder.display().to_string())));
    }
    let outcome = shut_in(args, context, &progress, |verify| {
        let ears = Ears { observer: &progress, tell: &tell, verify, stop: &context.stop };
        watch::watch(&request, context.importers, ears)
    })?;
    if is_json {
        output.json(&json!({
            "event": "summary", "parts": outcome.parts, "missing": outcome.missing, "n_faults": outcome.faults,
            "freed_bytes": outcome.freed_bytes, "deleted": outcome.deleted,
        }));
    } else {
        output.line(&format!(
            "{} imported, {} deleted",
            counted(outcome.parts, "part"),
            outcome.deleted.len()
        ));
        for path in outcome.missing.iter().take(10) {
            output.line(&format!("  missing: {}", clean(path)));
        }
    }
    if outcome.missing.is_empty() && outcome.faults == 0 {
        return Ok(());
    }
    let what = match outcome.missing.len() as u64 {
        0 => format!("{} could not be taken; all else is safe", counted(outcome.faults, "entry")),
        n => format!("{} that the export lists are in no part that has come", counted(n, "file")),
    };
    Err(Error::new(Kind::Partial, what).hint("download what is missing, then watch the folder again"))
}

/// Watches in the sandbox, unless the user wants none. `verify` makes an index aside, among the temporary files of this machine: it reads
/// no part, and is done by a thread that is older than the sandbox.
fn shut_in(
    args: &WatchArgs,
    context: &Context,
    progress: &Progress,
    work: impl FnOnce(&dyn Fn() -> Result<Report>) -> Result<Outcome>,
) -> Result<Outcome> {
    let archive = args.common.archive.as_path();
    let watched = Some(args.folder.as_path());
    let reach = Reach { watched, deletes: args.delete_imported, archive: Some(archive), ..Reach::default() };
    thread::scope(|scope| {
        let (ask, asked) = mpsc::channel::<mpsc::Sender<Result<Report>>>();
        scope.spawn(move || {
            for answer in asked {
                // Who has asked waits for it.
                let _ = answer.send(verify(archive, Scope::default(), progress, &context.stop));
            }
        });
        sandbox::inside(&reach, args.no_sandbox, &context.output, move || {
            work(&|| {
                let (answer, answered) = mpsc::channel();
                ask.send(answer).expect("it lives until nobody can ask any more");
                answered.recv().expect("it answers every question")
            })
        })
    })
}
