//! Instagram: the export of an account ("Download your information"), JSON or pages, of 2018 to today.
//!
//! [`layout`] tells what each file is, by the end of its path and its wrapper key. Posts of all generations become posts ([`posts`],
//! [`flat`]), which [`send`] sends with their media; [`lists`] are facts; conversations are the same as Facebook's
//! (`shared/meta/`). What each generation looks like and where that is known from stands in `README.md` beside this file.
//!
//! What may be shown to others lies in `files/posts/`; messages, people, likes, logins and ads never do.

mod account;
mod flat;
mod flat_messages;
mod layout;
mod lists;
mod posts;

use exodus_api::{About, Detection, Entry, ImportError, Importer, Kind, Options, Sink, Skip, Source, Survey};

use self::layout::{Role, Section};
use self::posts::Posts;
use crate::shared::meta::coverage;
use crate::shared::meta::named::Named;
use crate::shared::meta::post::Type;
use crate::shared::meta::records::{Keys, original};
use crate::shared::meta::send::{self, Sender};
use crate::shared::meta::side_by_side::Held;
use crate::shared::meta::threads::{self, Platform, Thread};
use crate::shared::meta::tree::{File, Tree, compared, products};
use crate::shared::names;

/// The importer.
pub static IMPORTER: Instagram = Instagram;

/// Reads the export of an Instagram account.
pub struct Instagram;

static ABOUT: About = About {
    name: "instagram",
    title: "Instagram",
    kinds: &[
        Kind::Post,
        Kind::Photo,
        Kind::Conversation,
        Kind::Chat,
        Kind::Bookmark,
        Kind::Activity,
        Kind::Setting,
        Kind::File,
    ],
    products: &[
        "posts",
        "messages",
        "connections",
        "likes",
        "saved",
        "comments",
        "searches",
        "story-interactions",
        "ads",
        "logins",
        "account",
    ],
    options: &[],
    // Later exports tell less than earlier ones.
    do_facts_add_up: true,
    request_url: Some("https://accountscenter.instagram.com/info_and_permissions/dyi/"),
};

const PLATFORM: &str = "instagram";
const MESSAGES: Platform = Platform { product: flat_messages::PRODUCT, folder: flat_messages::FOLDER };
/// Stems of files that tell an export of Instagram from others.
const TELLING: &[&str] = &[
    "posts",
    "stories",
    "reels",
    "igtv_videos",
    "archived_posts",
    "profile_photos",
    "media",
    "profile",
    "connections",
    "personal_information",
    "followers",
    "following",
];
/// So many files are looked into to tell whose export it is.
const N_LOOKED_INTO: usize = 20;

impl Importer for Instagram {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn detect(&self, source: &dyn Source) -> Detection {
        let tree = Tree::of(source);
        if tree.files().iter().any(|file| file.folders().any(|folder| folder == "your_instagram_activity")) {
            return Detection::Yes { layout: "grouped" };
        }
        let telling = tree.files().iter().filter(|file| TELLING.contains(&file.stem()));
        for file in telling.take(N_LOOKED_INTO) {
            match layout::section_of(source, file) {
                Some(Section::FlatMedia | Section::FlatProfile | Section::FlatLists) => {
                    return Detection::Yes { layout: "flat" };
                }
                Some(Section::Posts { .. } | Section::Profile) => {
                    return Detection::Yes { layout: "folders" };
                }
                Some(Section::List(list)) if list.role == Role::Connections => {
                    return Detection::Yes { layout: "folders" };
                }
                _ => {}
            }
        }
        // A part with nothing but media or messages says whose it is only by its own name.
        let is_named = source.entries().first().is_some_and(|first| {
            source.part_name(first.part).starts_with("instagram-")
                && Named::of(source, PLATFORM).day.is_some()
        });
        let has_own =
            || tree.files().iter().any(|file| file.folders().any(|it| it == "media" || it == "messages"));
        if is_named && has_own() { Detection::Yes { layout: "part" } } else { Detection::No }
    }

    fn survey(&self, source: &dyn Source) -> Result<Survey, ImportError> {
        let tree = Tree::of(source);
        let named = Named::of(source, PLATFORM);
        let sections = tree.told(|file| layout::section_of(source, file));
        let profile = sections.iter().find(|(_, section)| is_profile(section));
        let account = profile.and_then(|(file, section)| {
            account::read(source, file.entry, section, named.user.as_deref()).user
        });
        let user = account.or(named.user.clone());
        let job = user.as_ref().zip(named.day.as_ref()).map(|(user, day)| format!("{user}-{day}"));
        let exported_at = named.time();
        Ok(Survey {
            account: user,
            job,
            exported_at,
            products: products(source, layout::product_of_folder),
            missing: Vec::new(),
            warnings: coverage::warnings(source, &tree),
        })
    }

    fn import(&self, source: &dyn Source, options: &Options, sink: &mut dyn Sink) -> Result<(), ImportError> {
        for entry in source.entries().iter().filter(|it| names::is_system_junk(&it.path.replace('\\', "/"))) {
            sink.skip(entry, Skip::SystemJunk)?;
        }
        let tree = Tree::of(source);
        let threads = threads::threads(source, &tree);
        let sections = tree.told(|file| layout::section_of(source, file));
        let mut keys = Keys::default();
        let mut held = Held::default();
        import_posts((source, &tree), &sections, options, &mut keys, &mut held.holding(source, sink))?;
        let beside = &mut held.beside(sink);
        threads::import((source, &tree), &threads, MESSAGES, options, beside)?;
        for (file, _) in sections.iter().filter(|(_, section)| *section == Section::FlatMessages) {
            import_flat_messages(source, &tree, (file.entry, &threads), options, beside)?;
        }
        held.rest(sink)?;
        import_lists(source, &sections, options, &mut keys, sink)
    }

    fn is_own_name(&self, name: &str) -> bool {
        let stem = compared(name);
        let stem = stem.rsplit_once('.').map_or(&*stem, |(stem, _)| stem);
        let stem = stem.trim_end_matches(|letter: char| letter.is_ascii_digit()).trim_end_matches('_');
        layout::is_own_name(stem)
    }
}

fn is_profile(section: &Section) -> bool {
    matches!(section, Section::Profile | Section::FlatProfile)
}

fn import_posts(
    (source, tree): (&dyn Source, &Tree),
    sections: &[(&File, Section)],
    options: &Options,
    keys: &mut Keys,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    let is_wanted = [Kind::Post, Kind::Photo].iter().any(|kind| options.wants(*kind, send::PRODUCT));
    let mut sender = Sender::new(source, tree);
    let mut files: Vec<(&File, &Section)> = sections
        .iter()
        .filter(|(_, section)| matches!(section, Section::Posts { .. } | Section::FlatMedia))
        .map(|(file, section)| (*file, section))
        .collect();
    // What is in two lists is what the first of them says: a reel among the posts is a post.
    files.sort_by_key(|(file, section)| match section {
        Section::Posts { of, .. } => (*of, file.number()),
        _ => (Type::Post, 0),
    });
    let first = files.first().map(|(file, _)| file.entry);
    for (file, section) in files {
        if !is_wanted {
            sink.skip(file.entry, Skip::NotAskedFor)?;
            continue;
        }
        let is_whole = match section {
            Section::Posts { of, is_single } => {
                let is_page = file.extension() == "html";
                Posts { entry: file.entry, of: *of, is_single: *is_single, is_page }.send(
                    source,
                    &mut sender,
                    sink,
                )?
            }
            _ => flat::send_media(source, file.entry, &mut sender, sink)?,
        };
        let missing = sender.missing();
        if !missing.is_empty() {
            sink.note(file.entry, "missing", missing.into())?;
        }
        if is_whole {
            // Kept too: no post says all that the export does.
            sink.item(original(PLATFORM, file.entry, send::PRODUCT, keys))?;
        }
    }
    if let (Some(entry), Some(span)) = (first, sender.span()) {
        sink.note(entry, "dates", span.into())?;
    }
    Ok(())
}

fn import_flat_messages(
    source: &dyn Source,
    tree: &Tree,
    (entry, threads): (&Entry, &[Thread]),
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    if ![Kind::Conversation, Kind::Chat].iter().any(|kind| options.wants(*kind, MESSAGES.product)) {
        return Ok(sink.skip(entry, Skip::NotAskedFor)?);
    }
    // An export has one or the other; of both the threads know more.
    if threads.is_empty() && flat_messages::send(source, tree, entry, sink)? {
        sink.used(entry)?;
    }
    Ok(())
}

fn import_lists(
    source: &dyn Source,
    sections: &[(&File, Section)],
    options: &Options,
    keys: &mut Keys,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    let named = Named::of(source, PLATFORM);
    let mut has_profile = false;
    for (file, section) in sections {
        let entry = file.entry;
        let (role, kind) = match section {
            Section::List(list) => (list.role, lists::kind_of(list.role)),
            Section::FlatLists => {
                let role = flat::list_named(None, file.stem()).role;
                (role, lists::kind_of(role))
            }
            Section::Profile | Section::FlatProfile => (Role::Account, Kind::Setting),
            _ => continue,
        };
        let (product, is_all_said) = (role.product(), !is_private(role));
        if !options.wants(kind, product) {
            sink.skip(entry, Skip::NotAskedFor)?;
            continue;
        }
        if is_profile(section) {
            let account = account::read(source, entry, section, named.user.as_deref());
            let is_first = !std::mem::replace(&mut has_profile, true);
            if is_first && !account.extra.is_empty() {
                sink.item(account::item(entry, account))?;
            }
            continue;
        }
        if is_all_said && sink.is_done(entry) {
            sink.used(entry)?;
            continue;
        }
        let is_whole = match section {
            Section::List(list) => lists::send(source, entry, list, keys, sink)?,
            _ => flat::send_lists(source, (entry, file.stem()), keys, sink)?,
        };
        match (is_whole, is_all_said) {
            (true, true) => sink.used(entry)?,
            (true, false) => sink.item(original(PLATFORM, entry, product, keys))?,
            // Told of, or nothing in it: kept.
            (false, _) => {}
        }
    }
    Ok(())
}

/// True for lists whose files are kept beside their records.
fn is_private(role: Role) -> bool {
    matches!(role, Role::Ads | Role::Logins | Role::Account)
}
