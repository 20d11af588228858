//! How changes of vhosts' properties, users and permissions are written down: the tags from 9 to 19
//! of a topology record.

use broker_core::access::{Command, Password, Permission, TopicPermission, UserLimits};
use broker_core::name::Name;
use broker_core::pattern::Pattern;
use broker_core::topology::{Command as Change, VhostLimits, VhostProperties};
use broker_protocol::wire::{Field, Reader, Writer};

use crate::durable::fields::{flag, name, names};

const DESCRIBE_VHOST: u8 = 9;
const LIMIT_VHOST: u8 = 10;
const SET_USER: u8 = 11;
const DELETE_USER: u8 = 12;
const LIMIT_USER: u8 = 13;
const PERMIT: u8 = 14;
const FORBID: u8 = 15;
const PERMIT_TOPIC: u8 = 16;
const FORGET_TOPIC: u8 = 17;
const SET_PARAMETER: u8 = 18;
const CLEAR_PARAMETER: u8 = 19;

pub(super) fn encode_properties(vhost: &Name, properties: &VhostProperties, w: &mut Writer<'_>) {
    let VhostProperties { description, tags, default_queue_type } = properties;
    names(w, DESCRIBE_VHOST, &[vhost, description, default_queue_type]);
    list(w, tags);
}

pub(super) fn encode_limits(vhost: &Name, limits: VhostLimits, w: &mut Writer<'_>) {
    names(w, LIMIT_VHOST, &[vhost]);
    number(w, limits.max_connections);
    number(w, limits.max_queues);
}

pub(super) fn encode(command: &Command, w: &mut Writer<'_>) {
    match command {
        Command::SetUser { name, password, tags } => {
            names(w, SET_USER, &[name]);
            u8::from(password.is_some()).write(w);
            w.long_str(password.as_ref().map_or("", Password::expose).as_bytes());
            list(w, tags);
        }
        Command::DeleteUser { name } => names(w, DELETE_USER, &[name]),
        Command::LimitUser { name, limits } => {
            names(w, LIMIT_USER, &[name]);
            number(w, limits.max_connections);
            number(w, limits.max_channels);
        }
        Command::Permit { user, vhost, permission } => {
            names(w, PERMIT, &[user, vhost]);
            let Permission { configure, write, read } = permission;
            patterns(w, &[configure, write, read]);
        }
        Command::Forbid { user, vhost } => names(w, FORBID, &[user, vhost]),
        Command::PermitTopic { user, vhost, exchange, permission } => {
            names(w, PERMIT_TOPIC, &[user, vhost, exchange]);
            patterns(w, &[&permission.write, &permission.read]);
        }
        Command::ForgetTopic { user, vhost, exchange } => {
            names(w, FORGET_TOPIC, &[user, vhost]);
            u8::from(exchange.is_some()).write(w);
            w.long_str(exchange.as_deref().unwrap_or_default().as_bytes());
        }
        Command::SetParameter { name, value } => names(w, SET_PARAMETER, &[name, value]),
        Command::ClearParameter { name } => names(w, CLEAR_PARAMETER, &[name]),
    }
}

/// The change that a record with this tag tells of.
pub(super) fn decode(tag: u8, r: &mut Reader<'_>) -> Option<Change> {
    let command = match tag {
        DESCRIBE_VHOST => {
            let (vhost, description, default_queue_type) = (name(r)?, name(r)?, name(r)?);
            let tags = read_list(r)?;
            let properties = VhostProperties { description, tags, default_queue_type };
            return Some(Change::DescribeVhost { vhost, properties });
        }
        LIMIT_VHOST => {
            let vhost = name(r)?;
            let (max_connections, max_queues) = (read_number(r)?, read_number(r)?);
            let limits = VhostLimits { max_connections, max_queues };
            return Some(Change::LimitVhost { vhost, limits });
        }
        SET_USER => {
            let (name, has_password, stored) = (name(r)?, flag(r)?, name(r)?);
            let password = has_password.then(|| Password::new(&stored));
            Command::SetUser { name, password, tags: read_list(r)? }
        }
        DELETE_USER => Command::DeleteUser { name: name(r)? },
        LIMIT_USER => {
            let name = name(r)?;
            let (max_connections, max_channels) = (read_number(r)?, read_number(r)?);
            Command::LimitUser { name, limits: UserLimits { max_connections, max_channels } }
        }
        PERMIT => {
            let (user, vhost) = (name(r)?, name(r)?);
            let (configure, write, read) = (pattern(r)?, pattern(r)?, pattern(r)?);
            Command::Permit { user, vhost, permission: Permission { configure, write, read } }
        }
        FORBID => Command::Forbid { user: name(r)?, vhost: name(r)? },
        PERMIT_TOPIC => {
            let (user, vhost, exchange) = (name(r)?, name(r)?, name(r)?);
            let (write, read) = (name(r)?, name(r)?);
            let permission = TopicPermission::new((&write, &read), &user, &vhost).ok()?;
            Command::PermitTopic { user, vhost, exchange, permission }
        }
        FORGET_TOPIC => {
            let (user, vhost, one, exchange) = (name(r)?, name(r)?, flag(r)?, name(r)?);
            Command::ForgetTopic { user, vhost, exchange: one.then_some(exchange) }
        }
        SET_PARAMETER => Command::SetParameter { name: name(r)?, value: name(r)? },
        CLEAR_PARAMETER => Command::ClearParameter { name: name(r)? },
        _ => return None,
    };
    Some(Change::Access(command))
}

fn patterns(w: &mut Writer<'_>, patterns: &[&Pattern]) {
    for pattern in patterns {
        w.long_str(pattern.as_str().as_bytes());
    }
}

fn pattern(r: &mut Reader<'_>) -> Option<Pattern> {
    Pattern::new(&name(r)?).ok()
}

/// A count, then the names.
fn list(w: &mut Writer<'_>, names: &[Name]) {
    // A request is far too short for more.
    u32::try_from(names.len()).unwrap_or(u32::MAX).write(w);
    for name in names {
        w.long_str(name.as_bytes());
    }
}

fn read_list(r: &mut Reader<'_>) -> Option<Vec<Name>> {
    let count = r.u32().ok()?;
    let mut names = Vec::new();
    for _ in 0..count {
        names.push(name(r)?);
    }
    Some(names)
}

/// Whether there is a number, and the number.
fn number(w: &mut Writer<'_>, number: Option<u32>) {
    u8::from(number.is_some()).write(w);
    number.unwrap_or_default().write(w);
}

fn read_number(r: &mut Reader<'_>) -> Option<Option<u32>> {
    let is_there = flag(r)?;
    let number = r.u32().ok()?;
    Some(is_there.then_some(number))
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use proptest::prelude::*;

    use super::*;
    use crate::durable::topology_record;

    fn text() -> impl Strategy<Value = Name> {
        "[a-zä./#*]{0,20}".prop_map(Name::from)
    }

    fn limit() -> impl Strategy<Value = Option<u32>> {
        proptest::option::of(any::<u32>())
    }

    fn tags() -> impl Strategy<Value = Vec<Name>> {
        proptest::collection::vec(text(), 0..4)
    }

    fn any_pattern() -> impl Strategy<Value = Pattern> {
        "\\^?[a-z.]{0,5}(\\.\\*)?\\$?".prop_map(|text| Pattern::new(&text).unwrap())
    }

    fn any_access() -> impl Strategy<Value = Command> {
        let permission = (any_pattern(), any_pattern(), any_pattern())
            .prop_map(|(configure, write, read)| Permission { configure, write, read });
        prop_oneof![
            (text(), proptest::option::of(text()), tags()).prop_map(|(name, password, tags)| {
                let password = password.map(|stored| Password::new(&stored));
                Command::SetUser { name, password, tags }
            }),
            text().prop_map(|name| Command::DeleteUser { name }),
            (text(), limit(), limit()).prop_map(|(name, max_connections, max_channels)| {
                Command::LimitUser { name, limits: UserLimits { max_connections, max_channels } }
            }),
            (text(), text(), permission).prop_map(|(user, vhost, permission)| Command::Permit {
                user,
                vhost,
                permission
            }),
            (text(), text()).prop_map(|(user, vhost)| Command::Forbid { user, vhost }),
            (text(), text(), text()).prop_map(|(user, vhost, exchange)| {
                let patterns = ("^{username}\\.", ".*{vhost}$");
                let permission = TopicPermission::new(patterns, &user, &vhost).unwrap();
                Command::PermitTopic { user, vhost, exchange, permission }
            }),
            (text(), text(), proptest::option::of(text())).prop_map(|(user, vhost, exchange)| {
                Command::ForgetTopic { user, vhost, exchange }
            }),
            (text(), text()).prop_map(|(name, value)| Command::SetParameter { name, value }),
            text().prop_map(|name| Command::ClearParameter { name }),
        ]
    }

    fn any_change() -> impl Strategy<Value = Change> {
        prop_oneof![
            6 => any_access().prop_map(Change::Access),
            1 => (text(), text(), text(), tags()).prop_map(
                |(vhost, description, default_queue_type, tags)| {
                    let properties = VhostProperties { description, tags, default_queue_type };
                    Change::DescribeVhost { vhost, properties }
                }
            ),
            1 => (text(), limit(), limit()).prop_map(|(vhost, max_connections, max_queues)| {
                let limits = VhostLimits { max_connections, max_queues };
                Change::LimitVhost { vhost, limits }
            }),
        ]
    }

    proptest! {
        #[test]
        fn a_change_comes_back(change in any_change()) {
            let mut bytes = BytesMut::new();
            prop_assert!(topology_record::encode(&change, &mut bytes));
            let back = topology_record::decode(&bytes).expect("what was encoded decodes");
            prop_assert_eq!(format!("{back:?}"), format!("{change:?}"));
            for len in 0..bytes.len() {
                prop_assert!(topology_record::decode(&bytes[..len]).is_none(), "cut at {len}");
            }
        }

        #[test]
        fn garbage_is_refused_calmly(tag in 9..32_u8, bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = decode(tag, &mut Reader::new(&bytes));
        }
    }
}
