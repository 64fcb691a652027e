//! What an item was before: its older records in the ledger, and what each changed.
//!
//! The ledger is only ever appended to, so it still says what the index has forgotten. It keeps facts and the hash of
//! a content; bytes that a newer export has replaced are gone.

use std::path::Path;

use serde_json::{Map, Value};

use super::ledger;
use super::record::{ItemRecord, Record};
use crate::report::error::Result;

/// One record of an item.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The run that wrote it.
    pub run: i64,
    /// When that run began, in seconds since 1970-01-01 UTC.
    pub time: i64,
    /// The export that it was found in.
    pub export: String,
    /// Name of a field, its value before, its value since; names of nested facts are parted by dots. Empty for the
    /// first record.
    pub changes: Vec<(String, Value, Value)>,
}

/// All records of an item, the oldest first. `limit_bytes` is how far the index has committed the ledger.
///
/// # Errors
/// When the ledger cannot be read.
pub fn of(root: &Path, limit_bytes: Option<u64>, platform: &str, key: &str) -> Result<Vec<Step>> {
    let (mut run, mut time) = (0, 0);
    let mut last: Option<Map<String, Value>> = None;
    let mut steps = Vec::new();
    ledger::replay(root, limit_bytes, |record| {
        match record {
            Record::Run { run: number, started, .. } => (run, time) = (number, started),
            Record::Item(item) if item.platform == platform && item.key == key => {
                let now = fields(&item);
                let changes = last.as_ref().map(|before| changes(before, &now)).unwrap_or_default();
                steps.push(Step { run, time, export: item.export.to_string(), changes });
                last = Some(now);
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(steps)
}

/// The fields of a record by name, those of its facts each for itself. Where it was found is no field of the item.
fn fields(item: &ItemRecord) -> Map<String, Value> {
    let mut fields = Map::new();
    let Ok(Value::Object(record)) = serde_json::to_value(item) else { return fields };
    for (name, value) in record {
        match value {
            _ if ["export", "origin"].contains(&&*name) => {}
            Value::Object(facts) => {
                fields.extend(facts.into_iter().map(|(fact, value)| (format!("{name}.{fact}"), value)));
            }
            value => drop(fields.insert(name, value)),
        }
    }
    fields
}

fn changes(before: &Map<String, Value>, now: &Map<String, Value>) -> Vec<(String, Value, Value)> {
    let mut names: Vec<&String> = before.keys().chain(now.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let of = |fields: &Map<String, Value>, name: &str| fields.get(name).cloned().unwrap_or(Value::Null);
    let both = names.into_iter().map(|name| (name.clone(), of(before, name), of(now, name)));
    both.filter(|(_, before, now)| before != now).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(json: Value) -> Map<String, Value> {
        json.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn what_changed_is_told_with_both_values() {
        let before = map(serde_json::json!({"title": "Boat", "size": 1, "gone": true}));
        let now = map(serde_json::json!({"title": "Boats", "size": 1, "new": [2]}));
        let told = changes(&before, &now);
        let told: Vec<String> =
            told.iter().map(|(name, old, new)| format!("{name}: {old} -> {new}")).collect();
        assert_eq!(told, ["gone: true -> null", "new: null -> [2]", "title: \"Boat\" -> \"Boats\""]);
    }
}
