//! Facebook: the export of an account ("Download your information"), JSON or pages, and Messenger's own download of encrypted chats.
//!
//! [`layout`] tells what each file is, by its wrapper key and the end of its path. [`posts`] and [`albums`] are sent with their media,
//! [`lists`] are facts; conversations are the same as Instagram's (`shared/meta/threads.rs`). What each generation looks like and
//! where that is known from stands in `README.md` beside this file.
//!
//! What may be shown to others lies in `files/posts/`; messages, people, groups and everything else never do.

mod account;
mod albums;
mod event;
mod layout;
mod lists;
mod old;
mod posts;

use exodus_api::{About, Detection, Entry, ImportError, Importer, Kind, Options, Sink, Skip, Source, Survey};

use self::albums::Album;
use self::layout::{OWN_FOLDERS, Section};
use self::old::OldPage;
use crate::shared::meta::coverage;
use crate::shared::meta::named::Named;
use crate::shared::meta::records::{Keys, original};
use crate::shared::meta::send::{self, Sender};
use crate::shared::meta::shape::{self, Shape};
use crate::shared::meta::side_by_side::Held;
use crate::shared::meta::threads::{self, Platform};
use crate::shared::meta::tree::{File, Tree, compared, products};
use crate::shared::names;

/// The importer.
pub static IMPORTER: Facebook = Facebook;

/// Reads the export of a Facebook account.
pub struct Facebook;

static ABOUT: About = About {
    name: PLATFORM,
    title: "Facebook",
    kinds: &[
        Kind::Post,
        Kind::Photo,
        Kind::Conversation,
        Kind::Chat,
        Kind::Bookmark,
        Kind::Activity,
        Kind::Event,
        Kind::Setting,
        Kind::File,
    ],
    products: &[
        send::PRODUCT,
        MESSAGES.product,
        "friends",
        "events",
        "groups",
        "pages",
        "comments",
        "reactions",
        "saved",
        "searches",
        "places",
        account::PRODUCT,
    ],
    options: &[],
    // Later exports tell less than earlier ones.
    do_facts_add_up: true,
    request_url: Some("https://accountscenter.facebook.com/info_and_permissions/dyi/"),
};

const PLATFORM: &str = "facebook";
const MESSAGES: Platform = Platform { product: "messages", folder: "chats/facebook" };
/// Pages of exports before 2018.
const OLD_PAGES: &[&str] = &["wall", "timeline", "messages", "friends", "photos"];
/// Folders that tell what a part is that calls itself one of Facebook's.
const PART_FOLDERS: &[&str] = &["posts", "photos_and_videos", "messages"];

type Sections<'t, 'a> = Vec<(&'t File<'a>, Section)>;

impl Importer for Facebook {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn detect(&self, source: &dyn Source) -> Detection {
        let tree = Tree::of(source);
        let files = tree.files();
        if files.iter().any(|file| file.folders().any(|folder| OWN_FOLDERS.contains(&folder))) {
            return Detection::Yes { layout: "grouped" };
        }
        let is_ours = |file: &File| match layout::section_of(source, file) {
            Some(Section::Posts { .. } | Section::Album) => true,
            // Wrapper keys of one word may be anybody's; with the number of a version they are Meta's.
            Some(_) if file.extension() == "json" => {
                Shape::of(source, file.entry).is_some_and(|shape| is_versioned(&shape))
            }
            _ => false,
        };
        if files.iter().filter(|file| is_telling(file)).any(is_ours) {
            return Detection::Yes { layout: "folders" };
        }
        let is_old = |file: &&File| file.is_in("html") && file.extension() == "htm";
        let old: Vec<&str> = files.iter().filter(is_old).map(File::stem).collect();
        if OLD_PAGES.iter().filter(|page| old.contains(page)).count() >= 2 {
            return Detection::Yes { layout: "old pages" };
        }
        let is_named = source
            .entries()
            .first()
            .is_some_and(|first| source.part_name(first.part).starts_with("facebook-"));
        let has_own = || files.iter().any(|file| file.folders().any(|it| PART_FOLDERS.contains(&it)));
        if is_named && has_own() {
            return Detection::Yes { layout: "part" };
        }
        match threads::flat(source, &tree).is_empty() {
            true => Detection::No,
            false => Detection::Yes { layout: "encrypted chats" },
        }
    }

    fn survey(&self, source: &dyn Source) -> Result<Survey, ImportError> {
        let named = Named::of(source, PLATFORM);
        let job = named.user.as_ref().zip(named.day.as_ref()).map(|(user, day)| format!("{user}-{day}"));
        let exported_at = named.time();
        let products = products(source, layout::product_of_folder);
        // What a profile calls an account differs from what the parts are named after.
        let warnings = coverage::warnings(source, &Tree::of(source));
        Ok(Survey { account: named.user, job, exported_at, products, missing: Vec::new(), warnings })
    }

    fn import(&self, source: &dyn Source, options: &Options, sink: &mut dyn Sink) -> Result<(), ImportError> {
        for entry in source.entries().iter().filter(|it| names::is_system_junk(&it.path.replace('\\', "/"))) {
            sink.skip(entry, Skip::SystemJunk)?;
        }
        let tree = Tree::of(source);
        let sections = tree.told(|file| layout::section_of(source, file));
        let mut held = Held::default();
        import_posts(source, &tree, &sections, options, &mut held.holding(source, sink))?;
        let mut threads = threads::threads(source, &tree);
        threads.extend(threads::flat(source, &tree));
        let beside = &mut held.beside(sink);
        threads::import((source, &tree), &threads, MESSAGES, options, beside)?;
        old::chats::import((source, &tree), MESSAGES, options, beside)?;
        held.rest(sink)?;
        import_lists(source, &sections, options, sink)
    }

    fn is_own_name(&self, name: &str) -> bool {
        let stem = compared(name);
        let stem = stem.rsplit_once('.').map_or(&*stem, |(stem, _)| stem);
        let stem = stem.trim_end_matches(|letter: char| letter.is_ascii_digit()).trim_end_matches('_');
        layout::is_own_name(stem)
    }
}

/// True for a file that may tell an export of Facebook from others, by its folder.
fn is_telling(file: &File) -> bool {
    let folder = file.folders().next().unwrap_or_default();
    folder == "album" || layout::product_of_folder(folder).is_some()
}

/// True if the first key has the number of a version: `friends_v2`.
fn is_versioned(shape: &Shape) -> bool {
    let written = shape.head.split('"').nth(1).unwrap_or_default();
    !shape.is_list && shape::without_version(written) != written
}

fn import_posts(
    source: &dyn Source,
    tree: &Tree,
    sections: &Sections,
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    let is_wanted = [Kind::Post, Kind::Photo].iter().any(|kind| options.wants(*kind, send::PRODUCT));
    let mut posts: Vec<(&File, bool)> = Vec::new();
    let mut albums: Vec<(&File, Album)> = Vec::new();
    let mut old: Vec<(&File, &Section)> = Vec::new();
    for (file, section) in sections {
        let entry = file.entry;
        match section {
            Section::Posts { .. }
            | Section::Album
            | Section::Media
            | Section::Old(OldPage::Wall | OldPage::Albums)
                if !is_wanted =>
            {
                sink.skip(entry, Skip::NotAskedFor)?;
            }
            Section::Posts { is_single } => posts.push((file, *is_single)),
            Section::Album => albums.push((file, Album { entry, is_album: true })),
            Section::Media => albums.push((file, Album { entry, is_album: false })),
            Section::Old(OldPage::Wall | OldPage::Albums) => old.push((file, section)),
            Section::Old(OldPage::Friends) | Section::Profile | Section::List(_) => {}
        }
    }
    // The order of an export's parts is another each time; that of its names is not.
    posts.sort_by(|(one, _), (other, _)| order_of(one).cmp(&order_of(other)));
    albums.sort_by(|(one, _), (other, _)| order_of(one).cmp(&order_of(other)));
    let mut sender = Sender::new(source, tree);
    albums.iter().for_each(|(_, album)| album.look_through(source, &mut sender));
    let mut keys = Keys::default();
    let first = posts.first().map(|(file, _)| file.entry);
    for (file, is_single) in posts {
        let is_whole = posts::send(source, (file.entry, is_single), &mut keys, &mut sender, sink)?;
        tell_missing(file, &mut sender, sink)?;
        if is_whole {
            // Kept too: no post says all that the export does.
            sink.item(original(PLATFORM, file.entry, send::PRODUCT, &mut keys))?;
        }
    }
    let last_old = import_old((source, tree), old, (&mut keys, &mut sender), sink)?;
    let first = first.or(last_old);
    if let (Some(entry), Some(span)) = (first, sender.span()) {
        sink.note(entry, "dates", span.into())?;
    }
    for (file, album) in albums {
        let is_whole = album.send(source, &mut sender, sink)?;
        tell_missing(file, &mut sender, sink)?;
        if is_whole {
            sink.item(album.original(source, &mut keys))?;
        }
    }
    Ok(())
}

/// Imports what pages of before 2018 have of posts and pictures; returns the last of them.
fn import_old<'a>(
    (source, tree): (&dyn Source, &Tree),
    mut pages: Vec<(&File<'a>, &Section)>,
    (keys, sender): (&mut Keys, &mut Sender),
    sink: &mut dyn Sink,
) -> Result<Option<&'a Entry>, ImportError> {
    // Names of albums come before what stands on the wall, so that pictures have them.
    pages.sort_by_key(|(file, section)| (**section == Section::Old(OldPage::Wall), order_of(file)));
    for (file, section) in &pages {
        let is_whole = match section {
            Section::Old(OldPage::Wall) => old::wall::send(source, file.entry, keys, sender, sink)?,
            _ => old::wall::albums((source, tree), file.entry, sender, sink).map(|()| true)?,
        };
        tell_missing(file, sender, sink)?;
        if is_whole {
            sink.item(original(PLATFORM, file.entry, send::PRODUCT, keys))?;
        }
    }
    Ok(pages.last().map(|(file, _)| file.entry))
}

/// What sorts files by their names and not by where they lie in the parts.
fn order_of<'f>(file: &'f File) -> (String, u64, &'f str) {
    (file.stem().to_owned(), file.number(), &file.path)
}

fn tell_missing(file: &File, sender: &mut Sender, sink: &mut dyn Sink) -> Result<(), ImportError> {
    let missing = sender.missing();
    if !missing.is_empty() {
        sink.note(file.entry, "missing", missing.into())?;
    }
    Ok(())
}

fn import_lists(
    source: &dyn Source,
    sections: &Sections,
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    let mut keys = Keys::default();
    let mut has_profile = false;
    let mut lists: Vec<&(&File, Section)> = sections.iter().collect();
    lists.sort_by(|(one, _), (other, _)| order_of(one).cmp(&order_of(other)));
    for (file, section) in lists {
        let entry = file.entry;
        let (kind, product) = match section {
            Section::List(list) => (list.role.kind(), list.role.product()),
            Section::Profile => (Kind::Setting, account::PRODUCT),
            Section::Old(OldPage::Friends) => (Kind::Bookmark, "friends"),
            _ => continue,
        };
        if !options.wants(kind, product) {
            sink.skip(entry, Skip::NotAskedFor)?;
            continue;
        }
        match section {
            // Of two nobody knows which is newer: the second is kept.
            Section::Profile if !std::mem::replace(&mut has_profile, true) => {
                if let Some(item) = account::item(source, entry) {
                    sink.item(item)?;
                }
            }
            // Kept too: what its further lists are only their headings say.
            Section::Old(_) if old::wall::friends(source, entry, &mut keys, sink)? => {
                sink.item(original(PLATFORM, entry, "friends", &mut keys))?;
            }
            Section::List(_) if sink.is_done(entry) => sink.used(entry)?,
            Section::List(list) if lists::send(source, entry, *list, &mut keys, sink)? => sink.used(entry)?,
            _ => {}
        }
    }
    Ok(())
}
