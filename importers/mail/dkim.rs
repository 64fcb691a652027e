//! The body hash of DKIM (RFC 6376 section 3.4 and 3.7): a proof, without any network, that a body is byte for byte
//! what its sender signed.
//!
//! Only `bh=` is checked. The signature itself (`b=`) needs the sender's public key of that day, which is gone.

use data_encoding::BASE64;
use memchr::memchr;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::header;

/// What the signatures of a message say of its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// There is no signature whose body hash can be computed.
    Unsigned,
    /// No signature fits: the body was changed, by a mailing list on its way or by the export.
    Differs,
    /// The body is what at least one signer signed.
    Proven,
}

/// Checks the body against every `DKIM-Signature` of the header. Line ends may be CRLF or LF.
pub fn check(header: &[u8], body: &[u8]) -> Verdict {
    let mut verdict = Verdict::Unsigned;
    for signature in signatures(header) {
        let fits = signature.body_hash(body) == signature.expected;
        verdict = verdict.max(if fits { Verdict::Proven } else { Verdict::Differs });
        if fits {
            break;
        }
    }
    verdict
}

/// The part of a `DKIM-Signature` that concerns the body.
struct Signature {
    is_relaxed: bool,
    is_sha1: bool,
    limit: Option<u64>,
    expected: Vec<u8>,
}

fn signatures(header: &[u8]) -> impl Iterator<Item = Signature> + '_ {
    let fields = header::fields(header).filter(|field| field.is("DKIM-Signature"));
    fields.filter_map(|field| Signature::parse(&field.unfolded()))
}

impl Signature {
    fn parse(value: &[u8]) -> Option<Signature> {
        let tag = |name: &[u8]| {
            let tags = value.split(|byte| *byte == b';');
            let found = tags.filter_map(|tag| {
                let equals = memchr(b'=', tag)?;
                (tag[..equals].trim_ascii() == name).then(|| &tag[equals + 1..])
            });
            let without_blanks = |value: &[u8]| -> Vec<u8> {
                value.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect()
            };
            found.map(without_blanks).next()
        };
        let algorithm = tag(b"a")?.to_ascii_lowercase();
        let is_sha1 = algorithm.ends_with(b"sha1");
        if !is_sha1 && !algorithm.ends_with(b"sha256") {
            return None;
        }
        let canon = tag(b"c").unwrap_or_default().to_ascii_lowercase();
        let limit = match tag(b"l") {
            None => None,
            Some(digits) => Some(std::str::from_utf8(&digits).ok()?.parse().ok()?),
        };
        Some(Signature {
            is_relaxed: canon.ends_with(b"/relaxed"),
            is_sha1,
            limit,
            expected: BASE64.decode(&tag(b"bh")?).ok()?,
        })
    }

    fn body_hash(&self, body: &[u8]) -> Vec<u8> {
        if self.is_sha1 { self.hash_with(Sha1::new(), body) } else { self.hash_with(Sha256::new(), body) }
    }

    fn hash_with<D: Digest>(&self, digest: D, body: &[u8]) -> Vec<u8> {
        let mut out = Canonical { digest, left: self.limit.unwrap_or(u64::MAX), pending: 0, is_empty: true };
        let mut line = Vec::new();
        let mut rest = body;
        while !rest.is_empty() && out.left > 0 {
            let end = memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            let (raw, next) = rest.split_at(end);
            rest = next;
            let text = raw.strip_suffix(b"\n").unwrap_or(raw);
            let text = if raw.ends_with(b"\n") { text.strip_suffix(b"\r").unwrap_or(text) } else { text };
            if self.is_relaxed {
                relax(text, &mut line);
                out.line(&line);
            } else {
                out.line(text);
            }
        }
        if out.is_empty && !self.is_relaxed {
            out.put(b"\r\n");
        }
        out.digest.finalize().to_vec()
    }
}

/// Feeds canonical lines to a digest, up to the limit; empty lines at the end of the body do not count.
struct Canonical<D> {
    digest: D,
    left: u64,
    pending: usize,
    is_empty: bool,
}

impl<D: Digest> Canonical<D> {
    fn line(&mut self, text: &[u8]) {
        if text.is_empty() {
            self.pending += 1;
            return;
        }
        self.is_empty = false;
        for _ in 0..std::mem::take(&mut self.pending) {
            self.put(b"\r\n");
        }
        self.put(text);
        self.put(b"\r\n");
    }

    fn put(&mut self, bytes: &[u8]) {
        let len = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.digest.update(&bytes[..len]);
        self.left -= len as u64;
    }
}

/// Runs of blanks become one space, blanks at the end of the line go (RFC 6376 section 3.4.4).
fn relax(text: &[u8], line: &mut Vec<u8>) {
    line.clear();
    for &byte in text {
        if byte == b' ' || byte == b'\t' {
            if line.last() != Some(&b' ') {
                line.push(b' ');
            }
        } else {
            line.push(byte);
        }
    }
    if line.last() == Some(&b' ') {
        line.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_body(canon: &str, limit: &str, canonical: &[u8], body: &[u8]) {
        let bh = BASE64.encode(&Sha256::digest(canonical));
        let header = format!("DKIM-Signature: v=1; a=rsa-sha256; c={canon};{limit}\r\n bh={bh}; b=eA==\r\n");
        assert_eq!(check(header.as_bytes(), body), Verdict::Proven, "{canon} {limit}");
        let lf: Vec<u8> = String::from_utf8_lossy(body).replace("\r\n", "\n").into_bytes();
        assert_eq!(check(header.as_bytes(), &lf), Verdict::Proven, "{canon} {limit}, LF");
        let mut other = b"x".to_vec();
        other.extend_from_slice(body);
        assert_eq!(check(header.as_bytes(), &other), Verdict::Differs);
    }

    #[test]
    fn bodies_are_canonicalized_as_rfc_6376_does_in_its_examples() {
        let body = b" C \r\nD \t E\r\n\r\n\r\n";
        check_body("simple/simple", "", b" C \r\nD \t E\r\n", body);
        check_body("simple/relaxed", "", b" C\r\nD E\r\n", body);
        check_body("relaxed", "", b" C \r\nD \t E\r\n", body);
        check_body("relaxed/simple", " l=4;", b" C \r", body);
        check_body("simple/simple", "", b"a\r\n\r\nb\r\n", b"a\r\n\r\nb");
    }

    #[test]
    fn empty_bodies_have_the_hashes_that_rfc_6376_names() {
        let simple = b"DKIM-Signature: a=rsa-sha256; bh=frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=; b=\n";
        assert_eq!(check(simple, b""), Verdict::Proven);
        let relaxed =
            b"DKIM-Signature: a=rsa-sha256; c=relaxed/relaxed; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
        assert_eq!(check(relaxed, b"\r\n\r\n"), Verdict::Proven);
        let sha1 = b"DKIM-Signature: a=rsa-sha1; bh=uoq1oCgLlTqpdDX/iUbLy7J1Wic=\n";
        assert_eq!(check(sha1, b""), Verdict::Proven);
    }

    #[test]
    fn a_message_without_a_usable_signature_proves_nothing() {
        assert_eq!(check(b"Subject: x\n", b"body"), Verdict::Unsigned);
        assert_eq!(check(b"DKIM-Signature: a=ed25519; bh=eA==\n", b"body"), Verdict::Unsigned);
        assert_eq!(check(b"DKIM-Signature: a=rsa-sha256; bh=?\n", b"body"), Verdict::Unsigned);
    }
}
