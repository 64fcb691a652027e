//! Where an importer puts what it finds.

use std::fmt;

use serde_json::Value;

use crate::{Entry, Fault, Item, Stop};

/// Takes what an importer finds. Every entry must end in one of the states: an entry of which items were made is
/// *taken*; what is read only for its facts is *used*; what nobody claims is *kept* by the engine, verbatim.
///
/// Every method may answer [`Stop`]: the importer passes it on at once and touches nothing further.
pub trait Sink {
    /// Takes an item, and with it claims the entry it came from.
    ///
    /// # Errors
    /// When the run has to end.
    fn item(&mut self, item: Item) -> Result<(), Stop>;

    /// Says that an entry was read to its end: a sidecar, an index, a finished mbox.
    ///
    /// # Errors
    /// When the run has to end.
    fn used(&mut self, entry: &Entry) -> Result<(), Stop>;

    /// Passes over an entry on purpose.
    ///
    /// # Errors
    /// When the run has to end.
    fn skip(&mut self, entry: &Entry, why: Skip) -> Result<(), Stop>;

    /// Leaves an entry as it is on purpose: the importer knows such files, and nothing of them is worth an item. The
    /// engine keeps it verbatim like all that nobody claims; only `inspect` does not call it new and unknown.
    ///
    /// # Errors
    /// When the run has to end.
    fn keep(&mut self, _: &Entry) -> Result<(), Stop> {
        Ok(())
    }

    /// Reports what could not be taken, and where.
    ///
    /// # Errors
    /// When the run has to end.
    fn fault(&mut self, fault: Fault) -> Result<(), Stop>;

    /// Records how an entry was understood (a decision, a count) for the index and the receipt. The note `missing`
    /// names something that the entry speaks of and no given part holds, or lists several such.
    ///
    /// # Errors
    /// When the run has to end.
    fn note(&mut self, entry: &Entry, name: &'static str, value: Value) -> Result<(), Stop>;

    /// True when an earlier run finished this very entry with these options and all it gave is still there:
    /// the importer may say [`Sink::used`] without reading it.
    fn is_done(&self, entry: &Entry) -> bool;
}

/// Why an entry was passed over on purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Skip {
    /// The user asked for something else (`--only`).
    NotAskedFor,
    /// A by-product of an operating system (`._x`, `__MACOSX`, `.DS_Store`, `Thumbs.db`).
    SystemJunk,
    /// Another reason, as a short phrase.
    Because(&'static str),
}

impl fmt::Display for Skip {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Skip::NotAskedFor => "not asked for",
            Skip::SystemJunk => "a by-product of an operating system",
            Skip::Because(why) => why,
        })
    }
}
