//! Building the body of a request: only what was given is sent, because Gauzy writes every column that it gets.

use crate::id::Id;
use leno_sdk::prelude::*;

/// The members of a JSON object under construction.
#[derive(Default)]
pub(crate) struct Fields(Map);

impl Fields {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn set(self, name: &str, value: impl Into<Value>) -> Self {
        self.insert(name, value.into())
    }

    #[inline(never)]
    fn insert(mut self, name: &str, value: Value) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }

    /// Sets a member if there is a value. An empty text counts as none: that is how forms send fields that were left alone.
    pub(crate) fn opt(self, name: &str, value: Option<impl Sent>) -> Self {
        match value.map(Sent::sent) {
            None | Some(Value::Null) => self,
            Some(Value::String(text)) if text.is_empty() => self,
            Some(value) => self.set(name, value),
        }
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

/// What a member is sent as.
pub(crate) trait Sent {
    fn sent(self) -> Value;
}

macro_rules! sent {
    ($($type:ty: $value:ident => $sent:expr;)*) => {
        $(
            impl Sent for $type {
                fn sent(self) -> Value {
                    let $value = self;
                    $sent
                }
            }
        )*
    };
}

sent! {
    String: text => text.into();
    LongText: text => text.0.into();
    &LongText: text => text.0.clone().into();
    DateTime: time => time.to_string().into();
    Id: id => String::from(id).into();
    &Id: id => id.to_string().into();
    Value: value => value;
    f64: number => number.into();
    i64: number => number.into();
    bool: flag => flag.into();
}

/// Makes enums that a user chooses from be sent by their values.
macro_rules! sent_by_value {
    ($($type:ty),*) => {
        $(
            impl $crate::fields::Sent for $type {
                fn sent(self) -> Value {
                    $crate::fields::value_of(serde_json::to_string(&self).ok())
                }
            }
        )*
    };
}
pub(crate) use sent_by_value;

/// The value that a JSON text stands for.
pub(crate) fn value_of(text: Option<String>) -> Value {
    text.and_then(|text| text.parse().ok()).unwrap_or_default()
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
