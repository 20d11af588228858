//! The model of transactions: tokens that only transactions make, move and take away.
//!
//! A token is in exactly one queue, or gone. Each transaction moves tokens on, each to a next *step*
//! somewhere else; the crash must find all of them where they were, or all where they go.
//!
//! ```text
//!  begin ──▶ Open ── commit sent ──▶ InDoubt ── answered ──▶ whole
//!             └── rolled back, or the broker died ──▶ never was     └── after a crash: either
//! ```
//!
//! A message may be delivered before it is on disk. So a token that is seen where a transaction in
//! doubt brings it may be back after a crash. Who moves it on does so in a transaction that cannot be
//! whole unless that one is. Only what is settled is taken away, so that what is nowhere tells by whom.

use std::collections::{BTreeMap, BTreeSet};

/// Where tokens are.
pub(crate) const QUEUES: [&str; 5] = ["token-0", "token-1", "token-2", "token-3", "token-4"];

/// What a message says: which token it is, and how often that was moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Token {
    pub(crate) number: u64,
    pub(crate) step: u64,
}

/// A token in a queue; `None` is nowhere.
type Place = Option<(u64, &'static str)>;

/// What a transaction does: each token's next place.
pub(crate) type Moves = BTreeMap<u64, Place>;

#[derive(Debug)]
struct Transaction {
    moves: Moves,
    in_doubt: bool,
}

/// What is known of every token, and what was found to be wrong.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    /// Where each token was before the transactions that are not settled.
    places: BTreeMap<u64, Place>,
    transactions: BTreeMap<u64, Transaction>,
    begun: u64,
    pub(crate) committed: u64,
    /// Transactions that a crash found in doubt, and how many of them turned out to be whole.
    pub(crate) in_doubt: [u64; 2],
    pub(crate) violations: Vec<String>,
}

// === impl Token ===

impl Token {
    /// As a body, with so many bytes behind.
    pub(crate) fn to_body(self, padding: usize) -> Vec<u8> {
        let mut body = format!("{}/{}/", self.number, self.step).into_bytes();
        body.resize(body.len() + padding, b'.');
        body
    }

    /// From a body; `None` when it is not one of ours, or was damaged.
    pub(crate) fn from_body(body: &[u8]) -> Option<Self> {
        let mut parts = str::from_utf8(body).ok()?.splitn(3, '/');
        let (number, step) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        parts.next()?.bytes().all(|byte| byte == b'.').then_some(Self { number, step })
    }
}

// === impl Tokens ===

impl Tokens {
    /// The number of a token that never was.
    pub(crate) fn mint(&mut self) -> Token {
        let number = self.places.last_key_value().map_or(0, |(last, _)| last + 1);
        self.places.insert(number, None);
        Token { number, step: 0 }
    }

    /// How many tokens there are.
    pub(crate) fn count(&self) -> usize {
        self.places.values().flatten().count()
    }

    /// A transaction is about to begin. Returns its number.
    pub(crate) fn begin(&mut self, moves: Moves) -> u64 {
        self.begun += 1;
        self.transactions.insert(self.begun, Transaction { moves, in_doubt: false });
        self.begun
    }

    /// The commit is about to be sent.
    pub(crate) fn committing(&mut self, transaction: u64) {
        if let Some(transaction) = self.transactions.get_mut(&transaction) {
            transaction.in_doubt = true;
        }
    }

    /// It is known to be whole.
    pub(crate) fn committed(&mut self, transaction: u64) {
        if let Some(Transaction { moves, .. }) = self.transactions.remove(&transaction) {
            self.committed += 1;
            self.move_all(moves);
        }
    }

    /// The tokens are where a transaction took them, or further on: a later one's answer may have come
    /// before.
    fn move_all(&mut self, moves: Moves) {
        for (number, place) in moves {
            let known = self.places.entry(number).or_default();
            if place.is_none() || *known < place {
                *known = place;
            }
        }
    }

    /// It was rolled back, or is known never to have been.
    pub(crate) fn forgotten(&mut self, transaction: u64) {
        self.transactions.remove(&transaction);
    }

    /// Whether the token is in that queue for good, and no transaction is under way with it.
    pub(crate) fn is_settled(&self, queue: &'static str, token: Token) -> bool {
        let mut moving = self.transactions.values();
        self.is_at_home(queue, token)
            && !moving.any(|other| other.moves.contains_key(&token.number))
    }

    /// Whether the token may be moved on from that queue: some transaction, perhaps one in doubt, has
    /// brought it, and none is under way that takes it away.
    pub(crate) fn is_movable(&self, queue: &'static str, token: Token) -> bool {
        let here = Some((token.step, queue));
        let mut moves = self.transactions.values().filter_map(|t| t.moves.get(&token.number));
        let is_latest = moves.all(|place| place.is_some() && *place <= here);
        let brings = |t: &Transaction| t.in_doubt && t.moves.get(&token.number) == Some(&here);
        is_latest && (self.is_at_home(queue, token) || self.transactions.values().any(brings))
    }

    fn is_at_home(&self, queue: &'static str, token: Token) -> bool {
        self.places.get(&token.number) == Some(&Some((token.step, queue)))
    }

    /// A message came out of `queue`.
    pub(crate) fn observed(&mut self, queue: &'static str, body: &[u8]) -> Option<Token> {
        let Some(token) = Token::from_body(body) else {
            self.violations.push(format!("{queue}: a damaged token"));
            return None;
        };
        let here = Some((token.step, queue));
        let brings =
            |transaction: &&Transaction| transaction.moves.get(&token.number) == Some(&here);
        match self.transactions.values().find(brings) {
            _ if self.is_at_home(queue, token) => {}
            Some(transaction) if transaction.in_doubt => {}
            Some(_) => {
                self.violations.push(format!("{queue}: {token:?} was seen before its commit"));
            }
            None => {
                let known = self.places.get(&token.number);
                self.violations.push(format!("{queue}: {token:?} came back, known: {known:?}"));
            }
        }
        Some(token)
    }

    /// Compares what is in all the queues after a crash with what transactions must have left.
    pub(crate) fn reconcile(&mut self, found: &[(Vec<u8>, &'static str)]) {
        let mut now: BTreeMap<u64, BTreeSet<(u64, &'static str)>> = BTreeMap::new();
        for (body, queue) in found {
            let Some(token) = Token::from_body(body) else {
                self.violations.push(format!("{queue}: a damaged token"));
                continue;
            };
            if !now.entry(token.number).or_default().insert((token.step, queue)) {
                self.violations.push(format!("{queue}: {token:?} is there twice"));
            }
        }
        let is_at = |number: &u64, place: &Place| match (now.get(number), place) {
            (None, None) => true,
            (Some(places), Some(place)) => places.len() == 1 && places.contains(place),
            _ => false,
        };
        // Another transaction may have moved it on.
        let has_reached = |number: &u64, place: &Place| match (now.get(number), place) {
            (Some(places), Some((step, _))) if places.len() == 1 => {
                is_at(number, place) || places.first().is_some_and(|(found, _)| found > step)
            }
            _ => is_at(number, place),
        };
        for (number, Transaction { moves, in_doubt }) in std::mem::take(&mut self.transactions) {
            let moved = moves.iter().filter(|(token, place)| has_reached(token, place)).count();
            if moved != 0 && (moved != moves.len() || !in_doubt) {
                let all = moves.len();
                let what = format!("transaction {number}, in doubt: {in_doubt}: {moved} of {all}");
                self.violations.push(what);
            }
            if in_doubt {
                self.in_doubt[usize::from(moved > 0)] += 1;
            }
            if moved > 0 {
                self.move_all(moves);
            }
        }
        let mut lost: Vec<_> =
            self.places.iter().filter(|(number, place)| !is_at(number, place)).collect();
        lost.truncate(5);
        for (number, place) in lost {
            let found = now.get(number);
            self.violations.push(format!("token {number} must be at {place:?}, is at {found:?}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Number, step, queue.
    type Seen = (u64, u64, &'static str);

    fn body(number: u64, step: u64) -> Vec<u8> {
        Token { number, step }.to_body(3)
    }

    /// Two tokens in the first queue.
    fn two() -> Tokens {
        let mut tokens = Tokens::default();
        let (a, b) = (tokens.mint().number, tokens.mint().number);
        let first = Some((0, QUEUES[0]));
        let minting = tokens.begin(Moves::from([(a, first), (b, first)]));
        tokens.committing(minting);
        tokens.committed(minting);
        tokens
    }

    #[test]
    fn a_transaction_is_whole_or_absent() {
        let (old, new) = (QUEUES[0], QUEUES[3]);
        #[rustfmt::skip]
        let cases: [(&str, bool, &[Seen], bool); 8] = [
            ("absent",                  true,  &[(0, 0, old), (1, 0, old)],              true),
            ("whole",                   true,  &[(0, 1, new)],                           true),
            ("half: one is still here", true,  &[(0, 1, new), (1, 0, old)],              false),
            ("half: one is not there",  true,  &[(0, 0, old)],                           false),
            ("both old and new",        true,  &[(0, 0, old), (0, 1, new)],              false),
            ("never committed",         false, &[(0, 1, new)],                           false),
            ("all gone",                true,  &[],                                      false),
            ("twice",                   true,  &[(0, 0, old), (0, 0, old), (1, 0, old)], false),
        ];
        for (what, sent, found, fine) in cases {
            let mut tokens = two();
            // One moves, one goes.
            let moving = tokens.begin(Moves::from([(0, Some((1, new))), (1, None)]));
            if sent {
                tokens.committing(moving);
            }
            let found: Vec<_> = found.iter().map(|(n, step, at)| (body(*n, *step), *at)).collect();
            tokens.reconcile(&found);
            assert_eq!(tokens.violations.is_empty(), fine, "{what}: {:?}", tokens.violations);
        }
    }

    #[test]
    fn what_follows_from_a_transaction_is_whole_only_if_that_is() {
        let [home, first, second] = [QUEUES[0], QUEUES[1], QUEUES[2]];
        #[rustfmt::skip]
        let cases: [(&str, &[Seen], bool); 5] = [
            ("neither",                        &[(0, 0, home), (1, 0, home)],     true),
            ("the first",                      &[(0, 1, first), (1, 1, first)],   true),
            ("both",                           &[(0, 2, second), (1, 1, first)],  true),
            ("the second without the first",   &[(0, 2, second), (1, 0, home)],   false),
            ("half of the first",              &[(0, 1, first), (1, 0, home)],    false),
        ];
        for (what, found, fine) in cases {
            for is_answered in [false, true] {
                let mut tokens = two();
                let to = |step, queue| Some((step, queue));
                let a = tokens.begin(Moves::from([(0, to(1, first)), (1, to(1, first))]));
                tokens.committing(a);
                let seen = tokens.observed(first, &body(0, 1)).unwrap();
                assert!(tokens.is_movable(first, seen) && !tokens.is_settled(first, seen));
                let b = tokens.begin(Moves::from([(0, to(2, second))]));
                assert!(!tokens.is_movable(first, seen), "it is on its way");
                tokens.committing(b);
                if is_answered {
                    // The answer to the first is lost.
                    tokens.committed(b);
                }
                let found: Vec<_> =
                    found.iter().map(|(n, step, at)| (body(*n, *step), *at)).collect();
                tokens.reconcile(&found);
                let fine = fine && (!is_answered || what == "both");
                let violations = &tokens.violations;
                assert_eq!(violations.is_empty(), fine, "{what}, {is_answered}: {violations:?}");
            }
        }
    }

    #[test]
    fn what_was_not_committed_is_not_seen_and_what_has_left_neither() {
        let mut tokens = two();
        let moving = tokens.begin(Moves::from([(0, Some((1, QUEUES[1])))]));
        tokens.observed(QUEUES[0], &body(1, 0));
        assert_eq!(tokens.violations, [""; 0]);
        tokens.observed(QUEUES[1], &body(0, 1));
        assert_eq!(tokens.violations.len(), 1, "not committed");
        tokens.committing(moving);
        let token = tokens.observed(QUEUES[1], &body(0, 1)).unwrap();
        assert_eq!(tokens.violations.len(), 1, "its commit is under way");
        assert!(!tokens.is_settled(QUEUES[1], token));
        tokens.committed(moving);
        assert!(tokens.is_settled(QUEUES[1], token));
        tokens.observed(QUEUES[0], &body(0, 0));
        assert_eq!(tokens.violations.len(), 2, "it has left");
    }
}
