//! exodus
fn main() {}
