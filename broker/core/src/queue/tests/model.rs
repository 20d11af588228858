//! A model of a queue that is too simple to be wrong: a list of all messages ever, looked through from
//! the start for every decision.

use std::cmp::Reverse;

use broker_protocol::table::Value;

use crate::id::MessageId;
use crate::queue::{Command, Deletion, Kind, Overflow, Settings, Subscription};

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Place {
    Ready,
    Held(Option<u64>),
    Gone,
}

#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) body: String,
    pub(super) place: Place,
    pub(super) came_back: u32,
    priority: u8,
    expires: u64,
    pub(super) persistent: bool,
    /// It was sent to the dead-letter exchange, and has not arrived.
    pub(super) dying: bool,
    /// It is in a page, and not in memory.
    pub(super) cold: bool,
}

/// A key that came with a message.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    key: String,
    by: usize,
    until: u64,
    pub(super) persistent: bool,
}

#[derive(Debug)]
pub(super) struct Consumer {
    terms: Subscription,
    holds: u32,
    /// When it last came to have credit or was served, whichever is later.
    in_line_since: Option<u64>,
}

#[derive(Debug)]
pub(super) struct Model {
    settings: Settings,
    pub(super) messages: Vec<Message>,
    /// All there ever were, in the order in which they came.
    pub(super) seen: Vec<Seen>,
    /// How many of them are forgotten, the oldest.
    pub(super) forgotten: usize,
    pub(super) duplicates: u64,
    /// In the order in which they came.
    pub(super) consumers: Vec<Consumer>,
    active: Option<u64>,
    ticks: u64,
    pub(super) now: u64,
    last_used: Option<u64>,
    pub(super) ended: bool,
    /// The last of the persistent messages that were handed out.
    pub(super) delivered: usize,
    said: Vec<String>,
}

impl Model {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            messages: Vec::new(),
            seen: Vec::new(),
            forgotten: 0,
            duplicates: 0,
            consumers: Vec::new(),
            active: None,
            ticks: 0,
            now: 0,
            last_used: None,
            ended: false,
            delivered: 0,
            said: Vec::new(),
        }
    }

    pub(super) fn ready(&self) -> impl Iterator<Item = (usize, &Message)> {
        self.messages.iter().enumerate().filter(|(_, message)| message.place == Place::Ready)
    }

    fn first(&self) -> Option<usize> {
        self.ready().min_by_key(|(at, message)| (Reverse(message.priority), *at)).map(|(at, _)| at)
    }

    /// The first message, if it can be had: nobody gets past one that is in a page.
    fn head(&self) -> Option<usize> {
        self.first().filter(|at| !self.messages[*at].cold)
    }

    pub(super) fn head_is_cold(&self) -> bool {
        self.first().is_some() && self.head().is_none()
    }

    pub(super) fn here(&self) -> usize {
        self.ready().filter(|(_, message)| !message.cold).count() + self.held()
    }

    pub(super) fn set_cold(&mut self, ids: &[u64], cold: bool) {
        for id in ids {
            self.messages[*id as usize - 1].cold = cold;
        }
    }

    /// Messages came back from a page, or did not.
    pub(super) fn loaded(&mut self, ids: &[u64], lost: bool) -> (u64, Vec<String>) {
        let mut lost_messages = 0;
        for message in ids.iter().map(|id| *id as usize - 1) {
            let message = &mut self.messages[message];
            if std::mem::take(&mut message.cold) && message.place == Place::Ready && lost {
                message.place = Place::Gone;
                lost_messages += 1;
            }
        }
        self.expire();
        self.drop_excess();
        self.dispatch();
        (lost_messages, std::mem::take(&mut self.said))
    }

    pub(super) fn ready_bytes(&self) -> u64 {
        self.ready().map(|(_, message)| message.body.len() as u64).sum()
    }

    pub(super) fn held(&self) -> usize {
        self.messages.iter().filter(|message| matches!(message.place, Place::Held(_))).count()
    }

    fn say_dead(&mut self, body: &str, reason: &str) {
        if self.settings.dead_letter.is_some() {
            self.said.push(format!("{body} dead: {reason}"));
        }
    }

    fn die(&mut self, at: usize, reason: &str) {
        self.messages[at].place = Place::Gone;
        self.messages[at].dying = self.settings.durable
            && self.messages[at].persistent
            && self.settings.dead_letter.is_some();
        let body = self.messages[at].body.clone();
        self.say_dead(&body, reason);
    }

    fn expire(&mut self) {
        while let Some(head) = self.head().filter(|head| self.messages[*head].expires <= self.now) {
            self.die(head, "expired");
        }
    }

    fn drop_excess(&mut self) {
        let Settings { max_length, max_bytes, overflow, .. } = self.settings;
        if overflow != Overflow::DropHead {
            return;
        }
        while let Some(head) = self.head()
            && (max_length.is_some_and(|max| self.ready().count() as u64 > max)
                || max_bytes.is_some_and(|max| self.ready_bytes() > max))
        {
            self.die(head, "maxlen");
        }
    }

    /// Forgets the oldest keys, so that no more are left than may be.
    pub(super) fn forget_keys(&mut self) {
        if let Some(rule) = &self.settings.dedup {
            self.forgotten =
                self.forgotten.max(self.seen.len().saturating_sub(rule.limit as usize));
        }
    }

    /// Which message with its key came before this one; if none did, what to remember of it.
    fn judge(&self, message: &crate::message::Message) -> Result<Option<Seen>, usize> {
        let headers = message.properties().headers().unwrap_or_default();
        let key = headers.get("x-deduplication-header").and_then(Value::as_str);
        let (Some(rule), Some(key)) = (&self.settings.dedup, key) else { return Ok(None) };
        let mut known = self.seen[self.forgotten..].iter().rev();
        if let Some(seen) = known.find(|seen| seen.key == key && seen.until > self.now) {
            return Err(seen.by);
        }
        let (by, persistent) = (self.messages.len() + 1, message.properties().is_persistent());
        Ok(Some(Seen { key: key.to_owned(), by, until: self.now + rule.life, persistent }))
    }

    fn publish(&mut self, message: &crate::message::Message) {
        let key = match self.judge(message) {
            Ok(key) => key,
            Err(first) => {
                self.duplicates += 1;
                return self.said.push(format!("as #{first}"));
            }
        };
        let body = String::from_utf8_lossy(message.body()).into_owned();
        let Settings { max_length, max_bytes, overflow, message_ttl, max_priority, .. } =
            self.settings;
        let full = max_length.is_some_and(|max| self.ready().count() as u64 + 1 > max)
            || max_bytes.is_some_and(|max| self.ready_bytes() + body.len() as u64 > max);
        if full && overflow != Overflow::DropHead {
            if overflow == Overflow::RejectPublishDlx {
                self.say_dead(&body, "maxlen");
            }
            return self.said.push("no".into());
        }
        self.seen.extend(key);
        self.forget_keys();
        let lives = [message.ttl().unwrap(), message_ttl].into_iter().flatten().min();
        let handed_over = self.ready().count() == 0 && self.next_in_line().is_some();
        self.messages.push(Message {
            body,
            place: Place::Ready,
            came_back: 0,
            priority: message.properties().priority().unwrap_or(0).min(max_priority),
            expires: lives.map_or(u64::MAX, |life| self.now + life),
            persistent: message.properties().is_persistent(),
            dying: false,
            cold: false,
        });
        if handed_over {
            self.serve();
        } else {
            self.expire();
            self.drop_excess();
        }
    }

    fn consumer(&mut self, id: u64) -> Option<&mut Consumer> {
        self.consumers.iter_mut().find(|consumer| consumer.terms.consumer.0 == id)
    }

    fn line_up(&mut self, id: u64) {
        self.ticks += 1;
        let (tick, passive) = (self.ticks, self.settings.single_active && self.active != Some(id));
        if let Some(Consumer { terms, holds, in_line_since }) = self.consumer(id) {
            let held_back = !terms.no_ack && terms.prefetch > 0 && *holds >= terms.prefetch;
            match terms.window > 0 && !held_back && !passive {
                true => *in_line_since = in_line_since.or(Some(tick)),
                false => *in_line_since = None,
            }
        }
    }

    fn next_in_line(&mut self) -> Option<&mut Consumer> {
        let in_line = self.consumers.iter_mut().filter(|consumer| consumer.in_line_since.is_some());
        in_line.min_by_key(|consumer| (Reverse(consumer.terms.priority), consumer.in_line_since))
    }

    /// Hands the head to the consumer whose turn it is, if there are both.
    fn serve(&mut self) -> bool {
        let Some(at) = self.head() else { return false };
        let Some(consumer) = self.next_in_line() else { return false };
        let id = consumer.terms.consumer.0;
        consumer.terms.window -= 1;
        consumer.in_line_since = None;
        let no_ack = consumer.terms.no_ack;
        consumer.holds += u32::from(!no_ack);
        self.hand_out(at, Some(id), no_ack);
        self.said.push(format!("{} to {id}", self.shown(at)));
        self.line_up(id);
        true
    }

    fn hand_out(&mut self, at: usize, to: Option<u64>, no_ack: bool) {
        self.messages[at].place = if no_ack { Place::Gone } else { Place::Held(to) };
        if self.messages[at].persistent && !no_ack {
            self.delivered = self.delivered.max(at + 1);
        }
    }

    fn shown(&self, at: usize) -> String {
        let Message { body, came_back, .. } = &self.messages[at];
        let again = match came_back {
            0 => String::new(),
            times if self.is_counting() => format!(" again ({times})"),
            _ => " again".into(),
        };
        format!("{body}#{}{again}", at + 1)
    }

    pub(super) fn is_counting(&self) -> bool {
        self.settings.kind == Kind::Quorum || self.settings.delivery_limit.is_some()
    }

    fn dispatch(&mut self) {
        self.clear_head();
        while self.serve() {
            self.clear_head();
        }
    }

    /// What was handed out too often waits only if its last consumer went with the process.
    fn clear_head(&mut self) {
        self.expire();
        while let (Some(at), Some(limit)) = (self.head(), self.settings.delivery_limit)
            && self.messages[at].came_back > limit.max(1)
        {
            self.die(at, "delivery_limit");
            self.expire();
        }
    }

    fn settle(&mut self, ids: &[MessageId], mut with: impl FnMut(&mut Self, usize)) {
        for id in ids {
            let at = id.0 as usize - 1;
            let Some(Message { place: Place::Held(holder), .. }) = self.messages.get(at) else {
                continue;
            };
            if let Some(holder) = *holder {
                if let Some(consumer) = self.consumer(holder) {
                    consumer.holds -= 1;
                }
                self.line_up(holder);
            }
            with(self, at);
        }
        self.drop_excess();
        self.dispatch();
    }

    fn come_back(&mut self, at: usize) {
        self.messages[at].came_back += 1;
        if self.settings.delivery_limit.is_some_and(|limit| self.messages[at].came_back > limit) {
            self.die(at, "delivery_limit");
        } else {
            self.messages[at].place = Place::Ready;
        }
    }

    fn subscribe(&mut self, terms: &Subscription) {
        let exclusive = self.consumers.iter().any(|consumer| consumer.terms.exclusive);
        let alone = self.settings.single_active || !self.consumers.is_empty();
        if exclusive || (terms.exclusive && alone) {
            let no = "ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use";
            return self.said.push(no.into());
        }
        let id = terms.consumer.0;
        self.said.push(format!("{id} is in"));
        self.consumers.push(Consumer { terms: terms.clone(), holds: 0, in_line_since: None });
        self.active = self.active.or(Some(id));
        self.line_up(id);
        self.dispatch();
    }

    fn unsubscribe(&mut self, id: u64) {
        if self.consumer(id).is_none() {
            return;
        }
        self.last_used = Some(self.now);
        self.consumers.retain(|other| other.terms.consumer.0 != id);
        if self.active == Some(id) {
            let highest = self.consumers.iter().map(|other| other.terms.priority).max();
            let next = self.consumers.iter().find(|other| Some(other.terms.priority) == highest);
            self.active = next.map(|other| other.terms.consumer.0);
            if self.settings.single_active
                && let Some(active) = self.active
            {
                self.line_up(active);
            }
        }
        if self.settings.auto_delete && self.consumers.is_empty() {
            return self.end(Deletion::Unused);
        }
        self.dispatch();
    }

    fn get(&mut self, no_ack: bool) {
        self.last_used = Some(self.now);
        self.clear_head();
        let Some(at) = self.head() else {
            let answer = if self.head_is_cold() { "not yet" } else { "got nothing" };
            return self.said.push(answer.into());
        };
        self.hand_out(at, None, no_ack);
        let left = self.ready().count();
        self.said.push(format!("got {}, {left} left", self.shown(at)));
    }

    fn end(&mut self, reason: Deletion) {
        self.ended = true;
        let mut ids: Vec<_> =
            self.consumers.drain(..).map(|other| other.terms.consumer.0).collect();
        ids.sort_unstable();
        self.said.extend(ids.iter().map(|id| format!("{id} gone")));
        self.said.push(format!("deleted with {}: {reason:?}", self.ready().count()));
        self.messages.iter_mut().for_each(|message| message.place = Place::Gone);
    }

    fn delete(&mut self, if_unused: bool, if_empty: bool) {
        let refused = |what| format!("PRECONDITION_FAILED - queue 'q' in vhost '/' {what}");
        if if_unused && !self.consumers.is_empty() {
            self.said.push(refused("in use"));
        } else if if_empty && self.first().is_some() {
            self.said.push(refused("not empty"));
        } else {
            self.end(Deletion::Requested);
        }
    }

    pub(super) fn due(&self) -> Option<u64> {
        let message = self.head().map(|head| self.messages[head].expires);
        let idle = self.settings.expires.filter(|_| self.consumers.is_empty() && !self.ended);
        let idle = idle.map(|expires| self.last_used.map_or(0, |used| used + expires));
        let keys = self.seen.get(self.forgotten).map(|oldest| oldest.until + 60_000);
        [message.filter(|due| *due < u64::MAX), idle, keys].into_iter().flatten().min()
    }

    fn pass_time(&mut self) {
        self.last_used = self.last_used.or(Some(self.now));
        while self.seen.get(self.forgotten).is_some_and(|oldest| oldest.until <= self.now) {
            self.forgotten += 1;
        }
        self.expire();
        let idle = self.settings.expires.filter(|_| self.consumers.is_empty());
        if let Some(expires) = idle
            && self.last_used.is_some_and(|used| used + expires <= self.now)
        {
            self.end(Deletion::Expired);
        }
    }

    fn reconfigure(&mut self, settings: &Settings) {
        if self.settings.expires != settings.expires {
            self.last_used = Some(self.now);
        }
        let timeout = settings.consumer_timeout;
        if self.settings.consumer_timeout != timeout {
            let mut ids: Vec<_> =
                self.consumers.iter().map(|other| other.terms.consumer.0).collect();
            ids.sort_unstable();
            self.said.extend(ids.iter().map(|id| format!("{id} has {timeout:?} to acknowledge")));
        }
        self.settings = settings.clone();
        self.expire();
        self.drop_excess();
    }

    /// Everybody has left, and nothing was said of it. All keys that are left are known.
    pub(super) fn forget_everybody(&mut self) {
        self.consumers.clear();
        (self.forgotten, self.duplicates) = (0, 0);
        self.forget_keys();
        (self.active, self.last_used) = (None, None);
    }

    pub(super) fn apply(&mut self, command: &Command) -> Vec<String> {
        match command {
            Command::Publish(message) => self.publish(message),
            Command::PublishOnce(once) => self.publish(&once.message),
            Command::Subscribe(terms) => self.subscribe(terms),
            Command::Unsubscribe { consumer } => self.unsubscribe(consumer.0),
            Command::Grant { consumer, deliveries } => {
                if let Some(consumer) = self.consumer(consumer.0) {
                    consumer.terms.window += deliveries;
                }
                self.line_up(consumer.0);
                self.dispatch();
            }
            Command::SetPrefetch { consumer, prefetch } => {
                if let Some(consumer) = self.consumer(consumer.0) {
                    consumer.terms.prefetch = *prefetch;
                }
                self.line_up(consumer.0);
                self.dispatch();
            }
            Command::Ack { ids } => {
                self.settle(ids, |model, at| model.messages[at].place = Place::Gone);
            }
            Command::Reject { ids } => self.settle(ids, |model, at| model.die(at, "rejected")),
            Command::Requeue { ids } => self.settle(ids, Self::come_back),
            Command::Get { no_ack } => self.get(*no_ack),
            Command::Purge => {
                self.said.push(format!("purged {}", self.ready().count()));
                let ready =
                    self.messages.iter_mut().filter(|message| message.place == Place::Ready);
                ready.for_each(|message| message.place = Place::Gone);
            }
            Command::Delete { if_unused, if_empty } => self.delete(*if_unused, *if_empty),
            Command::Touch => self.last_used = Some(self.now),
            Command::Reconfigure(settings) => self.reconfigure(settings),
            Command::Expire => self.pass_time(),
        }
        std::mem::take(&mut self.said)
    }
}
