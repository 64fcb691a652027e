//! What every room may say: errors with their exit codes ([`error`]), events of a running command ([`event`]),
//! counts ([`counts`]), how settings are read ([`settings`]), and the kill points of the crash tests ([`kill_point`]).

pub mod counts;
pub mod error;
pub mod event;
pub mod kill_point;
pub mod settings;
