//! What an importer makes of an export: items.

use serde::{Deserialize, Serialize};

use crate::{At, Entry};

/// One mail, file, setting ... with the facts that its platform knows about it.
#[derive(Clone, Debug)]
pub struct Item {
    /// Names the item for ever: the same item of a later export has the same key.
    pub key: Key,
    /// What it is.
    pub kind: Kind,
    /// The product it comes from, as users of `--only` and readers of the index know it: `mail`, `drive`.
    pub product: &'static str,
    /// When it was made or received, in seconds since 1970-01-01 UTC; becomes the file's modification time.
    pub time: Option<i64>,
    /// What a person calls it: a file's name; messages take theirs from `Subject:`.
    pub title: Option<String>,
    /// Where it goes below the folder of its kind ([`Kind::folder`]), with `/` between names: `drive/Work/Budget.xlsx`.
    /// The archive makes every name safe and keeps equal names apart. Empty for messages, which the archive places by
    /// their labels, and for items that are facts only.
    pub path: String,
    /// The labels it carries on its platform, decoded, in their order.
    pub labels: Vec<Label>,
    /// Its content.
    pub body: Body,
    /// Where it was found.
    pub origin: Origin,
    /// What only messages have.
    pub mail: Option<Mail>,
    /// Further facts under the names their platform gives them; kept in the index as JSON.
    pub extra: serde_json::Map<String, serde_json::Value>,
}

impl Item {
    /// An item of which nothing more is known yet than what it is and where it was found: facts only.
    pub fn new(kind: Kind, product: &'static str, key: String, origin: Origin) -> Item {
        Item {
            key: Key(key),
            kind,
            product,
            time: None,
            title: None,
            path: String::new(),
            labels: Vec::new(),
            body: Body::None,
            origin,
            mail: None,
            extra: serde_json::Map::new(),
        }
    }
}

/// Names an item for ever within its platform, whatever export it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(pub String);

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// An RFC 5322 message.
    Message,
    /// A document or any other file, as the user had it.
    File,
    /// A photo or a video.
    Photo,
    /// A person or organisation of an address book: one vCard (RFC 6350).
    Contact,
    /// An event of a calendar with its recurrences: one iCalendar object (RFC 5545).
    Event,
    /// A task: one iCalendar object with a `VTODO`.
    Task,
    /// A note, as Markdown.
    Note,
    /// A conversation of two or more people: a page of all that was said in it.
    Conversation,
    /// One message of a conversation.
    Chat,
    /// Something published: an entry of a blog, a picture with a caption, a comment.
    Post,
    /// A place that was saved, labelled or reviewed.
    Place,
    /// Where somebody was: positions and visits of a month, a workout.
    Track,
    /// One thing that was done: watched, searched, visited, paid.
    Activity,
    /// A link that was saved: a bookmark, a subscription, an element of a list.
    Bookmark,
    /// Settings of an account: filters, signatures, blocked addresses.
    Setting,
    /// A scholarly work: a paper, book, chapter, talk, thesis; with its file, or known only by what is told of it.
    Paper,
}

impl Kind {
    /// All kinds, in the order in which people are told of them.
    pub const ALL: &[Kind] = &[
        Kind::Message,
        Kind::File,
        Kind::Photo,
        Kind::Contact,
        Kind::Event,
        Kind::Task,
        Kind::Note,
        Kind::Conversation,
        Kind::Chat,
        Kind::Post,
        Kind::Place,
        Kind::Track,
        Kind::Activity,
        Kind::Bookmark,
        Kind::Setting,
        Kind::Paper,
    ];

    /// Its name in the index, on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Message => "message",
            Kind::File => "file",
            Kind::Photo => "photo",
            Kind::Contact => "contact",
            Kind::Event => "event",
            Kind::Task => "task",
            Kind::Note => "note",
            Kind::Conversation => "conversation",
            Kind::Chat => "chat",
            Kind::Post => "post",
            Kind::Place => "place",
            Kind::Track => "track",
            Kind::Activity => "activity",
            Kind::Bookmark => "bookmark",
            Kind::Setting => "setting",
            Kind::Paper => "paper",
        }
    }

    /// The folder of the archive in which its files lie.
    pub fn folder(self) -> &'static str {
        match self {
            Kind::Message => "mail",
            Kind::Contact => "contacts",
            Kind::Event | Kind::Task => "calendars",
            _ => "files",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

/// Content of an item.
#[derive(Clone, Debug)]
pub enum Body {
    /// Facts only.
    None,
    /// The content of an entry, copied by the engine and never held in memory.
    Entry(Entry),
    /// The content of an entry that names the item: the engine appends its BLAKE3 to the key, so that equal bytes are
    /// one item wherever they stand.
    Unique(Entry),
    /// Bytes that are only a piece of an entry: one message of an mbox.
    Inline(Vec<u8>),
}

impl Body {
    /// The entry that is the content.
    pub fn entry(&self) -> Option<&Entry> {
        match self {
            Body::Entry(entry) | Body::Unique(entry) => Some(entry),
            Body::None | Body::Inline(_) => None,
        }
    }
}

/// Where an item was found.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The entry that it was made from.
    pub entry: Entry,
    /// The position in it.
    pub at: At,
}

/// A label with what it means.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Label {
    /// The label as its user wrote it, decoded; `/` between the names of nested labels.
    pub name: String,
    /// What it means, when it is one of the platform's own.
    pub role: Option<Role>,
}

/// What a platform's own label means, named after RFC 6154 and RFC 8621 where they have a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// In the inbox.
    Inbox,
    /// Sent by the user.
    Sent,
    /// Not sent yet.
    Drafts,
    /// Spam.
    Junk,
    /// Deleted.
    Trash,
    /// In no folder.
    Archive,
    /// A chat that is kept as mail.
    Chats,
    /// Starred.
    Flagged,
    /// Marked as important.
    Important,
    /// Not read.
    Unread,
    /// Read.
    Seen,
    /// One of the platform's own categories.
    Category,
    /// An IMAP keyword: the name of the label is the keyword.
    Keyword,
    /// An album of photos.
    Album,
}

/// What only messages have.
#[derive(Clone, Debug, Default)]
pub struct Mail {
    /// The state of the message.
    pub flags: Flags,
    /// The platform's name of its thread.
    pub thread: Option<String>,
    /// True when the export broke off inside this message: a later, whole one takes its place.
    pub is_partial: bool,
    /// How many `>From ` lines were restored to `From ` on the way out of the mbox.
    pub unquoted_lines: u32,
}

/// The IMAP system flags of a message (RFC 9051 section 2.3.2), as far as a Maildir can hold them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(u8);

impl Flags {
    /// No flag.
    pub const NONE: Flags = Flags(0);
    /// `\Draft`, Maildir `D`.
    pub const DRAFT: Flags = Flags(1);
    /// `\Flagged`, Maildir `F`.
    pub const FLAGGED: Flags = Flags(2);
    /// `$Forwarded`, Maildir `P`.
    pub const PASSED: Flags = Flags(4);
    /// `\Answered`, Maildir `R`.
    pub const REPLIED: Flags = Flags(8);
    /// `\Seen`, Maildir `S`.
    pub const SEEN: Flags = Flags(16);
    /// `\Deleted`, Maildir `T`.
    pub const TRASHED: Flags = Flags(32);

    const LETTERS: [(Flags, char); 6] = [
        (Flags::DRAFT, 'D'),
        (Flags::FLAGGED, 'F'),
        (Flags::PASSED, 'P'),
        (Flags::REPLIED, 'R'),
        (Flags::SEEN, 'S'),
        (Flags::TRASHED, 'T'),
    ];

    /// These flags and those of `other`.
    #[must_use]
    pub fn with(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }

    /// These flags without those of `other`.
    #[must_use]
    pub fn without(self, other: Flags) -> Flags {
        Flags(self.0 & !other.0)
    }

    /// True when all flags of `other` are among these.
    pub fn has(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// The Maildir letters, in ASCII order as Maildir wants them.
    pub fn letters(self) -> String {
        let set = Flags::LETTERS.iter().filter(|(flag, _)| self.has(*flag));
        set.map(|(_, letter)| letter).collect()
    }

    /// The flags of Maildir letters; unknown letters are passed over.
    pub fn from_letters(letters: &str) -> Flags {
        let of = |letter| Flags::LETTERS.iter().find(|(_, known)| *known == letter);
        letters.chars().filter_map(of).fold(Flags::NONE, |flags, (flag, _)| flags.with(*flag))
    }
}
