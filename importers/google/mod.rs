//! Google: a Takeout in any language.
mod labels;
mod locales;
