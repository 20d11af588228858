//! What the tests of whole systems share.
