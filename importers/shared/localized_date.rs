//! Dates as pages show them to people, in the languages of their accounts: `19 de mar. de 2025, 23:46:47 BRT`.
//!
//! A date is known by its time of day; the year is its number of four digits; a month is a word of the table or a number.
//! Without a zone it is taken as UTC. What is not understood is no date, and never a guess at another one, with two
//! exceptions that pages force: `3/4/2025` is the third of April, and `IST` is India's.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::Offset;

/// Beginnings of the names of months in lower case, by month, in English, German, French, Spanish, Italian, Portuguese,
/// Dutch, and some of Polish, Swedish, Danish, Czech and Russian. The longest that fits counts.
const MONTHS: [&[&str]; 12] = [
    &["jan", "jän", "ene", "gen", "sty", "led", "янв"],
    &["feb", "fév", "fev", "lut", "úno", "фев"],
    &["mar", "mär", "mrt", "maa", "mrz", "bře", "мар"],
    &["apr", "avr", "abr", "kwi", "dub", "апр"],
    &["may", "mai", "mei", "mag", "maj", "kvě", "мая", "май"],
    &["jun", "juin", "giu", "cze", "čvn", "июн"],
    &["jul", "juil", "lug", "lip", "čvc", "июл"],
    &["aug", "aoû", "aou", "ago", "sie", "srp", "авг"],
    &["sep", "set", "wrz", "zář", "сен"],
    &["oct", "okt", "ott", "out", "paź", "říj", "окт"],
    &["nov", "lis", "ноя"],
    &["dec", "dez", "déc", "dic", "gru", "pro", "дек"],
];

/// Abbreviations of zones, in minutes east of UTC.
const ZONES: &[(&str, i32)] = &[
    ("UTC", 0),
    ("GMT", 0),
    ("Z", 0),
    ("WET", 0),
    ("WEZ", 0),
    ("WEST", 60),
    ("WESZ", 60),
    ("BST", 60),
    ("CET", 60),
    ("MEZ", 60),
    ("CEST", 120),
    ("MESZ", 120),
    ("EET", 120),
    ("OEZ", 120),
    ("EEST", 180),
    ("OESZ", 180),
    ("SAST", 120),
    ("MSK", 180),
    ("IST", 330),
    ("JST", 540),
    ("KST", 540),
    ("AWST", 480),
    ("ACST", 570),
    ("ACDT", 630),
    ("AEST", 600),
    ("AEDT", 660),
    ("NZST", 720),
    ("NZDT", 780),
    ("BRT", -180),
    ("BRST", -120),
    ("ART", -180),
    ("NDT", -150),
    ("NST", -210),
    ("ADT", -180),
    ("AST", -240),
    ("EDT", -240),
    ("EST", -300),
    ("CDT", -300),
    ("CST", -360),
    ("MDT", -360),
    ("MST", -420),
    ("PDT", -420),
    ("PST", -480),
    ("AKDT", -480),
    ("AKST", -540),
    ("HST", -600),
];

/// A longer text is no date.
const LIMIT_LEN: usize = 100;
/// A longer text is none of those that stand alone and show no zone.
const LIMIT_WALL_CLOCK_LEN: usize = 60;

/// The time that a text tells, in seconds since 1970-01-01 UTC.
pub fn seconds(text: &str) -> Option<i64> {
    let text = tidied(text)?;
    at_clock(&text, &find_clock(&text)?)
}

/// The same where a page shows no seconds: `Friday, October 4, 2013 at 10:05pm PDT`, `viernes, 4 de octubre de 2013 a las 22:05 UTC+02`.
pub fn seconds_to_the_minute(text: &str) -> Option<i64> {
    let text = tidied(text)?;
    at_clock(&text, &find_clock(&text).or_else(|| find_short_clock(&text))?)
}

fn at_clock(text: &str, clock: &Clock) -> Option<i64> {
    let (before, after) = (&text[..clock.start], &text[clock.end..]);
    let date = date(before)?;
    let time = Time::new(hour_of(clock, before, after), clock.minute, clock.second, 0).ok()?;
    let offset = Offset::from_seconds(zone(after)? * 60).ok()?;
    offset.to_timestamp(date.to_datetime(time)).ok().map(Timestamp::as_second)
}

/// The time that clocks showed, in seconds since 1970-01-01 as if they had shown UTC. For pages that show no zone, and
/// no seconds: `Jul 26, 2022 9:45 pm`, `ago 07, 2026 8:17 da tarde/noite`, `8월 10, 2026 4:38 오후`.
pub fn wall_clock_seconds(text: &str) -> Option<i64> {
    let text = tidied(text).filter(|text| text.len() <= LIMIT_WALL_CLOCK_LEN)?;
    let clock = find_clock(&text).or_else(|| find_short_clock(&text))?;
    let (before, after) = (&text[..clock.start], &text[clock.end..]);
    if after.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let date = match date_by_marks(before) {
        Some(date) => date,
        None => date(before)?,
    };
    let time = Time::new(hour_of(&clock, before, after), clock.minute, clock.second, 0).ok()?;
    Offset::UTC.to_timestamp(date.to_datetime(time)).ok().map(Timestamp::as_second)
}

/// The time of day that a text tells, in seconds.
pub fn time_of_day(text: &str) -> Option<i64> {
    let text = tidied(text)?;
    let clock = find_clock(&text).or_else(|| find_short_clock(&text))?;
    let hour = hour_of(&clock, &text[..clock.start], &text[clock.end..]);
    Some(i64::from(hour) * 3600 + i64::from(clock.minute) * 60 + i64::from(clock.second))
}

/// True if a text is plainly a date with a time, whether or not [`seconds`] can read it.
pub fn is_like_one(text: &str) -> bool {
    let Some(text) = tidied(text) else { return false };
    let has_year = numbers(&text).iter().any(|(number, digits)| *digits == 4 && *number > 1900);
    has_year && find_clock(&text).is_some()
}

const AM: &[&str] = &["am", "午前", "오전", "上午", "damanhã", "rano", "öö", "ص"];
const PM: &[&str] = &["pm", "午後", "오후", "下午", "datarde", "popołudniu", "ös", "م"];

/// The hour of the day by a clock with or without halves.
fn hour_of(clock: &Clock, before: &str, after: &str) -> i8 {
    let (is_pm, is_am) = (has_half(before, after, PM), has_half(before, after, AM));
    match clock.hour {
        12 if is_am => 0,
        hour if is_pm && hour < 12 => hour + 12,
        hour => hour,
    }
}

fn tidied(text: &str) -> Option<String> {
    if text.len() > LIMIT_LEN {
        return None;
    }
    let blank_to_space = |letter: char| if letter.is_whitespace() { ' ' } else { letter };
    let is_mark = |letter: &char| !matches!(letter, '\u{200e}' | '\u{200f}');
    Some(text.chars().filter(is_mark).map(blank_to_space).collect::<String>().trim().to_owned())
}

struct Clock {
    start: usize,
    end: usize,
    hour: i8,
    minute: i8,
    second: i8,
}

/// The first `h:mm:ss`.
fn find_clock(text: &str) -> Option<Clock> {
    let bytes = text.as_bytes();
    let digit =
        |at: usize| bytes.get(at).filter(|byte| byte.is_ascii_digit()).map(|byte| (byte - b'0') as i8);
    let two = |at: usize| Some(digit(at)? * 10 + digit(at + 1)?);
    for (colon, _) in text.match_indices(':') {
        let (Some(minute), Some(b':'), Some(second)) = (two(colon + 1), bytes.get(colon + 3), two(colon + 4))
        else {
            continue;
        };
        let Some(units) = colon.checked_sub(1).and_then(digit) else { continue };
        let tens = colon.checked_sub(2).and_then(digit);
        let start = colon - 1 - usize::from(tens.is_some());
        let hour = tens.unwrap_or(0) * 10 + units;
        return Some(Clock { start, end: colon + 6, hour, minute, second });
    }
    None
}

/// The first `h:mm`.
fn find_short_clock(text: &str) -> Option<Clock> {
    let bytes = text.as_bytes();
    let digit =
        |at: usize| bytes.get(at).filter(|byte| byte.is_ascii_digit()).map(|byte| (byte - b'0') as i8);
    text.match_indices(':').find_map(|(colon, _)| {
        let minute = digit(colon + 1)? * 10 + digit(colon + 2)?;
        let units = colon.checked_sub(1).and_then(digit)?;
        let tens = colon.checked_sub(2).and_then(digit);
        let start = colon - 1 - usize::from(tens.is_some());
        let is_longer = digit(colon + 3).is_some() || start.checked_sub(1).and_then(digit).is_some();
        let hour = tens.unwrap_or(0) * 10 + units;
        (!is_longer).then_some(Clock { start, end: colon + 3, hour, minute, second: 0 })
    })
}

/// A date whose month is a number with the word for it behind: `8월 10, 2026`, `2025年1月1日`.
fn date_by_marks(text: &str) -> Option<Date> {
    let (before, _) = text.split_once(['월', '月'])?;
    let digits = before.len() - before.trim_end_matches(|letter: char| letter.is_ascii_digit()).len();
    let month: i8 = before[before.len() - digits..].parse().ok()?;
    let others = format!("{} {}", &before[..before.len() - digits], &text[before.len()..]);
    let (year, day) = match *numbers(&others) {
        [(year, 4), (day, _)] | [(day, _), (year, 4)] => (year, day),
        _ => return None,
    };
    Date::new(year.try_into().ok()?, month, day.try_into().ok()?).ok()
}

fn has_half(before: &str, after: &str, words: &[&str]) -> bool {
    let after: String = after.to_lowercase().replace(['.', ' '], "");
    words.iter().any(|word| after.starts_with(word) || before.trim_end().ends_with(word))
}

/// All numbers with how many digits they have.
fn numbers(text: &str) -> Vec<(i32, usize)> {
    let runs =
        text.split(|letter: char| !letter.is_ascii_digit()).filter(|run| !run.is_empty() && run.len() < 6);
    runs.filter_map(|run| Some((run.parse().ok()?, run.len()))).collect()
}

fn date(text: &str) -> Option<Date> {
    let numbers = numbers(text);
    let word = text.to_lowercase();
    let words = word.split(|letter: char| !letter.is_alphabetic()).filter(|word| word.chars().count() > 2);
    // The last: `martes, 4 de octubre` begins like March.
    let month = words.filter_map(month_of).next_back();
    let (year, month, day) = match (month, &*numbers) {
        (Some(month), [(year, 4), (day, _)] | [(day, _), (year, 4)]) => (*year, month, *day),
        (None, [(year, 4), (month, _), (day, _)]) => (*year, *month, *day),
        (None, [(month, _), (day, _), (year, 4)]) if *day > 12 && text.contains('/') => (*year, *month, *day),
        (None, [(day, _), (month, _), (year, 4)]) => (*year, *month, *day),
        _ => return None,
    };
    Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?).ok()
}

fn month_of(word: &str) -> Option<i32> {
    let fits = (1..).zip(MONTHS).flat_map(|(month, names)| names.iter().map(move |name| (month, *name)));
    fits.filter(|(_, name)| word.starts_with(name)).max_by_key(|(_, name)| name.len()).map(|(month, _)| month)
}

/// Minutes east of UTC; none told is UTC.
fn zone(after: &str) -> Option<i32> {
    let words = after.split(' ').filter(|word| !word.is_empty());
    let half = |word: &&str| {
        let word = word.to_lowercase().replace('.', "");
        !matches!(&*word, "am" | "pm" | "a" | "p" | "m")
    };
    let mut words = words.filter(half);
    let Some(word) = words.next() else { return Some(0) };
    if words.next().is_some() {
        return None;
    }
    if let Some((_, minutes)) = ZONES.iter().find(|(name, _)| *name == word) {
        return Some(*minutes);
    }
    let signed = word.strip_prefix("GMT").or_else(|| word.strip_prefix("UTC")).unwrap_or(word);
    let signed = signed.replace('−', "-");
    let (sign, digits) = match signed.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = digits.split_once(':').unwrap_or((digits, "0"));
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours < 15 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let found = seconds(text).and_then(|it| Timestamp::from_second(it).ok());
        assert_eq!(found.map(|it| it.to_string()).as_deref(), Some(expected), "{text}");
    }

    #[test]
    fn dates_are_read_in_their_languages() {
        let morning = "2019-03-19T09:13:51Z";
        for text in [
            "Mar 19, 2019, 9:13:51\u{202f}AM UTC",
            "Mar 19, 2019, 9:13:51 AM",
            "19 Mar 2019, 09:13:51 GMT",
            "19 March 2019 at 09:13:51 GMT+0",
            "19.03.2019, 10:13:51 MEZ",
            "19. März 2019 um 10:13:51 MEZ",
            "19 mars 2019 à 10:13:51 CET",
            "19 mar 2019, 10:13:51 CET",
            "19 mar. 2019, 3:13:51 a. m. CST",
            "19 de mar. de 2019, 06:13:51 BRT",
            "19/03/2019, 09:13:51 WET",
            "3/19/2019, 9:13:51 AM UTC",
            "19 mrt 2019 10:13:51 CET",
            "2019/03/19 18:13:51 JST",
            "2019年3月19日 午後6:13:51 JST",
            "19 мар. 2019 г., 12:13:51 MSK",
            "2019. 3. 19. 오후 6:13:51 GMT+9",
            "Mar 19, 2019, 2:43:51 PM GMT+05:30",
        ] {
            check(text, morning);
        }
        check("18 de mar. de 2025, 23:46:47 BRT", "2025-03-19T02:46:47Z");
        check("7 juin 2020, 12:00:00 CEST", "2020-06-07T10:00:00Z");
        check("7 juil. 2020, 12:00:00 CEST", "2020-07-07T10:00:00Z");
        check("Dec 31, 2019, 12:00:01 AM PST", "2019-12-31T08:00:01Z");
        check("7 ago 2020, 12:00:00 UTC", "2020-08-07T12:00:00Z");
    }

    #[test]
    fn dates_without_zone_and_seconds_are_read_where_pages_show_such() {
        for (text, wanted) in [
            ("Feb 28, 2025 10:07 am", "2025-02-28T10:07:00Z"),
            ("Jan 01, 2025, 10:00 am", "2025-01-01T10:00:00Z"),
            ("Sep 13, 2020, 12:26 PM", "2020-09-13T12:26:00Z"),
            ("Oct 19, 2019 at 2:37\u{202f}PM", "2019-10-19T14:37:00Z"),
            ("19 Oct 2019, 14:37", "2019-10-19T14:37:00Z"),
            ("Nov 3, 2023, 9:15:22am", "2023-11-03T09:15:22Z"),
            ("jun. 07, 2024 5:44 am", "2024-06-07T05:44:00Z"),
            ("14. Nov. 2023, 22:13", "2023-11-14T22:13:00Z"),
            ("01.02.2025, 10:00", "2025-02-01T10:00:00Z"),
            ("ago 07, 2026 8:17 da tarde/noite", "2026-08-07T20:17:00Z"),
            ("jan 05, 2026 12:30 da manhã", "2026-01-05T00:30:00Z"),
            ("lis 05, 2026 8:30 po południu", "2026-11-05T20:30:00Z"),
            ("8월 10, 2026 4:38 오후", "2026-08-10T16:38:00Z"),
            ("2025年1月2日 10:00", "2025-01-02T10:00:00Z"),
            ("1月 02, 2025 10:00 午後", "2025-01-02T22:00:00Z"),
            ("dic 31, 2025 12:00 p. m.", "2025-12-31T12:00:00Z"),
        ] {
            let found = wall_clock_seconds(text).and_then(|it| Timestamp::from_second(it).ok());
            assert_eq!(found.map(|it| it.to_string()).as_deref(), Some(wanted), "{text}");
        }
        for text in
            ["", "ana", "2022", "see you at 9:45", "Jan 01, 2025 10:00 am, 2 of 3", "1990-01-01", "月 1:00"]
        {
            assert_eq!(wall_clock_seconds(text), None, "{text}");
        }
        assert_eq!(time_of_day("Terça-feira, 11 de agosto de 2026 às 22:03 UTC"), Some(22 * 3600 + 180));
    }

    #[test]
    fn dates_to_the_minute_have_their_zone_and_a_day_of_the_week_is_no_month() {
        for (text, wanted) in [
            ("Friday, October 4, 2013 at 10:05pm PDT", "2013-10-05T05:05:00Z"),
            ("Wednesday, November 12, 2008 at 8:53pm UTC+01", "2008-11-12T19:53:00Z"),
            ("Freitag, 4. Oktober 2013 um 22:05 UTC+02", "2013-10-04T20:05:00Z"),
            ("martes, 1 de octubre de 2013 a las 22:05 UTC+02", "2013-10-01T20:05:00Z"),
            ("5. november 2016 kl. 02:39 UTC+01", "2016-11-05T01:39:00Z"),
            ("Friday, 4 October 2013 at 22:05 UTC-03:30", "2013-10-05T01:35:00Z"),
        ] {
            let found = seconds_to_the_minute(text).and_then(|it| Timestamp::from_second(it).ok());
            assert_eq!(found.map(|it| it.to_string()).as_deref(), Some(wanted), "{text}");
        }
        assert_eq!(
            seconds_to_the_minute("31. heinäkuuta 2016 kello 21:05 UTC+03"),
            None,
            "Finnish is not known"
        );
    }

    #[test]
    fn every_month_is_known_by_its_names() {
        let names =
            "January Februar mars avril maggio junio juillet agosto setembro oktober novembre dezember";
        for (month, name) in (1..).zip(names.split(' ')) {
            assert_eq!(month_of(&name.to_lowercase()), Some(month), "{name}");
        }
    }

    #[test]
    fn what_is_no_date_is_none_and_unknown_zones_are_not_guessed() {
        for text in [
            "",
            "Boats at 9:13:51",
            "19 xyz 2019, 09:13:51",
            "Mar 19, 2019, 9:13:51 AM QQT",
            "1:2:3",
            ":::::",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
        assert!(is_like_one("19 xyz 2019, 09:13:51 QQT") && is_like_one("19.03.2019, 10:13:51"));
        assert!(!is_like_one("Boats at 9:13:51") && !is_like_one("2019"));
        let text = "19 de março de 2019, 午後9:13:51 GMT+1";
        for cut in (0..text.len()).filter(|cut| text.is_char_boundary(*cut)) {
            seconds(&text[..cut]);
            seconds(&text[cut..]);
        }
    }
}
