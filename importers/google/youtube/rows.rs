//! What a row of one of YouTube's tables means, by the shapes of its cells.
//!
//! Columns (2021 to 2026; heads in the account's language): subscriptions are channel, address, title; playlists begin
//! with their id and have two times in a row, before them title and its language; their videos are id and time; comments
//! and chats have a time and a text that is JSON, as `{"takeoutSegments":[…]}` until 2024 and as objects joined by commas since.

use exodus_api::Kind;
use jiff::Timestamp;
use serde_json::Value;

/// A row that is understood. Times are seconds since 1970-01-01 UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// A channel that is subscribed to.
    Subscription { channel: String, title: String },
    /// A playlist itself.
    Playlist { id: String, title: String, time: Option<i64> },
    /// A video in a playlist.
    Video { id: String, time: Option<i64> },
    /// A comment, or a message in a live chat.
    Said { id: String, text: String, video: Option<String>, time: Option<i64> },
}

impl Meaning {
    /// The kind of its item.
    pub fn kind(&self) -> Kind {
        match self {
            Meaning::Said { .. } => Kind::Post,
            _ => Kind::Bookmark,
        }
    }

    /// Names its item for ever. A video in a playlist is known by the moment it was put there, since the name of the list may
    /// be a word of the account's language.
    pub fn key(&self, list: &str) -> String {
        match self {
            Meaning::Subscription { channel, .. } => format!("youtube-subscription:{channel}"),
            Meaning::Playlist { id, .. } => format!("youtube-playlist:{id}"),
            Meaning::Video { id, time: Some(time) } => format!("youtube-listed:{id}:{time}"),
            Meaning::Video { id, time: None } => format!("youtube-listed:{id}:{list}"),
            Meaning::Said { id, .. } => format!("youtube-post:{id}"),
        }
    }
}

/// What a row means; `None` for heads and what is not known.
pub fn meaning(cells: &[String]) -> Option<Meaning> {
    let cell = |idx: usize| cells.get(idx).map_or("", String::as_str);
    if cells.len() >= 3 && cell(0).starts_with("UC") && cell(1).contains("/channel/") {
        return Some(Meaning::Subscription { channel: cell(0).to_owned(), title: cell(2).to_owned() });
    }
    let first_time = cells.iter().position(|cell| seconds(cell).is_some());
    let time = first_time.and_then(|at| seconds(&cells[at]));
    if is_video_id(cell(0)) && (first_time == Some(1) || cells.len() == 1) && cells.len() <= 3 {
        return Some(Meaning::Video { id: cell(0).to_owned(), time });
    }
    let at = first_time?;
    let text = cells.iter().find(|cell| cell.contains("\"text\":") || cell.contains("\"takeoutSegments\""));
    let own = cells.iter().find(|cell| cell.starts_with("Ug"));
    if text.is_some() || own.is_some() {
        let is_id = |cell: &&String| cell.len() > 11 && !cell.starts_with("UC") && seconds(cell).is_none();
        let id = own.or_else(|| cells.iter().find(is_id))?.clone();
        let video = cells.iter().find(|cell| is_video_id(cell)).cloned();
        return Some(Meaning::Said { id, text: text.map(|it| said(it)).unwrap_or_default(), video, time });
    }
    let is_list = cell(0).len() >= 2
        && cell(0).bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if !is_list || !["PL", "LL", "WL", "FL", "OL", "UU"].iter().any(|begin| cell(0).starts_with(begin)) {
        return None;
    }
    let pair = (at..cells.len()).find(|at| seconds(cell(*at)).is_some() && seconds(cell(at + 1)).is_some());
    // Before 2024: id, channel, created, updated, title.
    let title = match pair {
        Some(pair) if pair >= 4 => cell(pair - 2),
        Some(pair) => cell(pair + 2),
        None => "",
    };
    Some(Meaning::Playlist { id: cell(0).to_owned(), title: title.to_owned(), time })
}

/// True for the eleven letters that name a video.
pub fn is_video_id(cell: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    // A word of eleven letters in a head is none: ids are all but never of small letters alone.
    cell.len() == 11
        && cell.bytes().all(is_letter)
        && !cell[1..].bytes().all(|byte| byte.is_ascii_lowercase())
}

/// A time as tables have it: `2024-01-02T03:04:05+00:00`, before 2022 `2021-05-06 07:08:09 UTC`.
pub fn seconds(cell: &str) -> Option<i64> {
    let time = match cell.strip_suffix(" UTC") {
        Some(civil) => format!("{}Z", civil.replace(' ', "T")).parse::<Timestamp>(),
        None => cell.parse::<Timestamp>(),
    };
    time.ok().map(Timestamp::as_second)
}

fn said(cell: &str) -> String {
    let Ok(values) = serde_json::from_str::<Vec<Value>>(&format!("[{cell}]")) else { return cell.to_owned() };
    let mut out = String::new();
    for value in &values {
        let segments = value["takeoutSegments"].as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        for segment in segments {
            out.push_str(segment["text"].as_str().unwrap_or_default());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(row: &str, expected: &str) {
        let cells: Vec<String> = row.split(';').map(str::to_owned).collect();
        let told = match meaning(&cells) {
            None => "none".to_owned(),
            Some(Meaning::Subscription { channel, title }) => format!("subscription {channel} {title}"),
            Some(Meaning::Playlist { id, title, time }) => format!("playlist {id} {title} {time:?}"),
            Some(Meaning::Video { id, time }) => format!("video {id} {time:?}"),
            Some(Meaning::Said { id, text, video, .. }) => format!("said {id} {text} {video:?}"),
        };
        assert_eq!(told, expected, "{row}");
    }

    #[test]
    fn rows_are_known_by_their_cells_and_not_by_their_heads() {
        check("Kanal-ID;Kanal-URL;Kanaltitel", "none");
        check("UC0;http://www.youtube.com/channel/UC0;Harbour TV", "subscription UC0 Harbour TV");
        check("Video-ID;Zeitstempel", "none");
        check("a0-_b0c0d0e;2024-01-02T03:04:05+00:00", "video a0-_b0c0d0e Some(1704164645)");
        check("a0-_b0c0d0e;2021-05-06 07:08:09 UTC", "video a0-_b0c0d0e Some(1620284889)");
        check(
            "PL0;False;Boats;de;2024-01-02T03:04:05+00:00;2024-01-02T03:04:05+00:00;Manual;Private",
            "playlist PL0 Boats Some(1704164645)",
        );
        check(
            "PL0;UC0;2021-05-06 07:08:09 UTC;2021-05-06 07:08:09 UTC;Boats;;Private",
            "playlist PL0 Boats Some(1620284889)",
        );
        check(
            "Ug1.x;UC0;2024-01-02T03:04:05+00:00;0;Ug1;;a0-_b0c0d0e;{\"text\":\"a\"},{\"text\":\"b\"};Ug1",
            "said Ug1.x ab Some(\"a0-_b0c0d0e\")",
        );
        check(
            "UC0;EhwKGkNPabcdef;2024-01-02T03:04:05+00:00;0;a0-_b0c0d0e;{\"takeoutSegments\":[{\"text\":\"hi\"}]}",
            "said EhwKGkNPabcdef hi Some(\"a0-_b0c0d0e\")",
        );
        check("", "none");
    }
}
