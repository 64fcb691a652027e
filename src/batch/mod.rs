//! Many accounts from one manifest: each row is imported, verified, pushed and receipted by processes of its own.
//!
//! [`manifest`] is read whole, with [`table`] and [`template`], before anything starts. [`run`] does rows side by side within
//! limits, of which [`room`] knows the disks; [`row`] is the steps of one, [`process`] runs a step. [`state`] keeps what became of each row, one file a row, so that
//! whoever is killed goes on where they were and machines may share a folder; [`shard`] tells them their shares. [`report`] puts
//! all of it together for people and machines.
//!
//! **Invariants.** A row that crashes, hangs or fills the disk hurts no other: nothing of it happens in this process. A row that has
//! ended is done again only if what it was to do has changed, or it failed and is to be tried again.

pub mod manifest;
pub mod process;
pub mod report;
mod room;
mod row;
pub mod run;
pub mod shard;
pub mod state;
mod table;
mod template;
