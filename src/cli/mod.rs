//! The command line: one tree of commands, one file a command, one place that prints.
//!
//! Flags of importers come from the registry: their [`exodus_api::OptionSpec`]s become options of `import`.
//! Commands return an error or nothing; here it becomes lines on stderr and an exit code.

mod archive_commands;
mod batch;
mod chosen_target;
mod export;
mod import;
mod inspect;
mod output;
mod progress;
mod push;
mod questions;
mod receipt;
mod site;
mod target;
mod verify;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use exodus_api::Importer;

use self::output::Output;
use crate::report::error::{Error, Kind, Result};
use crate::report::kill_point;

/// Gets your data out of Big Tech and onto your own server.
///
/// exodus reads the files that a platform gives you (a Google Takeout in any language, an mbox) and keeps all of it
/// in one folder, the archive: mail as a Maildir, documents as files, a list of everything in SQLite. Then it sends
/// that folder to a server of your own.
#[derive(Debug, Parser)]
#[command(name = "exodus", version, propagate_version = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Import(import::ImportArgs),
    Push(push::PushArgs),
    Target(target::TargetCommand),
    Inspect(inspect::InspectArgs),
    Status(archive_commands::StatusArgs),
    List(archive_commands::ListArgs),
    Show(archive_commands::ShowArgs),
    Search(archive_commands::SearchArgs),
    Verify(verify::VerifyArgs),
    Receipt(receipt::ReceiptArgs),
    Export(export::ExportCommand),
    Site(site::SiteCommand),
    Ready(receipt::ReadyArgs),
    Reindex(verify::ReindexArgs),
    Batch(batch::BatchCommand),
    Importers(inspect::ImportersArgs),
}

/// Which archive, and how to answer.
#[derive(Clone, Debug, Args)]
struct Common {
    /// The archive's folder
    #[arg(
        long,
        value_name = "DIR",
        env = "EXODUS_ARCHIVE",
        hide_env_values = true,
        default_value = "exodus-archive"
    )]
    archive: PathBuf,
    /// Answer in JSON on stdout; everything else goes to stderr
    #[arg(long)]
    json: bool,
    /// Show no progress
    #[arg(long, short)]
    quiet: bool,
}

/// What every command works with.
struct Context<'a> {
    importers: &'a [&'a dyn Importer],
    stop: Arc<AtomicBool>,
    output: Output,
}

/// Runs the program with the given importers and arguments; returns its exit code.
pub fn run(importers: &[&dyn Importer], args: impl IntoIterator<Item = OsString>) -> ExitCode {
    crate::batch::process::end_with_parent();
    let matches = match command(importers).try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(err) => {
            // A help text that nobody reads to its end is no failure.
            let _ = err.print();
            return ExitCode::from(if err.use_stderr() { Kind::Usage.exit_code() } else { 0 });
        }
    };
    let output = Output::new();
    let stop = Arc::new(AtomicBool::new(false));
    stop_on_signal(&stop, &output);
    let result = match Cli::from_arg_matches(&matches) {
        Ok(cli) => dispatch(&cli.command, &matches, &Context { importers, stop, output: output.clone() }),
        Err(err) => Err(Error::new(Kind::Usage, err.to_string())),
    };
    if let Some(passed) = kill_point::passed() {
        output.note(&format!("kill points passed: {passed}"));
    }
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            output.error(&err);
            ExitCode::from(err.kind.exit_code())
        }
    }
}

/// The tree of commands, with the importers' options on `import`.
fn command(importers: &[&dyn Importer]) -> clap::Command {
    Cli::command().mut_subcommand("import", |mut import| {
        let mut known: Vec<&str> = Vec::new();
        for spec in importers.iter().flat_map(|importer| importer.about().options) {
            if !known.contains(&spec.name) {
                known.push(spec.name);
                import = import.arg(
                    clap::Arg::new(spec.name)
                        .long(spec.name)
                        .value_name("HOW")
                        .value_parser(spec.values.to_vec())
                        .default_value(spec.values[0])
                        .help(spec.help),
                );
            }
        }
        import
    })
}

fn dispatch(command: &Command, matches: &ArgMatches, context: &Context) -> Result<()> {
    let own = matches.subcommand().map(|(_, own)| own);
    match command {
        Command::Import(args) => import::run(args, own, context),
        Command::Push(args) => push::run(args, context),
        Command::Batch(args) => batch::run(args, context),
        Command::Target(args) => target::run(args, context),
        Command::Inspect(args) => inspect::run(args, context),
        Command::Status(args) => archive_commands::status(args, context),
        Command::List(args) => archive_commands::list(args, context),
        Command::Show(args) => archive_commands::show(args, context),
        Command::Search(args) => archive_commands::search(args, context),
        Command::Verify(args) => verify::run(args, context),
        Command::Receipt(args) => receipt::run(args, context),
        Command::Export(args) => export::run(args, context),
        Command::Site(args) => site::run(args, context),
        Command::Ready(args) => receipt::ready(args, context),
        Command::Reindex(args) => verify::reindex(args, context),
        Command::Importers(args) => inspect::importers(args, context),
    }
}

/// The first Ctrl-C (or SIGTERM) asks the command to end cleanly; the second ends it at once.
fn stop_on_signal(stop: &Arc<AtomicBool>, output: &Output) {
    let (stop, output) = (stop.clone(), output.clone());
    let set = ctrlc::set_handler(move || {
        if stop.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(Kind::Interrupted.exit_code()));
        }
        output.note("stopping; what is done stays done (press again to stop at once)");
    });
    // Without a handler the signal ends the process, which the archive is made for.
    drop(set);
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_tree_of_commands_is_sound() {
        super::command(exodus_importers::ALL).debug_assert();
    }
}
