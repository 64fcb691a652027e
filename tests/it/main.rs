//! The integration tests: the real binary in a temporary home, on exports that the fixtures make.
//!
//! [`house`] runs it, [`tree`] compares folders byte for byte, [`exports`] makes exports, [`index`] looks into the
//! index. The rest are the tests: what is imported ([`import`], [`updates`], [`incremental`], [`options`], [`notes`], [`chats`],
//! [`activity`], [`photos`], [`places`], [`blogs`], [`fit`], [`store`], [`groups`], [`instagram`], [`facebook`]), from which containers
//! ([`containers`]), what breaks ([`damage`], [`crash`], [`disk`]), what other programs read ([`readback`], [`vdir`], [`sieve`]), what
//! a receipt says ([`receipt`]), many accounts at once ([`batch`], [`scale`]), parts that come one by one ([`watch`]), how the command line speaks ([`cli`], [`native`], [`config`],
//! [`doctor`], [`snapshots`], [`skeleton`], [`untrusted`]), that the papers tell the truth ([`readme`]), who is shut in ([`sandbox`]) and
//! what is nowhere ([`secrets`]), who may know whom ([`layers`]), and random input ([`mutations`]).

mod academia;
mod activity;
mod asyncssh;
mod batch;
mod blogs;
mod chats;
mod cli;
mod config;
mod containers;
mod copies;
mod crash;
mod damage;
mod disk;
mod doctor;
mod exports;
mod facebook;
mod fit;
mod groups;
mod house;
mod import;
mod incremental;
mod index;
mod instagram;
mod layers;
mod mutations;
mod native;
mod notes;
mod options;
mod photos;
mod places;
mod posts_out;
mod push;
mod push_sftp;
mod readback;
mod readme;
mod receipt;
mod sandbox;
mod scale;
mod secrets;
mod sieve;
mod site;
mod skeleton;
mod snapshots;
mod ssh;
mod sshd;
mod store;
mod tree;
mod untrusted;
mod updates;
mod vdir;
mod watch;
