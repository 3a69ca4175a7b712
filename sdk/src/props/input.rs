//! The types that can be read from a step's input, and the reader that they read from. Every problem is found in one go.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::lookup::Lookup;
use super::members::members;
use super::property::{Properties, Property};
use crate::{Result, json_path};

/// The properties of an action, a trigger, a row of an array or a connection. Derived:
///
/// ```
/// use leno_sdk::prelude::*;
///
/// /// What to say and to whom.
/// #[derive(Props)]
/// struct Greet {
///     /// Who is greeted
///     name: String,
///     #[prop(default = 1, min = 1, max = 5)]
///     times: u32,
///     tone: Option<Tone>,
/// }
///
/// #[derive(Choice)]
/// enum Tone {
///     Formal,
///     Friendly,
/// }
///
/// let document = Greet::properties().to_json();
/// assert_eq!(document["name"]["type"], "SHORT_TEXT");
/// assert_eq!(document["name"]["displayName"], "Name");
/// assert_eq!(document["name"]["description"], "Who is greeted");
/// assert_eq!(document["times"]["defaultValue"], 1);
/// assert_eq!(document["tone"]["options"]["options"][0], json!({"label": "Formal", "value": "formal"}));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a set of properties",
    note = "write `#[derive(Props)]` on the struct; a step without properties takes `NoProps`"
)]
pub trait Props: Sized {
    /// The description for the metadata document, in the order of the fields.
    fn properties() -> Properties;

    /// Reads the values. Everything wrong is noted in `input`; then there is no answer.
    fn read(input: &mut Input<'_>) -> Option<Self>;

    /// The options of a dropdown or the properties of a dynamic property, as JSON text; none when `property` has neither.
    ///
    /// # Errors
    /// What the author's function answers.
    fn resolve(property: &str, lookup: &Lookup<'_>) -> Result<Option<String>> {
        let _ = (property, lookup);
        Ok(None)
    }
}

/// A type that a field of a `#[derive(Props)]` struct may have.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the type of a property",
    note = "text: `String`, `LongText`; number: `f64`, `i64`, `u32`, …; yes or no: `bool`; time: `DateTime`; choice: an enum with `#[derive(Choice)]`, or a `Vec` of it",
    note = "list: `Vec<String>`, or a `Vec` of a struct with `#[derive(Props)]`; object: `Map`; any JSON: `Value`, `Json<T>`; also `File`, `Color`, `Markdown`; in a connection `SecretText`",
    note = "any type that serde can read: `#[prop(options = function)]`, `#[prop(dynamic = function)]` or `#[prop(custom = \"…\")]`"
)]
pub trait Prop: Sized {
    /// The description, without its texts.
    fn property() -> Property;

    /// Reads a value that is not `null`; notes in `at` what is wrong with it.
    fn read(raw: &RawValue, at: &mut At) -> Option<Self>;

    /// The value when none is given; none when one has to be given.
    fn absent() -> Option<Self> {
        None
    }
}

/// One thing wrong with the values given to a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The property, and the place inside its value: `rows[2].name`.
    pub path: String,
    /// What is wrong, for people.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() { f.write_str(&self.message) } else { write!(f, "{}: {}", self.path, self.message) }
    }
}

/// Where reading is, and what was wrong so far.
#[derive(Debug, Default)]
pub struct At {
    path: String,
    problems: Vec<Problem>,
}

impl At {
    /// Notes a problem with the present value. Answers none, to be returned.
    pub fn fail<T>(&mut self, message: impl Into<String>) -> Option<T> {
        self.problems.push(Problem { path: self.path.clone(), message: message.into() });
        None
    }

    /// Reads a value that serde knows.
    pub fn parse<T: DeserializeOwned>(&mut self, raw: &RawValue) -> Option<T> {
        json_path::read(raw.get()).or_else(|message| self.fail(message).ok_or(())).ok()
    }

    pub(crate) fn within<T>(&mut self, step: fmt::Arguments<'_>, read: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        self.path.push_str(&step.to_string());
        let value = read(self);
        self.path.truncate(length);
        value
    }

    fn outcome<T>(mut self, read: Option<T>) -> std::result::Result<T, Vec<Problem>> {
        match read {
            Some(value) if self.problems.is_empty() => Ok(value),
            None if self.problems.is_empty() => {
                self.fail::<()>("cannot be read");
                Err(self.problems)
            }
            _ => Err(self.problems),
        }
    }

    pub(crate) fn is_clean_since(&self, count: usize) -> bool {
        self.problems.len() == count
    }

    pub(crate) fn count(&self) -> usize {
        self.problems.len()
    }
}

/// The members of one JSON object, not yet read.
#[derive(Debug)]
pub struct Input<'a> {
    members: Vec<(String, &'a RawValue)>,
    at: &'a mut At,
}

impl<'a> Input<'a> {
    /// The value of a property. A missing value and `null` are the same: a problem, unless the type has an answer for
    /// it, as `Option` has.
    pub fn field<T: Prop>(&mut self, name: &str) -> Option<T> {
        match self.raw(name) {
            Some(raw) => self.read(name, |at| T::read(raw, at)),
            None => T::absent().or_else(|| self.fail(name, "is required")),
        }
    }

    /// The value of a property, or `default` when it is missing or `null`.
    pub fn field_or<T: Prop>(&mut self, name: &str, default: impl FnOnce() -> T) -> Option<T> {
        match self.raw(name) {
            Some(raw) => self.read(name, |at| T::read(raw, at)),
            None => Some(default()),
        }
    }

    /// The value of a property whose type serde knows; `absent` answers when it is missing or `null`.
    pub fn any<T: DeserializeOwned>(&mut self, name: &str, absent: impl FnOnce() -> Option<T>) -> Option<T> {
        match self.raw(name) {
            Some(raw) => self.read(name, |at| at.parse(raw)),
            None => absent().or_else(|| self.fail(name, "is required")),
        }
    }

    /// Notes a problem with a property. Answers none, to be returned.
    pub fn fail<T>(&mut self, name: &str, message: impl Into<String>) -> Option<T> {
        self.read(name, |at| at.fail(message))
    }

    /// Notes a problem when a number is out of its bounds.
    pub fn bounds(&mut self, name: &str, value: Option<f64>, min: Option<f64>, max: Option<f64>) {
        let Some(value) = value else { return };
        if let Some(min) = min.filter(|min| value < *min) {
            self.fail::<()>(name, format!("{value} is below the minimum of {min}"));
        }
        if let Some(max) = max.filter(|max| value > *max) {
            self.fail::<()>(name, format!("{value} is above the maximum of {max}"));
        }
    }

    fn raw(&self, name: &str) -> Option<&'a RawValue> {
        self.members.iter().rfind(|(member, _)| member == name).map(|(_, raw)| *raw).filter(|raw| raw.get() != "null")
    }

    fn read<T>(&mut self, name: &str, read: impl FnOnce(&mut At) -> Option<T>) -> Option<T> {
        let dot = if self.at.path.is_empty() { "" } else { "." };
        self.at.within(format_args!("{dot}{name}"), read)
    }
}

/// Reads a whole JSON text as properties.
pub(super) fn object<P: Props>(text: &str) -> std::result::Result<P, Vec<Problem>> {
    // Generic, so once for every step of a piece: what does not depend on `P` stands in functions that do not.
    let mut at = At::default();
    let props = members_in(text, &mut at);
    at.outcome(props)
}

/// Reads one JSON object as properties, in the middle of a greater value.
pub(super) fn members_in<P: Props>(text: &str, at: &mut At) -> Option<P> {
    let members = members_or_problem(text, at)?;
    P::read(&mut Input { members, at })
}

fn members_or_problem<'a>(text: &'a str, at: &mut At) -> Option<Vec<(String, &'a RawValue)>> {
    match members(text) {
        Ok(members) => Some(members),
        Err(error) if error.is_data() => at.fail("expected an object"),
        Err(error) => at.fail(format!("it is not JSON: {error}")),
    }
}
