//! Which sidecar belongs to which photo, in one folder of all parts together.
//!
//! A sidecar is called `<title>.supplemental-metadata` cut to 46 UTF-16 units (until October 2024 only `<title>`, cut
//! the same), then the number of a duplicate, then `.json`. A photo is called by its title, cut to 50 units, and its
//! number stands before the extension. So names say little where they were cut, and the title inside of the sidecar
//! decides. In this order, each step for what the steps before it have left:
//!
//! 1. *Own*: the name that the rule gives, with and without extension, and a title that fits. A photo that fits two,
//!    or two photos that fit one, wait until the others are settled; what stays so is ambiguous and gets none.
//! 2. *By title*: of cut names, whose numbers count the cut names and not the titles.
//! 3. *Edited* photos (`-edited` in ten languages, whole or cut) share the sidecar of their original.
//! 4. *Moving* ones (the video of a live or motion photo) share that of the still.
//! 5. *Doubtful*: the name is right and the title another; or a number was forgotten, as happens to cut names.
//! 6. *Ambiguous* too are photos that are left beside a sidecar of their title.
//!
//! Learnt from the test cases of immich-go, its issues 674, 756 and 1321, immich 30319, and timelinize. A wrong match
//! is worse than none.

mod names;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use self::names::{CARD_UNITS, ENOUGH_UNITS, LONG_STEM_UNITS, Named, Photo, stems, unedited};
use super::super::naming::{alike, cut, spelled, split_extension, split_number, units, unnumbered};
use super::kinds;

/// Stands among the cards that fit when none can be chosen.
const NO_CARD: usize = usize::MAX;

/// A sidecar: the name of its file, and the title in it.
#[derive(Clone, Copy, Debug)]
pub struct Card<'a> {
    /// The file's name, in NFC.
    pub name: &'a str,
    /// What it calls its photo.
    pub title: &'a str,
}

/// What was found for a photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// A sidecar, by its number in the list.
    Found {
        /// Which.
        card: usize,
        /// What the photo is to it.
        role: Role,
        /// Why it may be wrong.
        doubt: Option<Doubt>,
    },
    /// Several fit, or one fits several: none is taken.
    Ambiguous,
    /// There is none.
    None,
}

/// What a photo is to its sidecar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The very photo that it describes.
    Own,
    /// That photo edited.
    Edited,
    /// The video of that photo.
    Moving,
}

/// Why a match may be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// The title in the sidecar is another.
    TitleDiffers,
    /// The number of a duplicate was forgotten: two photos share it.
    Shared,
}

impl Doubt {
    /// Its name in the index.
    pub fn name(self) -> &'static str {
        match self {
            Doubt::TitleDiffers => "title differs",
            Doubt::Shared => "shared",
        }
    }
}

/// What was found in a folder.
#[derive(Debug, PartialEq, Eq)]
pub struct Matched {
    /// For each photo.
    pub photos: Vec<Match>,
    /// Sidecars that speak of a photo that is not there.
    pub lonely: Vec<usize>,
}

/// Matches the photos of a folder (names in NFC) with its sidecars.
pub fn match_folder(photos: &[&str], cards: &[Card]) -> Matched {
    let mut folder = Folder::new(photos, cards);
    folder.own(Folder::exact);
    folder.own(Folder::any_case);
    folder.by_title();
    folder.edited();
    folder.moving();
    folder.doubtful();
    folder.unsettled();
    Matched { lonely: folder.lonely(), photos: folder.found }
}

/// A sidecar's stem and number.
type Key = (String, Option<u32>);
/// Finds cards by stem and number.
type Find = for<'a> fn(&'a Folder, &str, Option<u32>) -> &'a [usize];

struct Folder {
    photos: Vec<Photo>,
    cards: Vec<Named>,
    found: Vec<Match>,
    /// The photo that a card describes.
    owner: Vec<Option<usize>>,
    by_name: HashMap<Key, Vec<usize>>,
    by_alike: HashMap<Key, Vec<usize>>,
    /// By stem alone.
    by_cut: HashMap<String, Vec<usize>>,
    by_form: HashMap<String, Vec<usize>>,
    /// The least number that a title ends in, by the title without it.
    numbers_in_titles: HashMap<String, u32>,
    /// By the stem of the title.
    by_stem: HashMap<String, Vec<usize>>,
    /// The names of photos, without number, by their stems.
    bases_of_stem: HashMap<String, BTreeSet<String>>,
    /// Photos by how their names without number compare.
    of_base: HashMap<String, Vec<usize>>,
    /// By the beginning of long titles.
    by_beginning: HashMap<String, Vec<usize>>,
}

impl Folder {
    fn new(photos: &[&str], cards: &[Card]) -> Folder {
        let photos: Vec<Photo> = photos.iter().map(|name| Photo::new(name)).collect();
        let cards: Vec<Named> = cards.iter().map(Named::new).collect();
        let mut folder = Folder {
            found: vec![Match::None; photos.len()],
            owner: vec![None; cards.len()],
            by_name: HashMap::new(),
            by_alike: HashMap::new(),
            by_cut: HashMap::new(),
            by_form: HashMap::new(),
            numbers_in_titles: HashMap::new(),
            by_stem: HashMap::new(),
            bases_of_stem: HashMap::new(),
            of_base: HashMap::new(),
            by_beginning: HashMap::new(),
            photos,
            cards,
        };
        for (idx, photo) in folder.photos.iter().enumerate() {
            let stem = alike(split_extension(&photo.base).0);
            folder.of_base.entry(alike(&photo.base)).or_default().push(idx);
            folder.bases_of_stem.entry(stem).or_default().insert(alike(&photo.base));
        }
        for (idx, card) in folder.cards.iter().enumerate() {
            folder.by_name.entry((card.stem.clone(), card.number)).or_default().push(idx);
            folder.by_alike.entry((alike(&card.stem), card.number)).or_default().push(idx);
            folder.by_cut.entry(alike(&card.stem)).or_default().push(idx);
            for form in &card.forms {
                folder.by_form.entry(form.clone()).or_default().push(idx);
            }
            if let (base, Some(number)) = unnumbered(&spelled(&card.title)) {
                let least = folder.numbers_in_titles.entry(alike(&base)).or_insert(number);
                *least = number.min(*least);
            }
            let stem = alike(&spelled(split_extension(&card.title).0));
            if units(&stem) >= LONG_STEM_UNITS {
                folder.by_beginning.entry(cut(&stem, ENOUGH_UNITS).to_owned()).or_default().push(idx);
            }
            folder.by_stem.entry(stem).or_default().push(idx);
        }
        folder
    }

    fn exact(&self, stem: &str, number: Option<u32>) -> &[usize] {
        self.by_name.get(&(stem.to_owned(), number)).map_or(&[], Vec::as_slice)
    }

    fn any_case(&self, stem: &str, number: Option<u32>) -> &[usize] {
        self.by_alike.get(&(alike(stem), number)).map_or(&[], Vec::as_slice)
    }

    /// Step 1, with a way to find cards by stem and number.
    fn own(&mut self, find: Find) {
        let mut wanted: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for idx in self.open_photos() {
            let fitting = self.fitting(idx, find);
            if !fitting.is_empty() {
                wanted.insert(idx, fitting);
            }
        }
        loop {
            // Sure is a photo with one card to choose, and a card that no other photo with one card wants.
            let mut sole: HashMap<usize, usize> = HashMap::new();
            for fitting in wanted.values().filter(|fitting| fitting.len() == 1) {
                *sole.entry(fitting[0]).or_default() += 1;
            }
            let sure: Vec<(usize, usize)> = wanted
                .iter()
                .filter(|(_, fitting)| fitting.len() == 1 && sole[&fitting[0]] == 1)
                .map(|(photo, fitting)| (*photo, fitting[0]))
                .collect();
            if sure.is_empty() {
                break;
            }
            for (photo, card) in sure {
                self.take(photo, card);
                wanted.remove(&photo);
            }
            for fitting in wanted.values_mut() {
                fitting.retain(|card| self.owner.get(*card).is_none_or(Option::is_none));
            }
            wanted.retain(|_, fitting| fitting.iter().any(|card| *card != NO_CARD));
        }
        for photo in wanted.into_keys() {
            self.found[photo] = Match::Ambiguous;
        }
    }

    /// The free cards whose name and title are those of a photo; of two generations of one card the newer.
    fn fitting(&self, photo: usize, find: Find) -> Vec<usize> {
        let photo = &self.photos[photo];
        let mut fitting = Vec::new();
        for (name, number) in photo.readings() {
            let form = alike(name);
            let of_reading = stems(name).into_iter().find_map(|stem| {
                let fits = |card: &&usize| {
                    self.owner[**card].is_none()
                        && self.cards[**card].fits(&form)
                        && (!photo.is_cut() || self.counts_alone(**card, &form, photo.number))
                };
                find(self, &stem, number).iter().find(fits).copied()
            });
            let Some(card) = of_reading else { continue };
            if !fitting.contains(&card) {
                fitting.push(card);
            }
            let is_stem = name != photo.base && name != photo.name;
            let counts_others = number.is_some() && self.counts_others_too(photo);
            let is_base_of_others = number.is_none() && photo.number.is_some() && self.is_base(&photo.name);
            let is_spelled_so = self.cards[card].stem.starts_with(cut(name, CARD_UNITS));
            let has_spellings = !is_spelled_so && self.spellings(&photo.base) > 1;
            if counts_others
                || is_base_of_others
                || has_spellings
                || (is_stem && !self.is_only_name(photo, name))
            {
                fitting.push(NO_CARD);
            }
        }
        fitting
    }

    /// In how many ways (upper and lower case) photos spell this name.
    fn spellings(&self, base: &str) -> usize {
        let photos = self.of_base.get(&alike(base)).map_or(&[][..], Vec::as_slice);
        photos.iter().map(|photo| &self.photos[*photo].base).collect::<BTreeSet<_>>().len()
    }

    /// True when a numbered duplicate of a photo of this name is there.
    fn is_base(&self, name: &str) -> bool {
        self.of_base.contains_key(&alike(name))
    }

    /// True when no photo and no title but this one have the stem, so that a title without extension means it.
    fn is_only_name(&self, photo: &Photo, stem: &str) -> bool {
        let cards = self.by_stem.get(&alike(stem)).map_or(&[][..], Vec::as_slice);
        let has_no_extension = |card: &usize| !kinds::is_photo(&self.cards[*card].title);
        let bases = self.bases_of_stem.get(&alike(split_extension(&photo.base).0));
        cards.iter().all(has_no_extension) && bases.is_none_or(|bases| bases.len() == 1)
    }

    /// True when a photo's number does not only count photos of its title, so that it says nothing about the numbers
    /// of sidecars: another title without extension has become the same name, or one that ends in a number has taken one.
    fn counts_others_too(&self, photo: &Photo) -> bool {
        let has_title = |name: &str| self.by_form.contains_key(&alike(name));
        let (stem, _) = split_extension(&photo.base);
        let taken = [&*photo.base, stem].map(|name| self.numbers_in_titles.get(&alike(name)));
        let shorter = unnumbered(&photo.base);
        (stem != photo.base && has_title(stem) && has_title(&photo.base))
            || taken.into_iter().flatten().any(|number| Some(*number) <= photo.number)
            || (shorter.1.is_some() && has_title(&shorter.0))
    }

    /// True when the numbers of all cards that are cut alike count photos of this one name, none of them missing: else
    /// they say nothing about the numbers of the photos.
    fn counts_alone(&self, card: usize, name_form: &str, number: Option<u32>) -> bool {
        let class = self.by_cut.get(&alike(&self.cards[card].stem)).map_or(&[][..], Vec::as_slice);
        let is_of_name = |card: &usize| self.cards[*card].fits(name_form);
        let extensions: BTreeSet<&str> =
            class.iter().map(|card| split_extension(&self.cards[*card].title).1).collect();
        // Edited photos whose suffix was cut off have numbers of the same row, and no cards.
        let n_photos = self.of_base.get(name_form).map_or(0, Vec::len);
        let is_sure = number.is_none() || n_photos <= class.len();
        is_sure && class.iter().all(is_of_name) && extensions.len() == 1 && self.has_all_numbers(class)
    }

    /// True when none of the cards that are cut alike is missing, as far as their numbers tell.
    fn has_all_numbers(&self, class: &[usize]) -> bool {
        let numbers: BTreeSet<u32> = class.iter().map(|card| self.cards[*card].number.unwrap_or(0)).collect();
        numbers.into_iter().eq(0..class.len() as u32)
    }

    /// Step 2.
    fn by_title(&mut self) {
        let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for idx in self.open_photos() {
            let photo = &self.photos[idx];
            if photo.is_cut() {
                groups.entry(alike(&photo.base)).or_default().push(idx);
            }
        }
        for (form, photos) in groups {
            let is_free = |card: &&usize| self.owner[**card].is_none();
            let all = self.by_form.get(&form).map_or(&[][..], Vec::as_slice);
            let free: Vec<usize> = all.iter().filter(is_free).copied().collect();
            match (&*photos, &*free) {
                (_, []) => {}
                // The only one of its title, and the first of its name: nothing else can be meant.
                ([photo], [card])
                    if all.len() == 1
                        && self.photos[*photo].number.is_none()
                        && self.has_all_numbers(&self.by_cut[&alike(&self.cards[*card].stem)]) =>
                {
                    self.take(*photo, *card);
                }
                _ => photos.iter().for_each(|photo| self.found[*photo] = Match::Ambiguous),
            }
        }
    }

    /// Step 3.
    fn edited(&mut self) {
        for idx in self.open_photos() {
            let photo = &self.photos[idx];
            let (stem, extension) = split_extension(&photo.base);
            let by = |original: &&str| {
                let mut cards = self.relatives(original, photo.number, extension);
                if photo.number.is_none()
                    && let (plain, Some(number)) = split_number(original)
                {
                    cards.extend(self.relatives(plain, Some(number), extension));
                }
                cards
            };
            // The longest suffix that leads to a card: `-editado` is not what is left of `-edi`.
            if let Some(cards) = unedited(stem).iter().map(by).find(|cards| !cards.is_empty()) {
                self.relate(idx, &cards, Role::Edited);
            }
        }
    }

    /// Step 4.
    fn moving(&mut self) {
        for idx in self.open_photos() {
            let photo = &self.photos[idx];
            if !kinds::may_be_moving(&photo.base) {
                continue;
            }
            let by = |(stem, number): (&str, Option<u32>)| -> Vec<usize> {
                let mut cards = self.relatives(stem, number, "");
                if cards.is_empty() {
                    cards = self.longer_relatives(stem, number);
                }
                cards
                    .into_iter()
                    .filter(|card| *card == NO_CARD || kinds::is_image(&self.cards[*card].title))
                    .collect()
            };
            // Of `x.MP` the picture is `x.MP.jpg`, of `x.MP4` it is `x.HEIC`.
            let whole = [(&*photo.base, photo.number), (&*photo.name, None)];
            let without = whole.map(|(name, number)| (split_extension(name).0, number));
            let of_names = |names: [(&str, Option<u32>); 2]| {
                let mut cards: Vec<usize> = names.into_iter().flat_map(by).collect();
                cards.sort_unstable();
                cards.dedup();
                cards
            };
            let cards = match of_names(whole) {
                cards if cards.is_empty() => of_names(without),
                cards => cards,
            };
            self.relate(idx, &cards, Role::Moving);
        }
    }

    /// Cards whose title has this stem and whose photo has this number; alone the one with the same extension.
    fn relatives(&self, stem: &str, number: Option<u32>, extension: &str) -> Vec<usize> {
        let all = self.by_stem.get(&alike(stem)).map_or(&[][..], Vec::as_slice);
        // A number that is a part of the title counts no duplicates.
        let number_of = |card: usize| match self.owner[card].map(|owner| &self.photos[owner]) {
            Some(owner) if self.cards[card].fits(&alike(&owner.name)) => None,
            Some(owner) => owner.number,
            None => self.cards[card].number,
        };
        let fitting: Vec<usize> = all.iter().copied().filter(|card| number_of(*card) == number).collect();
        // A card whose photo is there and could not be settled settles nothing else.
        let is_unsettled = |card: &usize| {
            let named = &self.cards[*card];
            let is_name = |form: &String| match kinds::is_photo(&named.title) {
                true => self.of_base.contains_key(form),
                false => self.bases_of_stem.contains_key(form),
            };
            self.owner[*card].is_none() && named.forms.iter().any(is_name)
        };
        if all.iter().any(is_unsettled) {
            return vec![NO_CARD];
        }
        let with = |is_it: &dyn Fn(&str) -> bool| -> Option<usize> {
            let mut found = fitting.iter().filter(|card| is_it(split_extension(&self.cards[**card].title).1));
            found.next().copied().filter(|_| found.next().is_none())
        };
        let same = with(&|it| it == extension).or_else(|| with(&|it| it.eq_ignore_ascii_case(extension)));
        match same {
            Some(card) => vec![card],
            None => fitting,
        }
    }

    /// Cards whose title begins with a stem that may have been cut. Their numbers say nothing then.
    fn longer_relatives(&self, stem: &str, number: Option<u32>) -> Vec<usize> {
        let stem = alike(stem);
        if units(&stem) < LONG_STEM_UNITS {
            return Vec::new();
        }
        let all = self.by_beginning.get(cut(&stem, ENOUGH_UNITS)).map_or(&[][..], Vec::as_slice);
        let begins = |card: &&usize| alike(&spelled(&self.cards[**card].title)).starts_with(&stem);
        let mut cards: Vec<usize> = all.iter().filter(begins).copied().collect();
        if number.is_some() && !cards.is_empty() {
            cards.push(NO_CARD);
        }
        cards
    }

    fn relate(&mut self, photo: usize, cards: &[usize], role: Role) {
        // Where another photo has the very title, numbers count both.
        let is_shared = self.by_form.contains_key(&alike(&self.photos[photo].base));
        self.found[photo] = match cards {
            [] => return,
            [card] if !is_shared && *card != NO_CARD => Match::Found { card: *card, role, doubt: None },
            _ => Match::Ambiguous,
        };
    }

    /// Step 5.
    fn doubtful(&mut self) {
        for idx in self.open_photos() {
            let photo = &self.photos[idx];
            let name_form = alike(&photo.base);
            let mut found = None;
            for stem in stems(&photo.base) {
                let named = self.any_case(&stem, photo.number).iter().copied();
                let free = named.filter(|_| !photo.is_cut()).find(|card| self.owner[*card].is_none());
                let forgotten = self.any_case(&stem, None).iter().copied();
                let shared = forgotten
                    .filter(|_| photo.is_cut() && photo.number.is_some())
                    .find(|card| self.cards[*card].fits(&name_form));
                found =
                    free.map(|card| (card, Doubt::TitleDiffers)).or(shared.map(|card| (card, Doubt::Shared)));
                if found.is_some() {
                    break;
                }
            }
            if let Some((card, doubt)) = found {
                if doubt == Doubt::TitleDiffers {
                    self.owner[card] = Some(idx);
                }
                self.found[idx] = Match::Found { card, role: Role::Own, doubt: Some(doubt) };
            }
        }
    }

    /// Step 6.
    fn unsettled(&mut self) {
        for idx in self.open_photos() {
            let photo = &self.photos[idx];
            let stem = split_extension(&photo.base).0;
            let titles = photo.readings().into_iter().filter_map(|(name, _)| self.by_form.get(&alike(name)));
            let longer = self.longer_relatives(stem, None);
            let has_title = titles.flatten().chain(&longer).any(|card| self.owner[*card].is_none());
            // A derived photo whose number leads nowhere.
            let originals = unedited(stem).into_iter().map(|it| split_number(it).0);
            let still = kinds::may_be_moving(&photo.base).then_some(stem);
            let has_original = originals.chain(still).any(|stem| {
                let cards = self.by_stem.get(&alike(stem)).map_or(&[][..], Vec::as_slice);
                cards.iter().any(|card| kinds::is_image(&self.cards[*card].title))
            });
            if has_title || (has_original && photo.number.is_some()) {
                self.found[idx] = Match::Ambiguous;
            }
        }
    }

    /// Cards that no photo has and none could have.
    fn lonely(&self) -> Vec<usize> {
        let of_photos = self.found.iter().filter_map(|found| match found {
            Match::Found { card, .. } => Some(*card),
            _ => None,
        });
        let taken: BTreeSet<usize> = of_photos.collect();
        let may_be_of =
            |form: &String| self.of_base.contains_key(form) || self.bases_of_stem.contains_key(form);
        let is_lonely =
            |card: &usize| !taken.contains(card) && !self.cards[*card].forms.iter().any(may_be_of);
        (0..self.cards.len()).filter(is_lonely).collect()
    }

    fn open_photos(&self) -> Vec<usize> {
        (0..self.photos.len()).filter(|idx| self.found[*idx] == Match::None).collect()
    }

    fn take(&mut self, photo: usize, card: usize) {
        self.owner[card] = Some(photo);
        self.found[photo] = Match::Found { card, role: Role::Own, doubt: None };
    }
}
