//! What the index says of a message: read from its bytes, by `mail-parser`, never failing.
//!
//! A message that the parser cannot make sense of (or panics on) has empty facts; it is stored all the same.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use exodus_mail::{encoded_word, header};
use mail_parser::{Address, Message, MessageParser, MessagePart, MimeHeaders, PartType};

use super::skeleton::Skeleton;

/// How much of the text the index shows beside the subject, in characters.
const SNIPPET_CHARS: usize = 160;
/// How much text of one message goes into the full-text index, in bytes.
const TEXT_LIMIT_BYTES: usize = 1 << 20;
/// Of a message that is larger without its attachments only the beginning is parsed: its header and some text.
const PARSE_LIMIT_BYTES: usize = 64 << 20;
const PARSE_PREFIX_BYTES: usize = 4 << 20;

/// What the index says of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// `Message-ID` without its angle brackets.
    pub message_id: Option<String>,
    /// `Date` in seconds since 1970-01-01 UTC.
    pub date: Option<i64>,
    /// `From`, as `Name <address>`.
    pub sender: Option<String>,
    /// `To`, as a list of the same.
    pub recipients: Option<String>,
    /// `Cc`, as a list of the same.
    pub cc: Option<String>,
    /// `Subject`, decoded.
    pub subject: Option<String>,
    /// The beginning of the text on one line.
    pub snippet: Option<String>,
    /// The attachments in their order.
    pub attachments: Vec<Attachment>,
}

/// One attachment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Its file name.
    pub name: Option<String>,
    /// Its media type: `application/pdf`.
    pub media_type: String,
    /// Size of the decoded content in bytes.
    pub size: u64,
}

/// What the full-text index takes of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// Subject and names of attachments.
    pub subject: String,
    /// `From`.
    pub sender: String,
    /// `To` and `Cc`.
    pub recipients: String,
    /// The plain text, or else the text of the HTML.
    pub body: String,
}

/// The facts of a message.
pub fn facts(message: &[u8]) -> Facts {
    parsed(message, Skeleton::of, |parsed, skeleton| read_facts(message, parsed, skeleton))
        .unwrap_or_else(|| Facts { subject: subject(message), ..Facts::default() })
}

/// The text of a message.
pub fn text(message: &[u8]) -> Text {
    parsed(message, Skeleton::of, |parsed, skeleton| read_text(message, parsed, skeleton)).unwrap_or_default()
}

/// Lets `read` look at the parsed message; `None` if the parser gives up or panics. What `cut` leaves of the message
/// is parsed if that changes nothing, else the whole of it.
fn parsed<'a, T>(
    message: &'a [u8],
    cut: impl FnOnce(&'a [u8]) -> Skeleton<'a>,
    read: impl FnOnce(&Message, &Skeleton) -> T,
) -> Option<T> {
    let is_huge = |bytes: &[u8]| bytes.len() > PARSE_LIMIT_BYTES;
    let parser = MessageParser::default();
    let parse = || {
        let skeleton = cut(message);
        if !is_huge(&skeleton.bytes) {
            let parsed = parser.parse(&*skeleton.bytes)?;
            if skeleton.fits(&parsed) {
                return Some(read(&parsed, &skeleton));
            }
        }
        let shown = if is_huge(message) { &message[..PARSE_PREFIX_BYTES] } else { message };
        let whole = Skeleton::whole(shown);
        Some(read(&parser.parse(shown)?, &whole))
    };
    catch_unwind(AssertUnwindSafe(parse)).ok().flatten()
}

fn subject(message: &[u8]) -> Option<String> {
    let value = header::get(header::split(message).0, "Subject")?;
    Some(encoded_word::decode(&value)).filter(|subject| !subject.is_empty())
}

fn read_facts(message: &[u8], parsed: &Message, skeleton: &Skeleton) -> Facts {
    Facts {
        message_id: parsed.message_id().map(str::to_owned),
        date: parsed.date().filter(|date| date.is_valid()).map(mail_parser::DateTime::to_timestamp),
        sender: parsed.from().and_then(addresses),
        recipients: parsed.to().and_then(addresses),
        cc: parsed.cc().and_then(addresses),
        subject: subject(message),
        snippet: snippet(parsed),
        attachments: parsed.attachments().map(|part| attachment(part, skeleton)).collect(),
    }
}

fn read_text(message: &[u8], parsed: &Message, skeleton: &Skeleton) -> Text {
    let facts = read_facts(message, parsed, skeleton);
    let bodies = (0..parsed.text_body_count()).filter_map(|part| parsed.body_text(part));
    let mut body = String::new();
    for text in bodies {
        body.push_str(&text);
        body.push('\n');
    }
    body.truncate(body.floor_char_boundary(TEXT_LIMIT_BYTES));
    let names = facts.attachments.iter().filter_map(|attachment| attachment.name.clone());
    let subject: Vec<String> = facts.subject.into_iter().chain(names).collect();
    let recipients: Vec<String> = facts.recipients.into_iter().chain(facts.cc).collect();
    Text {
        subject: subject.join(" "),
        sender: facts.sender.unwrap_or_default(),
        recipients: recipients.join(", "),
        body,
    }
}

fn addresses(list: &Address) -> Option<String> {
    let one = |name: Option<&str>, address: Option<&str>| match (name, address) {
        (Some(name), Some(address)) => Some(format!("{name} <{address}>")),
        (None, Some(text)) | (Some(text), None) => Some(text.to_owned()),
        (None, None) => None,
    };
    let list: Vec<String> =
        list.iter().filter_map(|address| one(address.name(), address.address())).collect();
    (!list.is_empty()).then(|| list.join(", "))
}

fn snippet(parsed: &Message) -> Option<String> {
    let text = match parsed.text_bodies().next().map(|part| &part.body) {
        Some(PartType::Text(text)) => Cow::Borrowed(&text[..text.floor_char_boundary(SNIPPET_CHARS * 16)]),
        Some(PartType::Html(html)) if html.len() > 1 << 16 => {
            let head = &html[..html.floor_char_boundary(1 << 16)];
            Cow::Owned(mail_parser::decoders::html::html_to_text(head))
        }
        Some(_) => parsed.body_text(0)?,
        None => return None,
    };
    let mut snippet = String::new();
    for word in text.split_whitespace() {
        if !snippet.is_empty() {
            snippet.push(' ');
        }
        snippet.push_str(word);
        if snippet.len() > SNIPPET_CHARS * 4 {
            break;
        }
    }
    let cut = snippet.char_indices().nth(SNIPPET_CHARS).map_or(snippet.len(), |(at, _)| at);
    snippet.truncate(cut);
    (!snippet.is_empty()).then_some(snippet)
}

fn attachment(part: &MessagePart, skeleton: &Skeleton) -> Attachment {
    let media_type = part.content_type().map(|found| match found.subtype() {
        Some(subtype) => format!("{}/{subtype}", found.ctype()).to_ascii_lowercase(),
        None => found.ctype().to_ascii_lowercase(),
    });
    let is_message = matches!(part.body, PartType::Message(_));
    let fallback = if is_message { "message/rfc822" } else { "application/octet-stream" };
    Attachment {
        name: part.attachment_name().map(str::to_owned),
        media_type: media_type.unwrap_or_else(|| fallback.to_owned()),
        size: part.contents().len() as u64 + skeleton.left_out(part),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: &str = "From: =?UTF-8?Q?Ada_Ex=C3=A4mple?= <ada@example.org>\r\n\
        To: Bob <bob@example.org>, carol@example.org\r\n\
        Subject: =?UTF-8?Q?Gr=C3?=\r\n =?UTF-8?Q?=BC=C3=9Fe?=\r\n\
        Date: Tue, 19 Mar 2019 10:13:51 +0100\r\nMessage-ID: <1@example.org>\r\n\
        MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
        --b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Hello  <b>you</b></p>\r\n\
        --b\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\
        Content-Disposition: attachment; filename=\"a.pdf\"\r\n\r\nAAAA\r\n--b--\r\n";

    #[test]
    fn facts_are_decoded() {
        let facts = facts(MAIL.as_bytes());
        assert_eq!(facts.sender.as_deref(), Some("Ada Exämple <ada@example.org>"));
        assert_eq!(facts.recipients.as_deref(), Some("Bob <bob@example.org>, carol@example.org"));
        assert_eq!(facts.subject.as_deref(), Some("Grüße"));
        assert_eq!(facts.date, Some(1_552_986_831));
        assert_eq!(facts.message_id.as_deref(), Some("1@example.org"));
        assert_eq!(facts.snippet.as_deref(), Some("Hello you"));
        let pdf = Attachment { name: Some("a.pdf".into()), media_type: "application/pdf".into(), size: 3 };
        assert_eq!(facts.attachments, [pdf]);
    }

    #[test]
    fn the_text_of_html_is_found() {
        let text = text(MAIL.as_bytes());
        assert_eq!(text.subject, "Grüße a.pdf");
        assert_eq!(text.body.split_whitespace().collect::<Vec<_>>(), ["Hello", "you"]);
    }

    fn check_skeleton(message: &[u8]) {
        let read = |parsed: &Message, skeleton: &Skeleton| {
            (read_facts(message, parsed, skeleton), read_text(message, parsed, skeleton))
        };
        let of_skeleton = parsed(message, Skeleton::of, read);
        let of_whole = parsed(message, Skeleton::whole, read);
        assert_eq!(of_skeleton, of_whole, "{:.400}", String::from_utf8_lossy(message));
    }

    #[test]
    fn a_skeleton_has_the_facts_of_the_whole_message() {
        use exodus_fixtures::{mailbox, mbox::Quoting, rng::Rng};
        let mut rng = Rng::new(7);
        for mail in mailbox::mails(300, Quoting::None, 3) {
            check_skeleton(&mail.bytes);
            // Damage: pieces doubled, dropped and replaced.
            for _ in 0..4 {
                let mut bytes = mail.bytes.clone();
                for _ in 0..rng.range(1, 4) {
                    let from = rng.below(bytes.len() as u64 + 1) as usize;
                    let to = bytes.len().min(from + rng.below(200) as usize);
                    let piece = bytes[from..to].to_vec();
                    let put = rng.pick(&[piece, Vec::new(), b"=\n--".to_vec(), b"\n\n".to_vec()]).clone();
                    bytes.splice(from..to, put);
                }
                check_skeleton(&bytes);
            }
        }
    }

    #[test]
    fn a_skeleton_has_the_facts_of_messages_with_attachments_in_any_form() {
        let line = "QUJD".repeat(19) + "\n";
        let long = line.repeat(60);
        let part = |head: &str, body: &str| format!("--b\n{head}\n\n{body}\n");
        let base64 = "Content-Transfer-Encoding: base64";
        let parts = [
            part(&format!("Content-Type: image/png; name=a\n{base64}"), &long),
            part(&format!("{base64}\nContent-Type: application/pdf;\n name=b"), &format!("{long}QUI=\n")),
            part(&format!("Content-Type: image/png\n{base64}"), &format!("QUI\n{long}Q\n==\n{long}")),
            part(&format!("Content-Type: image/png\n{base64}"), &format!("{long}!!\n{long}")),
            part(&format!("Content-Type: text/csv\n{base64}"), &long),
            part("Content-Type: text/plain", &format!("Content-Type: image/png\n{base64}\n\n{long}")),
            part("Content-Type: text/plain", &format!("x\n\nContent-Type: image/png\n{base64}\n\n{long}")),
            part(&format!("Content-Type: image/png\nX: y\n {base64}"), &long),
            part("Content-Type: message/rfc822", &format!("Content-Type: image/png\n{base64}\n\n{long}")),
            part(&format!("Content-Type: image/png\n{base64}\n\n{long}--c"), "x"),
        ];
        for first in &parts {
            for second in &parts {
                for end in ["--b--\n", ""] {
                    let text = format!(
                        "Subject: a\nContent-Type: multipart/mixed; boundary=b\n\n{first}{second}{end}"
                    );
                    check_skeleton(text.as_bytes());
                    check_skeleton(text.replace('\n', "\r\n").as_bytes());
                }
            }
            check_skeleton(first.strip_prefix("--b\n").unwrap_or(first).as_bytes());
        }
    }

    #[test]
    fn nothing_at_all_has_no_facts_and_does_no_harm() {
        for message in [&b""[..], b"\n", b"\0\xff", b"no header at all"] {
            assert_eq!(facts(message).subject, None);
            text(message);
        }
    }
}
