//! Tasks: one iCalendar object with a `VTODO` for every task of every list.
//!
//! `Tasks.json` has all lists (`"kind":"tasks#taskLists"`), each with its tasks; the same name in every language seen.
//! A list may name its `kind` twice, one without tasks has no `items`. `due` is a day, written as its midnight in UTC.
//! The task as the export has it stands in the index too, so nothing it says is lost.

use std::collections::HashSet;

use exodus_api::{At, Body, Entry, ImportError, Item, Kind, Options, Origin, Product, Sink, Skip, Source};
use jiff::Timestamp;
use serde_json::Value;

use super::calendar::folder_of;
use super::{faults, head};
use crate::shared::content_lines::{self, escaped, push_line};
use crate::shared::json_paths::JsonPaths;
use crate::shared::{json_mended, names};

const PATHS: &[&[&str]] = &[&["kind"], &["items", "*"]];
const LIST: usize = 1;

/// Imports all task lists of an account.
pub fn import(
    source: &dyn Source,
    product: &Product,
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    let root = format!("{}/", product.folder);
    let is_lists = |entry: &&Entry| {
        entry.name().to_lowercase().ends_with(".json")
            && !names::is_system_junk(&entry.path)
            && memchr::memmem::find(&head(source, entry, 1 << 10), b"tasks#taskLists").is_some()
    };
    for entry in source.under(&root).iter().filter(is_lists) {
        if !options.wants(Kind::Task, "tasks") {
            sink.skip(entry, Skip::NotAskedFor)?;
        } else if sink.is_done(entry) {
            sink.used(entry)?;
        } else {
            send(source, entry, sink)?;
        }
    }
    Ok(())
}

fn send(source: &dyn Source, entry: &Entry, sink: &mut dyn Sink) -> Result<(), ImportError> {
    let Some(reader) = faults::opened(source, entry, sink)? else { return Ok(()) };
    let mut values = JsonPaths::new(reader, PATHS);
    let mut names_taken = HashSet::new();
    let mut end = 0;
    loop {
        let found = match values.next_value() {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(sink.used(entry)?),
            Err(err) => return Ok(sink.fault(faults::breaks_off(source, entry, end, &err))?),
        };
        end = found.offset;
        if found.path != LIST {
            continue;
        }
        let list: Option<Value> = found.bytes.and_then(|bytes| json_mended::parse(&bytes).ok());
        let Some(list) = list.filter(Value::is_object) else {
            let what = "a list of tasks cannot be read".to_owned();
            let hint = "export again; the other lists are safe";
            let at = At::Byte(found.offset);
            sink.fault(faults::bad_record(source, entry, at, what, hint))?;
            continue;
        };
        let name = free_name(text(&list, "title").unwrap_or("Tasks"), &mut names_taken);
        for (record, task) in list["items"].as_array().into_iter().flatten().enumerate() {
            let origin = Origin { entry: entry.clone(), at: At::Record(record as u64) };
            sink.item(item(task, &list, &name, origin))?;
        }
    }
}

fn free_name(title: &str, taken: &mut HashSet<String>) -> String {
    let mut name = title.trim().to_owned();
    let mut n = 1;
    while !taken.insert(names::folded(&name)) {
        n += 1;
        name = format!("{} ({n})", title.trim());
    }
    name
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str().map(str::trim).filter(|text| !text.is_empty())
}

fn item(task: &Value, list: &Value, list_name: &str, origin: Origin) -> Item {
    let uid = match text(task, "id") {
        Some(id) => id.to_owned(),
        None => content_lines::uid_of(task.to_string().as_bytes()),
    };
    let mut item = Item::new(Kind::Task, "tasks", format!("task:{uid}"), origin);
    item.title = text(task, "title").map(str::to_owned);
    item.time = ["updated", "created"].iter().filter_map(|name| text(task, name)).find_map(seconds);
    item.path = format!("tasks-{}/{}.ics", folder_of(list_name), content_lines::file_stem(&uid));
    item.extra.insert("list".to_owned(), list_name.into());
    if let Some(id) = text(list, "id") {
        item.extra.insert("list_id".to_owned(), id.into());
    }
    for (fact, name) in
        [("status", "status"), ("due", "due"), ("completed", "completed"), ("parent", "parent")]
    {
        if let Some(text) = text(task, name) {
            item.extra.insert(fact.to_owned(), text.into());
        }
    }
    item.extra.insert("task".to_owned(), task.clone());
    item.body = Body::Inline(todo(task, &uid));
    item
}

fn seconds(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_second)
}

/// A time as iCalendar writes it.
fn stamp(text: &str) -> Option<String> {
    let time = text.parse::<Timestamp>().ok()?;
    Some(time.strftime("%Y%m%dT%H%M%SZ").to_string())
}

fn todo(task: &Value, uid: &str) -> Vec<u8> {
    let mut out = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//exodus//EN\r\nBEGIN:VTODO\r\n".to_vec();
    let mut push = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            push_line(&mut out, &format!("{name}:{value}"));
        }
    };
    let updated = text(task, "updated").and_then(stamp);
    let created = text(task, "created").and_then(stamp);
    let is_done = text(task, "status") == Some("completed");
    push("UID", Some(escaped(uid)));
    let known = updated.clone().or_else(|| created.clone());
    push("DTSTAMP", Some(known.unwrap_or_else(|| "19700101T000000Z".to_owned())));
    push("CREATED", created);
    push("LAST-MODIFIED", updated);
    push("SUMMARY", text(task, "title").map(escaped));
    push("DESCRIPTION", text(task, "notes").map(escaped));
    let due = text(task, "due").and_then(stamp).map(|stamp| stamp[..8].to_owned());
    push("DUE;VALUE=DATE", due);
    let status = match (task["deleted"] == true, is_done) {
        (true, _) => "CANCELLED",
        (_, true) => "COMPLETED",
        _ => "NEEDS-ACTION",
    };
    push("STATUS", Some(status.to_owned()));
    if is_done {
        push("COMPLETED", text(task, "completed").and_then(stamp));
        push("PERCENT-COMPLETE", Some("100".to_owned()));
    }
    push("RELATED-TO", text(task, "parent").map(escaped));
    // Where it stands among its neighbours, as Apple, Nextcloud and Tasks.org read it.
    let position = text(task, "position").and_then(|position| position.parse::<u64>().ok());
    push("X-APPLE-SORT-ORDER", position.map(|position| position.to_string()));
    for link in task["links"].as_array().into_iter().flatten() {
        push("ATTACH", text(link, "link").map(|link| link.replace(['\r', '\n'], "")));
    }
    out.extend_from_slice(b"END:VTODO\r\nEND:VCALENDAR\r\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_a_todo_with_its_day_its_parent_and_its_state() {
        let task = serde_json::json!({"id": "abc", "title": "Buy milk, bread", "notes": "2 l\nfresh", "status": "completed",
            "parent": "xyz", "position": "00000000000000000001", "updated": "2024-01-02T03:04:05.678Z",
            "due": "2024-02-03T00:00:00Z", "completed": "2024-01-02T03:04:05Z",
            "links": [{"type": "email", "link": "https://example.org/mail"}]});
        let text = String::from_utf8(todo(&task, "abc")).expect("text");
        for line in [
            "UID:abc",
            "SUMMARY:Buy milk\\, bread",
            "DESCRIPTION:2 l\\nfresh",
            "DUE;VALUE=DATE:20240203",
            "STATUS:COMPLETED",
            "COMPLETED:20240102T030405Z",
            "RELATED-TO:xyz",
            "ATTACH:https://example.org/mail",
            "DTSTAMP:20240102T030405Z",
        ] {
            assert!(text.contains(&format!("\r\n{line}\r\n")), "no {line} in {text}");
        }
        let bare = String::from_utf8(todo(&serde_json::json!({}), "x")).expect("text");
        assert!(bare.contains("STATUS:NEEDS-ACTION") && bare.contains("DTSTAMP:1970"));
    }
}
