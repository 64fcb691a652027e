//! Names of photos and sidecars taken apart, and what one says about the other.

use super::super::super::naming::{
    alike, cut, cut_name, spelled, split_extension, split_number, units, unnumbered,
};
use super::super::kinds;
use super::Card;

/// The name of a sidecar is cut to so many UTF-16 units, before its number and `.json`.
pub const CARD_UNITS: usize = 46;
/// What follows the title in the name of a sidecar since October 2024.
const SUPPLEMENT: &str = ".supplemental-metadata";
/// A stem of so many UTF-16 units may have lost a part of its suffix.
pub const LONG_STEM_UNITS: usize = 45;
/// Titles that agree so far, one being the beginning of the other, are the same.
pub const ENOUGH_UNITS: usize = 40;

/// Suffixes of edited photos: the first ten are words of the account's language, the rest English everywhere.
const EDITED: [&str; 17] = [
    "-edited",
    "-bearbeitet",
    "-modifié",
    "-modificato",
    "-ha editado",
    "-editado",
    "-bewerkt",
    "-edytowane",
    "-editat",
    "-編集済み",
    "-effects",
    "-motion",
    "-animation",
    "-smile",
    "-collage",
    "-mix",
    "-edit",
];

/// A photo's name, taken apart.
pub struct Photo {
    pub name: String,
    /// The name without its number.
    pub base: String,
    pub number: Option<u32>,
}

/// A sidecar's name, taken apart.
pub struct Named {
    /// Without `.json` and the number.
    pub stem: String,
    pub number: Option<u32>,
    pub title: String,
    /// The names that its photo may have, without number, as they compare.
    pub forms: Vec<String>,
}

impl Photo {
    pub fn new(name: &str) -> Photo {
        let (base, number) = unnumbered(name);
        Photo { name: name.to_owned(), base, number }
    }

    /// True when the name of its sidecar cannot hold the whole of it.
    pub fn is_cut(&self) -> bool {
        units(&self.base) >= CARD_UNITS
    }

    /// The ways to read the name: as that of a numbered duplicate or of a file that was called so, and both as made
    /// from a title without extension.
    pub fn readings(&self) -> Vec<(&str, Option<u32>)> {
        let mut readings = vec![(&*self.base, self.number), (split_extension(&self.base).0, self.number)];
        if self.number.is_some() {
            readings.extend([(&*self.name, None), (split_extension(&self.name).0, None)]);
        }
        readings.dedup();
        readings
    }
}

impl Named {
    pub fn new(card: &Card) -> Named {
        let stem = card.name.get(..card.name.len().saturating_sub(".json".len())).unwrap_or(card.name);
        let (stem, number) = split_number(stem);
        let spelled_title = spelled(card.title);
        let mut forms = vec![
            alike(&spelled_title),
            alike(&cut_name(&spelled_title)),
            alike(&spelled(&cut_name(card.title))),
        ];
        forms.dedup();
        Named { stem: stem.to_owned(), number, title: card.title.to_owned(), forms }
    }

    /// True when a photo of this name (as names compare) has this title.
    pub fn fits(&self, name: &str) -> bool {
        let is_beginning = |form: &String| {
            let (short, long) = if form.len() < name.len() { (&**form, name) } else { (name, &**form) };
            // A title without extension is cut by itself, and its photo gets an extension on top.
            !kinds::is_photo(name)
                && !kinds::is_photo(&self.title)
                && units(short) >= ENOUGH_UNITS
                && long.starts_with(short)
        };
        self.forms.iter().any(|form| form == name) || self.forms.first().is_some_and(is_beginning)
    }
}

/// The stems that the sidecar of a photo of this name may have: both generations, cut and (since 2026) whole.
pub fn stems(name: &str) -> Vec<String> {
    let newer = format!("{name}{SUPPLEMENT}");
    let mut stems = vec![cut(&newer, CARD_UNITS).to_owned(), newer];
    if units(name) > CARD_UNITS {
        stems.push(cut(name, CARD_UNITS).to_owned());
    }
    stems.push(name.to_owned());
    // Other lengths of the cut were seen where something had renamed files on the way.
    for len in (1..SUPPLEMENT.len()).rev() {
        stems.push(format!("{name}{}", &SUPPLEMENT[..len]));
    }
    stems
}

/// What an edited photo's stem may be without its suffix; whole suffixes first, then, of long stems, cut ones.
pub fn unedited(stem: &str) -> Vec<&str> {
    let lower = stem.to_lowercase();
    let is_same_len = lower.len() == stem.len();
    let without = |suffix: &str| {
        let ends = is_same_len && lower.ends_with(suffix) || stem.ends_with(suffix);
        ends.then(|| &stem[..stem.len() - suffix.len()]).filter(|rest| !rest.is_empty())
    };
    let mut found: Vec<&str> = EDITED.iter().filter_map(|suffix| without(suffix)).collect();
    if units(stem) >= LONG_STEM_UNITS {
        for suffix in EDITED {
            let cuts = suffix.char_indices().rev().map(|(at, _)| &suffix[..at]).filter(|cut| !cut.is_empty());
            found.extend(cuts.filter_map(without));
        }
        found.dedup();
    }
    found
}
