//! The command line: one tree of commands, one file a command, one place that prints.
//!
//! Flags of importers come from the registry: their [`exodus_api::OptionSpec`]s become options of `import`.
//! Commands return an error or nothing; here it becomes lines on stderr and an exit code.

mod archive_commands;
mod batch;
mod chosen_target;
mod config;
mod doctor;
mod export;
mod import;
mod inspect;
mod log;
mod manual;
mod output;
mod progress;
mod push;
mod questions;
mod receipt;
mod sandbox;
mod site;
mod target;
mod verify;
mod watch;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use exodus_api::Importer;

use self::config::FileSettings;
use self::log::{Level, Log};
use self::output::{Colour, Output};
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
    #[command(flatten)]
    globals: Globals,
}

/// What every command can be told.
#[derive(Debug, Args)]
#[command(next_help_heading = "All commands")]
struct Globals {
    /// Colours for people [default: auto, on a terminal unless NO_COLOR is set]
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        value_enum,
        default_value_t,
        hide_default_value = true,
        hide_possible_values = true
    )]
    color: Colour,
    /// Tell more: -v which way is taken, -vv every step
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Append all that is told to a file, with the time; never the text of a message, never a password
    #[arg(long, global = true, value_name = "FILE")]
    log_file: Option<PathBuf>,
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
    Watch(watch::WatchArgs),
    Importers(inspect::ImportersArgs),
    Config(config::ConfigCommand),
    Doctor(doctor::DoctorArgs),
    Completions(manual::CompletionsArgs),
    Man(manual::ManArgs),
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
    let args: Vec<OsString> = args.into_iter().collect();
    let file = config::file_of(&args);
    let settings = FileSettings::read(&file);
    let mut tree = command(importers).color(colour_of(&args));
    if let Ok(settings) = &settings {
        tree = settings.over(tree);
    }
    let matches = match tree.try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(err) => {
            // A help text that nobody reads to its end is no failure.
            let _ = err.print();
            return ExitCode::from(if err.use_stderr() { Kind::Usage.exit_code() } else { 0 });
        }
    };
    match begin(&matches) {
        Ok((cli, output)) => {
            if file.exists() {
                output.detail(Level::Info, &format!("settings: {}", file.display()));
            }
            // What a package is made of needs no settings.
            let is_for_packages = matches!(cli.command, Command::Completions(_) | Command::Man(_));
            let wrong = settings.err().filter(|_| !is_for_packages);
            let result = wrong.map_or_else(|| work(&cli.command, &matches, importers, &output), Err);
            end(result, &output)
        }
        Err(err) => end(Err(err), &Output::new(Colour::Auto, Log::default())),
    }
}

fn begin(matches: &ArgMatches) -> Result<(Cli, Output)> {
    let cli = Cli::from_arg_matches(matches).map_err(|err| Error::new(Kind::Usage, err.to_string()))?;
    let log = Log::open(cli.globals.verbose, cli.globals.log_file.as_deref())?;
    let output = Output::new(cli.globals.color, log);
    // The name alone: what a person searches for is nobody's business.
    let name = matches.subcommand_name().unwrap_or_default();
    output.detail(Level::Info, &format!("exodus {} begins: {name}", env!("CARGO_PKG_VERSION")));
    Ok((cli, output))
}

fn work(command: &Command, matches: &ArgMatches, importers: &[&dyn Importer], output: &Output) -> Result<()> {
    let stop = Arc::new(AtomicBool::new(false));
    stop_on_signal(&stop, output);
    let result = dispatch(command, matches, &Context { importers, stop, output: output.clone() });
    if let Some(passed) = kill_point::passed() {
        output.note(&format!("kill points passed: {passed}"));
    }
    if let Some(err) = output.failure().filter(|_| result.is_ok()) {
        let what = format!("the answer could not be written: {err}");
        return Err(Error::new(Kind::Archive, what).hint("make room where stdout goes to"));
    }
    result
}

fn end(result: Result<()>, output: &Output) -> ExitCode {
    let code = match result {
        Ok(()) => 0,
        Err(err) => {
            output.error(&err);
            err.kind.exit_code()
        }
    };
    output.detail(Level::Info, &format!("ends with exit code {code}"));
    ExitCode::from(code)
}

/// What `--color` says, before anything else is understood: help and wrong arguments are coloured too.
fn colour_of(args: &[OsString]) -> clap::ColorChoice {
    let words: Vec<&str> = args.iter().filter_map(|arg| arg.to_str()).collect();
    let after = words.iter().position(|word| *word == "--color").and_then(|at| words.get(at + 1)).copied();
    match words.iter().find_map(|word| word.strip_prefix("--color=")).or(after) {
        Some("always") => clap::ColorChoice::Always,
        Some("never") => clap::ColorChoice::Never,
        _ => clap::ColorChoice::Auto,
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
        Command::Watch(args) => watch::run(args, context),
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
        Command::Config(args) => config::run(args, own, context),
        Command::Doctor(args) => doctor::run(args, context),
        Command::Completions(args) => manual::completions(args, context),
        Command::Man(args) => manual::man(args, context),
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
    use super::command;

    fn tree() -> clap::Command {
        command(exodus_importers::ALL)
    }

    /// All commands that have none below them, with the words that lead there.
    fn leaves(command: &clap::Command, above: &str, found: &mut Vec<(String, clap::Command)>) {
        let path = format!("{above} {}", command.get_name()).trim().to_owned();
        if !command.has_subcommands() {
            found.push((path.clone(), command.clone()));
        }
        command.get_subcommands().for_each(|below| leaves(below, &path, found));
    }

    /// The words of a line of a shell, without what stands after them for people or for the shell.
    fn words(line: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut quote = None;
        for letter in line.split("     (").next().unwrap_or_default().chars() {
            match (quote, letter) {
                (None, '>' | '#') => break,
                (None, '\'' | '"') => quote = Some(letter),
                (Some(open), letter) if open == letter => quote = None,
                (None, ' ') => words.push(String::new()),
                (_, letter) => words.last_mut().expect("there is one").push(letter),
            }
        }
        words.retain(|word| !word.is_empty());
        words
    }

    #[test]
    fn the_tree_of_commands_is_sound() {
        tree().debug_assert();
    }

    #[test]
    fn every_command_has_examples_and_they_are_understood() {
        let mut found = Vec::new();
        leaves(&tree(), "", &mut found);
        assert!(found.len() > 15, "{} commands", found.len());
        for (path, leaf) in found {
            let help = leaf.get_after_help().map(ToString::to_string).unwrap_or_default();
            let examples: Vec<&str> = help.lines().filter_map(|line| line.strip_prefix("  ")).collect();
            assert!(examples.iter().any(|it| it.starts_with(&path)), "`{path}` has no example");
            for example in examples.into_iter().filter(|it| it.starts_with("exodus ")) {
                if let Err(err) = tree().try_get_matches_from(words(example)) {
                    panic!("`{example}`: {err}");
                }
            }
        }
    }
}
