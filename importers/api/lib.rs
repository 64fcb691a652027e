//! What exodus and its importers agree on: the wall between them.
//!
//! An importer reads an export through [`Source`], turns it into [`Item`]s and hands them to a [`Sink`].
//! It never sees a file system, a network, a clock, a database or a terminal; the engine never sees a platform.
//! Every word here is one of the words of `ARCHITECTURE.md`.
//!
//! Read in this order: [`source`] (what comes in), [`item`] (what goes out), [`sink`] (where it goes),
//! [`importer`] (who does it), [`error`] (what may go wrong), [`front_matter`] (how Markdown files tell their facts).

pub mod error;
pub mod front_matter;
pub mod importer;
pub mod item;
pub mod sink;
pub mod source;

pub use error::{Fault, ImportError, Scope, SourceError, Stop};
pub use importer::{About, Detection, Importer, OptionSpec, Options, Product, Survey};
pub use item::{Body, Flags, Item, Key, Kind, Label, Mail, Origin, Role};
pub use sink::{Sink, Skip};
pub use source::{At, Entry, Place, Source};
