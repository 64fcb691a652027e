//! A page of Google Voice: a session of texts (`div.hChatLog`) or one call (`div.haudio`), in microformats.
//!
//! A text is `div.message` with `abbr.dt[title]` (RFC 3339 with the zone of the account), `cite.sender a.tel[href]` with
//! the name in `.fn` (an `abbr` for the account's own), `q` and pictures or videos; a call has `abbr.published`,
//! `abbr.duration[title="PT1M2S"]`, `audio[src]`, `span.full-text` and its kind as the end of a label's link.
//! Seen in the tests of timelinize, msgvault and three converters, 2011 to 2026.

use jiff::{SignedDuration, Timestamp};

use crate::shared::html::{self, Element, Step};

/// A page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Texts and calls in their order.
    pub events: Vec<Event>,
    /// People in a group: number and name.
    pub participants: Vec<(String, String)>,
}

/// A text or a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// When, in milliseconds since 1970-01-01 UTC.
    pub time_ms: Option<i64>,
    /// When, as it stands there.
    pub dated: String,
    /// The number of the sender or of the other side of a call.
    pub number: String,
    /// The name that goes with it.
    pub name: String,
    /// The account's owner sent it.
    pub is_own: bool,
    /// What was said, or how a voicemail was understood.
    pub text: String,
    /// Pictures, videos, recordings, as the page calls them.
    pub media: Vec<String>,
    /// What only calls have.
    pub call: Option<Call>,
}

/// What only calls have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// `placed`, `received`, `missed`, `voicemail`, `recorded`, or what a later page says.
    pub kind: String,
    /// How long it was.
    pub duration_s: Option<i64>,
}

impl Call {
    /// The call in a few words.
    pub fn in_words(&self) -> String {
        let kind = if self.kind.is_empty() { String::new() } else { format!("{} ", self.kind) };
        let duration = self.duration_s.map(|it| format!(", {}:{:02}", it / 60, it % 60)).unwrap_or_default();
        format!("{kind}call{duration}").replace("voicemail call", "voicemail")
    }
}

impl Page {
    /// Everybody in it but the account's owner: number and name.
    pub fn others(&self) -> Vec<(String, String)> {
        let senders = self.events.iter().filter(|event| !event.is_own);
        let senders = senders.map(|event| (event.number.clone(), event.name.clone()));
        senders.chain(self.participants.iter().cloned()).collect()
    }
}

/// Reads a page; `None` if it is none of texts or calls.
pub fn read(html: &str) -> Option<Page> {
    let mut reader = Reader::default();
    html::walk(html, &mut |open, step| reader.step(open, &step));
    let is_known = reader.is_log || reader.is_call;
    is_known.then_some(reader.page)
}

#[derive(Default)]
struct Reader {
    page: Page,
    is_log: bool,
    is_call: bool,
    kind: String,
}

impl Reader {
    fn step(&mut self, open: &[Element], step: &Step) {
        let Some(element) = open.last() else { return };
        let inside = |class: &str| open.iter().any(|element| element.has_class(class));
        match step {
            Step::Open => self.open(element, &inside),
            Step::Text(text) => self.text(element, open, text, &inside),
            Step::Close if element.has_class("haudio") => {
                let kind = std::mem::take(&mut self.kind);
                if let Some(call) = self.page.events.last_mut().and_then(|event| event.call.as_mut()) {
                    call.kind = kind;
                }
            }
            Step::Close if element.has_class("message") || element.name == "q" => {
                if let Some(event) = self.page.events.last_mut() {
                    event.text = event.text.trim().to_owned();
                }
            }
            Step::Close => {}
        }
    }

    fn open(&mut self, element: &Element, inside: &dyn Fn(&str) -> bool) {
        self.is_log |= element.has_class("hChatLog");
        if element.has_class("message") && inside("hChatLog") {
            self.page.events.push(Event::default());
        } else if element.has_class("haudio") {
            self.is_call = true;
            self.page.events.push(Event { call: Some(Call::default()), ..Event::default() });
        }
        let attribute = |name: &str| element.attribute(name).unwrap_or_default().to_owned();
        let href = attribute("href");
        if let Some(kind) = href.split_once("voice#").map(|(_, kind)| kind.to_owned())
            && matches!(kind.as_str(), "placed" | "received" | "missed" | "voicemail" | "recorded")
        {
            self.kind = kind;
        }
        if inside("participants") {
            if let Some(number) = href.strip_prefix("tel:") {
                self.page.participants.push((number.to_owned(), String::new()));
            }
            return;
        }
        let Some(event) = self.page.events.last_mut() else { return };
        if !inside("message") && !inside("haudio") {
            return;
        }
        if let Some(number) = href.strip_prefix("tel:")
            && element.has_class("tel")
        {
            event.number = number.to_owned();
        }
        if element.has_class("dt") || element.has_class("published") {
            let time = attribute("title");
            event.time_ms = time.parse::<Timestamp>().ok().map(Timestamp::as_millisecond);
        }
        if element.has_class("duration")
            && let Some(call) = &mut event.call
        {
            let duration = attribute("title").parse::<SignedDuration>().ok();
            call.duration_s = duration.map(|duration| duration.as_secs());
        }
        if element.has_class("fn") && element.name == "abbr" {
            event.is_own = event.call.is_none();
        }
        let is_media = matches!(element.name.as_str(), "img" | "audio" | "video" | "source");
        let is_link = element.name == "a" && (element.has_class("video") || element.has_class("vcard"));
        let media = if is_link { href } else { attribute("src") };
        if (is_media || is_link) && !media.is_empty() && !media.contains(':') && !event.media.contains(&media)
        {
            event.media.push(media);
        }
        if element.name == "br" && (inside("full-text") || event.call.is_none()) {
            event.text.push('\n');
        }
    }

    fn text(&mut self, element: &Element, open: &[Element], text: &str, inside: &dyn Fn(&str) -> bool) {
        let text = text.replace(['\n', '\r', '\t'], " ");
        if inside("participants") {
            if element.has_class("fn")
                && let Some((_, name)) = self.page.participants.last_mut()
            {
                name.push_str(text.trim());
            }
            return;
        }
        let Some(event) = self.page.events.last_mut() else { return };
        if element.has_class("fn") {
            // That of a call as a whole is its title: `Voicemail from …`.
            if inside("tel") {
                event.name.push_str(text.trim());
            }
        } else if element.has_class("dt") || element.has_class("published") {
            event.dated.push_str(text.trim());
        } else if open.iter().any(|element| element.name == "q") || inside("full-text") {
            event.text.push_str(&text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_of_texts_tells_who_said_what_and_what_was_sent() {
        let page = read(
            "<html><body><div class=\"hChatLog hfeed\">\n<div class=\"message\"><abbr class=\"dt\" title=\"2020-02-03T11:37:45.632-06:00\">3. Feb.</abbr>:\n\
            <cite class=\"sender vcard\"><a class=\"tel\" href=\"tel:+15550100\"><span class=\"fn\">Cleo Sample</span></a></cite>:\n\
            <q>You&#39;re late?<br>Really</q>\n<div><img src=\"x - 2020-1-1\" alt=\"Image MMS Attachment\" /></div></div> \
            <div class=\"message\"><abbr class=\"dt\" title=\"bad\">x</abbr><cite class=\"sender vcard\"><a class=\"tel\" href=\"tel:+15550199\">\
            <abbr class=\"fn\" title=\"\">Ich</abbr></a></cite>: <q>No</q></div></div></body></html>",
        )
        .expect("a page of texts");
        let theirs = Event {
            time_ms: Some(1_580_751_465_632),
            dated: "3. Feb.".into(),
            number: "+15550100".into(),
            name: "Cleo Sample".into(),
            text: "You're late?\nReally".into(),
            media: vec!["x - 2020-1-1".into()],
            ..Event::default()
        };
        assert_eq!(page.events[0], theirs);
        assert!(page.events[1].is_own && page.events[1].time_ms.is_none() && page.events[1].text == "No");
        assert_eq!(page.others(), [("+15550100".to_owned(), "Cleo Sample".to_owned())]);
    }

    #[test]
    fn a_call_is_told_by_its_label_whatever_the_language() {
        let page = read(
            "<div class=\"haudio\"><span class=\"fn\">Voicemail von Cleo</span><div class=\"contributor vcard\">Voicemail von \
            <a class=\"tel\" href=\"tel:+15550100\"><span class=\"fn\">Cleo Sample</span></a></div>\
            <abbr class=\"published\" title=\"2020-02-06T03:00:00.000-06:00\">6. Feb.</abbr>\
            <span class=\"description\"><span class=\"full-text\">Call me.</span></span><audio controls=\"controls\" src=\"a.mp3\"></audio>\
            <abbr class=\"duration\" title=\"PT1M2S\">(00:01:02)</abbr><div class=\"tags\">Labels: <a rel=\"tag\" \
            href=\"http://www.google.com/voice#voicemail\">Mailbox</a>, <a rel=\"tag\" href=\"http://www.google.com/voice#inbox\">x</a></div></div>",
        )
        .expect("a page of a call");
        let event = &page.events[0];
        assert_eq!(event.call, Some(Call { kind: "voicemail".into(), duration_s: Some(62) }));
        assert_eq!((event.text.as_str(), event.media.len(), event.is_own), ("Call me.", 1, false));
        assert_eq!(event.name, "Cleo Sample");
        assert_eq!(event.call.as_ref().map(Call::in_words).as_deref(), Some("voicemail, 1:02"));
        assert_eq!(read("<html><body>Bills</body></html>"), None);
    }

    #[test]
    fn a_group_names_its_participants() {
        let page = read(
            "<div class=\"participants\">Gruppe mit: <cite class=\"sender vcard\"><a class=\"tel\" href=\"tel:+1\"><span class=\"fn\">A</span></a></cite>, \
            <cite class=\"sender vcard\"><a class=\"tel\" href=\"tel:+2\"><span class=\"fn\"></span></a></cite></div><div class=\"hChatLog hfeed\"></div>",
        );
        assert_eq!(page.expect("a page").others(), [("+1".into(), "A".into()), ("+2".into(), String::new())]);
    }
}
