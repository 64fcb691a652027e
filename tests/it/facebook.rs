//! Exports of Facebook: all generations, JSON and pages, several parts, one after the other, encrypted chats.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use exodus_fixtures::facebook::{
    self, ALBUM, ALBUM_COMMENT, ALONE, CHECK_IN, COMMENTS, DESCRIPTION, ENCRYPTED, EVENTS, FRIENDS,
    GENERATIONS, GROUP_POSTS, GROUPS, Generation, IN_FILES, MEDIA, PAGES, POSTS, REACTIONS, SAVED, SEARCHES,
    SENTENCE_S, Spec, TruePost,
};
use exodus_fixtures::facebook_old;
use exodus_fixtures::instagram;
use exodus_fixtures::lang::Lang;
use serde_json::{Value, json};

use crate::house::{Home, number};
use crate::{index, tree};

const OLDER: &str = "2024-01-02";
const NEWER: &str = "2026-03-14";

struct Found {
    key: String,
    kind: String,
    time: Option<i64>,
    path: Option<String>,
    extra: Value,
}

impl Found {
    fn text(&self, name: &str) -> &str {
        self.extra[name].as_str().unwrap_or_default()
    }

    fn is_post(&self) -> bool {
        self.kind == "post" && self.path.is_some()
    }
}

fn all(home: &Home) -> Vec<Found> {
    let sql = "SELECT key, kind, time, path, coalesce(extra, '{}') FROM item ORDER BY id";
    index::rows(&index::open(&home.archive()), sql, |row| {
        let extra: String = row.get(4)?;
        let extra = serde_json::from_str(&extra).expect("facts are JSON");
        Ok(Found { key: row.get(0)?, kind: row.get(1)?, time: row.get(2)?, path: row.get(3)?, extra })
    })
}

fn keys(home: &Home) -> BTreeSet<String> {
    // What is kept as it came is named by where it came from.
    let is_own = |it: &&Found| !it.key.starts_with("kept:") && !it.key.starts_with("original:");
    all(home).iter().filter(is_own).map(|it| it.key.clone()).collect()
}

fn put(home: &Home, folder: &str, spec: Spec, day: &str) -> PathBuf {
    home.put_parts(folder, &facebook::parts(&facebook::files(spec), day, 3))
}

fn imported(spec: Spec) -> Home {
    let home = Home::new();
    let folder = put(&home, "export", spec, NEWER);
    let summary = home.import(&folder, &[]).expect(0).summary();
    assert_eq!(summary["faults"], json!([]), "{spec:?}");
    home.assert_whole("imported");
    home
}

fn check_post(home: &Home, spec: Spec, truth: &TruePost, found: &[Found]) {
    let post = found.iter().find(|it| it.is_post() && it.time.map(|time| time / 60) == Some(truth.time / 60));
    let post = post.unwrap_or_else(|| panic!("{spec:?}: no {truth:?}"));
    let path = home.archive().join(post.path.as_ref().expect("a post is a file"));
    let page = fs::read_to_string(&path).expect("a post is text");
    let front = |name: &str| -> Value {
        let line = page
            .lines()
            .skip(1)
            .take_while(|line| *line != "---")
            .find_map(|line| line.strip_prefix(name).and_then(|rest| rest.strip_prefix(": ")));
        line.map(|value| serde_json::from_str(value).expect("values are JSON")).unwrap_or_default()
    };
    assert_eq!(front("caption"), truth.caption, "{spec:?}");
    assert_eq!((front("platform"), front("draft")), (json!("facebook"), Value::Null));
    let media: Vec<String> = front("media")
        .as_array()
        .into_iter()
        .flatten()
        .map(|it| it.as_str().expect("a path").to_owned())
        .collect();
    let names: Vec<&str> = truth.media.iter().map(|number| MEDIA[*number].0).collect();
    assert_eq!(media, names, "{spec:?}");
    let folder = path.parent().expect("it lies in a folder");
    for (name, number) in media.iter().zip(truth.media) {
        assert_eq!(fs::read(folder.join(name)).expect("it is there"), facebook::content(*number), "{name}");
        let xmp = fs::read_to_string(folder.join(format!("{name}.xmp"))).expect("it has a sidecar");
        assert!(xmp.contains(truth.caption.lines().next().unwrap_or_default()), "{xmp}");
    }
    if !truth.link.1.is_empty() {
        assert!(page.contains(&format!("](<{}>)", truth.link.1)), "{spec:?} {page}");
    }
    assert_eq!(post.extra["missing"], json!([]));
    if !spec.is_html {
        assert_eq!(post.text("location"), truth.place);
        assert_eq!(post.extra["people"].as_array().map_or(0, Vec::len), truth.people.len());
    }
    // The sentence of the platform's is a fact and no words of the account's.
    assert_eq!(post.text("sentence"), facebook::sentence(spec.lang, 0));
    assert!(!page.contains(post.text("sentence")), "{page}");
}

fn check_album(home: &Home, spec: Spec, found: &[Found]) {
    let photos: Vec<&Found> = found.iter().filter(|it| it.kind == "photo").collect();
    assert_eq!(photos.len(), MEDIA.len(), "{spec:?}: each picture once");
    let album = home.archive().join("files/photos/albums").join(ALBUM.0);
    let names: BTreeSet<String> =
        tree::of(&album).keys().filter(|path| !path.ends_with(".xmp")).cloned().collect();
    let truth = ALBUM.1.iter().map(|number| MEDIA[*number].0.to_owned()).collect();
    assert_eq!(names, truth, "{spec:?}");
    let of = |number: usize| {
        let stem = MEDIA[number].0.rsplit_once('.').map_or("", |(stem, _)| stem);
        let is_it = |it: &&&Found| it.path.as_ref().is_some_and(|path| path.contains(stem));
        photos.iter().find(is_it).unwrap_or_else(|| panic!("{spec:?}: no {stem}"))
    };
    let described = of(2);
    assert_eq!(described.text("description"), DESCRIPTION, "{spec:?}");
    assert!(described.path.as_ref().is_some_and(|path| path.starts_with("files/photos/facebook/2022/")));
    if !spec.is_html {
        assert_eq!(described.extra["comments"][0]["author"], ALBUM_COMMENT.0);
        assert_eq!(described.extra["comments"][0]["comment"], ALBUM_COMMENT.1);
        assert_eq!(
            described.extra["camera"],
            json!({"iso": 100}),
            "no address of a computer, no impossible time"
        );
    }
    assert_eq!(of(ALONE).text("real_type"), "jpg");
    assert!(of(0).path.as_ref().is_some_and(|path| path.starts_with("files/posts/facebook/")));
}

fn check_lists(spec: Spec, found: &[Found]) {
    let told = |list: &str, name: &str| -> BTreeSet<(String, i64)> {
        let of = found.iter().filter(|it| it.text("list") == list);
        of.map(|it| (it.text(name).to_owned(), it.time.unwrap_or_default() / 60)).collect()
    };
    let truth = |items: &[(&str, i64)]| -> BTreeSet<(String, i64)> {
        items.iter().map(|(name, time)| ((*name).to_owned(), time / 60)).collect()
    };
    assert_eq!(told("friends", "name"), truth(FRIENDS), "{spec:?}");
    assert_eq!(told("groups-joined", "name"), truth(GROUPS), "{spec:?}");
    assert_eq!(told("page-likes", "name"), truth(PAGES), "{spec:?}");
    assert_eq!(told("comments", "text"), truth(COMMENTS), "{spec:?}");
    for (list, items) in [
        ("group-posts", GROUP_POSTS),
        ("event-responses", EVENTS),
        ("searches", SEARCHES),
        ("reactions", REACTIONS),
    ] {
        let found = told(list, "text");
        assert_eq!(found.len(), items.len(), "{spec:?} {list} {found:?}");
        for (text, time) in items.iter().filter(|_| list != "reactions") {
            let is_it = |(told, minute): &(String, i64)| told.contains(text) && *minute == time / 60;
            assert!(found.iter().any(is_it), "{spec:?} {list} {found:?}");
        }
    }
    let sentence = found.iter().find(|it| it.text("list") == "timeline").expect("it is there");
    assert_eq!((sentence.time, &sentence.path), (Some(SENTENCE_S), &None));
}

fn check(spec: Spec) {
    let home = imported(spec);
    let found = all(&home);
    assert_eq!(found.iter().filter(|it| it.is_post()).count(), POSTS.len(), "{spec:?}");
    POSTS.iter().for_each(|truth| check_post(&home, spec, truth, &found));
    check_album(&home, spec, &found);
    check_lists(spec, &found);
    let chats: Vec<&str> = found.iter().filter(|it| it.kind == "chat").map(|it| it.text("text")).collect();
    assert!(chats.len() == 3 && chats.contains(&"¿Qué tal? 😀") && chats.contains(&"todo bien"), "{chats:?}");
    let profile = found.iter().find(|it| it.key == "profile").expect("it is in every generation");
    assert!(profile.extra.to_string().contains("Ada Example é"), "{spec:?} {}", profile.extra);
    // Nothing of what is for nobody else lies where posts lie.
    let posts = tree::of(&home.archive().join("files/posts/facebook"));
    let is_open =
        |path: &String| !path.contains("1001") && !path.ends_with(".json") && !path.ends_with(".html");
    assert!(posts.keys().all(is_open));
    let before = tree::of_archive(&home.archive());
    let again = home.import(&home.at("export"), &[]).expect(0).summary();
    let updated: u64 = again["items_updated"].as_object().expect("by kind").values().map(number).sum();
    assert_eq!((number(&again["added"]), updated), (0, 0), "{spec:?} {again}");
    tree::assert_same(&tree::of_archive(&home.archive()), &before, "imported again");
}

#[test]
fn every_generation_gives_the_same_posts_albums_messages_and_lists() {
    GENERATIONS.into_iter().for_each(|generation| check(Spec::json(generation)));
}

#[test]
fn any_language_and_pages_give_the_same() {
    check(Spec { lang: Lang::De, ..Spec::json(Generation::Activity) });
    check(Spec::html(Generation::Folders, Lang::De));
    check(Spec::html(Generation::Across, Lang::En));
    check(Spec::html(Generation::Activity, Lang::Es));
}

#[test]
fn exports_have_the_same_keys_in_every_generation_form_and_language() {
    let wanted = keys(&imported(Spec::json(Generation::Folders)));
    for spec in [
        Spec { lang: Lang::Es, ..Spec::json(Generation::Activity) },
        Spec::html(Generation::Folders, Lang::De),
        Spec::html(Generation::Activity, Lang::En),
    ] {
        assert_eq!(keys(&imported(spec)), wanted, "{spec:?}");
    }
}

#[test]
fn two_exports_in_either_order_give_the_same_and_keep_facts_that_one_of_them_has() {
    let (json, page) = (Spec::json(Generation::Folders), Spec::html(Generation::Activity, Lang::Es));
    let mut keys_found = Vec::new();
    for order in [[(json, OLDER), (page, NEWER)], [(page, NEWER), (json, OLDER)]] {
        let home = Home::new();
        for (spec, day) in order {
            let folder = put(&home, day, spec, day);
            home.import(&folder, &[]).expect(0);
            home.assert_whole(day);
        }
        let found = all(&home);
        assert_eq!(found.iter().filter(|it| it.is_post()).count(), POSTS.len());
        // Only the JSON knows who is tagged and the comments below pictures.
        assert!(found.iter().any(|it| it.is_post() && it.extra["people"] == json!(["Ben Example"])));
        assert!(found.iter().any(|it| it.extra["comments"][0]["comment"] == ALBUM_COMMENT.1));
        keys_found.push(keys(&home));
    }
    assert_eq!(keys_found[0], keys_found[1]);
}

#[test]
fn posts_are_found_by_their_words_links_and_people() {
    let home = imported(Spec::json(Generation::Activity));
    for words in ["playa", "lesenswert", "Harbour"] {
        let hits = home.json_lines(&["search", "kind:post", words]);
        assert!(hits.len() == 1 && hits[0]["kind"] == "post", "{words}: {hits:?}");
    }
}

#[test]
fn media_of_a_missing_part_are_told_and_come_with_it() {
    let home = Home::new();
    let parts = facebook::parts(&facebook::files(Spec::json(Generation::Activity)), NEWER, 3);
    let first = home.put_parts("first", &parts[..1]);
    let summary = home.import(&first, &[]).expect(0).summary();
    let lost: Vec<&str> =
        summary["missing"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    assert!(!lost.is_empty() && lost.iter().all(|path| path.contains("/media/")), "{summary}");
    home.assert_whole("a part");
    assert_eq!(all(&home).iter().filter(|it| it.is_post()).count(), POSTS.len());
    let whole = home.put_parts("whole", &parts);
    let summary = home.import(&whole, &[]).expect(0).summary();
    assert!(summary["missing"].as_array().is_none_or(Vec::is_empty), "{summary}");
    home.assert_whole("all parts");
    assert!(all(&home).iter().all(|it| it.extra["missing"].as_array().is_none_or(Vec::is_empty)));
    assert_eq!(keys(&home), keys(&imported(Spec::json(Generation::Activity))));
}

#[test]
fn what_people_do_to_an_export_does_no_harm() {
    let wanted = keys(&imported(Spec::json(Generation::Activity)));
    let home = Home::new();
    for (path, content) in facebook::files(Spec::json(Generation::Activity)) {
        let path = path.replace("comments.json", "comments (1).json").replace("you've", "you_ve");
        home.put(&format!("export/my export/{path}"), &content);
        home.put(&format!("export/__MACOSX/my export/._{}", path.replace('/', "_")), b"\0\x05\x16\x07");
    }
    home.import(&home.at("export"), &[]).expect(0);
    home.assert_whole("wrapped");
    assert_eq!(keys(&home), wanted);
}

#[test]
fn one_broken_file_is_one_fault_and_the_rest_is_there() {
    let home = Home::new();
    let mut files = facebook::files(Spec::json(Generation::Activity));
    for (path, content) in &mut files {
        if path.ends_with("comments.json") {
            content.truncate(content.len() / 2);
        }
    }
    let folder = home.put_parts("export", &facebook::parts(&files, NEWER, 2));
    let summary = home.import(&folder, &[]).summary();
    assert_eq!(summary["faults"].as_array().map(Vec::len), Some(1), "{summary}");
    home.assert_whole("a broken file");
    assert_eq!(all(&home).iter().filter(|it| it.is_post()).count(), POSTS.len());
}

#[test]
fn generic_records_saved_items_calls_and_conversations_in_several_files_are_read() {
    let home = Home::new();
    let mut files = facebook::files(Spec::json(Generation::Activity));
    files.extend(facebook::later());
    let folder = home.put_parts("export", &facebook::parts(&files, NEWER, 2));
    let summary = home.import(&folder, &[]).expect(0).summary();
    assert_eq!(summary["faults"], json!([]));
    home.assert_whole("newer");
    let found = all(&home);
    let one = |list: &str, time: i64| {
        let it = found.iter().find(|it| it.text("list") == list && it.time == Some(time));
        it.unwrap_or_else(|| panic!("no {list} of {time}"))
    };
    let saved = one("saved-items", SAVED.2);
    assert!(saved.kind == "bookmark" && saved.text("url") == SAVED.1 && saved.text("text").contains(SAVED.0));
    let place = one("check-ins", CHECK_IN.1);
    assert!(place.kind == "activity" && place.text("text").contains(CHECK_IN.0), "{}", place.extra);
    assert!(one("reactions", 1_690_002_200).text("text").contains("Gefällt mir"));
    let thread = |it: &&Found| it.text("conversation") == "thread:zz98yx76wv" && it.kind == "chat";
    let said: Vec<&str> = found.iter().filter(thread).map(|it| it.text("text")).collect();
    // The oldest first, whatever the files are called: 10 comes after 2.
    let words: Vec<&str> =
        IN_FILES.iter().rev().flat_map(|file| file.iter().map(|(text, _)| *text)).collect();
    assert_eq!(said.iter().filter(|text| words.contains(text)).copied().collect::<Vec<_>>(), words);
    let event = |name: &str| found.iter().find(|it| thread(it) && it.text("event") == name);
    assert!(event("unsent").is_some(), "a message that was taken back is told of");
    assert_eq!(event("call").expect("it was a call").extra["duration_s"], 62);
    let page = found.iter().find(|it| it.key == "thread:zz98yx76wv").and_then(|it| it.path.as_ref());
    let page = fs::read_to_string(home.archive().join(page.expect("a page"))).expect("text");
    assert!(page.find(words[0]) < page.find(words[1]) && page.find(words[1]) < page.find(words[2]), "{page}");
}

#[test]
fn paths_with_slashes_of_another_system_are_the_same() {
    let wanted = keys(&imported(Spec::json(Generation::Activity)));
    let home = Home::new();
    let files = facebook::files(Spec::json(Generation::Activity));
    let files: Vec<_> = files.into_iter().map(|(path, content)| (path.replace('/', "\\"), content)).collect();
    let folder = home.put_parts("export", &facebook::parts(&files, NEWER, 1));
    home.import(&folder, &[]).expect(0);
    home.assert_whole("back-slashes");
    assert_eq!(keys(&home), wanted);
}

#[test]
fn events_are_objects_of_a_calendar() {
    for spec in [Spec::json(Generation::Activity), Spec::html(Generation::Activity, Lang::De)] {
        let home = imported(spec);
        let found = all(&home);
        let events: Vec<&Found> = found.iter().filter(|it| it.kind == "event").collect();
        assert_eq!(events.len(), EVENTS.len(), "{spec:?}");
        let path = events[0].path.as_ref().expect("it is a file");
        assert!(path.starts_with("calendars/facebook/") && path.ends_with(".ics"), "{path}");
        let ics = fs::read_to_string(home.archive().join(path)).expect("text");
        assert!(ics.contains("SUMMARY:Regatta 2023\r\n") && ics.contains("DTSTART:20230727T2320"), "{ics}");
        // Pages show when it begins, to the minute, and no more.
        assert_eq!(ics.contains("DTEND:20230728T002000Z\r\n"), !spec.is_html, "{ics}");
        assert_eq!(events[0].text("answer"), if spec.is_html { "" } else { "joined" });
    }
}

#[test]
fn an_export_of_one_year_is_told_to_be_one() {
    let range = "<div>Daten vom <time datetime=\"2025-03-14T09:26Z\">x</time> bis <time datetime=\"2026-03-14T09:26Z\">y</time></div></header>";
    for is_limited in [false, true] {
        let home = Home::new();
        let mut files = facebook::files(Spec::html(Generation::Activity, Lang::De));
        for (_, content) in files.iter_mut().filter(|(path, _)| is_limited && path.ends_with(".html")) {
            let page = String::from_utf8(std::mem::take(content)).expect("pages are text");
            *content = page.replacen("</header>", range, 1).into_bytes();
        }
        let folder = home.put_parts("export", &facebook::parts(&files, NEWER, 1));
        let ran = home.import(&folder, &[]).expect(0);
        assert_eq!(
            ran.err.contains("from 2025-03-14 to 2026-03-14 and nothing else"),
            is_limited,
            "{}",
            ran.err
        );
        let summary = ran.summary();
        let notes = summary["notes"].to_string();
        assert!(notes.contains("of posts from 2021-08-26 to 2023-11-14"), "{notes}");
    }
}

#[test]
fn encrypted_chats_of_messengers_own_download_are_conversations() {
    let home = Home::new();
    for (path, content) in facebook::encrypted() {
        home.put(&format!("export/{path}"), &content);
    }
    home.import(&home.at("export"), &[]).expect(0);
    home.assert_whole("encrypted");
    let found = all(&home);
    let n_chats = facebook::encrypted().len() - 1;
    assert_eq!(found.iter().filter(|it| it.kind == "conversation").count(), n_chats);
    for (_, time_ms, text) in ENCRYPTED {
        let said = found.iter().filter(|it| it.kind == "chat" && it.text("text") == *text);
        assert_eq!(said.filter(|it| it.time == Some(time_ms / 1000)).count(), n_chats, "{text}");
    }
    assert!(found.iter().any(|it| it.path.as_ref().is_some_and(|path| path.ends_with("abc.jpg"))));
    let before = tree::of_archive(&home.archive());
    let again = home.import(&home.at("export"), &[]).expect(0).summary();
    assert_eq!(number(&again["added"]), 0, "{again}");
    tree::assert_same(&tree::of_archive(&home.archive()), &before, "imported again");
}

#[test]
fn exports_of_both_platforms_stand_beside_each_other_in_one_archive() {
    let home = Home::new();
    let spec = instagram::Spec::json(instagram::Generation::Media);
    let other = home.put_parts("instagram", &instagram::parts(&instagram::files(spec), NEWER, 1));
    let own = put(&home, "facebook", Spec::json(Generation::Activity), NEWER);
    home.import(&other, &[]).expect(0);
    home.import(&own, &[]).expect(0);
    home.assert_whole("both");
    let found = all(&home);
    for platform in ["instagram", "facebook"] {
        let folder = format!("files/posts/{platform}/");
        assert!(found.iter().any(|it| it.path.as_ref().is_some_and(|path| path.starts_with(&folder))));
    }
}

#[test]
fn exports_of_both_platforms_in_one_command_are_refused_with_what_to_do() {
    let home = Home::new();
    let spec = instagram::Spec::json(instagram::Generation::Media);
    let mut parts = facebook::parts(&facebook::files(Spec::json(Generation::Activity)), NEWER, 2);
    parts.extend(instagram::parts(&instagram::files(spec), NEWER, 2));
    let folder = home.put_parts("both", &parts);
    let ran = home.import(&folder, &[]).expect(3);
    for words in ["two exports", "Instagram", "Facebook", "one archive holds both"] {
        assert!(ran.err.contains(words), "{words}: {}", ran.err);
    }
    assert!(!home.archive().exists(), "nothing was written");
}

fn check_old(lang: Lang, has_page_each: bool) -> BTreeSet<String> {
    let home = Home::new();
    let files = facebook_old::files(lang, has_page_each);
    let folder = home.put_parts("export", &facebook::parts(&files, OLDER, 1));
    let summary = home.import(&folder, &[]).expect(0).summary();
    assert_eq!(summary["faults"], json!([]), "{lang:?}");
    home.assert_whole("old pages");
    let found = all(&home);
    check_old_chats(&found);
    for (words, time) in facebook_old::OWN {
        let post = found.iter().find(|it| it.is_post() && it.time == Some(*time)).expect("it is a post");
        let page =
            fs::read_to_string(home.archive().join(post.path.as_ref().expect("a file"))).expect("text");
        assert!(page.contains(words) && !page.contains(post.text("sentence")), "{page}");
    }
    assert_eq!(found.iter().filter(|it| it.is_post()).count(), facebook_old::OWN.len());
    let (words, time) = facebook_old::OF_OTHERS;
    let of_others = found.iter().find(|it| it.text("type") == "wall-post").expect("it is told");
    assert_eq!((of_others.text("text"), of_others.time, &of_others.path), (words, Some(time), &None));
    let sentence = found.iter().find(|it| it.text("list") == "timeline").expect("it is told");
    assert_eq!(sentence.time, Some(facebook_old::SENTENCE_S));
    let names = |list: &str| -> Vec<&str> {
        found.iter().filter(|it| it.text("list") == list).map(|it| it.text("name")).collect()
    };
    assert_eq!(
        (names("friends"), names("people-2")),
        (facebook_old::FRIENDS.to_vec(), vec![facebook_old::ASKED])
    );
    let album = tree::of(&home.archive().join("files/photos/albums").join(facebook_old::ALBUM.0));
    assert_eq!(album.keys().filter(|path| path.ends_with(".jpg")).count(), facebook_old::ALBUM.1.len());
    let before = tree::of_archive(&home.archive());
    let again = home.import(&home.at("export"), &[]).expect(0).summary();
    assert_eq!(number(&again["added"]), 0, "{again}");
    tree::assert_same(&tree::of_archive(&home.archive()), &before, "imported again");
    keys(&home)
}

fn check_old_chats(found: &[Found]) {
    let mut said: Vec<(i64, &str, &str)> = found
        .iter()
        .filter(|it| it.kind == "chat")
        .map(|it| (it.time.expect("it has a zone"), it.text("sender"), it.text("text")))
        .collect();
    said.sort_unstable();
    let messages = facebook_old::THREADS.iter().flat_map(|(_, messages)| *messages);
    let mut truth: Vec<(i64, &str, &str)> = messages.map(|it| (it.1, it.0, it.2)).collect();
    truth.sort_unstable();
    assert_eq!(said, truth);
    let n_threads = found.iter().filter(|it| it.kind == "conversation").count();
    assert_eq!(n_threads, facebook_old::THREADS.len());
    let paths = found.iter().filter_map(|it| it.path.as_ref());
    let picture = paths.clone().find(|path| path.ends_with("1234567.jpg"));
    assert!(picture.is_some_and(|path| path.starts_with("files/chats/facebook/files/")), "{picture:?}");
}

#[test]
fn pages_of_before_2018_give_conversations_posts_friends_and_albums_in_any_language() {
    let wanted = check_old(Lang::En, false);
    for (lang, has_page_each) in [(Lang::De, false), (Lang::Es, false), (Lang::En, true)] {
        assert_eq!(check_old(lang, has_page_each), wanted, "{lang:?} {has_page_each}");
    }
}

#[test]
fn old_pages_that_break_off_are_faults_and_the_rest_is_there() {
    let home = Home::new();
    let mut files = facebook_old::files(Lang::En, false);
    for (path, content) in &mut files {
        if path.ends_with("wall.htm") || path.ends_with("messages.htm") {
            content.truncate(content.len() * 2 / 3);
        }
    }
    let folder = home.put_parts("export", &facebook::parts(&files, OLDER, 1));
    let summary = home.import(&folder, &[]).summary();
    assert_eq!(summary["faults"].as_array().map(Vec::len), Some(2), "{summary}");
    home.assert_whole("broken pages");
    let found = all(&home);
    assert!(found.iter().any(|it| it.kind == "chat") && found.iter().any(Found::is_post));
}
