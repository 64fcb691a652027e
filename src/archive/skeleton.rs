//! A message without the bulk of its attachments: what is parsed for the facts and the text.
//!
//! Most bytes of a mailbox are base64 of attachments, and decoding them only to learn their size is what costs most
//! in parsing. A skeleton is the message with whole lines of such base64 left out. Only lines of nothing but base64
//! letters, in groups of four, in a part whose own header says that it is base64 of something other than text, go;
//! so no boundary goes with them, and every group is three bytes. Whether the parser sees that part as this module
//! does is checked afterwards ([`Skeleton::fits`]); if not, the whole message is parsed.

use std::borrow::Cow;

use exodus_mail::header;
use mail_parser::{Encoding, Message, MessagePart, PartType};
use memchr::{memchr, memmem, memrchr};

/// Less than this is not worth leaving out.
const LEAST_BYTES: usize = 4 << 10;
/// The header of a part is not looked for further away.
const HEADER_BYTES: usize = 4 << 10;

/// A message without the bulk of its attachments.
pub struct Skeleton<'a> {
    /// What is left of it.
    pub bytes: Cow<'a, [u8]>,
    cuts: Vec<Cut>,
}

/// What was left out of one part: all lines but the first and the last few of its body.
struct Cut {
    /// Where the body begins in the skeleton.
    body: usize,
    /// How many bytes the lines decode to.
    decoded: u64,
}

impl<'a> Skeleton<'a> {
    /// The message with nothing left out.
    pub fn whole(message: &'a [u8]) -> Skeleton<'a> {
        Skeleton { bytes: Cow::Borrowed(message), cuts: Vec::new() }
    }

    /// The message with all left out that can be.
    pub fn of(message: &'a [u8]) -> Skeleton<'a> {
        let (mut bytes, mut cuts) = (Vec::new(), Vec::new());
        let (mut at, mut copied) = (0, 0);
        while let Some(found) = memmem::find(&message[at..], b"base64") {
            at += found;
            if let Some(body) = body_of_attachment(message, at) {
                let lines = base64_lines(&message[body..]);
                if lines.len >= LEAST_BYTES {
                    bytes.extend_from_slice(&message[copied..body]);
                    cuts.push(Cut { body: bytes.len(), decoded: lines.decoded });
                    bytes.extend_from_slice(&message[body..body + lines.first_len]);
                    copied = body + lines.len;
                    at = copied;
                }
            }
            at = message.len().min(at + 6);
        }
        if cuts.is_empty() {
            return Skeleton::whole(message);
        }
        bytes.extend_from_slice(&message[copied..]);
        Skeleton { bytes: Cow::Owned(bytes), cuts }
    }

    /// True when the parser took every cut body for the content of an attachment and could decode it, so that the
    /// cut changes nothing but the size. A message within the message has a size of its own, so with one of those
    /// nothing may be cut.
    pub fn fits(&self, parsed: &Message) -> bool {
        let is_attachment = |part: &MessagePart| {
            matches!(part.body, PartType::Binary(_) | PartType::InlineBinary(_))
                && part.encoding == Encoding::Base64
                && !part.is_encoding_problem
        };
        let is_in_attachment =
            |cut: &Cut| parsed.parts.iter().any(|part| cut.is_of(part) && is_attachment(part));
        let has_message = || parsed.parts.iter().any(|part| matches!(part.body, PartType::Message(_)));
        self.cuts.is_empty() || (self.cuts.iter().all(is_in_attachment) && !has_message())
    }

    /// The decoded size of what was left out of a part, in bytes.
    pub fn left_out(&self, part: &MessagePart) -> u64 {
        self.cuts.iter().filter(|cut| cut.is_of(part)).map(|cut| cut.decoded).sum()
    }
}

impl Cut {
    fn is_of(&self, part: &MessagePart) -> bool {
        part.offset_body as usize == self.body
    }
}

/// Where the body of a part begins, if the `base64` at `at` is what its header says of its encoding
/// and the header says too that it is no text, multipart or message.
fn body_of_attachment(message: &[u8], at: usize) -> Option<usize> {
    let is_field = |line: &[u8]| {
        let name = b"content-transfer-encoding";
        line.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name))
    };
    let far = at.saturating_sub(HEADER_BYTES);
    let mut start = memrchr(b'\n', &message[far..at]).map(|end| far + end + 1)?;
    if !is_field(&message[start..]) {
        return None;
    }
    // Back to the empty line or the boundary before the header.
    while let Some(end) = memrchr(b'\n', &message[far..start - 1]) {
        let line = &message[far + end + 1..start];
        if line.starts_with(b"--") || line.trim_ascii().is_empty() {
            break;
        }
        start = far + end + 1;
    }
    let near = &message[start..message.len().min(at + HEADER_BYTES)];
    let (head, body) = header::split(near);
    let media_type = header::get(head, "Content-Type")?.to_ascii_lowercase();
    let is_binary = [&b"image/"[..], b"application/", b"audio/", b"video/", b"font/", b"model/"]
        .iter()
        .any(|kind| media_type.starts_with(kind));
    let is_base64 = header::get(head, "Content-Transfer-Encoding")?.eq_ignore_ascii_case(b"base64");
    (is_binary && is_base64 && !body.is_empty()).then_some(start + near.len() - body.len())
}

/// Lines of base64.
#[derive(Default)]
struct Lines {
    /// Their bytes.
    len: usize,
    /// Those of the first of them.
    first_len: usize,
    /// How many bytes all but the first decode to.
    decoded: u64,
}

/// The lines at the beginning that consist of nothing but whole groups of four base64 letters.
fn base64_lines(body: &[u8]) -> Lines {
    let mut lines = Lines::default();
    while let Some(end) = memchr(b'\n', &body[lines.len..]) {
        let line = &body[lines.len..lines.len + end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() || !line.len().is_multiple_of(4) || !is_base64(line) {
            break;
        }
        lines.len += end + 1;
        if lines.first_len == 0 {
            lines.first_len = lines.len;
        } else {
            lines.decoded += line.len() as u64 / 4 * 3;
        }
    }
    lines
}

fn is_base64(line: &[u8]) -> bool {
    // Without an early end, so that the compiler looks at many letters at once.
    line.iter().fold(true, |is_base64, byte| {
        let is_letter = (byte | 0x20).wrapping_sub(b'a') < 26;
        let is_digit = byte.wrapping_sub(b'0') < 10;
        is_base64 & (is_letter | is_digit | (*byte == b'+') | (*byte == b'/'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(media_type: &str, body: &str) -> String {
        format!(
            "Subject: a\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nHello\n\
             --b\nContent-Type: {media_type}; name=a\nContent-Transfer-Encoding: base64\n\n{body}\n--b--\n"
        )
    }

    fn check(message: &str, is_cut: bool) {
        let skeleton = Skeleton::of(message.as_bytes());
        assert_eq!(skeleton.bytes.len() < message.len(), is_cut, "{:.200}", message);
        assert_eq!(skeleton.cuts.is_empty(), !is_cut);
    }

    #[test]
    fn only_plain_base64_of_an_attachment_is_left_out() {
        let line = "QUJD".repeat(19) + "\n";
        let long = line.repeat(100);
        check(&mail("image/jpeg", &long), true);
        check(&mail("image/jpeg", &long).replace('\n', "\r\n"), true);
        check(&mail("text/csv", &long), false);
        check(&mail("message/rfc822", &long), false);
        check(&mail("image/jpeg", &line.repeat(3)), false);
        check(&mail("image/jpeg", &long.replace("QUJDQ", "QUJD-")), false);
        check(&format!("Subject: base64\n\nContent-Transfer-Encoding: base64\n\n{long}"), false);
    }
}
