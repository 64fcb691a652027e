//! JSON files that are long lists: read record by record, so that one that cannot be read costs only itself.

use exodus_api::{At, Entry, ImportError, Origin, Sink, Source};
use serde_json::Value;

use super::faults;
use super::json_mended;
use super::json_paths::JsonPaths;

/// A list in an entry.
pub struct List<'a> {
    /// The export.
    pub source: &'a dyn Source,
    /// The file.
    pub entry: &'a Entry,
    /// Where its records stand.
    pub paths: &'static [&'static [&'static str]],
    /// What is said of a record that cannot be taken.
    pub what: &'static str,
    /// What can be done about it.
    pub hint: &'static str,
}

/// A record of a list.
pub struct Record {
    /// Which of the paths it stands at.
    pub path: usize,
    /// The keys that stood for a `?` in it.
    pub keys: Vec<String>,
    /// What it says.
    pub value: Value,
    /// Where it was found.
    pub origin: Origin,
}

/// Takes a record; false if it is none that can be taken.
pub type Take<'t> = dyn FnMut(Record, &mut dyn Sink) -> Result<bool, ImportError> + 't;

impl List<'_> {
    /// Hands every record to `take`; tells whether the file could be read to its end. What cannot be read is a fault.
    ///
    /// # Errors
    /// When the run has to end.
    pub fn each(&self, sink: &mut dyn Sink, take: &mut Take) -> Result<bool, ImportError> {
        let (source, entry) = (self.source, self.entry);
        let Some(reader) = faults::opened(source, entry, sink)? else { return Ok(false) };
        let mut values = JsonPaths::new(reader, self.paths);
        let mut end = 0;
        loop {
            let found = match values.next_value() {
                Ok(Some(found)) => found,
                Ok(None) => return Ok(true),
                Err(err) => {
                    sink.fault(faults::breaks_off(source, entry, end, &err))?;
                    return Ok(false);
                }
            };
            end = found.offset;
            let at = At::Byte(found.offset);
            let origin = Origin { entry: entry.clone(), at };
            let value: Option<Value> = found.bytes.and_then(|bytes| json_mended::parse(&bytes).ok());
            let is_taken = match value {
                Some(value) => take(Record { path: found.path, keys: found.keys, value, origin }, sink)?,
                None => false,
            };
            if !is_taken {
                sink.fault(faults::bad_record(source, entry, at, self.what.to_owned(), self.hint))?;
            }
        }
    }
}
