//! A source that tells how much of it was read, and of which product.

use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use exodus_api::{Entry, Source, SourceError, Survey};

use super::product_of;
use crate::report::event::{Event, Observer};

/// Counts what is read through it.
pub struct Metered<'a> {
    source: &'a dyn Source,
    survey: &'a Survey,
    observer: &'a dyn Observer,
    product: Mutex<Option<String>>,
    /// How far each entry was read, by its number: what is read a second time does not count.
    furthest: Vec<AtomicU64>,
}

impl<'a> Metered<'a> {
    /// Counts what is read of `source`.
    pub fn new(source: &'a dyn Source, survey: &'a Survey, observer: &'a dyn Observer) -> Metered<'a> {
        let largest = source.entries().iter().map(|entry| entry.id).max().map_or(0, |id| id as usize + 1);
        let furthest = (0..largest).map(|_| AtomicU64::new(0)).collect();
        Metered { source, survey, observer, product: Mutex::new(None), furthest }
    }

    /// Bytes of entries that were read, each counted once.
    pub fn bytes(&self) -> u64 {
        self.furthest.iter().map(|furthest| furthest.load(Ordering::Relaxed)).sum()
    }

    fn tell_product(&self, entry: &Entry) {
        let Some(product) = product_of(self.survey, &entry.path) else { return };
        let mut last = self.product.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_deref() != Some(product.folder.as_str()) {
            *last = Some(product.folder.clone());
            let of_product = self.source.under(&product.folder);
            let total_bytes = of_product.iter().map(|entry| entry.size).sum();
            self.observer.event(Event::Product { name: product.name.clone(), total_bytes });
        }
    }
}

impl Source for Metered<'_> {
    fn entries(&self) -> &[Entry] {
        self.source.entries()
    }

    fn open(&self, entry: &Entry) -> Result<Box<dyn Read + Send + '_>, SourceError> {
        self.tell_product(entry);
        let reader = self.source.open(entry)?;
        Ok(Box::new(MeteredReader { reader, meter: self, entry: entry.id as usize, at: 0 }))
    }

    fn part_name(&self, part: u32) -> &str {
        self.source.part_name(part)
    }

    fn opens_anywhere(&self, entry: &Entry) -> bool {
        self.source.opens_anywhere(entry)
    }
}

struct MeteredReader<'a> {
    reader: Box<dyn Read + Send + 'a>,
    meter: &'a Metered<'a>,
    entry: usize,
    at: u64,
}

impl Read for MeteredReader<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = self.reader.read(buf)?;
        self.at += len as u64;
        let before = self.meter.furthest[self.entry].fetch_max(self.at, Ordering::Relaxed);
        if self.at > before {
            self.meter.observer.event(Event::Bytes(self.at - before));
        }
        Ok(len)
    }
}
