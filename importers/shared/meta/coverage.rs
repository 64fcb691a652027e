//! What an export of Meta's says of the time that it covers: whoever asks for one is offered a year first.
//!
//! Only pages tell, above their records: one moment says when they were made; if a range was asked for, two moments in one element
//! say which. Seen in tests of three parsers of 2026 ("Contains data you requested from … to …"), in English; one says that an export
//! of all time has no such line, another that one of all time came back with a year. Read by its shape: words are another in every language.

use exodus_api::Source;

use super::shape::head;
use super::tree::{File, Tree};
use crate::shared::html::{self, Step};

/// The records begin behind a style sheet of some ten thousand bytes.
const HEAD_BYTES: u64 = 256 << 10;
/// So many pages are looked at: all say the same.
const LIMIT_PAGES: usize = 3;

/// What to tell a person whose export covers a range of time only; nothing if it does not say so.
pub fn warnings(source: &dyn Source, tree: &Tree) -> Vec<String> {
    let is_page = |file: &&File| file.extension() == "html";
    let mut pages: Vec<&File> = tree.files().iter().filter(is_page).collect();
    // The page to begin with is about the whole.
    pages.sort_by_key(|file| !matches!(file.stem(), "start_here" | "index"));
    let range = pages.iter().take(LIMIT_PAGES).find_map(|file| {
        let head = head(source, file.entry, HEAD_BYTES);
        range_of(&String::from_utf8_lossy(&head))
    });
    let told = range.map(|(from, to)| {
        format!(
            "this export holds what happened from {from} to {to} and nothing else: before you close the account, ask for one of all time"
        )
    });
    told.into_iter().collect()
}

/// The days from and to which a page says that its export goes.
fn range_of(page: &str) -> Option<(String, String)> {
    let mut is_over = false;
    // The moments told in each open element.
    let mut told: Vec<Vec<String>> = Vec::new();
    let mut found = None;
    html::walk(page, &mut |open, step| {
        let Some(last) = open.last() else { return };
        is_over |= last.has_class("uiBoxWhite") && last.has_class("noborder");
        if is_over || found.is_some() {
            return;
        }
        match step {
            Step::Open => {
                told.resize(open.len(), Vec::new());
                if last.name == "time"
                    && let Some(day) = last.attribute("datetime").and_then(day)
                    && let Some(around) = open.len().checked_sub(2)
                {
                    told[around].push(day);
                }
            }
            Step::Close => {
                told.resize(open.len(), Vec::new());
                if let Some([from, to]) = told.pop().as_deref()
                    && from < to
                {
                    found = Some((from.clone(), to.clone()));
                }
            }
            Step::Text(_) => {}
        }
    });
    found
}

/// The day of a moment: `2026-07-26` of `2026-07-26T03:59Z`.
fn day(moment: &str) -> Option<String> {
    let (day, _) = moment.split_once('T')?;
    day.parse::<jiff::civil::Date>().ok().map(|day| day.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: &str, expected: Option<(&str, &str)>) {
        let page = format!(
            "<html><head><style>.uiBoxWhite.noborder {{}}</style></head><body><header><h1>x</h1><aside>de ada <time datetime=\"2026-07-26T04:10Z\">11</time>\
             </aside>{header}</header><main><div class=\"pam uiBoxWhite noborder\"><time datetime=\"2001-01-01T00:00Z\">a</time>\
             <time datetime=\"2002-01-01T00:00Z\">b</time></div></main></body></html>"
        );
        let expected = expected.map(|(from, to)| (from.to_owned(), to.to_owned()));
        assert_eq!(range_of(&page), expected, "{header}");
    }

    #[test]
    fn two_moments_in_one_element_above_the_records_are_a_range() {
        let range = |from: &str, to: &str| {
            format!(
                "<div>Con datos de <time datetime=\"{from}\">x</time> a <time datetime=\"{to}\">y</time></div>"
            )
        };
        check(&range("2025-07-26T03:59Z", "2026-07-26T03:59Z"), Some(("2025-07-26", "2026-07-26")));
        check("", None);
        check(&range("2026-07-26T03:59Z", "2025-07-26T03:59Z"), None);
        check(&range("soon", "2025-07-26T03:59Z"), None);
        check("<div><time datetime=\"2025-07-26T03:59Z\">x</time></div>", None);
    }
}
