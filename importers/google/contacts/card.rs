//! One vCard: what it says, and how it is written.
//!
//! It is written as it was, line for line, plus what is missing: a UID, the groups it was found in, a name where the
//! standard wants one, the picture that lay beside it.

use data_encoding::BASE64;
use jiff::Timestamp;

use crate::shared::content_lines::{self, Property, escaped, lines, list, push_line, push_raw};
use crate::shared::names;

/// What a card says of what matters here.
#[derive(Clone, Debug, Default)]
pub struct Card {
    /// Its own UID.
    pub uid: Option<String>,
    /// Who it is, in words; empty if it does not say.
    pub name: String,
    /// Its addresses, as they are written.
    pub emails: Vec<String>,
    /// Its telephone numbers, as they are written.
    pub phones: Vec<String>,
    /// Its `CATEGORIES`.
    pub groups: Vec<String>,
    /// Its `REV`, in seconds since 1970-01-01 UTC.
    pub revised: Option<i64>,
    /// True when a picture stands in it, not only its URL.
    pub has_picture: bool,
    /// Names all that it says but for groups, picture and revision.
    pub content: String,
    has: Has,
}

#[derive(Clone, Copy, Debug, Default)]
struct Has {
    version: bool,
    is_v4: bool,
    full_name: bool,
    names: bool,
}

impl Card {
    /// Reads a whole card.
    pub fn read(bytes: &[u8]) -> Card {
        let mut card = Card::default();
        let mut said = Vec::new();
        let mut others: [String; 3] = Default::default();
        for property in content_lines::properties(bytes) {
            let text = property.text();
            let text = text.trim();
            let name = property.name.as_str();
            match name {
                "VERSION" => (card.has.version, card.has.is_v4) = (true, text == "4.0"),
                "UID" if !text.is_empty() => card.uid = Some(text.to_owned()),
                "FN" => {
                    card.has.full_name = !text.is_empty();
                    card.name = text.to_owned();
                }
                "N" => {
                    card.has.names = true;
                    others[0] = person_of(&property);
                }
                "ORG" => others[1] = list(&property.value.replace(';', ",")).join(", "),
                "NICKNAME" => others[2] = text.to_owned(),
                "EMAIL" if !text.is_empty() => card.emails.push(text.to_owned()),
                "TEL" if !text.is_empty() => card.phones.push(text.to_owned()),
                "CATEGORIES" => card.groups.extend(list(&property.value)),
                "REV" => card.revised = text.parse::<Timestamp>().ok().map(Timestamp::as_second),
                "PHOTO" => card.has_picture |= !text.starts_with("http"),
                _ => {}
            }
            if !matches!(name, "CATEGORIES" | "REV" | "PRODID" | "UID" | "PHOTO" | "VERSION") {
                said.push(format!("{name}{:?}:{text}", property.params));
            }
        }
        if card.name.is_empty() {
            let addresses = [card.emails.first(), card.phones.first()];
            let names = others.iter().chain(addresses.into_iter().flatten());
            card.name = names.into_iter().find(|name| !name.trim().is_empty()).cloned().unwrap_or_default();
        }
        said.sort_unstable();
        card.content = content_lines::uid_of(said.join("\n").as_bytes());
        card
    }

    /// Its name as names are compared.
    pub fn folded_name(&self) -> String {
        names::folded(&self.name)
    }

    /// Its name with its addresses and numbers: tells most people of one name apart.
    pub fn person(&self) -> String {
        let mut ways: Vec<String> = self.emails.iter().map(|email| email.to_lowercase()).collect();
        let digits = |phone: &String| phone.chars().filter(char::is_ascii_digit).collect::<String>();
        ways.extend(self.phones.iter().map(digits));
        ways.sort_unstable();
        format!("{}\n{}", self.folded_name(), ways.join("\n"))
    }
}

/// The name that `N` spells: given names before family names.
fn person_of(property: &Property) -> String {
    let parts: Vec<String> = property.value.split(';').map(content_lines::unescaped).collect();
    let order = [3, 1, 2, 0, 4];
    let words = order.iter().filter_map(|place| parts.get(*place)).map(|part| part.trim());
    words.filter(|word| !word.is_empty()).collect::<Vec<&str>>().join(" ")
}

/// A picture that is put into a card.
pub struct Picture {
    subtype: &'static str,
    bytes: Vec<u8>,
}

impl Picture {
    /// The picture, if it is a JPEG or PNG by its first bytes.
    pub fn of(bytes: Vec<u8>) -> Option<Picture> {
        let subtype = match bytes.get(..4)? {
            [0xff, 0xd8, 0xff, _] => "jpeg",
            [0x89, b'P', b'N', b'G'] => "png",
            _ => return None,
        };
        Some(Picture { subtype, bytes })
    }

    fn line(&self, is_v4: bool) -> String {
        let text = BASE64.encode(&self.bytes);
        match is_v4 {
            true => format!("PHOTO:data:image/{};base64,{text}", self.subtype),
            false => format!("PHOTO;ENCODING=b;TYPE={}:{text}", self.subtype.to_ascii_uppercase()),
        }
    }
}

/// The card as it goes into the address book.
pub fn written(
    bytes: &[u8],
    card: &Card,
    uid: &str,
    groups: &[String],
    picture: Option<&Picture>,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 256);
    let raw: Vec<&[u8]> = lines(bytes).filter(|line| !line.trim_ascii().is_empty()).collect();
    let last = raw.len().saturating_sub(1);
    let has_same_groups = card.groups == groups;
    for (number, line) in raw.iter().enumerate() {
        if number == last {
            add_missing(&mut out, card, uid, picture);
            if !has_same_groups && !groups.is_empty() {
                let groups: Vec<String> = groups.iter().map(|group| escaped(group)).collect();
                push_line(&mut out, &format!("CATEGORIES:{}", groups.join(",")));
            }
        }
        let is_replaced = match content_lines::property(line).as_ref().map(|it| it.name.as_str()) {
            Some("CATEGORIES") => !has_same_groups,
            // An empty one; that which takes its place stands at the end.
            Some("FN") => !card.has.full_name,
            _ => false,
        };
        if !is_replaced {
            push_raw(&mut out, line);
        }
        if number == 0 && !card.has.version {
            push_line(&mut out, "VERSION:3.0");
        }
    }
    out
}

fn add_missing(out: &mut Vec<u8>, card: &Card, uid: &str, picture: Option<&Picture>) {
    if !card.has.full_name {
        push_line(out, &format!("FN:{}", escaped(&card.name)));
    }
    if !card.has.names && !card.has.is_v4 {
        push_line(out, &format!("N:{};;;;", escaped(&card.name)));
    }
    if card.uid.is_none() {
        push_line(out, &format!("UID:{uid}"));
    }
    if let Some(picture) = picture {
        push_line(out, &picture.line(card.has.is_v4));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(card: &str, expected: &str) {
        let bytes = card.replace('\n', "\r\n");
        let card = Card::read(bytes.as_bytes());
        let written = written(bytes.as_bytes(), &card, "the-uid", &["a, b".into(), "c".into()], None);
        assert_eq!(String::from_utf8(written).expect("text").replace("\r\n", "\n"), expected);
    }

    #[test]
    fn a_card_stays_as_it_was_but_for_what_is_missing() {
        check(
            "BEGIN:VCARD\nVERSION:3.0\nFN:Ada\nN:;Ada;;;\nitem1.X-ODD;Q=1:a\n b\nCATEGORIES:c\nEND:VCARD\n",
            "BEGIN:VCARD\nVERSION:3.0\nFN:Ada\nN:;Ada;;;\nitem1.X-ODD;Q=1:a\n b\nUID:the-uid\nCATEGORIES:a\\, b,c\nEND:VCARD\n",
        );
        check(
            "BEGIN:VCARD\nFN:\nTEL:+1 555\nUID:own\nCATEGORIES:a\\, b,c\nEND:VCARD",
            "BEGIN:VCARD\nVERSION:3.0\nTEL:+1 555\nUID:own\nCATEGORIES:a\\, b,c\nFN:+1 555\nN:+1 555;;;;\nEND:VCARD\n",
        );
    }

    #[test]
    fn a_card_without_a_full_name_is_called_by_what_it_has() {
        let name = |line: &str| Card::read(format!("BEGIN:VCARD\n{line}\nEND:VCARD\n").as_bytes()).name;
        assert_eq!(name("N:Example;Ada;B.;Dr.;"), "Dr. Ada B. Example");
        assert_eq!(name("FN:\nORG:Harbour;Boats"), "Harbour, Boats");
        assert_eq!(name("EMAIL:ada@example.org\nTEL:1"), "ada@example.org");
    }

    #[test]
    fn the_content_of_a_card_does_not_change_with_its_groups() {
        let content = |lines: &str| Card::read(format!("BEGIN:VCARD\n{lines}END:VCARD\n").as_bytes()).content;
        assert_eq!(
            content("FN:A\nTEL:1\nCATEGORIES:x\n"),
            content("TEL:1\nFN:A\nREV:2024-01-01T00:00:00Z\n")
        );
        assert_ne!(content("FN:A\nTEL:1\n"), content("FN:A\nTEL:2\n"));
    }
}
