//! Contacts: one vCard for every person, whatever number of groups the export repeats it in.
//!
//! A Takeout has a folder for each group (`All Contacts`, `My Contacts`, labels, devices) with one `.vcf` in it, and
//! pictures beside (vCard 3.0, CRLF; German listing of 2024). The same card stands in each of its groups, usually
//! without a UID. So the cards are read twice: the first reading counts which groups a card has, the second sends it
//! once. CSV and HTML, which a user may choose instead, are not read and so are kept.

mod card;
mod census;

use exodus_api::{At, Body, Entry, ImportError, Item, Kind, Options, Origin, Product, Sink, Skip, Source};

use self::card::{Card, Picture};
use self::census::Census;
use super::{faults, naming, read};
use crate::shared::content_lines::{Piece, Splitter};
use crate::shared::names;

/// The folder of the address book below `contacts/`.
const BOOK: &str = "Contacts";
/// A larger picture is not put into its card.
const PICTURE_LIMIT_BYTES: u64 = 512 << 10;

/// Imports the address books of an account.
pub fn import(
    source: &dyn Source,
    product: &Product,
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    let root = format!("{}/", product.folder);
    let entries = source.under(&root).iter().filter(|entry| !names::is_system_junk(&entry.path));
    let has_end = |entry: &&Entry, ends: &[&str]| {
        let name = entry.name().to_lowercase();
        ends.iter().any(|end| name.ends_with(end))
    };
    let books: Vec<&Entry> = entries.clone().filter(|entry| has_end(entry, &[".vcf"])).collect();
    let pictures: Vec<&Entry> = entries.filter(|entry| has_end(entry, &[".jpg", ".jpeg", ".png"])).collect();
    if !options.wants(Kind::Contact, "contacts") {
        for entry in books.into_iter().chain(pictures) {
            sink.skip(entry, Skip::NotAskedFor)?;
        }
        return Ok(());
    }
    let open: Vec<bool> = books.iter().map(|entry| !sink.is_done(entry)).collect();
    if open.contains(&true) {
        let mut sending = Sending { source, census: census(source, &books), pictures: &pictures };
        for (book, is_open) in books.iter().zip(&open) {
            sending.book(book, *is_open, sink)?;
        }
    } else {
        for book in &books {
            sink.used(book)?;
        }
    }
    for picture in pictures {
        sink.item(picture_item(picture))?;
    }
    Ok(())
}

/// Reads all books for what they have in common. What cannot be read is reported when it is sent.
fn census(source: &dyn Source, books: &[&Entry]) -> Census {
    let mut census = Census::default();
    for (book, entry) in books.iter().enumerate() {
        let Ok(reader) = source.open(entry) else { continue };
        let mut splitter = Splitter::new(reader, "");
        while let Ok(Some(piece)) = splitter.next_piece() {
            if let Some(card) = whole_card(&piece) {
                census.add(book, &card);
            }
        }
    }
    let stem = |entry: &&Entry| entry.name().rsplit_once('.').map_or("", |(stem, _)| stem).to_owned();
    census.finish(&books.iter().map(stem).collect::<Vec<String>>());
    census
}

fn whole_card(piece: &Piece) -> Option<Card> {
    match piece {
        Piece::Component(component) if component.name == "VCARD" && !component.is_cut => {
            Some(Card::read(&component.bytes))
        }
        _ => None,
    }
}

struct Sending<'a> {
    source: &'a dyn Source,
    census: Census,
    pictures: &'a [&'a Entry],
}

impl Sending<'_> {
    /// Sends the cards of a book that no earlier one had.
    fn book(&mut self, entry: &Entry, is_open: bool, sink: &mut dyn Sink) -> Result<(), ImportError> {
        let Some(reader) = faults::opened(self.source, entry, sink)? else { return Ok(()) };
        let mut splitter = Splitter::new(reader, "");
        let mut end = 0;
        let mut n_cards = 0_u64;
        loop {
            let piece = match splitter.next_piece() {
                Ok(Some(piece)) => piece,
                Ok(None) => break,
                Err(err) => return Ok(sink.fault(faults::breaks_off(self.source, entry, end, &err))?),
            };
            let Piece::Component(component) = &piece else { continue };
            end = component.offset + component.bytes.len() as u64;
            if component.is_cut {
                let hint = "the file was cut short; look for the whole one, or export again";
                let what = "a card has no end".to_owned();
                let at = At::Byte(component.offset);
                sink.fault(faults::bad_record(self.source, entry, at, what, hint))?;
            }
            let Some(card) = whole_card(&piece) else { continue };
            n_cards += 1;
            // An earlier run has sent what stands first in a book that is done.
            if self.census.take(&card) && is_open {
                sink.item(self.item(entry, component.offset, &component.bytes, &card))?;
            }
        }
        if n_cards > 0 || entry.size == 0 {
            sink.used(entry)?;
        }
        Ok(())
    }

    fn item(&self, entry: &Entry, offset: u64, bytes: &[u8], card: &Card) -> Item {
        let uid = self.census.uid(card);
        let groups = self.census.groups(card);
        let origin = Origin { entry: entry.clone(), at: At::Byte(offset) };
        let mut item = Item::new(Kind::Contact, "contacts", format!("contact:{uid}"), origin);
        item.title = Some(card.name.clone()).filter(|name| !name.is_empty());
        item.time = card.revised;
        item.path = format!("{BOOK}/{}.vcf", crate::shared::content_lines::file_stem(&uid));
        let facts = [("emails", &card.emails), ("phones", &card.phones), ("groups", &groups)];
        for (name, values) in facts {
            if !values.is_empty() {
                item.extra.insert(name.to_owned(), values.clone().into());
            }
        }
        let picture = self.picture(card);
        if let Some((entry, _)) = &picture {
            item.extra.insert("picture".to_owned(), entry.name().into());
        }
        let picture = picture.map(|(_, picture)| picture);
        item.body = Body::Inline(card::written(bytes, card, &uid, &groups, picture.as_ref()));
        item
    }

    /// The picture beside the cards that is named after this one, if no other card could be meant.
    fn picture(&self, card: &Card) -> Option<(&Entry, Picture)> {
        if card.has_picture || card.name.is_empty() || !self.census.is_only_one_of_its_name(card) {
            return None;
        }
        let wanted = names::folded(&naming::spelled(&card.name));
        let is_it = |entry: &&&Entry| {
            let stem = entry.name().rsplit_once('.').map_or("", |(stem, _)| stem);
            names::folded(stem) == wanted && entry.size > 0 && entry.size <= PICTURE_LIMIT_BYTES
        };
        let found: Vec<&Entry> = self.pictures.iter().filter(is_it).copied().collect();
        let first = *found.first()?;
        let bytes = read(self.source, first);
        let is_whole = bytes.len() as u64 == first.size && found.iter().all(|it| it.size == first.size);
        let picture = Picture::of(bytes).filter(|_| is_whole)?;
        Some((first, picture))
    }
}

/// A picture as a file of its own; the same in several groups is one.
fn picture_item(entry: &Entry) -> Item {
    let origin = Origin { entry: entry.clone(), at: At::Whole };
    let key = format!("contact-picture:{}", names::folded(entry.name()));
    let mut item = Item::new(Kind::File, "contacts", key, origin);
    item.title = Some(entry.name().to_owned());
    item.path = format!("google/contacts/pictures/{}", entry.name());
    item.body = Body::Unique(entry.clone());
    item
}
