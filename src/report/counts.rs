//! Counts: the states in which entries end, and items by kind.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The state in which an entry ends. Every entry ends in exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Not reached: the run was stopped before.
    Pending,
    /// Items were made of it.
    Taken,
    /// Read for its facts, which were merged into items or the index.
    Used,
    /// The same content is in the archive already.
    Duplicate,
    /// No importer knows it: stored verbatim.
    Kept,
    /// Passed over on purpose, with the reason.
    Skipped,
    /// Could not be taken, with the place and a hint.
    Faulted,
}

impl State {
    /// All states in the order in which people are told of them.
    pub const ALL: [State; 7] = [
        State::Taken,
        State::Used,
        State::Duplicate,
        State::Kept,
        State::Skipped,
        State::Faulted,
        State::Pending,
    ];

    /// Its name in the index and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::Taken => "taken",
            State::Used => "used",
            State::Duplicate => "duplicate",
            State::Kept => "kept",
            State::Skipped => "skipped",
            State::Faulted => "faulted",
        }
    }

    /// The state of that name.
    pub fn from_name(name: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.name() == name)
    }
}

impl fmt::Display for State {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// How many entries ended in each state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryCounts(BTreeMap<State, u64>);

impl EntryCounts {
    /// Counts `n` more entries in `state`.
    pub fn add(&mut self, state: State, n: u64) {
        *self.0.entry(state).or_default() += n;
    }

    /// How many entries are in `state`.
    pub fn get(&self, state: State) -> u64 {
        self.0.get(&state).copied().unwrap_or(0)
    }

    /// The sum of all states.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// As JSON: `{"total":N,"taken":N,...}`, every state named.
    pub fn to_json(&self) -> serde_json::Value {
        let mut object = serde_json::Map::new();
        object.insert("total".to_owned(), self.total().into());
        for state in State::ALL {
            object.insert(state.name().to_owned(), self.get(state).into());
        }
        object.into()
    }
}
