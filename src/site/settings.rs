//! What a site is called and where it will be: `[site]` in `exodus.toml`.
//!
//! ```toml
//! [site]
//! title = "Publications"
//! author = "Ada Example"
//! url = "https://ada.example.org/"    # for the feed and the sitemap
//! language = "en"                     # of the site's own words: en, de, es
//! email = "ada@example.org"           # where papers on request are asked for
//! ```

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::report::error::{Error, Kind, Result};
use crate::report::settings::text_of;

/// The settings of a site.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SiteSettings {
    /// Its title.
    pub title: String,
    /// Whose it is.
    pub author: String,
    /// The address at which it will be.
    pub url: Option<String>,
    /// The language of its own words.
    pub language: String,
    /// Where papers on request are asked for.
    pub email: Option<String>,
}

impl Default for SiteSettings {
    fn default() -> SiteSettings {
        let (title, language) = ("Publications".to_owned(), "en".to_owned());
        SiteSettings { title, author: String::new(), url: None, language, email: None }
    }
}

impl SiteSettings {
    /// Reads the settings; those of a site that was told nothing if there is no such file.
    ///
    /// # Errors
    /// When the file cannot be read or understood.
    pub fn read(path: &Path) -> Result<SiteSettings> {
        #[derive(Deserialize)]
        struct All {
            site: Option<SiteSettings>,
        }
        let text = text_of(path)?;
        let all: All = toml_edit::de::from_str(&text)
            .map_err(|err| Error::settings(path, &text, err.message(), err.span()))?;
        let site = all.site.unwrap_or_default();
        let is_address = |url: &str| url::Url::parse(url).is_ok_and(|url| url.has_host());
        if let Some(url) = site.url.as_ref().filter(|url| !is_address(url)) {
            let what = format!("`url` of `[site]` in `{}` is no address: `{url}`", path.display());
            return Err(
                Error::new(Kind::Login, what).hint("write it whole: url = \"https://ada.example.org/\"")
            );
        }
        Ok(site)
    }

    /// The site's address with a slash at its end.
    pub fn base(&self) -> Option<String> {
        self.url.as_ref().map(|url| format!("{}/", url.trim_end_matches('/')))
    }
}
