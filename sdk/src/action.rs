//! One action, as the piece's table holds it.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::props::{Lookup, Properties, Props};
use crate::{Error, Result};

/// One action. `#[action]` on a function makes it:
///
/// ```
/// use leno_sdk::prelude::*;
///
/// #[derive(Props)]
/// struct Shout {
///     text: String,
/// }
///
/// /// Says it louder.
/// #[action(classification = "READ", ai(idempotent = true))]
/// fn shout(props: Shout) -> Result<String> {
///     Ok(props.text.to_uppercase())
/// }
///
/// // The function is still a function, and beside it there is the action of the same name.
/// assert_eq!(shout(Shout { text: "hello".into() })?, "HELLO");
/// assert_eq!(shout::ACTION.run(r#"{"text": "hello"}"#)?, r#""HELLO""#);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Action {
    name: &'static str,
    display_name: &'static str,
    description: &'static str,
    properties: fn() -> Properties,
    extra: fn() -> Value,
    run: fn(&str) -> Result<String>,
    resolve: fn(&str, &Lookup<'_>) -> Result<Option<Value>>,
}

impl Action {
    /// An action with the properties `P`. `run` is given their JSON text.
    pub const fn new<P: Props>(
        name: &'static str,
        display_name: &'static str,
        description: &'static str,
        run: fn(&str) -> Result<String>,
    ) -> Self {
        Self { name, display_name, description, properties: P::properties, extra: nothing, run, resolve: P::resolve }
    }

    /// Adds members to the action's part of the metadata document.
    #[must_use]
    pub const fn extra(mut self, members: fn() -> Value) -> Self {
        self.extra = members;
        self
    }

    /// The name by which flows refer to it.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Runs it on the JSON text of its properties; answers JSON text.
    ///
    /// # Errors
    /// `invalid-input` when the properties are wrong, and whatever the author's function answers.
    pub fn run(&self, props: &str) -> Result<String> {
        (self.run)(props)
    }

    pub(crate) fn resolve(&self, property: &str, lookup: &Lookup<'_>) -> Result<Option<Value>> {
        (self.resolve)(property, lookup)
    }

    pub(crate) fn to_json(self, piece_has_auth: bool) -> Value {
        let texts = (self.name, self.display_name, self.description);
        part(texts, piece_has_auth, &(self.properties)(), (self.extra)())
    }
}

/// What actions and triggers have in common in the metadata document.
pub(crate) fn part(
    (name, display_name, description): (&str, &str, &str),
    piece_has_auth: bool,
    properties: &Properties,
    extra: Value,
) -> Value {
    let mut members = Map::new();
    members.insert("name".into(), name.into());
    members.insert("displayName".into(), display_name.into());
    members.insert("description".into(), description.into());
    members.insert("props".into(), properties.to_json());
    members.insert("requireAuth".into(), piece_has_auth.into());
    if let Value::Object(extra) = extra {
        members.extend(extra);
    }
    Value::Object(members)
}

pub(crate) fn nothing() -> Value {
    Value::Null
}

/// The JSON text of what an author's function answered.
#[doc(hidden)]
pub fn answer<T: Serialize, E: Into<Error>>(result: Result<T, E>) -> Result<String> {
    Ok(serde_json::to_string(&result.map_err(Into::into)?)?)
}
