//! The objects, the order of their changes, and who waits for the next one.
//!
//! ```text
//!  read ──▶ Arc<Object> at revision r
//!  commit(expected r) ──▶ new revision ──▶ journal, history, watchers woken
//!           └─ somebody else was first ──▶ Raced: read again, decide again
//! ```
//!
//! # Invariants
//!
//! - Revisions grow by one with each change of any object; `resourceVersion` is one of them.
//! - A table's history holds every change after its `floor`, oldest first.
//! - An object is immutable and is encoded at most once, however many watchers read it.

mod journal;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    io,
    ops::Bound,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, OnceLock},
};

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::watch;

use self::journal::Journal;
use crate::apiserver::meta;

/// Namespace (empty for cluster-scoped kinds) and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Key {
    /// The namespace, or nothing.
    pub(crate) namespace: String,
    /// The name.
    pub(crate) name: String,
}

/// One version of one object.
#[derive(Debug)]
pub(crate) struct Object {
    /// The document, with `metadata.resourceVersion`.
    pub(crate) value: Value,
    /// The revision that wrote it.
    pub(crate) revision: u64,
    encoded: OnceLock<Bytes>,
}

/// One change of one object.
#[derive(Debug)]
pub(crate) struct Change {
    /// The revision of the change.
    pub(crate) revision: u64,
    /// The object before, absent when it was created.
    pub(crate) before: Option<Arc<Object>>,
    /// The object after; for a deletion the last state, with the revision of the deletion.
    pub(crate) after: Arc<Object>,
    /// Whether the object is gone.
    pub(crate) deleted: bool,
}

/// Somebody else changed the object between the read and the commit.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Raced;

/// What a list found, and the revision it is a picture of.
pub(crate) struct Listing {
    /// The objects in key order.
    pub(crate) objects: Vec<(Key, Arc<Object>)>,
    /// The revision of the picture.
    pub(crate) revision: u64,
}

/// Why changes since a revision cannot be told: history begins later.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Forgotten {
    /// The oldest revision that a watch can start from.
    pub(crate) oldest: u64,
}

/// Every object of the cluster, by table: `GROUP/PLURAL`.
pub(crate) struct Store {
    inner: Mutex<Inner>,
    history: usize,
}

struct Inner {
    revision: u64,
    /// The revision that this run began with.
    base: u64,
    tables: HashMap<String, Table>,
    journal: Option<Journal>,
}

struct Table {
    objects: BTreeMap<Key, Arc<Object>>,
    history: VecDeque<Arc<Change>>,
    /// Changes up to and including this revision are forgotten.
    floor: u64,
    wake: watch::Sender<u64>,
}

// === impl Store ===

impl Store {
    /// Nothing, and nothing kept.
    pub(crate) fn in_memory(history: usize) -> Self {
        let inner = Inner { revision: 1, base: 1, tables: HashMap::new(), journal: None };
        Self { inner: Mutex::new(inner), history }
    }

    /// What `directory` holds from earlier runs; every change is appended there.
    pub(crate) fn open(directory: &Path, history: usize) -> io::Result<Self> {
        let (journal, loaded) = Journal::open(directory)?;
        let base = loaded.revision.max(1);
        let mut inner = Inner { revision: base, base, tables: HashMap::new(), journal: None };
        for (table, key, value) in loaded.objects {
            let revision = meta::text(&value, "resourceVersion").parse().unwrap_or(1);
            let object = Arc::new(Object { value, revision, encoded: OnceLock::new() });
            inner.table(&table).objects.insert(key, object);
        }
        inner.journal = Some(journal);
        Ok(Self { inner: Mutex::new(inner), history })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The latest revision of anything.
    pub(crate) fn revision(&self) -> u64 {
        self.lock().revision
    }

    /// One object.
    pub(crate) fn get(&self, table: &str, key: &Key) -> Option<Arc<Object>> {
        self.lock().tables.get(table)?.objects.get(key).cloned()
    }

    /// The objects of a table, or of one namespace, that come after `after`.
    pub(crate) fn list(
        &self,
        table: &str,
        namespace: Option<&str>,
        after: Option<&Key>,
    ) -> Listing {
        let inner = self.lock();
        let start = match (after, namespace) {
            (Some(key), _) => Bound::Excluded(key.clone()),
            (None, Some(namespace)) => {
                Bound::Included(Key { namespace: namespace.to_owned(), name: String::new() })
            }
            (None, None) => Bound::Unbounded,
        };
        let objects = inner.tables.get(table).map_or_else(Vec::new, |table| {
            let range = table.objects.range((start, Bound::Unbounded));
            range
                .take_while(|(key, _)| namespace.is_none_or(|wanted| key.namespace == wanted))
                .map(|(key, object)| (key.clone(), object.clone()))
                .collect()
        });
        Listing { objects, revision: inner.revision }
    }

    /// Replaces (`Some`) or removes (`None`) an object if its revision is still `expected`,
    /// where `None` means that there must be none.
    ///
    /// Returns what is stored now, or what was removed.
    pub(crate) fn commit(
        &self,
        table: &str,
        key: &Key,
        expected: Option<u64>,
        value: Option<Value>,
    ) -> Result<Arc<Object>, Raced> {
        let mut inner = self.lock();
        let revision = inner.revision + 1;
        let slot = inner.table(table);
        let before = slot.objects.get(key).cloned();
        if before.as_ref().map(|object| object.revision) != expected {
            return Err(Raced);
        }
        let deleted = value.is_none();
        let Some(value) = value.or_else(|| before.as_ref().map(|object| object.value.clone()))
        else {
            return Err(Raced);
        };
        let after = Arc::new(Object::new(value, revision));
        if deleted {
            slot.objects.remove(key);
        } else {
            slot.objects.insert(key.clone(), after.clone());
        }
        slot.remember(Change { revision, before, after: after.clone(), deleted }, self.history);
        inner.revision = revision;
        inner.persist(table, key, &after, deleted);
        Ok(after)
    }

    /// The changes of a table after `revision`, at most `limit` of them.
    pub(crate) fn changes(
        &self,
        table: &str,
        revision: u64,
        limit: usize,
    ) -> Result<Vec<Arc<Change>>, Forgotten> {
        let mut inner = self.lock();
        let current = inner.revision;
        let table = inner.table(table);
        if revision < table.floor {
            return Err(Forgotten { oldest: table.floor.min(current) });
        }
        let from = table.history.partition_point(|change| change.revision <= revision);
        Ok(table.history.range(from..).take(limit).cloned().collect())
    }

    /// Is told the latest revision of a table whenever one of its objects changes.
    pub(crate) fn subscribe(&self, table: &str) -> watch::Receiver<u64> {
        self.lock().table(table).wake.subscribe()
    }
}

// === impl Inner ===

impl Inner {
    fn table(&mut self, name: &str) -> &mut Table {
        let base = self.base;
        self.tables.entry(name.to_owned()).or_insert_with(|| Table::new(base))
    }

    fn persist(&mut self, table: &str, key: &Key, object: &Object, deleted: bool) {
        let Some(journal) = &mut self.journal else { return };
        let value = (!deleted).then_some(&object.value);
        if let Err(error) = journal.append(object.revision, table, key, value) {
            tracing::error!(%error, "cannot keep a change: it will be forgotten at the next start");
        }
        if journal.wants_snapshot() {
            let objects = self.tables.iter().flat_map(|(name, table)| {
                table.objects.iter().map(move |(key, object)| (name.as_str(), key, &object.value))
            });
            if let Err(error) = journal.snapshot(self.revision, objects) {
                tracing::error!(%error, "cannot write a snapshot of the state");
            }
        }
    }
}

// === impl Table ===

impl Table {
    fn new(floor: u64) -> Self {
        let (wake, _) = watch::channel(floor);
        Self { objects: BTreeMap::new(), history: VecDeque::new(), floor, wake }
    }

    fn remember(&mut self, change: Change, limit: usize) {
        let revision = change.revision;
        self.history.push_back(Arc::new(change));
        while self.history.len() > limit {
            if let Some(forgotten) = self.history.pop_front() {
                self.floor = forgotten.revision;
            }
        }
        self.wake.send_replace(revision);
    }
}

// === impl Object ===

impl Object {
    /// An object as of `revision`, which it then carries as `resourceVersion`.
    pub(crate) fn new(mut value: Value, revision: u64) -> Self {
        meta::metadata(&mut value)
            .insert("resourceVersion".into(), Value::String(revision.to_string()));
        Self { value, revision, encoded: OnceLock::new() }
    }

    /// The JSON document, encoded at the first call.
    pub(crate) fn encoded(&self) -> &Bytes {
        self.encoded.get_or_init(|| Bytes::from(self.value.to_string()))
    }
}

#[cfg(test)]
mod tests;
