//! What a folder of Google Photos is: the photos of a year, an album, or something of Google's own.
//!
//! Every photo stands in the folder of its year, `Photos from 2019`, and once more in that of each of its albums. An
//! album has a description (a JSON with a title); only its part may be missing. Year folders were English in every
//! language until November 2025 and are in the account's language since; until about 2020 there was one for every day.
//! They are known by their shape and by the dates of the sidecars in them, never by their name alone.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Year folders as they were seen, `{}` for the year: English, French, Spanish, German, Italian, Dutch.
const SEEN: [&str; 9] = [
    "Photos from {}",
    "Photos de {}",
    "Fotos de {}",
    "Fotos del {}",
    "Fotos von {}",
    "Fotos aus {}",
    "Foto del {}",
    "Foto dal {}",
    "Foto_s uit {}",
];
/// Google writes these years where it does not know.
const NO_YEARS: [i16; 2] = [1970, 2038];

/// What is known of a folder.
#[derive(Debug, Default)]
pub struct Facts {
    /// Its own name.
    pub name: String,
    /// The title in its description; empty for an album without one.
    pub title: Option<String>,
    /// When its photos were taken, as its sidecars say.
    pub taken: Vec<i64>,
    /// How many sidecars it has.
    pub n_cards: usize,
    /// How many of them say that their photo is archived or in the trash.
    pub n_put_away: usize,
}

/// What a folder is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The photos of a year; `None` where Google does not know it.
    Year(Option<i16>),
    /// An album of this name.
    Album(String),
    /// Archive, trash, locked folder, failed videos ... in the account's language.
    Other(String),
}

/// Decides what each folder is.
pub fn places(folders: &[Facts]) -> Vec<Place> {
    let years = year_patterns(folders);
    let place = |folder: &Facts| {
        if let Some(title) = &folder.title {
            return Place::Album(if title.is_empty() { folder.name.clone() } else { title.clone() });
        }
        let of_year = pattern(&folder.name).filter(|(pattern, _)| years.contains(pattern));
        if let Some(year) = of_year.map(|(_, year)| year).or_else(|| day_folder(&folder.name)) {
            return Place::Year(Some(year).filter(|year| !NO_YEARS.contains(year)));
        }
        let is_googles = folder.n_cards == 0 || folder.n_put_away * 2 > folder.n_cards;
        if is_googles { Place::Other(folder.name.clone()) } else { Place::Album(folder.name.clone()) }
    };
    folders.iter().map(place).collect()
}

/// The patterns of year folders: those that were seen before, else one that repeats with another year.
fn year_patterns(folders: &[Facts]) -> BTreeSet<String> {
    let mut years: BTreeMap<String, BTreeSet<i16>> = BTreeMap::new();
    for folder in folders.iter().filter(|folder| folder.title.is_none()) {
        if let Some((pattern, year)) = pattern(&folder.name)
            && (NO_YEARS.contains(&year) || is_of_year(folder, year))
        {
            years.entry(pattern).or_default().insert(year);
        }
    }
    let seen: BTreeSet<String> =
        years.keys().filter(|pattern| SEEN.contains(&pattern.as_str())).cloned().collect();
    if !seen.is_empty() {
        return seen;
    }
    let most = years.into_iter().filter(|(_, years)| years.len() > 1).max_by_key(|(_, years)| years.len());
    most.map(|(pattern, _)| pattern).into_iter().collect()
}

/// True when most of its sidecars are of the year, give or take a time zone, or it has none.
fn is_of_year(folder: &Facts, year: i16) -> bool {
    let year_at =
        |time: i64| Timestamp::from_second(time).ok().map(|time| time.to_zoned(TimeZone::UTC).year());
    let hours = [-14, 0, 14].map(|hours| hours * 3600);
    let is_of = |taken: &&i64| hours.iter().any(|hours| year_at(**taken + hours) == Some(year));
    folder.taken.iter().filter(is_of).count() * 2 >= folder.taken.len()
}

/// A name with one year and no other number in it, as pattern and year.
fn pattern(name: &str) -> Option<(String, i16)> {
    let name = name.trim();
    let start = name.find(|letter: char| letter.is_ascii_digit())?;
    let digits: &str = &name[start..start + name[start..].bytes().take_while(u8::is_ascii_digit).count()];
    let (before, after) = (&name[..start], &name[start + digits.len()..]);
    let is_year = digits.len() == 4 && (digits.starts_with("19") || digits.starts_with("20"));
    let has_more = after.contains(|letter: char| letter.is_ascii_digit());
    let has_words = before.chars().chain(after.chars()).any(char::is_alphabetic);
    (is_year && !has_more && has_words)
        .then(|| Some((format!("{before}{{}}{after}"), digits.parse().ok()?)))?
}

/// `2019-05-03`, `2019-05-03 #2`.
fn day_folder(name: &str) -> Option<i16> {
    let (day, rest) = name.split_at_checked(10)?;
    day.parse::<jiff::civil::Date>()
        .ok()
        .filter(|_| rest.is_empty() || rest.starts_with(" #"))
        .map(|day| day.year())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str, title: Option<&str>, taken: &[i64], n_put_away: usize) -> Facts {
        let title = title.map(str::to_owned);
        Facts { name: name.to_owned(), title, taken: taken.to_vec(), n_cards: taken.len(), n_put_away }
    }

    #[test]
    fn folders_are_known_in_any_language() {
        let (in_2019, in_2020) = (1_556_893_812, 1_590_000_000);
        let year = |year| Place::Year(Some(year));
        let album = |name: &str| Place::Album(name.to_owned());
        let other = |name: &str| Place::Other(name.to_owned());
        let cases: Vec<Vec<(Facts, Place)>> = vec![
            vec![
                (folder("Photos from 2019", None, &[in_2019], 0), year(2019)),
                (folder("Photos from 1970", None, &[], 0), Place::Year(None)),
                (folder("Sommer 2019", None, &[in_2019], 0), album("Sommer 2019")),
                (
                    folder("Photos from 2019(1)", Some("Photos from 2019"), &[in_2019], 0),
                    album("Photos from 2019"),
                ),
                (folder("Ohne Titel", Some(""), &[in_2019], 0), album("Ohne Titel")),
                (folder("Papierkorb", None, &[in_2019], 1), other("Papierkorb")),
                (folder("Fehlgeschlagen", None, &[], 0), other("Fehlgeschlagen")),
                (folder("2019-05-03 #2", None, &[in_2019], 0), year(2019)),
            ],
            vec![
                (folder("2019 年の写真", None, &[in_2019], 0), year(2019)),
                (folder("2020 年の写真", None, &[in_2020], 0), year(2020)),
                (folder("夏 2019", None, &[in_2019], 0), album("夏 2019")),
            ],
            // Its name says another year than its photos.
            vec![(folder("Fotos de 2019", None, &[in_2020, in_2020], 0), album("Fotos de 2019"))],
        ];
        for case in cases {
            let (facts, wanted): (Vec<Facts>, Vec<Place>) = case.into_iter().unzip();
            assert_eq!(places(&facts), wanted);
        }
    }
}
