//! Who is let in, and at what cost.

use broker_core::access::Command;
use broker_core::topology::{self, Topology};

use super::*;

fn access(users: &[(&str, &str)]) -> Access {
    let mut topology = Topology::new();
    for (name, secret) in users {
        let password = password::hash_of_public(secret.as_bytes());
        let command = Command::SetUser { name: (*name).into(), password, tags: Vec::new() };
        topology.apply(topology::Command::Access(command)).unwrap();
    }
    topology.snapshot().access().clone()
}

fn claim(user: &str, secret: &str, peer: &str) -> Claim {
    Claim { user: user.to_owned(), secret: secret.into(), peer: peer.parse().unwrap() }
}

fn admits(auth: &Authenticator, access: &Access, claim: Claim) -> Option<Actor> {
    match auth.judge(access, claim) {
        Verdict::Known(actor) => actor,
        Verdict::Slow(check) => auth.check(check),
    }
}

#[test]
fn guest_comes_from_loopback_only() {
    let access = access(&[("guest", "guest"), ("app", "secret")]);
    #[rustfmt::skip]
    let cases = [
        ("guest", "guest",  "127.0.0.1",        false, true),
        ("guest", "guest",  "127.9.9.9",        false, true),
        ("guest", "guest",  "::1",              false, true),
        ("guest", "guest",  "::ffff:127.0.0.1", false, true),
        ("guest", "guest",  "10.0.0.1",         false, false),
        ("guest", "guest",  "10.0.0.1",         true,  true),
        ("guest", "wrong",  "127.0.0.1",        false, false),
        ("Guest", "guest",  "127.0.0.1",        false, false),
        ("guest", "",       "127.0.0.1",        false, false),
        ("app",   "secret", "10.0.0.1",         false, true),
        ("app",   "guest",  "127.0.0.1",        false, false),
    ];
    for (user, secret, peer, remote, expected) in cases {
        let auth = Authenticator::new(None, remote).unwrap();
        // Once by the slow way, and once more, perhaps by the quick one.
        for _ in 0..2 {
            let actor = admits(&auth, &access, claim(user, secret, peer));
            assert_eq!(actor, expected.then(|| Actor::new(user)), "{user} from {peer}");
        }
    }
}

#[test]
fn who_was_vouched_for_has_to_be_known() {
    let access = access(&[("guest", "guest"), ("app", "secret")]);
    let auth = Authenticator::new(None, false).unwrap();
    let vouched = |user, peer: &str| auth.vouched(&access, user, peer.parse().unwrap());
    assert_eq!(vouched("app", "10.0.0.1"), Some(Actor::new("app")));
    assert_eq!(vouched("guest", "127.0.0.1"), Some(Actor::new("guest")));
    assert_eq!(vouched("guest", "10.0.0.1"), None);
    assert_eq!(vouched("other", "127.0.0.1"), None);
}

#[test]
fn whoever_was_let_in_before_is_let_in_at_once() {
    let auth = Authenticator::new(None, false).unwrap();
    let before = access(&[("app", "secret")]);
    let again = || auth.judge(&before, claim("app", "secret", "10.0.0.1"));
    assert!(matches!(again(), Verdict::Slow(_)));
    assert!(admits(&auth, &before, claim("app", "secret", "10.0.0.1")).is_some());
    assert!(matches!(again(), Verdict::Known(Some(_))));
    let after = access(&[("app", "other")]);
    let old = || claim("app", "secret", "10.0.0.1");
    assert!(matches!(auth.judge(&after, old()), Verdict::Slow(_)), "the password was changed");
    assert!(admits(&auth, &after, old()).is_none());
}

#[test]
fn a_directory_comes_first_and_is_read_again() {
    let directory = tempfile::tempdir().unwrap();
    let write = |user: &str, password: &str| {
        std::fs::write(directory.path().join("username"), user).unwrap();
        std::fs::write(directory.path().join("password"), password).unwrap();
    };
    write("app\n", "first\n");
    let auth = Authenticator::new(Some(directory.path().to_owned()), false).unwrap();
    let access = access(&[("app", "stored"), ("other", "secret")]);
    let unlimited = Some(Actor { name: "app".into(), unlimited: true });
    let login = |user, secret| admits(&auth, &access, claim(user, secret, "10.0.0.1"));
    assert_eq!(login("app", "first"), unlimited);
    assert_eq!(login("app", "stored"), None, "the stored user is hidden");
    assert_eq!(login("other", "secret"), Some(Actor::new("other")));
    write("app", "the second");
    assert_eq!(login("app", "first"), None);
    assert_eq!(login("app", "the second"), unlimited);
    assert_eq!(auth.named_by_directory().as_deref(), Some("app"));
    std::fs::remove_file(directory.path().join("password")).unwrap();
    assert_eq!(login("app", "the second"), unlimited, "the last good ones hold");
}

#[test]
fn a_directory_without_credentials_is_refused_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let error = Authenticator::new(Some(directory.path().to_owned()), false).unwrap_err();
    assert!(error.to_string().contains("username"), "{error}");
}
