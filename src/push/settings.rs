//! Targets by name: `exodus.toml`, read with every mistake named, changed without losing the user's comments.
//!
//! ```toml
//! [target.home]
//! url = "sftp://ada@example.org/~/"
//! identity = "~/.ssh/id_ed25519"        # else what ssh would use
//! password_command = "pass show web"    # or password_env, password_file, password_keyring; else asked for
//! jobs = 4
//! bwlimit = "2M"
//!
//! [target.home.map]                     # else everything under its own name
//! mail = "Maildir"
//! "files/papers" = { to = "public_html/papers", mode = "0644" }
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use toml_edit::{DocumentMut, Item, Table};

use super::Login;
use super::mapping::{Mapping, PRIVATE, Rule};
use super::place::Place;
use super::secret::SecretFrom;
use crate::report::error::{Error, Kind, Result};
use crate::report::settings::{bytes, text_of as text_of_file};

/// The file's name, in the current folder or in the user's configuration.
pub const FILE_NAME: &str = "exodus.toml";

/// The settings of a user or a project.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The archive's folder, which a push is told of by its caller.
    #[serde(default)]
    archive: IgnoredAny,
    /// Targets by their names.
    #[serde(default)]
    pub target: BTreeMap<String, TargetSettings>,
    /// Of a site, which a push has nothing to do with.
    #[serde(default)]
    site: IgnoredAny,
}

/// A target as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TargetSettings {
    /// Where it is.
    pub url: String,
    /// A key file, and no other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<PathBuf>,
    /// The environment variable that holds the password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_env: Option<String>,
    /// A file that holds the password and that nobody else can read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// The entry of the system's keyring that holds the password, `service/user`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_keyring: Option<String>,
    /// A command that prints the password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_command: Option<String>,
    /// The environment variable that holds the key's passphrase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passphrase_env: Option<String>,
    /// A file that holds the key's passphrase and that nobody else can read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passphrase_file: Option<PathBuf>,
    /// The entry of the system's keyring that holds the key's passphrase, `service/user`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passphrase_keyring: Option<String>,
    /// A command that prints the key's passphrase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passphrase_command: Option<String>,
    /// How many things to do side by side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jobs: Option<usize>,
    /// At most so many bytes a second, `500k`, `2M`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bwlimit: Option<String>,
    /// What goes where; all under its own name if it is empty.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub map: BTreeMap<String, MapTo>,
}

/// A place as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged, expecting = "expected a path, or { to = \"path\", mode = \"0644\" }")]
pub enum MapTo {
    /// The path, for the owner's eyes only.
    Path(String),
    /// The path, and who may read there.
    Open(OpenPlace),
}

/// A place with a mode.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct OpenPlace {
    /// The path.
    pub to: String,
    /// Octal permission bits of files: `0644` for a web space.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
}

impl Settings {
    /// Reads settings; none if there is no such file.
    ///
    /// # Errors
    /// When the file cannot be read or understood: with its line.
    pub fn read(path: &Path) -> Result<Settings> {
        let text = text_of_file(path)?;
        toml_edit::de::from_str(&text).map_err(|err| Error::settings(path, &text, err.message(), err.span()))
    }
}

impl TargetSettings {
    /// Where the target is.
    ///
    /// # Errors
    /// When its URL cannot be read.
    pub fn place(&self) -> Result<Place> {
        Place::parse(&self.url)
    }

    /// How to log in.
    pub fn login(&self) -> Login {
        Login {
            identity: self.identity.clone(),
            password: SecretFrom {
                env: self.password_env.clone(),
                file: self.password_file.clone(),
                keyring: self.password_keyring.clone(),
                command: self.password_command.clone(),
            },
            passphrase: SecretFrom {
                env: self.passphrase_env.clone(),
                file: self.passphrase_file.clone(),
                keyring: self.passphrase_keyring.clone(),
                command: self.passphrase_command.clone(),
            },
            accepts_new_host_key: false,
        }
    }

    /// What goes where; `parts` is what an archive has.
    ///
    /// # Errors
    /// When a path or a mode is wrong.
    pub fn mapping(&self, parts: &[&str]) -> Result<Mapping> {
        if self.map.is_empty() {
            return Ok(Mapping::whole(parts));
        }
        let rules: Result<Vec<Rule>> = self.map.iter().map(|(from, to)| rule(from, to)).collect();
        Mapping::new(rules?)
    }
}

fn rule(from: &str, to: &MapTo) -> Result<Rule> {
    let (to, mode) = match to {
        MapTo::Path(to) => (to, PRIVATE),
        MapTo::Open(OpenPlace { to, mode: None }) => (to, PRIVATE),
        MapTo::Open(OpenPlace { to, mode: Some(mode) }) => (to, mode_of(mode)?),
    };
    Ok(Rule { from: from.to_owned(), to: to.clone(), mode })
}

/// Reads octal permission bits.
///
/// # Errors
/// When they are none, or would keep the owner from reading and writing.
pub fn mode_of(text: &str) -> Result<u32> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| mode & 0o600 == 0o600 && mode & !0o666 == 0);
    mode.ok_or_else(|| {
        Error::new(Kind::Login, format!("`{text}` is no mode for files"))
            .hint("write octal digits: 0600 for your eyes only, 0644 for a web space")
    })
}

/// Reads a rate in bytes a second: `800k`, `2M`, `1.5M`; k is 1024.
///
/// # Errors
/// When it is none, or zero.
pub fn rate_of(text: &str) -> Result<u64> {
    bytes(text).ok_or_else(|| {
        Error::new(Kind::Login, format!("`{text}` is no rate")).hint("write bytes a second: 500k, 2M, 1.5M")
    })
}

/// Writes a target into a settings file, made if it is not there; all else in it stays as it was.
///
/// # Errors
/// When the file cannot be understood or written, or has a target of that name.
pub fn add(path: &Path, name: &str, target: &TargetSettings) -> Result<()> {
    let mut document = document(path)?;
    let targets = document.entry("target").or_insert_with(implicit_table);
    let targets =
        targets.as_table_mut().ok_or_else(|| Error::settings(path, "", "`target` is no table", None))?;
    if targets.contains_key(name) {
        return Err(Error::new(Kind::Login, format!("there is a target `{name}` in `{}`", path.display()))
            .hint(format!("`exodus target remove {name}` first, or choose another name")));
    }
    let written =
        toml_edit::ser::to_document(target).expect("text and numbers can always be written as TOML");
    let mut table = written.into_table();
    if let Some(map) = table.get_mut("map") {
        let inner = std::mem::take(map).into_table().unwrap_or_default();
        *map = Item::Table(inner);
    }
    targets.insert(name, Item::Table(table));
    write(path, &document.to_string())
}

/// Removes a target from a settings file; false if it has none of that name.
///
/// # Errors
/// When the file cannot be understood or written.
pub fn remove(path: &Path, name: &str) -> Result<bool> {
    let mut document = document(path)?;
    let targets = document.get_mut("target").and_then(Item::as_table_mut);
    if targets.and_then(|targets| targets.remove(name)).is_none() {
        return Ok(false);
    }
    write(path, &document.to_string())?;
    Ok(true)
}

/// Targets as the text of a settings file.
pub fn text_of(targets: &[(&str, &TargetSettings)]) -> String {
    let named: BTreeMap<&str, &TargetSettings> = targets.iter().copied().collect();
    let all: BTreeMap<&str, _> = [("target", named)].into();
    toml_edit::ser::to_string_pretty(&all).expect("text and numbers can always be written as TOML")
}

fn implicit_table() -> Item {
    let mut table = Table::new();
    table.set_implicit(true);
    Item::Table(table)
}

fn document(path: &Path) -> Result<DocumentMut> {
    let text = text_of_file(path)?;
    text.parse().map_err(|err: toml_edit::TomlError| Error::settings(path, &text, err.message(), err.span()))
}

/// Whole or not at all.
fn write(path: &Path, text: &str) -> Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let failed = |err| Error::new(Kind::Login, format!("cannot write `{}`: {err}", path.display()));
    if let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty()) {
        std::fs::create_dir_all(above).map_err(failed)?;
    }
    let temporary = path.with_extension("toml.part");
    let file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_data()));
    written.and_then(|()| std::fs::rename(&temporary, path)).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_lets_the_owner_read_and_write_and_nobody_execute() {
        assert_eq!(mode_of("0644").ok(), Some(0o644));
        assert_eq!(mode_of("600").ok(), Some(0o600));
        for text in ["0444", "0755", "x", "", "01644"] {
            assert!(mode_of(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_mistake_is_named_with_its_line() {
        let text = "[target.a]\nurl = \"x\"\npasword_env = \"y\"\n";
        let err = toml_edit::de::from_str::<Settings>(text).expect_err("a name is misspelt");
        let err = Error::settings(Path::new("exodus.toml"), text, err.message(), err.span());
        assert!(err.what.contains("pasword_env") && err.what.contains("at line 3, column 1"), "{err}");
    }
}
