//! The topology's rules, as tables of commands and what comes of them.
