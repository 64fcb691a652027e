//! Which target a command means: a URL, a name of `exodus.toml`, or the only one there is.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::archive::files::PARTS;
use crate::push::Login;
use crate::push::check::Verify;
use crate::push::run::Request;
use crate::push::settings::{FILE_NAME, MapTo, OpenPlace, Settings, TargetSettings, rate_of};
use crate::report::error::{Error, Kind, Result};

/// Where targets are written down.
#[derive(Clone, Debug, Args)]
pub struct Config {
    /// The settings file [default: ./exodus.toml, else exodus/exodus.toml in your configuration folder]
    #[arg(long, value_name = "FILE", env = "EXODUS_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
}

/// What can be said of a target on the command line as well as in its settings.
#[derive(Clone, Debug, Args)]
pub struct TargetArgs {
    /// Put a part of the archive at another place, and nothing but what is named so (may be repeated):
    /// mail=Maildir, files/papers=public_html/papers:0644
    #[arg(long, value_name = "PART=PLACE[:MODE]", value_parser = parse_map)]
    map: Vec<(String, MapTo)>,
    /// The SSH key to log in with [default: what ssh would use]
    #[arg(long, short, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// At most so many bytes a second: 500k, 2M
    #[arg(long, value_name = "RATE")]
    bwlimit: Option<String>,
    /// How many transfers side by side [default: what is fastest for most servers]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: Option<u16>,
}

/// What a command that logs in is told of its target, besides the name.
#[derive(Clone, Debug, Args)]
pub struct ChosenArgs {
    /// Trust a server whose key is not known yet, and remember it; a changed key is never trusted
    #[arg(long)]
    accept_new_host_key: bool,
    #[command(flatten)]
    of_target: TargetArgs,
    #[command(flatten)]
    config: Config,
}

fn parse_map(text: &str) -> std::result::Result<(String, MapTo), String> {
    let wrong = || "write PART=PLACE or PART=PLACE:MODE, for example mail=Maildir".to_owned();
    let (from, to) = text.split_once('=').ok_or_else(wrong)?;
    let is_mode = |text: &str| text.len() >= 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    let to = match to.rsplit_once(':').filter(|(_, mode)| is_mode(mode)) {
        Some((to, mode)) => MapTo::Open(OpenPlace { to: to.to_owned(), mode: Some(mode.to_owned()) }),
        None => MapTo::Path(to.to_owned()),
    };
    Ok((from.to_owned(), to))
}

impl Config {
    /// The settings in that file, or in the one that is found.
    pub fn at(config: Option<PathBuf>) -> Config {
        Config { config }
    }

    /// The settings file, whether it is there or not.
    pub fn path(&self) -> PathBuf {
        if let Some(path) = &self.config {
            return path.clone();
        }
        let here = PathBuf::from(FILE_NAME);
        if here.exists() {
            return here;
        }
        let folder =
            std::env::var_os("XDG_CONFIG_HOME").filter(|folder| !folder.is_empty()).map(PathBuf::from);
        let folder = folder
            .unwrap_or_else(|| PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".config"));
        folder.join("exodus").join(FILE_NAME)
    }

    /// The settings of the target that is meant; `None` means the only one.
    ///
    /// # Errors
    /// When there is none of that name, or several and none is named.
    pub fn target(&self, named: Option<&str>) -> Result<TargetSettings> {
        if let Some(url) = named.filter(|named| named.contains("://")) {
            return Ok(TargetSettings { url: url.to_owned(), ..TargetSettings::default() });
        }
        let path = self.path();
        let mut settings = Settings::read(&path)?;
        let names: Vec<String> = settings.target.keys().map(|name| format!("`{name}`")).collect();
        let found = match named {
            Some(name) => settings.target.remove(name),
            None if names.len() == 1 => settings.target.pop_first().map(|(_, target)| target),
            None => None,
        };
        found.ok_or_else(|| {
            let what = match named {
                Some(name) => format!("there is no target `{name}` in `{}`", path.display()),
                None if names.is_empty() => "no target is named and none is written down".to_owned(),
                None => "no target is named and there are several".to_owned(),
            };
            let hint = match names.as_slice() {
                [] => "name it by its URL (sftp://you@your-server/~/archive), or write it down: `exodus target add`"
                    .to_owned(),
                names => format!("there are {}", names.join(", ")),
            };
            Error::new(Kind::Login, what).hint(hint)
        })
    }
}

impl TargetArgs {
    /// Puts what the command line says over what is written down.
    pub fn over(&self, mut target: TargetSettings) -> TargetSettings {
        if !self.map.is_empty() {
            target.map = self.map.iter().cloned().collect();
        }
        target.identity = self.identity.clone().or(target.identity);
        target.bwlimit = self.bwlimit.clone().or(target.bwlimit);
        target.jobs = self.jobs.map(usize::from).or(target.jobs);
        target
    }
}

impl ChosenArgs {
    /// A push of a whole archive to the target that is meant, to be narrowed down.
    ///
    /// # Errors
    /// When no target is meant, or something in its settings is wrong.
    pub fn request(&self, named: Option<&str>, archive: &Path) -> Result<Request> {
        let target = self.of_target.over(self.config.target(named)?);
        let accepts_new_host_key = self.accept_new_host_key;
        Ok(Request {
            archive: archive.to_owned(),
            place: target.place()?,
            login: Login { accepts_new_host_key, ..target.login() },
            mapping: target.mapping(&PARTS)?,
            only: Vec::new(),
            is_dry_run: false,
            verify: Verify::None,
            prune: false,
            force: false,
            jobs: target.jobs,
            bytes_per_s: target.bwlimit.as_deref().map(rate_of).transpose()?,
            url: target.url,
        })
    }
}
