//! `exodus receipt`: what came in, what became of it, what was proven; `exodus ready`: may the account be deleted?

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::chosen_target::Config;
use super::output::{clean, counted, number};
use super::progress::{Progress, Telling};
use super::{Common, Context};
use crate::archive::folders::write;
use crate::receipt::{self, Receipt, Scope, page, part};
use crate::report::error::{Error, Kind, Result};

/// Write down what came in, what became of it, and what was proven where and when
///
/// Writes receipt.json and receipt.html (one page, made to be printed) into the archive's folder or to --out.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  exodus receipt\n  exodus receipt --target home --out ~/receipts\n  exodus receipt --parts takeout-*.zip     (with the SHA-256 of every part)"
)]
pub struct ReceiptArgs {
    /// Only what was proven on this target counts: a URL, or a name from exodus.toml
    #[arg(long, value_name = "TARGET")]
    target: Option<String>,
    /// Write the two files into this folder [default: the archive's]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Read these parts of an export once more, for a receipt with their SHA-256
    #[arg(long, value_name = "PART", num_args = 1..)]
    parts: Vec<PathBuf>,
    #[command(flatten)]
    config: Config,
    #[command(flatten)]
    common: Common,
}

/// May I delete the account? Green only when all of it is imported, verified, pushed and verified there
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  exodus ready\n  exodus ready --target home")]
pub struct ReadyArgs {
    /// Only what was proven on this target counts: a URL, or a name from exodus.toml
    #[arg(long, value_name = "TARGET")]
    target: Option<String>,
    #[command(flatten)]
    config: Config,
    #[command(flatten)]
    common: Common,
}

/// Runs `receipt`.
pub fn run(args: &ReceiptArgs, context: &Context) -> Result<()> {
    let output = &context.output;
    if !args.parts.is_empty() {
        let telling = Telling::of(args.common.json, args.common.quiet);
        let progress = Progress::new(output, telling, args.common.quiet);
        let opened = crate::import::open(&args.parts, None, context.importers, &progress)?;
        let strange =
            part::hash_parts(&args.common.archive, opened.export.parts(), &progress, &context.stop)?;
        for name in strange {
            output.note(&format!("warning: the archive was not made of `{}`", clean(&name)));
        }
    }
    let made = made(&args.common.archive, args.target.as_deref(), &args.config)?;
    let folder = args.out.clone().unwrap_or_else(|| args.common.archive.clone());
    crate::archive::folders::make(&folder)?;
    let json = serde_json::to_string_pretty(&made).expect("a receipt is plain JSON") + "\n";
    write(&folder.join("receipt.json"), json.as_bytes())?;
    write(&folder.join("receipt.html"), page::page(&made).as_bytes())?;
    if args.common.json {
        output.json(&json!(made));
        return Ok(());
    }
    let total: u64 = made.exports.iter().filter_map(|export| export.entries.get("total")).sum();
    let items: u64 = made.archive.items.values().sum();
    output.line(&format!("{} of exports became {}", counted(total, "file"), counted(items, "item")));
    output.line(&format!("The receipt: {}", clean(&folder.join("receipt.html").display().to_string())));
    output.line(&format!("             {}", clean(&folder.join("receipt.json").display().to_string())));
    output.line(match made.is_ready {
        true => "Every check is met: the account may be deleted.",
        false => "Not every check is met yet: `exodus ready` says what is left to do.",
    });
    Ok(())
}

/// Runs `ready`.
pub fn ready(args: &ReadyArgs, context: &Context) -> Result<()> {
    let made = made(&args.common.archive, args.target.as_deref(), &args.config)?;
    let output = &context.output;
    if args.common.json {
        output.json(&json!({"is_ready": made.is_ready, "checks": made.ready}));
    } else {
        for check in &made.ready {
            output.line(&format!(
                "{}  {:<9} {}",
                if check.is_met { "yes" } else { "NO " },
                check.name,
                clean(&check.what)
            ));
            if let Some(hint) = &check.hint {
                output.line(&format!("               to do: {hint}"));
            }
        }
        let kept: u64 = made.kept.iter().map(|kept| kept.files).sum();
        if kept > 0 {
            output.line(&format!("{} files are kept as they came", number(kept)));
        }
    }
    if made.is_ready {
        if !args.common.json {
            output.line("All of it is imported, verified, and found by its hash where it was pushed to.");
            output.line("The account may be deleted.");
            if made.targets.iter().all(|target| target.pushed.target.starts_with("file:")) {
                output.line(
                    "Only disks of this machine have it: make sure that it is not one and the same disk.",
                );
            }
            output.line("Keep the receipt (`exodus receipt`), and a second copy of the archive.");
        }
        return Ok(());
    }
    let n = made.ready.iter().filter(|check| !check.is_met).count() as u64;
    Err(Error::new(Kind::Partial, format!("do not delete the account yet: {} not met", counted(n, "check"))))
}

fn made(archive: &Path, target: Option<&str>, config: &Config) -> Result<Receipt> {
    let url = target.map(|target| config.target(Some(target))).transpose()?.map(|target| target.url);
    receipt::receipt(&Scope { archive, target: url.as_deref() })
}
