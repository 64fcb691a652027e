//! JSON of a Takeout as it is spelled there; goes no further than this importer.

use serde::Deserialize;

/// `<file>-info.json` of Drive. Times are RFC 3339 with milliseconds, in UTC.
#[derive(Debug, Deserialize)]
pub struct DriveInfo {
    pub title: Option<String>,
    pub created: Option<String>,
    pub last_modified_by_any_user: Option<String>,
    pub content_last_modified: Option<String>,
}
