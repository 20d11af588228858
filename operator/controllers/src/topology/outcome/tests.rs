//! Answers and what they mean.

use k8s_openapi::jiff::Timestamp;
use operator_topology::{Arguments, Endpoint, Password, Queue};

use super::*;

fn broker(epoch: &str) -> Broker {
    Broker {
        endpoint: Endpoint {
            cluster: "shop/orders".into(),
            host: "127.0.0.1".into(),
            port: 5672,
            username: "warren".into(),
            password: Password::new("s3cret"),
        },
        epoch: epoch.into(),
        member: "orders-0".into(),
    }
}

fn queue() -> Object {
    Object::Queue(Queue {
        name: "billing".into(),
        durable: true,
        auto_delete: false,
        arguments: Arguments::default(),
    })
}

/// The status after `reason` for generation 1, confirmed in `epoch` before.
fn status(epoch: Option<&str>, reason: Reason) -> TopologyStatus {
    let mut status = TopologyStatus {
        epoch: epoch.map(Into::into),
        observed_generation: Some(1),
        ..TopologyStatus::default()
    };
    let now = Timestamp::UNIX_EPOCH;
    Verdict::new(reason, "…").record(&mut status.conditions, Some(1), None, now);
    status
}

#[test]
fn a_success_tells_only_what_is_new() {
    use Ensured::{Created, Declared, Found};
    let (fine, away) = (Reason::Programmed, Reason::BrokerUnreachable);
    #[rustfmt::skip]
    let cases = [
        ("first time",                       None,      fine, 1, Declared, Some(Feat::Declared)),
        ("nothing new",                      Some("a"), fine, 1, Found,    None),
        ("nothing new about a binding",      Some("a"), fine, 1, Declared, None),
        ("a changed manifest",               Some("a"), fine, 2, Found,    Some(Feat::Declared)),
        ("deleted behind our back",          Some("a"), fine, 1, Created,  Some(Feat::DriftCorrected)),
        ("lost with a restart",              Some("z"), fine, 1, Created,  Some(Feat::Reprogrammed)),
        ("survived a restart",               Some("z"), fine, 1, Found,    None),
        ("a binding after a restart",        Some("z"), fine, 1, Declared, Some(Feat::Reprogrammed)),
        ("the network was away",             Some("a"), away, 1, Found,    Some(Feat::Declared)),
    ];
    for (because, epoch, reason, generation, ensured, expected) in cases {
        let before = status(epoch, reason);
        let told = feat(ensured, &before, Some(generation), &broker("a"));
        assert_eq!(told, expected, "{because}");
    }
}

#[test]
fn every_refusal_says_what_to_do() {
    let text = || "PRECONDITION_FAILED - …".to_owned();
    let unreachable = || Error::Unreachable { address: "a:1".into(), reason: "refused".into() };
    #[rustfmt::skip]
    let cases = [
        (unreachable(),                                   Reason::BrokerUnreachable, "tried again"),
        (Error::AccessRefused(text()),                    Reason::AccessRefused,     "grant the permission"),
        (Error::NoVhost("eu".into()),                     Reason::WaitingForVhost,   "'eu' does not exist in the broker: create it"),
        (Error::NotFound(text()),                         Reason::ReferenceNotFound, "apply the Exchange or Queue"),
        (Error::Mismatch(text()),                         Reason::ImmutableMismatch, "make the manifest agree"),
        (Error::Locked(text()),                           Reason::ResourceLocked,    "closes"),
        (Error::Invalid(text()),                          Reason::BrokerRefused,     "correct the manifest"),
        (Error::Refused { code: 541, text: text() },      Reason::BrokerRefused,     "541"),
    ];
    for (error, reason, hint) in cases {
        let verdict = refusal(&error, &queue(), &broker("a"));
        assert_eq!(verdict.reason, reason, "{error}");
        assert!(verdict.message.contains(hint), "{}", verdict.message);
        assert!(!verdict.message.contains("s3cret"));
        assert!(verdict.reason.is_retried(), "{error}: the broker may change its mind");
        let obstacle = obstacle(&error, &queue(), &broker("a"));
        assert_eq!(obstacle.is_none(), reason == Reason::WaitingForVhost, "{error}");
        if let Some(verdict) = obstacle {
            assert!(
                verdict.message.contains("warren.dev/force-delete=true"),
                "{}",
                verdict.message
            );
        }
    }
}
