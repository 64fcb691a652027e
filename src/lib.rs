//! exodus gets a person's data out of Big Tech and onto their own server.
//!
//! # The map
//!
//! An *export* (what a platform gave the user) consists of *parts* (zips, tgz, folders); its files are *entries*. An
//! *importer* makes *items* of entries (a mail, a file). The *archive* is exodus's own folder: a Maildir, a tree of
//! files, a ledger and an SQLite index. Every entry ends in exactly one state, and `exodus verify` proves it.
//!
//! ```text
//! floor 5   cli/      the commands; cli/output.rs alone prints
//! floor 4   receipt/  what came in, what became of it, what was proven: may the account be deleted?
//!           batch/    many accounts from one manifest, each row in processes of its own
//!           watch/    parts are imported as they are downloaded
//! floor 3   import/   export -> archive: threads, states of entries, counts
//!           copies/   archive -> a folder, for programs that do not read archives
//!           site/     archive -> a site of papers, from templates
//!           push/     archive -> target: plan, send, verify; push/sftp/ speaks SFTP over push/ssh/
//! floor 2   source/   parts as one tree of entries        archive/   the folder, written crash-safe, read, proven
//! floor 1   report/   errors with exit codes, events, counts
//! ========  the wall: importers/ (a crate of its own) sees exodus-api and parsers, nothing of this crate
//! floor 0   exodus-api   Item, Source, Sink, Importer, Fault          exodus-mail   RFC 5322 to the byte
//! ```
//!
//! # Invariants
//!
//! * Arrows run down only; rooms on one floor do not know each other. `tests/it/layers.rs` checks it.
//! * No room names a platform or an importer: `main.rs` hands the list in.
//! * Nothing is lost in silence: the sum of the states is the number of entries.
//! * Running again is safe: a run that was killed, repeated, makes what one clean run makes.
//! * Memory is bounded whatever the size of the export: nothing larger than one message is held whole.
//! * Nothing of a message's text, and no password, is ever logged; nothing leaves the machine
//!   except to the target that the user named. An import (a watch too) can read the parts and write the archive, and
//!   no more than that, where the kernel can see to it (`cli/sandbox.rs`).
//!
//! Read on in this order: [`report`], [`source`], [`archive`], [`import`], [`push`], [`receipt`], [`batch`], [`watch`], [`cli`]; then `importers/`.

pub mod archive;
pub mod batch;
pub mod cli;
pub mod copies;
pub mod import;
pub mod push;
pub mod receipt;
pub mod report;
pub mod site;
pub mod source;
pub mod watch;
