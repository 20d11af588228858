//! The rules of access as tables.

use broker_protocol::table::FieldTable;

use super::*;
use crate::id::{ConnectionId, QueueId};
use crate::pattern::Pattern;
use crate::topology::{
    self, Binding, DeclareExchange, DeclareQueue, Destination, Outcome, Topology, permits,
};

const NOBODY: ConnectionId = ConnectionId(0);

fn change(topology: &mut Topology, command: Command) -> bool {
    match topology.apply(topology::Command::Access(command)).unwrap() {
        Outcome::Done { changed } => changed,
        _ => panic!("an access command is done or not"),
    }
}

fn permission(configure: &str, write: &str, read: &str) -> Permission {
    let [configure, write, read] = [configure, write, read].map(|text| Pattern::new(text).unwrap());
    Permission { configure, write, read }
}

fn set_user(name: &str, tags: &[&str]) -> Command {
    let tags = tags.iter().map(|tag| Name::new(tag)).collect();
    Command::SetUser { name: name.into(), password: None, tags }
}

/// The vhost `/` with a user `u` who may do this.
fn with(configure: &str, write: &str, read: &str) -> Topology {
    let mut topology = Topology::new();
    topology.apply(topology::Command::CreateVhost { vhost: "/".into() }).unwrap();
    change(&mut topology, set_user("u", &[]));
    let permission = permission(configure, write, read);
    let (user, vhost) = ("u".into(), "/".into());
    change(&mut topology, Command::Permit { user, vhost, permission });
    topology
}

fn exchange(name: &str, kind: &str, alternate: Option<&str>) -> topology::Command {
    let mut arguments = FieldTable::new();
    if let Some(alternate) = alternate {
        arguments.insert("alternate-exchange", alternate);
    }
    topology::Command::DeclareExchange(DeclareExchange {
        vhost: "/".into(),
        name: name.into(),
        kind: kind.into(),
        passive: false,
        durable: true,
        auto_delete: false,
        internal: false,
        delays: QueueId(0),
        arguments,
    })
}

fn queue(name: &str, passive: bool, dead_letters: Option<&str>) -> topology::Command {
    let mut arguments = FieldTable::new();
    if let Some(exchange) = dead_letters {
        arguments.insert("x-dead-letter-exchange", exchange);
    }
    topology::Command::DeclareQueue(DeclareQueue {
        vhost: "/".into(),
        name: name.into(),
        generated_name: "amq.gen-1".into(),
        id: QueueId(1),
        connection: NOBODY,
        passive,
        durable: true,
        exclusive: false,
        auto_delete: false,
        arguments,
    })
}

fn bind(source: &str, destination: Destination, key: &str) -> topology::Command {
    let binding = Binding {
        vhost: "/".into(),
        source: source.into(),
        destination,
        routing_key: key.into(),
        arguments: FieldTable::new(),
    };
    topology::Command::Bind(binding, NOBODY)
}

#[test]
fn each_change_needs_its_rights() {
    let to_queue = |name: &str| Destination::Queue(name.into());
    let to_exchange = |name: &str| Destination::Exchange(name.into());
    let delete = |name: &str| topology::Command::DeleteExchange {
        vhost: "/".into(),
        name: name.into(),
        if_unused: false,
    };
    #[rustfmt::skip]
    let cases = [
        // configure     write        read      command                                 refused
        ("^q$",          "",          "",       queue("q", false, None),                None),
        ("^$",           ".*",        ".*",     queue("q", false, None),                Some("configure access to queue 'q'")),
        ("^$",           "^$",        "^$",     queue("q", true, None),                 None),
        (".*",           "^d$",       "^q$",    queue("q", false, Some("d")),           None),
        (".*",           ".*",        "^$",     queue("q", false, Some("d")),           Some("read access to queue 'q'")),
        (".*",           "^$",        ".*",     queue("q", false, Some("d")),           Some("write access to exchange 'd'")),
        (".*",           "^$",        ".*",     queue("q", false, Some("")),            Some("write access to exchange 'amq.default'")),
        ("^q",           ".*",        ".*",     queue("", false, None),                 Some("configure access to queue 'amq.gen-1'")),
        ("^amq\\.gen",   "",          "",       queue("", false, None),                 None),
        ("^e$",          "",          "",       exchange("e", "topic", None),           None),
        ("^x$",          ".*",        ".*",     exchange("e", "topic", None),           Some("configure access to exchange 'e'")),
        ("^$",           "",          "",       exchange("e", "nonesuch", None),        None),
        (".*",           "^a$",       "^e$",    exchange("e", "topic", Some("a")),      None),
        (".*",           "^$",        ".*",     exchange("e", "topic", Some("a")),      Some("write access to exchange 'a'")),
        (".*",           ".*",        "^$",     exchange("e", "topic", Some("a")),      Some("read access to exchange 'e'")),
        ("^e$",          "",          "",       delete("e"),                            None),
        ("^x$",          ".*",        ".*",     delete("e"),                            Some("configure access to exchange 'e'")),
        ("",             "^q$",       "^amq",   bind("amq.topic", to_queue("q"), "k"),  None),
        (".*",           "^$",        ".*",     bind("amq.topic", to_queue("q"), "k"),  Some("write access to queue 'q'")),
        (".*",           ".*",        "^$",     bind("amq.topic", to_queue("q"), "k"),  Some("read access to exchange 'amq.topic'")),
        (".*",           "^$",        ".*",     bind("amq.topic", to_exchange("e"), ""), Some("write access to exchange 'e'")),
    ];
    for (configure, write, read, command, expected) in cases {
        let routes = with(configure, write, read).snapshot();
        let refused = permits(&routes, &Actor::new("u"), &command).err().map(|r| r.text);
        let expected = expected
            .map(|what| format!("ACCESS_REFUSED - {what} in vhost '/' refused for user 'u'"));
        assert_eq!(refused, expected, "{command:?}");
        let root = Actor { name: "root".into(), unlimited: true };
        assert_eq!(permits(&routes, &root, &command), Ok(()), "nothing is refused to it");
        assert!(permits(&routes, &Actor::new("other"), &command).is_err() || expected.is_none());
    }
}

#[test]
fn what_is_there_needs_no_more_than_configure() {
    let mut topology = with(".*", "^$", "^$");
    topology.apply(queue("q", false, Some("d"))).unwrap();
    topology.apply(exchange("e", "topic", Some("a"))).unwrap();
    let routes = topology.snapshot();
    for command in [queue("q", false, Some("d")), exchange("e", "topic", Some("a"))] {
        assert_eq!(permits(&routes, &Actor::new("u"), &command), Ok(()));
    }
}

#[test]
fn a_topic_permission_limits_routing_keys() {
    let mut topology = with(".*", ".*", ".*");
    let actor = Actor::new("u");
    assert!(topology.snapshot().access().may_write_all(&actor, "/"));
    let topic =
        TopicPermission::new(("^{username}\\.", "^{vhost}|{client_id}$"), "u", "/").unwrap();
    change(
        &mut topology,
        Command::PermitTopic {
            user: "u".into(),
            vhost: "/".into(),
            exchange: "amq.topic".into(),
            permission: topic.clone(),
        },
    );
    let routes = topology.snapshot();
    assert!(!routes.access().may_write_all(&actor, "/"), "there is something to check");
    let check = |exchange, key, right| {
        routes.access().check_topic(&actor, "/", (exchange, key), right).is_ok()
    };
    assert!(check("amq.topic", "u.x", Right::Write));
    assert!(!check("amq.topic", "v.x", Right::Write));
    assert!(check("other", "v.x", Right::Write), "another exchange");
    assert!(check("amq.topic", "/x", Right::Read) && !check("amq.topic", "x", Right::Read));
    assert_eq!(topic.write.as_str(), "^{username}\\.", "shown as it was written");
    let bound = bind("amq.topic", Destination::Queue("q".into()), "x");
    assert_eq!(
        permits(&routes, &actor, &bound).unwrap_err().text,
        "ACCESS_REFUSED - read access to topic 'x' in exchange 'amq.topic' in vhost '/' refused \
         for user 'u'"
    );
    let odd = TopicPermission::new(("^{username}$", ".*"), "a.c", "/").unwrap();
    assert!(odd.write.is_in("a.c") && !odd.write.is_in("abc"), "a name is taken literally");
}

#[test]
fn a_change_twice_is_no_change() {
    let mut topology = with(".*", ".*", ".*");
    let limits = UserLimits { max_connections: Some(1), max_channels: None };
    let commands = [
        set_user("u", &["monitoring"]),
        Command::LimitUser { name: "u".into(), limits },
        Command::Forbid { user: "u".into(), vhost: "/".into() },
        Command::SetParameter { name: "cluster_name".into(), value: "\"c\"".into() },
        Command::ClearParameter { name: "cluster_name".into() },
        Command::DeleteUser { name: "u".into() },
    ];
    for command in commands {
        let before = topology.snapshot().access().version();
        assert!(change(&mut topology, command.clone()), "{command:?}");
        assert!(topology.snapshot().access().version() > before);
        let after = topology.snapshot().access().version();
        assert!(!change(&mut topology, command.clone()), "{command:?}");
        assert_eq!(topology.snapshot().access().version(), after);
    }
    let limits = Command::LimitUser { name: "u".into(), limits };
    assert!(!change(&mut topology, limits), "there is no such user");
}

#[test]
fn what_goes_takes_its_permissions_along() {
    let mut topology = with(".*", ".*", ".*");
    topology.apply(topology::Command::DeleteVhost { vhost: "/".into() }).unwrap();
    topology.apply(topology::Command::CreateVhost { vhost: "/".into() }).unwrap();
    assert!(!topology.snapshot().access().may_enter(&Actor::new("u"), "/"));
    let mut topology = with(".*", ".*", ".*");
    change(&mut topology, Command::DeleteUser { name: "u".into() });
    change(&mut topology, set_user("u", &[]));
    assert!(!topology.snapshot().access().may_enter(&Actor::new("u"), "/"));
}

#[test]
fn tags_include_one_another() {
    #[rustfmt::skip]
    let cases = [
        ("administrator", Tag::Administrator, true),
        ("administrator", Tag::Monitoring,    true),
        ("administrator", Tag::Policymaker,   true),
        ("administrator", Tag::Impersonator,  false),
        ("monitoring",    Tag::Management,    true),
        ("monitoring",    Tag::Policymaker,   false),
        ("policymaker",   Tag::Monitoring,    false),
        ("management",    Tag::Management,    true),
        ("management",    Tag::Monitoring,    false),
        ("other",         Tag::Management,    false),
    ];
    for (tag, asked, expected) in cases {
        let mut topology = Topology::new();
        change(&mut topology, set_user("u", &["x", tag]));
        let bears = topology.snapshot().access().bears(&Actor::new("u"), asked);
        assert_eq!(bears, expected, "{tag} / {asked:?}");
    }
}

#[test]
fn a_vhost_holds_as_many_queues_as_it_may() {
    let mut topology = with(".*", ".*", ".*");
    let limits = topology::VhostLimits { max_queues: Some(1), max_connections: None };
    topology.apply(topology::Command::LimitVhost { vhost: "/".into(), limits }).unwrap();
    topology.apply(queue("a", false, None)).unwrap();
    topology.apply(queue("a", false, None)).unwrap();
    let refused = topology.apply(queue("b", false, None)).unwrap_err();
    assert_eq!(
        refused.text,
        "PRECONDITION_FAILED - cannot declare queue 'b': queue limit in vhost '/' (1) is reached"
    );
    topology.replay(queue("b", false, None)).unwrap();
}
