//! RFC 5322 as both sides of exodus's wall read it: bytes in, bytes or text out, no state.
//!
//! It never fails on foreign bytes and never changes what it is shown. Full MIME parsing is `mail-parser`'s work;
//! here stands only what must be exact to the byte, or what must cost next to nothing for each of a million
//! messages: [`header`] fields, [`encoded_word`]s, [`lines`] endings, [`dkim`] body hashes, IMAP's [`utf7`] names.

pub mod dkim;
pub mod encoded_word;
pub mod header;
pub mod lines;
pub mod utf7;
