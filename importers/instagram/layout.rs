//! What a file of the export is: by the end of its path and its wrapper key, in every generation.
//!
//! Folders and files have English names in exports of every language. The generations are told in `README.md`.

use exodus_api::{Entry, Source};

use crate::shared::meta::post::Type;
use crate::shared::meta::shape::{Shape, head};
use crate::shared::meta::tree::File;

/// A page shows its first record behind a style sheet.
const PAGE_HEAD_BYTES: u64 = 1 << 20;

/// What a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Section {
    /// Posts of a type; `is_single` if the file is one post and no list.
    Posts {
        /// Their type.
        of: Type,
        /// True if the file is one post and no list.
        is_single: bool,
    },
    /// Everything that was posted, as exports before 2021 have it.
    FlatMedia,
    /// All conversations, as exports before 2021 have them.
    FlatMessages,
    /// The account, as exports before 2021 have it.
    FlatProfile,
    /// Lists of pairs, as exports before 2021 have them.
    FlatLists,
    /// The account.
    Profile,
    /// A list of records.
    List(List),
}

/// A list of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// What it is called in every generation: `followers`, `liked-posts`.
    pub name: String,
    /// What its records are.
    pub role: Role,
}

/// What the records of a list are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// People: followers, following, close friends, blocked.
    Connections,
    /// Likes.
    Likes,
    /// Saved posts and collections.
    Saved,
    /// Comments of the account's own.
    Comments,
    /// Searches.
    Searches,
    /// Answers to the stories of others.
    Stories,
    /// Advertisers, interests, ads that were seen.
    Ads,
    /// Logins and changes of passwords.
    Logins,
    /// Whatever else is told of an account.
    Account,
}

impl Role {
    /// The product, by the name of `--only`.
    pub fn product(self) -> &'static str {
        match self {
            Role::Connections => "connections",
            Role::Likes => "likes",
            Role::Saved => "saved",
            Role::Comments => "comments",
            Role::Searches => "searches",
            Role::Stories => "story-interactions",
            Role::Ads => "ads",
            Role::Logins => "logins",
            Role::Account => "account",
        }
    }
}

/// Wrapper keys of lists of posts.
const POSTS: &[(&str, Type)] = &[
    ("ig_stories", Type::Story),
    ("ig_reels_media", Type::Reel),
    ("ig_igtv_media", Type::Igtv),
    ("ig_archived_post_media", Type::Archived),
    ("ig_profile_picture", Type::ProfilePhoto),
    ("ig_recently_deleted_media", Type::Deleted),
    ("ig_other_media", Type::Other),
];

/// Stems of files of posts, for pages and for bare lists.
const POST_STEMS: &[(&str, Type)] = &[
    ("posts", Type::Post),
    ("stories", Type::Story),
    ("reels", Type::Reel),
    ("igtv_videos", Type::Igtv),
    ("archived_posts", Type::Archived),
    ("profile_photos", Type::ProfilePhoto),
    ("recently_deleted_content", Type::Deleted),
    ("other_content", Type::Other),
];

/// Folders of lists, the innermost of a path counts. Folders that are not here belong to the account.
const ROLES: &[(&str, Role)] = &[
    ("followers_and_following", Role::Connections),
    ("contacts", Role::Connections),
    ("likes", Role::Likes),
    ("saved", Role::Saved),
    ("comments", Role::Comments),
    ("recent_searches", Role::Searches),
    ("recent_search", Role::Searches),
    ("story_sticker_interactions", Role::Stories),
    ("story_interactions", Role::Stories),
    ("ads_and_topics", Role::Ads),
    ("ads_and_businesses", Role::Ads),
    ("instagram_ads_and_businesses", Role::Ads),
    ("ads_information", Role::Ads),
    ("your_topics", Role::Ads),
    ("login_and_account_creation", Role::Logins),
    ("login_and_profile_creation", Role::Logins),
    ("security_and_login_information", Role::Logins),
];

/// Keys of the lists of exports before 2021, with the name and role of the list today.
pub const FLAT_LISTS: &[(&str, &str, Role)] = &[
    ("followers", "followers", Role::Connections),
    ("following", "following", Role::Connections),
    ("close_friends", "close-friends", Role::Connections),
    ("blocked_users", "blocked-profiles", Role::Connections),
    ("following_hashtags", "following-hashtags", Role::Connections),
    ("follow_requests_sent", "pending-follow-requests", Role::Connections),
    ("permanent_follow_requests", "pending-follow-requests", Role::Connections),
    ("restricted_users", "restricted-profiles", Role::Connections),
    ("dismissed_suggested_users", "removed-suggestions", Role::Connections),
    ("media_likes", "liked-posts", Role::Likes),
    ("comment_likes", "liked-comments", Role::Likes),
    ("media_comments", "post-comments", Role::Comments),
    ("live_comments", "live-comments", Role::Comments),
    ("story_comments", "story-comments", Role::Comments),
    ("saved_media", "saved-posts", Role::Saved),
    ("saved_collections", "saved-collections", Role::Saved),
    ("chaining_seen", "suggested-profiles-viewed", Role::Ads),
    ("ads_seen", "ads-viewed", Role::Ads),
    ("ads_clicked", "ads-clicked", Role::Ads),
    ("posts_seen", "posts-viewed", Role::Ads),
    ("videos_watched", "videos-watched", Role::Ads),
    ("login_history", "login-activity", Role::Logins),
    ("polls", "polls", Role::Stories),
    ("emoji_sliders", "emoji-sliders", Role::Stories),
    ("questions", "questions", Role::Stories),
    ("countdowns", "countdowns", Role::Stories),
    ("quizzes", "quizzes", Role::Stories),
];

/// Files of exports before 2021 that hold such lists.
const FLAT_STEMS: &[&str] = &[
    "connections",
    "likes",
    "comments",
    "saved",
    "seen_content",
    "stories_activities",
    "account_history",
    "searches",
];

/// Keys by which a record is one of Meta's generic ones.
const GENERIC: &[&str] =
    &["string_list_data", "string_map_data", "label_values", "media_map_data", "media_list_data"];

/// What a file is; `None` if nobody here knows, or it is a conversation's.
pub fn section_of(source: &dyn Source, file: &File) -> Option<Section> {
    match file.extension() {
        "json" => of_json(source, file),
        "html" => of_page(source, file),
        _ => None,
    }
}

fn of_json(source: &dyn Source, file: &File) -> Option<Section> {
    let shape = Shape::of(source, file.entry)?;
    let key = shape.key.as_str();
    if let Some((_, of)) = POSTS.iter().find(|(wrapper, _)| *wrapper == key) {
        return Some(Section::Posts { of: *of, is_single: false });
    }
    if let Some(of) = post_type(file)
        && (shape.has("uri") || shape.has("media"))
    {
        let is_single = !shape.is_list && ["media", "title", "creation_timestamp", "uri"].contains(&key);
        return Some(Section::Posts { of, is_single });
    }
    if let Some(flat) = of_flat(&shape, file) {
        return Some(flat);
    }
    if key == "profile_user" {
        return Some(Section::Profile);
    }
    let is_generic = GENERIC.iter().any(|key| shape.has(key));
    is_generic.then(|| Section::List(list_of(file)))
}

/// What a file of an export before 2021 is.
fn of_flat(shape: &Shape, file: &File) -> Option<Section> {
    let is_media = ["photos", "videos", "stories", "profile", "direct"].contains(&&*shape.key);
    match file.stem() {
        "media" if is_media && shape.has("taken_at") => Some(Section::FlatMedia),
        "messages" if shape.is_list && shape.has("conversation") => Some(Section::FlatMessages),
        "profile" if !shape.is_list && shape.has("username") && !shape.has("string_map_data") => {
            Some(Section::FlatProfile)
        }
        stem if FLAT_STEMS.contains(&stem) && !GENERIC.iter().any(|key| shape.has(key)) => {
            let is_known = FLAT_LISTS.iter().any(|(known, ..)| shape.has(known));
            let is_searches = shape.is_list && shape.has("search_click");
            (is_known || is_searches).then_some(Section::FlatLists)
        }
        _ => None,
    }
}

fn of_page(source: &dyn Source, file: &File) -> Option<Section> {
    let has_records = || is_page(source, file.entry);
    if let Some(of) = post_type(file) {
        return has_records().then_some(Section::Posts { of, is_single: false });
    }
    if file.folders().next().is_none_or(str::is_empty)
        || file.stem() == "start_here"
        || file.stem() == "index"
    {
        return None;
    }
    if file.stem() == "personal_information" {
        return has_records().then_some(Section::Profile);
    }
    has_records().then(|| Section::List(list_of(file)))
}

/// True for a page of Meta's that has records.
pub fn is_page(source: &dyn Source, entry: &Entry) -> bool {
    let head = head(source, entry, PAGE_HEAD_BYTES);
    memchr::memmem::find(&head, b"uiBoxWhite").is_some() && memchr::memmem::find(&head, b"noborder").is_some()
}

/// The type of the posts in a file that lies where posts lie.
fn post_type(file: &File) -> Option<Type> {
    let is_there = file.is_in("content") || file.is_in("media");
    let found = POST_STEMS.iter().find(|(stem, _)| *stem == file.stem());
    found.filter(|_| is_there).map(|(_, of)| *of)
}

fn list_of(file: &File) -> List {
    let role = file.folders().find_map(|folder| ROLES.iter().find(|(name, _)| *name == folder));
    // What was called accounts is called profiles since 2024.
    let name = file.stem().replace("_accounts", "_profiles").replace('_', "-");
    List { name, role: role.map_or(Role::Account, |(_, role)| *role) }
}

/// Folders of the platform's own, with the product of what is kept in them.
const FOLDERS: &[(&str, &str)] = &[
    ("media", "posts"),
    ("content", "posts"),
    ("photos", "posts"),
    ("videos", "posts"),
    ("stories", "posts"),
    ("profile", "posts"),
    ("messages", "messages"),
    ("direct", "messages"),
    ("connections", "connections"),
    ("followers_and_following", "connections"),
    ("contacts", "connections"),
    ("likes", "likes"),
    ("saved", "saved"),
    ("comments", "comments"),
    ("recent_searches", "searches"),
    ("recent_search", "searches"),
    ("story_sticker_interactions", "story-interactions"),
    ("story_interactions", "story-interactions"),
    ("ads_information", "ads"),
    ("ads_and_businesses", "ads"),
    ("ads_and_topics", "ads"),
    ("your_topics", "ads"),
    ("apps_and_websites_off_of_instagram", "ads"),
    ("login_and_account_creation", "logins"),
    ("security_and_login_information", "logins"),
    ("personal_information", "account"),
    ("account_information", "account"),
    ("information_about_you", "account"),
    ("logged_information", "account"),
    ("preferences", "account"),
    ("device_information", "account"),
    ("devices", "account"),
];

/// The product of what is kept in a folder of that name.
pub fn product_of_folder(folder: &str) -> Option<&'static str> {
    FOLDERS.iter().find(|(name, _)| *name == folder).map(|(_, product)| *product)
}

/// True for the name, without its extension and number, of a file or folder of the platform's own.
pub fn is_own_name(stem: &str) -> bool {
    let own =
        ["your_instagram_activity", "inbox", "message_requests", "message", "start_here", "no-data", "media"];
    own.contains(&stem)
        || FOLDERS.iter().any(|(name, _)| *name == stem)
        || POST_STEMS.iter().any(|(name, _)| *name == stem)
        || FLAT_STEMS.contains(&stem)
        || ROLES.iter().any(|(name, _)| *name == stem)
        || POSTS.iter().any(|(name, _)| *name == stem)
        || GENERIC.contains(&stem)
}
