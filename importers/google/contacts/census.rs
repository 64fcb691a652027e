//! Which cards of several books are one contact, what it is called for ever, and in which groups it is.
//!
//! A card with a UID is that UID. Of the others those are one contact that say the same; its name for ever is its
//! full name as long as no other contact has it, so that a changed number in a later export changes the contact and
//! does not make a second one. Contacts of one name are told apart by their addresses and numbers, and if these are
//! the same too, by all they say.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::card::Card;
use crate::shared::content_lines::uid_of;

/// What the first reading of all books found.
#[derive(Default)]
pub struct Census {
    contacts: HashMap<String, Contact>,
    n_of_name: HashMap<String, u32>,
    n_of_person: HashMap<String, u32>,
    taken: HashSet<String>,
}

#[derive(Default)]
struct Contact {
    groups: BTreeSet<String>,
    books: BTreeSet<usize>,
}

/// What tells contacts apart, the UID first.
fn identity(card: &Card) -> String {
    match &card.uid {
        Some(uid) => format!("uid:{uid}"),
        None => format!("content:{}", card.content),
    }
}

impl Census {
    /// Counts a card of the book with this number.
    pub fn add(&mut self, book: usize, card: &Card) {
        let identity = identity(card);
        if !self.contacts.contains_key(&identity) {
            *self.n_of_name.entry(card.folded_name()).or_default() += 1;
            *self.n_of_person.entry(card.person()).or_default() += 1;
        }
        let contact = self.contacts.entry(identity).or_default();
        contact.groups.extend(card.groups.iter().cloned());
        contact.books.insert(book);
    }

    /// Ends the counting. Cards that name no groups at all, in no book, get the books' names as groups; not that of
    /// the largest book, which has everybody.
    pub fn finish(&mut self, names_of_books: &[String]) {
        let mut n_of_book = vec![0_u32; names_of_books.len()];
        self.contacts.values().flat_map(|contact| &contact.books).for_each(|book| n_of_book[*book] += 1);
        let largest = n_of_book.iter().copied().max().unwrap_or_default();
        for contact in self.contacts.values_mut().filter(|contact| contact.groups.is_empty()) {
            let books = contact.books.iter().filter(|book| n_of_book[**book] < largest);
            contact.groups.extend(books.map(|book| names_of_books[*book].clone()));
        }
    }

    /// True when the contact of the card was not asked for before.
    pub fn take(&mut self, card: &Card) -> bool {
        self.taken.insert(identity(card))
    }

    /// All groups of the contact: in the card's own order if it names them all, else sorted.
    pub fn groups(&self, card: &Card) -> Vec<String> {
        let Some(contact) = self.contacts.get(&identity(card)) else { return card.groups.clone() };
        if card.groups.iter().collect::<BTreeSet<_>>() == contact.groups.iter().collect() {
            return card.groups.clone();
        }
        contact.groups.iter().cloned().collect()
    }

    /// The UID of the contact.
    pub fn uid(&self, card: &Card) -> String {
        if let Some(uid) = &card.uid {
            return uid.clone();
        }
        let is_one = |counts: &HashMap<String, u32>, name: &str| counts.get(name).is_none_or(|n| *n <= 1);
        let name = card.folded_name();
        if !name.is_empty() && is_one(&self.n_of_name, &name) {
            uid_of(format!("contact-name:{name}").as_bytes())
        } else if is_one(&self.n_of_person, &card.person()) {
            uid_of(format!("contact-person:{}", card.person()).as_bytes())
        } else {
            uid_of(format!("contact-content:{}", card.content).as_bytes())
        }
    }

    /// True when no other contact has its name.
    pub fn is_only_one_of_its_name(&self, card: &Card) -> bool {
        self.n_of_name.get(&card.folded_name()).is_none_or(|n| *n <= 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(lines: &str) -> Card {
        Card::read(format!("BEGIN:VCARD\nVERSION:3.0\n{lines}END:VCARD\n").as_bytes())
    }

    fn census(books: &[&[&str]]) -> Census {
        let mut census = Census::default();
        for (book, cards) in books.iter().enumerate() {
            cards.iter().for_each(|lines| census.add(book, &card(lines)));
        }
        census.finish(&["All".to_owned(), "Friends".to_owned()]);
        census
    }

    #[test]
    fn a_contact_has_the_groups_of_all_its_cards() {
        let (in_all, in_friends) = ("FN:A\nCATEGORIES:myContacts\n", "FN:A\nCATEGORIES:Friends\n");
        let mut census = census(&[&[in_all, "FN:B\n"], &[in_friends]]);
        assert_eq!(census.groups(&card(in_all)), ["Friends", "myContacts"]);
        assert!(census.take(&card(in_all)) && !census.take(&card(in_friends)));
        assert_eq!(census.groups(&card("FN:B\n")), [""; 0]);
    }

    #[test]
    fn cards_that_name_no_groups_get_those_of_their_books() {
        let census = census(&[&["FN:A\n", "FN:B\n"], &["FN:A\n"]]);
        assert_eq!(census.groups(&card("FN:A\n")), ["Friends"]);
        assert!(census.groups(&card("FN:B\n")).is_empty());
    }

    #[test]
    fn a_contact_keeps_its_uid_when_its_number_changes_and_shares_it_with_nobody() {
        let before = census(&[&["FN:A\nTEL:1\n"]]).uid(&card("FN:A\nTEL:1\n"));
        let after = census(&[&["FN:A\nTEL:2\n"]]).uid(&card("FN:A\nTEL:2\n"));
        assert_eq!(before, after);
        let cards = [
            "FN:A\nTEL:1\n",
            "FN:A\nTEL:2\n",
            "FN:A\nTEL:2\nNOTE:x\n",
            "TEL:\n",
            "NOTE:y\n",
            "UID:u\nFN:A\n",
        ];
        let census = census(&[&cards]);
        let uids: HashSet<String> = cards.iter().map(|lines| census.uid(&card(lines))).collect();
        assert_eq!(uids.len(), cards.len());
        assert!(uids.contains("u"));
    }
}
