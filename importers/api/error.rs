//! What may go wrong: faults of one item, and what ends an import.

use crate::Place;

/// What one item or entry lacks. The run goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The number of the entry it happened in.
    pub entry: u32,
    /// Where.
    pub place: Place,
    /// How much of the entry is lost.
    pub scope: Scope,
    /// What happened: lower case, no final period.
    pub what: String,
    /// What the user can do.
    pub hint: Option<String>,
}

/// How much of an entry a fault concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One item of it; the entry is read on.
    Item,
    /// The rest of the entry: its state becomes *faulted*.
    Entry,
}

/// The run has to end: the archive cannot take more, or the user said so. The engine knows why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the run was stopped")]
pub struct Stop;

/// An entry cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct SourceError {
    /// What happened: lower case, no final period.
    pub what: String,
    /// What the user can do.
    pub hint: Option<String>,
}

/// What ends an import.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The sink wants no more.
    #[error(transparent)]
    Stop(#[from] Stop),
    /// The export as a whole cannot be understood.
    #[error("{what}")]
    Layout {
        /// What happened: lower case, no final period.
        what: String,
        /// What the user can do.
        hint: Option<String>,
    },
}
