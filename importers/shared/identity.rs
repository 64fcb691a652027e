//! A name for a message that carries none of its own: a hash of what does not change between exports.
//!
//! Left out are what exporters add (`X-GM-*`, `X-Gmail-*`, mbox status fields), line ends, `>From ` quoting and
//! empty lines at the end, so that one message has one name whether it comes from an mbox, a Maildir or an `.eml`.

use exodus_mail::header;
use memchr::memchr;

/// The name of a message: 32 hexadecimal digits.
pub fn of(message: &[u8]) -> String {
    let (head, body) = header::split(message);
    let mut hash = blake3::Hasher::new();
    let mut out = Vec::with_capacity(message.len().min(1 << 20));
    for field in header::fields(head).filter(|field| !is_added(field.name)) {
        push_lines(field.raw, &mut out, &mut hash);
    }
    out.push(b'\n');
    push_lines(body.trim_ascii_end(), &mut out, &mut hash);
    hash.update(&out);
    hash.finalize().to_hex()[..32].to_owned()
}

fn is_added(name: &[u8]) -> bool {
    let begins =
        |prefix: &[u8]| name.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
    let status = [
        "Status",
        "X-Status",
        "X-Mozilla-Status",
        "X-Mozilla-Status2",
        "X-Mozilla-Keys",
        "X-Keywords",
        "X-UID",
    ];
    begins(b"X-GM-")
        || begins(b"X-Gmail-")
        || status.iter().any(|field| name.eq_ignore_ascii_case(field.as_bytes()))
}

fn push_lines(text: &[u8], out: &mut Vec<u8>, hash: &mut blake3::Hasher) {
    let mut rest = text;
    while !rest.is_empty() {
        let end = memchr(b'\n', rest).unwrap_or(rest.len());
        let line = &rest[..end];
        rest = rest.get(end + 1..).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let marks = line.iter().take_while(|byte| **byte == b'>').count();
        let is_quoted = marks > 0 && line[marks..].starts_with(b"From ");
        out.extend_from_slice(if is_quoted { &line[marks..] } else { line });
        out.push(b'\n');
        if out.len() >= 1 << 16 {
            hash.update(out);
            out.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_keeps_its_name_whatever_carried_it() {
        let name = of(b"Subject: a\r\nTo: b\r\n\r\nFrom c\r\n");
        assert_eq!(
            name,
            of(b"X-GM-THRID: 1\nSubject: a\nX-Gmail-Labels: Inbox,\n Sent\nTo: b\n\n>From c\n\n")
        );
        assert_eq!(name, of(b"Subject: a\nTo: b\nStatus: RO\n\nFrom c"));
        assert_ne!(name, of(b"Subject: a\nTo: b\n\nFrom d"));
        assert_ne!(name, of(b"Subject: aa\nTo: b\n\nFrom c"));
        assert_eq!(name.len(), 32);
    }
}
