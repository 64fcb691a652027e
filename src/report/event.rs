//! What a running command tells: to whoever listens, never to a terminal directly.

use super::counts::{EntryCounts, State};

/// Something that happened in a running command.
#[derive(Clone, Debug)]
pub enum Event {
    /// A part is being listed: how much of it was read.
    Listing {
        /// File name of the part.
        part: String,
        /// Bytes read so far.
        done_bytes: u64,
        /// Size of the part in bytes.
        total_bytes: u64,
    },
    /// Work of a known size begins.
    Begin {
        /// What is being done: `import`, `full text`, `verify`, `reindex`.
        stage: &'static str,
        /// Its size in bytes.
        total_bytes: u64,
        /// Its size in entries, items or files.
        total_items: u64,
    },
    /// Work on a product of the export begins.
    Product {
        /// Its name.
        name: String,
        /// Its size in bytes.
        total_bytes: u64,
    },
    /// So many more bytes of the stage and of the product are done.
    Bytes(u64),
    /// So many more items of the stage are done.
    Items(u64),
    /// Something the user should know, in one line.
    Warning(String),
    /// Which way was taken, in one line, for who asks with `-v`. Never the text of a message, never a secret.
    Detail(String),
    /// A batch is safe on disk.
    Saved {
        /// Items in the archive that this run has made so far.
        new_items: u64,
        /// Entries of this run by state so far.
        entries: EntryCounts,
    },
    /// An entry, or one item of it, was faulted.
    Fault {
        /// `part!entry at byte n`.
        place: String,
        /// What happened.
        what: String,
        /// What to do.
        hint: Option<String>,
        /// The entry's state, where it is decided by this.
        state: Option<State>,
    },
    /// A stage has ended.
    End {
        /// The name given with `Begin`.
        stage: &'static str,
    },
}

/// Hears what a running command tells. Called from several threads.
pub trait Observer: Sync {
    /// Takes one event; must be quick.
    fn event(&self, event: Event);
}

/// Listens to nothing.
pub struct Silent;

impl Observer for Silent {
    fn event(&self, _: Event) {}
}
