//! The date in a file's name, as cameras, phones and messengers write it: `IMG_20190503_143012.jpg`,
//! `VID-20190503-WA0001.mp4`, `Screenshot 2019-05-03 at 14.30.12.png`, `FB_IMG_1556893812345.jpg`.
//!
//! Names hold local time and no zone: it is taken as UTC.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Dates outside of these years are numbers that only look like dates.
const YEARS: std::ops::RangeInclusive<i16> = 1990..=2099;

/// The date in a name, in seconds since 1970-01-01; of several the first.
pub fn in_name(name: &str) -> Option<i64> {
    let bytes = name.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let digits = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            at += 1;
            continue;
        }
        let run = &name[at..at + digits];
        let rest = &name[at + digits..];
        let found = match digits {
            8 => compact(run).and_then(|date| seconds(date, clock(rest))),
            14 => compact(&run[..8]).and_then(|date| seconds(date, hms(&run[8..]))),
            13 => milliseconds(run),
            4 => separated(&name[at..]),
            _ => None,
        };
        if found.is_some() {
            return found;
        }
        at += digits;
    }
    None
}

type Date = (i16, i8, i8);
type Clock = (i8, i8, i8);

fn compact(run: &str) -> Option<Date> {
    Some((run[..4].parse().ok()?, run[4..6].parse().ok()?, run[6..8].parse().ok()?))
}

/// `2019-05-03`, with what follows.
fn separated(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let separator = *bytes.get(4).filter(|byte| b"-_.".contains(byte))?;
    if bytes.get(7) != Some(&separator) || bytes.get(10).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let date = (text.get(..4)?.parse().ok()?, text.get(5..7)?.parse().ok()?, text.get(8..10)?.parse().ok()?);
    seconds(date, clock(&text[10..]))
}

/// The time of day after a date: `_143012`, `-143012123`, ` 14.30.12`, ` at 14-30-12`.
fn clock(rest: &str) -> Option<Clock> {
    let rest = rest.strip_prefix(" at").unwrap_or(rest);
    let rest = rest.strip_prefix(['_', '-', ' ', 'T', '.'])?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    match digits {
        6 | 9 => hms(&rest[..6]),
        2 => {
            let separator = *rest.as_bytes().get(2).filter(|byte| b"-_.:".contains(byte))?;
            let minutes = rest.get(3..5)?;
            let has_seconds = rest.as_bytes().get(5) == Some(&separator);
            let seconds = if has_seconds { rest.get(6..8)?.parse().ok()? } else { 0 };
            Some((rest[..2].parse().ok()?, minutes.parse().ok()?, seconds))
        }
        _ => None,
    }
}

fn hms(run: &str) -> Option<Clock> {
    Some((run.get(..2)?.parse().ok()?, run.get(2..4)?.parse().ok()?, run.get(4..6)?.parse().ok()?))
}

fn seconds((year, month, day): Date, clock: Option<Clock>) -> Option<i64> {
    if !YEARS.contains(&year) {
        return None;
    }
    let at = |(hour, minute, second): Clock| DateTime::new(year, month, day, hour, minute, second, 0).ok();
    // What follows the date need not be a time.
    let time = clock.and_then(at).or_else(|| at((0, 0, 0)))?;
    time.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp().as_second())
}

fn milliseconds(run: &str) -> Option<i64> {
    let seconds = run.parse::<i64>().ok()? / 1000;
    let year = jiff::Timestamp::from_second(seconds).ok()?.to_zoned(TimeZone::UTC).year();
    YEARS.contains(&year).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_found_in_the_names_that_devices_give() {
        let (day, second) = (1_556_841_600, 1_556_893_812);
        for (name, wanted) in [
            ("IMG_20190503_143012.jpg", Some(second)),
            ("PXL_20190503_143012345.MP.jpg", Some(second)),
            ("20190503143012.jpg", Some(second)),
            ("Screenshot_2019-05-03-14-30-12.png", Some(second)),
            ("Screenshot 2019-05-03 at 14.30.12.png", Some(second)),
            ("2019-05-03 14.30.12.jpg", Some(second)),
            ("VID-20190503-WA0001.mp4", Some(day)),
            ("signal-2019-05-03-143012.jpg", Some(second)),
            ("FB_IMG_1556893812345.jpg", Some(second)),
            ("2019_05_03.jpg", Some(day)),
            ("IMG_20191303.jpg", None),
            ("IMG_0001.jpg", None),
            ("18990503.jpg", None),
            ("12345678901234567890.jpg", None),
            ("2019.jpg", None),
            ("Übung 2019-05-0.jpg", None),
        ] {
            assert_eq!(in_name(name), wanted, "{name}");
        }
    }
}
