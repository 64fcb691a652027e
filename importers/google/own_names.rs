//! Names that Google gives to files, folders and fields: they tell nothing of a person, so a report of a layout that
//! nobody knows may show them. What is not in the list is only shown by its form.

use super::products;
use crate::shared::names;

/// Names without extension, and words in them, as they stand in public descriptions of exports of 2012 to 2025.
const NAMES: &[&str] = &[
    "Takeout",
    "archive_browser",
    "My Activity",
    "MyActivity",
    "Browser History",
    "BrowserHistory",
    "Typed Url",
    "Session",
    "History",
    "Bookmarks",
    "Autofill",
    "Dictionary",
    "Extensions",
    "SearchEngines",
    "SyncSettings",
    "Records",
    "Settings",
    "Semantic Location History",
    "Timeline Edits",
    "Tombstones",
    "Saved Places",
    "Reviews",
    "Labeled places",
    "Commute routes",
    "playlists",
    "subscriptions",
    "watch-history",
    "search-history",
    "videos",
    "comments",
    "live chats",
    "channels",
    "Library",
    "Installs",
    "Devices",
    "Purchase History",
    "Order History",
    "Promotion History",
    "Redemption History",
    "Play Settings",
    "Subscriptions",
    "Activities",
    "All Data",
    "All Sessions",
    "All data sources",
    "Daily Aggregations",
    "Daily activity metrics",
    "Daily Summaries",
    "Profile",
    "User Settings",
    "Filters",
    "metadata",
    "user_info",
    "group_info",
    "messages",
    "Groups",
    "Users",
    "Calls",
    "Phones",
    "Greetings",
    "Tasks",
    "Labels",
    "Hangouts",
    "Blogs",
    "Albums",
    "Blogger",
    "feed",
    "theme-layouts",
    "theme-classic",
    "members",
    "info",
    "data",
    "settings",
    "Google Account",
    "SubscriberInfo",
    "ChangeHistory",
    "Ads",
    "Search",
    "Assistant",
    "Android",
    "Image Search",
    "Video Search",
    "Voice and Audio",
    "Physical activity",
    "Global Export Data",
];

/// True when a name, with or without its extension, is Google's own.
pub fn is_own(name: &str) -> bool {
    let is_one = |name: &str| {
        let folded = names::folded(name);
        products::code_of_folder(name).is_some() || NAMES.iter().any(|own| names::folded(own) == folded)
    };
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    is_one(name) || is_one(stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_platforms_names_are_its_own_and_a_persons_are_not() {
        for name in ["My Activity", "messages.json", "Google Fotos", "takeout", "Notizen"] {
            assert!(is_own(name), "{name}");
        }
        for name in ["Ada Example.json", "Urlaub in Rom", "messages of Ada.json", ""] {
            assert!(!is_own(name), "{name}");
        }
    }
}
