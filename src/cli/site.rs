//! `exodus site`: pages of what is in the archive.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::chosen_target::Config;
use super::output::{clean, counted, number};
use super::progress::{Progress, Telling};
use super::{Common, Context};
use crate::report::error::Result;
use crate::site::settings::SiteSettings;
use crate::site::{self, Request};

/// Make a site of what is in the archive: plain HTML, for any web space
#[derive(Debug, Args)]
pub struct SiteCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Papers(PapersArgs),
}

/// A site of your papers: a list by section and year, a page for each with citation and file
///
/// Only files that `files/papers/papers.csv` calls `public` are on it; what is `on-request` or `private` has a page
/// and no file. Title, author and address come from `[site]` in `exodus.toml`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  exodus site papers public_html\n  exodus site papers public_html --templates my-templates"
)]
struct PapersArgs {
    /// The folder of the site; of what is in it only files of an earlier run are ever removed
    #[arg(value_name = "OUT")]
    out: PathBuf,
    /// A folder with templates of your own (`base.html`, `index.html`, `paper.html`, `feed.xml` …)
    #[arg(long, value_name = "DIR")]
    templates: Option<PathBuf>,
    /// Also write a draft for Zenodo for every paper that is not private; nothing is sent, no licence is chosen
    #[arg(long, value_name = "DIR")]
    zenodo: Option<PathBuf>,
    #[command(flatten)]
    config: Config,
    #[command(flatten)]
    common: Common,
}

/// Runs the command.
pub fn run(args: &SiteCommand, context: &Context) -> Result<()> {
    let What::Papers(args) = &args.what;
    let (output, common) = (&context.output, &args.common);
    let settings = SiteSettings::read(&args.config.path())?;
    let progress = Progress::new(output, Telling::of(common.json, common.quiet), common.quiet);
    let templates = args.templates.as_deref();
    let zenodo = args.zenodo.as_deref();
    let request =
        Request { archive: &common.archive, out: &args.out, templates, settings: &settings, zenodo };
    let done = site::papers(&request, &progress, &context.stop)?;
    if common.json {
        output.json(&json!({
            "event": "summary", "papers": done.papers, "public": done.public, "on_request": done.on_request,
            "private": done.private, "written": done.written, "removed": done.removed, "drafts": done.drafts,
        }));
        return Ok(());
    }
    output.line(&format!(
        "{} in {}: {} with their file, {} on request, {} private",
        counted(done.papers, "paper"),
        clean(&args.out.display().to_string()),
        number(done.public),
        number(done.on_request),
        number(done.private)
    ));
    output.line(&format!("{} written now, {} removed", counted(done.written, "file"), number(done.removed)));
    if settings.author.is_empty() || settings.url.is_none() {
        output
            .line("say whose it is and where it will be: `[site]` with `author` and `url` in `exodus.toml`");
    }
    Ok(())
}
