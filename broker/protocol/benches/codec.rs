//! What one small message costs the codec.
fn main() {}
