//! Blogger: posts and pages as Markdown with their facts, comments in the index, pictures beside.

use std::collections::BTreeSet;
use std::fs;

use exodus_fixtures::blogs::{TRUTH, TruePost, feed};
use exodus_fixtures::lang::LANGS;
use exodus_fixtures::pack::sample_parts;
use serde_json::{Value, json};

use crate::house::{Home, number};
use crate::{exports, index};

struct Post {
    key: String,
    title: String,
    time: Option<i64>,
    path: String,
    extra: Value,
}

fn posts(home: &Home) -> Vec<Post> {
    let sql = "SELECT key, coalesce(title, ''), time, path, extra FROM item WHERE kind = 'post' AND product = 'blogger'";
    index::rows(&index::open(&home.archive()), sql, |row| {
        let extra: String = row.get(4)?;
        let extra = serde_json::from_str(&extra).expect("facts are JSON");
        let path: Option<String> = row.get(3)?;
        let path = path.unwrap_or_default();
        Ok(Post { key: row.get(0)?, title: row.get(1)?, time: row.get(2)?, path, extra })
    })
}

#[track_caller]
fn check(home: &Home, found: &Post, truth: &TruePost) {
    assert_eq!((found.title.as_str(), found.time), (truth.title, Some(truth.time)), "{}", truth.key);
    let labels: Vec<&str> =
        found.extra["labels"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    assert_eq!(labels, truth.labels, "{}", truth.key);
    assert_eq!(found.extra["status"].as_str().unwrap_or_default(), truth.status, "{}", truth.key);
    if truth.path.is_empty() {
        assert_eq!((found.path.as_str(), found.extra["text"].as_str()), ("", Some(truth.text)));
        return;
    }
    assert_eq!(found.path, format!("files/posts/blogger/{}", truth.path));
    let text = fs::read_to_string(home.archive().join(&found.path)).expect("a post has its file");
    let (front, body) =
        text.strip_prefix("---\n").and_then(|it| it.split_once("\n---\n\n")).expect("two halves");
    assert_eq!(body.trim_end(), truth.text, "{}", truth.key);
    assert!(front.contains("\nblog: \"Boats & harbours\"") || front.starts_with("blog:"), "{front}");
    assert!(front.contains("\npublished: \"2019-"), "{front}");
}

#[test]
fn every_post_is_a_file_and_every_comment_a_row_in_every_language() {
    let mut keys = BTreeSet::new();
    for lang in LANGS {
        let home = Home::new();
        home.import(&home.put_parts("export", &sample_parts(lang, 5, 1).0), &["--only", "blogger"]).expect(0);
        home.assert_whole("blogs");
        let found = posts(&home);
        assert_eq!(found.len(), TRUTH.len(), "{lang:?}");
        for truth in TRUTH {
            let post = found.iter().find(|post| post.key == truth.key);
            check(&home, post.unwrap_or_else(|| panic!("{lang:?}: {}", truth.key)), truth);
        }
        for path in ["feed.atom", "pictures/boat.png"] {
            let path = home.archive().join("files/posts/blogger/Boats _ harbours").join(path);
            assert!(path.exists(), "{lang:?}: {}", path.display());
        }
        assert!(home.archive().join("files/posts/blogger/Another blog/comments.atom").exists());
        keys.extend(found.into_iter().map(|post| post.key));
    }
    assert_eq!(keys.len(), TRUTH.len(), "keys know no language");
}

#[test]
fn facts_of_posts_and_comments_are_those_of_the_feed() {
    let home = Home::new();
    home.import(&home.put_parts("export", &sample_parts(LANGS[1], 5, 1).0), &[]).expect(0);
    let found = posts(&home);
    let facts = |key: &str| &found.iter().find(|post| post.key == key).expect(key).extra;
    let post = facts("blogger:100.post-1");
    assert_eq!(post["author"], "Ada Example");
    assert_eq!(post["url"], "/2019/03/post-1.html");
    assert_eq!(post["updated"], "2020-02-02T02:02:02Z");
    assert_eq!(post["media"], json!(["../pictures/boat.png"]));
    assert_eq!((&post["draft"], &facts("blogger:100.post-3")["draft"]), (&Value::Null, &json!(true)));
    let comment = facts("blogger:100.post-5");
    assert_eq!((&comment["form"], &comment["post"]), (&json!("comment"), &json!("blogger:100.post-1")));
    assert_eq!(comment["author"], "Grace Example");
    assert_eq!(facts("blogger:200.comment-6")["blog"], "Another blog");
    for words in ["sound", "\"seen it too\"", "harbours"] {
        assert!(!home.json_lines(&["search", words]).is_empty(), "{words}");
    }
    let kept = "SELECT count(*) FROM entry WHERE path LIKE '%Blogger%' AND state = 'kept'";
    assert_eq!(index::count(&home.archive(), kept), 3, "settings, theme, the picture's own facts");
}

#[test]
fn a_draft_that_was_published_is_no_draft_any_more_and_an_older_feed_changes_nothing() {
    let home = Home::new();
    let draft = feed();
    let live = draft.replace("DRAFT", "LIVE").replace("2019-10-25T10:40:00Z", "2020-04-01T08:00:00Z");
    for (folder, feed, stamp) in
        [("a", &draft, exports::OLDER), ("b", &live, exports::NEWER), ("c", &draft, exports::OLDER)]
    {
        let file = ("Blogger/Blogs/Boats _ harbours/feed.atom", feed.as_bytes());
        home.import(&home.put_parts(folder, &exports::takeout(&exports::mails(3), &[file], stamp)), &[])
            .expect(0);
        home.assert_whole(folder);
    }
    let found = posts(&home);
    assert_eq!(found.len(), 5);
    let post = found.iter().find(|post| post.key == "blogger:100.post-3").expect("it is there");
    assert!(post.extra["status"].is_null());
    let text = fs::read_to_string(home.archive().join(&post.path)).expect("a post has its file");
    assert!(text.contains("published: \"2020-04-01T08:00:00Z\"") && !text.contains("status:"), "{text}");
}

#[test]
fn an_entry_that_is_no_xml_costs_only_itself() {
    let home = Home::new();
    let broken = feed().replace("<title>Not yet</title>", "<title>Not yet</tit>");
    let file = ("Blogger/Blogs/Boats _ harbours/feed.atom", broken.as_bytes());
    let parts = exports::takeout(&exports::mails(3), &[file], exports::NEWER);
    home.import(&home.put_parts("export", &parts), &[]).expect(5);
    let faults = "SELECT count(*) FROM fault WHERE what = 'an entry of a blog cannot be read' AND at LIKE ' at byte %'";
    assert_eq!(index::count(&home.archive(), faults), 1);
    assert_eq!(posts(&home).len(), 4);
    assert!(home.archive().join("files/posts/blogger/Boats _ harbours/feed.atom").exists());
}

#[test]
fn programs_for_sites_get_the_posts_with_their_pictures_and_no_draft() {
    let home = Home::new();
    home.import(&home.put_parts("export", &sample_parts(LANGS[0], 5, 1).0), &["--only", "blogger"]).expect(0);
    let told =
        home.run(["export", "markdown", "site", "--platform", "blogger", "--json"]).expect(0).summary();
    assert_eq!((number(&told["posts"]), number(&told["media"])), (3, 1), "{told}");
    let blog = home.at("site/blogger/Boats _ harbours");
    let text = fs::read_to_string(blog.join("2019/2019-03-19 Ada's first boat.md")).expect("a post");
    assert!(text.contains("\ndate: \"2019-03-19T09:13:51Z\"\n") && blog.join("pictures/boat.png").exists());
    assert!(!blog.join("2019/2019-10-25 Not yet.md").exists(), "a draft");
}
