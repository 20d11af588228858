//! Distinguished names, written as RFC 4514 says.

use std::fmt::Write;

use crate::tls::certificate::der::{Element, Reader, tag};

/// `id-at-commonName`.
const COMMON_NAME: &[u8] = &[0x55, 4, 3];

/// Attribute types that have a short name.
#[rustfmt::skip]
const KEYWORDS: [(&[u8], &str); 17] = [
    (COMMON_NAME,        "CN"),
    (&[0x55, 4, 4],      "SN"),
    (&[0x55, 4, 5],      "SERIALNUMBER"),
    (&[0x55, 4, 6],      "C"),
    (&[0x55, 4, 7],      "L"),
    (&[0x55, 4, 8],      "ST"),
    (&[0x55, 4, 9],      "STREET"),
    (&[0x55, 4, 10],     "O"),
    (&[0x55, 4, 11],     "OU"),
    (&[0x55, 4, 12],     "TITLE"),
    (&[0x55, 4, 42],     "GIVENNAME"),
    (&[0x55, 4, 43],     "INITIALS"),
    (&[0x55, 4, 44],     "GENERATIONQUALIFIER"),
    (&[0x55, 4, 65],     "PSEUDONYM"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1],          "EMAILADDRESS"),
    (&[9, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25],   "DC"),
    (&[9, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1],    "UID"),
];

/// The whole name, as in `CN=app,O=Example`: the most specific part comes first.
pub(super) fn distinguished(name: Reader<'_>) -> String {
    let mut parts: Vec<String> = name
        .map(|set| {
            let attributes: Vec<_> = attributes(Reader::new(set.content))
                .map(|(kind, value)| format!("{}={}", keyword(kind), escaped(&value)))
                .collect();
            attributes.join("+")
        })
        .collect();
    parts.reverse();
    parts.join(",")
}

/// The common names in it, from the least specific on.
pub(super) fn common_names(name: Reader<'_>) -> Vec<String> {
    name.flat_map(|set| attributes(Reader::new(set.content)))
        .filter_map(|(kind, value)| (kind == COMMON_NAME).then_some(value))
        .collect()
}

/// Types and values of one part of a name, which mostly has one of each.
fn attributes(set: Reader<'_>) -> impl Iterator<Item = (&[u8], String)> {
    set.filter_map(|attribute| {
        let mut attribute = Reader::new(attribute.content);
        let kind = attribute.tagged(tag::OID)?;
        attribute.next().map(|value| (kind, text(value)))
    })
}

/// What a string says, in whichever of the alphabets of X.520 it is. What is no text is replaced.
fn text(value: Element<'_>) -> String {
    let content = value.content;
    match value.tag {
        tag::TELETEX_STRING => content.iter().copied().map(char::from).collect(),
        tag::BMP_STRING => {
            let units: Vec<u16> =
                content.as_chunks().0.iter().map(|c| u16::from_be_bytes(*c)).collect();
            String::from_utf16_lossy(&units)
        }
        tag::UNIVERSAL_STRING => {
            let points = content.as_chunks().0.iter().map(|c| u32::from_be_bytes(*c));
            points
                .map(|point| char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect()
        }
        _ => String::from_utf8_lossy(content).into_owned(),
    }
}

/// The name of an attribute's type, or its number with points.
fn keyword(kind: &[u8]) -> String {
    match KEYWORDS.iter().find(|(known, _)| *known == kind) {
        Some((_, keyword)) => (*keyword).to_owned(),
        None => dotted(kind),
    }
}

fn dotted(kind: &[u8]) -> String {
    let mut arcs = Vec::new();
    let mut arc = 0_u64;
    for octet in kind {
        arc = (arc << 7) | u64::from(octet & 0x7f);
        if octet & 0x80 == 0 {
            arcs.push(std::mem::take(&mut arc));
        }
    }
    let Some((first, rest)) = arcs.split_first() else { return String::new() };
    let top = (first / 40).min(2);
    let mut text = format!("{top}.{}", first - top * 40);
    for arc in rest {
        // Writing to a String cannot fail.
        let _ = write!(text, ".{arc}");
    }
    text
}

/// A value with what would end it, or be lost, behind a backslash.
fn escaped(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut escaped = String::with_capacity(value.len());
    for (at, c) in value.chars().enumerate() {
        match c {
            '\0' => escaped.push_str("\\00"),
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => escaped.extend(['\\', c]),
            '#' if at == 0 => escaped.push_str("\\#"),
            ' ' if at == 0 || at == last => escaped.push_str("\\ "),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped() {
        #[rustfmt::skip]
        let cases = [
            ("app",         "app"),
            ("a,b",         "a\\,b"),
            (" #a+b ",      "\\ #a\\+b\\ "),
            ("#a",          "\\#a"),
            ("a\"b\\c<d>;", "a\\\"b\\\\c\\<d\\>\\;"),
            ("a\0b",        "a\\00b"),
            (" ",           "\\ "),
        ];
        for (value, expected) in cases {
            assert_eq!(escaped(value), expected, "{value:?}");
        }
    }

    #[test]
    fn an_unknown_type_is_its_number() {
        assert_eq!(dotted(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 2]), "1.2.840.113549.1.9.2");
        assert_eq!(dotted(&[0x88, 0x37]), "2.999");
        assert_eq!(dotted(&[]), "");
    }

    #[test]
    fn strings_come_in_several_alphabets() {
        #[rustfmt::skip]
        let cases: [(u8, &[u8], &str); 4] = [
            (0x0c,                  "ä".as_bytes(),          "ä"),
            (tag::TELETEX_STRING,   &[0xe4],                 "ä"),
            (tag::BMP_STRING,       &[0, 0xe4],              "ä"),
            (tag::UNIVERSAL_STRING, &[0, 0, 0, 0xe4],        "ä"),
        ];
        for (tag, content, expected) in cases {
            assert_eq!(text(Element { tag, content }), expected, "{tag:x}");
        }
    }
}
