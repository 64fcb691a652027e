//! Known hosts: whether a server is the one that it was before. The files of OpenSSH, sshd(8) "SSH_KNOWN_HOSTS FILE
//! FORMAT": names with wildcards and negation, hashed names, `[host]:port`, `@cert-authority`, `@revoked`.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use russh::keys::ssh_key::certificate::CertType;
use russh::keys::{Algorithm, Certificate, HashAlg, PublicKey};
use sha1::Sha1;

/// The known hosts of a user and of the machine.
#[derive(Debug, Default)]
pub struct KnownHosts {
    entries: Vec<Entry>,
    /// New hosts are written here, with hashed names if the file has some.
    own: PathBuf,
    has_hashed: bool,
}

#[derive(Debug)]
struct Entry {
    marker: Marker,
    patterns: String,
    key: PublicKey,
    /// `file:line`
    place: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Marker {
    None,
    Authority,
    Revoked,
}

/// What is known of the key that a server shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the server's.
    Known,
    /// Nothing is known of this server.
    New,
    /// The server is known by keys of other types only.
    OtherType {
        /// `file:line`
        place: String,
    },
    /// The server had another key.
    Changed {
        /// `file:line`
        place: String,
        /// The fingerprint of the other.
        known: String,
    },
    /// The key was withdrawn.
    Revoked {
        /// `file:line`
        place: String,
    },
    /// It is a certificate of a trusted authority that is not good for this server.
    BadCertificate(&'static str),
}

/// A server by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostId {
    /// Its name or address, lower case.
    pub name: String,
    /// Its port.
    pub port: u16,
}

impl HostId {
    /// As `known_hosts` writes it: `host`, or `[host]:port` for another port than 22.
    pub fn text(&self) -> String {
        if self.port == 22 { self.name.clone() } else { format!("[{}]:{}", self.name, self.port) }
    }
}

impl KnownHosts {
    /// Reads the files; those that are not there are empty. New hosts go into the first.
    pub fn read(files: &[PathBuf]) -> KnownHosts {
        let mut known =
            KnownHosts { own: files.first().cloned().unwrap_or_default(), ..KnownHosts::default() };
        for (n, path) in files.iter().enumerate() {
            let text = fs::read(path).unwrap_or_default();
            for (number, line) in String::from_utf8_lossy(&text).lines().enumerate() {
                known.has_hashed |= n == 0 && line.starts_with("|1|");
                // A line that cannot be understood vouches for nobody.
                known.entries.extend(entry(line, &format!("{}:{}", path.display(), number + 1)));
            }
        }
        known
    }

    /// What is known of a key that a server shows; `certificate` is what it came with.
    pub fn judge(
        &self,
        host: &HostId,
        key: &PublicKey,
        certificate: Option<&Certificate>,
        now_s: u64,
    ) -> Verdict {
        let revoked = |key: &PublicKey| {
            let same =
                |entry: &&Entry| entry.marker == Marker::Revoked && entry.key.key_data() == key.key_data();
            self.entries.iter().find(|entry| same(entry) && entry.is_for(host))
        };
        if let Some(entry) = revoked(key) {
            return Verdict::Revoked { place: entry.place.clone() };
        }
        if let Some(certificate) = certificate {
            let authority = PublicKey::new(certificate.signature_key().clone(), "");
            if let Some(entry) = revoked(&authority) {
                return Verdict::Revoked { place: entry.place.clone() };
            }
            let is_trusted = self.entries.iter().any(|entry| {
                entry.marker == Marker::Authority
                    && entry.key.key_data() == authority.key_data()
                    && entry.is_for_or_without_port(host)
            });
            if is_trusted {
                return check_certificate(certificate, host, now_s);
            }
        }
        self.judge_key(host, key)
    }

    fn judge_key(&self, host: &HostId, key: &PublicKey) -> Verdict {
        let ours: Vec<&Entry> =
            self.entries.iter().filter(|entry| entry.marker == Marker::None && entry.is_for(host)).collect();
        if ours.iter().any(|entry| entry.key.key_data() == key.key_data()) {
            return Verdict::Known;
        }
        if let Some(other) = ours.iter().find(|entry| entry.key.algorithm() == key.algorithm()) {
            return Verdict::Changed { place: other.place.clone(), known: fingerprint(&other.key) };
        }
        match ours.first() {
            Some(other) => Verdict::OtherType { place: other.place.clone() },
            None => Verdict::New,
        }
    }

    /// The types of keys that this server is known by, to be asked for first.
    pub fn key_types(&self, host: &HostId) -> Vec<Algorithm> {
        let ours = self.entries.iter().filter(|entry| entry.marker == Marker::None && entry.is_for(host));
        ours.map(|entry| entry.key.algorithm()).collect()
    }

    /// True when some authority is trusted to vouch for this server.
    pub fn has_authority(&self, host: &HostId) -> bool {
        self.entries
            .iter()
            .any(|entry| entry.marker == Marker::Authority && entry.is_for_or_without_port(host))
    }

    /// Remembers a server's key.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn remember(&self, host: &HostId, key: &PublicKey, hashes_names: bool) -> std::io::Result<()> {
        if let Some(above) = self.own.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(above)?;
        }
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&self.own)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let line_end = if text.is_empty() || text.ends_with(b"\n") { "" } else { "\n" };
        let name = if hashes_names || self.has_hashed { hashed(&host.text()) } else { host.text() };
        let key = PublicKey::new(key.key_data().clone(), "").to_openssh().map_err(std::io::Error::other)?;
        file.write_all(format!("{line_end}{name} {}\n", key.trim()).as_bytes())
    }

    /// Where new hosts are written.
    pub fn own(&self) -> &Path {
        &self.own
    }
}

/// The fingerprint of a key as `ssh` shows it: `SHA256:…`.
pub fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

impl Entry {
    fn is_for(&self, host: &HostId) -> bool {
        matches(&self.patterns, &host.text())
    }

    /// Authorities are written without ports more often than not.
    fn is_for_or_without_port(&self, host: &HostId) -> bool {
        self.is_for(host) || matches(&self.patterns, &host.name)
    }
}

fn entry(line: &str, place: &str) -> Option<Entry> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let (marker, rest) = match line.split_once(char::is_whitespace) {
        Some(("@cert-authority", rest)) => (Marker::Authority, rest.trim_start()),
        Some(("@revoked", rest)) => (Marker::Revoked, rest.trim_start()),
        Some((word, _)) if word.starts_with('@') => return None,
        _ => (Marker::None, line),
    };
    let (patterns, key) = rest.split_once(char::is_whitespace)?;
    let key = PublicKey::from_openssh(key.trim()).ok()?;
    Some(Entry { marker, patterns: patterns.to_owned(), key, place: place.to_owned() })
}

/// True when a list of patterns fits a name: some pattern does, and none with a `!` before it.
fn matches(patterns: &str, name: &str) -> bool {
    let mut fits = false;
    for pattern in patterns.split(',') {
        match pattern.strip_prefix('!') {
            Some(pattern) if fits_wildcard(pattern, name) => return false,
            Some(_) => {}
            None => fits |= fits_hash(pattern, name) || fits_wildcard(pattern, name),
        }
    }
    fits
}

/// `|1|salt|hash`: HMAC-SHA1 of the name with the salt as its key, both in Base64.
fn fits_hash(pattern: &str, name: &str) -> bool {
    let Some((salt, hash)) = pattern.strip_prefix("|1|").and_then(|rest| rest.split_once('|')) else {
        return false;
    };
    match (BASE64.decode(salt.as_bytes()), BASE64.decode(hash.as_bytes())) {
        (Ok(salt), Ok(hash)) => hmac(&salt, name).is_some_and(|ours| ours[..] == hash[..]),
        _ => false,
    }
}

fn hmac(salt: &[u8], name: &str) -> Option<[u8; 20]> {
    let mac = Hmac::<Sha1>::new_from_slice(salt).ok()?;
    Some(mac.chain_update(name.as_bytes()).finalize().into_bytes().into())
}

fn hashed(name: &str) -> String {
    // A salt only keeps two files from being compared: any 20 bytes that differ do.
    let seed = format!("{name} {:?} {}", std::time::SystemTime::now(), std::process::id());
    let salt = &blake3::hash(seed.as_bytes()).as_bytes()[..20].to_vec();
    let hash = hmac(salt, name).unwrap_or_default();
    format!("|1|{}|{}", BASE64.encode(salt), BASE64.encode(&hash))
}

/// `*` stands for any letters, `?` for one; case does not count.
fn fits_wildcard(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.to_lowercase().chars().collect(), name.to_lowercase().chars().collect());
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(letter) if *letter == '?' || *letter == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (p, n) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|letter| *letter == '*')
}

fn check_certificate(certificate: &Certificate, host: &HostId, now_s: u64) -> Verdict {
    let authority = certificate.signature_key().fingerprint(HashAlg::Sha256);
    if certificate.cert_type() != CertType::Host {
        return Verdict::BadCertificate("its certificate is for users, not for hosts");
    }
    let principals = certificate.valid_principals();
    if !principals.is_empty() && !principals.iter().any(|name| name.eq_ignore_ascii_case(&host.name)) {
        return Verdict::BadCertificate("its certificate is for another host");
    }
    match certificate.validate_at(now_s, [&authority]) {
        Ok(()) => Verdict::Known,
        Err(_) => Verdict::BadCertificate(
            "its certificate has expired, is not valid yet, or its signature is wrong",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const B: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA6rWI3G1sz07DnfFlrouTcysQlj2P+jpNSOEWD9OJ3X";

    fn known(text: &str) -> KnownHosts {
        let entries = text.lines().enumerate().filter_map(|(n, line)| entry(line, &format!("f:{}", n + 1)));
        KnownHosts { entries: entries.collect(), ..KnownHosts::default() }
    }

    fn key(text: &str) -> PublicKey {
        PublicKey::from_openssh(text).expect("it is a key")
    }

    fn check(text: &str, host: (&str, u16), wanted: &Verdict) {
        let host = HostId { name: host.0.to_owned(), port: host.1 };
        assert_eq!(known(text).judge(&host, &key(A), None, 0), *wanted, "{text}");
    }

    #[test]
    fn hosts_are_known_by_names_patterns_and_hashes() {
        let changed = Verdict::Changed { place: "f:1".into(), known: fingerprint(&key(B)) };
        let hash = hashed("[box]:2222");
        let cases = [
            (format!("box {A}"), ("box", 22), Verdict::Known),
            (format!("# box {A}"), ("box", 22), Verdict::New),
            (format!("other,Box {A} a comment"), ("box", 22), Verdict::Known),
            (format!("box {A}"), ("box", 2222), Verdict::New),
            (format!("[box]:2222 {A}"), ("box", 2222), Verdict::Known),
            (format!("{hash} {A}"), ("box", 2222), Verdict::Known),
            (format!("{hash} {A}"), ("bax", 2222), Verdict::New),
            (format!("*.example.org,!bad.example.org {A}"), ("a.example.org", 22), Verdict::Known),
            (format!("*.example.org,!bad.example.org {A}"), ("bad.example.org", 22), Verdict::New),
            (format!("10.0.0.? {A}"), ("10.0.0.7", 22), Verdict::Known),
            (format!("box {B}"), ("box", 22), changed),
            (format!("box {B}\nbox {A}"), ("box", 22), Verdict::Known),
            (format!("box nonsense\nbox ssh-ed25519 AAAA\nbox {A}"), ("box", 22), Verdict::Known),
            (format!("@revoked * {A}\nbox {A}"), ("box", 22), Verdict::Revoked { place: "f:1".into() }),
            (format!("@cert-authority * {A}"), ("box", 22), Verdict::New),
            (format!("@unheard-of box {A}"), ("box", 22), Verdict::New),
        ];
        for (text, host, wanted) in cases {
            check(&text, host, &wanted);
        }
    }

    #[test]
    fn a_hash_as_openssh_makes_it_is_read() {
        let line = "|1|O33ESRMWPVkMYIwJ1Uw+n877jTo=|nuuC5vEqXlEZ/8BXQR7m619W6Ak= ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILIG2T/B0l0gaqj3puu510tu9N1OkQ4znY3LYuEm5zCF";
        let host = HostId { name: "example.com".into(), port: 22 };
        assert_eq!(known(line).key_types(&host), [Algorithm::Ed25519]);
    }
}
