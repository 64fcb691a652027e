//! Papers that an importer sends, for the checklist where no archive is written: in `inspect` and in a dry run.

use exodus_api::{Body, Item, Kind};

use crate::archive::views::papers::checklist::Checklist;
use crate::archive::views::papers::{Known, once_each};

/// The papers of an export, without the texts of their files.
#[derive(Debug, Default)]
pub struct Papers(Vec<Known>);

impl Papers {
    /// Remembers an item if it is a paper.
    pub fn see(&mut self, item: &Item) {
        if item.kind != Kind::Paper {
            return;
        }
        let key = match &item.body {
            Body::Unique(entry) => format!("{}#{}", item.key.0, entry.id),
            _ => item.key.0.clone(),
        };
        let mut facts = item.extra.clone();
        facts.remove("text");
        let path = item.body.entry().map(|entry| entry.path.clone());
        self.0.push(Known { key, title: item.title.clone(), path, blake3: String::new(), facts });
    }

    /// The checklist; `None` if there are no papers.
    pub fn checklist(&self) -> Option<Checklist> {
        (!self.0.is_empty()).then(|| Checklist::of(&once_each(self.0.clone())))
    }
}
