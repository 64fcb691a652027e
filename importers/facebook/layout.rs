//! What a file of the export is: by its wrapper key and the end of its path, in every generation.
//!
//! Folders and files have English names in exports of every language. The generations are told in `README.md`.

use exodus_api::{Kind, Source};

use super::old::{self, OldPage};
use crate::shared::meta::shape::{Shape, head};
use crate::shared::meta::tree::File;

/// A page shows its first record behind a style sheet.
const PAGE_HEAD_BYTES: u64 = 1 << 20;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// Posts of the account's own; `is_single` if the file is one post and no list.
    Posts {
        /// True if the file is one post and no list.
        is_single: bool,
    },
    /// One album.
    Album,
    /// Pictures or videos that are in no album.
    Media,
    /// A page of before 2018.
    Old(OldPage),
    /// The account.
    Profile,
    /// A list of records.
    List(List),
}

/// A list of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List {
    /// What it is called in every generation and form.
    pub name: &'static str,
    /// What its records are.
    pub role: Role,
}

/// What the records of a list are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// People: friends, requests, followers.
    Friends,
    /// Answers to invitations, and events of the account's own.
    Events,
    /// Groups that the account is in.
    Groups,
    /// What the account wrote in groups: words for the members of a group.
    GroupPosts,
    /// Pages that the account likes or follows.
    Pages,
    /// Comments of the account's own.
    Comments,
    /// Likes and other reactions.
    Reactions,
    /// What was saved for later.
    Saved,
    /// Searches.
    Searches,
    /// Where the account was, or is told to have been.
    Places,
}

impl Role {
    /// The product, by the name of `--only`.
    pub fn product(self) -> &'static str {
        match self {
            Role::Friends => "friends",
            Role::Events => "events",
            Role::Groups | Role::GroupPosts => "groups",
            Role::Pages => "pages",
            Role::Comments => "comments",
            Role::Reactions => "reactions",
            Role::Saved => "saved",
            Role::Searches => "searches",
            Role::Places => "places",
        }
    }

    /// What each record becomes; an event without a beginning is an activity.
    pub fn kind(self) -> Kind {
        match self {
            Role::Friends | Role::Groups | Role::Pages | Role::Saved => Kind::Bookmark,
            Role::GroupPosts | Role::Comments => Kind::Post,
            Role::Events => Kind::Event,
            Role::Reactions | Role::Searches | Role::Places => Kind::Activity,
        }
    }
}

/// A list by its wrapper key without version, and by the names of its files, of which only letters count.
type Row = (&'static str, &'static [&'static str], &'static str, Role);

/// All lists that are understood.
const LISTS: &[Row] = &[
    ("friends", &["friends", "yourfriends"], "friends", Role::Friends),
    ("deleted_friends", &["removedfriends"], "removed-friends", Role::Friends),
    ("sent_requests", &["sentfriendrequests", "friendrequestssent"], "sent-requests", Role::Friends),
    (
        "received_requests",
        &["receivedfriendrequests", "friendrequestsreceived"],
        "received-requests",
        Role::Friends,
    ),
    (
        "rejected_requests",
        &["rejectedfriendrequests", "friendrequestsrejected"],
        "rejected-requests",
        Role::Friends,
    ),
    ("following", &["following", "whoyouvefollowed", "whoyoufollow"], "following", Role::Friends),
    ("followers", &["followers", "peoplewhofollowedyou"], "followers", Role::Friends),
    ("event_responses", &["youreventresponses"], "event-responses", Role::Events),
    ("your_events", &["yourevents"], "your-events", Role::Events),
    ("events_invited", &["eventinvitations"], "event-invitations", Role::Events),
    ("groups_joined", &["yourgroupmembershipactivity"], "groups-joined", Role::Groups),
    ("groups_admined", &["yourgroups"], "your-groups", Role::Groups),
    (
        "group_posts",
        &["yourpostsingroups", "yourpostsandcommentsingroups", "grouppostsandcomments"],
        "group-posts",
        Role::GroupPosts,
    ),
    ("group_comments", &["yourcommentsingroups"], "group-comments", Role::GroupPosts),
    ("page_likes", &["pagesyouveliked", "pageslikes", "pagesyouliked"], "page-likes", Role::Pages),
    ("pages_followed", &["pagesyoufollow", "pagesyouvefollowed"], "pages-followed", Role::Pages),
    ("pages_unfollowed", &["pagesyouveunfollowed"], "pages-unfollowed", Role::Pages),
    ("pages", &["yourpages"], "your-pages", Role::Pages),
    ("comments", &["comments"], "comments", Role::Comments),
    (
        "reactions",
        &["likesandreactions", "postsandcomments", "yourlikesandreactions"],
        "reactions",
        Role::Reactions,
    ),
    ("saves", &["yoursaveditems", "saveditemsandcollections"], "saved-items", Role::Saved),
    ("searches", &["yoursearchhistory"], "searches", Role::Searches),
    ("checkins", &["checkins"], "check-ins", Role::Places),
    ("places_tagged", &["placesyouhavebeentaggedin"], "places-tagged", Role::Places),
];

/// Names of files with posts, of which only letters count; more may follow (`your posts, check-ins, photos and videos`).
const POSTS: &[&str] = &["yourposts", "othersposts", "otherpeoplespostsonyourtimeline", "wall"];

/// What a file is; `None` if nobody here knows, or it is a conversation's.
pub fn section_of(source: &dyn Source, file: &File) -> Option<Section> {
    match file.extension() {
        "json" => of_json(source, file),
        "htm" if old::is_here(file) => old::page_of(source, file).map(Section::Old),
        "html" | "htm" => of_page(source, file),
        _ => None,
    }
}

fn of_json(source: &dyn Source, file: &File) -> Option<Section> {
    let shape = Shape::of(source, file.entry)?;
    let key = shape.key.as_str();
    if let Some((_, _, name, role)) = LISTS.iter().find(|(wrapper, ..)| *wrapper == key && !shape.is_list) {
        return Some(Section::List(List { name, role: *role }));
    }
    match key {
        "other_photos" | "videos" if !shape.is_list => return Some(Section::Media),
        "profile" | "profile_information" if !shape.is_list && shape.has("name") => {
            return Some(Section::Profile);
        }
        _ => {}
    }
    // An album says its name, pictures and cover; a long list of them may be all that its beginning shows.
    if file.is_in("album") && !shape.is_list && shape.has("photos") {
        return Some(Section::Album);
    }
    let letters = letters_of(file);
    let has_posts = ["timestamp", "data", "attachments"].iter().filter(|key| shape.has(key)).count() >= 2;
    if is_of_posts(&letters) && has_posts {
        return Some(Section::Posts { is_single: !shape.is_list });
    }
    // Since 2025 lists have generic records and no wrapper: their names tell.
    shape.has("label_values").then(|| by_name(file, &letters)).flatten().map(Section::List)
}

fn of_page(source: &dyn Source, file: &File) -> Option<Section> {
    let letters = letters_of(file);
    let is_album = file.is_in("album");
    let found = match &*letters {
        _ if is_album => Section::Album,
        "yourvideos" | "youruncategorizedphotos" => Section::Media,
        "profileinformation" => Section::Profile,
        letters if is_of_posts(letters) => Section::Posts { is_single: false },
        letters => Section::List(by_name(file, letters)?),
    };
    is_page(source, file).then_some(found)
}

/// True for a page of Meta's that has records.
fn is_page(source: &dyn Source, file: &File) -> bool {
    let head = head(source, file.entry, PAGE_HEAD_BYTES);
    memchr::memmem::find(&head, b"uiBoxWhite").is_some() && memchr::memmem::find(&head, b"noborder").is_some()
}

fn is_of_posts(letters: &str) -> bool {
    POSTS.iter().any(|known| letters.starts_with(known)) && !letters.contains("group")
}

/// The list that a file is by its name; a file at the top is nobody's.
fn by_name(file: &File, letters: &str) -> Option<List> {
    file.folders().next().filter(|folder| !folder.is_empty())?;
    let (_, _, name, role) = LISTS.iter().find(|(_, stems, ..)| stems.contains(&letters))?;
    Some(List { name, role: *role })
}

/// The letters of a file's name: an apostrophe in it may be any of three, and words are joined by one line or two.
fn letters_of(file: &File) -> String {
    file.stem().chars().filter(char::is_ascii_alphabetic).collect()
}

/// Folders of the platform's own, with the product of what is kept in them.
const FOLDERS: &[(&str, &str)] = &[
    ("posts", "posts"),
    ("photos_and_videos", "posts"),
    ("messages", "messages"),
    ("friends", "friends"),
    ("friends_and_followers", "friends"),
    ("followers", "friends"),
    ("following", "friends"),
    ("events", "events"),
    ("groups", "groups"),
    ("pages", "pages"),
    ("comments", "comments"),
    ("comments_and_reactions", "comments"),
    ("likes_and_reactions", "reactions"),
    ("saved_items_and_collections", "saved"),
    ("search", "searches"),
    ("search_history", "searches"),
    ("location", "places"),
    ("personal_information", "account"),
    ("profile_information", "account"),
    ("preferences", "account"),
    ("security_and_login_information", "account"),
    ("ads_information", "account"),
    ("logged_information", "account"),
    ("apps_and_websites_off_of_facebook", "account"),
    ("html", "account"),
];

/// The product of what is kept in a folder of that name.
pub fn product_of_folder(folder: &str) -> Option<&'static str> {
    FOLDERS.iter().find(|(name, _)| *name == folder).map(|(_, product)| *product)
}

/// Folders that only exports of Facebook have.
pub const OWN_FOLDERS: &[&str] = &["your_facebook_activity", "your_activity_across_facebook"];

/// True for the name, without its extension and number, of a file or folder of the platform's own.
pub fn is_own_name(stem: &str) -> bool {
    let letters: String = stem.chars().filter(char::is_ascii_alphabetic).collect();
    let own =
        ["inbox", "archived_threads", "filtered_threads", "message_requests", "e2ee_cutover", "message"];
    let others =
        ["start_here", "index", "no-data", "media", "album", "stickers_used", "html", "timeline", "photos"];
    own.contains(&stem)
        || others.contains(&stem)
        || OWN_FOLDERS.contains(&stem)
        || product_of_folder(stem).is_some()
        || is_of_posts(&letters)
        || LISTS.iter().any(|(wrapper, stems, ..)| *wrapper == stem || stems.contains(&&*letters))
}
