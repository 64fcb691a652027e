//! Where a password or a passphrase comes from: the environment, a file, the system's keyring, a command. Never an
//! argument of the command line, which every user of the machine could see; never shown and never logged.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where to look, in this order; what is not said is passed over. No secret is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretFrom {
    /// The environment variable; the usual one if it is not said.
    pub env: Option<String>,
    /// A file that nobody else can read; its first line.
    pub file: Option<PathBuf>,
    /// An entry of the system's keyring, `service/user`.
    pub keyring: Option<String>,
    /// A command (run by `sh -c`); the first line that it prints.
    pub command: Option<String>,
}

impl SecretFrom {
    /// The secret, if one of the places has it; `notes` gets a line on each that should have had it and has not.
    pub fn read(&self, usual_env: &str, notes: &mut Vec<String>) -> Option<String> {
        if let Ok(secret) = std::env::var(self.env.as_deref().unwrap_or(usual_env)) {
            return Some(secret);
        }
        let places = [
            self.file.as_deref().map(of_file),
            self.keyring.as_deref().map(of_keyring),
            self.command.as_deref().map(of_command),
        ];
        for place in places.into_iter().flatten() {
            match place {
                Ok(secret) => return Some(secret),
                Err(why) => notes.push(why),
            }
        }
        None
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

fn of_file(path: &Path) -> Result<String, String> {
    let path = expanded(path);
    let cannot = |err| format!("the secret in `{}` cannot be read: {err}", path.display());
    let mode = std::fs::metadata(&path).map_err(cannot)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(format!("others can read the secret in `{0}`: chmod 600 {0}", path.display()));
    }
    std::fs::read_to_string(&path).map(|text| first_line(&text)).map_err(cannot)
}

fn of_command(command: &str) -> Result<String, String> {
    let output = Command::new("sh").args(["-c", command]).stdin(Stdio::null()).output();
    match output {
        Ok(output) if output.status.success() => Ok(first_line(&String::from_utf8_lossy(&output.stdout))),
        Ok(output) => Err(format!("the command for the secret ended with {}", output.status)),
        Err(err) => Err(format!("the command for the secret cannot be run: {err}")),
    }
}

#[cfg(feature = "keyring")]
fn of_keyring(name: &str) -> Result<String, String> {
    use keyring::{Entry, Error};
    let (service, user) = name.split_once('/').ok_or("write the keyring's entry as service/user")?;
    // Only here it is told why there is no keyring.
    if let Err(err) = Entry::store_status() {
        return Err(format!("there is no keyring that could have `{name}`: {err}"));
    }
    let secret = Entry::new(service, user).and_then(|entry| entry.get_password());
    // What `echo` and editors hand to a keyring ends with a line's end.
    secret.map(|secret| first_line(&secret)).map_err(|err| match err {
        Error::NoEntry => format!(
            "the keyring has no `{name}`: secret-tool store --label exodus service '{service}' username '{user}'"
        ),
        Error::Ambiguous(entries) => {
            format!("the keyring has {} entries for `{name}`: remove all but one", entries.len())
        }
        Error::NoStorageAccess(err) | Error::PlatformFailure(err) => {
            format!("the keyring does not give `{name}`: {err}")
        }
        // Others may show what they could not read.
        _ => format!("the keyring does not give `{name}` as text"),
    })
}

#[cfg(not(feature = "keyring"))]
fn of_keyring(name: &str) -> Result<String, String> {
    Err(format!(
        "this exodus was built without the keyring that `{name}` is in: build it with --features keyring"
    ))
}

/// A path as people write it: `~` is the home.
pub fn expanded(path: &Path) -> PathBuf {
    match path.strip_prefix("~") {
        Ok(below) => PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(below),
        Err(_) => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_taken_from_the_first_place_that_has_it() {
        let path = std::env::temp_dir().join(format!("exodus-secret-{}", std::process::id()));
        std::fs::write(&path, "of the file\nsecond line\n").expect("a temporary file can be made");
        let set = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode));
        let from = SecretFrom {
            file: Some(path.clone()),
            command: Some("echo of the command".to_owned()),
            ..SecretFrom::default()
        };
        for (mode, wanted, n_notes) in
            [(0o600, "of the file", 0), (0o640, "of the command", 1), (0o604, "of the command", 1)]
        {
            set(mode).expect("it is ours");
            let mut notes = Vec::new();
            let secret = from.read("EXODUS_NO_SUCH_VARIABLE", &mut notes);
            assert_eq!((secret.as_deref(), notes.len()), (Some(wanted), n_notes), "{mode:o}: {notes:?}");
        }
        std::fs::remove_file(&path).expect("it is ours");
        let mut notes = Vec::new();
        let nowhere = SecretFrom {
            command: Some("exit 3".to_owned()),
            ..SecretFrom { file: Some(path), ..SecretFrom::default() }
        };
        assert_eq!(nowhere.read("EXODUS_NO_SUCH_VARIABLE", &mut notes), None);
        assert!(notes.len() == 2 && notes[1].contains("exit status: 3"), "{notes:?}");
        assert_eq!(SecretFrom::default().read("EXODUS_NO_SUCH_VARIABLE", &mut notes), None);
    }
}
