//! Where a container's mounted paths are on this machine.
//!
//! A process has no file system of its own, so a path that the pod's author wrote, such as
//! `/var/lib/warren/data`, is rewritten in arguments and environment to the folder that holds the
//! volume. Only whole path components count: `/data` is not found in `/database`, nor in
//! `/srv/data`.

use std::path::{Path, PathBuf};

/// The mounts of one container, the longest path first so that a nested mount wins.
#[derive(Debug, Default, Clone)]
pub(super) struct Mounts(Vec<(String, PathBuf)>);

// === impl Mounts ===

impl Mounts {
    /// Takes pairs of mount path and folder on this machine.
    pub(super) fn new(mounts: impl IntoIterator<Item = (String, PathBuf)>) -> Self {
        let mut mounts: Vec<_> = mounts
            .into_iter()
            .map(|(path, folder)| (path.trim_end_matches('/').to_owned(), folder))
            .collect();
        mounts.retain(|(path, _)| path.starts_with('/'));
        mounts.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.0.cmp(&b.0)));
        Self(mounts)
    }

    /// `text` with every mounted path in it replaced by its place on this machine.
    pub(super) fn rewrite(&self, text: &str) -> String {
        let mut rewritten = String::with_capacity(text.len());
        let mut at = 0;
        while at < text.len() {
            let rest = &text[at..];
            if rest.starts_with('/')
                && begins_a_path(&text[..at])
                && let Some((path, folder)) = self.mounted_at(rest)
            {
                rewritten.push_str(&folder.to_string_lossy());
                at += path.len();
                continue;
            }
            let width = rest.chars().next().map_or(1, char::len_utf8);
            rewritten.push_str(&rest[..width]);
            at += width;
        }
        rewritten
    }

    fn mounted_at(&self, rest: &str) -> Option<(&str, &Path)> {
        let found = self.0.iter().find(|(path, _)| {
            rest.strip_prefix(path.as_str())
                .is_some_and(|after| ends_a_component(after.chars().next()))
        });
        found.map(|(path, folder)| (path.as_str(), folder.as_path()))
    }
}

/// Whether a `/` that follows `before` is the root and not a separator within a path.
fn begins_a_path(before: &str) -> bool {
    before.chars().next_back().is_none_or(|c| matches!(c, '=' | ':' | ',' | ';' | ' ' | '"' | '\''))
}

fn ends_a_component(next: Option<char>) -> bool {
    next.is_none_or(|c| matches!(c, '/' | ':' | ',' | ';' | ' ' | '"' | '\''))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounted_paths_are_replaced_and_nothing_else() {
        let mounts = Mounts::new([
            ("/var/lib/warren/".to_owned(), PathBuf::from("/tmp/s/data")),
            ("/etc/warren/credentials".to_owned(), PathBuf::from("/tmp/s/secret")),
            ("/etc/warren".to_owned(), PathBuf::from("/tmp/s/etc")),
        ]);
        #[rustfmt::skip]
        let cases = [
            // text                                  expected                       because
            ("/var/lib/warren",                      "/tmp/s/data",                 "the whole value"),
            ("--data-dir=/var/lib/warren",           "--data-dir=/tmp/s/data",      "behind an equals sign"),
            ("--data-dir=/var/lib/warren/wal",       "--data-dir=/tmp/s/data/wal",  "a path below the mount"),
            ("/etc/warren/credentials/password",     "/tmp/s/secret/password",      "the nested mount wins"),
            ("/etc/warren/broker.toml",              "/tmp/s/etc/broker.toml",      "the outer mount"),
            ("/var/lib/warren2",                     "/var/lib/warren2",            "another name"),
            ("/srv/var/lib/warren",                  "/srv/var/lib/warren",         "in the middle of a path"),
            ("a=/etc/warren:/var/lib/warren,b",      "a=/tmp/s/etc:/tmp/s/data,b",  "a list of paths"),
            ("http://host/etc/warren",               "http://host/etc/warren",      "a path of a URL"),
            ("ünï=/var/lib/warren",                  "ünï=/tmp/s/data",             "text is not ASCII"),
            ("",                                     "",                            "nothing"),
        ];
        for (text, expected, because) in cases {
            assert_eq!(mounts.rewrite(text), expected, "{text}: {because}");
        }
    }
}
