//! Certificates made here, read back.

use proptest::prelude::*;
use rcgen::{CertificateParams, DistinguishedName, DnType, Issuer, KeyPair, SanType};

use super::*;

/// A certificate with two common names and one of each alternative name, signed by `CN=authority`.
fn sample() -> Vec<u8> {
    let mut authority = CertificateParams::default();
    authority.distinguished_name.push(DnType::CommonName, "authority");
    let issuer = Issuer::new(authority, KeyPair::generate().unwrap());
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Example, Inc.");
    params.distinguished_name.push(DnType::CommonName, "app");
    params.subject_alt_names = vec![
        SanType::Rfc822Name("app@example.org".try_into().unwrap()),
        SanType::DnsName("app.example.org".try_into().unwrap()),
        SanType::DnsName("second.example.org".try_into().unwrap()),
        SanType::URI("spiffe://example.org/app".try_into().unwrap()),
    ];
    params.not_before = rcgen::date_time_ymd(2026, 1, 31);
    params.not_after = rcgen::date_time_ymd(2055, 1, 31);
    params.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap().der().to_vec()
}

#[test]
fn a_user_is_named_by_the_part_asked_for() {
    let der = sample();
    let certificate = Certificate::parse(&der).unwrap();
    #[rustfmt::skip]
    let cases = [
        (LoginFrom::DistinguishedName,           "CN=app,O=Example\\, Inc."),
        (LoginFrom::CommonName,                  "app"),
        (LoginFrom::SubjectAlternativeNameDns,   "app.example.org"),
        (LoginFrom::SubjectAlternativeNameEmail, "app@example.org"),
        (LoginFrom::SubjectAlternativeNameUri,   "spiffe://example.org/app"),
    ];
    for (from, expected) in cases {
        assert_eq!(certificate.user(from).as_deref(), Some(expected), "{from:?}");
    }
    assert_eq!(certificate.issuer(), "CN=authority");
    assert_eq!(certificate.validity(), "2026-01-31T00:00:00Z - 2055-01-31T00:00:00Z");
}

#[test]
fn times_are_counted_from_1970() {
    #[rustfmt::skip]
    let cases = [
        ("19700101000000Z", Some(0)),
        ("20000229235959Z", Some(951_868_799)),
        ("20260131000000Z", Some(1_769_817_600)),
        ("20550131120000Z", Some(2_685_009_600)),
        ("19691231235959Z", None),
        ("2026",            None),
    ];
    for (digits, seconds) in cases {
        assert_eq!(timestamp(digits).map(|at| at.0 / 1000), seconds, "{digits}");
    }
}

#[test]
fn a_part_that_is_not_there_names_nobody() {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    let der = params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec();
    let certificate = Certificate::parse(&der).unwrap();
    for from in [
        LoginFrom::DistinguishedName,
        LoginFrom::CommonName,
        LoginFrom::SubjectAlternativeNameDns,
        LoginFrom::SubjectAlternativeNameUri,
    ] {
        assert_eq!(certificate.user(from), None, "{from:?}");
    }
}

proptest! {
    /// However a certificate is damaged, reading it is safe.
    #[test]
    fn damage_is_survived(cuts in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..6)) {
        let mut der = sample();
        for (at, octet) in cuts {
            let at = usize::from(at) % der.len();
            der[at] = octet;
        }
        if let Some(certificate) = Certificate::parse(&der) {
            let _ = (certificate.subject(), certificate.issuer(), certificate.validity());
            let _ = certificate.user(LoginFrom::SubjectAlternativeNameDns);
        }
    }
}
