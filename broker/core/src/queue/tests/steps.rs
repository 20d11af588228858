//! Random histories of a queue: what it was declared with, and what is asked of it.

use std::sync::Arc;

use broker_protocol::properties::Properties;
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;

use crate::id::{ConsumerId, MessageId};
use crate::message::sample;
use crate::queue::tests::dedup::rule;
use crate::queue::tests::disk::PageStep;
use crate::queue::tests::subscription;
use crate::queue::{Command, DeadLetterTo, Kind, Overflow, PageSize, Settings, Subscription};

/// One step. Subscriptions are numbered as they come; all else is aimed at small numbers.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Publish(Publish),
    Wait(u64),
    Buffers,
    Page(PageStep),
    Other(Command),
}

/// A message to be.
#[derive(Debug, Clone)]
pub(super) struct Publish {
    padding: usize,
    ttl: Option<u64>,
    priority: Option<u8>,
    /// What tells whether it came before.
    key: Option<u8>,
}

/// The command that publishes the `number`th message.
pub(super) fn publish(number: u64, what: &Publish) -> Command {
    let expiration = what.ttl.map(|ttl| ttl.to_string());
    let expiration = expiration.as_deref();
    // Some are persistent and some are not; only a log makes a difference between them.
    let delivery_mode = Some(if number.is_multiple_of(3) { 1 } else { 2 });
    let headers =
        what.key.map(|key| [("x-deduplication-header", format!("{key}"))].into_iter().collect());
    let properties = Properties {
        headers,
        expiration,
        delivery_mode,
        priority: what.priority,
        ..Properties::default()
    };
    let body = format!("m{number:02}{}", "x".repeat(what.padding));
    Command::Publish(sample::with("e", "k", &properties, body.as_bytes()))
}

pub(super) fn any_history() -> impl Strategy<Value = (Settings, Vec<Step>)> {
    let steps = prop_oneof![vec(any_step(), 0..80), vec(any_step_of_a_backlog(), 0..120)];
    (any_settings(), steps).prop_map(|(settings, mut steps)| {
        let mut consumers = 0;
        for step in &mut steps {
            match step {
                Step::Other(Command::Subscribe(terms)) => {
                    consumers += 1;
                    terms.consumer = ConsumerId(consumers);
                }
                Step::Other(Command::Reconfigure(other)) => {
                    *other = Arc::new(reconfigured(&settings, other));
                }
                _ => {}
            }
        }
        (settings, steps)
    })
}

/// A history of a queue that is durable. Its messages are of one size: of a page that is partly used up a
/// queue does not know exactly, after a restart, how many bytes are left in it.
pub(super) fn any_durable_history() -> impl Strategy<Value = (Settings, Vec<Step>)> {
    any_history().prop_map(|(mut settings, mut steps)| {
        settings.durable = true;
        for step in &mut steps {
            match step {
                Step::Other(Command::Reconfigure(other)) => Arc::make_mut(other).durable = true,
                Step::Publish(what) => what.padding = 3,
                _ => {}
            }
        }
        (settings, steps)
    })
}

/// The settings of `queue` with what policies can change taken from `other`.
fn reconfigured(queue: &Settings, other: &Settings) -> Settings {
    let Settings { durable, auto_delete, kind, max_priority, single_active, .. } = *queue;
    let dedup = queue.dedup.clone();
    Settings { durable, auto_delete, kind, max_priority, single_active, dedup, ..other.clone() }
}

fn any_settings() -> impl Strategy<Value = Settings> {
    let lives = (weighted(0.2, 1_u64..60), weighted(0.3, 0_u64..20));
    let limits = (weighted(0.3, 0_u64..6), weighted(0.2, 0_u64..40));
    let overflows = [Overflow::DropHead, Overflow::RejectPublish, Overflow::RejectPublishDlx];
    let rest = (any::<bool>(), select(vec![0_u8, 0, 1, 4]), weighted(0.3, 0_u32..3));
    let odd = (
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.3),
        any::<bool>(),
        weighted(0.2, 1_u64..3),
        weighted(0.3, (1_i64..5, 1_i64..40)),
    );
    (lives, limits, select(overflows.to_vec()), rest, odd).prop_map(
        |(
            (expires, ttl),
            (length, bytes),
            overflow,
            (dead, priority, limit),
            (auto, single, quorum, consumer_timeout, once),
        )| {
            Settings {
                auto_delete: auto,
                kind: if quorum { Kind::Quorum } else { Kind::Classic },
                expires,
                message_ttl: ttl,
                max_length: length,
                max_bytes: bytes,
                overflow,
                dead_letter: dead
                    .then(|| DeadLetterTo { exchange: "dlx".into(), routing_key: None }),
                max_priority: priority,
                single_active: single,
                delivery_limit: limit,
                consumer_timeout,
                dedup: once.map(|(limit, life)| rule(limit, life)),
                ..Settings::new("/".into(), "q".into())
            }
        },
    )
}

fn any_publish() -> impl Strategy<Value = Publish> {
    let what =
        (0_usize..12, weighted(0.2, 0_u64..30), weighted(0.5, 0_u8..6), weighted(0.5, 0_u8..6));
    what.prop_map(|(padding, ttl, priority, key)| Publish { padding, ttl, priority, key })
}

fn any_subscription() -> impl Strategy<Value = Subscription> {
    let terms = (any::<bool>(), prop::bool::weighted(0.05), 0_u32..4, 0_i32..2, 0_u32..6);
    terms.prop_map(|(no_ack, exclusive, prefetch, priority, window)| Subscription {
        no_ack,
        exclusive,
        prefetch,
        priority,
        window,
        ..subscription(0)
    })
}

fn any_step() -> impl Strategy<Value = Step> {
    let consumer = || (1_u64..8).prop_map(ConsumerId);
    let ids = || vec((1_u64..30).prop_map(MessageId), 0..6);
    let command = prop_oneof![
        30 => any_subscription().prop_map(Command::Subscribe),
        10 => consumer().prop_map(|consumer| Command::Unsubscribe { consumer }),
        30 => (consumer(), 0_u32..4)
            .prop_map(|(consumer, deliveries)| Command::Grant { consumer, deliveries }),
        10 => (consumer(), 0_u32..4)
            .prop_map(|(consumer, prefetch)| Command::SetPrefetch { consumer, prefetch }),
        30 => ids().prop_map(|ids| Command::Ack { ids }),
        30 => ids().prop_map(|ids| Command::Requeue { ids }),
        10 => ids().prop_map(|ids| Command::Reject { ids }),
        20 => any::<bool>().prop_map(|no_ack| Command::Get { no_ack }),
        5 => Just(Command::Purge),
        5 => any_settings().prop_map(|settings| Command::Reconfigure(Arc::new(settings))),
        5 => Just(Command::Touch),
        5 => Just(Command::Expire),
        2 => any::<(bool, bool)>()
            .prop_map(|(if_unused, if_empty)| Command::Delete { if_unused, if_empty }),
    ];
    prop_oneof![
        8 => any_publish().prop_map(Step::Publish),
        3 => prop_oneof![30 => 0_u64..15, 1 => Just(60_050)].prop_map(Step::Wait),
        1 => Just(Step::Buffers),
        2 => any_page_step().prop_map(Step::Page),
        18 => command.prop_map(Step::Other),
    ]
}

/// More comes than goes, and pages are busy.
fn any_step_of_a_backlog() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => any_publish().prop_map(Step::Publish),
        8 => any_page_step().prop_map(Step::Page),
        4 => any::<bool>().prop_map(|no_ack| Step::Other(Command::Get { no_ack })),
        4 => any_step(),
    ]
}

fn any_page_step() -> impl Strategy<Value = PageStep> {
    let size = (1_usize..4, 1_usize..120);
    let lost = prop::bool::weighted(0.05);
    prop_oneof![
        3 => size.prop_map(|(messages, bytes)| PageStep::Out(PageSize { messages, bytes })),
        3 => (0_usize..4).prop_map(PageStep::Written),
        1 => (0_usize..4).prop_map(PageStep::Failed),
        3 => (0_usize..4, lost).prop_map(|(at, lost)| PageStep::Read(at, lost)),
    ]
}
