//! What `~/.ssh/config` and `/etc/ssh/ssh_config` say of a host: ssh_config(5), read by the crate `ssh2-config`.
//!
//! Read are Host, HostName, Port, User, IdentityFile, IdentitiesOnly, ProxyJump, HashKnownHosts and
//! UserKnownHostsFile. `Match` blocks other than `Match all` are passed over, as if they did not match.

use std::io::BufReader;
use std::path::{Path, PathBuf};

use ssh2_config::{HostParams, ParseRule, SshConfig};

use super::super::target::{Result, TargetError};
use super::known_hosts::HostId;

/// The keys that are tried where none is configured, as ssh does.
const DEFAULT_KEYS: [&str; 5] = ["id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk"];

/// How to reach a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostConfig {
    /// The host as the user calls it.
    pub alias: String,
    /// Its real name and port.
    pub host: HostId,
    /// Who logs in.
    pub user: String,
    /// Private keys to try, in this order.
    pub identities: Vec<PathBuf>,
    /// The user has named keys; else those above are the usual ones.
    pub has_own_identities: bool,
    /// Offer no other keys of an agent than those.
    pub identities_only: bool,
    /// Hosts to go through, nearest first: `user@host:port`.
    pub jumps: Vec<String>,
    /// Write names of new hosts hashed.
    pub hashes_known_hosts: bool,
    /// Files of known hosts; new ones go into the first.
    pub known_hosts: Vec<PathBuf>,
}

/// What a user asks for: wins over what is configured.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The host or its alias.
    pub host: &'a str,
    /// The port.
    pub port: Option<u16>,
    /// Who logs in.
    pub user: Option<&'a str>,
}

/// Reads the configuration of a host for the user whose home this is.
///
/// # Errors
/// When a file cannot be understood: ssh would refuse it too.
pub fn read(home: &Path, asked: Asked) -> Result<HostConfig> {
    let own = params(&home.join(".ssh/config"), home, asked.host)?;
    let system = params(Path::new("/etc/ssh/ssh_config"), home, asked.host)?;
    let first = |of: fn(&HostParams) -> Option<String>| of(&own).or_else(|| of(&system));
    let local_user =
        std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_else(|_| "root".into());
    let name = first(|it| it.host_name.clone()).unwrap_or_else(|| asked.host.to_owned());
    let name = name.replace("%h", asked.host).replace("%%", "%").to_lowercase();
    let port = asked.port.or(own.port).or(system.port).unwrap_or(22);
    let user = asked.user.map(str::to_owned).or_else(|| first(|it| it.user.clone())).unwrap_or(local_user);
    let tokens = Tokens { home, host: &name, user: &user, port };
    let configured = own.identity_file.clone().unwrap_or_default().into_iter();
    let configured = configured.chain(system.identity_file.clone().unwrap_or_default());
    let mut identities: Vec<PathBuf> = configured.map(|path| tokens.path(&path.to_string_lossy())).collect();
    let has_own_identities = !identities.is_empty();
    if !has_own_identities {
        identities = DEFAULT_KEYS.iter().map(|name| home.join(".ssh").join(name)).collect();
    }
    let word = |name: &str| other(&own, name).or_else(|| other(&system, name)).unwrap_or_default();
    let is_yes = |name: &str| word(name).first().is_some_and(|it| it.eq_ignore_ascii_case("yes"));
    let mut known_hosts: Vec<PathBuf> =
        word("userknownhostsfile").iter().map(|path| tokens.path(path)).collect();
    if known_hosts.is_empty() {
        known_hosts = vec![home.join(".ssh/known_hosts"), home.join(".ssh/known_hosts2")];
    }
    known_hosts.push(PathBuf::from("/etc/ssh/ssh_known_hosts"));
    let jumps = own.proxy_jump.clone().or(system.proxy_jump.clone()).unwrap_or_default();
    let jumps = jumps.iter().flat_map(|jump| jump.split(',')).map(|jump| jump.trim().to_owned());
    Ok(HostConfig {
        alias: asked.host.to_owned(),
        identities_only: is_yes("identitiesonly"),
        hashes_known_hosts: is_yes("hashknownhosts"),
        jumps: jumps.filter(|jump| !jump.is_empty() && !jump.eq_ignore_ascii_case("none")).collect(),
        host: HostId { name: name.clone(), port },
        user: user.clone(),
        identities,
        has_own_identities,
        known_hosts,
    })
}

/// A jump host as `ProxyJump` writes it: `[user@]host[:port]`, or a URL.
pub fn jump(text: &str) -> (Option<String>, String, Option<u16>) {
    let text = text.strip_prefix("ssh://").unwrap_or(text).trim_end_matches('/');
    let (user, rest) = match text.rsplit_once('@') {
        Some((user, rest)) => (Some(user.to_owned()), rest),
        None => (None, text),
    };
    let is_bracketed = rest.starts_with('[');
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port))
            if is_bracketed == host.ends_with(']') && (is_bracketed || !host.contains(':')) =>
        {
            (host, port.parse().ok())
        }
        _ => (rest, None),
    };
    (user, host.trim_matches(['[', ']']).to_owned(), port)
}

fn params(path: &Path, home: &Path, host: &str) -> Result<HostParams> {
    let text = String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned();
    let text = without_matches(&text);
    let mut reader = BufReader::new(text.as_bytes());
    let rules = ParseRule::ALLOW_UNKNOWN_FIELDS | ParseRule::ALLOW_UNSUPPORTED_FIELDS;
    let parsed = SshConfig::default().home_dir(home).parse(&mut reader, rules);
    let config = parsed.map_err(|err| {
        TargetError::login(format!("`{}` cannot be understood: {err}", path.display()))
            .hint("`ssh -G host` tells what ssh makes of it")
    })?;
    Ok(config.query(host))
}

/// The crate does not know `Match`, and would count its lines to the block before.
fn without_matches(text: &str) -> String {
    let line = |line: &str| {
        let mut words = line.split([' ', '\t', '=']).filter(|word| !word.is_empty());
        match (words.next(), words.next()) {
            (Some(word), Some(what)) if word.eq_ignore_ascii_case("match") => {
                let is_all = what.eq_ignore_ascii_case("all");
                if is_all { "Host *\n".to_owned() } else { "Host exodus-reads-no-match.invalid\n".to_owned() }
            }
            _ => format!("{line}\n"),
        }
    };
    text.lines().map(line).collect()
}

/// A setting that the crate only passes on.
fn other(params: &HostParams, name: &str) -> Option<Vec<String>> {
    let maps = [&params.unsupported_fields, &params.ignored_fields];
    let found = maps.into_iter().flatten().find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, words)| words.clone())
}

struct Tokens<'a> {
    home: &'a Path,
    host: &'a str,
    user: &'a str,
    port: u16,
}

impl Tokens<'_> {
    /// A path with `~` and the tokens of ssh_config(5) replaced.
    fn path(&self, text: &str) -> PathBuf {
        let text = text.trim_matches('"');
        let home = self.home.to_string_lossy();
        let text = match text.strip_prefix('~') {
            Some(below) if below.is_empty() || below.starts_with('/') => format!("{home}{below}"),
            _ => text.to_owned(),
        };
        let mut out = String::new();
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '%' => match letters.next() {
                    Some('d') => out.push_str(&home),
                    Some('h') => out.push_str(self.host),
                    Some('r') => out.push_str(self.user),
                    Some('p') => out.push_str(&self.port.to_string()),
                    Some('u') => out.push_str(&std::env::var("USER").unwrap_or_default()),
                    Some('%') | None => out.push('%'),
                    Some(other) => out.extend(['%', other]),
                },
                letter => out.push(letter),
            }
        }
        PathBuf::from(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jumps_are_read_as_proxyjump_writes_them() {
        let cases = [
            ("box", (None, "box", None)),
            ("ada@box:2222", (Some("ada"), "box", Some(2222))),
            ("ssh://ada@[::1]:22/", (Some("ada"), "::1", Some(22))),
            ("::1", (None, "::1", None)),
        ];
        for (text, (user, host, port)) in cases {
            let (found_user, found_host, found_port) = jump(text);
            assert_eq!((found_user.as_deref(), &*found_host, found_port), (user, host, port), "{text}");
        }
    }

    #[test]
    fn match_blocks_are_passed_over_and_match_all_is_not() {
        let text = "Host a\nUser x\nMatch exec \"true\"\n  User y\nmatch all\n  Port 3\n";
        let wanted = "Host a\nUser x\nHost exodus-reads-no-match.invalid\n  User y\nHost *\n  Port 3\n";
        assert_eq!(without_matches(text), wanted);
    }
}
