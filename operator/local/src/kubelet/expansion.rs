//! `$(NAME)` in a container's command, arguments and environment.
//!
//! Kubernetes' rules: a reference to a variable that is not set stays as it is written, and
//! `$$` stands for one dollar sign, so `$$(NAME)` is the text `$(NAME)`.

use std::collections::BTreeMap;

/// Replaces every reference to a variable of `environment` in `text`.
pub(super) fn expand(text: &str, environment: &BTreeMap<String, String>) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        expanded.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            expanded.push('$');
            rest = after;
        } else if let Some((name, after)) = reference(rest) {
            match environment.get(name) {
                Some(value) => expanded.push_str(value),
                None => expanded.extend(["$(", name, ")"]),
            }
            rest = after;
        } else {
            expanded.push('$');
        }
    }
    expanded.push_str(rest);
    expanded
}

/// Splits `(NAME)rest` into the name and the rest.
fn reference(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix('(')?.split_once(')')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_replaced_as_kubernetes_does() {
        let environment = BTreeMap::from([
            ("IP".to_owned(), "127.9.0.2".to_owned()),
            ("EMPTY".to_owned(), String::new()),
            ("NESTED".to_owned(), "$(IP)".to_owned()),
        ]);
        #[rustfmt::skip]
        let cases = [
            // text                     expected                because
            ("--listen=$(IP):5672",     "--listen=127.9.0.2:5672", "a reference inside a word"),
            ("$(IP)$(IP)",              "127.9.0.2127.9.0.2",   "two in a row"),
            ("[$(EMPTY)]",              "[]",                   "set to nothing"),
            ("$(MISSING)",              "$(MISSING)",           "not set: stays"),
            ("$$(IP)",                  "$(IP)",                "escaped"),
            ("$$$(IP)",                 "$127.9.0.2",           "an escaped dollar, then a reference"),
            ("$IP ${IP} $",             "$IP ${IP} $",          "the shell's forms mean nothing here"),
            ("$(IP",                    "$(IP",                 "never closed"),
            ("$(NESTED)",               "$(IP)",                "a value is not expanded again"),
            ("größe $(IP) €",           "größe 127.9.0.2 €",    "other text is left alone"),
        ];
        for (text, expected, because) in cases {
            assert_eq!(expand(text, &environment), expected, "{text}: {because}");
        }
    }
}
