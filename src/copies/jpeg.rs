//! Pictures of any form as JPEG, for programs that take nothing else.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, ImageReader, Limits, RgbImage};

/// Neither side of a picture is longer before a copy; no camera's is.
const LIMIT_SIDE: u32 = 20_000;
/// Sides of a picture that is still too large in bytes, in points.
const SIDES: [u32; 4] = [4096, 2048, 1440, 1080];
const QUALITY: u8 = 90;

/// The picture as a JPEG of at most so many bytes; made smaller only as far as that takes.
///
/// # Errors
/// Why that cannot be done: it is no picture, or one that nobody here can read.
pub fn of(picture: &[u8], limit_bytes: usize) -> Result<Vec<u8>, String> {
    // Foreign bytes in parsers of others: whatever happens in them concerns this picture alone.
    let made = catch_unwind(AssertUnwindSafe(|| try_of(picture, limit_bytes)));
    made.unwrap_or_else(|_| Err("its form is not known".to_owned()))
}

fn try_of(picture: &[u8], limit_bytes: usize) -> Result<Vec<u8>, String> {
    let mut decoded = if picture.get(4..8) == Some(b"ftyp") { heic(picture)? } else { others(picture)? };
    let mut sides = SIDES.into_iter();
    loop {
        let mut out = Vec::new();
        let encoder = JpegEncoder::new_with_quality(&mut out, QUALITY);
        decoded.to_rgb8().write_with_encoder(encoder).map_err(|err| err.to_string())?;
        if out.len() <= limit_bytes {
            return Ok(out);
        }
        let side = sides.next().ok_or("it cannot be made small enough")?;
        decoded = decoded.resize(side, side, FilterType::Lanczos3);
    }
}

fn heic(picture: &[u8]) -> Result<DynamicImage, String> {
    let options = heic_rs::DecodeOptions::default();
    let image = heic_rs::decode(picture, &options).map_err(|err| err.to_string())?;
    let (width, height) = (image.width, image.height);
    let points: Vec<u8> = match image.data.len() / (width as usize * height as usize).max(1) {
        3 => image.data,
        4 => image.data.chunks_exact(4).flat_map(|point| [point[0], point[1], point[2]]).collect(),
        _ => return Err("its points are of an unknown form".to_owned()),
    };
    let image = RgbImage::from_raw(width, height, points).ok_or("its points are not all there")?;
    Ok(DynamicImage::ImageRgb8(image))
}

fn others(picture: &[u8]) -> Result<DynamicImage, String> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(LIMIT_SIDE);
    limits.max_image_height = Some(LIMIT_SIDE);
    let reader = ImageReader::new(Cursor::new(picture)).with_guessed_format();
    let mut reader = reader.map_err(|err| err.to_string())?;
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|err| err.to_string())?;
    let turned = image::ImageDecoder::orientation(&mut decoder);
    let mut decoded = DynamicImage::from_decoder(decoder).map_err(|err| err.to_string())?;
    if let Ok(turned) = turned {
        decoded.apply_orientation(turned);
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_is_made_smaller_and_what_is_no_picture_is_said_to_be_none() {
        let noise = RgbImage::from_fn(300, 200, |x, y| {
            image::Rgb([(x * 7919 % 251) as u8, (y * 104_729 % 253) as u8, (x * y % 255) as u8])
        });
        let mut png = Vec::new();
        noise.write_to(&mut Cursor::new(&mut png), image::ImageFormat::Png).expect("it is written to memory");
        let jpeg = of(&png, 1 << 20).expect("it is a picture");
        let again = image::load_from_memory(&jpeg).expect("it is a JPEG");
        assert_eq!((again.width(), again.height()), (300, 200));
        assert!(of(b"no picture", 1 << 20).is_err());
        assert!(of(b"\0\0\0\x18ftypheic", 1 << 20).is_err());
        assert!(of(&png, 10).is_err());
    }
}
