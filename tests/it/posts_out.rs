//! Posts copied out of an archive: for sites, for feed readers, for Pixelfed.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use exodus_fixtures::facebook;
use exodus_fixtures::instagram::{self, Generation, Spec};
use serde_json::Value;

use crate::house::{Home, number, skip};
use crate::tree;

/// A home with an imported account.
fn imported() -> Home {
    let home = Home::new();
    let files = instagram::files(Spec::json(Generation::Media));
    let folder = home.put_parts("export", &instagram::parts(&files, "2026-03-14", 2));
    home.import(&folder, &[]).expect(0);
    home
}

/// The front matter of every post in a folder.
fn fronts(folder: &Path) -> Vec<String> {
    let files = walkdir::WalkDir::new(folder).into_iter().flatten();
    let posts = files.filter(|it| it.path().extension().is_some_and(|ending| ending == "md"));
    posts.map(|it| fs::read_to_string(it.path()).expect("a post is text")).collect()
}

#[test]
fn a_site_gets_every_post_that_is_shown_with_its_pictures_and_nothing_else() {
    let home = imported();
    let before = tree::of_archive(&home.archive());
    let shown = home.run(["export", "markdown", "site", "--json"]).expect(0).summary();
    let all = fronts(&home.at("site"));
    assert_eq!(number(&shown["posts"]), all.len() as u64);
    assert!(number(&shown["media"]) > 3, "{shown}");
    assert!(all.iter().all(|post| post.starts_with("---\n") && !post.contains("\ndraft: true\n")));
    let with_drafts = home.run(["export", "markdown", "drafts", "--drafts", "--json"]).expect(0).summary();
    assert!(number(&with_drafts["posts"]) > number(&shown["posts"]), "{with_drafts}");
    // What is copied lies in the archive below the posts, byte for byte.
    for (path, leaf) in tree::of(&home.at("site")) {
        let there =
            before.get(&format!("files/posts/{path}")).unwrap_or_else(|| panic!("{path} is no post's"));
        assert_eq!(there.content, leaf.content, "{path}");
    }
    let again = home.run(["export", "markdown", "site", "--json"]).expect(0).summary();
    assert_eq!(number(&again["written"]), 0, "{again}");
    let none =
        home.run(["export", "markdown", "none", "--platform", "elsewhere", "--json"]).expect(0).summary();
    assert_eq!(number(&none["posts"]), 0);
    tree::assert_same(&tree::of_archive(&home.archive()), &before, "the archive");
}

#[test]
fn a_feed_has_every_post_with_words_date_and_attachments() {
    let home = imported();
    let ran = home.run(["export", "jsonfeed", "feed", "--base-url", "https://ada.example.org/p/", "--json"]);
    let n_posts = number(&ran.expect(0).summary()["posts"]) as usize;
    let feed: Value = serde_json::from_slice(&fs::read(home.at("feed/feed.json")).expect("it was written"))
        .expect("it is JSON");
    assert_eq!(feed["version"], "https://jsonfeed.org/version/1.1");
    let items = feed["items"].as_array().expect("a list");
    assert_eq!(items.len(), n_posts);
    for item in items {
        assert!(item["id"].is_string() && item["content_text"].is_string(), "{item}");
        assert!(
            item["url"].as_str().is_some_and(|url| url.starts_with("https://ada.example.org/p/instagram/"))
        );
        for attachment in item["attachments"].as_array().into_iter().flatten() {
            let url = attachment["url"].as_str().expect("an address");
            let path = url.strip_prefix("https://ada.example.org/p/").expect("below the base");
            let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned();
            let file = home.at("feed").join(path);
            let size = file.metadata().unwrap_or_else(|err| panic!("{file:?}: {err}")).len();
            assert_eq!(number(&attachment["size_in_bytes"]), size);
        }
    }
    let dates: Vec<&str> = items.iter().filter_map(|item| item["date_published"].as_str()).collect();
    assert!(dates.is_sorted_by(|a, b| a >= b), "the newest first: {dates:?}");
    assert!(items.iter().any(|item| item["tags"].as_array().is_some_and(|tags| !tags.is_empty())));
}

/// All of a zip: names and contents.
fn unzipped(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut zip = zip::ZipArchive::new(fs::File::open(path).expect("it was written")).expect("it is a zip");
    let mut files = Vec::new();
    for number in 0..zip.len() {
        let mut file = zip.by_index(number).expect("it is listed");
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).expect("it can be read");
        files.push((file.name().expect("a name").into_owned(), bytes));
    }
    files
}

#[test]
fn a_zip_for_pixelfed_has_what_its_importer_takes() {
    let home = imported();
    let ran = home.run(["export", "pixelfed", "posts.zip", "--json"]).expect(0).summary();
    let files = unzipped(&home.at("posts.zip"));
    let list = files.iter().find(|(name, _)| name == "content/posts_1.json").expect("the list is there");
    assert!(list.1.is_ascii(), "bytes above ASCII are written as \\u00xx");
    let posts: Value = serde_json::from_slice(&list.1).expect("it is JSON");
    let posts = posts.as_array().expect("a list");
    assert_eq!(posts.len() as u64, number(&ran["posts"]), "{ran}");
    assert!(posts.len() >= 2, "{ran}");
    let mut named = Vec::new();
    for post in posts {
        let media = post["media"].as_array().expect("a list");
        let caption = if media.len() > 1 { &post["title"] } else { &media[0]["title"] };
        assert!(caption.as_str().is_some_and(|caption| !caption.is_empty()), "{post}");
        for it in media {
            assert!(it["creation_timestamp"].as_i64().is_some_and(|time| time > 1_230_768_000), "{it}");
            named.push(it["uri"].as_str().expect("a path").to_owned());
        }
    }
    let pictures: Vec<&str> =
        files.iter().map(|(name, _)| name.as_str()).filter(|it| *it != list.0).collect();
    assert_eq!(pictures.len(), named.len());
    for name in &named {
        assert!(pictures.contains(&name.as_str()), "{name}");
        let is_taken = [".jpg", ".png", ".mp4"].iter().any(|ending| name.ends_with(ending));
        assert!(name.starts_with("media/posts/") && is_taken, "{name}");
    }
    let again = home.run(["export", "pixelfed", "again.zip", "--json"]).expect(0);
    assert_eq!(unzipped(&home.at("again.zip")), files, "{}", again.err);
}

#[test]
fn pictures_that_pixelfed_does_not_take_become_jpeg() {
    let home = Home::new();
    let Some(pictures) = crate::copies::pictures(&home) else {
        return skip("pictures made JPEG", "cwebp or heif-enc is not installed");
    };
    let names = ["a.png", "lossless.webp", "lossy.webp", "a.heic"];
    let mut files = vec![];
    let mut list = Vec::new();
    for name in names {
        let bytes = &pictures.iter().find(|(known, _)| *known == name).expect("it was made").1;
        files.push((format!("media/posts/202207/{name}"), bytes.clone()));
        list.push(serde_json::json!({"media": [{"uri": format!("media/posts/202207/{name}"),
            "creation_timestamp": 1_658_740_000 + list.len() as i64, "title": name}]}));
    }
    files.push(("content/posts_1.json".to_owned(), serde_json::json!(list).to_string().into_bytes()));
    let folder = home.put_parts("export", &instagram::parts(&files, "2026-03-14", 1));
    home.import(&folder, &[]).expect(0);
    let ran = home.run(["export", "pixelfed", "posts.zip", "--json"]).expect(0).summary();
    assert_eq!((number(&ran["media"]), number(&ran["converted"])), (4, 3), "{ran}");
    for (name, bytes) in unzipped(&home.at("posts.zip")).iter().filter(|(name, _)| name.ends_with(".jpg")) {
        let file = home.put(&format!("out/{}", name.rsplit('/').next().expect("a name")), bytes);
        let Ok(told) = Command::new("exiftool")
            .args(["-json", "-n", "-ImageSize", "-FileType", "-Error"])
            .arg(file)
            .output()
        else {
            return skip("JPEGs read back", "exiftool is not installed");
        };
        let told: Value = serde_json::from_slice(&told.stdout).expect("exiftool writes JSON");
        assert_eq!(
            (&told[0]["ImageSize"], &told[0]["FileType"]),
            (&"64 64".into(), &"JPEG".into()),
            "{told}"
        );
        assert!(told[0]["Error"].is_null(), "{told}");
    }
}

#[test]
fn more_than_a_hundred_posts_go_into_several_zips_the_oldest_first() {
    let home = Home::new();
    let (mut files, mut list) = (Vec::new(), Vec::new());
    for number in 0..205_u32 {
        let uri = format!("media/posts/202207/{number}.jpg");
        files.push((uri.clone(), exodus_fixtures::photos::picture(number)));
        let time = 1_658_740_000 + 3600 * i64::from(number);
        list.push(serde_json::json!({"media": [{"uri": uri, "creation_timestamp": time, "title": format!("post {number}")}]}));
    }
    files.push(("content/posts_1.json".to_owned(), serde_json::json!(list).to_string().into_bytes()));
    let folder = home.put_parts("export", &instagram::parts(&files, "2026-03-14", 1));
    home.import(&folder, &[]).expect(0);
    home.run(["export", "pixelfed", "posts.zip"]).expect(0);
    let n_of = |name: &str| {
        let files = unzipped(&home.at(name));
        let list = files.iter().find(|(name, _)| name == "content/posts_1.json").expect("the list is there");
        let posts: Vec<Value> = serde_json::from_slice(&list.1).expect("a list");
        (posts.len(), posts[0]["media"][0]["title"].as_str().expect("a caption").to_owned())
    };
    assert_eq!(n_of("posts-1.zip"), (100, "post 0".to_owned()));
    assert_eq!(n_of("posts-2.zip"), (100, "post 100".to_owned()));
    assert_eq!(n_of("posts-3.zip"), (5, "post 200".to_owned()));
    assert!(!home.at("posts.zip").exists());
}

#[test]
fn posts_of_facebook_go_the_same_ways_and_those_without_a_picture_are_none_of_pixelfeds() {
    let home = Home::new();
    let files = facebook::files(facebook::Spec::json(facebook::Generation::Activity));
    let folder = home.put_parts("export", &facebook::parts(&files, "2026-03-14", 2));
    home.import(&folder, &[]).expect(0);
    let n_posts = facebook::POSTS.len() as u64;
    let n_shown = facebook::POSTS.iter().filter(|post| !post.media.is_empty()).count() as u64;
    assert!(n_shown > 0 && n_shown < n_posts);
    let site = home.run(["export", "markdown", "site", "--json"]).expect(0).summary();
    assert_eq!(number(&site["posts"]), n_posts, "{site}");
    let all = fronts(&home.at("site"));
    assert!(
        all.len() as u64 == n_posts && all.iter().all(|post| post.contains("\nplatform: \"facebook\"\n"))
    );
    let feed = home.run(["export", "jsonfeed", "feed", "--base-url", "https://ada.example.org/", "--json"]);
    assert_eq!(number(&feed.expect(0).summary()["posts"]), n_posts);
    let feed: Value = serde_json::from_slice(&fs::read(home.at("feed/feed.json")).expect("it was written"))
        .expect("it is JSON");
    let words: Vec<&str> = feed["items"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|it| it["content_text"].as_str())
        .collect();
    for post in facebook::POSTS {
        assert!(words.iter().any(|text| text.contains(post.caption)), "{}", post.caption);
    }
    let zip = home.run(["export", "pixelfed", "posts.zip", "--json"]).expect(0).summary();
    assert_eq!(number(&zip["posts"]), n_shown, "{zip}");
    let left_out = zip["left_out"].as_array().expect("a list");
    assert_eq!(left_out.len() as u64, n_posts - n_shown, "{zip}");
    assert!(left_out.iter().all(|it| it.to_string().contains("it has no picture")), "{zip}");
}
