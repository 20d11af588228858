//! What a client's certificate says (RFC 5280), read after it was verified.

mod der;
mod name;

use broker_core::time::Timestamp;

use crate::args::tls::LoginFrom;
use crate::tls::certificate::der::{Element, Reader, tag};

/// `id-ce-subjectAltName`.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// The choices of an alternative name.
mod general_name {
    pub(super) const EMAIL: u8 = 0x81;
    pub(super) const DNS: u8 = 0x82;
    pub(super) const URI: u8 = 0x86;
}

/// The parts of a certificate that tell who it is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Certificate<'a> {
    subject: Reader<'a>,
    issuer: Reader<'a>,
    validity: Reader<'a>,
    alternative_names: Option<Reader<'a>>,
}

// === impl Certificate ===

impl<'a> Certificate<'a> {
    /// None if the bytes are not a certificate.
    pub(crate) fn parse(der: &'a [u8]) -> Option<Self> {
        const VERSION: u8 = 0xa0;
        const INTEGER: u8 = 0x02;
        const EXTENSIONS: u8 = 0xa3;
        let mut body = Reader::new(der).enter(tag::SEQUENCE)?.enter(tag::SEQUENCE)?;
        body.tagged(VERSION);
        body.tagged(INTEGER)?;
        body.tagged(tag::SEQUENCE)?;
        let issuer = body.enter(tag::SEQUENCE)?;
        let validity = body.enter(tag::SEQUENCE)?;
        let subject = body.enter(tag::SEQUENCE)?;
        body.tagged(tag::SEQUENCE)?;
        let extensions = body.find(|element| element.tag == EXTENSIONS);
        let alternative_names = extensions.and_then(|extensions| {
            let mut list = Reader::new(extensions.content).enter(tag::SEQUENCE)?;
            list.find_map(alternative_names)
        });
        Some(Self { subject, issuer, validity, alternative_names })
    }

    /// The subject, as in `CN=app,O=Example`.
    pub(crate) fn subject(&self) -> String {
        name::distinguished(self.subject)
    }

    /// Who signed it.
    pub(crate) fn issuer(&self) -> String {
        name::distinguished(self.issuer)
    }

    /// From when until when it holds, as in `2026-01-31T12:00:00Z - 2027-01-31T12:00:00Z`.
    pub(crate) fn validity(&self) -> String {
        let moments: Vec<_> = self.validity.map(moment).collect();
        moments.join(" - ")
    }

    /// When it ends to hold, if it says so as it should.
    pub(crate) fn expires(&self) -> Option<Timestamp> {
        self.validity.map(digits).nth(1).and_then(|digits| timestamp(&digits))
    }

    /// The user that it is for; none if the part asked for is not there or says nothing.
    pub(crate) fn user(&self, from: LoginFrom) -> Option<String> {
        let user = match from {
            LoginFrom::DistinguishedName => self.subject(),
            LoginFrom::CommonName => name::common_names(self.subject).join(","),
            LoginFrom::SubjectAlternativeNameDns => self.alternative(general_name::DNS)?,
            LoginFrom::SubjectAlternativeNameEmail => self.alternative(general_name::EMAIL)?,
            LoginFrom::SubjectAlternativeNameUri => self.alternative(general_name::URI)?,
        };
        (!user.is_empty()).then_some(user)
    }

    fn alternative(&self, choice: u8) -> Option<String> {
        let found = self.alternative_names?.find(|name| name.tag == choice)?;
        str::from_utf8(found.content).ok().map(str::to_owned)
    }
}

/// The names in an extension, if it is that of alternative names.
fn alternative_names(extension: Element<'_>) -> Option<Reader<'_>> {
    const BOOLEAN: u8 = 0x01;
    let mut extension = Reader::new(extension.content);
    if extension.tagged(tag::OID)? != SUBJECT_ALT_NAME {
        return None;
    }
    extension.tagged(BOOLEAN);
    Reader::new(extension.tagged(tag::OCTET_STRING)?).enter(tag::SEQUENCE)
}

/// A time as `YYYYMMDDHHMMSSZ`. Certificates write it so from 2050 on, and before without a century.
fn digits(time: Element<'_>) -> String {
    let digits = String::from_utf8_lossy(time.content).into_owned();
    let century = if time.tag != tag::UTC_TIME {
        ""
    } else if digits.as_str() < "50" {
        "20"
    } else {
        "19"
    };
    format!("{century}{digits}")
}

/// The moment that such a time stands for, if it is one after 1970.
fn timestamp(digits: &str) -> Option<Timestamp> {
    let part = |range| digits.get::<std::ops::Range<usize>>(range)?.parse::<u64>().ok();
    let (year, month, day) = (part(0..4)?, part(4..6)?, part(6..8)?);
    let (hour, minute, second) = (part(8..10)?, part(10..12)?, part(12..14)?);
    // A year that begins in March has its leap day at its end.
    let (year, month) =
        if month < 3 { (year.checked_sub(1)?, month + 9) } else { (year, month.checked_sub(3)?) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day;
    // From 1 March of the year 0 to 1 January 1970.
    let days = days.checked_sub(719_469)?;
    Some(Timestamp((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000))
}

/// A time as RFC 3339 writes it.
fn moment(time: Element<'_>) -> String {
    let digits = digits(time);
    match digits.as_bytes() {
        [..] if digits.len() == 15 && digits.is_ascii() => format!(
            "{}-{}-{}T{}:{}:{}Z",
            &digits[..4],
            &digits[4..6],
            &digits[6..8],
            &digits[8..10],
            &digits[10..12],
            &digits[12..14]
        ),
        _ => digits,
    }
}

#[cfg(test)]
mod tests;
