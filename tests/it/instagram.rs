//! Exports of Instagram: all generations, JSON and pages, several parts, one after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use exodus_fixtures::instagram::{
    self, COMMENTS, FOLLOWERS, FOLLOWING, GENERATIONS, Generation, LIKES, MEDIA, POSTS, SAVED, SEARCHES,
    Spec, THREADS, TruePost,
};
use exodus_fixtures::lang::Lang;
use serde_json::Value;

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
    let is_own =
        |it: &&Found| !it.key.starts_with("kept:") && !it.key.starts_with("original:") && it.key != "profile";
    all(home).iter().filter(is_own).map(|it| it.key.clone()).collect()
}

fn put(home: &Home, folder: &str, spec: Spec, day: &str) -> PathBuf {
    home.put_parts(folder, &instagram::parts(&instagram::files(spec), day, 3))
}

/// The places in the front matter of all posts below a folder.
fn places(folder: &Path) -> Vec<String> {
    let files = walkdir::WalkDir::new(folder).into_iter().flatten();
    let posts = files.filter(|it| it.path().extension().is_some_and(|ending| ending == "md"));
    let texts = posts.map(|it| fs::read_to_string(it.path()).expect("a post is text"));
    let fronts = texts.filter_map(|text| Some(text.split_once("\n---\n")?.0.to_owned()));
    let lines = |front: String| front.lines().map(str::to_owned).collect::<Vec<_>>();
    let mut places: Vec<_> = fronts.flat_map(lines).filter(|line| line.starts_with("latitude: ")).collect();
    places.sort_unstable();
    places
}

fn imported(spec: Spec) -> Home {
    let home = Home::new();
    let folder = put(&home, "export", spec, NEWER);
    let summary = home.import(&folder, &[]).expect(0).summary();
    assert_eq!(summary["faults"], serde_json::json!([]), "{spec:?}");
    home.assert_whole("imported");
    home
}

fn check_post(home: &Home, spec: Spec, truth: &TruePost, found: &[Found]) {
    let is_it = |it: &&Found| {
        it.kind == "post"
            && it.text("type") == truth.of
            && it.time.map(|time| time / 60) == Some(truth.time / 60)
    };
    let post = found.iter().find(is_it).unwrap_or_else(|| panic!("{spec:?}: no {truth:?}"));
    let path = home.archive().join(post.path.as_ref().expect("a post is a file"));
    let page = fs::read_to_string(&path).expect("a post is text");
    let front: BTreeMap<&str, Value> = page
        .lines()
        .skip(1)
        .take_while(|line| *line != "---")
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name, serde_json::from_str(value).expect("values are JSON")))
        .collect();
    let caption = front.get("caption").and_then(Value::as_str).unwrap_or_default();
    assert_eq!(caption, truth.caption, "{spec:?}");
    let is_draft = matches!(truth.of, "archived" | "deleted");
    assert_eq!(front.contains_key("draft"), is_draft);
    let media = front.get("media").and_then(Value::as_array).map_or(0, Vec::len);
    assert_eq!(media, truth.media.len(), "{spec:?} {truth:?}");
    assert_eq!(post.extra["missing"], serde_json::json!([]));
    let folder = path.parent().expect("it lies in a folder");
    // Before 2021 pictures and films stood in two lists.
    let mut names: Vec<String> = truth.media.iter().map(|number| true_name(spec, *number)).collect();
    let told = front["media"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|name| name.as_str().expect("a name").to_owned());
    let mut told: Vec<String> = told.collect();
    if spec.is_flat() {
        names.sort();
        told.sort();
    }
    assert_eq!(told, names, "{spec:?}");
    for (name, number) in names.iter().zip(truth.media).filter(|_| !spec.is_flat()) {
        let file = folder.join(name);
        let content = fs::read(&file).unwrap_or_else(|err| panic!("{}: {err}", file.display()));
        assert_eq!(content, instagram::content(*number as u32, MEDIA[*number].really), "{name}");
        let mtime = file.metadata().expect("it was read").mtime();
        assert_eq!(mtime / 60, truth.time / 60, "{name}");
        let xmp = fs::read_to_string(folder.join(format!("{name}.xmp"))).expect("it has a sidecar");
        assert!(xmp.contains("<exif:DateTimeOriginal>20"), "{xmp}");
        if let Some(line) = truth.caption.lines().next() {
            assert!(xmp.contains(line), "{xmp}");
        }
        assert_eq!(xmp.contains("<exif:GPSLatitude>41,9.000000N<"), truth.place.is_some(), "{xmp}");
    }
    if let (Some((latitude, _)), false) = (truth.place, spec.is_flat()) {
        assert_eq!(post.extra["latitude"].to_string(), latitude);
    }
    if spec.is_flat() {
        assert_eq!(post.text("location"), truth.location);
    }
}

fn true_name(spec: Spec, number: usize) -> String {
    let path = instagram::media_path(spec, number);
    let (stem, _) = path.rsplit_once('.').expect("it has an extension");
    format!("{}.{}", stem.rsplit('/').next().expect("it has a name"), MEDIA[number].really)
}

fn check_threads(home: &Home, spec: Spec, found: &[Found]) {
    let pages: Vec<&Found> = found.iter().filter(|it| it.kind == "conversation").collect();
    assert_eq!(pages.len(), THREADS.len(), "{spec:?}");
    for truth in THREADS {
        let is_it =
            |it: &&&Found| it.extra["participants"].as_array().map(Vec::len) == Some(truth.people.len());
        let page = pages.iter().find(is_it).unwrap_or_else(|| panic!("{spec:?}: no {}", truth.title));
        let mut messages: Vec<&Found> =
            found.iter().filter(|it| it.kind == "chat" && it.extra["conversation"] == page.key).collect();
        messages.sort_by_key(|it| it.time);
        assert_eq!(messages.len(), truth.messages.len(), "{spec:?} {}", truth.title);
        let path = home.archive().join(page.path.as_ref().expect("a conversation has its page"));
        let html = fs::read_to_string(path).expect("a page is text");
        let mut after = 0;
        for (message, truth) in messages.iter().zip(truth.messages) {
            let text = message.text("text");
            assert!(text.starts_with(truth.text) && text.contains(truth.link), "{spec:?}: {text}");
            assert_eq!(message.time.map(|time| time / 60), Some(truth.time_ms / 60_000));
            let shown = truth.text.replace('&', "&amp;").replace('<', "&lt;");
            after += html[after..]
                .find(&shown)
                .unwrap_or_else(|| panic!("{spec:?}: no `{shown}` in its place: {html}"));
            if let Some(name) = truth.file.rsplit('/').next().filter(|name| !name.is_empty()) {
                let link = html.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
                let link =
                    link.filter(|link| link.ends_with(name)).last().expect("a page leads to what was sent");
                assert!(home.archive().join("files/chats/instagram").join(link).exists(), "{link}");
            }
            let has_heart = message.extra.get("reactions").or(message.extra.get("likes")).is_some();
            assert_eq!(
                has_heart,
                !truth.heart_of.is_empty(),
                "{spec:?} {message:?}",
                message = message.extra
            );
        }
    }
}

fn check_lists(spec: Spec, found: &[Found]) {
    let of = |list: &str| -> Vec<&Found> { found.iter().filter(|it| it.text("list") == list).collect() };
    let minute = |it: &Found| it.time.map(|time| time / 60);
    for (list, people) in [("followers", FOLLOWERS), ("following", FOLLOWING)] {
        let told: BTreeSet<(String, Option<i64>)> =
            of(list).iter().map(|it| (it.text("user").to_owned(), minute(it))).collect();
        let truth = people.iter().map(|(name, time)| ((*name).to_owned(), Some(time / 60))).collect();
        assert_eq!(told, truth, "{spec:?} {list}");
    }
    for (list, posts) in [("liked-posts", LIKES), ("saved-posts", SAVED)] {
        let told: BTreeSet<(String, Option<i64>)> =
            of(list).iter().map(|it| (it.text("user").to_owned(), minute(it))).collect();
        let truth = posts.iter().map(|(_, owner, time)| ((*owner).to_owned(), Some(time / 60))).collect();
        // Before 2021 a pair has nobody but its owner; since then the link says which post it is.
        if spec.is_flat() {
            assert_eq!(told.len(), posts.len(), "{spec:?} {list}");
            continue;
        }
        assert_eq!(told, truth, "{spec:?} {list}");
        assert!(of(list).iter().all(|it| it.text("url").starts_with("https://www.instagram.com/p/C")));
    }
    let comments: BTreeSet<(&str, &str)> =
        of("post-comments").iter().map(|it| (it.text("text"), it.text("user"))).collect();
    assert_eq!(comments, COMMENTS.iter().map(|(text, owner, _)| (*text, *owner)).collect(), "{spec:?}");
    let searches = found.iter().filter(|it| it.text("list").contains("searches"));
    let texts: Vec<&str> = searches.map(|it| it.text("text")).collect();
    assert!(texts.len() == 1 && texts[0].contains(SEARCHES[0].0), "{spec:?} {texts:?}");
}

fn check(spec: Spec) {
    let home = imported(spec);
    let found = all(&home);
    let truth: Vec<&TruePost> = POSTS.iter().filter(|post| instagram::is_in(spec, post)).collect();
    let n_posts = found.iter().filter(|it| it.kind == "post" && it.text("type") != "comment").count();
    assert_eq!(n_posts, truth.len(), "{spec:?}");
    truth.iter().for_each(|truth| check_post(&home, spec, truth, &found));
    check_threads(&home, spec, &found);
    check_lists(spec, &found);
    let profile = found.iter().find(|it| it.key == "profile").expect("it is in every generation");
    assert!(profile.extra.to_string().contains("Ada Example é"), "{spec:?} {}", profile.extra);
    // Nothing of what is for nobody else lies where posts lie.
    let posts = tree::of(&home.archive().join("files/posts/instagram"));
    assert!(
        posts
            .keys()
            .all(|path| !path.contains("1001.jpg") && !path.ends_with(".json") && !path.ends_with(".html"))
    );
    let before = tree::of_archive(&home.archive());
    let again = home.import(&home.at("export"), &[]).expect(0).summary();
    let updated: u64 = again["items_updated"].as_object().expect("by kind").values().map(number).sum();
    assert_eq!((number(&again["added"]), updated), (0, 0), "{spec:?} {again}");
    tree::assert_same(&tree::of_archive(&home.archive()), &before, "imported again");
}

#[test]
fn every_generation_gives_the_same_posts_messages_and_lists() {
    GENERATIONS.into_iter().for_each(|generation| check(Spec::json(generation)));
}

#[test]
fn labels_in_any_language_and_pages_give_the_same() {
    for lang in [Lang::Es, Lang::De] {
        check(Spec { lang, ..Spec::json(Generation::Grouped) });
        check(Spec { lang, ..Spec::json(Generation::Labels) });
        check(Spec::html(Generation::Folders, lang));
    }
    check(Spec::html(Generation::Media, Lang::En));
}

#[test]
fn exports_since_2021_have_the_same_keys_in_every_form_and_language() {
    let wanted = keys(&imported(Spec::json(Generation::Folders)));
    for spec in [
        Spec { lang: Lang::De, ..Spec::json(Generation::Labels) },
        Spec::html(Generation::Grouped, Lang::Es),
        Spec::html(Generation::Media, Lang::De),
    ] {
        let found = keys(&imported(spec));
        // Logins and ads are not on the pages of the fixtures.
        let is_on_pages = |key: &&String| !key.starts_with("login-") && !key.starts_with("ads-");
        let wanted: Vec<&String> = wanted.iter().filter(|key| !spec.is_html || is_on_pages(key)).collect();
        assert_eq!(found.iter().collect::<Vec<_>>(), wanted, "{spec:?}");
    }
}

#[test]
fn two_exports_in_either_order_give_the_same_and_keep_facts_that_one_of_them_has() {
    let (json, page) = (Spec::json(Generation::Grouped), Spec::html(Generation::Media, Lang::Es));
    let (mut keys_found, mut places_found) = (Vec::new(), Vec::new());
    for order in [[(json, OLDER), (page, NEWER)], [(page, NEWER), (json, OLDER)]] {
        let home = Home::new();
        for (spec, day) in order {
            let folder = put(&home, day, spec, day);
            home.import(&folder, &[]).expect(0);
            home.assert_whole(day);
        }
        let found = all(&home);
        let posts = found.iter().filter(|it| it.kind == "post" && it.text("type") != "comment");
        assert_eq!(posts.count(), POSTS.len());
        // Only the JSON knows the camera, only the page has the rows below a post.
        let photo =
            found.iter().find(|it| it.extra["camera"]["iso"] == 50).expect("the camera is not forgotten");
        assert_eq!((photo.kind.as_str(), photo.extra["latitude"].as_f64()), ("photo", Some(41.15)));
        assert!(
            found.iter().any(|it| it.kind == "post" && it.extra["facts"].to_string().contains("Latitud"))
        );
        keys_found.push(keys(&home));
        // What a site gets has the place of a post, whichever export came last.
        home.run(["export", "markdown", "site"]).expect(0);
        places_found.push(places(&home.at("site")));
        let summary = home.run(["export", "markdown", "site", "--json"]).expect(0).summary();
        assert_eq!(number(&summary["written"]), 0, "{summary}");
    }
    assert_eq!(keys_found[0], keys_found[1]);
    assert_eq!(places_found[0], places_found[1]);
    assert!(!places_found[0].is_empty());
}

#[test]
fn posts_are_found_by_their_words() {
    let home = imported(Spec::json(Generation::Media));
    let hits = home.json_lines(&["search", "kind:post", "playa"]);
    assert_eq!(home.json_lines(&["search", "kind:post playa"]), hits, "the whole search in quotes");
    assert!(hits.len() == 1 && hits[0]["kind"] == "post", "{hits:?}");
    assert!(home.json_lines(&["search", "kind:chat", "todo"]).len() == 2);
}

#[test]
fn messages_are_found_at_once_later_and_after_the_index_was_built_again() {
    let found = |home: &Home| {
        let hits = home.json_lines(&["search", "kind:chat", "todo"]);
        hits.iter().map(|hit| hit["time"].to_string()).collect::<Vec<_>>()
    };
    let home = imported(Spec::json(Generation::Media));
    let at_once = found(&home);
    assert_eq!(at_once.len(), 2);
    home.run(["reindex"]).expect(0);
    assert_eq!(found(&home), at_once);
    let later = Home::new();
    let folder = put(&later, "export", Spec::json(Generation::Media), NEWER);
    later.import(&folder, &["--no-fts"]).expect(0);
    assert!(found(&later).is_empty());
    later.import(&folder, &[]).expect(0);
    assert_eq!(found(&later), at_once);
}

#[test]
fn media_of_a_missing_part_are_told_and_come_with_it() {
    let home = Home::new();
    let parts = instagram::parts(&instagram::files(Spec::json(Generation::Media)), NEWER, 3);
    let first = home.put_parts("first", &parts[..1]);
    let summary = home.import(&first, &[]).expect(0).summary();
    let missing = summary["missing"].as_array().expect("it lists what is missing");
    let lost: BTreeSet<&str> = missing.iter().filter_map(Value::as_str).collect();
    assert!(!lost.is_empty() && lost.iter().all(|path| path.starts_with("media/")), "{summary}");
    home.assert_whole("a part");
    let n_posts = |home: &Home| all(home).iter().filter(|it| it.kind == "post").count();
    let told: usize = all(&home).iter().filter_map(|it| it.extra["missing"].as_array().map(Vec::len)).sum();
    assert_eq!((told, n_posts(&home)), (lost.len(), POSTS.len() + COMMENTS.len()));
    let whole = home.put_parts("whole", &parts);
    let summary = home.import(&whole, &[]).expect(0).summary();
    assert!(summary["missing"].as_array().is_none_or(Vec::is_empty), "{summary}");
    home.assert_whole("all parts");
    assert!(all(&home).iter().all(|it| it.extra["missing"].as_array().is_none_or(Vec::is_empty)));
    assert_eq!(n_posts(&home), POSTS.len() + COMMENTS.len());
    let alone = imported(Spec::json(Generation::Media));
    assert_eq!(keys(&home), keys(&alone));
}

#[test]
fn what_people_do_to_an_export_does_no_harm() {
    let wanted = keys(&imported(Spec::json(Generation::Media)));
    let home = Home::new();
    for (path, content) in instagram::files(Spec::json(Generation::Media)) {
        let path = path.replace("followers_1.json", "followers_1 (1).json");
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
    let mut files = instagram::files(Spec::json(Generation::Media));
    for (path, content) in &mut files {
        if path.ends_with("reels.json") {
            content.truncate(content.len() / 2);
        }
    }
    let folder = home.put_parts("export", &instagram::parts(&files, NEWER, 2));
    let ran = home.import(&folder, &[]);
    let summary = ran.summary();
    assert_eq!(summary["faults"].as_array().map(Vec::len), Some(1), "{summary}");
    home.assert_whole("a broken file");
    let found = all(&home);
    let posts = found.iter().filter(|it| it.kind == "post" && it.text("type") != "comment");
    assert_eq!(posts.count(), POSTS.len() - 1);
}

#[test]
fn files_of_one_name_are_all_there() {
    let home = Home::new();
    let spec = Spec::json(Generation::Media);
    let mut files = instagram::files(spec);
    let thread = format!("{}/{}", instagram::inbox(spec), THREADS[0].folder);
    let story = instagram::media_path(spec, 6);
    let twin = story.replace("stories", "other");
    files.push((format!("{thread}/gifs/1001.jpg"), instagram::content(77, "jpg")));
    files.push((twin.clone(), instagram::content(78, "jpg")));
    for (path, content) in &mut files {
        if path.ends_with("posts_1.json") {
            // A post with the picture of that name in another folder.
            let list = String::from_utf8(content.clone()).expect("it is text");
            let more = format!(
                "[{{\"media\": [{{\"uri\": \"{twin}\", \"creation_timestamp\": 1650000000, \"title\": \"twin\"}}]}}, "
            );
            *content = list.replacen('[', &more, 1).into_bytes();
        }
    }
    let folder = home.put_parts("export", &instagram::parts(&files, NEWER, 2));
    home.import(&folder, &[]).expect(0);
    home.assert_whole("twins");
    let hashes: BTreeSet<String> =
        tree::of_archive(&home.archive()).into_values().map(|leaf| leaf.content).collect();
    for (path, content) in
        files.iter().filter(|(path, _)| [".jpg", ".mp4", ".webp"].iter().any(|end| path.ends_with(end)))
    {
        assert!(hashes.contains(&tree::hash(content)), "{path}");
    }
}

#[test]
fn only_what_was_asked_for_is_taken() {
    let home = Home::new();
    let folder = put(&home, "export", Spec::json(Generation::Labels), NEWER);
    home.import(&folder, &["--only", "likes"]).expect(0);
    home.assert_whole("likes");
    let found = all(&home);
    assert!(found.len() == LIKES.len() && found.iter().all(|it| it.text("list") == "liked-posts"));
    home.import(&folder, &[]).expect(0);
    home.assert_whole("all");
    assert_eq!(keys(&home), keys(&imported(Spec::json(Generation::Labels))));
}
