//! Date and place written into a picture that has none of its own: for programs that read no sidecars.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use little_exif::exif_tag::ExifTag;
use little_exif::filetype::FileExtension;
use little_exif::metadata::Metadata;
use little_exif::rational::uR64;

/// What may be written.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Facts {
    /// When it was taken, in seconds since 1970-01-01 UTC.
    pub taken: Option<i64>,
    /// Latitude and longitude in degrees, north and east positive.
    pub place: Option<(f64, f64)>,
    /// Altitude in metres above the sea.
    pub altitude: Option<f64>,
}

/// The picture with the facts that it lacks (JPEG, PNG, WebP, HEIC); `None` if it has them or is no such picture.
///
/// # Errors
/// Why it cannot be written: the picture is damaged, or the library does not know its form.
pub fn filled_in(picture: &[u8], facts: Facts) -> Result<Option<Vec<u8>>, String> {
    // Foreign bytes in a parser of others: whatever happens in it concerns this picture alone.
    let filled = catch_unwind(AssertUnwindSafe(|| try_fill_in(picture, facts)));
    filled.unwrap_or_else(|_| Err("its form is not known".to_owned()))
}

fn try_fill_in(picture: &[u8], facts: Facts) -> Result<Option<Vec<u8>>, String> {
    let Some(form) = FileExtension::auto_detect(&mut Cursor::new(picture)) else { return Ok(None) };
    let is_known = matches!(
        form,
        FileExtension::JPEG | FileExtension::WEBP | FileExtension::HEIF | FileExtension::PNG { .. }
    );
    if !is_known {
        return Ok(None);
    }
    let mut bytes = extended_webp(picture).unwrap_or_else(|| picture.to_vec());
    // A picture without any metadata is an error to the library.
    let mut metadata = Metadata::new_from_vec(&bytes, form).unwrap_or_else(|_| Metadata::new());
    let tags = lacking(&metadata, facts);
    if tags.is_empty() {
        return Ok(None);
    }
    for tag in tags {
        metadata.set_tag(tag);
    }
    metadata.write_to_vec(&mut bytes, form).map_err(|err| err.to_string())?;
    let written = Metadata::new_from_vec(&bytes, form).map_err(|err| err.to_string())?;
    if !lacking(&written, facts).is_empty() || !has_same_pixels(picture, &bytes, form) {
        return Err("it would not be the same picture".to_owned());
    }
    Ok(Some(bytes))
}

/// A lossy WebP of the simple form in the extended one, which has room for EXIF: the library converts only lossless
/// ones. `None` for everything else.
fn extended_webp(picture: &[u8]) -> Option<Vec<u8>> {
    // WebP container: `RIFF` size `WEBP`, then chunks; RFC 6386 §9.1 for the size of the picture in the first frame.
    let is_simple = picture.starts_with(b"RIFF")
        && picture.get(8..16)? == b"WEBPVP8 "
        && picture.get(23..26)? == b"\x9d\x01\x2a";
    if !is_simple {
        return None;
    }
    let length = |at: usize| -> Option<u32> {
        let pair = picture.get(at..at + 2)?;
        Some(u32::from(u16::from_le_bytes([pair[0], pair[1]]) & 0x3fff).saturating_sub(1))
    };
    let (width, height) = (length(26)?.to_le_bytes(), length(28)?.to_le_bytes());
    let mut out = picture[..12].to_vec();
    out.extend_from_slice(b"VP8X\x0a\0\0\0\0\0\0\0");
    out.extend_from_slice(&width[..3]);
    out.extend_from_slice(&height[..3]);
    out.extend_from_slice(&picture[12..]);
    let size = u32::try_from(out.len() - 8).ok()?.to_le_bytes();
    out[4..8].copy_from_slice(&size);
    Some(out)
}

fn lacking(metadata: &Metadata, facts: Facts) -> Vec<ExifTag> {
    let has = |tag: ExifTag| metadata.get_tag(&tag).next().is_some();
    let mut tags = Vec::new();
    let date = facts.taken.and_then(|taken| jiff::Timestamp::from_second(taken).ok());
    if let Some(date) = date
        && !has(ExifTag::DateTimeOriginal(String::new()))
    {
        let date = date.to_zoned(jiff::tz::TimeZone::UTC).strftime("%Y:%m:%d %H:%M:%S").to_string();
        tags.push(ExifTag::DateTimeOriginal(date));
        tags.push(ExifTag::OffsetTimeOriginal("+00:00".to_owned()));
    }
    if let Some((latitude, longitude)) = facts.place
        && !has(ExifTag::GPSLatitude(Vec::new()))
    {
        let side =
            |degrees: f64, plus: &str, minus: &str| if degrees < 0.0 { minus } else { plus }.to_owned();
        tags.push(ExifTag::GPSLatitudeRef(side(latitude, "N", "S")));
        tags.push(ExifTag::GPSLatitude(degrees(latitude)));
        tags.push(ExifTag::GPSLongitudeRef(side(longitude, "E", "W")));
        tags.push(ExifTag::GPSLongitude(degrees(longitude)));
        if let Some(altitude) = facts.altitude {
            tags.push(ExifTag::GPSAltitudeRef(vec![u8::from(altitude < 0.0)]));
            tags.push(ExifTag::GPSAltitude(vec![rational(altitude.abs(), 100)]));
        }
    }
    tags
}

/// Degrees, minutes and seconds (EXIF 2.32 §4.6.6).
fn degrees(value: f64) -> Vec<uR64> {
    let value = value.abs();
    let minutes = value.fract() * 60.0;
    vec![rational(value.trunc(), 1), rational(minutes.trunc(), 1), rational(minutes.fract() * 60.0, 10_000)]
}

fn rational(value: f64, denominator: u32) -> uR64 {
    uR64 { nominator: (value * f64::from(denominator)).round() as u32, denominator }
}

/// Of a JPEG: everything from its first table on is as it was; of others the library's word counts.
fn has_same_pixels(before: &[u8], after: &[u8], form: FileExtension) -> bool {
    if form != FileExtension::JPEG {
        return true;
    }
    // The first quantization table follows all metadata that a writer touches.
    let tables = memchr::memmem::find(before, b"\xff\xdb\x00");
    tables.is_some_and(|at| after.ends_with(&before[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: Facts =
        Facts { taken: Some(1_552_986_831), place: Some((54.32, -10.14)), altitude: Some(12.5) };

    #[test]
    fn a_picture_without_a_date_gets_one_and_keeps_its_pixels() {
        let picture = exodus_fixtures::office::jpeg();
        let filled = filled_in(&picture, FACTS).expect("it is a picture").expect("it lacks a date");
        assert!(memchr::memmem::find(&filled, b"2019:03:19 09:13:51").is_some());
        assert_eq!(filled_in(&filled, FACTS), Ok(None), "now it has all of it");
        assert_eq!(filled_in(&filled, Facts { taken: Some(0), ..FACTS }), Ok(None), "what it has stays");
    }

    #[test]
    fn what_is_no_picture_or_broken_is_left_as_it_is() {
        assert_eq!(filled_in(b"", FACTS), Ok(None));
        assert_eq!(filled_in(b"no picture", FACTS), Ok(None));
        let picture = exodus_fixtures::office::jpeg();
        for cut in 0..picture.len() {
            let _ = filled_in(&picture[..cut], FACTS);
        }
    }

    #[test]
    fn degrees_are_written_in_minutes_and_seconds() {
        let [d, m, s] = &degrees(-54.321)[..] else { panic!("three numbers") };
        assert_eq!((d.nominator, m.nominator, s.nominator, s.denominator), (54, 19, 156_000, 10_000));
    }
}
