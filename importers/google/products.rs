//! Products of a Takeout: their codes, and what their folders are called where no page tells.
//!
//! The table is the fallback for exports without `archive_browser.html`. German names are from a complete export of
//! 2024, others from exports and importers' tests of 2019 to 2026; an unknown folder is kept under its own name.

use exodus_api::{Product, Source};

use super::browser::Browser;
use super::by_content;
use super::photos;
use crate::shared::names;

/// Codes that the importer understands, with the names they have in exodus.
const UNDERSTOOD: &[(&str, &str)] = &[
    ("GMAIL", "mail"),
    ("DRIVE", "drive"),
    ("GROUPS", "groups"),
    ("PHOTOS", "photos"),
    ("CONTACTS", "contacts"),
    ("CALENDAR", "calendar"),
    ("TASKS", "tasks"),
    ("KEEP", "keep"),
    ("HANGOUTS_CHAT", "chat"),
    ("HANGOUTS", "hangouts"),
    ("VOICE", "voice"),
    ("MY_ACTIVITY", "my-activity"),
    ("YOUTUBE", "youtube"),
    ("CHROME", "chrome"),
    ("SAVE", "saved"),
    ("MAPS", "maps"),
    ("LOCATION_HISTORY", "location"),
    ("BLOGGER", "blogger"),
    ("FIT", "fit"),
    ("FITBIT", "fitbit"),
    ("PLAY", "play"),
    ("GOOGLE_PAY", "pay"),
    ("PROFILE", "profile"),
];

/// Names of folders by code; the first of them is the English one.
const FOLDERS: &[(&str, &[&str])] = &[
    (
        "GMAIL",
        &[
            "Mail",
            "Gmail",
            "Correo",
            "E-mail",
            "E-mails",
            "Posta",
            "メール",
            "메일",
            "Почта",
            "E-post",
            "Pošta",
        ],
    ),
    ("DRIVE", &["Drive", "Google Drive", "ドライブ", "드라이브", "Диск", "Google ドライブ"]),
    (
        "PHOTOS",
        &[
            "Google Photos",
            "Google Fotos",
            "Google Foto",
            "Google Foto_s",
            "Google フォト",
            "Google 포토",
            "Google 相册",
            "Google Фото",
            "Google Снимки",
            "Fotky Google",
        ],
    ),
    (
        "CONTACTS",
        &[
            "Contacts",
            "Google Kontakte",
            "Kontakte",
            "Contactos",
            "Contatos",
            "Contatti",
            "Contacten",
            "連絡先",
        ],
    ),
    ("CALENDAR", &["Calendar", "Kalender", "Agenda", "Calendario", "カレンダー"]),
    ("TASKS", &["Tasks", "Aufgaben", "Tâches", "Tareas", "Tarefas", "Taken"]),
    ("KEEP", &["Keep", "Notizen"]),
    (
        "YOUTUBE",
        &[
            "YouTube and YouTube Music",
            "YouTube",
            "YouTube und YouTube Music",
            "YouTube et YouTube Music",
            "YouTube y YouTube Music",
            "YouTube e YouTube Music",
            "YouTube en YouTube Music",
            "YouTube i YouTube Music",
        ],
    ),
    (
        "MY_ACTIVITY",
        &[
            "My Activity",
            "Meine Aktivitäten",
            "Mon activité",
            "Mi actividad",
            "Minha atividade",
            "Mijn activiteit",
        ],
    ),
    ("CHROME", &["Chrome"]),
    (
        "LOCATION_HISTORY",
        &[
            "Location History",
            "Location History (Timeline)",
            "Standortverlauf",
            "Historique des positions",
            "Historial de ubicaciones",
        ],
    ),
    ("MAPS", &["Maps", "Maps (your places)", "Maps (Meine Orte)"]),
    ("SAVE", &["Saved", "Gespeichert", "Enregistrés", "Guardado", "Salvos", "Salvati", "Opgeslagen"]),
    ("FIT", &["Fit", "Google Fit"]),
    ("PLAY", &["Google Play Store"]),
    ("HANGOUTS_CHAT", &["Google Chat"]),
    ("HANGOUTS", &["Hangouts"]),
    ("VOICE", &["Voice", "Google Voice"]),
    ("BOND", &["Access Log Activity", "Zugriffsprotokollaktivitäten", "Atividade do Registro de acesso"]),
    ("PROFILE", &["Profile", "Profil"]),
    ("GOOGLE_ACCOUNT", &["Google Account", "Google-Konto"]),
    ("GOOGLE_PAY", &["Google Pay"]),
    ("BLOGGER", &["Blogger"]),
    ("FITBIT", &["Fitbit"]),
    ("GROUPS", &["Groups", "Google Groups", "Grupos"]),
    ("NEWS", &["News", "Google News", "Noticias", "Nieuws"]),
];

/// The code of a folder by the table.
pub fn code_of_folder(folder: &str) -> Option<&'static str> {
    let folded = names::folded(folder);
    let has = |names_of: &&[&str]| names_of.iter().any(|name| names::folded(name) == folded);
    FOLDERS.iter().find(|(_, names_of)| has(names_of)).map(|(code, _)| *code)
}

/// The name of a product in exodus: that of the code, or the folder's own.
pub fn name_of(code: Option<&str>, folder: &str) -> String {
    match code {
        Some(code) => {
            let known = UNDERSTOOD.iter().find(|(known, _)| *known == code);
            known.map_or_else(|| code.to_ascii_lowercase().replace('_', "-"), |(_, name)| (*name).to_owned())
        }
        None => folder.to_owned(),
    }
}

/// The products of an export: every folder at its top (below `root`), named by the page or else by the table.
pub fn products(source: &dyn Source, root: &str, browser: &Browser) -> Vec<Product> {
    let mut products: Vec<Product> = Vec::new();
    for entry in source.under(root) {
        let Some((folder, _)) = entry.path[root.len()..].split_once('/') else { continue };
        let path = format!("{root}{folder}");
        if products.last().is_some_and(|last| last.folder == path) || folder == "__MACOSX" {
            continue;
        }
        let folded = names::folded(folder);
        let listed = browser.products.iter().find(|(_, known)| names::folded(known) == folded);
        let by_content = || {
            by_content::code_of(source, &path)
                .or_else(|| photos::is_photos(source, &path).then_some("PHOTOS"))
        };
        let is_known = |code: &&str| UNDERSTOOD.iter().any(|(known, _)| known == code);
        // The page may call a product by a code that nobody here has seen.
        let listed = listed.map(|(code, _)| code.as_str());
        let found = listed.filter(is_known).or_else(|| code_of_folder(folder)).or_else(by_content);
        let code = found.or(listed);
        let is_understood = code.as_ref().is_some_and(is_known);
        products.push(Product { name: name_of(code, folder), folder: path, is_understood });
    }
    products
}

/// The paths that the page lists and no part holds: by product and name, since the page's folders are not always
/// told (see [`super::browser`]), and by its links.
pub fn missing(source: &dyn Source, root: &str, browser: &Browser) -> Vec<String> {
    use std::collections::HashMap;
    let mut there: HashMap<(String, String), u32> = HashMap::new();
    let mut paths = std::collections::HashSet::new();
    for entry in source.under(root) {
        let below = &entry.path[root.len()..];
        let folder = below.split('/').next().unwrap_or_default();
        *there.entry((names::folded(folder), names::folded(entry.name()))).or_default() += 1;
        paths.insert(names::folded(below));
    }
    let mut missing = Vec::new();
    for file in &browser.files {
        let key = (names::folded(&file.product), names::folded(file.name()));
        match there.get_mut(&key) {
            Some(left) if *left > 0 => *left -= 1,
            _ => missing.push(format!("{root}{}/{}", file.product, file.path)),
        }
    }
    for link in &browser.links {
        let path = format!("{root}{link}");
        if !paths.contains(&names::folded(link)) && !missing.contains(&path) && link.contains('/') {
            missing.push(path);
        }
    }
    missing.sort_unstable();
    missing
}
