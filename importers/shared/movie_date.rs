//! When a video was made, by its own word: the creation time in the movie header of an ISO base media file (MP4, MOV).
//!
//! The header may stand behind all the pictures, so the file is read up to there, a little at a time (ISO 14496-12
//! sections 4.2 and 8.2.2). The time is UTC, in seconds since 1904; cameras without a clock write 0.

use std::io::{self, Read};

/// Seconds from 1904-01-01 to 1970-01-01.
const EPOCH: i64 = 2_082_844_800;
/// A movie has a few boxes at its top; more are rubbish.
const BOXES: usize = 64;

/// The creation time in seconds since 1970-01-01 UTC.
pub fn created(mut reader: impl Read) -> Option<i64> {
    let mut is_in_movie = false;
    for _ in 0..BOXES {
        let (name, len) = next_box(&mut reader)?;
        match &name {
            b"moov" => is_in_movie = true,
            b"mvhd" if is_in_movie => return of_header(&mut reader),
            _ => {
                let skipped = io::copy(&mut reader.by_ref().take(len?), &mut io::sink()).ok()?;
                if Some(skipped) != len {
                    return None;
                }
            }
        }
    }
    None
}

/// The name of a box and the length of its content; none for one that goes on to the end.
fn next_box(reader: &mut impl Read) -> Option<([u8; 4], Option<u64>)> {
    let mut head = [0; 8];
    reader.read_exact(&mut head).ok()?;
    let [a, b, c, d, name @ ..] = head;
    let len = match u32::from_be_bytes([a, b, c, d]) {
        0 => None,
        1 => {
            let mut long = [0; 8];
            reader.read_exact(&mut long).ok()?;
            Some(u64::from_be_bytes(long).checked_sub(16)?)
        }
        len => Some(u64::from(len).checked_sub(8)?),
    };
    Some((name, len))
}

fn of_header(reader: &mut impl Read) -> Option<i64> {
    let mut bytes = [0; 12];
    reader.read_exact(&mut bytes).ok()?;
    let seconds = match bytes {
        [0, _, _, _, a, b, c, d, ..] => u64::from(u32::from_be_bytes([a, b, c, d])),
        [1, _, _, _, long @ ..] => u64::from_be_bytes(long),
        _ => return None,
    };
    i64::try_from(seconds).ok()?.checked_sub(EPOCH).filter(|time| *time > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn movie(seconds: u32) -> Vec<u8> {
        let mut bytes = b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\x0bmdatabc".to_vec();
        bytes.extend_from_slice(b"\0\0\0\x1cmoov\0\0\0\x14mvhd\0\0\0\0");
        bytes.extend_from_slice(&seconds.to_be_bytes());
        bytes.extend_from_slice(&[0; 12]);
        bytes
    }

    #[test]
    fn the_time_stands_in_the_movie_header_behind_the_pictures() {
        assert_eq!(created(&movie(3_639_738_612)[..]), Some(1_556_893_812));
        assert_eq!(created(&movie(0)[..]), None);
        for cut in 0..movie(1).len() - 12 {
            assert_eq!(created(&movie(3_639_738_612)[..cut]), None, "cut at {cut}");
        }
        assert_eq!(created(&b"\0\0\0\0mdat and so on to the end"[..]), None);
    }
}
