//! Which policy applies, what it may say, and what comes of it together with arguments.

use std::sync::Arc;

use broker_protocol::table::{FieldTable, Value};

use super::*;
use crate::queue::{Kind, Overflow, Settings};

fn table(values: &[(&str, Value)]) -> FieldTable {
    values.iter().cloned().collect()
}

fn policy(name: &str, pattern: &str, apply_to: ApplyTo, priority: i64) -> Arc<Policy> {
    let definition = table(&[("max-length", 1.into())]);
    let pattern = Pattern::new(pattern).unwrap();
    let policy = Policy::new(Rank::User, name.into(), pattern, apply_to, priority, definition);
    Arc::new(policy.unwrap())
}

/// What both policies and the arguments of a queue make of it.
fn governed(rank_and_values: &[(Rank, &[(&str, Value)])]) -> Governed {
    let mut governed = Governed::default();
    for (rank, values) in rank_and_values {
        let pattern = Pattern::new("").unwrap();
        let policy =
            Policy::new(*rank, "p".into(), pattern, ApplyTo::All, 0, table(values)).unwrap();
        match rank {
            Rank::User => governed.policy = Some(Arc::new(policy)),
            Rank::Operator => governed.operator = Some(Arc::new(policy)),
        }
    }
    governed
}

fn effective(governed: &Governed, arguments: &[(&str, Value)]) -> Settings {
    let arguments = table(arguments);
    let plain = Settings::new("/".into(), "q".into());
    governed.settings(plain.with_arguments(&arguments).unwrap(), &arguments)
}

#[test]
fn the_highest_priority_that_matches_applies() {
    let mut policies = Policies::default();
    for policy in [
        policy("low", "", ApplyTo::All, 0),
        policy("twin-b", "^q", ApplyTo::Queues, 5),
        policy("twin-a", "^q", ApplyTo::Queues, 5),
        policy("ends", "s$", ApplyTo::Exchanges, 9),
        policy("copies", "", ApplyTo::QuorumQueues, 7),
        policy("single", "^single", ApplyTo::ClassicQueues, 8),
        policy("streams", "", ApplyTo::Streams, 99),
    ] {
        assert!(policies.set(Rank::User, policy));
    }
    let queue = |name, kind| policies.of_queue(name, kind).policy.unwrap().name.clone();
    assert_eq!(queue("other", Kind::Classic), "low");
    assert_eq!(queue("q", Kind::Classic), "twin-a", "of two alike the first by name");
    assert_eq!(queue("q", Kind::Quorum), "copies");
    assert_eq!(queue("single", Kind::Classic), "single");
    assert_eq!(queue("events", Kind::Classic), "low", "not one for exchanges");
    let exchange = |name| policies.of_exchange(name).policy.unwrap().name.clone();
    assert_eq!(exchange("events"), "ends", "a pattern matches anywhere in the name");
    assert_eq!(exchange("q"), "low");
    assert_eq!(policies.of_queue("q", Kind::Classic).operator, None);

    assert!(!policies.set(Rank::User, policy("low", "", ApplyTo::All, 0)), "no change");
    assert!(policies.set(Rank::User, policy("low", "x", ApplyTo::All, 0)), "replaced");
    assert_eq!(policies.of_queue("other", Kind::Classic), Governed::default());
    assert!(policies.remove(Rank::User, &"low".into()));
    assert!(!policies.remove(Rank::User, &"low".into()));
    assert_eq!(policies.of(Rank::User).count(), 6);
}

#[test]
fn a_definition_is_checked_key_by_key() {
    let text = |text: &str| Value::from(text);
    let list = Value::Array(vec![text("a"), text("b")]);
    #[rustfmt::skip]
    let cases = [
        // key                      value                user   operator
        ("message-ttl",             0.into(),            true,  true),
        ("message-ttl",             (-1).into(),         false, false),
        ("message-ttl",             text("10"),          false, false),
        ("message-ttl",             315_360_000_001_i64.into(), false, false),
        ("expires",                 1.into(),            true,  true),
        ("expires",                 0.into(),            false, false),
        ("max-length",              i64::MAX.into(),     true,  true),
        ("max-length-bytes",        1.5_f64.into(),      false, false),
        ("overflow",                text("drop-head"),   true,  true),
        ("overflow",                text("drop-tail"),   false, false),
        ("delivery-limit",          3.into(),            true,  true),
        ("consumer-timeout",        0.into(),            false, false),
        ("consumer-timeout",        60_000.into(),       true,  true),
        ("dead-letter-exchange",    text(""),            true,  false),
        ("dead-letter-exchange",    7.into(),            false, false),
        ("dead-letter-routing-key", text(&"k".repeat(256)), false, false),
        ("alternate-exchange",      text("ae"),          true,  false),
        ("queue-mode",              text("lazy"),        true,  false),
        ("queue-version",           3.into(),            false, false),
        ("ha-mode",                 text("exactly"),     true,  true),
        ("ha-params",               2.into(),            true,  true),
        ("ha-params",               list,                true,  true),
        ("ha-params",               text("two"),         false, false),
        ("max-priority",            5.into(),            false, false),
        ("max-len",                 5.into(),            false, false),
    ];
    for (key, value, user, operator) in cases {
        for (rank, expected) in [(Rank::User, user), (Rank::Operator, operator)] {
            let definition = table(&[(key, value.clone())]);
            let pattern = Pattern::new(".*").unwrap();
            let made = Policy::new(rank, "p".into(), pattern, ApplyTo::All, 0, definition);
            assert_eq!(made.is_ok(), expected, "{key} = {value:?} as {rank:?}");
            if let Err(invalid) = made {
                assert!(invalid.0.contains(&format!("'{key}'")), "{invalid} names the key");
            }
        }
    }
}

#[test]
fn what_is_wrong_is_said() {
    let refusal = |rank, values: &[(&str, Value)]| {
        let pattern = Pattern::new("").unwrap();
        Policy::new(rank, "p".into(), pattern, ApplyTo::All, 0, table(values)).unwrap_err().0
    };
    assert_eq!(
        refusal(Rank::User, &[("overflow", "no".into())]),
        "'no' is not a valid value of 'overflow': one of: drop-head, reject-publish, reject-publish-dlx"
    );
    assert_eq!(refusal(Rank::User, &[]), "no policy provided: the definition is empty");
    let twice = FieldTable::from_iter([("max-length", 1), ("max-length", 2)]);
    let pattern = Pattern::new("").unwrap();
    let twice = Policy::new(Rank::User, "p".into(), pattern, ApplyTo::All, 0, twice);
    assert_eq!(twice.unwrap_err().0, "duplicate key 'max-length' not allowed");
    let unknown = refusal(Rank::Operator, &[("alternate-exchange", "ae".into())]);
    assert!(
        unknown.starts_with("'alternate-exchange' is not a recognised operator policy setting")
    );
    assert!(!unknown.contains("dead-letter"), "{unknown}");

    let pattern = Pattern::new("a(").unwrap_err().0;
    assert!(pattern.starts_with("pattern should be regular expression but is invalid: 'a('"));
    assert!(Pattern::new("(((((x{50}){50}){50}){50}){50})").is_err(), "too large to compile");
    let unrecognised = ApplyTo::from_name("queue").unwrap_err().0;
    assert!(unrecognised.starts_with("apply-to 'queue' unrecognised; should be one of: 'queues'"));
    assert_eq!(ApplyTo::from_name("quorum_queues"), Ok(ApplyTo::QuorumQueues));
}

#[test]
fn the_strictest_limit_counts_whoever_gave_it() {
    use Rank::{Operator, User};
    #[rustfmt::skip]
    let cases = [
        // argument   policy   operator  effective
        ([None,       None,    None],    None),
        ([Some(5),    Some(9), None],    Some(5)),
        ([Some(9),    Some(5), None],    Some(5)),
        ([None,       Some(9), Some(7)], Some(7)),
        ([Some(3),    Some(9), Some(7)], Some(3)),
        ([Some(9),    None,    Some(7)], Some(7)),
    ];
    for ([argument, policy, operator], expected) in cases {
        let keys = ["expires", "message-ttl", "max-length", "max-length-bytes", "delivery-limit"];
        for key in keys.into_iter().chain(["consumer-timeout"]) {
            let user = policy.map(|value| [(key, value.into())]);
            let operator = operator.map(|value| [(key, value.into())]);
            let user = user.as_ref().map(|values| (User, &values[..]));
            let operator = operator.as_ref().map(|values| (Operator, &values[..]));
            let both: Vec<_> = user.into_iter().chain(operator).collect();
            let argument_name = format!("x-{key}");
            let arguments: Vec<_> =
                argument.iter().map(|&value| (&*argument_name, Value::from(value))).collect();
            let settings = effective(&governed(&both), &arguments);
            let got = match key {
                "expires" => settings.expires,
                "message-ttl" => settings.message_ttl,
                "max-length" => settings.max_length,
                "max-length-bytes" => settings.max_bytes,
                "delivery-limit" => settings.delivery_limit.map(u64::from),
                _ => settings.consumer_timeout,
            };
            assert_eq!(got, expected, "{key}: {argument:?} {policy:?} {operator:?}");
        }
    }
}

#[test]
fn of_anything_else_the_argument_comes_first() {
    let user = [
        ("overflow", Value::from("reject-publish")),
        ("dead-letter-exchange", "policy".into()),
        ("dead-letter-routing-key", "key".into()),
        ("alternate-exchange", "ae".into()),
    ];
    let operator = [("overflow", Value::from("reject-publish-dlx"))];
    let only_user = governed(&[(Rank::User, &user)]);
    let both = governed(&[(Rank::User, &user), (Rank::Operator, &operator)]);
    let to = |settings: Settings| {
        let to = settings.dead_letter.unwrap();
        (to.exchange.to_string(), to.routing_key.map(|key| key.to_string()))
    };

    let settings = effective(&only_user, &[]);
    assert_eq!(settings.overflow, Overflow::RejectPublish);
    assert_eq!(to(settings), ("policy".into(), Some("key".into())));
    assert_eq!(effective(&both, &[]).overflow, Overflow::RejectPublishDlx);

    let arguments =
        [("x-overflow", Value::from("drop-head")), ("x-dead-letter-exchange", "own".into())];
    let settings = effective(&both, &arguments);
    assert_eq!(settings.overflow, Overflow::DropHead);
    assert_eq!(to(settings), ("own".into(), Some("key".into())));

    assert_eq!(both.alternate(None), Some("ae".into()));
    assert_eq!(both.alternate(Some("own".into())), Some("own".into()));
    let lonely = governed(&[(Rank::User, &[("dead-letter-routing-key", "key".into())])]);
    assert_eq!(effective(&lonely, &[]).dead_letter, None, "a key alone leads nowhere");
}

#[test]
fn both_definitions_are_shown_as_one() {
    let user =
        [("max-length", Value::from(5)), ("message-ttl", 9.into()), ("ha-mode", "all".into())];
    let operator =
        [("message-ttl", Value::from(7)), ("max-length", 8.into()), ("expires", 1.into())];
    let shown = governed(&[(Rank::User, &user), (Rank::Operator, &operator)]).definition();
    let expected = [
        ("expires", Value::from(1)),
        ("ha-mode", "all".into()),
        ("max-length", 5.into()),
        ("message-ttl", 7.into()),
    ];
    assert_eq!(shown, table(&expected));
    assert!(Governed::default().definition().is_empty());
}
