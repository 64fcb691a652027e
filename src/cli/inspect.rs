//! `exodus inspect`: what is in an export; `exodus importers`: which exports can be read.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::output::{Output, clean, counted, number, size, time, time_json};
use super::progress::{Progress, Telling};
use super::{Common, Context};
use crate::archive::views::papers::checklist::Checklist;
use crate::import;
use crate::import::inspect::{Inspection, inspect};
use crate::import::skeleton::skeleton;
use crate::report::error::{Error, Kind, Result};

/// Say what is in an export, before anything is touched
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  exodus inspect takeout-*.zip\n  exodus inspect takeout-*.zip --skeleton for-a-report.json"
)]
pub struct InspectArgs {
    /// Parts of the export: zip, tgz, tar, a folder, a folder full of parts, an mbox
    #[arg(required = true, value_name = "PART")]
    parts: Vec<PathBuf>,
    /// Use this importer, whatever the content looks like
    #[arg(long, value_name = "IMPORTER")]
    from: Option<String>,
    /// Write what is not understood into a new file that may be shown to others: structure, no content
    #[arg(long, value_name = "FILE")]
    skeleton: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

/// List the importers, what they read and what they make of it
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  exodus importers")]
pub struct ImportersArgs {
    #[command(flatten)]
    common: Common,
}

/// Runs `inspect`.
pub fn run(args: &InspectArgs, context: &Context) -> Result<()> {
    let progress = Progress::new(&context.output, Telling::People, args.common.quiet || args.common.json);
    if let Some(file) = &args.skeleton {
        let skeleton = skeleton(&args.parts, args.from.as_deref(), context.importers, &progress)?;
        return write_skeleton(file, &skeleton, args.common.json, &context.output);
    }
    let found = inspect(&args.parts, args.from.as_deref(), context.importers, &progress)?;
    let free_bytes = import::free_bytes(&args.common.archive);
    if args.common.json {
        context.output.json(&json_of(&found, free_bytes));
    } else {
        print(&found, free_bytes, &context.output);
    }
    Ok(())
}

/// Writes a skeleton into a file that is not there yet.
fn write_skeleton(path: &Path, skeleton: &serde_json::Value, is_json: bool, output: &Output) -> Result<()> {
    let text = serde_json::to_string_pretty(skeleton).expect("a skeleton is plain JSON") + "\n";
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|err| {
        let what = format!("cannot write `{}`: {err}", path.display());
        Error::new(Kind::Usage, what).hint("name a new file in a folder that is yours")
    })?;
    if is_json {
        output.json(skeleton);
        return Ok(());
    }
    let forms = skeleton["files"].as_array().map_or(0, Vec::len);
    output.line(&format!("{} of files that are not understood", counted(forms as u64, "form")));
    output.line(&format!("The skeleton: {}", clean(&path.display().to_string())));
    output.line("It holds names by their form and no content; read it before you show it to anybody");
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
            "not_understood": product.not_understood,
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
        "papers": found.checklist.as_ref().map(Checklist::to_json),
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
        if product.not_understood > 0 {
            let n = counted(product.not_understood, "file");
            line(&format!("{:24}newer than exodus knows? {n} not understood, kept as it is", ""));
        }
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
    for text in found.checklist.iter().flat_map(Checklist::lines) {
        line(&clean(&text));
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
        context.output.line(&format!("{:<10}{}", about.name, about.title));
        context.output.line(&format!(
            "          makes {}; understands {}",
            kinds.join(", "),
            about.products.join(", ")
        ));
        if let Some(url) = about.request_url {
            context.output.line(&format!("          ask for your export at {url}"));
        }
    }
    Ok(())
}
