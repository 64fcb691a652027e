//! Line endings of a message: what they are, and how to change them so that they can be changed back exactly.

use memchr::{memchr, memchr_iter};

/// How the lines of a message end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineEnds {
    /// Every LF has a CR before it, and there is at least one.
    Crlf,
    /// No LF has a CR before it.
    Lf,
    /// Some have and some have not.
    Mixed,
}

impl LineEnds {
    /// Its name in the index.
    pub fn name(self) -> &'static str {
        match self {
            LineEnds::Crlf => "crlf",
            LineEnds::Lf => "lf",
            LineEnds::Mixed => "mixed",
        }
    }

    /// The line ends of that name.
    pub fn from_name(name: &str) -> Option<LineEnds> {
        [LineEnds::Crlf, LineEnds::Lf, LineEnds::Mixed].into_iter().find(|ends| ends.name() == name)
    }
}

/// Tells how the lines of a message end.
pub fn of(message: &[u8]) -> LineEnds {
    let (mut with_cr, mut without) = (false, false);
    for at in memchr_iter(b'\n', message) {
        if at > 0 && message[at - 1] == b'\r' {
            with_cr = true;
        } else {
            without = true;
        }
        if with_cr && without {
            return LineEnds::Mixed;
        }
    }
    if with_cr { LineEnds::Crlf } else { LineEnds::Lf }
}

/// Takes the CR before every LF out, in place, if every LF has one; else leaves the message as it is.
/// Returns how the lines ended. [`to_crlf`] undoes it exactly.
pub fn to_lf(message: &mut Vec<u8>) -> LineEnds {
    // One pass: most messages are CRLF throughout, and one that is not is nearly always LF from its first line on.
    let (mut from, mut to) = (0, 0);
    while let Some(at) = memchr(b'\n', &message[from..]) {
        if at == 0 || message[from + at - 1] != b'\r' {
            put_back(message, from, to);
            return of(message);
        }
        let len = at - 1;
        message.copy_within(from..from + len, to);
        message[to + len] = b'\n';
        to += len + 1;
        from += at + 1;
    }
    if from == 0 {
        return LineEnds::Lf;
    }
    let rest = message.len() - from;
    message.copy_within(from.., to);
    message.truncate(to + rest);
    LineEnds::Crlf
}

/// Makes the message what it was, whose first `from` bytes were shortened to `to`.
fn put_back(message: &mut [u8], from: usize, to: usize) {
    let original = to_crlf(&message[..to]);
    message[..from].copy_from_slice(&original);
}

/// Puts a CR before every LF that has none.
pub fn to_crlf(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + message.len() / 32 + 2);
    let mut from = 0;
    for at in memchr_iter(b'\n', message) {
        out.extend_from_slice(&message[from..at]);
        out.extend_from_slice(b"\r\n");
        from = at + 1;
    }
    out.extend_from_slice(&message[from..]);
    out
}

/// The size with a CR before every LF that has none: what IMAP calls RFC822.SIZE and Dovecot calls `W=`.
pub fn crlf_len(message: &[u8]) -> usize {
    let is_bare = |at: &usize| *at == 0 || message[at - 1] != b'\r';
    message.len() + memchr_iter(b'\n', message).filter(is_bare).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message: &[u8], ends: LineEnds, stored: &[u8]) {
        let mut bytes = message.to_vec();
        assert_eq!(to_lf(&mut bytes), ends);
        assert_eq!(bytes, stored);
        if ends == LineEnds::Crlf {
            assert_eq!(to_crlf(&bytes), message);
        }
    }

    #[test]
    fn the_crlf_size_counts_only_bare_line_feeds() {
        assert_eq!(crlf_len(b"a\nb\r\n\n"), 8);
        assert_eq!(crlf_len(b"\n"), 2);
    }

    #[test]
    fn crlf_is_taken_out_only_where_it_can_be_put_back() {
        check(b"a\r\nb\r\n", LineEnds::Crlf, b"a\nb\n");
        check(b"a\r\nb", LineEnds::Crlf, b"a\nb");
        check(b"\r\n\r\n", LineEnds::Crlf, b"\n\n");
        check(b"a\r\r\nb\rc\r\n", LineEnds::Crlf, b"a\r\nb\rc\n");
        check(b"a\nb\r\n", LineEnds::Mixed, b"a\nb\r\n");
        check(b"a\r\n\r\r\nb\r\n\nc\r\n", LineEnds::Mixed, b"a\r\n\r\r\nb\r\n\nc\r\n");
        check(b"\n\r\n", LineEnds::Mixed, b"\n\r\n");
        check(b"a\nb\n", LineEnds::Lf, b"a\nb\n");
        check(b"a", LineEnds::Lf, b"a");
        check(b"", LineEnds::Lf, b"");
    }
}
