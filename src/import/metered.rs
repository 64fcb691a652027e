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
    bytes: AtomicU64,
}

impl<'a> Metered<'a> {
    /// Counts what is read of `source`.
    pub fn new(source: &'a dyn Source, survey: &'a Survey, observer: &'a dyn Observer) -> Metered<'a> {
        Metered { source, survey, observer, product: Mutex::new(None), bytes: AtomicU64::new(0) }
    }

    /// Bytes read so far.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
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
        Ok(Box::new(MeteredReader { reader, meter: self }))
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
}

impl Read for MeteredReader<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = self.reader.read(buf)?;
        self.meter.bytes.fetch_add(len as u64, Ordering::Relaxed);
        self.meter.observer.event(Event::Bytes(len as u64));
        Ok(len)
    }
}
