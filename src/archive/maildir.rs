//! Maildir++: where a message lies and what its file is called.
//!
//! Words are those of <https://doc.dovecot.org/main/core/config/mailbox/formats/maildir.html>: a folder is
//! `.A.B` beside `cur`, its name in IMAP's modified UTF-7; a file is `<unique>,S=<size>,W=<size with CRLF>:2,<flags>`;
//! flags are capital letters, keywords the small letters a to z, named in the folder's `dovecot-keywords`.

use exodus_api::{Flags, Label, Role};
use exodus_mail::utf7;

use super::names;

/// Whether a message lies in one folder or, as hard links, in one for every label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelMode {
    /// One file a message, in the folder of the label that counts most.
    Primary,
    /// The same, and a hard link in the folder of every other label.
    Copies,
}

impl LabelMode {
    /// Its name on the command line and in the ledger.
    pub fn name(self) -> &'static str {
        match self {
            LabelMode::Primary => "primary",
            LabelMode::Copies => "copies",
        }
    }

    /// The mode of that name.
    pub fn from_name(name: &str) -> Option<LabelMode> {
        [LabelMode::Primary, LabelMode::Copies].into_iter().find(|mode| mode.name() == name)
    }
}

/// The folders that have a meaning, in the order in which they claim a message.
const SPECIAL: &[(Role, &str)] = &[
    (Role::Trash, "Trash"),
    (Role::Junk, "Junk"),
    (Role::Drafts, "Drafts"),
    (Role::Inbox, ""),
    (Role::Sent, "Sent"),
    (Role::Chats, "Chats"),
];
/// The folder for messages that no label claims.
const ARCHIVE: &str = "Archive";

/// A folder below `mail/`: its path (`.A.B`, empty for the inbox) and the label that it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Its folder below `mail/`.
    pub path: String,
    /// The label as the user wrote it, or the English name of a special folder.
    pub name: String,
}

/// The folder in which a message with these labels lies.
pub fn primary_folder(labels: &[Label]) -> Folder {
    for (role, name) in SPECIAL {
        if labels.iter().any(|label| label.role == Some(*role)) {
            return special(name);
        }
    }
    let of_user = labels.iter().find(|label| label.role.is_none());
    of_user.map_or_else(|| special(ARCHIVE), |label| user_folder(&label.name))
}

/// All folders in which a message with these labels lies; the primary one comes first.
pub fn folders(labels: &[Label], mode: LabelMode) -> Vec<Folder> {
    let mut folders = vec![primary_folder(labels)];
    if mode == LabelMode::Copies {
        for label in labels {
            let folder = match label.role {
                None => user_folder(&label.name),
                Some(role) => match SPECIAL.iter().find(|(known, _)| *known == role) {
                    Some((_, name)) => special(name),
                    None => continue,
                },
            };
            if !folders.iter().any(|known| known.path == folder.path) {
                folders.push(folder);
            }
        }
    }
    folders
}

fn special(name: &str) -> Folder {
    if name.is_empty() {
        Folder { path: String::new(), name: "INBOX".to_owned() }
    } else {
        Folder { path: format!(".{name}"), name: name.to_owned() }
    }
}

fn user_folder(label: &str) -> Folder {
    let names: Vec<String> = label.split('/').filter(|name| !name.is_empty()).map(folder_name).collect();
    let mut path = format!(".{}", names.join("."));
    let is_special = |name: &str| path[1..].eq_ignore_ascii_case(name);
    if path == "." || path.eq_ignore_ascii_case(".INBOX") || SPECIAL.iter().any(|(_, name)| is_special(name))
    {
        // A user's own label `Trash` is not the trash.
        path.push('_');
    }
    if path.len() > 240 {
        let hash = &blake3::hash(path.as_bytes()).to_hex()[..8];
        path.truncate(path.floor_char_boundary(200));
        path = format!("{}~{hash}", path.trim_end_matches('.'));
    }
    Folder { path, name: label.to_owned() }
}

/// One name of a nested label as Maildir++ writes it. The dot, which parts folders, becomes U+2024 (one dot leader),
/// which reads like it; that character itself is marked with U+FE0E, so that names can be turned back.
fn folder_name(name: &str) -> String {
    let dots = name.replace('\u{2024}', "\u{2024}\u{fe0e}").replace('.', "\u{2024}");
    let control = |letter: char| if letter.is_control() { '_' } else { letter };
    let safe: String = dots.chars().map(control).collect();
    // `/` cannot occur; `~` at the beginning means a home directory to IMAP servers.
    let safe = if safe.starts_with('~') { format!("_{safe}") } else { safe };
    utf7::encode(safe.trim_end_matches(' '))
}

/// The name of a folder of a Maildir++ as people read it, `/` between its names; `None` if it is not valid.
pub fn readable_folder(path: &str) -> Option<String> {
    let names: Option<Vec<String>> = path.strip_prefix('.')?.split('.').map(utf7::decode).collect();
    let back = |name: &String| {
        name.replace("\u{2024}\u{fe0e}", "\0").replace('\u{2024}', ".").replace('\0', "\u{2024}")
    };
    Some(names?.iter().map(back).collect::<Vec<String>>().join("/"))
}

/// The labels that a message carries as IMAP keywords in its folder: all but those that its flags or its folder
/// say already.
pub fn keywords<'a>(labels: &'a [Label], folder: &Folder) -> impl Iterator<Item = String> + 'a {
    let folder = folder.clone();
    let is_said = move |label: &&Label| match label.role {
        Some(Role::Unread | Role::Seen | Role::Flagged | Role::Archive) => true,
        Some(role) => SPECIAL.iter().any(|(known, name)| *known == role && special(name) == folder),
        None => user_folder(&label.name).path == folder.path,
    };
    labels.iter().filter(move |label| !is_said(label)).map(|label| match label.role {
        Some(Role::Important) => "$Important".to_owned(),
        Some(Role::Keyword) => keyword(&label.name),
        Some(role) => SPECIAL.iter().find(|(known, _)| *known == role).map_or_else(
            || keyword(&label.name),
            |(_, name)| if name.is_empty() { "Inbox" } else { name }.to_owned(),
        ),
        None => keyword(&label.name),
    })
}

/// A label as an IMAP keyword: an atom (RFC 9051 section 9), other characters in modified UTF-7 or as `_`.
fn keyword(label: &str) -> String {
    let atom = |letter: char| match letter {
        '(' | ')' | '{' | ' ' | '%' | '*' | '"' | '\\' | ']' => '_',
        letter if letter.is_ascii_control() => '_',
        letter => letter,
    };
    utf7::encode(label).chars().map(atom).collect()
}

/// The unique part of a message's file name, with its sizes: everything before `:2,`.
/// `time` is the time of receipt, `id` a name that no other message of the archive has.
pub fn unique_name(time: i64, id: &str, size: u64, crlf_size: u64) -> String {
    format!("{}.{id}.exodus,S={size},W={crlf_size}", time.max(0))
}

/// The name of a message within its platform as a piece of a file name.
pub fn file_id(key: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric();
    match key.split_once(':') {
        Some((_, id)) if id.len() <= 40 && id.chars().all(is_plain) => id.to_owned(),
        _ => blake3::hash(key.as_bytes()).to_hex()[..20].to_owned(),
    }
}

/// True when the name is one that [`unique_name`] made: no other program's.
pub fn is_ours(file_name: &str) -> bool {
    file_name.contains(".exodus,S=")
}

/// The path of a message from the archive's top.
pub fn message_path(folder: &str, unique: &str, flags: Flags, keyword_letters: &str) -> String {
    let slash = if folder.is_empty() { "" } else { "/" };
    format!("mail/{folder}{slash}cur/{unique}:2,{}{keyword_letters}", flags.letters())
}

/// A path compared as some disks compare it; see [`names::folded`].
pub fn folded(folder: &str) -> String {
    names::folded(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(list: &[(&str, Option<Role>)]) -> Vec<Label> {
        list.iter().map(|(name, role)| Label { name: (*name).to_owned(), role: *role }).collect()
    }

    fn check(list: &[(&str, Option<Role>)], folder: &str) {
        assert_eq!(primary_folder(&labels(list)).path, folder, "{list:?}");
    }

    #[test]
    fn the_first_match_claims_a_message() {
        let inbox = ("Inbox", Some(Role::Inbox));
        check(&[inbox, ("Trash", Some(Role::Trash))], ".Trash");
        check(&[inbox, ("Spam", Some(Role::Junk))], ".Junk");
        check(&[inbox, ("Draft", Some(Role::Drafts))], ".Drafts");
        check(&[("Sent", Some(Role::Sent)), inbox], "");
        check(&[("Work", None), ("Sent", Some(Role::Sent))], ".Sent");
        check(&[("Opened", Some(Role::Seen)), ("Work", None), ("Home", None)], ".Work");
        check(&[("Opened", Some(Role::Seen))], ".Archive");
        check(&[], ".Archive");
    }

    #[test]
    fn folder_names_are_maildir_and_can_be_turned_back() {
        for (label, path) in [
            ("Work/2021", ".Work.2021"),
            ("v1.2", ".v1&ICQ-2"),
            ("Entwürfe", ".Entw&APw-rfe"),
            ("Haus & Garten", ".Haus &- Garten"),
            ("a\u{2024}b", ".a&ICT+Dg-b"),
        ] {
            assert_eq!(user_folder(label).path, path);
            assert_eq!(readable_folder(path).as_deref(), Some(label));
        }
    }

    #[test]
    fn a_users_label_is_never_a_special_folder() {
        assert_eq!(user_folder("Trash").path, ".Trash_");
        assert_eq!(user_folder("inbox").path, ".inbox_");
        assert_eq!(user_folder("/").path, "._");
        assert_eq!(user_folder("Sent/2020").path, ".Sent.2020");
        assert!(user_folder(&"x/".repeat(300)).path.len() < 240);
    }

    #[test]
    fn keywords_are_atoms_and_say_what_folder_and_flags_do_not() {
        let list = labels(&[
            ("Posteingang", Some(Role::Inbox)),
            ("Gesendet", Some(Role::Sent)),
            ("Ungelesen", Some(Role::Unread)),
            ("Wichtig", Some(Role::Important)),
            ("Haus (alt)", None),
            ("Kategorie: \"Foren\"", Some(Role::Category)),
            ("$Forwarded", Some(Role::Keyword)),
        ]);
        let found: Vec<String> = keywords(&list, &primary_folder(&list)).collect();
        assert_eq!(found, ["Sent", "$Important", "Haus__alt_", "Kategorie:__Foren_", "$Forwarded"]);
    }

    #[test]
    fn copies_lie_in_the_folder_of_every_label() {
        let list = labels(&[("Work", None), ("Inbox", Some(Role::Inbox)), ("Opened", Some(Role::Seen))]);
        let paths: Vec<String> = folders(&list, LabelMode::Copies).into_iter().map(|it| it.path).collect();
        assert_eq!(paths, ["", ".Work"]);
    }

    #[test]
    fn file_names_carry_sizes_and_flags() {
        let unique = unique_name(1_552_986_831, &file_id("gm:1628424719502045299"), 120, 124);
        assert_eq!(unique, "1552986831.1628424719502045299.exodus,S=120,W=124");
        let flags = Flags::SEEN.with(Flags::FLAGGED);
        assert_eq!(message_path(".Work", &unique, flags, "ab"), format!("mail/.Work/cur/{unique}:2,FSab"));
        assert!(is_ours(&unique));
    }
}
