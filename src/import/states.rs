//! The state of every entry in this run: exactly one, decided as its items, skips and faults come in.

use serde_json::{Map, Value};

use crate::archive::writer::Added;
use crate::report::counts::{EntryCounts, State};

/// What this run knows of one entry.
#[derive(Clone, Debug, Default)]
pub struct EntryState {
    /// Items of it that are new or changed.
    taken: u32,
    /// Items of it that the archive has already.
    known: u32,
    /// Those of them that an earlier run has made of this very entry.
    again: u32,
    is_kept: bool,
    /// Read to its end, or a single item as a whole.
    is_read: bool,
    /// Why it was passed over.
    pub skipped: Option<String>,
    /// Why it could not be taken.
    pub faulted: Option<String>,
    /// How it was understood.
    pub notes: Map<String, Value>,
}

impl EntryState {
    /// Takes an item of the entry into account.
    pub fn item(&mut self, added: Added) {
        match added {
            Added::New | Added::Updated => self.taken += 1,
            Added::Known => self.known += 1,
            Added::Again => {
                self.known += 1;
                self.again += 1;
            }
        }
    }

    /// Says that the entry itself was kept verbatim.
    pub fn keep(&mut self) {
        self.is_kept = true;
    }

    /// Says that the entry was read to its end.
    pub fn read(&mut self) {
        self.is_read = true;
    }

    /// True when something has been said of it.
    pub fn is_claimed(&self) -> bool {
        self.state() != State::Pending
    }

    /// Its state as far as this run has come.
    pub fn state(&self) -> State {
        if self.faulted.is_some() {
            State::Faulted
        } else if self.skipped.is_some() && self.taken + self.known == 0 {
            State::Skipped
        } else if !self.is_read {
            // Items may have been made of its beginning; what its rest holds nobody knows yet.
            State::Pending
        } else if self.taken > 0 {
            if self.is_kept { State::Kept } else { State::Taken }
        } else if self.known > 0 {
            State::Duplicate
        } else {
            State::Used
        }
    }

    /// True when all its items are in the archive, new or known, and it was not kept verbatim.
    pub fn is_taken(&self) -> bool {
        !self.is_kept && matches!(self.of_all_runs(), State::Taken)
    }

    /// True when items were made of it and nobody has said yet that it was read to its end.
    pub fn is_open(&self) -> bool {
        !self.is_read && self.taken + self.known > 0
    }

    /// Its state over all runs: what an earlier run has made of this very entry is not a duplicate of it.
    pub fn of_all_runs(&self) -> State {
        match self.state() {
            State::Duplicate if self.again == self.known && self.is_kept => State::Kept,
            State::Duplicate if self.again == self.known => State::Taken,
            state => state,
        }
    }

    /// Why it has its state, where that needs a word.
    pub fn reason(&self) -> Option<String> {
        self.faulted.clone().or_else(|| self.skipped.clone().filter(|_| self.state() == State::Skipped))
    }
}

/// Whether this run's state of an entry is to be written over that of an earlier run: what was once taken stays
/// taken, though a later run finds it known, passes it over, or cannot read the part any more.
pub fn replaces(earlier: State, now: State) -> bool {
    match earlier {
        State::Pending | State::Faulted | State::Skipped => now != State::Pending,
        State::Taken | State::Used | State::Duplicate | State::Kept => {
            matches!(now, State::Taken | State::Kept | State::Used)
                && earlier != now
                && earlier != State::Taken
        }
    }
}

/// Entries by state.
pub fn count(states: &[EntryState]) -> EntryCounts {
    let mut counts = EntryCounts::default();
    for state in states {
        counts.add(state.state(), 1);
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_one_state_whatever_happened_to_it() {
        let mut entry = EntryState::default();
        assert_eq!(entry.state(), State::Pending);
        entry.item(Added::New);
        assert_eq!(entry.state(), State::Pending);
        let mut entry = EntryState::default();
        entry.read();
        assert_eq!(entry.state(), State::Used);
        entry.item(Added::Known);
        assert_eq!(entry.state(), State::Duplicate);
        entry.item(Added::New);
        assert_eq!(entry.state(), State::Taken);
        entry.faulted = Some("cut short".to_owned());
        assert_eq!(entry.state(), State::Faulted);
    }

    #[test]
    fn what_was_once_taken_stays_taken() {
        assert!(!replaces(State::Taken, State::Duplicate));
        assert!(!replaces(State::Taken, State::Faulted));
        assert!(!replaces(State::Kept, State::Skipped));
        assert!(replaces(State::Faulted, State::Taken));
        assert!(replaces(State::Skipped, State::Duplicate));
        assert!(replaces(State::Pending, State::Used));
        assert!(replaces(State::Duplicate, State::Taken));
    }
}
