//! The few rules of DER (ITU-T X.690) that reading a certificate takes.
//!
//! Total: whatever the bytes are, the answer is a part of them or none.

/// Reads one element after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

/// A tag and what it stands before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
}

/// Tags of universal types.
pub(super) mod tag {
    pub(crate) const OCTET_STRING: u8 = 0x04;
    pub(crate) const OID: u8 = 0x06;
    pub(crate) const UTC_TIME: u8 = 0x17;
    pub(crate) const BMP_STRING: u8 = 0x1e;
    pub(crate) const UNIVERSAL_STRING: u8 = 0x1c;
    pub(crate) const TELETEX_STRING: u8 = 0x14;
    pub(crate) const SEQUENCE: u8 = 0x30;
}

// === impl Reader ===

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next element if it has this tag; otherwise nothing is read.
    pub(super) fn tagged(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (element, rest) = split(self.0)?;
        (element.tag == tag).then(|| {
            self.0 = rest;
            element.content
        })
    }

    /// As [`Reader::tagged`], to be read in turn.
    pub(super) fn enter(&mut self, tag: u8) -> Option<Self> {
        self.tagged(tag).map(Self)
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        let (element, rest) = split(self.0)?;
        self.0 = rest;
        Some(element)
    }
}

/// Takes the first element off. Tags of more than one octet are not used in certificates.
fn split(bytes: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if octets.is_empty() || octets.len() > 4 {
            return None;
        }
        let length = octets.iter().fold(0, |length, octet| (length << 8) | u64::from(*octet));
        (usize::try_from(length).ok()?, rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((Element { tag, content }, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_are_short_or_long() {
        let long = [&[tag::OCTET_STRING, 0x81, 200][..], &[7; 200]].concat();
        #[rustfmt::skip]
        let cases: [(&[u8], Option<usize>); 6] = [
            (&[tag::OCTET_STRING, 2, 1, 2],          Some(2)),
            (&long,                                  Some(200)),
            (&[tag::OCTET_STRING, 3, 1, 2],          None),
            (&[tag::OCTET_STRING, 0x80, 0, 0],       None),
            (&[tag::OCTET_STRING, 0x85, 0, 0, 0, 0, 1, 1], None),
            (&[tag::OID, 1, 1],                      None),
        ];
        for (bytes, expected) in cases {
            let content = Reader::new(bytes).tagged(tag::OCTET_STRING);
            assert_eq!(content.map(<[u8]>::len), expected, "{bytes:?}");
        }
    }

    proptest! {
        /// No bytes make it panic or go on for ever.
        #[test]
        fn reading_ends(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Reader::new(&bytes).count() <= bytes.len());
        }
    }
}
