//! A post as it is understood, whatever it was read from: what names it, where it goes.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::media::Media;
use super::tree;
use crate::shared::content_lines::uid_of;

/// What kind of post it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Type {
    /// One picture or video, or several.
    Post,
    /// A short video.
    Reel,
    /// A long video, until 2021.
    Igtv,
    /// Something shown for a day.
    Story,
    /// A post that its owner has hidden.
    Archived,
    /// A picture of the account.
    ProfilePhoto,
    /// A post that is in the trash.
    Deleted,
    /// Something that the export does not say more of.
    Other,
}

impl Type {
    /// Its name in the index and in front matter.
    pub fn name(self, n_media: usize) -> &'static str {
        match self {
            Type::Post if n_media > 1 => "carousel",
            Type::Post => "post",
            Type::Reel => "reel",
            Type::Igtv => "igtv",
            Type::Story => "story",
            Type::Archived => "archived",
            Type::ProfilePhoto => "profile-photo",
            Type::Deleted => "deleted",
            Type::Other => "other",
        }
    }

    /// True for what its owner shows to nobody, so that no site may show it unasked.
    pub fn is_hidden(self) -> bool {
        matches!(self, Type::Archived | Type::Deleted | Type::Other)
    }
}

/// A post.
#[derive(Clone, Debug, PartialEq)]
pub struct Post {
    /// The platform that it was posted on: its folder below `files/posts/`.
    pub platform: &'static str,
    /// Its type.
    pub of: Type,
    /// Its words.
    pub caption: String,
    /// When it was posted, in seconds since 1970-01-01 UTC.
    pub time: Option<i64>,
    /// Its pictures and videos, in their order.
    pub media: Vec<Media>,
    /// Further facts.
    pub extra: Map<String, Value>,
}

impl Post {
    /// What names it for ever: its first picture, which every generation and form of the export calls the same; what
    /// has none its minute and words.
    pub fn key(&self) -> String {
        match self.media.first().map(|media| stem_of(&media.uri)).filter(|stem| !stem.is_empty()) {
            Some(stem) => format!("post:{stem}"),
            None => {
                let minute = self.time.map_or(0, |time| time.div_euclid(60));
                format!("post:{}", uid_of(format!("{minute}\n{}", self.caption).as_bytes()))
            }
        }
    }

    /// Its folder below `files/`: one for each post, so that programs for sites find pictures beside words.
    pub fn folder(&self) -> String {
        let time = self.time.and_then(|time| Timestamp::from_second(time).ok());
        let (year, date) = match time {
            Some(time) => (time.strftime("%Y").to_string(), time.strftime("%Y-%m-%d").to_string()),
            None => ("unknown date".to_owned(), "undated".to_owned()),
        };
        let hash = uid_of(self.key().as_bytes());
        let words = slug(&self.caption);
        let words = if words.is_empty() { self.of.name(self.media.len()) } else { &words };
        format!("posts/{}/{year}/{date}-{words}-{}", self.platform, &hash[..6])
    }

    /// The first line of its words, if that is short enough for a title.
    pub fn title(&self) -> Option<String> {
        let line = self.caption.lines().next().unwrap_or_default().trim();
        if line.chars().count() <= 100 {
            return Some(line.to_owned()).filter(|line| !line.is_empty());
        }
        let cut: String = line.chars().take(99).collect();
        let cut = cut.rsplit_once(' ').map_or(&*cut, |(words, _)| words);
        Some(format!("{cut}…"))
    }

    /// What is told by `#` in its words, each once.
    pub fn hashtags(&self) -> Vec<String> {
        marked(&self.caption, '#', |letter| letter.is_alphanumeric() || letter == '_')
    }

    /// Who is named by `@` in its words, each once.
    pub fn mentions(&self) -> Vec<String> {
        marked(&self.caption, '@', |letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.'))
    }
}

/// What names a file of Meta's: the number of seventeen digits that Instagram gives to media since 2022 (that it is one is a
/// guess; it differs in every file seen), else its name without extension.
pub fn stem_of(uri: &str) -> String {
    let path = tree::reference(uri).unwrap_or_else(|| uri.split(['?', '#']).next().unwrap_or(uri).to_owned());
    let name = path.rsplit('/').next().unwrap_or(&path);
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let number = stem.rsplit_once('_').map_or("", |(_, number)| number);
    let is_number = (16..=19).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
    // Numbers of media begin with 17 or 18; another number may be that of the account.
    if is_number && (number.starts_with("17") || number.starts_with("18")) { number } else { stem }.to_owned()
}

/// The first words of a text as a name for a folder.
fn slug(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default().to_lowercase();
    let words = line.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    let mut slug = String::new();
    for word in words {
        if !slug.is_empty() && slug.chars().count() + word.chars().count() > 39 {
            break;
        }
        if !slug.is_empty() {
            slug.push('-');
        }
        slug.extend(word.chars().take(40));
    }
    slug
}

fn marked(text: &str, mark: char, is_part: fn(char) -> bool) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut before = ' ';
    for (at, letter) in text.char_indices() {
        // Not within an address, and not where a mark stands alone.
        if letter == mark && !before.is_alphanumeric() && before != mark {
            let word: String = text[at + mark.len_utf8()..].chars().take_while(|it| is_part(*it)).collect();
            let word = word.trim_end_matches('.').to_owned();
            if !word.is_empty() && !found.contains(&word) {
                found.push(word);
            }
        }
        before = letter;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(caption: &str, uri: &str) -> Post {
        let media = Media { uri: uri.to_owned(), ..Media::default() };
        Post {
            platform: "instagram",
            of: Type::Post,
            caption: caption.to_owned(),
            time: Some(1_658_871_953),
            media: vec![media],
            extra: Map::new(),
        }
    }

    #[test]
    fn a_post_is_known_by_its_first_picture() {
        let name = "296182505_2306736436140223_1131775985609414029_n_17908919372611575";
        assert_eq!(post("a", &format!("media/posts/202207/{name}.webp")).key(), "post:17908919372611575");
        assert_eq!(post("b", &format!("x/media/posts/202207/{name}.jpg")).key(), "post:17908919372611575");
        assert_eq!(post("", "photos/201907/0a1B.jpg").key(), "post:0a1b");
        assert_eq!(
            post("", "media/posts/1_2_1234567890123456789012.jpg").key(),
            "post:1_2_1234567890123456789012"
        );
    }

    #[test]
    fn a_folder_has_year_day_and_words() {
        let folder =
            post("Día de playa: ¡por fin! 🌊 and a very long rest that goes on and on", "1.jpg").folder();
        let (start, hash) = folder.rsplit_once('-').expect("it ends in a hash");
        assert_eq!(start, "posts/instagram/2022/2022-07-26-día-de-playa-por-fin-and-a-very-long");
        assert_eq!(hash.len(), 6);
        assert!(post("🌊", "1.jpg").folder().starts_with("posts/instagram/2022/2022-07-26-post-"));
    }

    #[test]
    fn tags_and_people_are_found_in_words() {
        let post = post("Mar #playa, #Día_1 #playa ##x # @ana.b. mail@example.org (@ben_c)", "1.jpg");
        assert_eq!(post.hashtags(), ["playa", "Día_1"]);
        assert_eq!(post.mentions(), ["ana.b", "ben_c"]);
    }

    #[test]
    fn a_title_is_a_short_first_line() {
        assert_eq!(post("one\ntwo", "1").title().as_deref(), Some("one"));
        assert_eq!(post("", "1").title(), None);
        let title = post(&"word ".repeat(50), "1").title().expect("there is one");
        assert!(title.ends_with("word…") && title.chars().count() <= 100, "{title}");
    }
}
