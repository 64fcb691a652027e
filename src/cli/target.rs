//! `exodus target`: targets by name, and what a server can do.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::chosen_target::{ChosenArgs, Config, TargetArgs};
use super::output::{Output, clean, counted, size};
use super::progress::{Progress, Telling};
use super::questions::Questions;
use super::{Common, Context};
use crate::archive::files::PARTS;
use crate::push::run::{self, Ears};
use crate::push::settings::{self, MapTo, Settings, TargetSettings, rate_of};
use crate::push::target::Abilities;
use crate::report::error::{Error, Kind, Result};

/// Write down servers by name, and ask what they can do
#[derive(Debug, Args)]
pub struct TargetCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Add(AddArgs),
    List(ListArgs),
    Test(TestArgs),
    Remove(RemoveArgs),
}

/// Write a target down
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  exodus target add home sftp://ada@example.org/~/archive\n  exodus target add web sftp://ada@example.org/~/ --map mail=Maildir --map files/papers=public_html/papers:0644\n  exodus target add home sftp://ada@example.org/~/archive --password-command 'pass show example.org'"
)]
struct AddArgs {
    /// What to call it
    #[arg(value_name = "NAME", value_parser = parse_name)]
    name: String,
    /// Where it is: sftp://user@host:port/path (/~/path is in your home there), file:///path
    #[arg(value_name = "URL")]
    url: String,
    /// The environment variable that will hold the password
    #[arg(long, value_name = "NAME")]
    password_env: Option<String>,
    /// A file that holds the password and that nobody else can read
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// The entry of the system's keyring that holds the password
    #[arg(long, value_name = "SERVICE/USER")]
    password_keyring: Option<String>,
    /// A command that prints the password
    #[arg(long, value_name = "COMMAND")]
    password_command: Option<String>,
    /// The environment variable that will hold the passphrase of the key
    #[arg(long, value_name = "NAME")]
    passphrase_env: Option<String>,
    /// A file that holds the passphrase of the key and that nobody else can read
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// The entry of the system's keyring that holds the passphrase of the key
    #[arg(long, value_name = "SERVICE/USER")]
    passphrase_keyring: Option<String>,
    /// A command that prints the passphrase of the key
    #[arg(long, value_name = "COMMAND")]
    passphrase_command: Option<String>,
    #[command(flatten)]
    of_target: TargetArgs,
    #[command(flatten)]
    config: Config,
}

/// List the targets that are written down
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  exodus target list")]
struct ListArgs {
    #[command(flatten)]
    config: Config,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

/// Log in, say what the server can do and whether the archive fits
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  exodus target test home\n  exodus target test sftp://ada@example.org/~/archive"
)]
struct TestArgs {
    /// A URL or a name from exodus.toml
    #[arg(value_name = "TARGET")]
    target: Option<String>,
    #[command(flatten)]
    chosen: ChosenArgs,
    #[command(flatten)]
    common: Common,
}

/// Forget a target; nothing on it changes
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  exodus target remove home")]
struct RemoveArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    config: Config,
}

fn parse_name(text: &str) -> std::result::Result<String, String> {
    let is_plain = |letter: char| letter.is_alphanumeric() || letter == '-' || letter == '_';
    match !text.is_empty() && text.chars().all(is_plain) {
        true => Ok(text.to_owned()),
        false => Err("use letters, digits, `-` and `_`".to_owned()),
    }
}

/// Runs the command.
pub fn run(command: &TargetCommand, context: &Context) -> Result<()> {
    match &command.action {
        Action::Add(args) => add(args, &context.output),
        Action::List(args) => list(args, &context.output),
        Action::Test(args) => test(args, context),
        Action::Remove(args) => remove(args, &context.output),
    }
}

fn add(args: &AddArgs, output: &Output) -> Result<()> {
    let target = args.of_target.over(TargetSettings {
        url: args.url.clone(),
        password_env: args.password_env.clone(),
        password_file: args.password_file.clone(),
        password_keyring: args.password_keyring.clone(),
        password_command: args.password_command.clone(),
        passphrase_env: args.passphrase_env.clone(),
        passphrase_file: args.passphrase_file.clone(),
        passphrase_keyring: args.passphrase_keyring.clone(),
        passphrase_command: args.passphrase_command.clone(),
        ..TargetSettings::default()
    });
    // What is wrong is said now, not when it is used.
    target.place()?;
    target.mapping(&PARTS)?;
    target.bwlimit.as_deref().map(rate_of).transpose()?;
    let path = args.config.path();
    settings::add(&path, &args.name, &target)?;
    output.line(&format!("Written to {}. Try it: exodus target test {}", path.display(), args.name));
    Ok(())
}

fn list(args: &ListArgs, output: &Output) -> Result<()> {
    let path = args.config.path();
    let settings = Settings::read(&path)?;
    if args.json {
        output.json(&json!({"config": path, "targets": settings.target}));
        return Ok(());
    }
    if settings.target.is_empty() {
        output.line(&format!("No target is written down in {}; `exodus target add` does it", path.display()));
    }
    for (name, target) in &settings.target {
        output.line(&format!("{name}  {}", clean(&target.url)));
        for (from, to) in &target.map {
            let to = match to {
                MapTo::Path(to) => clean(to),
                MapTo::Open(open) => {
                    let mode = open.mode.as_deref().map(|mode| format!(" (mode {mode})")).unwrap_or_default();
                    format!("{}{mode}", clean(&open.to))
                }
            };
            output.line(&format!("  {:<20} -> {to}", clean(from)));
        }
    }
    Ok(())
}

fn remove(args: &RemoveArgs, output: &Output) -> Result<()> {
    let path = args.config.path();
    if !settings::remove(&path, &args.name)? {
        let what = format!("there is no target `{}` in `{}`", args.name, path.display());
        return Err(Error::new(Kind::Login, what));
    }
    output.line(&format!("Forgotten: {}. Nothing on the server was changed", args.name));
    Ok(())
}

fn test(args: &TestArgs, context: &Context) -> Result<()> {
    let request = args.chosen.request(args.target.as_deref(), &args.common.archive)?;
    let output = &context.output;
    let questions = Questions::new(output);
    let progress = Progress::new(output, Telling::Nobody, args.common.quiet);
    let abilities = run::test(&request, Ears { ask: &questions, observer: &progress, stop: &context.stop })?;
    // Without an archive there is nothing to fit.
    let need = match crate::archive::require(&request.archive) {
        Ok(()) => {
            let (parts, _) = run::plan(&request)?;
            Some((parts.iter().map(|it| it.files).sum(), parts.iter().map(|it| it.bytes).sum()))
        }
        Err(_) => None,
    };
    let fits = fits(&abilities, need);
    if args.common.json {
        output.json(&json_of(&abilities, need, fits));
    } else {
        Said { output, abilities: &abilities, need, fits }.print(&request.url);
    }
    match fits {
        Some(false) => Err(Error::new(Kind::Server, "the archive does not fit there")
            .hint("make room there, or send less of it: `exodus push --only mail`")),
        _ => Ok(()),
    }
}

/// Whether so many files and bytes fit; `None`: that cannot be known.
fn fits(abilities: &Abilities, need: Option<(u64, u64)>) -> Option<bool> {
    let (room, (files, bytes)) = (abilities.room?, need?);
    Some(room.free_bytes >= bytes && room.free_files.is_none_or(|free| free >= files))
}

fn json_of(abilities: &Abilities, need: Option<(u64, u64)>, fits: Option<bool>) -> serde_json::Value {
    let room = abilities.room.map(|room| {
        json!({"free_bytes": room.free_bytes, "total_bytes": room.total_bytes, "free_files": room.free_files})
    });
    json!({
        "software": abilities.software,
        "root": abilities.root,
        "extensions": abilities.extensions,
        "room": room,
        "replaces_at_once": abilities.replaces_at_once,
        "rename_is_careful": abilities.rename_is_careful,
        "syncs": abilities.syncs,
        "hashes_by": abilities.hashes_by,
        "case_sensitive": abilities.is_case_sensitive,
        "keeps_times": abilities.keeps_times,
        "keeps_modes": abilities.keeps_modes,
        "archive": need.map(|(files, bytes)| json!({"files": files, "bytes": bytes})),
        "fits": fits,
    })
}

struct Said<'a> {
    output: &'a Output,
    abilities: &'a Abilities,
    need: Option<(u64, u64)>,
    fits: Option<bool>,
}

impl Said<'_> {
    fn print(&self, url: &str) {
        let it = self.abilities;
        let yes = |is: bool| if is { "yes" } else { "no" };
        self.line("target", &clean(url));
        self.line("server", &clean(&it.software));
        self.line("folder", &clean(&it.root));
        let extensions = if it.extensions.is_empty() { "none".to_owned() } else { it.extensions.join(", ") };
        self.line("extensions", &clean(&extensions));
        self.line("replaces a file in one step", yes(it.replaces_at_once));
        self.line("never renames over a file", yes(it.rename_is_careful));
        self.line("makes files safe on its disk", yes(it.syncs));
        self.line("computes hashes", it.hashes_by.unwrap_or("no: files are read back to be verified"));
        self.line("keeps times, modes", &format!("{}, {}", yes(it.keeps_times), yes(it.keeps_modes)));
        self.line("tells `A` from `a`", yes(it.is_case_sensitive));
        match it.room {
            Some(room) => {
                let files = room.free_files.map(|n| format!(", {}", counted(n, "file"))).unwrap_or_default();
                self.line(
                    "room",
                    &format!("{} of {} free{files}", size(room.free_bytes), size(room.total_bytes)),
                );
            }
            None => self.line("room", "the server does not tell"),
        }
        if let Some((files, bytes)) = self.need {
            let fits = match self.fits {
                Some(true) => "fits",
                Some(false) => "DOES NOT FIT",
                None => "nobody knows whether it fits",
            };
            self.line("the archive", &format!("{}, {}: {fits}", counted(files, "file"), size(bytes)));
        }
    }

    fn line(&self, name: &str, value: &str) {
        self.output.line(&format!("{name:<29} {value}"));
    }
}
