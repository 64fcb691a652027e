//! exodus
