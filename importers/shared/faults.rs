//! What to say of entries and records that cannot be taken.

use std::fmt::Display;
use std::io::Read;

use exodus_api::{At, Entry, Fault, ImportError, Scope, Sink, Source, SourceError};

/// The content of an entry; `None` if it cannot be opened, which is told.
///
/// # Errors
/// When the run has to end.
pub fn opened<'s>(
    source: &'s dyn Source,
    entry: &Entry,
    sink: &mut dyn Sink,
) -> Result<Option<Box<dyn Read + Send + 's>>, ImportError> {
    match source.open(entry) {
        Ok(reader) => Ok(Some(reader)),
        Err(err) => {
            sink.fault(not_opened(source, entry, err))?;
            Ok(None)
        }
    }
}

/// An entry that cannot be opened.
pub fn not_opened(source: &dyn Source, entry: &Entry, err: SourceError) -> Fault {
    let what = format!("cannot be opened: {}", err.what);
    Fault {
        entry: entry.id,
        place: source.place(entry, At::Whole),
        scope: Scope::Entry,
        what,
        hint: err.hint,
    }
}

/// An entry that cannot be read on from some byte.
pub fn breaks_off(source: &dyn Source, entry: &Entry, byte: u64, err: &dyn Display) -> Fault {
    let what = format!("cannot be read to its end: {err}");
    let hint = "what stands before it is safe; download the part again and run the same command";
    let (place, hint) = (source.place(entry, At::Byte(byte)), Some(hint.to_owned()));
    Fault { entry: entry.id, place, scope: Scope::Entry, what, hint }
}

/// One record of an entry that cannot be taken; the entry is read on.
pub fn bad_record(source: &dyn Source, entry: &Entry, at: At, what: String, hint: &str) -> Fault {
    let place = source.place(entry, at);
    Fault { entry: entry.id, place, scope: Scope::Item, what, hint: Some(hint.to_owned()) }
}
