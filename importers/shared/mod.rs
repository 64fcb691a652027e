//! What two importers or more use: formats that belong to no platform.
//!
//! [`mbox`] splits, [`from_line`] reads its separators, [`quoting`] undoes its `>From ` lines, [`identity`] names a
//! message that carries no name of its own, [`names`] compares file names as people do, [`document_date`] asks a
//! document for its own date, [`movie_date`] a video, [`name_date`] its name, [`media_type`] tells what a picture or video is by its first bytes.
//! [`content_lines`] reads and writes what vCard and iCalendar are made of, [`json_paths`]
//! takes single values out of JSON of any size, [`json_list`] whole lists, [`json_mended`] reads what is not quite JSON, [`faults`] says what
//! could not be read. [`html`] walks over pages, [`markdown`] is what HTML becomes,
//! [`conversation`] sends what people said to each other, [`localized_date`] reads dates as pages show them, [`table`] reads CSV.
//! [`blocks`] cuts long texts into records, [`workout`] sums up TCX and GPX, [`meta`] is what the exports of Instagram and Facebook have in common.

pub mod blocks;
pub mod content_lines;
pub mod conversation;
pub mod document_date;
pub mod faults;
pub mod from_line;
pub mod html;
pub mod identity;
pub mod json_list;
pub mod json_mended;
pub mod json_paths;
pub mod localized_date;
pub mod markdown;
pub mod mbox;
pub mod media_type;
pub mod meta;
pub mod movie_date;
pub mod name_date;
pub mod names;
pub mod quoting;
pub mod table;
pub mod workout;
