//! The queue against a model that is too simple to be wrong: a list of all messages ever, looked
//! through from the start for every decision.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::id::{ConsumerId, MessageId};
use crate::message::sample;
use crate::queue::tests::{Bench, subscription};
use crate::queue::{Command, Subscription};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    Ready,
    Held(Option<u64>),
    Gone,
}

#[derive(Debug)]
struct Message {
    body: String,
    place: Place,
    again: bool,
}

#[derive(Debug)]
struct Consumer {
    terms: Subscription,
    holds: u32,
    /// When it last came to have credit or was served, whichever is later.
    in_line_since: Option<u64>,
}

#[derive(Debug, Default)]
struct Model {
    messages: Vec<Message>,
    consumers: Vec<Consumer>,
    clock: u64,
    said: Vec<String>,
}

impl Model {
    fn first_ready(&self) -> Option<usize> {
        self.messages.iter().position(|message| message.place == Place::Ready)
    }

    fn ready(&self) -> usize {
        self.messages.iter().filter(|message| message.place == Place::Ready).count()
    }

    fn consumer(&mut self, id: u64) -> Option<&mut Consumer> {
        self.consumers.iter_mut().find(|consumer| consumer.terms.consumer.0 == id)
    }

    fn line_up(&mut self, id: u64) {
        self.clock += 1;
        let clock = self.clock;
        if let Some(Consumer { terms, holds, in_line_since }) = self.consumer(id) {
            let held_back = !terms.no_ack && terms.prefetch > 0 && *holds >= terms.prefetch;
            match terms.window > 0 && !held_back {
                true => *in_line_since = in_line_since.or(Some(clock)),
                false => *in_line_since = None,
            }
        }
    }

    fn dispatch(&mut self) {
        while let Some(at) = self.first_ready() {
            let in_line =
                self.consumers.iter_mut().filter(|consumer| consumer.in_line_since.is_some());
            let Some(consumer) =
                in_line.min_by_key(|consumer| (-consumer.terms.priority, consumer.in_line_since))
            else {
                return;
            };
            let id = consumer.terms.consumer.0;
            consumer.terms.window -= 1;
            consumer.in_line_since = None;
            let message = &mut self.messages[at];
            message.place = Place::Gone;
            if !consumer.terms.no_ack {
                consumer.holds += 1;
                message.place = Place::Held(Some(id));
            }
            let again = if message.again { " again" } else { "" };
            self.said.push(format!("{}#{}{again} to {id}", message.body, at + 1));
            self.line_up(id);
        }
    }

    fn settle(&mut self, ids: &[MessageId], place: Place) {
        for id in ids {
            let Some(message) = self.messages.get_mut(id.0 as usize - 1) else { continue };
            let Place::Held(holder) = message.place else { continue };
            message.place = place;
            message.again |= place == Place::Ready;
            if let Some(consumer) = holder.and_then(|holder| self.consumer(holder)) {
                consumer.holds -= 1;
            }
            if let Some(holder) = holder {
                self.line_up(holder);
            }
        }
    }

    fn subscribe(&mut self, terms: Subscription) {
        let exclusive = self.consumers.iter().any(|consumer| consumer.terms.exclusive);
        if exclusive || (terms.exclusive && !self.consumers.is_empty()) {
            self.said.push("ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use".into());
            return;
        }
        let id = terms.consumer.0;
        self.said.push(format!("{id} is in"));
        self.consumers.push(Consumer { terms, holds: 0, in_line_since: None });
        self.line_up(id);
    }

    fn get(&mut self, no_ack: bool) {
        let Some(at) = self.first_ready() else {
            self.said.push("got nothing".into());
            return;
        };
        let message = &mut self.messages[at];
        message.place = if no_ack { Place::Gone } else { Place::Held(None) };
        let again = if message.again { " again" } else { "" };
        let got = format!("got {}#{}{again}", message.body, at + 1);
        let left = self.ready();
        self.said.push(format!("{got}, {left} left"));
    }

    fn apply(&mut self, command: &Command) -> Vec<String> {
        match command {
            Command::Publish(message) => {
                let body = String::from_utf8_lossy(message.body()).into_owned();
                self.messages.push(Message { body, place: Place::Ready, again: false });
            }
            Command::Subscribe(terms) => self.subscribe(terms.clone()),
            Command::Unsubscribe { consumer } => {
                self.consumers.retain(|other| other.terms.consumer != *consumer);
            }
            Command::Grant { consumer, deliveries } => {
                if let Some(consumer) = self.consumer(consumer.0) {
                    consumer.terms.window += deliveries;
                }
                self.line_up(consumer.0);
            }
            Command::SetPrefetch { consumer, prefetch } => {
                if let Some(consumer) = self.consumer(consumer.0) {
                    consumer.terms.prefetch = *prefetch;
                }
                self.line_up(consumer.0);
            }
            Command::Ack { ids } | Command::Reject { ids } => self.settle(ids, Place::Gone),
            Command::Requeue { ids } => self.settle(ids, Place::Ready),
            Command::Get { no_ack } => self.get(*no_ack),
            Command::Purge => {
                self.said.push(format!("purged {}", self.ready()));
                let ready =
                    self.messages.iter_mut().filter(|message| message.place == Place::Ready);
                ready.for_each(|message| message.place = Place::Gone);
            }
            Command::Delete { .. } | Command::Expire => {}
        }
        self.dispatch();
        std::mem::take(&mut self.said)
    }
}

/// One step; subscriptions are numbered as they come, everything else is aimed at small numbers.
#[derive(Debug, Clone)]
enum Step {
    Publish,
    Subscribe { no_ack: bool, exclusive: bool, prefetch: u32, priority: i32, window: u32 },
    Other(Command),
}

fn any_step() -> impl Strategy<Value = Step> {
    let consumer = || (1_u64..8).prop_map(ConsumerId);
    let ids = || vec((1_u64..30).prop_map(MessageId), 0..6);
    let subscribe = (any::<bool>(), prop::bool::weighted(0.05), 0_u32..4, 0_i32..2, 0_u32..6);
    prop_oneof![
        8 => Just(Step::Publish),
        3 => subscribe.prop_map(|(no_ack, exclusive, prefetch, priority, window)| {
            Step::Subscribe { no_ack, exclusive, prefetch, priority, window }
        }),
        1 => consumer().prop_map(|consumer| Step::Other(Command::Unsubscribe { consumer })),
        3 => (consumer(), 0_u32..4).prop_map(|(consumer, deliveries)| {
            Step::Other(Command::Grant { consumer, deliveries })
        }),
        1 => (consumer(), 0_u32..4).prop_map(|(consumer, prefetch)| {
            Step::Other(Command::SetPrefetch { consumer, prefetch })
        }),
        3 => ids().prop_map(|ids| Step::Other(Command::Ack { ids })),
        3 => ids().prop_map(|ids| Step::Other(Command::Requeue { ids })),
        1 => ids().prop_map(|ids| Step::Other(Command::Reject { ids })),
        2 => any::<bool>().prop_map(|no_ack| Step::Other(Command::Get { no_ack })),
        1 => Just(Step::Other(Command::Purge)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Whatever is asked of it, the queue does what the model does, in the same order.
    #[test]
    fn the_queue_agrees_with_the_model(steps in vec(any_step(), 0..80)) {
        let mut bench = Bench::new();
        let mut model = Model::default();
        let (mut published, mut subscribed) = (0, 0);
        for step in steps {
            let command = match step {
                Step::Publish => {
                    published += 1;
                    Command::Publish(sample::message("e", "k", format!("m{published}").as_bytes()))
                }
                Step::Subscribe { no_ack, exclusive, prefetch, priority, window } => {
                    subscribed += 1;
                    let terms = subscription(subscribed);
                    Command::Subscribe(Subscription { no_ack, exclusive, prefetch, priority, window, ..terms })
                }
                Step::Other(command) => command,
            };
            prop_assert_eq!(bench.apply(command.clone()), model.apply(&command), "{:?}", command);
            let held = model.messages.iter().filter(|message| matches!(message.place, Place::Held(_)));
            let counts = bench.queue.counts();
            prop_assert_eq!(counts.ready, model.ready() as u64);
            prop_assert_eq!(counts.unacked, held.count() as u64);
            prop_assert_eq!(counts.consumers as usize, model.consumers.len());
        }
    }
}
