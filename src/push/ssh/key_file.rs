//! Key files as ssh-keygen(1) writes them (PROTOCOL.key of OpenSSH).

use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use russh::keys::{Certificate, PrivateKey, PublicKey};

const BEGIN: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";
const END: &str = "-----END OPENSSH PRIVATE KEY-----";

/// Reads a key file; `None` if the passphrase does not open it or it is none that can be read.
pub fn private_key(path: &Path, passphrase: Option<&str>) -> Option<PrivateKey> {
    let key = russh::keys::load_secret_key(path, passphrase).ok();
    key.or_else(|| {
        let text = std::fs::read_to_string(path).ok()?;
        PrivateKey::from_bytes(&padded(&decoded(&text)?)?).ok()
    })
}

/// The public half of a key file: from the `.pub` beside it, or from the file itself, whose public half is not
/// encrypted in OpenSSH's own format.
pub fn public_key(path: &Path) -> Option<PublicKey> {
    let beside = PathBuf::from(format!("{}.pub", path.display()));
    let of_pub = russh::keys::load_public_key(beside).ok();
    of_pub.or_else(|| {
        let text = std::fs::read_to_string(path).ok()?;
        PrivateKey::from_openssh(text).ok().map(|key| key.public_key().clone())
    })
}

/// The certificate that lies beside a key file.
pub fn certificate(path: &Path) -> Option<Certificate> {
    russh::keys::load_openssh_certificate(format!("{}-cert.pub", path.display())).ok()
}

/// Whether a passphrase is needed.
pub fn is_encrypted(path: &Path) -> bool {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    match PrivateKey::from_openssh(&text) {
        Ok(key) => key.is_encrypted(),
        Err(_) => text.contains("ENCRYPTED"),
    }
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once(BEGIN)?;
    let (body, _) = rest.split_once(END)?;
    BASE64.decode(body.split_whitespace().collect::<String>().as_bytes()).ok()
}

/// The same ECDSA key with its number written in full length.
///
/// One in 256 such keys has a number that begins with a zero byte, which ssh-keygen leaves out, and the `ssh-key`
/// crate (0.7.0-rc.11) takes a P-256 key only if it is there. Only for keys without passphrase: for the others the
/// agent helps.
fn padded(key: &[u8]) -> Option<Vec<u8>> {
    let mut outer = Strings(key.strip_prefix(b"openssh-key-v1\0")?);
    let head = [outer.next()?, outer.next()?, outer.next()?];
    let count = outer.take(4)?;
    let (public, private) = (outer.next()?, outer.next()?);
    if head[0] != b"none" {
        return None;
    }
    let mut inner = Strings(private);
    let check = inner.take(8)?;
    let names = [inner.next()?, inner.next()?, inner.next()?];
    let (number, comment) = (inner.next()?, inner.next()?);
    let len = match names[1] {
        b"nistp256" => 32,
        b"nistp384" => 48,
        b"nistp521" => 66,
        _ => return None,
    };
    let mut full = vec![0; len - number.len().min(len)];
    full.extend_from_slice(number);
    let mut private = check.to_vec();
    for field in [names[0], names[1], names[2], &full, comment] {
        push_string(&mut private, field);
    }
    private.extend((1..=7).take((8 - private.len() % 8) % 8));
    let mut all = b"openssh-key-v1\0".to_vec();
    head.iter().for_each(|field| push_string(&mut all, field));
    all.extend_from_slice(count);
    push_string(&mut all, public);
    push_string(&mut all, &private);
    Some(all)
}

/// Strings as SSH writes them (RFC 4251, 5).
struct Strings<'a>(&'a [u8]);

impl<'a> Strings<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(taken)
    }

    fn next(&mut self) -> Option<&'a [u8]> {
        let len = u32::from_be_bytes(self.take(4)?.try_into().ok()?);
        self.take(len as usize)
    }
}

fn push_string(out: &mut Vec<u8>, string: &[u8]) {
    out.extend((string.len() as u32).to_be_bytes());
    out.extend_from_slice(string);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key whose number is one: its public half is the curve's own base point (SEC 2, 2.4.2).
    #[test]
    fn a_key_whose_number_begins_with_zeros_can_be_read() {
        let point = "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296\
                     4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
        let point = data_encoding::HEXLOWER.decode(point.as_bytes()).expect("it is hexadecimal");
        let mut public = Vec::new();
        for field in [&b"ecdsa-sha2-nistp256"[..], b"nistp256", &point] {
            push_string(&mut public, field);
        }
        let mut private = vec![7; 8];
        private.extend_from_slice(&public);
        push_string(&mut private, &[1]);
        push_string(&mut private, b"test");
        private.extend((1..=7).take((8 - private.len() % 8) % 8));
        let mut key = b"openssh-key-v1\0".to_vec();
        [&b"none"[..], b"none", b""].iter().for_each(|field| push_string(&mut key, field));
        key.extend(1_u32.to_be_bytes());
        push_string(&mut key, &public);
        push_string(&mut key, &private);
        let path = std::env::temp_dir().join(format!("exodus-key-{}", std::process::id()));
        std::fs::write(&path, format!("{BEGIN}\n{}\n{END}\n", BASE64.encode(&key)))
            .expect("it can be written");
        let read = private_key(&path, None).expect("it is a key");
        let russh::keys::ssh_key::private::KeypairData::Ecdsa(pair) = read.key_data() else {
            panic!("it is an ECDSA key");
        };
        assert_eq!(pair.private_key_bytes()[31], 1);
        assert!(!is_encrypted(&path));
        std::fs::write(&path, "no key").expect("it can be written");
        assert!(private_key(&path, None).is_none());
        let _ = std::fs::remove_file(&path);
    }
}
