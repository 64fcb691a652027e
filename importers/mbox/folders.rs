//! Which folder a mail lay in, from the path of its file.

use exodus_api::{Label, Role};
use exodus_mail::utf7;

/// True for a message of a Maildir: a file in `cur` or `new`.
pub fn is_maildir_message(path: &str) -> bool {
    let mut names = path.rsplit('/');
    names.next();
    matches!(names.next(), Some("cur" | "new"))
}

/// The letters of a Maildir name's flags.
pub fn maildir_flags(name: &str) -> Option<&str> {
    name.rsplit_once(":2,").or_else(|| name.rsplit_once(";2,")).map(|(_, letters)| letters)
}

/// The labels of mail in a file: one, after its folder. Mail of an unknown place has none.
pub fn labels_of(path: &str) -> Vec<Label> {
    let name = folder_of(path);
    if name.is_empty() {
        return Vec::new();
    }
    let role = role(&name);
    vec![Label { name, role }]
}

/// The folder: of a Maildir++ the `.A.B` above `cur`, of Thunderbird `A.sbd/B`, of Apple Mail `A.mbox/mbox`,
/// else the name of the mbox. An `.eml` alone lay nowhere.
fn folder_of(path: &str) -> String {
    let mut names: Vec<&str> = path.split('/').collect();
    let file = names.pop().unwrap_or_default();
    if is_maildir_message(path) {
        names.pop();
        return match names.last().and_then(|folder| folder.strip_prefix('.')) {
            Some(folder) => {
                let parts: Vec<String> = folder
                    .split('.')
                    .map(|part| utf7::decode(part).unwrap_or_else(|| part.to_owned()))
                    .collect();
                parts.join("/")
            }
            None => "Inbox".to_owned(),
        };
    }
    let lower = file.to_lowercase();
    if lower.ends_with(".eml") || lower.ends_with(".emlx") {
        return names
            .iter()
            .rfind(|name| **name != "Messages")
            .map_or_else(String::new, |name| bare(name).to_owned());
    }
    let above: Vec<&str> =
        names.iter().filter(|name| name.ends_with(".sbd")).map(|name| bare(name)).collect();
    let own = match (lower.as_str(), names.last()) {
        ("mbox", Some(folder)) => bare(folder),
        _ => bare(file),
    };
    above.into_iter().chain([own]).collect::<Vec<&str>>().join("/")
}

/// A name without what programs put behind it.
fn bare(name: &str) -> &str {
    let ends = [".mbox", ".mbx", ".sbd", ".MBOX"];
    ends.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
}

/// What a folder of that name means in most mail programs.
fn role(name: &str) -> Option<Role> {
    match name.to_lowercase().as_str() {
        "inbox" => Some(Role::Inbox),
        "sent" | "sent mail" | "sent items" | "sent messages" => Some(Role::Sent),
        "drafts" | "draft" => Some(Role::Drafts),
        "junk" | "spam" | "junk e-mail" => Some(Role::Junk),
        "trash" | "deleted items" | "deleted messages" => Some(Role::Trash),
        "archive" | "archives" => Some(Role::Archive),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_found_in_every_programs_paths() {
        for (path, folder) in [
            ("old.mbox", "old"),
            ("Mail/Inbox", "Inbox"),
            ("Mail/Work.sbd/2021", "Work/2021"),
            ("Apple/Travel.mbox/mbox", "Travel"),
            ("Maildir/cur/1.a:2,S", "Inbox"),
            ("Maildir/.Entw&APw-rfe.Alt/cur/1.a:2,S", "Entwürfe/Alt"),
            ("a.eml", ""),
            ("Letters/a.eml", "Letters"),
            ("Travel.mbox/Messages/1.emlx", "Travel"),
        ] {
            assert_eq!(folder_of(path), folder, "{path}");
        }
        assert_eq!(labels_of("Trash.mbox")[0].role, Some(Role::Trash));
        assert_eq!(maildir_flags("1.a:2,FS"), Some("FS"));
    }
}
