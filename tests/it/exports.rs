//! Exports for these tests, made by the fixtures.

use exodus_fixtures::labels::Fold;
use exodus_fixtures::lang::{Lang, System};
use exodus_fixtures::mail::Mail;
use exodus_fixtures::mailbox;
use exodus_fixtures::mbox::{self, Quoting, Style};
use exodus_fixtures::pack::{Packing, pack};
use exodus_fixtures::takeout::{EXPORTED_S, FileEntry};

/// The parts of an export.
pub type Parts = Vec<(String, Vec<u8>)>;

/// A stamp before those of the sample and of [`NEWER`].
pub const OLDER: &str = "20250102T030405Z";
/// A stamp after all others.
pub const NEWER: &str = "20270102T030405Z";

/// Messages as a mailbox has them.
pub fn mails(n: usize) -> Vec<Mail> {
    mailbox::mails(n, Quoting::Mboxrd, 5)
}

/// An export of mail and of the given other files, in two zips.
pub fn takeout(mails: &[Mail], files: &[(&str, &[u8])], stamp: &'static str) -> Parts {
    takeout_in(Lang::De, mails, files, stamp)
}

/// The same in another language.
pub fn takeout_in(lang: Lang, mails: &[Mail], files: &[(&str, &[u8])], stamp: &'static str) -> Parts {
    let mbox = mbox::write(mails, &Style { fold: Fold::Halves, ..Style::gmail(lang) });
    let names = lang.names();
    let mut entries = vec![entry(&format!("Takeout/{}/{}.mbox", names.mail, names.all_mail), mbox)];
    entries.extend(files.iter().map(|(path, bytes)| entry(&format!("Takeout/{path}"), bytes.to_vec())));
    pack(&entries, &Packing { stamp, ..Packing::zip(2) })
}

/// What became of a mailbox until its next export: labels and flags changed, messages deleted, new ones.
///
/// Of every twelve messages one was put into the trash, one starred, one moved to a label, one read; the last three
/// are gone, and `n_new` have come.
pub fn later(before: &[Mail], n_new: usize) -> Vec<Mail> {
    let mut after: Vec<Mail> = before[..before.len() - 3].to_vec();
    for (number, mail) in after.iter_mut().enumerate() {
        let labels = &mut mail.labels;
        match number % 12 {
            1 => labels.system = vec![System::Trash],
            4 if !labels.has(System::Starred) => labels.system.push(System::Starred),
            7 => {
                labels.system = vec![System::Archived, System::Opened];
                labels.user = vec!["Neu/Unterordner".to_owned()];
            }
            10 => {
                labels.system.retain(|label| *label != System::Unread);
                labels.system.push(System::Opened);
            }
            _ => {}
        }
    }
    let new = mailbox::mails(n_new, Quoting::Mboxrd, 77);
    let is_known = |mail: &Mail| before.iter().any(|known| known.gm_id == mail.gm_id);
    after.splice(0..0, new.into_iter().filter(|mail| !is_known(mail)));
    after
}

/// One file of an export.
pub fn entry(path: &str, content: Vec<u8>) -> FileEntry {
    FileEntry { path: path.to_owned(), mtime: EXPORTED_S, content }
}
