//! Where a target is: its URL, read and checked. `sftp://user@host:port/path`, `file:///path`.

use url::Url;

use crate::report::error::{Error, Kind, Result};

/// A target's URL in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// `sftp` or `file`.
    pub scheme: String,
    /// Who logs in; `None`: the SSH configuration or the local user's name decides.
    pub user: Option<String>,
    /// The server, a name of `~/.ssh/config`, or an address (IPv6 without brackets). Empty for `file`.
    pub host: String,
    /// The port; `None`: the SSH configuration or the scheme decides.
    pub port: Option<u16>,
    /// The folder: absolute (`/srv/ada`), or below the login's home (`~/archive`; `~` is the home itself).
    pub path: String,
}

impl Place {
    /// Reads a URL.
    ///
    /// # Errors
    /// When it is none, has a password in it, or names no folder.
    pub fn parse(text: &str) -> Result<Place> {
        let url = Url::parse(text).map_err(|err| wrong(text, &err.to_string()))?;
        if url.password().is_some() {
            // Not shown: the text holds the password.
            return Err(Error::new(
                Kind::Login,
                "the target's URL has a password in it, which others could see",
            )
            .hint(
                "leave it out: exodus asks for it, or takes it from EXODUS_PASSWORD, `password_file` or `password_command`",
            ));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong(text, "`?` and `#` must be written as %3F and %23"));
        }
        let decode = |text: &str| {
            percent_encoding::percent_decode_str(text).decode_utf8().map(|text| text.into_owned())
        };
        let path = decode(url.path()).map_err(|_| wrong(text, "its path is not UTF-8"))?;
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        if path.contains('\0') {
            return Err(wrong(text, "its path has a NUL in it"));
        }
        let user = match url.username() {
            "" => None,
            user => Some(decode(user).map_err(|_| wrong(text, "its user is not UTF-8"))?),
        };
        let path = match path.strip_prefix("/~") {
            Some(below) if below.is_empty() || below.starts_with('/') => format!("~{below}"),
            _ => path,
        };
        let path = path.trim_end_matches('/').to_owned();
        if !path.starts_with(['/', '~']) {
            return Err(wrong(text, "it names no folder")
                .hint("`/~/archive` is a folder in your home there, `/srv/archive` an absolute path"));
        }
        Ok(Place { scheme: url.scheme().to_owned(), user, host, port: url.port(), path })
    }
}

fn wrong(text: &str, why: &str) -> Error {
    Error::new(Kind::Login, format!("`{}` is no target: {why}", without_password(text)))
}

/// A URL, right or wrong, without what may be a password in it.
fn without_password(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    match rest.rsplit_once('@') {
        Some((user, after)) if user.contains(':') => {
            format!("{scheme}://{}:***@{after}", user.split(':').next().unwrap_or_default())
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_as_people_write_them() {
        let cases = [
            ("sftp://ada@example.org/~/archive", ("sftp", Some("ada"), "example.org", None, "~/archive")),
            ("sftp://example.org/~/", ("sftp", None, "example.org", None, "~")),
            ("sftp://a%40b@[::1]:2222/srv/x%20y/", ("sftp", Some("a@b"), "::1", Some(2222), "/srv/x y")),
            ("file:///mnt/stick/archive", ("file", None, "", None, "/mnt/stick/archive")),
            ("sftp://box/~ada", ("sftp", None, "box", None, "/~ada")),
        ];
        for (text, (scheme, user, host, port, path)) in cases {
            let place = Place::parse(text).unwrap_or_else(|err| panic!("{text}: {err}"));
            let found = (&*place.scheme, place.user.as_deref(), &*place.host, place.port, &*place.path);
            assert_eq!(found, (scheme, user, host, port, path), "{text}");
        }
    }

    #[test]
    fn a_password_in_a_url_is_refused_and_not_repeated() {
        for rest in ["example.org/~/x", "example.org:99999/x", "[/x", "example.org", "example.org/x?a"] {
            let err = Place::parse(&format!("sftp://ada:hunt@er2@{rest}")).expect_err("it has a password");
            assert_eq!(err.kind, Kind::Login);
            assert!(!err.what.contains("er2"), "{err}");
        }
    }

    #[test]
    fn a_url_without_a_folder_is_refused() {
        for text in ["sftp://example.org", "sftp://example.org/", "example.org:x", "archive"] {
            assert!(Place::parse(text).is_err(), "{text}");
        }
    }
}
