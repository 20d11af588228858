//! Topic matching against a naive matcher.
