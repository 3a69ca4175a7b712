//! The actions of a piece.

use serde::Serialize;

use crate::document::Document;
use crate::props::{Lookup, Properties, Props};
use crate::{Error, Result};

/// One action of a piece. `#[action]` on a function defines it:
///
/// ```
/// use leno_sdk::prelude::*;
///
/// #[derive(Props)]
/// struct Shout {
///     text: String,
/// }
///
/// /// Writes a text in capital letters.
/// #[action(classification = "READ", ai(idempotent = true))]
/// fn shout(props: Shout) -> Result<String> {
///     Ok(props.text.to_uppercase())
/// }
///
/// // The function stays; the macro adds an action of the same name.
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
    extra: fn(&mut Document),
    run: fn(&str) -> Result<String>,
    resolve: fn(&str, &Lookup<'_>) -> Result<Option<String>>,
}

impl Action {
    /// An action with the properties `P`. `run` takes their JSON text.
    pub const fn new<P: Props>(
        name: &'static str,
        display_name: &'static str,
        description: &'static str,
        run: fn(&str) -> Result<String>,
    ) -> Self {
        Self { name, display_name, description, properties: P::properties, extra: nothing, run, resolve: P::resolve }
    }

    /// Adds members to the action's part of the metadata document.
    #[doc(hidden)]
    #[must_use]
    pub const fn extra(mut self, members: fn(&mut Document)) -> Self {
        self.extra = members;
        self
    }

    /// The name that flows use for the action.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Runs the action on the JSON text of its properties. Returns its output as JSON text.
    ///
    /// # Errors
    /// `invalid-input` if the properties are wrong, and the errors of the author's function.
    pub fn run(&self, props: &str) -> Result<String> {
        (self.run)(props)
    }

    pub(crate) fn resolve(&self, property: &str, lookup: &Lookup<'_>) -> Result<Option<String>> {
        (self.resolve)(property, lookup)
    }

    pub(crate) fn document(&self, piece_has_auth: bool) -> Document {
        let texts = (self.name, self.display_name, self.description);
        let mut document = part(texts, piece_has_auth, &(self.properties)());
        (self.extra)(&mut document);
        document
    }
}

/// The members that actions and triggers share in the metadata document.
pub(crate) fn part(
    (name, display_name, description): (&str, &str, &str),
    piece_has_auth: bool,
    properties: &Properties,
) -> Document {
    let mut document = Document::default();
    document.set("name", name);
    document.set("displayName", display_name);
    document.set("description", description);
    document.set_object("props", properties.document());
    document.set("requireAuth", &piece_has_auth);
    document
}

pub(crate) fn nothing(_: &mut Document) {}

/// Serializes the result of an author's function.
#[doc(hidden)]
pub fn output<T: Serialize, E: Into<Error>>(result: Result<T, E>) -> Result<String> {
    Ok(serde_json::to_string(&result.map_err(Into::into)?)?)
}

/// A value as JSON text; `null` if it cannot be serialized.
#[doc(hidden)]
pub fn text<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}
