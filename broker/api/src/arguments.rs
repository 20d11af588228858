//! Arguments of queues, exchanges and bindings.

/// A field table, as a JSON object.
pub type Arguments = serde_json::Map<String, serde_json::Value>;
