//! `exodus status`, `list`, `show` and `search`: questions about an archive.

use clap::Args;
use exodus_api::Kind;
use serde_json::json;

use super::output::{Output, clean, counted, cut, number, size, things, time, time_json};
use super::{Common, Context};
use crate::archive::history::Step;
use crate::archive::index::FORMAT;
use crate::archive::reader::{Filter, Line, Reader, Status};
use crate::archive::search as archive_search;
use crate::report::counts::State;
use crate::report::error::Result;

/// Say what the archive holds
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  exodus status\n  exodus status --json")]
pub struct StatusArgs {
    #[command(flatten)]
    common: Common,
}

/// List items, newest first
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  exodus list --limit 20\n  exodus list --kind message --label Work")]
pub struct ListArgs {
    /// Only this kind: message, file, setting
    #[arg(long)]
    kind: Option<String>,
    /// Only this product: mail, drive
    #[arg(long)]
    product: Option<String>,
    /// Only items with this label
    #[arg(long)]
    label: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    #[command(flatten)]
    common: Common,
}

/// Show all that is known of an item
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  exodus show 17\n  exodus show 17 --raw > mail.eml\n  exodus show 17 --history"
)]
pub struct ShowArgs {
    /// Its number, path or Message-ID
    #[arg(value_name = "ITEM")]
    item: String,
    /// Write its original bytes to stdout
    #[arg(long)]
    raw: bool,
    /// Say what newer exports have changed in it, and when
    #[arg(long, conflicts_with = "raw")]
    history: bool,
    #[command(flatten)]
    common: Common,
}

/// Search the archive
///
/// Conditions: from: to: subject: label: before: after: has:attachment kind: and plain words for the full text.
/// Double quotes keep words together, a * at the end of a word asks for beginnings.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  exodus search from:ada after:2019-03 budget\n  exodus search 'label:\"Haus, Garten\" has:attachment'"
)]
pub struct SearchArgs {
    /// What to search for
    #[arg(required = true, value_name = "QUERY")]
    query: Vec<String>,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    #[command(flatten)]
    common: Common,
}

/// Runs `status`.
pub fn status(args: &StatusArgs, context: &Context) -> Result<()> {
    let status = Reader::open(&args.common.archive)?.status()?;
    if args.common.json {
        context.output.json(&status_json(&status));
    } else {
        print_status(&status, &context.output);
    }
    Ok(())
}

fn status_json(status: &Status) -> serde_json::Value {
    let mut items: serde_json::Map<String, serde_json::Value> =
        Kind::ALL.iter().map(|kind| (kind.name().to_owned(), 0.into())).collect();
    items.extend(status.items.iter().map(|(kind, (n, _))| (kind.clone(), (*n).into())));
    let exports = status.exports.iter().map(|export| {
        json!({
            "export": export.key,
            "platform": export.platform,
            "account": export.account,
            "exported_at": time_json(export.exported_at),
            "parts": export.parts,
            "entries": export.entries.to_json(),
        })
    });
    let faults = status.faults.iter().map(|it| json!({"place": it.place, "what": it.what, "hint": it.hint}));
    let folders = status.folders.iter().map(|(name, n)| json!({"name": name, "messages": n}));
    json!({
        "format": FORMAT,
        "items": items,
        "bytes": status.items.values().map(|(_, bytes)| bytes).sum::<u64>(),
        "entries": status.entries.to_json(),
        "exports": exports.collect::<Vec<_>>(),
        "folders": folders.collect::<Vec<_>>(),
        "faults": faults.collect::<Vec<_>>(),
        "without_text": status.without_text,
        "identical_files": status.identical_files,
    })
}

fn print_status(status: &Status, output: &Output) {
    for (kind, (n, bytes)) in &status.items {
        output.line(&format!("{:>12}  {} ({})", number(*n), things(*n, kind), size(*bytes)));
    }
    let states = State::ALL.into_iter().filter(|state| status.entries.get(*state) > 0);
    let words: Vec<String> =
        states.map(|state| format!("{} {state}", number(status.entries.get(state)))).collect();
    output.line(&format!("{:>12}  files of exports: {}", number(status.entries.total()), words.join(", ")));
    for export in &status.exports {
        let account =
            export.account.as_ref().map(|account| format!(" of {}", clean(account))).unwrap_or_default();
        let made = export.exported_at.map(|at| format!(", made {}", time(at))).unwrap_or_default();
        let parts = counted(export.parts.len() as u64, "part");
        output.line(&format!("export {}{account}{made}, {parts}", clean(&export.key)));
    }
    for (folder, n) in &status.folders {
        output.line(&format!("{:>12}  in {}", number(*n), clean(folder)));
    }
    if status.identical_files > 0 {
        output.line(&format!("{:>12}  files have the bytes of another", number(status.identical_files)));
    }
    if status.without_text > 0 {
        output.line(&format!("{} items are not in the full-text index yet", number(status.without_text)));
    }
    for fault in &status.faults {
        output.line(&format!("fault: {}, in {}", clean(&fault.what), clean(&fault.place)));
        if let Some(hint) = &fault.hint {
            output.line(&format!("  hint: {}", clean(hint)));
        }
    }
}

/// Runs `list`.
pub fn list(args: &ListArgs, context: &Context) -> Result<()> {
    let filter = Filter {
        kind: args.kind.clone(),
        product: args.product.clone(),
        label: args.label.clone(),
        limit: args.limit,
    };
    let lines = Reader::open(&args.common.archive)?.list(&filter)?;
    print_lines(&lines, args.common.json, &context.output);
    Ok(())
}

fn print_lines(lines: &[Line], is_json: bool, output: &Output) {
    for line in lines {
        if is_json {
            output.json(&json!({
                "id": line.id,
                "kind": line.kind,
                "product": line.product,
                "time": time_json(line.time),
                "from": line.sender,
                "title": line.title,
                "snippet": line.snippet,
                "labels": line.labels,
                "size": line.size,
                "path": line.path,
            }));
            continue;
        }
        let at = line.time.map_or_else(|| "-".to_owned(), time);
        let who = line.sender.as_deref().unwrap_or(&line.product);
        let title = line.title.as_deref().or(line.path.as_deref()).unwrap_or("");
        output.line(&format!("{:>8}  {at:<16}  {:<24}  {}", line.id, cut(who, 24), cut(title, 70)));
    }
}

/// Runs `show`.
pub fn show(args: &ShowArgs, context: &Context) -> Result<()> {
    let reader = Reader::open(&args.common.archive)?;
    let id = reader.find(&args.item)?;
    if args.raw {
        context.output.raw(&reader.original(id)?);
        return Ok(());
    }
    if args.history {
        print_history(&reader.history(id)?, args.common.json, &context.output);
        return Ok(());
    }
    let item = reader.item_json(id)?;
    if args.common.json {
        context.output.json(&item);
        return Ok(());
    }
    let Some(object) = item.as_object() else { return Ok(()) };
    for (name, value) in object {
        let text = match value {
            serde_json::Value::Null => continue,
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Array(list) if list.is_empty() => continue,
            value => value.to_string(),
        };
        context.output.line(&format!("{:>14}  {}", name.replace('_', " "), clean(&text)));
    }
    Ok(())
}

fn print_history(steps: &[Step], is_json: bool, output: &Output) {
    for (n, step) in steps.iter().enumerate() {
        if is_json {
            let changes =
                step.changes.iter().map(|(name, old, new)| json!({"field": name, "old": old, "new": new}));
            output.json(&json!({
                "run": step.run,
                "time": time_json(Some(step.time)),
                "export": step.export,
                "changes": changes.collect::<Vec<_>>(),
            }));
            continue;
        }
        let what = match (n, step.changes.is_empty()) {
            (0, _) => "first found",
            (_, true) => "found again",
            (_, false) => "changed",
        };
        output.line(&format!("{}  run {}, {}: {what}", time(step.time), step.run, clean(&step.export)));
        for (name, old, new) in &step.changes {
            output.line(&format!(
                "{:>18}  {} -> {}",
                clean(name),
                clean(&old.to_string()),
                clean(&new.to_string())
            ));
        }
    }
}

/// Runs `search`.
pub fn search(args: &SearchArgs, context: &Context) -> Result<()> {
    // A word that the shell has freed of its quotes gets them back, where there can be blanks in it: else it is the whole search in quotes.
    let quoted = args.query.iter().map(|word| match word.split_once(':') {
        Some((name @ ("from" | "to" | "subject" | "label"), value))
            if value.contains(' ') && !word.contains('"') =>
        {
            format!("{name}:\"{value}\"")
        }
        _ => word.clone(),
    });
    let query = archive_search::parse(&quoted.collect::<Vec<String>>().join(" "))?;
    let answer = archive_search::search(&args.common.archive, &query, args.limit)?;
    print_lines(&answer.lines, args.common.json, &context.output);
    if answer.without_text > 0 {
        let n = number(answer.without_text);
        context
            .output
            .note(&format!("note: {n} items are not in the full-text index; `exodus reindex` makes it"));
    }
    if answer.lines.is_empty() && !args.common.json {
        context.output.note("nothing found");
    }
    Ok(())
}
