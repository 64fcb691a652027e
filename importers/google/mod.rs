//! Google: a Takeout in any language, and the mbox of a Gmail account on its own.
//!
//! Everything is known by its content or by the export's own page, never by an English name alone. What each
//! product becomes stands in `README.md` beside this file; where a fact about the format is known from, beside the
//! code that uses it.

mod activity;
mod blogger;
mod browser;
mod by_content;
mod calendar;
mod chat;
mod chrome;
mod contacts;
mod drive;
mod fit;
mod hangouts;
mod keep;
mod kept;
pub mod labels;
mod locales;
mod location;
mod mail;
mod maps;
mod naming;
mod own_names;
mod pay;
mod photos;
mod play;
mod products;
mod profile;
mod saved;
mod settings;
mod sieve;
mod tasks;
mod voice;
mod wire;
mod youtube;

use std::io::Read;

use exodus_api::{
    About, Detection, Entry, ImportError, Importer, Kind, Options, Product, Sink, Skip, Source, Survey,
};

use self::browser::Browser;
use crate::shared::quoting::FROM_QUOTING;
use crate::shared::{faults, from_line, json_list, names};

/// The importer.
pub static IMPORTER: Google = Google;

/// Reads a Takeout.
pub struct Google;

static ABOUT: About = About {
    name: "google",
    title: "Google Takeout",
    kinds: &[
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
    ],
    products: &[
        "mail",
        "drive",
        "groups",
        "photos",
        "contacts",
        "calendar",
        "tasks",
        "keep",
        "chat",
        "hangouts",
        "voice",
        "my-activity",
        "youtube",
        "chrome",
        "saved",
        "maps",
        "location",
        "blogger",
        "fit",
        "fitbit",
        "play",
        "pay",
        "profile",
    ],
    options: &[FROM_QUOTING],
    do_facts_add_up: false,
    request_url: Some("https://takeout.google.com"),
};

impl Importer for Google {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn detect(&self, source: &dyn Source) -> Detection {
        if !root(source).is_empty() {
            return Detection::Yes { layout: "takeout" };
        }
        if find_page(source, "").is_some() {
            return Detection::Yes { layout: "takeout-unwrapped" };
        }
        let mut mboxes = source.entries().iter().filter(|entry| mail::is_mbox_name(&entry.path)).take(20);
        if mboxes.any(|entry| from_line::is_gmail(&head(source, entry, 256))) {
            return Detection::Yes { layout: "gmail-mbox" };
        }
        if lone_timeline(source).is_some() {
            return Detection::Yes { layout: "timeline" };
        }
        // A Takeout whose folders were moved: several of its own names at the top, and little else.
        let folders = products::products(source, "", &Browser::default());
        let named = folders.iter().filter(|product| products::code_of_folder(&product.folder).is_some());
        let n_entries = |product: &Product| source.under(&format!("{}/", product.folder)).len();
        let (n_named, n_known) =
            named.fold((0, 0), |(n, known), product| (n + 1, known + n_entries(product)));
        let has_photos =
            folders.iter().any(|it| it.name == "photos" && photos::is_photos(source, &it.folder));
        if (n_named >= 3 || has_photos) && n_known * 2 > source.entries().len() {
            return Detection::Yes { layout: "takeout-unwrapped" };
        }
        Detection::No
    }

    fn survey(&self, source: &dyn Source) -> Result<Survey, ImportError> {
        let root = &root(source);
        let browser = read_page(source, root);
        let mut products = products::products(source, root, &browser);
        if products.is_empty() || !products.iter().any(|product| product.name == "mail") {
            products.extend(lone_mboxes(source, root));
        }
        if !products.iter().any(|product| product.name == "location") {
            products.extend(lone_timeline(source));
        }
        Ok(Survey {
            account: browser.account.clone(),
            job: browser.job.clone(),
            exported_at: None,
            missing: products::missing(source, root, &browser),
            products,
            ..Survey::default()
        })
    }

    fn import(&self, source: &dyn Source, options: &Options, sink: &mut dyn Sink) -> Result<(), ImportError> {
        let root = &root(source);
        for entry in source.entries().iter().filter(|entry| names::is_system_junk(&entry.path)) {
            sink.skip(entry, Skip::SystemJunk)?;
        }
        let survey = self.survey(source)?;
        if let Some(page) = find_page(source, root) {
            // Read by `survey`; kept too, as the export's own description of itself.
            keep_page(page, survey.job.as_deref(), options, sink)?;
        }
        let mut mboxes = Vec::new();
        for product in &survey.products {
            match product.name.as_str() {
                "mail" | "groups" => {
                    mboxes.extend(mail::mboxes(source, product));
                    if product.name == "mail" {
                        settings::import(source, product, options, sink)?;
                    }
                }
                "drive" => drive::import(source, product, options, sink)?,
                "contacts" => contacts::import(source, product, options, sink)?,
                "calendar" => calendar::import(source, product, options, sink)?,
                "tasks" => tasks::import(source, product, options, sink)?,
                "keep" => keep::import(source, (product, &survey.missing), options, sink)?,
                "chat" => chat::import(source, product, options, sink)?,
                "hangouts" => hangouts::import(source, product, options, sink)?,
                "voice" => voice::import(source, product, options, sink)?,
                "photos" => photos::import(source, product, options, sink)?,
                "my-activity" => activity::import(source, product, options, sink)?,
                "youtube" => youtube::import(source, product, options, sink)?,
                "chrome" => chrome::import(source, product, options, sink)?,
                "saved" => saved::import(source, product, options, sink)?,
                "maps" => maps::import(source, product, options, sink)?,
                "location" => location::import(source, product, options, sink)?,
                "blogger" => blogger::import(source, product, options, sink)?,
                "fit" => fit::import(source, (product, "fit"), options, sink)?,
                "fitbit" => fit::import(source, (product, "fitbit"), options, sink)?,
                "play" => play::import(source, product, options, sink)?,
                "pay" => pay::import(source, product, options, sink)?,
                "profile" => profile::import(source, product, options, sink)?,
                _ => {}
            }
        }
        mail::import(source, &mboxes, options, sink)?;
        survey.products.iter().try_for_each(|product| kept::tell(source, product, sink))
    }

    fn is_own_name(&self, name: &str) -> bool {
        own_names::is_own(name)
    }
}

fn keep_page(
    page: &Entry,
    job: Option<&str>,
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    use exodus_api::{At, Body, Item, Key, Origin};
    if !options.wants(Kind::File, "takeout") {
        return Ok(sink.skip(page, Skip::NotAskedFor)?);
    }
    Ok(sink.item(Item {
        // Every export has its own: a later one does not take its place.
        key: Key(format!("page:{}:{}", job.unwrap_or_default(), page.path)),
        kind: Kind::File,
        product: "takeout",
        time: page.modified,
        title: Some(page.name().to_owned()),
        path: format!("google/{}", page.name()),
        labels: Vec::new(),
        body: Body::Entry(page.clone()),
        origin: Origin { entry: page.clone(), at: At::Whole },
        mail: None,
        extra: serde_json::Map::new(),
    })?)
}

/// The folder in which the products lie: `Takeout/`; a folder of another name that holds everything and is plainly a
/// Takeout (`Takeout 2/`, `<user>@gmail.com-takeout/` of 2014); or none.
fn root(source: &dyn Source) -> String {
    if !source.under("Takeout/").is_empty() {
        return "Takeout/".to_owned();
    }
    let entries = source.entries().iter().filter(|entry| !names::is_system_junk(&entry.path));
    let mut tops = entries.map(|entry| entry.path.split_once('/').map(|(top, _)| top));
    let Some(Some(top)) = tops.next() else { return String::new() };
    let folder = format!("{top}/");
    let holds_all = tops.all(|other| other == Some(top));
    let is_takeout = top.to_lowercase().contains("takeout") || find_page(source, &folder).is_some();
    if holds_all && is_takeout { folder } else { String::new() }
}

/// The page on which the export describes itself: the HTML file at the top that speaks of products.
fn find_page<'a>(source: &'a dyn Source, root: &str) -> Option<&'a Entry> {
    let at_top = |entry: &&Entry, folder: &str| {
        let below = entry.path.strip_prefix(folder);
        below.is_some_and(|below| !below.contains('/') && below.to_lowercase().ends_with(".html"))
    };
    // It sometimes lies beside `Takeout/`.
    let pages = source.entries().iter().filter(|entry| at_top(entry, root) || at_top(entry, ""));
    let is_page = |entry: &&Entry| {
        entry.name() == "archive_browser.html"
            || memchr::memmem::find(&read(source, entry), b"data-english-name").is_some()
    };
    pages.filter(|entry| !names::is_system_junk(&entry.path)).take(5).find(is_page)
}

fn read_page(source: &dyn Source, root: &str) -> Browser {
    find_page(source, root).map(|page| browser::parse(&read(source, page))).unwrap_or_default()
}

/// The largest page that is read; one of 730 GB in 88,340 files had some ten MB.
const PAGE_LIMIT_BYTES: u64 = 256 << 20;

/// The content of a small entry as far as it can be read.
fn read(source: &dyn Source, entry: &Entry) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Ok(reader) = source.open(entry) {
        // What was read before a failure is all that there is to look at.
        let _ = reader.take(PAGE_LIMIT_BYTES).read_to_end(&mut bytes);
    }
    bytes
}

/// The first bytes of an entry.
fn head(source: &dyn Source, entry: &Entry, len_bytes: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Ok(reader) = source.open(entry) {
        // An entry that cannot be read is reported where it is imported.
        let _ = reader.take(len_bytes).read_to_end(&mut bytes);
    }
    bytes
}

/// The location history that a phone exports by itself, at the top.
fn lone_timeline(source: &dyn Source) -> Option<Product> {
    let at_top = source.entries().iter().filter(|entry| !entry.path.contains('/')).take(20);
    let mut found = at_top.filter(|entry| location::generation(source, entry).is_some());
    found.next().map(|_| Product { name: "location".to_owned(), folder: String::new(), is_understood: true })
}

/// Mboxes of Gmail that lie in no product's folder.
fn lone_mboxes(source: &dyn Source, root: &str) -> Vec<Product> {
    let is_mail =
        |entry: &&Entry| mail::is_mbox_name(&entry.path) && from_line::is_gmail(&head(source, entry, 256));
    let mut products: Vec<Product> = Vec::new();
    for entry in source.under(root).iter().filter(is_mail) {
        let folder = entry.folder().to_owned();
        if !products.iter().any(|known| known.folder == folder) {
            products.push(Product { name: "mail".to_owned(), folder, is_understood: true });
        }
    }
    products
}
