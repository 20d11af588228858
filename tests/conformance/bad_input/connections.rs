//! Bad input to the classes `connection`, `channel`, `access`, `confirm` and `tx`.

use broker_protocol::{
    Method,
    method::{access, basic, channel, confirm, connection, exchange, queue, tx},
};

use super::{
    Closes::{Channel, Connection},
    Row, row,
};

pub(super) fn rows() -> Vec<Row> {
    let mut rows = vec![
        row(channel::Open {}, Connection, 504, "CHANNEL_ERROR - second 'channel.open' seen"),
        row(channel::Flow { active: false }, Connection, 540, "NOT_IMPLEMENTED - active=false"),
        row(tx::Commit {}, Channel, 406, "channel is not transactional"),
        row(tx::Rollback {}, Channel, 406, "channel is not transactional"),
        row(tx::Select {}, Channel, 406, "cannot switch from confirm to tx mode")
            .after(confirm::Select { no_wait: false }, "confirm.select-ok"),
        row(
            confirm::Select { no_wait: false },
            Channel,
            406,
            "cannot switch from tx to confirm mode",
        )
        .after(tx::Select {}, "tx.select-ok"),
        row(
            confirm::Select { no_wait: true },
            Channel,
            406,
            "cannot switch from tx to confirm mode",
        )
        .after(tx::Select {}, "tx.select-ok"),
    ];
    let not_open: [Method<'static>; 4] = [
        basic::Qos::default().into(),
        queue::Declare::default().into(),
        tx::Select {}.into(),
        channel::Flow { active: true }.into(),
    ];
    let not_open = not_open.into_iter();
    rows.extend(not_open.map(|it| row(it, Connection, 504, "expected 'channel.open'").on(9)));
    rows.extend(of_the_broker().into_iter().map(|it| row(it, Connection, 503, "COMMAND_INVALID")));
    rows
}

/// Methods on channel 1 that only a broker sends, or that belong on channel 0.
fn of_the_broker() -> Vec<Method<'static>> {
    vec![
        connection::Start::default().into(),
        connection::StartOk::default().into(),
        connection::Secure::default().into(),
        connection::SecureOk::default().into(),
        connection::Tune::default().into(),
        connection::TuneOk::default().into(),
        connection::Open::default().into(),
        connection::OpenOk {}.into(),
        connection::Close::default().into(),
        connection::CloseOk {}.into(),
        connection::Blocked::default().into(),
        connection::Unblocked {}.into(),
        connection::UpdateSecret::default().into(),
        connection::UpdateSecretOk {}.into(),
        channel::OpenOk {}.into(),
        access::RequestOk::default().into(),
        confirm::SelectOk {}.into(),
        tx::SelectOk {}.into(),
        tx::CommitOk {}.into(),
        tx::RollbackOk {}.into(),
        exchange::DeclareOk {}.into(),
        exchange::DeleteOk {}.into(),
        exchange::BindOk {}.into(),
        exchange::UnbindOk {}.into(),
        queue::DeclareOk::default().into(),
        queue::BindOk {}.into(),
        queue::UnbindOk {}.into(),
        queue::PurgeOk::default().into(),
        queue::DeleteOk::default().into(),
        basic::QosOk {}.into(),
        basic::ConsumeOk::default().into(),
        basic::GetEmpty {}.into(),
        basic::RecoverOk {}.into(),
    ]
}

/// Methods that are accepted whatever they say: closing, agreeing, and cancelling what is not there. Those
/// that carry content and that only a broker sends are left to the tests of frames.
pub(super) fn never_wrong() -> Vec<Method<'static>> {
    vec![
        channel::Close::default().into(),
        channel::CloseOk {}.into(),
        channel::FlowOk { active: true }.into(),
        access::Request::default().into(),
        basic::Cancel::default().into(),
        basic::CancelOk::default().into(),
        basic::Return::default().into(),
        basic::Deliver::default().into(),
        basic::GetOk::default().into(),
    ]
}
