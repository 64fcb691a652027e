//! Bounds what is on its way between the threads of an import: so many items, so many bytes.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use exodus_api::Stop;

/// So many items that are facts only may be between the importer and the committer: as many as come while a batch is made safe.
const ITEMS: u64 = 16 << 10;
/// Any other takes the room of so many of them.
pub const LARGE_ITEM: u64 = 16;
/// At most so many bytes of bodies are in memory, unless a single body is larger.
const BYTES: u64 = 24 << 20;

/// Counts what is on its way, and lets who adds to it wait.
#[derive(Default)]
pub struct Flow {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    items: u64,
    bytes: u64,
    is_broken: bool,
}

impl Flow {
    /// Waits until there is room for an item that is not only facts, then takes it.
    ///
    /// # Errors
    /// When nothing moves any more: the committer has failed.
    pub fn enter(&self, bytes: u64) -> Result<(), Stop> {
        self.enter_all(LARGE_ITEM, bytes)
    }

    /// Waits until there is room, then takes it for so many items that are facts only, or as large, with so many bytes in all.
    ///
    /// # Errors
    /// When nothing moves any more.
    pub fn enter_all(&self, items: u64, bytes: u64) -> Result<(), Stop> {
        let mut state = self.lock();
        while !state.is_broken && (state.items >= ITEMS || (state.bytes > 0 && state.bytes + bytes > BYTES)) {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.is_broken {
            return Err(Stop);
        }
        state.items += items;
        state.bytes += bytes;
        Ok(())
    }

    /// Gives the room of a body back: it is on disk.
    pub fn body_done(&self, bytes: u64) {
        self.lock().bytes -= bytes;
        self.changed.notify_all();
    }

    /// Gives the room of so many items back: they are in the batch.
    pub fn items_done(&self, items: u64) {
        self.lock().items -= items;
        self.changed.notify_all();
    }

    /// Says that nothing moves any more.
    pub fn break_off(&self) {
        self.lock().is_broken = true;
        self.changed.notify_all();
    }

    /// True when nothing moves any more.
    pub fn is_broken(&self) -> bool {
        self.lock().is_broken
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
