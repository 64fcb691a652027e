//! Whose export it is and of which day, by the names of its parts.

use exodus_api::Source;

use super::facts::is_user;

/// What the names of the parts tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// Whose export it is.
    pub user: Option<String>,
    /// The day on which it was made, `2025-10-12`.
    pub day: Option<String>,
}

impl Named {
    /// What the names of the parts of an export tell; nothing if they tell different things.
    pub fn of(source: &dyn Source, platform: &str) -> Named {
        let parts = source.entries().iter().map(|entry| entry.part).max().map_or(0, |last| last + 1);
        let mut told = (0..parts).map(|part| named(source.part_name(part), platform));
        let first = told.next().flatten();
        match first {
            Some(first) if told.all(|other| other.as_ref() == Some(&first)) => first,
            _ => Named::default(),
        }
    }

    /// When the export was made, in seconds since 1970-01-01 UTC, by the day.
    pub fn time(&self) -> Option<i64> {
        let day: jiff::civil::Date = self.day.as_deref()?.parse().ok()?;
        let midnight = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(midnight.timestamp().as_second())
    }
}

/// `instagram-<user>-2025-10-12-wgbAuZCq.zip`; Instagram until 2023 `<user>_20230606.zip`.
fn named(part: &str, platform: &str) -> Option<Named> {
    let stem = part.strip_suffix(".zip").unwrap_or(part);
    if let Some(rest) = stem.strip_prefix(platform).and_then(|rest| rest.strip_prefix('-')) {
        let words: Vec<&str> = rest.split('-').collect();
        let at = words.windows(3).position(|words| is_day(&words.join("-")))?;
        let user = words[..at].join("-");
        let day = words[at..at + 3].join("-");
        return Some(Named { user: Some(user).filter(|user| is_user(&user.to_lowercase())), day: Some(day) });
    }
    let (user, digits) = stem.rsplit_once('_')?;
    let day = (digits.len() == 8 && digits.is_ascii())
        .then(|| format!("{}-{}-{}", &digits[..4], &digits[4..6], &digits[6..]))
        .filter(|day| is_day(day))?;
    is_user(user).then(|| Named { user: Some(user.to_owned()), day: Some(day) })
}

fn is_day(text: &str) -> bool {
    text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok_and(|day| day.year() >= 2010)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_part_tells_user_and_day() {
        let check = |name: &str, wanted: Option<(Option<&str>, &str)>| {
            let found = named(name, "instagram");
            let found = found.as_ref().map(|it| (it.user.as_deref(), it.day.as_deref().unwrap_or_default()));
            assert_eq!(found, wanted, "{name}");
        };
        check("instagram-ada.example-2025-10-12-wgbAuZCq.zip", Some((Some("ada.example"), "2025-10-12")));
        check("instagram-ada_1-2025-10-12-wgbAuZCq (1).zip", Some((Some("ada_1"), "2025-10-12")));
        check("instagram-ada-2025-10-12-wgbAuZCq", Some((Some("ada"), "2025-10-12")));
        check("ada_example_20200316.zip", Some((Some("ada_example"), "2020-03-16")));
        for name in
            ["takeout-20250326T151156Z-001.zip", "photos_20201399.zip", "instagram.zip", "ada_2020é.zip", ""]
        {
            check(name, None);
        }
        let named = Named { user: None, day: Some("2025-10-12".into()) };
        assert_eq!(named.time(), Some(1_760_227_200));
    }
}
