//! `>From ` lines: what a writer of an mbox did to body lines that look like separators, and how to undo it.
//!
//! Nobody has shown what Gmail does (no public sample has such a line), so it is decided for each mbox from what
//! is in it: a DKIM body hash that fits only one reading proves that reading; a line that begins with a bare
//! `From ` shows that the writer quotes nothing; without any evidence the mboxrd rule holds (one `>` is taken from
//! every line of `>`s followed by `From `), because a wrong guess then costs one `>` and can be repeated.

use exodus_api::{OptionSpec, Options};
use exodus_mail::dkim::{self, Verdict};
use exodus_mail::header;
use memchr::memmem;

/// The option `--from-quoting`.
pub const FROM_QUOTING: OptionSpec = OptionSpec {
    name: "from-quoting",
    values: &["auto", "mboxrd", "none"],
    help: "How mail lines that begin with `From ` were written: `mboxrd` put a `>` before them, `none` left them",
};

/// What the user chose with `--from-quoting`; `None` lets the evidence decide.
pub fn chosen(options: &Options) -> Option<Quoting> {
    match options.get(&FROM_QUOTING) {
        "mboxrd" => Some(Quoting::Mboxrd),
        "none" => Some(Quoting::None),
        _ => None,
    }
}

/// How the writer of an mbox treated body lines that begin with `From `.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quoting {
    /// It put a `>` before every line of `>`s (or none) followed by `From `.
    Mboxrd,
    /// It left them as they are.
    None,
}

impl Quoting {
    /// Its name as an option's value and in the index.
    pub fn name(self) -> &'static str {
        match self {
            Quoting::Mboxrd => "mboxrd",
            Quoting::None => "none",
        }
    }
}

/// What the messages of an mbox say about its quoting; they are shown one by one with [`Evidence::weigh`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Messages whose DKIM body hash fits only after unquoting.
    pub proves_mboxrd: u32,
    /// Messages whose DKIM body hash fits only as they stand.
    pub proves_none: u32,
    /// Lines that begin with `From ` and are no separators.
    pub bare_from_lines: u32,
    /// Lines that unquoting would change.
    pub quoted_lines: u32,
}

impl Evidence {
    /// Looks at one message; `bare_from_lines` is what the splitter counted in it.
    pub fn weigh(&mut self, message: &[u8], bare_from_lines: u32) {
        self.bare_from_lines += bare_from_lines;
        let (head, body) = header::split(message);
        let quoted = count_quoted(body);
        if quoted == 0 {
            return;
        }
        self.quoted_lines += quoted;
        match dkim::check(head, body) {
            Verdict::Unsigned => {}
            Verdict::Proven => self.proves_none += 1,
            Verdict::Differs => {
                if dkim::check(head, &unquoted(body).0) == Verdict::Proven {
                    self.proves_mboxrd += 1;
                }
            }
        }
    }

    /// What it comes to.
    pub fn verdict(&self) -> Quoting {
        match self.proves_mboxrd.cmp(&self.proves_none) {
            std::cmp::Ordering::Greater => Quoting::Mboxrd,
            std::cmp::Ordering::Less => Quoting::None,
            std::cmp::Ordering::Equal if self.bare_from_lines > 0 => Quoting::None,
            std::cmp::Ordering::Equal => Quoting::Mboxrd,
        }
    }
}

/// Undoes mboxrd quoting in the body of a message; returns how many lines it changed.
pub fn unquote(message: &mut Vec<u8>) -> u32 {
    let (head, body) = header::split(message);
    if count_quoted(body) == 0 {
        return 0;
    }
    let body_start = message.len() - body.len();
    debug_assert!(head.len() <= body_start);
    let (body, lines) = unquoted(&message[body_start..]);
    message.truncate(body_start);
    message.extend_from_slice(&body);
    lines
}

fn count_quoted(body: &[u8]) -> u32 {
    u32::try_from(quoted_lines(body).count()).unwrap_or(u32::MAX)
}

fn unquoted(body: &[u8]) -> (Vec<u8>, u32) {
    let mut out = Vec::with_capacity(body.len());
    let mut from = 0;
    let mut lines = 0;
    for line in quoted_lines(body) {
        out.extend_from_slice(&body[from..line]);
        from = line + 1;
        lines += 1;
    }
    out.extend_from_slice(&body[from..]);
    (out, lines)
}

/// Where the lines begin that consist of `>`s followed by `From `.
fn quoted_lines(body: &[u8]) -> impl Iterator<Item = usize> + '_ {
    memmem::find_iter(body, b">From ").filter_map(|at| {
        let marks = body[..at].iter().rev().take_while(|byte| **byte == b'>').count();
        let line = at - marks;
        (line == 0 || body[line - 1] == b'\n').then_some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use exodus_mail::lines;

    fn check_unquote(body: &str, unquoted: &str, changed: u32) {
        let mut message = format!("A: 1\r\n\r\n{body}").into_bytes();
        assert_eq!(unquote(&mut message), changed);
        assert_eq!(String::from_utf8_lossy(&message), format!("A: 1\r\n\r\n{unquoted}"));
    }

    #[test]
    fn one_mark_is_taken_from_each_quoted_line_and_from_no_other() {
        check_unquote(
            ">From a\r\n>>From b\r\n> From c\r\nx >From d\r\n",
            "From a\r\n>From b\r\n> From c\r\nx >From d\r\n",
            2,
        );
        check_unquote("a\n", "a\n", 0);
        check_unquote("a>\n>From", "a>\n>From", 0);
    }

    /// A mail signed over `signed`, as it stands in an mbox with the body `found`.
    fn signed(signed: &str, found: &str) -> Vec<u8> {
        use data_encoding::BASE64;
        use sha2::{Digest, Sha256};
        let bh = BASE64.encode(&Sha256::digest(lines::to_crlf(signed.as_bytes())));
        format!("DKIM-Signature: a=rsa-sha256; c=simple/simple; bh={bh}; b=\n\n{found}").into_bytes()
    }

    fn verdict(messages: &[Vec<u8>], bare: u32) -> Quoting {
        let mut evidence = Evidence::default();
        for message in messages {
            evidence.weigh(message, bare);
        }
        evidence.verdict()
    }

    #[test]
    fn a_body_hash_decides_over_everything_else() {
        assert_eq!(verdict(&[signed("From a\n", ">From a\n")], 9), Quoting::Mboxrd);
        assert_eq!(verdict(&[signed(">From a\n", ">From a\n")], 0), Quoting::None);
    }

    #[test]
    fn without_a_hash_bare_lines_decide_and_without_those_the_rule() {
        let plain = b"A: 1\n\n>From a\n".to_vec();
        assert_eq!(verdict(std::slice::from_ref(&plain), 1), Quoting::None);
        assert_eq!(verdict(&[plain], 0), Quoting::Mboxrd);
    }
}
