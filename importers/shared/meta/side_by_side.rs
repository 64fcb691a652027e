//! Lets what is sent first and keeps the disk busy wait for what keeps the processors busy, so that both go on side by side.
//!
//! Pictures cost little but their bytes; messages have hardly any bytes and cost the work of their rows. One after the other, the
//! processors wait for the disk first, and then the disk for the processors. So posts are held back but for a few that go on while
//! the others are read, and some more follow every few hundred messages. How many is a matter of their sizes only: the same
//! export is sent in the same order each time.
//!
//! What stands in one stream is best read as it comes, and is not held.

use std::collections::VecDeque;

use exodus_api::{Body, Entry, Fault, Item, Kind, Sink, Skip, Source, Stop};
use serde_json::Value;

/// So much is held back at most, some kilobytes each.
const MAX_HELD: usize = 32 << 10;
/// While they are being held, one goes on for so many.
const HELD_FOR_ONE: usize = 8;
/// So many messages are sent at once.
const MESSAGES: usize = 512;
/// So many bytes of bodies follow them: what a fast disk takes in the time in which their rows are made.
const BYTES: u64 = 4 << 20;

/// What is held back.
#[derive(Default)]
pub struct Held {
    calls: VecDeque<Call>,
    n_calls: usize,
    n_messages: usize,
}

/// What a sink was told.
enum Call {
    Item(Box<Item>),
    Used(Entry),
    Skip(Entry, Skip),
    Keep(Entry),
    Fault(Fault),
    Note(Entry, &'static str, Value),
}

impl Held {
    /// A sink that holds all that it is told, as far as there is room and `source` can be read anywhere.
    pub fn holding<'h>(&'h mut self, source: &'h dyn Source, sink: &'h mut dyn Sink) -> Holding<'h> {
        Holding { held: self, source, sink }
    }

    /// A sink that tells what it is told at once, and after some messages a little of what is held.
    pub fn beside<'h>(&'h mut self, sink: &'h mut dyn Sink) -> Beside<'h> {
        Beside { held: self, sink }
    }

    /// Tells all that is held.
    ///
    /// # Errors
    /// When the run has to end.
    pub fn rest(&mut self, sink: &mut dyn Sink) -> Result<(), Stop> {
        self.tell(u64::MAX, sink)
    }

    /// Tells the oldest of what is held, with so many bytes or a little more.
    fn tell(&mut self, bytes: u64, sink: &mut dyn Sink) -> Result<(), Stop> {
        let mut told = 0;
        while told < bytes
            && let Some(call) = self.calls.pop_front()
        {
            told += call.bytes();
            call.tell(sink)?;
        }
        Ok(())
    }

    fn hold(&mut self, call: Call, sink: &mut dyn Sink) -> Result<(), Stop> {
        self.calls.push_back(call);
        self.n_calls += 1;
        let is_one_to_go = self.n_calls.is_multiple_of(HELD_FOR_ONE);
        if is_one_to_go || self.calls.len() > MAX_HELD { self.tell(1, sink) } else { Ok(()) }
    }
}

impl Call {
    fn bytes(&self) -> u64 {
        let Call::Item(item) = self else { return 0 };
        match &item.body {
            Body::None => 0,
            Body::Inline(bytes) => bytes.len() as u64,
            Body::Entry(entry) | Body::Unique(entry) => entry.size,
        }
    }

    fn tell(self, sink: &mut dyn Sink) -> Result<(), Stop> {
        match self {
            Call::Item(item) => sink.item(*item),
            Call::Used(entry) => sink.used(&entry),
            Call::Skip(entry, why) => sink.skip(&entry, why),
            Call::Keep(entry) => sink.keep(&entry),
            Call::Fault(fault) => sink.fault(fault),
            Call::Note(entry, name, value) => sink.note(&entry, name, value),
        }
    }
}

/// See [`Held::holding`].
pub struct Holding<'h> {
    held: &'h mut Held,
    source: &'h dyn Source,
    sink: &'h mut dyn Sink,
}

impl Sink for Holding<'_> {
    fn item(&mut self, item: Item) -> Result<(), Stop> {
        let can_wait = item.body.entry().is_none_or(|entry| self.source.opens_anywhere(entry));
        if !can_wait {
            self.held.rest(self.sink)?;
            return self.sink.item(item);
        }
        self.held.hold(Call::Item(Box::new(item)), self.sink)
    }

    fn used(&mut self, entry: &Entry) -> Result<(), Stop> {
        self.held.hold(Call::Used(entry.clone()), self.sink)
    }

    fn skip(&mut self, entry: &Entry, why: Skip) -> Result<(), Stop> {
        self.held.hold(Call::Skip(entry.clone(), why), self.sink)
    }

    fn keep(&mut self, entry: &Entry) -> Result<(), Stop> {
        self.held.hold(Call::Keep(entry.clone()), self.sink)
    }

    fn fault(&mut self, fault: Fault) -> Result<(), Stop> {
        self.held.hold(Call::Fault(fault), self.sink)
    }

    fn note(&mut self, entry: &Entry, name: &'static str, value: Value) -> Result<(), Stop> {
        self.held.hold(Call::Note(entry.clone(), name, value), self.sink)
    }

    fn is_done(&self, entry: &Entry) -> bool {
        self.sink.is_done(entry)
    }
}

/// See [`Held::beside`].
pub struct Beside<'h> {
    held: &'h mut Held,
    sink: &'h mut dyn Sink,
}

impl Sink for Beside<'_> {
    fn item(&mut self, item: Item) -> Result<(), Stop> {
        let is_message = item.kind == Kind::Chat;
        self.sink.item(item)?;
        self.held.n_messages += usize::from(is_message);
        if self.held.n_messages < MESSAGES {
            return Ok(());
        }
        self.held.n_messages = 0;
        self.held.tell(BYTES, self.sink)
    }

    fn used(&mut self, entry: &Entry) -> Result<(), Stop> {
        self.sink.used(entry)
    }

    fn skip(&mut self, entry: &Entry, why: Skip) -> Result<(), Stop> {
        self.sink.skip(entry, why)
    }

    fn keep(&mut self, entry: &Entry) -> Result<(), Stop> {
        self.sink.keep(entry)
    }

    fn fault(&mut self, fault: Fault) -> Result<(), Stop> {
        self.sink.fault(fault)
    }

    fn note(&mut self, entry: &Entry, name: &'static str, value: Value) -> Result<(), Stop> {
        self.sink.note(entry, name, value)
    }

    fn is_done(&self, entry: &Entry) -> bool {
        self.sink.is_done(entry)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use exodus_api::{At, Origin, SourceError};

    use super::*;

    /// Writes down what it is told.
    #[derive(Default)]
    struct Told(Vec<String>);

    impl Sink for Told {
        fn item(&mut self, item: Item) -> Result<(), Stop> {
            self.0.push(item.key.0);
            Ok(())
        }
        fn used(&mut self, entry: &Entry) -> Result<(), Stop> {
            self.0.push(format!("used {}", entry.path));
            Ok(())
        }
        fn skip(&mut self, entry: &Entry, _: Skip) -> Result<(), Stop> {
            self.0.push(format!("skip {}", entry.path));
            Ok(())
        }
        fn keep(&mut self, entry: &Entry) -> Result<(), Stop> {
            self.0.push(format!("keep {}", entry.path));
            Ok(())
        }
        fn fault(&mut self, fault: Fault) -> Result<(), Stop> {
            self.0.push(format!("fault {}", fault.what));
            Ok(())
        }
        fn note(&mut self, _: &Entry, name: &'static str, _: Value) -> Result<(), Stop> {
            self.0.push(format!("note {name}"));
            Ok(())
        }
        fn is_done(&self, entry: &Entry) -> bool {
            entry.path == "done"
        }
    }

    /// A source that can be read anywhere, or is one stream.
    struct Files(bool);

    impl Source for Files {
        fn entries(&self) -> &[Entry] {
            &[]
        }
        fn open(&self, _: &Entry) -> Result<Box<dyn Read + Send + '_>, SourceError> {
            Ok(Box::new(std::io::empty()))
        }
        fn part_name(&self, _: u32) -> &str {
            "export"
        }
        fn opens_anywhere(&self, _: &Entry) -> bool {
            self.0
        }
    }

    fn entry(path: &str, size: u64) -> Entry {
        Entry { id: 0, part: 0, path: path.to_owned(), size, modified: None, crc32: None, order: 0 }
    }

    fn item(kind: Kind, key: String, body: Body) -> Item {
        let origin = Origin { entry: entry("list", 1), at: At::Whole };
        Item { body, ..Item::new(kind, "posts", key, origin) }
    }

    fn photo(n: usize, size: u64) -> Item {
        item(Kind::Photo, format!("photo {n}"), Body::Entry(entry("1.jpg", size)))
    }

    fn message(n: usize) -> Item {
        item(Kind::Chat, format!("message {n}"), Body::None)
    }

    #[test]
    fn posts_follow_messages_by_their_sizes_and_in_their_order() {
        let (mut told, mut held, source) = (Told::default(), Held::default(), Files(true));
        let mut holding = held.holding(&source, &mut told);
        for n in 0..7 {
            holding.item(photo(n, BYTES / 2)).unwrap();
        }
        holding.item(item(Kind::Post, "post".to_owned(), Body::Inline(b"words".to_vec()))).unwrap();
        holding.note(&entry("list", 1), "dates", Value::Null).unwrap();
        holding.used(&entry("list", 1)).unwrap();
        holding.skip(&entry("junk", 1), Skip::SystemJunk).unwrap();
        holding.keep(&entry("other", 1)).unwrap();
        assert!(holding.is_done(&entry("done", 1)) && !holding.is_done(&entry("list", 1)));
        assert_eq!(told.0, ["photo 0"], "the disk has something to do");
        told.0.clear();
        let mut beside = held.beside(&mut told);
        for n in 0..2 * MESSAGES {
            beside.item(message(n)).unwrap();
        }
        beside.used(&entry("messages", 1)).unwrap();
        let rest = told.0.iter().filter(|it| !it.starts_with("message"));
        assert_eq!(
            rest.collect::<Vec<_>>(),
            ["photo 1", "photo 2", "photo 3", "photo 4", "used messages"],
            "what was held goes on in its order, two a turn"
        );
        assert_eq!(told.0[MESSAGES..MESSAGES + 3], ["photo 1", "photo 2", &*format!("message {MESSAGES}")]);
        let n_told = told.0.len();
        held.rest(&mut told).unwrap();
        let rest = ["photo 5", "photo 6", "post", "note dates", "used list", "skip junk", "keep other"];
        assert_eq!(told.0[n_told..], rest, "an entry is used only after all that it gave");
    }

    #[test]
    fn no_more_is_held_than_there_is_room_for() {
        let (mut told, mut held, source) = (Told::default(), Held::default(), Files(true));
        let mut holding = held.holding(&source, &mut told);
        for n in 0..2 * MAX_HELD {
            holding.item(photo(n, 1)).unwrap();
        }
        assert_eq!(told.0.len(), MAX_HELD);
        assert_eq!(told.0.last().map(String::as_str), Some(&*format!("photo {}", MAX_HELD - 1)));
    }

    #[test]
    fn what_is_one_stream_is_told_as_it_comes() {
        let (mut told, mut held, source) = (Told::default(), Held::default(), Files(false));
        let mut holding = held.holding(&source, &mut told);
        holding.note(&entry("list", 1), "dates", Value::Null).unwrap();
        holding.item(photo(0, 1)).unwrap();
        assert_eq!(told.0, ["note dates", "photo 0"], "nothing stays behind it");
    }
}
