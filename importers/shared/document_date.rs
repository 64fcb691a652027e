//! The date that a document tells of itself: Office Open XML, OpenDocument, PDF, pictures with EXIF, videos.
//!
//! Asked only where an export tells no date. What is found is the time of the last change, in UTC where the document
//! names a zone; EXIF's local time is taken as it is.

use std::io::Read;

use exodus_api::{Entry, Source};
use flate2::read::DeflateDecoder;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use memchr::memmem;

use super::movie_date;

/// Larger documents are not asked: they would have to be held whole.
const LIMIT_BYTES: u64 = 48 << 20;
/// Of a photo the beginning is enough.
const PHOTO_BYTES: u64 = 1 << 20;
/// No description inside a document is larger.
const PROPERTIES_BYTES: u64 = 1 << 20;

/// Finds the date in a document's bytes.
type Reader = fn(&[u8]) -> Option<i64>;

/// When the document was last changed, in seconds since 1970-01-01 UTC, by its own word.
pub fn modified(source: &dyn Source, entry: &Entry) -> Option<i64> {
    let extension = entry.name().rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase())?;
    let (limit, read): (u64, Reader) = match extension.as_str() {
        "docx" | "xlsx" | "pptx" | "docm" | "xlsm" | "pptm" | "dotx" | "xltx" | "potx" | "ppsx" => {
            (LIMIT_BYTES, ooxml)
        }
        "odt" | "ods" | "odp" | "odg" | "odf" => (LIMIT_BYTES, opendocument),
        "pdf" => (LIMIT_BYTES, pdf),
        "jpg" | "jpeg" | "jpe" | "jfif" | "heic" | "heif" | "hif" | "avif" | "png" | "webp" | "tif"
        | "tiff" | "dng" => (PHOTO_BYTES, exif_date),
        "mp4" | "mov" | "m4v" | "3gp" | "3g2" | "qt" | "mp" | "mv" => {
            return movie_date::created(source.open(entry).ok()?);
        }
        _ => return None,
    };
    if limit == LIMIT_BYTES && entry.size > LIMIT_BYTES {
        return None;
    }
    let mut bytes = Vec::new();
    // What cannot be read is reported when the file itself is copied.
    source.open(entry).ok()?.take(limit).read_to_end(&mut bytes).ok()?;
    read(&bytes)
}

fn ooxml(bytes: &[u8]) -> Option<i64> {
    let xml = zip_member(bytes, b"docProps/core.xml")?;
    text_of(&xml, "dcterms:modified").or_else(|| text_of(&xml, "dcterms:created"))
}

fn opendocument(bytes: &[u8]) -> Option<i64> {
    let xml = zip_member(bytes, b"meta.xml")?;
    text_of(&xml, "dc:date").or_else(|| text_of(&xml, "meta:creation-date"))
}

/// The content of a member of a zip that is held whole, found by its entry in the central directory.
fn zip_member(bytes: &[u8], name: &[u8]) -> Option<Vec<u8>> {
    let u16_at = |at: usize| Some(usize::from(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?)));
    let u32_at =
        |at: usize| usize::try_from(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?)).ok();
    let is_it = |at: &usize| u16_at(at + 28) == Some(name.len()) && bytes[at + 46..].starts_with(name);
    let central = memmem::rfind_iter(bytes, b"PK\x01\x02").find(|at| at + 46 <= bytes.len() && is_it(at))?;
    let (method, packed, local) = (u16_at(central + 10)?, u32_at(central + 20)?, u32_at(central + 42)?);
    let start = local + 30 + u16_at(local + 26)? + u16_at(local + 28)?;
    let data = bytes.get(start..start.checked_add(packed)?)?;
    match method {
        0 => Some(data.to_vec()),
        8 => {
            let mut out = Vec::new();
            DeflateDecoder::new(data).take(PROPERTIES_BYTES).read_to_end(&mut out).ok()?;
            Some(out)
        }
        _ => None,
    }
}

/// The time in an XML element: `<name ...>2024-05-06T07:08:09Z</name>`.
fn text_of(xml: &[u8], name: &str) -> Option<i64> {
    let xml = String::from_utf8_lossy(xml);
    let start = xml.find(&format!("<{name}"))?;
    let text = start + xml[start..].find('>')? + 1;
    let end = text + xml[text..].find('<')?;
    instant(xml[text..end].trim())
}

/// A time with or without a zone; without one it is taken as UTC.
fn instant(text: &str) -> Option<i64> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time.as_second());
    }
    utc(text.parse().ok()?)
}

fn utc(time: DateTime) -> Option<i64> {
    time.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp().as_second())
}

/// `/ModDate (D:20240506070809+02'00')` (ISO 32000-1 section 7.9.4), the last one in the file; else XMP's.
fn pdf(bytes: &[u8]) -> Option<i64> {
    let by_key = |key: &[u8]| {
        let at = memmem::rfind(bytes, key)?;
        let rest = bytes.get(at + key.len()..(at + key.len() + 64).min(bytes.len()))?;
        let start = memmem::find(rest, b"(D:")? + 3;
        pdf_date(&String::from_utf8_lossy(&rest[start..]))
    };
    let xmp = || {
        let at = memmem::rfind(bytes, b"<xmp:ModifyDate>")?;
        text_of(bytes.get(at..(at + 128).min(bytes.len()))?, "xmp:ModifyDate")
    };
    by_key(b"/ModDate").or_else(xmp).or_else(|| by_key(b"/CreationDate"))
}

fn pdf_date(text: &str) -> Option<i64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count().min(14);
    let number = |from: usize, default: i8| -> Option<i8> {
        if digits >= from + 2 { text[from..from + 2].parse().ok() } else { Some(default) }
    };
    let year: i16 = text.get(..4).filter(|_| digits >= 4)?.parse().ok()?;
    let date = (number(4, 1)?, number(6, 1)?);
    let clock = (number(8, 0)?, number(10, 0)?, number(12, 0)?);
    let local = utc(DateTime::new(year, date.0, date.1, clock.0, clock.1, clock.2.min(59), 0).ok()?)?;
    let zone = &text[digits..];
    let sign = match zone.bytes().next() {
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ => return Some(local),
    };
    let hours: i64 = zone.get(1..3)?.parse().ok()?;
    let minutes: i64 = zone.get(4..6).and_then(|minutes| minutes.parse().ok()).unwrap_or(0);
    Some(local - sign * (hours * 3600 + minutes * 60))
}

/// EXIF's DateTimeOriginal, else its DateTime, of a picture.
fn exif_date(bytes: &[u8]) -> Option<i64> {
    let exif = exif::Reader::new().read_from_container(&mut std::io::Cursor::new(bytes)).ok()?;
    let field = |tag| match &exif.get_field(tag, exif::In::PRIMARY)?.value {
        exif::Value::Ascii(texts) => exif::DateTime::from_ascii(texts.first()?).ok(),
        _ => None,
    };
    let date = field(exif::Tag::DateTimeOriginal).or_else(|| field(exif::Tag::DateTime))?;
    let small = |number: u8| i8::try_from(number).ok();
    let (day, clock) = ((small(date.month)?, small(date.day)?), (small(date.hour)?, small(date.minute)?));
    let year = i16::try_from(date.year).ok()?;
    let local =
        utc(DateTime::new(year, day.0, day.1, clock.0, clock.1, small(date.second.min(59))?, 0).ok()?)?;
    (local > 0).then_some(local)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pdf_dates_are_read_with_and_without_their_zone() {
        let plain = b"<< /CreationDate (D:20200101000000Z) /ModDate (D:20240506070809+02'00') >>";
        assert_eq!(pdf(plain), Some(1_714_972_089));
        assert_eq!(pdf(b"/ModDate (D:2024)"), Some(1_704_067_200));
        assert_eq!(pdf(b"/ModDate (D:20241399)"), None);
        assert_eq!(pdf(b"<xmp:ModifyDate>2024-05-06T07:08:09+02:00</xmp:ModifyDate>"), Some(1_714_972_089));
        assert_eq!(pdf(b"no date at all"), None);
    }

    #[test]
    fn a_picture_tells_when_it_was_taken() {
        let picture = exodus_fixtures::photos::picture_with_exif(1, "2019:05:03 14:30:12");
        assert_eq!(exif_date(&picture), Some(1_556_893_812));
        let never = exodus_fixtures::photos::picture_with_exif(1, "0000:00:00 00:00:00");
        assert_eq!(exif_date(&never), None);
    }

    #[test]
    fn damaged_documents_have_no_date() {
        for bytes in [
            &b""[..],
            b"PK\x01\x02",
            b"PK\x01\x02aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            b"\xff\xd8\xff",
        ] {
            assert_eq!(ooxml(bytes), None);
            assert_eq!(opendocument(bytes), None);
            assert_eq!(exif_date(bytes), None);
        }
    }

    #[test]
    fn times_without_a_zone_are_utc() {
        assert_eq!(instant("2024-05-06T07:08:09Z"), Some(1_714_979_289));
        assert_eq!(instant("2024-05-06T07:08:09.5"), Some(1_714_979_289));
        assert_eq!(instant("soon"), None);
    }
}
