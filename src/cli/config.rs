//! `exodus config show`: every setting that is in effect, and where it comes from.
//!
//! Settings stand in `exodus.toml`: of the current folder, else of the user's configuration. What the command line says
//! comes before the environment, that before the file, that before what exodus would do by itself.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Subcommand};
use serde::Deserialize;
use serde_json::json;
use toml_edit::{Document, Item};

use super::chosen_target::Config;
use super::output::{Output, clean};
use super::{Common, Context};
use crate::push::secret::expanded;
use crate::push::settings::TargetSettings;
use crate::report::error::{Error, Result};
use crate::report::settings::text_of;
use crate::site::settings::SiteSettings;

/// Show the settings that are in effect
#[derive(Debug, Args)]
pub struct ConfigCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Show(ShowArgs),
}

/// Print every setting that is in effect; no secret is among them
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  exodus config show\n  exodus config show --origin     (and where each comes from)"
)]
struct ShowArgs {
    /// Say where each comes from: a flag, the environment, a line of a file, or nowhere
    #[arg(long)]
    origin: bool,
    #[command(flatten)]
    config: Config,
    #[command(flatten)]
    common: Common,
}

/// All that may stand in `exodus.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSettings {
    /// The archive's folder; a relative one is beside the file.
    archive: Option<PathBuf>,
    /// Read here to be checked; commands that need one read it themselves.
    #[serde(default, rename = "target")]
    _target: BTreeMap<String, TargetSettings>,
    site: Option<SiteSettings>,
}

impl FileSettings {
    /// Reads a file; no settings if it is not there.
    ///
    /// # Errors
    /// When it cannot be read, or anything in it cannot be understood: with its line and column.
    pub fn read(path: &Path) -> Result<FileSettings> {
        let text = text_of(path)?;
        let mut settings: FileSettings = toml_edit::de::from_str(&text)
            .map_err(|err| Error::settings(path, &text, err.message(), err.span()))?;
        let beside = path.parent().unwrap_or(Path::new(""));
        settings.archive = settings.archive.map(|archive| beside.join(expanded(&archive)));
        Ok(settings)
    }

    /// The tree of commands, with the file's archive in the place of the usual one.
    pub fn over(&self, tree: clap::Command) -> clap::Command {
        match &self.archive {
            Some(archive) => with_archive(tree, archive),
            None => tree,
        }
    }
}

fn with_archive(command: clap::Command, archive: &Path) -> clap::Command {
    let is_usual = |arg: &clap::Arg| arg.get_id() == "archive" && !arg.get_default_values().is_empty();
    let has_usual = command.get_arguments().any(is_usual);
    let command = match has_usual {
        true => command.mut_arg("archive", |arg| arg.default_value(archive.as_os_str().to_owned())),
        false => command,
    };
    command.mut_subcommands(|below| with_archive(below, archive))
}

/// The settings file that a command line means, before the command line is understood.
pub fn file_of(args: &[OsString]) -> PathBuf {
    let at = args.iter().position(|arg| arg == "--config").and_then(|at| args.get(at + 1));
    let joined = args.iter().find_map(|arg| arg.to_str()?.strip_prefix("--config="));
    let named = joined.map(OsString::from).or(at.cloned()).or(std::env::var_os("EXODUS_CONFIG"));
    Config::at(named.filter(|path| !path.is_empty()).map(PathBuf::from)).path()
}

/// A setting: its name, what it is, and where that comes from.
struct Setting {
    name: String,
    value: Option<String>,
    origin: String,
}

const USUAL: &str = "default";

/// Runs the command.
pub fn run(command: &ConfigCommand, matches: Option<&ArgMatches>, context: &Context) -> Result<()> {
    let What::Show(args) = &command.what;
    let matches = matches.and_then(|it| it.subcommand()).map(|(_, own)| own);
    let settings = settings(args, matches)?;
    if args.common.json {
        let list = settings.iter().map(|it| json!({"name": it.name, "value": it.value, "origin": it.origin}));
        context.output.json(&json!({"settings": list.collect::<Vec<_>>()}));
    } else {
        print(&settings, args.origin, &context.output);
    }
    Ok(())
}

fn print(settings: &[Setting], with_origin: bool, output: &Output) {
    let longest = |of: fn(&Setting) -> usize| settings.iter().map(of).max().unwrap_or(0);
    let name_len = longest(|it| it.name.chars().count());
    let value_len = longest(|it| it.value.as_deref().unwrap_or("-").chars().count()).min(50);
    for Setting { name, value, origin } in settings {
        let (name, value) = (clean(name), clean(value.as_deref().unwrap_or("-")));
        match with_origin {
            true => output.line(&format!("{name:name_len$}  {value:value_len$}  {}", clean(origin))),
            false => output.line(&format!("{name:name_len$}  {value}")),
        }
    }
}

fn settings(args: &ShowArgs, matches: Option<&ArgMatches>) -> Result<Vec<Setting>> {
    let path = args.config.path();
    let text = text_of(&path)?;
    let written = written(&path, &text)?;
    let read = FileSettings::read(&path)?;
    let said = |id: &str| match matches.and_then(|it| it.value_source(id)) {
        Some(ValueSource::CommandLine) => Some(format!("--{id}")),
        Some(ValueSource::EnvVariable) => Some(format!("EXODUS_{}", id.to_uppercase())),
        _ => None,
    };
    let in_file = |name: &str| written.get(name).map(|(_, origin)| origin.clone());
    let setting =
        |name: &str, value: Option<String>, origin: String| Setting { name: name.to_owned(), value, origin };
    let shown = path.exists().then(|| path.display().to_string());
    let found = if shown.is_some() { "found" } else { USUAL };
    let mut all = vec![
        setting("config", shown, said("config").unwrap_or_else(|| found.to_owned())),
        setting(
            "archive",
            Some(args.common.archive.display().to_string()),
            said("archive").or_else(|| in_file("archive")).unwrap_or_else(|| USUAL.to_owned()),
        ),
    ];
    for name in ["NO_COLOR", "CLICOLOR_FORCE"] {
        let is_set = std::env::var_os(name).is_some_and(|value| !value.is_empty());
        all.extend(is_set.then(|| setting("color", Some(name.to_owned()), name.to_owned())));
    }
    for name in ["EXODUS_PASSWORD", "EXODUS_PASSPHRASE"] {
        let value = std::env::var_os(name).map(|_| "set, and not shown".to_owned());
        all.extend(value.map(|value| setting(&name[7..].to_lowercase(), Some(value), name.to_owned())));
    }
    for (name, value) in site_settings(&read) {
        let name = format!("site.{name}");
        let origin = in_file(&name).unwrap_or_else(|| USUAL.to_owned());
        all.push(Setting { name, value, origin });
    }
    let of_targets = written.iter().filter(|(name, _)| name.starts_with("target."));
    all.extend(of_targets.map(|(name, (value, origin))| setting(name, Some(value.clone()), origin.clone())));
    Ok(all)
}

fn site_settings(read: &FileSettings) -> [(&'static str, Option<String>); 5] {
    let site = read.site.clone().unwrap_or_default();
    let said = |text: String| Some(text).filter(|text| !text.is_empty());
    [
        ("title", said(site.title)),
        ("author", said(site.author)),
        ("url", site.url),
        ("language", said(site.language)),
        ("email", site.email),
    ]
}

/// What is written in a settings file: names, values, and `file:line`.
fn written(path: &Path, text: &str) -> Result<BTreeMap<String, (String, String)>> {
    let document =
        Document::parse(text).map_err(|err| Error::settings(path, text, err.message(), err.span()))?;
    let mut found = BTreeMap::new();
    walk(document.as_item(), "", &mut |name, item| {
        let value = item.as_str().map_or_else(|| item.to_string().trim().to_owned(), str::to_owned);
        let before = item.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let origin = format!("{}:{}", path.display(), before.matches('\n').count() + 1);
        found.insert(name.to_owned(), (value, origin));
    });
    Ok(found)
}

fn walk(item: &Item, name: &str, leaf: &mut dyn FnMut(&str, &Item)) {
    let Some(table) = item.as_table_like() else { return leaf(name, item) };
    for (key, below) in table.iter() {
        let name = if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
        walk(below, &name, leaf);
    }
}
