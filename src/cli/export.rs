//! `exodus export`: copies of what is in the archive, for other programs.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::output::{clean, counted, number};
use super::progress::{Progress, Telling};
use super::{Common, Context};
use crate::copies::photos;
use crate::report::error::Result;

/// Copy out of the archive, for other programs
#[derive(Debug, Args)]
pub struct ExportCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Photos(PhotosArgs),
}

/// Copy all photos and videos into a folder, by month; the archive is not changed
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  exodus export photos ~/Pictures --write-exif")]
struct PhotosArgs {
    /// The folder; what is in it already is left alone
    #[arg(value_name = "DIR")]
    to: PathBuf,
    /// Write date and place into the copies of JPEG, PNG, WebP and HEIC that have none of their own
    #[arg(long)]
    write_exif: bool,
    #[command(flatten)]
    common: Common,
}

/// Runs the command.
pub fn run(args: &ExportCommand, context: &Context) -> Result<()> {
    let What::Photos(args) = &args.what;
    let output = &context.output;
    let progress = Progress::new(output, Telling::of(args.common.json, args.common.quiet), args.common.quiet);
    let done = photos::copy(&args.common.archive, &args.to, args.write_exif, &progress, &context.stop)?;
    if args.common.json {
        let as_they_are = done.as_they_are.iter().map(|(path, why)| json!({"path": path, "why": why}));
        output.json(&json!({
            "event": "summary", "copied": done.copied, "filled_in": done.filled_in, "there": done.there,
            "as_they_are": as_they_are.collect::<Vec<_>>(),
        }));
        return Ok(());
    }
    let to = clean(&args.to.display().to_string());
    output.line(&format!(
        "{} copied to {to}, {} there already",
        counted(done.copied, "file"),
        number(done.there)
    ));
    if args.write_exif {
        output.line(&format!("{} got a date or a place that they lacked", counted(done.filled_in, "file")));
    }
    for (path, why) in &done.as_they_are {
        output.line(&format!("copied as it is: {}: {why}", clean(path)));
    }
    Ok(())
}
