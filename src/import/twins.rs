//! Entries that probably hold the same bytes: of equal size and CRC-32. A photo stands in the folder of its year and
//! in that of each of its albums; all but the first are only read and compared, not written again.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, PoisonError};

use exodus_api::Entry;

/// Whether an entry has probably been seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Twin {
    /// Nobody can tell: the container has no checksum.
    Unknown,
    /// It is the first of its size and checksum.
    First,
    /// Another one of its size and checksum is on its way before it.
    Later,
}

/// What tells entries apart before they are read: the name their items begin with, size and CRC-32. Equal bytes of
/// different names are different items.
type Look = (String, u64, u32);

/// What is known of all entries of a run.
#[derive(Default)]
pub struct Twins {
    /// The BLAKE3 of the first entry of a size and checksum; `None` while it is on its way, empty if it failed.
    hashes: Mutex<HashMap<Look, Option<String>>>,
    is_told: Condvar,
}

impl Twins {
    /// Takes note of an entry, in the order in which entries are handed out.
    pub fn enter(&self, name: &str, entry: &Entry) -> Twin {
        let Some(look) = look(name, entry) else { return Twin::Unknown };
        let mut hashes = self.hashes.lock().unwrap_or_else(PoisonError::into_inner);
        match hashes.entry(look) {
            std::collections::hash_map::Entry::Occupied(_) => Twin::Later,
            std::collections::hash_map::Entry::Vacant(vacant) => {
                vacant.insert(None);
                Twin::First
            }
        }
    }

    /// Tells what the first entry of its size and checksum holds; `None` if it could not be read.
    pub fn tell(&self, name: &str, entry: &Entry, blake3: Option<&str>) {
        let Some(look) = look(name, entry) else { return };
        let mut hashes = self.hashes.lock().unwrap_or_else(PoisonError::into_inner);
        hashes.insert(look, Some(blake3.unwrap_or_default().to_owned()));
        self.is_told.notify_all();
    }

    /// True when the first entry of its size and checksum holds the same; waits until that has been told.
    /// It was handed out earlier, so somebody is at work on it.
    pub fn is_twin(&self, name: &str, entry: &Entry, blake3: &str) -> bool {
        let Some(look) = look(name, entry) else { return false };
        let hashes = self.hashes.lock().unwrap_or_else(PoisonError::into_inner);
        let is_open =
            |hashes: &mut HashMap<Look, Option<String>>| hashes.get(&look).is_some_and(Option::is_none);
        let hashes = self.is_told.wait_while(hashes, is_open).unwrap_or_else(PoisonError::into_inner);
        let first = hashes.get(&look).and_then(Option::as_deref);
        first.is_some_and(|first| !first.is_empty() && first == blake3)
    }
}

fn look(name: &str, entry: &Entry) -> Option<Look> {
    entry.crc32.map(|crc32| (name.to_owned(), entry.size, crc32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equal_entries_is_written_and_the_others_are_compared_with_it() {
        let entry = |id, crc32| Entry {
            id,
            part: 0,
            path: format!("{id}"),
            size: 3,
            modified: None,
            crc32,
            order: 0,
        };
        let twins = Twins::default();
        assert_eq!(twins.enter("a", &entry(0, Some(7))), Twin::First);
        assert_eq!(twins.enter("a", &entry(1, Some(7))), Twin::Later);
        assert_eq!(twins.enter("a", &entry(2, None)), Twin::Unknown);
        assert_eq!(twins.enter("b", &entry(6, Some(7))), Twin::First, "the same bytes of another name");
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| twins.is_twin("a", &entry(1, Some(7)), "abc"));
            twins.tell("a", &entry(0, Some(7)), Some("abc"));
            assert!(waits.join().expect("it does not panic"));
        });
        assert!(!twins.is_twin("a", &entry(3, Some(7)), "abd"), "the same checksum is not the same content");
        twins.enter("a", &entry(4, Some(8)));
        twins.tell("a", &entry(4, Some(8)), None);
        assert!(!twins.is_twin("a", &entry(5, Some(8)), ""), "what failed is no twin");
    }
}
