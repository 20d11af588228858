//! `watch`: changes as they come.
//!
//! A watcher is a cursor into its table's history; it is woken, reads what is new and sends it.
//! Nothing queues up for a slow client: one that falls behind history gets 410 and lists again.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::{sync::watch, time::Instant};

use crate::apiserver::{
    catalog::Resource,
    exchange::{JSON, Response},
    negotiate::Form,
    selector::Selector,
    status::{ApiError, FieldError, Names, Result},
    store::{Change, Object},
    table,
    verbs::{
        Api, Call,
        shown::{encoded, metadata_only, shown},
    },
};

/// How long a watch lasts when the client does not say.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1800);

/// How often a quiet watch tells how far it is.
const BOOKMARK_EVERY: Duration = Duration::from_secs(30);

/// Changes read at a time.
const BATCH: usize = 256;

/// One watch on its way.
struct Watcher {
    api: Arc<Api>,
    resource: Arc<Resource>,
    namespace: Option<String>,
    selector: Selector,
    form: Form,
    include: Option<String>,
    woken: watch::Receiver<u64>,
    cursor: u64,
    ready: VecDeque<Bytes>,
    bookmarks: bool,
    next_bookmark: Instant,
    deadline: Instant,
    headed: bool,
    ended: bool,
}

impl Call<'_> {
    /// Streams changes until the time is up.
    pub(super) fn watch(&self) -> Result<Response> {
        let params = &self.request.params;
        let initial = params.text("sendInitialEvents");
        self.check_options(initial)?;
        let woken = self.api.store.subscribe(&self.resource.table);
        let timeout = params.number("timeoutSeconds")?.filter(|seconds| *seconds > 0);
        let timeout = timeout.map_or(DEFAULT_TIMEOUT, Duration::from_secs);
        let mut watcher = Watcher {
            api: self.api.clone(),
            resource: self.resource.clone(),
            namespace: self.target.namespace.clone(),
            selector: self.selector_of_watch()?,
            form: self.request.accept.form()?,
            include: params.text("includeObject").map(str::to_owned),
            woken,
            cursor: 0,
            ready: VecDeque::new(),
            bookmarks: params.flag("allowWatchBookmarks"),
            next_bookmark: Instant::now() + BOOKMARK_EVERY,
            deadline: Instant::now() + timeout,
            headed: false,
            ended: false,
        };
        let revision = params.number("resourceVersion")?.unwrap_or(0);
        match initial {
            Some("true") => watcher.begin_with_list(true),
            _ if revision == 0 && initial.is_none() => watcher.begin_with_list(false),
            _ if revision == 0 => watcher.cursor = self.api.store.revision(),
            _ => watcher.cursor = revision,
        }
        let frames = stream::unfold(watcher, |mut watcher| async move {
            let frame = watcher.next().await?;
            Some((Ok(frame), watcher))
        });
        Ok(Response::stream(JSON, frames.boxed()))
    }

    fn selector_of_watch(&self) -> Result<Selector> {
        match &self.target.name {
            None => self.selector(),
            Some(name) => Selector::parse(None, Some(&format!("metadata.name={name}")), |_| true),
        }
    }

    fn check_options(&self, initial: Option<&str>) -> Result<()> {
        let matching = self.request.params.text("resourceVersionMatch");
        let names = Names { group: "meta.k8s.io", plural: "listoptions", kind: "ListOptions" };
        let refused = |error| Err(ApiError::invalid(names, "", &[error]));
        match (initial, matching) {
            (Some(_), Some("NotOlderThan")) | (None, None) => Ok(()),
            (Some(_), _) => {
                let why = "resourceVersionMatch=NotOlderThan is required with sendInitialEvents";
                refused(FieldError::forbidden("resourceVersionMatch", why))
            }
            (None, Some(_)) => {
                let why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is \
                           provided";
                refused(FieldError::forbidden("resourceVersionMatch", why))
            }
        }
    }
}

// === impl Watcher ===

impl Watcher {
    /// Starts with what is there now, as if it had just been added.
    fn begin_with_list(&mut self, marked: bool) {
        let listing = self.api.store.list(&self.resource.table, self.namespace.as_deref(), None);
        for (_, object) in &listing.objects {
            if self.selector.matches(&shown(&self.resource, object)) {
                self.push("ADDED", object);
            }
        }
        self.cursor = listing.revision;
        if marked {
            self.push_bookmark(true);
        }
    }

    /// The next piece of the stream; several events at once when there are several.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(first) = self.ready.pop_front() {
                return Some(self.joined(first));
            }
            if self.ended {
                return None;
            }
            self.woken.borrow_and_update();
            let upto = self.api.store.revision();
            match self.api.store.changes(&self.resource.table, self.cursor, BATCH) {
                Err(forgotten) => {
                    let error = ApiError::expired(self.cursor, forgotten.oldest).to_value();
                    self.ready.push_back(frame("ERROR", error.to_string().as_bytes()));
                    self.ended = true;
                }
                Ok(changes) if changes.is_empty() => {
                    // Everything up to here was looked at: none of it is of this table.
                    self.cursor = self.cursor.max(upto);
                    self.wait().await;
                }
                Ok(changes) => changes.iter().for_each(|change| self.tell(change)),
            }
        }
    }

    async fn wait(&mut self) {
        let alarm =
            if self.bookmarks { self.deadline.min(self.next_bookmark) } else { self.deadline };
        tokio::select! {
            woken = self.woken.changed() => self.ended |= woken.is_err(),
            () = tokio::time::sleep_until(alarm) => {
                if Instant::now() >= self.deadline {
                    self.ended = true;
                }
                if self.bookmarks {
                    self.push_bookmark(false);
                    self.next_bookmark = Instant::now() + BOOKMARK_EVERY;
                }
            }
        }
    }

    fn tell(&mut self, change: &Change) {
        self.cursor = change.revision;
        let namespace = |object: &Object| {
            let wanted = self.namespace.as_deref();
            wanted.is_none_or(|ns| object.value["metadata"]["namespace"] == ns)
        };
        if !namespace(&change.after) {
            return;
        }
        let wanted = |object: &Object| self.selector.matches(&shown(&self.resource, object));
        let before = change.before.as_deref().is_some_and(wanted);
        let after = !change.deleted && wanted(&change.after);
        let kind = match (before, after) {
            (false, false) => return,
            (false, true) => "ADDED",
            (true, true) => "MODIFIED",
            (true, false) => "DELETED",
        };
        let object = change.after.clone();
        self.push(kind, &object);
    }

    fn push(&mut self, kind: &str, object: &Object) {
        let bytes = match self.form {
            Form::Object => encoded(&self.resource, object),
            Form::Metadata => metadata_only(&shown(&self.resource, object)).to_string().into(),
            Form::Table => {
                let value = shown(&self.resource, object);
                let row = table::row(&self.resource, &value, self.include.as_deref());
                let metadata = json!({"resourceVersion": object.revision.to_string()});
                let headed = std::mem::replace(&mut self.headed, true);
                let table = table::table(&self.resource, metadata, vec![row], !headed);
                table.to_string().into()
            }
        };
        self.ready.push_back(frame(kind, &bytes));
    }

    fn push_bookmark(&mut self, initial_events_end: bool) {
        let mut metadata = json!({"resourceVersion": self.cursor.to_string()});
        if initial_events_end {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let mut object = json!({
            "kind": self.resource.kind,
            "apiVersion": self.resource.api_version(),
            "metadata": metadata,
        });
        match self.form {
            Form::Object => {}
            Form::Metadata => object = metadata_only(&object),
            Form::Table => {
                let row: Value = table::row(&self.resource, &object, self.include.as_deref());
                object = table::table(&self.resource, metadata, vec![row], !self.headed);
            }
        }
        self.ready.push_back(frame("BOOKMARK", object.to_string().as_bytes()));
    }

    fn joined(&mut self, first: Bytes) -> Bytes {
        const ENOUGH: usize = 64 * 1024;
        if self.ready.is_empty() {
            return first;
        }
        let mut piece = first.to_vec();
        while piece.len() < ENOUGH {
            let Some(next) = self.ready.pop_front() else { break };
            piece.extend_from_slice(&next);
        }
        piece.into()
    }
}

fn frame(kind: &str, object: &[u8]) -> Bytes {
    let mut frame = Vec::with_capacity(object.len() + 32);
    frame.extend_from_slice(b"{\"type\":\"");
    frame.extend_from_slice(kind.as_bytes());
    frame.extend_from_slice(b"\",\"object\":");
    frame.extend_from_slice(object);
    frame.extend_from_slice(b"}\n");
    frame.into()
}
