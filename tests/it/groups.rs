//! Google Groups: every message of every group, though their numbers are the same.

use exodus_fixtures::groups::{N_MESSAGES, files};
use exodus_fixtures::lang::Lang;

use crate::house::Home;
use crate::{exports, index};

#[test]
fn groups_that_count_alike_lose_no_message_in_any_language() {
    for (lang, folder) in [(Lang::En, "Groups"), (Lang::Es, "Grupos"), (Lang::Es, "グループ")] {
        let home = Home::new();
        let files: Vec<(String, Vec<u8>)> =
            files(lang).into_iter().map(|(path, content)| (format!("{folder}/{path}"), content)).collect();
        let files: Vec<(&str, &[u8])> = files.iter().map(|it| (it.0.as_str(), it.1.as_slice())).collect();
        for stamp in [exports::OLDER, exports::NEWER] {
            let parts = exports::takeout_in(lang, &exports::mails(3), &files, stamp);
            home.import(&home.put_parts(stamp, &parts), &[]).expect(0);
            home.assert_whole(folder);
        }
        let archive = home.archive();
        let sql =
            "SELECT count(*) FROM item WHERE product = 'groups' AND kind = 'message' AND time = 1429177984";
        assert_eq!(index::count(&archive, sql) as usize, N_MESSAGES, "{folder}");
        let threads =
            "SELECT count(DISTINCT thread) FROM message WHERE thread LIKE '%@googlegroups.com:286%'";
        assert_eq!(index::count(&archive, threads) as usize, N_MESSAGES, "{folder}");
        for (label, n) in [
            ("Groups/boats@googlegroups.com", 2),
            ("Groups/choir@googlegroups.com", 1),
            ("El tema se ha fijado", 1),
        ] {
            let sql = format!(
                "SELECT count(*) FROM item_label JOIN label ON label.id = label_id WHERE label.name = '{label}'"
            );
            assert_eq!(index::count(&archive, &sql), n, "{folder}: {label}");
        }
        let kept = "SELECT count(DISTINCT path) FROM entry WHERE path LIKE '%.csv' AND state IN ('kept', 'duplicate')";
        assert_eq!(index::count(&archive, kept), 4, "what a group is and who is in it");
    }
}
