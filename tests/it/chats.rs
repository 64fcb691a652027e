//! Conversations of Google Chat, Hangouts and Voice: facts for every message, a page for people.

use std::collections::BTreeSet;
use std::fs;

use exodus_fixtures::chats::{self, TRUTH, TrueConversation};
use exodus_fixtures::lang::Lang;
use exodus_fixtures::pack::sample_parts;
use serde_json::{Value, json};

use crate::house::{Home, number};
use crate::{exports, index, tree};

struct Found {
    key: String,
    title: String,
    time: Option<i64>,
    path: Option<String>,
    extra: Value,
}

fn found(home: &Home, kind: &str) -> Vec<Found> {
    let sql = format!(
        "SELECT key, coalesce(title, ''), time, path, extra FROM item WHERE kind = '{kind}' ORDER BY time, id"
    );
    index::rows(&index::open(&home.archive()), &sql, |row| {
        let extra: String = row.get(4)?;
        let extra = serde_json::from_str(&extra).expect("facts are JSON");
        Ok(Found { key: row.get(0)?, title: row.get(1)?, time: row.get(2)?, path: row.get(3)?, extra })
    })
}

fn check(home: &Home, truth: &TrueConversation, pages: &[Found], messages: &[Found]) {
    let page = pages.iter().find(|page| page.key == truth.key).unwrap_or_else(|| panic!("no {}", truth.key));
    assert_eq!((page.title.as_str(), page.time), (truth.title, Some(truth.times.1)), "{}", truth.key);
    assert_eq!(number(&page.extra["n_messages"]), truth.texts.len() as u64);
    let own: Vec<&Found> = messages.iter().filter(|it| it.extra["conversation"] == truth.key).collect();
    let texts: Vec<&str> = own.iter().map(|it| it.extra["text"].as_str().unwrap_or_default()).collect();
    assert_eq!(texts, truth.texts, "{}", truth.key);
    assert_eq!(own.first().and_then(|it| it.time), Some(truth.times.0));
    let path = home.archive().join(page.path.as_ref().expect("a conversation has its page"));
    let html = fs::read_to_string(&path).expect("a page can be read");
    let mut after = 0;
    for text in truth.texts.iter().filter(|text| !text.is_empty()) {
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        after += html[after..].find(&text).unwrap_or_else(|| panic!("no `{text}` in its place: {html}"));
    }
    // What a page links to lies there.
    let folder = path.parent().expect("it lies in a folder");
    let links: BTreeSet<&str> =
        html.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let decoded =
        |link: &&str| link.replace("%20", " ").replace("%28", "(").replace("%29", ")").replace("%2B", "+");
    let linked: BTreeSet<String> = links.iter().map(decoded).collect();
    assert_eq!(linked.len(), truth.files.len(), "{linked:?}");
    for name in truth.files {
        let link =
            linked.iter().find(|link| link.ends_with(name)).unwrap_or_else(|| panic!("{name}: {linked:?}"));
        assert!(folder.join(link).exists(), "{link}");
    }
}

#[test]
fn every_conversation_has_its_messages_its_page_and_its_files_in_every_language() {
    let mut keys = BTreeSet::new();
    for lang in [Lang::De, Lang::En, Lang::Ja] {
        let home = Home::new();
        let folder = home.put_parts("export", &sample_parts(lang, 10, 1).0);
        for product in ["chat", "hangouts", "voice"] {
            home.import(&folder, &["--only", product]).expect(0);
        }
        home.assert_whole("conversations");
        let (pages, messages) = (found(&home, "conversation"), found(&home, "chat"));
        assert_eq!(pages.len(), TRUTH.len(), "{lang:?}");
        TRUTH.iter().for_each(|truth| check(&home, truth, &pages, &messages));
        let all = pages.iter().chain(&messages).map(|it| it.key.clone());
        keys.insert(all.collect::<BTreeSet<String>>());
        let hits = home.json_lines(&["search", "zwei Bilder"]);
        assert!(hits.iter().any(|hit| hit["kind"] == "chat"), "{hits:?}");
        let voicemail = messages.iter().find(|it| it.extra["call"] == "voicemail").expect("there is one");
        assert_eq!(number(&voicemail.extra["duration_s"]), 62);
    }
    assert_eq!(keys.len(), 1, "keys know no language");
}

/// An export with the conversations, changed by `change`.
fn export(stamp: &'static str, change: impl Fn(&str, Vec<u8>) -> Vec<u8>) -> exports::Parts {
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for (folder, made) in [
        ("Google Chat", chats::chat(Lang::En)),
        ("Hangouts", chats::hangouts(Lang::En)),
        ("Voice", chats::voice(Lang::En)),
    ] {
        for (path, content) in made {
            let content = change(&path, content);
            files.push((format!("{folder}/{path}"), content));
        }
    }
    let files: Vec<(&str, &[u8])> = files.iter().map(|it| (it.0.as_str(), it.1.as_slice())).collect();
    exports::takeout(&exports::mails(3), &files, stamp)
}

fn replaced(bytes: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    String::from_utf8(bytes).expect("it is text").replace(from, to).into_bytes()
}

#[test]
fn the_same_again_adds_nothing_and_a_newer_export_goes_on_with_a_conversation() {
    let home = Home::new();
    let older = home.put_parts("older", &export(exports::OLDER, |_, bytes| bytes));
    home.import(&older, &[]).expect(0);
    let before = tree::of_archive(&home.archive());
    let again = home.import(&older, &[]).expect(0).summary();
    assert_eq!(number(&again["added"]), 0, "{again}");
    tree::assert_same(&tree::of_archive(&home.archive()), &before, "imported again");
    let newer = export(exports::NEWER, |path, bytes| match path {
        "Groups/DM abcDEF/messages.json" => {
            let more = "}, {\"created_date\":\"Friday, January 5, 2024 at 10:15:00 AM UTC\",\"text\":\"und nun?\",\
                \"message_id\":\"abcDEF/T/2\"}]";
            replaced(bytes, "}]", more)
        }
        _ => bytes,
    });
    home.import(&home.put_parts("newer", &newer), &[]).expect(0);
    home.assert_whole("both");
    let pages = found(&home, "conversation");
    assert_eq!(pages.len(), TRUTH.len());
    let page = pages.iter().find(|page| page.key == "chat:abcDEF").expect("it is there");
    assert_eq!(number(&page.extra["n_messages"]), 2);
    let html = fs::read_to_string(home.archive().join(page.path.as_ref().expect("a page"))).expect("a page");
    assert!(html.contains("nur wir zwei") && html.contains("und nun?"), "{html}");
    assert_eq!(found(&home, "chat").len(), TRUTH.iter().map(|it| it.texts.len()).sum::<usize>() + 1);
}

#[test]
fn the_older_form_of_hangouts_gives_the_same_conversations() {
    let home = Home::new();
    let older = export(exports::NEWER, |path, bytes| {
        if path != "Hangouts.json" {
            return bytes;
        }
        let value: Value = serde_json::from_slice(&bytes).expect("it is JSON");
        let state = |it: &Value| {
            let (head, id) = (&it["conversation"]["conversation"], &it["conversation"]["conversation_id"]);
            json!({ "conversation_id": id, "conversation_state": { "conversation": head, "event": it["events"] } })
        };
        let states: Vec<Value> =
            value["conversations"].as_array().expect("a list").iter().map(state).collect();
        json!({ "continuation_end_timestamp": 0, "conversation_state": states }).to_string().into_bytes()
    });
    home.import(&home.put_parts("export", &older), &["--only", "hangouts"]).expect(0);
    let (pages, messages) = (found(&home, "conversation"), found(&home, "chat"));
    let truth: Vec<&TrueConversation> = TRUTH.iter().filter(|it| it.product == "hangouts").collect();
    assert_eq!(pages.len(), truth.len());
    truth.iter().for_each(|truth| check(&home, truth, &pages, &messages));
}

#[test]
fn a_bad_message_is_a_fault_and_the_others_are_taken() {
    let home = Home::new();
    let broken = export(exports::NEWER, |path, bytes| match path {
        "Groups/Space AAAAxyz/messages.json" => replaced(bytes, "\"text\":\"zwei Bilder\"", "\"text\":zwei"),
        "Hangouts.json" => {
            replaced(bytes, "\"segment\":[{\"type\":\"TEXT\",\"text\":\"wer kommt?\"}]", "segment")
        }
        _ => bytes,
    });
    let summary = home.import(&home.put_parts("export", &broken), &[]).expect(5).summary();
    assert_eq!(number(&summary["n_faults"]), 2, "{summary}");
    home.assert_whole("with faults");
    let pages = found(&home, "conversation");
    assert_eq!(pages.len(), TRUTH.len());
    assert_eq!(found(&home, "chat").len(), TRUTH.iter().map(|it| it.texts.len()).sum::<usize>() - 2);
}
