//! What is in an export, before anything is touched.

use std::path::PathBuf;

use exodus_api::{Importer, Source};

use super::claims::Claims;
use super::{Opened, open, product_of, stamp_time};
use crate::archive::views::papers::checklist::Checklist;
use crate::report::error::Result;
use crate::report::event::Observer;

/// What is in an export.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// The importer's name.
    pub platform: &'static str,
    /// The platform as people call it.
    pub title: &'static str,
    /// Which of the platform's layouts it has.
    pub layout: &'static str,
    /// The account it belongs to.
    pub account: Option<String>,
    /// When it was made, in seconds since 1970-01-01 UTC.
    pub exported_at: Option<i64>,
    /// The parts with their kinds and sizes in bytes.
    pub parts: Vec<(String, &'static str, u64)>,
    /// The products in it.
    pub products: Vec<ProductInspection>,
    /// What the export's own list names and no given part holds.
    pub missing: Vec<String>,
    /// What there is of papers and what is missing; `None` if there are none.
    pub checklist: Option<Checklist>,
    /// Members that cannot be read, with the reason.
    pub refused: Vec<(String, String)>,
    /// Files that stand in two parts.
    pub copies: u64,
    /// What looks odd.
    pub warnings: Vec<String>,
    /// Entries in all.
    pub entries: u64,
    /// Bytes of all entries, unpacked.
    pub content_bytes: u64,
    /// Bytes that an archive of it needs on disk, with room for the index.
    pub needed_bytes: u64,
}

/// One product in an export.
#[derive(Clone, Debug)]
pub struct ProductInspection {
    /// Its name.
    pub name: String,
    /// Its folder in the export.
    pub folder: String,
    /// True when the importer understands it; false when its entries are only kept.
    pub is_understood: bool,
    /// Its entries.
    pub entries: u64,
    /// Their bytes, unpacked.
    pub bytes: u64,
    /// Entries of a product that is understood, which the importer does not know: they will be kept as they are.
    pub not_understood: u64,
}

/// Looks into an export.
///
/// # Errors
/// When a part cannot be read or no importer knows the export.
pub fn inspect(
    parts: &[PathBuf],
    from: Option<&str>,
    importers: &[&dyn Importer],
    observer: &dyn Observer,
) -> Result<Inspection> {
    let opened = open(parts, from, importers, observer)?;
    let export = &opened.export;
    let stamp = export.parts().iter().find_map(|part| part.stamp.as_deref());
    let about = opened.importer.about();
    let claims = Claims::of(&opened, observer)?;
    let content_bytes = export.content_bytes();
    let part_line = |part: &crate::source::Part| (part.name.clone(), part.kind.name(), part.size);
    Ok(Inspection {
        platform: about.name,
        title: about.title,
        layout: opened.layout,
        account: opened.survey.account.clone(),
        exported_at: stamp.and_then(stamp_time).or(opened.survey.exported_at),
        parts: export.parts().iter().map(part_line).collect(),
        products: products(&opened, &claims),
        missing: opened.survey.missing.clone(),
        checklist: claims.checklist(),
        refused: export
            .refused()
            .iter()
            .map(|refused| {
                (format!("{}!{}", export.part_name(refused.part), refused.path), refused.what.clone())
            })
            .collect(),
        copies: export.copies().len() as u64,
        warnings: export.warnings().to_vec(),
        entries: export.entries().len() as u64,
        content_bytes,
        // Measured: index and ledger come to less than a tenth of a mailbox of small mails with full text.
        needed_bytes: content_bytes + content_bytes / 10 + (64 << 20),
    })
}

fn products(opened: &Opened, claims: &Claims) -> Vec<ProductInspection> {
    let mut products: Vec<ProductInspection> = Vec::new();
    for entry in opened.export.entries() {
        let product = product_of(&opened.survey, &entry.path);
        let name = product.map_or("other", |product| product.name.as_str());
        let folder = product.map_or("", |product| product.folder.as_str());
        let at = products.iter().position(|known| known.name == name && known.folder == folder);
        let at = at.unwrap_or_else(|| {
            products.push(ProductInspection {
                name: name.to_owned(),
                folder: folder.to_owned(),
                is_understood: product.is_some_and(|product| product.is_understood),
                entries: 0,
                bytes: 0,
                not_understood: 0,
            });
            products.len() - 1
        });
        products[at].entries += 1;
        products[at].bytes += entry.size;
        if products[at].is_understood && !claims.is_claimed(entry) {
            products[at].not_understood += 1;
        }
    }
    products
}
