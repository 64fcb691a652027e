//! The `From_` line, which begins each message of an mbox (RFC 4155 appendix A, and what people really have).
//!
//! Gmail writes `From 1628424719502045299@xxx Tue Mar 19 09:13:51 +0000 2019`: its own number of the message and
//! the time of receipt in UTC (seen in a Takeout of 2019). The number shifted right by 20 bits is that time in
//! milliseconds (true for all 39 messages of that Takeout).

use jiff::civil;
use jiff::tz::TimeZone;

/// What a `From_` line tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FromLine {
    /// Gmail's number of the message.
    pub gmail_id: Option<u64>,
    /// The time of receipt in seconds since 1970-01-01 UTC. A line without a zone is taken as UTC.
    pub time: i64,
}

impl FromLine {
    /// Gmail's time of receipt, from its number of the message, in seconds since 1970-01-01 UTC. Numbers that give
    /// no time between 1980 and 2200 are not Gmail's.
    pub fn gmail_time(&self) -> Option<i64> {
        let millis = i64::try_from(self.gmail_id? >> 20).ok()?;
        let seconds = millis.div_euclid(1000);
        (315_532_800..7_258_118_400).contains(&seconds).then_some(seconds)
    }
}

/// Reads a line as a separator; `None` if it is none. The line may end in LF or CRLF.
///
/// A separator is `From `, a sender, and a date as `asctime` writes it, with or without a zone. The line that
/// `git format-patch` writes (`From <commit> Mon Sep 17 00:00:00 2001`) is none.
pub fn parse(line: &[u8]) -> Option<FromLine> {
    let text = std::str::from_utf8(line.strip_prefix(b"From ")?).ok();
    let lossy;
    let text = match text {
        Some(text) => text,
        None => {
            lossy = String::from_utf8_lossy(&line[5..]);
            &lossy
        }
    };
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let weekday = words.iter().skip(1).position(|word| is_weekday(word))? + 1;
    let sender = words[0];
    let date = &words[weekday + 1..];
    if is_git_magic(sender, date) {
        return None;
    }
    let gmail_id = sender.strip_suffix("@xxx").and_then(|digits| digits.parse().ok());
    Some(FromLine { gmail_id, time: time_of(date)? })
}

/// True when the line has Gmail's own form, which no other program writes.
pub fn is_gmail(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"From ") else { return false };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let Some(rest) = rest[digits..].strip_prefix(b"@xxx ") else { return false };
    let weekday = rest.get(..3).and_then(|word| std::str::from_utf8(word).ok());
    digits > 0 && weekday.is_some_and(is_weekday) && rest.get(3) == Some(&b' ')
}

fn is_weekday(word: &str) -> bool {
    matches!(word.trim_end_matches(','), "Mon" | "Tue" | "Wed" | "Thu" | "Fri" | "Sat" | "Sun")
}

fn is_git_magic(sender: &str, date: &[&str]) -> bool {
    let is_commit = sender.len() >= 40 && sender.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_commit && date.starts_with(&["Sep", "17", "00:00:00", "2001"])
}

/// The time of `Mar 19 09:13:51 +0000 2019`, also with the zone missing, named, or after the year.
fn time_of(date: &[&str]) -> Option<i64> {
    let [month, day, clock, rest @ ..] = date else { return None };
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = months.iter().position(|name| name.eq_ignore_ascii_case(month))? + 1;
    let mut clock = clock.splitn(3, ':').map(|digits| digits.parse::<i8>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next().unwrap_or(Some(0))?);
    let is_year = |word: &&&str| word.len() == 4 && word.bytes().all(|byte| byte.is_ascii_digit());
    let year: i16 = rest.iter().take(3).find(is_year)?.parse().ok()?;
    let offset = rest.iter().take(3).find_map(|word| offset_of(word)).unwrap_or(0);
    let day = day.parse().ok()?;
    let month = i8::try_from(month).ok()?;
    let local = civil::DateTime::new(year, month, day, hour, minute, second.min(59), 0).ok()?;
    let utc = local.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second();
    Some(utc - offset)
}

/// The seconds east of UTC of `+0130`.
fn offset_of(zone: &str) -> Option<i64> {
    let sign = match zone.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits = &zone[1..];
    if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes): (i64, i64) = (digits[..2].parse().ok()?, digits[2..].parse().ok()?);
    Some(sign * (hours * 3600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, gmail_id: Option<u64>, time: i64) {
        assert_eq!(parse(line.as_bytes()), Some(FromLine { gmail_id, time }), "{line}");
    }

    #[test]
    fn gmail_lines_give_the_number_and_the_time() {
        let line = "From 1628424719502045299@xxx Tue Mar 19 09:13:51 +0000 2019\r\n";
        check(line, Some(1_628_424_719_502_045_299), 1_552_986_831);
        assert_eq!(parse(line.as_bytes()).unwrap().gmail_time(), Some(1_552_986_831));
        assert!(is_gmail(line.as_bytes()));
        assert!(!is_gmail(b"From a@xxx Tue Mar 19 09:13:51 2019"));
    }

    #[test]
    fn other_programs_put_the_zone_where_they_like_or_leave_it_out() {
        check("From ada@example.org Tue Mar 19 09:13:51 2019", None, 1_552_986_831);
        check("From ada@example.org Tue Mar 19 10:13:51 2019 +0100\n", None, 1_552_986_831);
        check("From ada@example.org Tue Mar 19 09:13:51 UTC 2019", None, 1_552_986_831);
        check("From - Tue Mar 19 09:13:51 2019", None, 1_552_986_831);
        check("From \"Ada Example\" <ada@example.org> Tue Mar 19 09:13 2019", None, 1_552_986_780);
    }

    #[test]
    fn text_and_git_patches_are_no_separators() {
        for line in [
            "From here on it is easy",
            "From Mon to Fri we work",
            "From ",
            "From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001",
            "From ada@example.org Tue Foo 19 09:13:51 2019",
            "From ada@example.org Tue Mar 39 09:13:51 2019",
            "From ada@example.org Tue Mar 19 2019",
        ] {
            assert_eq!(parse(line.as_bytes()), None, "{line}");
        }
    }
}
