//! Building the body of a request: only what was given is sent, because Gauzy writes every column that it gets.

use leno_sdk::prelude::*;
use serde::Serialize;

/// The members of a JSON object under construction.
#[derive(Default)]
pub(crate) struct Fields(Map);

impl Fields {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn set(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// Sets a member if there is a value. An empty text counts as none: that is how forms send fields that were left alone.
    pub(crate) fn opt<T: Serialize>(mut self, name: &str, value: Option<T>) -> Self {
        let value = value.and_then(|value| serde_json::to_value(value).ok()).unwrap_or_default();
        if !value.is_null() && value != json!("") {
            self.0.insert(name.to_owned(), value);
        }
        self
    }

    /// Sets the members of an object that the user wrote; they count before those that are set already.
    pub(crate) fn extend(mut self, others: Map) -> Self {
        self.0.extend(others);
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Fields> for Value {
    fn from(Fields(members): Fields) -> Self {
        Self::Object(members)
    }
}

/// References to other records, as Gauzy takes them: `[{"id"}]`.
pub(crate) fn references<I: ToString>(ids: impl IntoIterator<Item = I>) -> Value {
    ids.into_iter().map(|id| json!({"id": id.to_string()})).collect()
}

/// Takes out what nobody but Gauzy should have: an invoice comes with a token for its public link, a user may come with hashes.
pub(crate) fn without_secrets(mut value: Value) -> Value {
    strip(&mut value);
    value
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for name in ["token", "hash", "password", "refreshToken", "emailToken", "emailVerificationToken"] {
                members.remove(name);
            }
            members.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}
