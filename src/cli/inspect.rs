//! `exodus inspect`: what is in an export; `exodus importers`: which exports can be read.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::output::{Output, clean, counted, number, size, time, time_json};
use super::progress::{Progress, Telling};
use super::{Common, Context};
use crate::import;
use crate::import::inspect::{Inspection, inspect};
use crate::report::error::Result;

/// Say what is in an export, before anything is touched
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  exodus inspect takeout-*.zip")]
pub struct InspectArgs {
    /// Parts of the export: zip, tgz, tar, a folder, a folder full of parts, an mbox
    #[arg(required = true, value_name = "PART")]
    parts: Vec<PathBuf>,
    /// Use this importer, whatever the content looks like
    #[arg(long, value_name = "IMPORTER")]
    from: Option<String>,
    #[command(flatten)]
    common: Common,
}

/// List the importers, what they read and what they make of it
#[derive(Debug, Args)]
pub struct ImportersArgs {
    #[command(flatten)]
    common: Common,
}

/// Runs `inspect`.
pub fn run(args: &InspectArgs, context: &Context) -> Result<()> {
    let progress = Progress::new(&context.output, Telling::People, args.common.quiet || args.common.json);
    let found = inspect(&args.parts, args.from.as_deref(), context.importers, &progress)?;
    let free_bytes = import::free_bytes(&args.common.archive);
    if args.common.json {
        context.output.json(&json_of(&found, free_bytes));
    } else {
        print(&found, free_bytes, &context.output);
    }
    Ok(())
}

fn json_of(found: &Inspection, free_bytes: Option<u64>) -> serde_json::Value {
    let parts =
        found.parts.iter().map(|(name, kind, size)| json!({"name": name, "kind": kind, "size": size}));
    let products = found.products.iter().map(|product| {
        json!({
            "name": product.name,
            "folder": product.folder,
            "understood": product.is_understood,
            "entries": product.entries,
            "bytes": product.bytes,
        })
    });
    let refused = found.refused.iter().map(|(place, what)| json!({"place": place, "what": what}));
    json!({
        "platform": found.platform,
        "layout": found.layout,
        "account": found.account,
        "exported_at": time_json(found.exported_at),
        "parts": parts.collect::<Vec<_>>(),
        "products": products.collect::<Vec<_>>(),
        "entries": found.entries,
        "bytes": found.content_bytes,
        "needed_bytes": found.needed_bytes,
        "free_bytes": free_bytes,
        "copies": found.copies,
        "missing": found.missing,
        "refused": refused.collect::<Vec<_>>(),
        "warnings": found.warnings,
    })
}

fn print(found: &Inspection, free_bytes: Option<u64>, output: &Output) {
    let line = |text: &str| output.line(text);
    let account = found.account.as_ref().map(|account| format!(" of {}", clean(account))).unwrap_or_default();
    let made = found.exported_at.map(|at| format!(", made {} UTC", time(at))).unwrap_or_default();
    line(&format!("{}{account}{made}", found.title));
    line(&format!("{}:", counted(found.parts.len() as u64, "part")));
    for (name, kind, bytes) in &found.parts {
        line(&format!("  {:>10}  {kind:<6}  {}", size(*bytes), clean(name)));
    }
    line(&format!("{}, {} unpacked:", counted(found.entries, "file"), size(found.content_bytes)));
    for product in &found.products {
        let fate = if product.is_understood { "understood" } else { "kept as it is" };
        line(&format!(
            "  {:>10}  {:>9}  {:<18} {fate}",
            size(product.bytes),
            number(product.entries),
            clean(&product.name)
        ));
    }
    if found.copies > 0 {
        line(&format!("In two parts, taken once: {}", counted(found.copies, "file")));
    }
    if !found.refused.is_empty() {
        line(&format!("{} members cannot be read:", number(found.refused.len() as u64)));
        for (place, what) in found.refused.iter().take(20) {
            line(&format!("  {}: {}", clean(place), clean(what)));
        }
    }
    if found.missing.is_empty() {
        line("No part is missing, as far as the export's own list tells");
    } else {
        line(&format!(
            "PARTS ARE MISSING: {} files are in none of these parts:",
            number(found.missing.len() as u64)
        ));
        for path in &found.missing {
            line(&format!("  {}", clean(path)));
        }
    }
    let free = free_bytes.map(|free| format!("; {} are free there", size(free))).unwrap_or_default();
    line(&format!("An archive of it needs about {} of disk{free}", size(found.needed_bytes)));
}

/// Runs `importers`.
pub fn importers(args: &ImportersArgs, context: &Context) -> Result<()> {
    let abouts: Vec<_> = context.importers.iter().map(|importer| importer.about()).collect();
    if args.common.json {
        let list = abouts.iter().map(|about| {
            let options = about.options.iter().map(|spec| json!({"name": spec.name, "values": spec.values}));
            json!({
                "name": about.name,
                "title": about.title,
                "kinds": about.kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>(),
                "products": about.products,
                "options": options.collect::<Vec<_>>(),
                "request_url": about.request_url,
            })
        });
        context.output.json(&list.collect::<Vec<_>>().into());
        return Ok(());
    }
    for about in abouts {
        let kinds: Vec<&str> = about.kinds.iter().map(|kind| kind.name()).collect();
        context.output.line(&format!("{:<8} {}", about.name, about.title));
        context.output.line(&format!(
            "         makes {}; understands {}",
            kinds.join(", "),
            about.products.join(", ")
        ));
        if let Some(url) = about.request_url {
            context.output.line(&format!("         ask for your export at {url}"));
        }
    }
    Ok(())
}
