//! The skeleton of an export: what of it no importer understands, told so that its owner can show it to strangers.
//!
//! It holds names of folders and files by their form, sizes and counts by their class, and of JSON, CSV and HTML the
//! structure: names of fields, types, elements. It never holds a value. What may be shown as it stands is decided by
//! [`words`]: the platform's own names, and what looks like a field that a programmer has named.

mod json;
mod markup;
mod table;
mod words;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use exodus_api::{Entry, Importer, Source};
use serde_json::{Value, json};

use super::claims::Claims;
use super::{Opened, open, product_of};
use crate::report::error::Result;
use crate::report::event::Observer;

/// Changes when readers of a skeleton have to know.
const VERSION: u32 = 1;
/// Of files whose paths have one form so many are looked into.
const LIMIT_LOOKED_INTO: u64 = 5;
/// So many forms of paths are told; the rest is counted.
const LIMIT_FORMS: usize = 2000;
/// So much of one file is read.
const LIMIT_READ_BYTES: u64 = 64 << 20;

/// The skeleton of an export, as JSON that its owner can read before anybody else does.
///
/// # Errors
/// When a part cannot be read or no importer knows the export.
pub fn skeleton(
    parts: &[PathBuf],
    from: Option<&str>,
    importers: &[&dyn Importer],
    observer: &dyn Observer,
) -> Result<Value> {
    let opened = open(parts, from, importers, observer)?;
    let claims = Claims::of(&opened, observer)?;
    let is_own = |name: &str| opened.importer.is_own_name(name);
    let Bones { products, forms, left_out } = Bones::of(&opened, &claims, &is_own);
    let products = products.iter().map(|((name, is_understood), [files, unclaimed, faulted])| {
        json!({"name": name, "understood": is_understood, "files": files, "not_understood": unclaimed, "faulted": faulted})
    });
    let files = forms.iter().map(|(place, found)| {
        json!({
            "product": place.product,
            "path": place.path,
            "files": found.files,
            "size": place.size,
            "fate": place.fate,
            "structure": found.structure(&is_own),
        })
    });
    Ok(json!({
        "skeleton": VERSION,
        "exodus": env!("CARGO_PKG_VERSION"),
        "platform": opened.importer.about().name,
        "layout": opened.layout,
        "parts": opened.export.parts().iter().map(|part| part.kind.name()).collect::<Vec<_>>(),
        "products": products.collect::<Vec<_>>(),
        "files": files.collect::<Vec<_>>(),
        "files_left_out": left_out,
    }))
}

/// What of an export is not understood.
#[derive(Default)]
struct Bones {
    /// Files, those not understood, those at fault: by name, and whether it is understood.
    products: BTreeMap<(String, bool), [u64; 3]>,
    forms: BTreeMap<Place, Found>,
    /// Files whose form of path is one too many.
    left_out: u64,
}

impl Bones {
    fn of(opened: &Opened, claims: &Claims, is_own: &dyn Fn(&str) -> bool) -> Bones {
        let mut bones = Bones::default();
        for entry in opened.export.entries() {
            let product = product_name(opened, entry, is_own);
            let counts = bones.products.entry(product.clone()).or_default();
            counts[0] += 1;
            let fate = match (claims.is_claimed(entry), claims.fault(entry)) {
                (_, Some(what)) => format!("fault: {}", words::without_values(what)),
                (false, None) => "not understood".to_owned(),
                (true, None) => continue,
            };
            counts[if claims.fault(entry).is_some() { 2 } else { 1 }] += 1;
            let path = shown_path(opened, entry, is_own);
            let place = Place { product: product.0, path, size: words::size_class(entry.size), fate };
            if bones.forms.len() >= LIMIT_FORMS && !bones.forms.contains_key(&place) {
                bones.left_out += 1;
                continue;
            }
            let found = bones.forms.entry(place).or_default();
            found.files += 1;
            if found.files <= LIMIT_LOOKED_INTO {
                found.look_into(&opened.export, entry);
            }
        }
        bones
    }
}

/// A product's name, and whether the importer understands it. A folder that the platform does not name is anybody's.
fn product_name(opened: &Opened, entry: &Entry, is_own: &dyn Fn(&str) -> bool) -> (String, bool) {
    let Some(product) = product_of(&opened.survey, &entry.path) else { return ("other".to_owned(), false) };
    let name = match is_platforms(product, is_own) {
        true => product.name.clone(),
        false => words::form(&product.name),
    };
    (name, product.is_understood)
}

/// True when the name of the product's folder is the platform's: it is known, or the export itself gave it a code.
fn is_platforms(product: &exodus_api::Product, is_own: &dyn Fn(&str) -> bool) -> bool {
    let folder = product.folder.rsplit('/').next().unwrap_or("");
    !folder.is_empty() && (is_own(folder) || product.is_understood || product.name != folder)
}

fn shown_path(opened: &Opened, entry: &Entry, is_own: &dyn Fn(&str) -> bool) -> String {
    match product_of(&opened.survey, &entry.path) {
        Some(product) if is_platforms(product, is_own) => {
            let (above, folder) =
                product.folder.rsplit_once('/').map_or(("", &*product.folder), |(a, f)| (a, f));
            let above = if above.is_empty() { String::new() } else { words::path(above, is_own) + "/" };
            format!("{above}{folder}/{}", words::path(&entry.path[product.folder.len() + 1..], is_own))
        }
        _ => words::path(&entry.path, is_own),
    }
}

/// Where files of one form lie, and what became of them.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    product: String,
    path: String,
    size: &'static str,
    fate: String,
}

/// What was found in files of one form.
#[derive(Default)]
struct Found {
    files: u64,
    json: Option<json::Shape>,
    elements: Option<markup::Elements>,
    table: Option<table::Table>,
    is_cut: bool,
}

impl Found {
    fn look_into(&mut self, source: &dyn Source, entry: &Entry) {
        let Ok(mut reader) = source.open(entry) else {
            self.is_cut = true;
            return;
        };
        let mut head = Vec::new();
        if (&mut reader).take(256).read_to_end(&mut head).is_err() {
            self.is_cut = true;
        }
        let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head);
        let first = text.iter().position(|byte| !byte.is_ascii_whitespace()).map(|at| text[at]);
        let extension =
            entry.name().rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
        let whole = text.chain(reader).take(LIMIT_READ_BYTES);
        let is_whole = match (first, extension.as_str()) {
            (Some(b'{' | b'['), _) => self.json.get_or_insert_default().read(whole),
            (Some(b'<'), "html" | "htm") => {
                self.elements.get_or_insert_default().read(whole, markup::Language::Html)
            }
            (Some(b'<'), _) => self.elements.get_or_insert_default().read(whole, markup::Language::Xml),
            (Some(_), "csv" | "tsv") => self.table.get_or_insert_default().read(whole),
            _ => return,
        };
        self.is_cut |= !is_whole;
    }

    fn structure(&self, is_own: &dyn Fn(&str) -> bool) -> Value {
        let mut told = serde_json::Map::new();
        if let Some(shape) = &self.json {
            told.insert("json".to_owned(), shape.to_json(is_own));
        }
        if let Some(elements) = &self.elements {
            told.insert("elements".to_owned(), elements.to_json());
        }
        if let Some(table) = &self.table {
            told.insert("table".to_owned(), table.to_json(is_own));
        }
        if self.is_cut {
            told.insert("is_cut".to_owned(), true.into());
        }
        told.into()
    }
}
