//! The plan of an import: every photo with its sidecar, its folder and its copies, before the first one is taken.
//!
//! All parts together are one tree, so that a sidecar in another part than its photo is found. Sidecars are read in
//! the order of the parts and kept short: some hundred bytes each, which bounds what is held.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read;

use exodus_api::{Entry, Source};
use serde_json::Value;
use unicode_normalization::UnicodeNormalization;

use super::super::naming::{alike, unnumbered};
use super::super::{head, read};
use super::folders::{self, Place};
use super::kinds;
use super::matching::{self, Card, Doubt, Match, Role};
use super::wire::{self, Json};
use crate::shared::{media_type, names};

/// No sidecar is larger.
const SIDECAR_BYTES: u64 = 1 << 20;

/// A photo or video in the export.
pub struct Photo<'a> {
    /// Its entry.
    pub entry: &'a Entry,
    /// Its folder, by number.
    pub folder: usize,
    /// What was found of a sidecar.
    pub found: Match,
    /// The photos of the same content, this one among them, by number in [`Plan::groups`].
    pub group: usize,
    /// What it is by its first bytes, if that was looked at and is not what its name says.
    pub lies: Option<&'static str>,
}

/// A sidecar.
pub struct Sidecar<'a> {
    /// Its entry.
    pub entry: &'a Entry,
    /// The title in it.
    pub title: String,
    /// When the photo was taken.
    pub taken: Option<i64>,
    /// Its other facts, as JSON.
    pub facts: Box<str>,
    folder: usize,
}

/// The description of an album, or what was said below it.
pub struct Album<'a> {
    /// Its entry.
    pub entry: &'a Entry,
    /// All of it.
    pub facts: Value,
}

/// The plan.
#[derive(Default)]
pub struct Plan<'a> {
    /// The photos, in the order in which they are best read.
    pub photos: Vec<Photo<'a>>,
    /// The sidecars.
    pub sidecars: Vec<Sidecar<'a>>,
    /// Descriptions of albums.
    pub albums: Vec<Album<'a>>,
    /// What each folder is.
    pub places: Vec<Place>,
    /// Photos of the same content, the one that names them first.
    pub groups: Vec<Vec<usize>>,
    /// Photos by the sidecar that they share.
    pub of_sidecar: HashMap<usize, Vec<usize>>,
    /// Sidecars whose photo is nowhere.
    pub lonely: Vec<usize>,
    folders: Vec<folders::Facts>,
    by_folder: HashMap<String, usize>,
}

impl<'a> Plan<'a> {
    /// Plans the import of these entries below `root`.
    pub fn make(source: &dyn Source, root: &str, entries: &[&'a Entry]) -> Plan<'a> {
        let mut plan = Plan::default();
        let mut entries = entries.to_vec();
        entries.sort_by_key(|entry| (entry.part, entry.order));
        for entry in entries {
            let folder = plan.folder(entry, root);
            if entry.name().to_lowercase().ends_with(".json") {
                plan.take_json(source, entry, folder);
            } else if kinds::is_photo(entry.name()) || kinds::may_be_moving(entry.name()) {
                // What lies in the middle of a tape is looked at in its turn.
                let is_tape = !source.opens_anywhere(entry);
                let lies = is_tape.then(|| lies(source, entry)).flatten();
                plan.photos.push(Photo { entry, folder, found: Match::None, group: 0, lies });
            }
        }
        plan.match_all();
        plan.photos.retain(|photo| photo.found != Match::None || is_photo(source, photo.entry));
        plan.index_photos(source);
        plan.places = folders::places(&plan.folders);
        plan
    }

    fn folder(&mut self, entry: &Entry, root: &str) -> usize {
        let path = entry.folder();
        if let Some(known) = self.by_folder.get(path) {
            return *known;
        }
        let folded = names::folded(path);
        let number = match self.by_folder.get(&folded) {
            Some(known) => *known,
            None => {
                let below = path.get(root.len()..).unwrap_or_default();
                let name = below.rsplit('/').next().unwrap_or_default().nfc().collect::<String>();
                self.folders.push(folders::Facts { name: name.trim().to_owned(), ..Default::default() });
                self.by_folder.insert(folded, self.folders.len() - 1);
                self.folders.len() - 1
            }
        };
        self.by_folder.insert(path.to_owned(), number);
        number
    }

    fn take_json(&mut self, source: &dyn Source, entry: &'a Entry, folder: usize) {
        if entry.size > SIDECAR_BYTES {
            return;
        }
        match wire::read(&read(source, entry)) {
            Json::Sidecar(sidecar) => {
                let facts = &mut self.folders[folder];
                facts.taken.extend(sidecar.taken);
                facts.n_cards += 1;
                let is_away = ["archived", "trashed"].iter().any(|key| sidecar.facts.contains_key(*key));
                facts.n_put_away += usize::from(is_away);
                let facts = Value::Object(sidecar.facts).to_string().into_boxed_str();
                let (title, taken) = (sidecar.title, sidecar.taken);
                self.sidecars.push(Sidecar { entry, title, taken, facts, folder });
            }
            Json::Album { title, facts } if !self.folders[folder].name.is_empty() => {
                self.folders[folder].title = Some(title);
                self.albums.push(Album { entry, facts });
            }
            Json::Comments(facts) => self.albums.push(Album { entry, facts }),
            Json::Album { .. } | Json::Other => {}
        }
    }

    fn match_all(&mut self) {
        let mut photos: Vec<Vec<usize>> = vec![Vec::new(); self.folders.len()];
        let mut sidecars = photos.clone();
        for (number, photo) in self.photos.iter().enumerate() {
            photos[photo.folder].push(number);
        }
        for (number, sidecar) in self.sidecars.iter().enumerate() {
            sidecars[sidecar.folder].push(number);
        }
        for (photos, sidecars) in photos.into_iter().zip(sidecars) {
            if sidecars.is_empty() {
                continue;
            }
            let nfc = |entry: &Entry| match entry.name() {
                name if name.is_ascii() => name.to_owned(),
                name => name.nfc().collect::<String>(),
            };
            let photo_names: Vec<String> = photos.iter().map(|it| nfc(self.photos[*it].entry)).collect();
            let card_names: Vec<String> = sidecars.iter().map(|it| nfc(self.sidecars[*it].entry)).collect();
            let cards = card_names.iter().zip(&sidecars);
            let cards: Vec<Card> =
                cards.map(|(name, it)| Card { name, title: &self.sidecars[*it].title }).collect();
            let photo_names: Vec<&str> = photo_names.iter().map(String::as_str).collect();
            let matched = matching::match_folder(&photo_names, &cards);
            for (photo, found) in photos.iter().zip(matched.photos) {
                self.photos[*photo].found = match found {
                    Match::Found { card, role, doubt } => Match::Found { card: sidecars[card], role, doubt },
                    other => other,
                };
            }
            self.lonely.extend(matched.lonely.into_iter().map(|card| sidecars[card]));
        }
    }

    /// Finds copies, and which photos share a sidecar.
    fn index_photos(&mut self, source: &dyn Source) {
        for (number, photo) in self.photos.iter().enumerate() {
            if let Match::Found { card, .. } = photo.found {
                self.of_sidecar.entry(card).or_default().push(number);
            }
        }
        let sums = self.checksums(source);
        let mut groups: BTreeMap<(u64, u64), Vec<usize>> = BTreeMap::new();
        for (number, photo) in self.photos.iter().enumerate() {
            match sums[number] {
                Some(sum) => groups.entry((photo.entry.size, sum)).or_default().push(number),
                None => self.groups.push(vec![number]),
            }
        }
        self.groups.extend(groups.into_values());
        for (group, photos) in self.groups.iter_mut().enumerate() {
            photos.sort_by_key(|photo| rank(&self.photos[*photo]));
            for photo in photos {
                self.photos[*photo].group = group;
            }
        }
    }

    /// What tells photos of the same content: the checksum of the container, or else, where a photo without sidecar
    /// has a namesake of its size elsewhere, one of their content.
    fn checksums(&self, source: &dyn Source) -> Vec<Option<u64>> {
        let mut sums: Vec<Option<u64>> =
            self.photos.iter().map(|photo| photo.entry.crc32.map(u64::from)).collect();
        let mut namesakes: HashMap<(u64, String), Vec<usize>> = HashMap::new();
        for (number, photo) in self.photos.iter().enumerate().filter(|(number, _)| sums[*number].is_none()) {
            let name = alike(&unnumbered(photo.entry.name()).0);
            namesakes.entry((photo.entry.size, name)).or_default().push(number);
        }
        let is_worth_it = |photos: &&Vec<usize>| {
            photos.len() > 1
                && photos.iter().any(|photo| !matches!(self.photos[*photo].found, Match::Found { .. }))
        };
        // In the order of the photos, which is that of the parts: nothing is inflated twice.
        let to_read: BTreeSet<usize> = namesakes.values().filter(is_worth_it).flatten().copied().collect();
        for number in to_read {
            sums[number] = hash(source, self.photos[number].entry);
        }
        sums
    }
}

/// Of photos with the same content that is the first which has a sidecar of its own, without doubt, in the folder of its
/// year: an order that no part and no language changes.
fn rank(photo: &Photo) -> (u8, usize, String) {
    let rank = match photo.found {
        Match::Found { role: Role::Own, doubt: None, .. } => 0,
        Match::Found { doubt: None, .. } => 1,
        Match::Found { doubt: Some(Doubt::Shared | Doubt::TitleDiffers), .. } => 2,
        Match::Ambiguous | Match::None => 3,
    };
    let name = photo.entry.name();
    (rank, name.len(), format!("{}/{}", alike(name), photo.entry.path))
}

/// The first 8 bytes of BLAKE3; `None` if it cannot be read, which is reported when it is copied.
fn hash(source: &dyn Source, entry: &Entry) -> Option<u64> {
    let mut hash = blake3::Hasher::new();
    let mut reader = source.open(entry).ok()?;
    let mut buf = vec![0; 64 << 10];
    loop {
        match reader.read(&mut buf) {
            Ok(0) => break,
            Ok(len) => hash.update(&buf[..len]),
            Err(err) if err.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => return None,
        };
    }
    hash.finalize().as_bytes().first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

/// What a photo is by its first bytes, if its name says another thing.
pub fn lies(source: &dyn Source, entry: &Entry) -> Option<&'static str> {
    let name = entry.name();
    let dot = name.rfind('.')?;
    media_type::lies(&name[dot..], &head(source, entry, media_type::HEAD_BYTES))
}

/// True for a file that is a photo by its name or else, where the name does not tell, by its first bytes.
fn is_photo(source: &dyn Source, entry: &Entry) -> bool {
    kinds::is_photo(entry.name())
        || media_type::by_head(&head(source, entry, media_type::HEAD_BYTES)).is_some()
}
