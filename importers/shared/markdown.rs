//! Markdown (CommonMark) of HTML that people wrote in an editor: posts of a blog, comments.
//!
//! Paragraphs, headings, lists, quotes, code, links, pictures and emphasis become what Markdown has for them; all other markup
//! goes and its text stays. Whoever needs the markup keeps the HTML beside. Text that Markdown would take for marks is escaped.

use super::html::{self, Element, Step};

/// So many characters of a title make a name.
const NAME_LEN: usize = 100;

/// The name of a file, without extension, for something with this title; `other` where the title makes no name.
pub fn file_stem(title: &str, other: &str) -> String {
    let title = title.lines().next().unwrap_or_default().trim();
    let name = if title.is_empty() { other } else { title };
    let name: String = name.replace(['/', '\\'], "_").chars().take(NAME_LEN).collect();
    name.trim().trim_start_matches('.').to_owned()
}

/// Text as it stands between the brackets of a link.
pub fn in_brackets(text: &str) -> String {
    text.replace('\\', "\\\\").replace('[', "\\[").replace(']', "\\]").replace('\n', " ")
}

/// An address as it stands behind a link's text.
pub fn in_angles(url: &str) -> String {
    url.trim().replace('<', "%3C").replace('>', "%3E").replace(' ', "%20").replace(['\n', '\r', '\t'], "")
}

/// The Markdown of a piece of HTML, ending in a line break unless it is empty. `picture` may give a picture another
/// address: that of the file that lies beside.
pub fn of_html(page: &str, picture: &mut dyn FnMut(&str) -> Option<String>) -> String {
    let mut writer = Writer { picture, ..Writer::new(&mut |_| None) };
    html::walk(page, &mut |open, step| writer.step(open, &step));
    writer.flush(false);
    writer.out
}

/// What encloses blocks.
enum Container {
    Quote,
    Item { marker: String, is_begun: bool },
}

/// What encloses text inside a block.
enum Mark {
    Around(&'static str),
    Link(String),
    Code,
    Nothing,
}

struct Writer<'a> {
    picture: &'a mut dyn FnMut(&str) -> Option<String>,
    out: String,
    /// The block that is being written; its line breaks are those that are meant.
    block: String,
    containers: Vec<Container>,
    /// The lists that are open: the next number, none for lists without, and how many containers each stands in.
    lists: Vec<(Option<u32>, usize)>,
    /// Marks that are open, with where in the block they began.
    marks: Vec<(usize, Mark)>,
    heading: usize,
    /// The text of preformatted lines, while they are open.
    pre: Option<String>,
    /// An empty line is due before the next block.
    has_gap: bool,
}

impl<'a> Writer<'a> {
    fn new(picture: &'a mut dyn FnMut(&str) -> Option<String>) -> Writer<'a> {
        Writer {
            picture,
            out: String::new(),
            block: String::new(),
            containers: Vec::new(),
            lists: Vec::new(),
            marks: Vec::new(),
            heading: 0,
            pre: None,
            has_gap: false,
        }
    }

    fn step(&mut self, open: &[Element], step: &Step) {
        match (step, open.last()) {
            (Step::Text(text), last) if last.is_none_or(|last| !is_hidden(&last.name)) => self.text(text),
            (Step::Open, Some(element)) => self.open(element),
            (Step::Close, Some(element)) => self.close(&element.name),
            _ => {}
        }
    }

    fn open(&mut self, element: &Element) {
        if self.pre.is_some() {
            if element.name == "br" {
                self.text("\n");
            }
            return;
        }
        let attribute = |name: &str| element.attribute(name).unwrap_or_default();
        match element.name.as_str() {
            "br" => self.block.push('\n'),
            "hr" => {
                self.flush(true);
                self.lines("* * *");
                self.has_gap = true;
            }
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.flush(true);
                self.heading = usize::from(element.name.as_bytes()[1] - b'0');
            }
            "blockquote" => self.enclose(Container::Quote),
            "ul" | "ol" => {
                self.flush(self.lists.is_empty());
                let start = attribute("start").parse().unwrap_or(1);
                self.lists.push(((element.name == "ol").then_some(start), self.containers.len()));
            }
            "li" => self.item(),
            "pre" => {
                self.flush(true);
                self.pre = Some(String::new());
            }
            "td" | "th" if !self.block.trim().is_empty() => self.block.push_str(" | "),
            "b" | "strong" => self.mark(Mark::Around("**")),
            "i" | "em" => self.mark(Mark::Around("*")),
            "s" | "strike" | "del" => self.mark(Mark::Around("~~")),
            "code" | "tt" => self.mark(Mark::Code),
            "a" => self.mark(Mark::Link(in_angles(attribute("href")))),
            "img" => self.image(attribute("src"), attribute("alt")),
            "iframe" | "embed" | "video" | "audio" | "source" => self.embedded(attribute("src")),
            name if is_block(name) => self.flush(has_gaps(name)),
            _ => {}
        }
    }

    fn close(&mut self, name: &str) {
        match name {
            "pre" => self.end_pre(),
            _ if self.pre.is_some() => {}
            "blockquote" => {
                self.flush(true);
                self.leave(|container| matches!(container, Container::Quote));
            }
            "ul" | "ol" => {
                let list = self.lists.pop();
                self.flush(self.lists.is_empty());
                self.containers.truncate(list.map_or(usize::MAX, |(_, depth)| depth));
            }
            "li" => {
                self.flush(false);
                self.leave(|container| matches!(container, Container::Item { .. }));
            }
            "b" | "strong" | "i" | "em" | "s" | "strike" | "del" | "code" | "tt" | "a" => {
                if let Some((from, mark)) = self.marks.pop() {
                    self.wrap(from, &mark);
                }
            }
            "td" | "th" => {}
            name if is_block(name) => {
                self.flush(has_gaps(name));
                self.heading = 0;
            }
            _ => {}
        }
    }

    fn enclose(&mut self, container: Container) {
        self.flush(true);
        self.containers.push(container);
    }

    fn leave(&mut self, is_it: fn(&Container) -> bool) {
        if self.containers.last().is_some_and(is_it) {
            self.containers.pop();
        }
    }

    fn item(&mut self) {
        self.flush(false);
        let mut marker = "- ".to_owned();
        if let Some((number, depth)) = self.lists.last_mut() {
            // The item before may not have been closed.
            self.containers.truncate(*depth);
            if let Some(number) = number {
                marker = format!("{number}. ");
                *number = number.saturating_add(1);
            }
        }
        self.containers.push(Container::Item { marker, is_begun: false });
    }

    fn mark(&mut self, mark: Mark) {
        let is_open = |(_, open): &(usize, Mark)| match (open, &mark) {
            (Mark::Around(open), Mark::Around(new)) => open == new,
            (Mark::Code, _) | (Mark::Link(_), Mark::Link(_)) => true,
            _ => false,
        };
        let is_in_vain = self.marks.iter().any(is_open) || matches!(&mark, Mark::Link(url) if url.is_empty());
        let mark = if is_in_vain { Mark::Nothing } else { mark };
        self.marks.push((self.block.len(), mark));
    }

    /// Puts a mark around what was written since it began; blanks stay outside of it.
    fn wrap(&mut self, from: usize, mark: &Mark) {
        let inner = self.block.split_off(from.min(self.block.len()));
        let text = inner.trim();
        if text.is_empty() || matches!(mark, Mark::Nothing) {
            self.block.push_str(&inner);
            return;
        }
        let start = inner.len() - inner.trim_start().len();
        let marked = match mark {
            Mark::Around(mark) => format!("{mark}{text}{mark}"),
            Mark::Link(url) => format!("[{}](<{url}>)", text.replace('\n', " ")),
            Mark::Code => fenced(text),
            Mark::Nothing => String::new(),
        };
        self.block.push_str(&inner[..start]);
        self.block.push_str(&marked);
        self.block.push_str(&inner[start + text.len()..]);
    }

    fn image(&mut self, source: &str, alt: &str) {
        if source.is_empty() {
            return;
        }
        let address = (self.picture)(source).unwrap_or_else(|| source.to_owned());
        self.block.push_str(&format!("![{}](<{}>)", in_brackets(alt), in_angles(&address)));
    }

    fn embedded(&mut self, source: &str) {
        if !source.is_empty() {
            self.flush(true);
            self.block.push_str(&format!("<{}>", in_angles(source)));
            self.flush(true);
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(pre) = &mut self.pre {
            return pre.push_str(text);
        }
        let is_code = self.marks.iter().any(|(_, mark)| matches!(mark, Mark::Code));
        for letter in text.chars() {
            // No-break spaces are an editor's way to keep two blanks; in Markdown they would only look odd.
            if letter.is_whitespace() {
                if !self.block.ends_with([' ', '\n']) {
                    self.block.push(' ');
                }
                continue;
            }
            if !is_code && matches!(letter, '\\' | '*' | '_' | '`' | '[' | ']' | '<' | '~') {
                self.block.push('\\');
            }
            self.block.push(letter);
        }
    }

    fn end_pre(&mut self) {
        let Some(text) = self.pre.take() else { return };
        let fence = "`".repeat(longest_run(&text).max(2) + 1);
        self.lines(&format!("{fence}\n{}\n{fence}", text.trim_matches('\n').trim_end()));
        self.has_gap = true;
    }

    /// Ends the block: writes it, if there is anything in it. An empty line follows if `has_gap`.
    fn flush(&mut self, has_gap: bool) {
        for at in (0..self.marks.len()).rev() {
            let (from, mark) = std::mem::replace(&mut self.marks[at], (0, Mark::Nothing));
            self.wrap(from, &mark);
            self.marks[at] = (0, mark);
        }
        let block = std::mem::take(&mut self.block);
        let mut is_first = true;
        // Two line breaks are how editors without paragraphs part them.
        for paragraph in block.split("\n\n").map(str::trim).filter(|text| !text.is_empty()) {
            self.has_gap |= !is_first;
            is_first = false;
            let lines: Vec<String> =
                paragraph.lines().map(str::trim).filter(|line| !line.is_empty()).map(at_line_start).collect();
            match std::mem::take(&mut self.heading) {
                0 => self.lines(&lines.join("\\\n")),
                level => self.lines(&format!("{} {}", "#".repeat(level), lines.join(" "))),
            }
        }
        self.has_gap |= has_gap;
    }

    /// Writes lines as they are, inside of what encloses them.
    fn lines(&mut self, text: &str) {
        if std::mem::take(&mut self.has_gap) && !self.out.is_empty() {
            let quotes = self.containers.iter().filter(|it| matches!(it, Container::Quote)).count();
            self.out.push_str(">".repeat(quotes).trim_end());
            self.out.push('\n');
        }
        for line in text.lines() {
            let start = self.out.len();
            for container in &mut self.containers {
                match container {
                    Container::Quote => self.out.push_str("> "),
                    Container::Item { marker, is_begun: true } => {
                        self.out.push_str(&" ".repeat(marker.len()));
                    }
                    Container::Item { marker, is_begun } => {
                        *is_begun = true;
                        self.out.push_str(marker);
                    }
                }
            }
            self.out.push_str(line);
            let len = self.out[start..].trim_end().len();
            self.out.truncate(start + len);
            self.out.push('\n');
        }
    }
}

fn is_hidden(name: &str) -> bool {
    matches!(name, "title" | "textarea" | "select" | "option" | "noscript" | "object")
}

fn is_block(name: &str) -> bool {
    const BLOCKS: &[&str] = &[
        "p",
        "div",
        "section",
        "article",
        "header",
        "footer",
        "aside",
        "main",
        "figure",
        "figcaption",
        "table",
        "tbody",
        "thead",
        "tr",
        "caption",
        "dl",
        "dt",
        "dd",
        "center",
        "address",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "body",
        "html",
        "head",
    ];
    BLOCKS.contains(&name)
}

/// True for blocks that stand apart from the next one.
fn has_gaps(name: &str) -> bool {
    !matches!(name, "tr" | "tbody" | "thead" | "dt" | "dd" | "caption")
}

/// A line of text whose beginning Markdown would take for a mark.
fn at_line_start(line: &str) -> String {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let rest = &line[digits..];
    let is_number = (1..10).contains(&digits) && rest.starts_with(['.', ')']);
    match (is_number, line.chars().next()) {
        (true, _) => format!("{}\\{rest}", &line[..digits]),
        (false, Some('#' | '+' | '-' | '>' | '=' | '|')) => format!("\\{line}"),
        _ => line.to_owned(),
    }
}

fn fenced(text: &str) -> String {
    let fence = "`".repeat(longest_run(text) + 1);
    let blank = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{blank}{}{blank}{fence}", text.replace('\n', " "))
}

/// The length of the longest run of backticks.
fn longest_run(text: &str) -> usize {
    text.split(|letter| letter != '`').map(str::len).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(html: &str, expected: &str) {
        assert_eq!(of_html(html, &mut |_| None), expected, "{html}");
    }

    #[test]
    fn paragraphs_headings_and_line_breaks_are_what_they_were() {
        check("<p>a\n  b</p><p>c<br>d</p>", "a b\n\nc\\\nd\n");
        check("<h2>One &amp; two</h2>text<div>x</div>", "## One & two\n\ntext\n\nx\n");
        check("a<br /><br />b<br>\n<br>c", "a\n\nb\n\nc\n");
        check("<div dir=\"ltr\" style=\"text-align: left;\"></div>  ", "");
        check("a<hr>b", "a\n\n* * *\n\nb\n");
    }

    #[test]
    fn emphasis_links_and_code_are_marks_without_blanks_inside() {
        check("a <b> bold </b>c <i>d</i> <s>e</s>", "a **bold** c *d* ~~e~~\n");
        check("<b><strong>x</strong></b><b> </b>", "**x**\n");
        check(
            "<a href=\"https://example.org/a b?c=1&amp;d=2\">the [boat]</a>",
            "[the \\[boat\\]](<https://example.org/a%20b?c=1&d=2>)\n",
        );
        check("<a name=\"jump\">x</a>", "x\n");
        check("use <code>a*b</code> and <tt>`</tt>", "use `a*b` and `` ` ``\n");
        check("<b>one<p>two</p></b>three", "**one**\n\n**two**\n\nthree\n");
    }

    #[test]
    fn lists_and_quotes_are_nested() {
        check("<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>x", "- a\n  - b\n- c\n\nx\n");
        check("<ol start=\"9\"><li>a<li>b</ol>", "9. a\n10. b\n");
        check("<blockquote><p>a</p><p>b</p></blockquote>c", "> a\n>\n> b\n\nc\n");
    }

    #[test]
    fn pictures_may_have_another_address_and_keep_their_links() {
        let html = "<a href=\"https://example.org/big\"><img alt=\"A [b]\" src=\"https://example.org/s1/boat.png\"></a>";
        let markdown =
            of_html(html, &mut |url| url.ends_with("boat.png").then(|| "../pictures/my boat.png".to_owned()));
        assert_eq!(markdown, "[![A \\[b\\]](<../pictures/my%20boat.png>)](<https://example.org/big>)\n");
        check("<iframe src=\"https://example.org/v\">x</iframe>", "<https://example.org/v>\n\nx\n");
    }

    #[test]
    fn what_editors_of_blogs_write_is_read_as_it_was_meant() {
        check(
            "<div dir=\"ltr\" trbidi=\"on\"><!--more--><div class=\"separator\" style=\"clear: both;\"><a \
            href=\"https://example.org/big.jpg\" imageanchor=\"1\"><img border=\"0\" src=\"https://example.org/small.jpg\" \
            width=\"320\" /></a></div><span style=\"font-size: large;\">Big&nbsp; words</span><br /><o:p></o:p>\n<br />end</div>",
            "[![](<https://example.org/small.jpg>)](<https://example.org/big.jpg>)\n\nBig words\n\nend\n",
        );
        check(
            "<table class=\"tr-caption-container\"><tbody><tr><td><img src=\"a.jpg\"/></td></tr><tr><td \
            class=\"tr-caption\">The boat</td></tr></tbody></table>after",
            "![](<a.jpg>)\nThe boat\n\nafter\n",
        );
    }

    #[test]
    fn text_that_looks_like_a_mark_is_none() {
        check(
            "<p># a</p><p>1. b</p><p>- c</p><p>&lt;b&gt; 2*3_4</p>",
            "\\# a\n\n1\\. b\n\n\\- c\n\n\\<b> 2\\*3\\_4\n",
        );
        check("<pre>  x\n# y ```</pre>", "````\n  x\n# y ```\n````\n");
    }

    #[test]
    fn tables_are_lines_and_broken_pages_do_no_harm() {
        check("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a | b\nc\n");
        let page =
            "<ol><li><b>x <blockquote><pre>`</li></pre></b><i></ol><img src=a alt='é'></blockquote></ul>";
        for cut in (0..page.len()).filter(|cut| page.is_char_boundary(*cut)) {
            of_html(&page[..cut], &mut |_| None);
            of_html(&page[cut..], &mut |_| None);
        }
    }

    #[test]
    fn a_title_makes_a_name() {
        assert_eq!(file_stem("a/b\nc", "x"), "a_b");
        assert_eq!(file_stem(" ", "2018-05-10"), "2018-05-10");
        assert_eq!(file_stem("...", "x"), "");
        assert_eq!(file_stem(&"ü".repeat(300), "").chars().count(), NAME_LEN);
    }
}
