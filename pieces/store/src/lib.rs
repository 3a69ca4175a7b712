//! The built-in piece `store`: stores small values between the runs of a flow or of a whole project.

mod key;
mod sum;

use std::time::Duration;

use key::stored;
use leno_sdk::prelude::*;
use leno_sdk::props::{JSON_EDITOR, Number};
use leno_sdk::store::{Scope, Store};

/// The runs that share a value.
#[derive(Choice, Clone, Copy)]
#[choice(rename_all = "UPPERCASE")]
pub enum Owner {
    /// The runs of this flow.
    #[choice(label = "This flow")]
    Flow,
    /// The runs of all flows of the project.
    #[choice(label = "The whole project")]
    Project,
}

impl Owner {
    fn store(self) -> Store {
        store::scope(match self {
            Self::Flow => Scope::Flow,
            Self::Project => Scope::Project,
        })
    }
}

/// What `get` is given.
#[derive(Props)]
pub struct Get {
    /// The name of the value
    key: String,
    /// The runs that share the value
    #[prop(default = Owner::Flow, display_name = "Shared by")]
    scope: Owner,
    /// The result if there is no value: text, or any other JSON value
    #[prop(custom = JSON_EDITOR)]
    default: Option<Value>,
}

/// Reads a value. Returns the default, or null, if there is none.
#[action(display_name = "Get value", classification = "READ", ai(idempotent = true))]
pub fn get(props: Get) -> Result<Value> {
    let value = props.scope.store().get(&stored(&props.key)?)?;
    Ok(value.or(props.default).unwrap_or_default())
}

/// What `put` is given.
#[derive(Props)]
pub struct Put {
    /// The name of the value
    key: String,
    /// Text, or any other JSON value
    #[prop(custom = JSON_EDITOR)]
    value: Value,
    /// The runs that share the value
    #[prop(default = Owner::Flow, display_name = "Shared by")]
    scope: Owner,
    /// After how many seconds the value expires; never if absent
    #[prop(min = 1)]
    ttl_seconds: Option<u32>,
}

/// Stores a value and returns it.
#[action(display_name = "Put value", classification = "WRITE", ai(idempotent = true))]
pub fn put(props: Put) -> Result<Value> {
    let (store, key) = (props.scope.store(), stored(&props.key)?);
    match props.ttl_seconds {
        Some(seconds) => store.put_for(&key, &props.value, Duration::from_secs(u64::from(seconds)))?,
        None => store.put(&key, &props.value)?,
    }
    Ok(props.value)
}

/// What `add` is given.
#[derive(Props)]
pub struct Add {
    /// The name of the number
    key: String,
    /// The number to add; a negative number subtracts
    #[prop(default = Number::from(1))]
    amount: Number,
    /// The runs that share the number
    #[prop(default = Owner::Flow, display_name = "Shared by")]
    scope: Owner,
}

/// Adds to a number and returns the sum, exactly; a missing number counts as 0. Concurrent runs do not lose each other's
/// additions. A number that would expire no longer does.
#[action(display_name = "Add to number", classification = "WRITE", ai(idempotent = false))]
pub fn add(props: Add) -> Result<Value> {
    let key = stored(&props.key)?;
    props.scope.store().update(&key, |old: Option<Value>| {
        let zero = Number::from(0);
        let old = match &old {
            None | Some(Value::Null) => &zero,
            Some(Value::Number(number)) => number,
            Some(_) => {
                let message = format!("key: the value of `{}` is not a number", props.key.trim());
                return Err(Error::invalid_input("not-a-number", message));
            }
        };
        let sum = sum::of(old, &props.amount).ok_or_else(|| {
            let message = format!("amount: {old} + {} has more than {} digits", props.amount, sum::MOST_DIGITS);
            Error::invalid_input("too-large", message)
        })?;
        Ok(Value::Number(sum))
    })
}

/// What `remove` is given.
#[derive(Props)]
pub struct Remove {
    /// The name of the value
    key: String,
    /// The runs that share the value
    #[prop(default = Owner::Flow, display_name = "Shared by")]
    scope: Owner,
}

/// Removes a value. An absent value is not an error.
#[action(display_name = "Remove value", classification = "DESTRUCTIVE", ai(idempotent = true))]
pub fn remove(props: Remove) -> Result<()> {
    props.scope.store().delete(&stored(&props.key)?)
}

piece! {
    name: "store",
    display_name: "Store",
    categories: [Core],
    actions: [get, put, add, remove],
}
