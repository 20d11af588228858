//! The managers of an object: entries of `metadata.managedFields`.

use serde_json::{Value, json};

use crate::apiserver::{
    fields::{
        Set, merge, remove,
        walk::{compare, fields_of},
    },
    meta,
    schema::Schema,
    status::{ApiError, Result},
};

/// Fields that nobody owns: identity, and what the server writes.
const OWNERLESS: &[&[&str]] = &[
    &["f:apiVersion"],
    &["f:kind"],
    &["f:metadata", "f:name"],
    &["f:metadata", "f:namespace"],
    &["f:metadata", "f:uid"],
    &["f:metadata", "f:resourceVersion"],
    &["f:metadata", "f:generation"],
    &["f:metadata", "f:creationTimestamp"],
    &["f:metadata", "f:deletionTimestamp"],
    &["f:metadata", "f:deletionGracePeriodSeconds"],
    &["f:metadata", "f:selfLink"],
    &["f:metadata", "f:managedFields"],
];

/// Whether fields were applied or written in another way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Server-side apply.
    Apply,
    /// Everything else.
    Update,
}

/// Who writes, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Actor<'a> {
    /// Name of the manager.
    pub(crate) manager: &'a str,
    /// How it writes.
    pub(crate) operation: Operation,
    /// Group and version of the document it writes.
    pub(crate) api_version: &'a str,
    /// As in `status`; empty for the object itself.
    pub(crate) subresource: &'a str,
    /// Whether the kind keeps `status` apart, for its own writers.
    pub(crate) status_apart: bool,
}

/// All managers of an object.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Managers {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq)]
struct Entry {
    manager: String,
    operation: Operation,
    api_version: String,
    subresource: String,
    time: String,
    fields: Set,
}

// === impl Managers ===

impl Managers {
    /// Reads them from an object; entries that make no sense are dropped.
    pub(crate) fn of(object: &Value) -> Self {
        let list = object["metadata"]["managedFields"].as_array().into_iter().flatten();
        Self { entries: list.filter_map(Entry::from_json).collect() }
    }

    /// Writes them to an object.
    pub(crate) fn write_to(&self, object: &mut Value) {
        let list: Vec<Value> = self.entries.iter().map(Entry::to_json).collect();
        let metadata = meta::metadata(object);
        if list.is_empty() {
            metadata.remove("managedFields");
        } else {
            metadata.insert("managedFields".into(), Value::Array(list));
        }
    }

    /// Records an update from `old` to `new`: what changed belongs to `actor` and nobody else.
    pub(crate) fn update(&mut self, old: &Value, new: &Value, schema: &Schema, actor: Actor<'_>) {
        let difference = compare(old, new, Some(schema));
        let changed = actor.owned(difference.changed);
        let removed = actor.ownable(difference.removed);
        for entry in &mut self.entries {
            entry.fields = entry.fields.difference(&removed);
            if !entry.is(actor) {
                entry.fields = entry.fields.difference(&changed);
            }
        }
        let fields = self.fields_of(actor).union(&changed);
        self.set(actor, fields);
    }

    /// Applies `config` to `live` for `actor`: the result, with fields it no longer names taken
    /// out, or a conflict when other managers own what it changes and `force` is not given.
    pub(crate) fn apply(
        &mut self,
        live: &Value,
        config: &Value,
        schema: &Schema,
        actor: Actor<'_>,
        force: bool,
    ) -> Result<Value> {
        let fields = actor.owned(fields_of(config, Some(schema)));
        let mut merged = merge(live, config, Some(schema));
        let changed = actor.owned(compare(live, &merged, Some(schema)).changed);
        let mut conflicts = Vec::new();
        for entry in self.entries.iter_mut().filter(|entry| !entry.is(actor)) {
            let common = entry.fields.intersection(&changed);
            if common.is_empty() {
                continue;
            }
            if force {
                entry.fields = entry.fields.difference(&common);
            } else {
                let who = entry.described();
                conflicts.extend(common.paths().into_iter().map(|path| (who.clone(), path)));
            }
        }
        if !conflicts.is_empty() {
            return Err(ApiError::apply_conflict(&conflicts));
        }
        let others = self.entries.iter().filter(|entry| !entry.is(actor));
        let others = others.fold(fields.clone(), |all, entry| all.union(&entry.fields));
        let gone = self.fields_of(actor).difference(&others);
        remove(&mut merged, &gone, &others, Some(schema));
        self.set(actor, fields);
        Ok(merged)
    }

    fn fields_of(&self, actor: Actor<'_>) -> Set {
        let found = self.entries.iter().find(|entry| entry.is(actor));
        found.map(|entry| entry.fields.clone()).unwrap_or_default()
    }

    fn set(&mut self, actor: Actor<'_>, fields: Set) {
        match self.entries.iter_mut().find(|entry| entry.is(actor)) {
            Some(entry) if entry.fields == fields => {}
            Some(entry) => {
                entry.fields = fields;
                entry.api_version = actor.api_version.to_owned();
                entry.time = meta::now();
            }
            None => self.entries.push(Entry {
                manager: actor.manager.to_owned(),
                operation: actor.operation,
                api_version: actor.api_version.to_owned(),
                subresource: actor.subresource.to_owned(),
                time: meta::now(),
                fields,
            }),
        }
        self.entries.retain(|entry| !entry.fields.is_empty());
    }
}

// === impl Actor ===

impl Actor<'_> {
    /// The part of `fields` that this actor can come to own.
    fn owned(&self, fields: Set) -> Set {
        let fields = self.ownable(fields);
        match self.subresource {
            "status" => fields.only("f:status"),
            _ if self.status_apart => fields.without(&["f:status"]),
            _ => fields,
        }
    }

    fn ownable(&self, fields: Set) -> Set {
        let mut fields = OWNERLESS.iter().fold(fields, |rest, path| rest.without(path));
        fields.member = false;
        if let Some(metadata) = fields.children.get_mut("f:metadata") {
            metadata.member = false;
        }
        fields
    }
}

// === impl Entry ===

impl Entry {
    fn is(&self, actor: Actor<'_>) -> bool {
        self.manager == actor.manager
            && self.operation == actor.operation
            && self.subresource == actor.subresource
            // What is applied in a new version replaces what was applied in the old one.
            && (self.api_version == actor.api_version || self.operation == Operation::Apply)
    }

    fn described(&self) -> String {
        let mut text = format!("{:?}", self.manager);
        if !self.subresource.is_empty() {
            text.push_str(&format!(" with subresource {:?}", self.subresource));
        }
        if self.operation == Operation::Update {
            text.push_str(&format!(" using {}", self.api_version));
        }
        text
    }

    fn from_json(value: &Value) -> Option<Self> {
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        let operation = match value["operation"].as_str()? {
            "Apply" => Operation::Apply,
            "Update" => Operation::Update,
            _ => return None,
        };
        Some(Self {
            manager: text("manager"),
            operation,
            api_version: text("apiVersion"),
            subresource: text("subresource"),
            time: text("time"),
            fields: Set::from_json(&value["fieldsV1"]),
        })
    }

    fn to_json(&self) -> Value {
        let operation = match self.operation {
            Operation::Apply => "Apply",
            Operation::Update => "Update",
        };
        let mut entry = json!({
            "manager": self.manager,
            "operation": operation,
            "apiVersion": self.api_version,
            "time": self.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": self.fields.to_json(),
        });
        if !self.subresource.is_empty() {
            entry["subresource"] = json!(self.subresource);
        }
        entry
    }
}
