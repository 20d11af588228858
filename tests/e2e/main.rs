//! From manifests to messages: placeholder.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failing test says what failed")]
