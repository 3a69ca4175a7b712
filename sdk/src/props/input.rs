//! Reading a step's input into Rust types. A reader collects all problems instead of stopping at the first.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::lookup::Lookup;
use super::members::members;
use super::property::{Properties, Property};
use crate::{Result, json_path};

/// The properties of an action, a trigger, a row of an array or a connection, for `#[derive(Props)]`:
///
/// ```
/// use leno_sdk::prelude::*;
///
/// /// The inputs of a greeting.
/// #[derive(Props)]
/// struct Greet {
///     /// The person to greet
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
/// assert_eq!(document["name"]["description"], "The person to greet");
/// assert_eq!(document["times"]["defaultValue"], 1);
/// assert_eq!(document["tone"]["options"]["options"][0], json!({"label": "Formal", "value": "formal"}));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a set of properties",
    note = "write `#[derive(Props)]` on the struct; a step without properties takes `NoProps`"
)]
pub trait Props: Sized {
    /// Returns the description for the metadata document, in the order of the fields.
    fn properties() -> Properties;

    /// Reads the values. Returns none if any is wrong; `input` collects the problems.
    fn read(input: &mut Input<'_>) -> Option<Self>;

    /// Returns the options of a dropdown or the properties of a dynamic property, as JSON text; none if `property` has
    /// neither.
    ///
    /// # Errors
    /// The error of the author's function.
    fn resolve(property: &str, lookup: &Lookup<'_>) -> Result<Option<String>> {
        let _ = (property, lookup);
        Ok(None)
    }
}

/// A type that a field of a `#[derive(Props)]` struct may have.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the type of a property",
    note = "text: `String`, `LongText`; number: `f64`, `i64`, `u32`, …, `Number` for any digits; yes or no: `bool`; time: `DateTime`; choice: an enum with `#[derive(Choice)]`, or a `Vec` of it",
    note = "list: `Vec<String>`, or a `Vec` of a struct with `#[derive(Props)]`; object: `Map`; any JSON: `Value`, `Json<T>`; also `File`, `Color`, `Markdown`; in a connection `SecretText`",
    note = "any type that serde can read: `#[prop(options = function)]`, `#[prop(dynamic = function)]` or `#[prop(custom = \"…\")]`"
)]
pub trait Prop: Sized {
    /// Returns the description, without name and texts.
    fn property() -> Property;

    /// Reads a value that is not `null`. Returns none if it is wrong; `at` collects the problems.
    fn read(raw: &RawValue, at: &mut At) -> Option<Self>;

    /// Returns the value of an absent property; none if the property is required.
    fn absent() -> Option<Self> {
        None
    }
}

/// A problem with the input of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The property and the path inside its value: `rows[2].name`.
    pub path: String,
    /// What is wrong, in words.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() { f.write_str(&self.message) } else { write!(f, "{}: {}", self.path, self.message) }
    }
}

/// The path of the value being read, and the problems found so far.
#[derive(Debug, Default)]
pub struct At {
    path: String,
    problems: Vec<Problem>,
}

impl At {
    /// Adds a problem with the current value. Returns none, for the caller to return.
    pub fn fail<T>(&mut self, message: impl Into<String>) -> Option<T> {
        self.add(message.into());
        None
    }

    /// The part of [`At::fail`] that does not depend on a type: it is compiled once.
    #[inline(never)]
    fn add(&mut self, message: String) {
        self.problems.push(Problem { path: self.path.clone(), message });
    }

    /// Reads a value of a type that implements `Deserialize`.
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
            _ => Err(self.found()),
        }
    }

    /// The problems, at least one.
    #[inline(never)]
    fn found(&mut self) -> Vec<Problem> {
        if self.problems.is_empty() {
            self.add("cannot be read".to_owned());
        }
        std::mem::take(&mut self.problems)
    }

    pub(crate) fn is_clean_since(&self, count: usize) -> bool {
        self.problems.len() == count
    }

    pub(crate) fn count(&self) -> usize {
        self.problems.len()
    }
}

/// The members of one JSON object.
#[derive(Debug)]
pub struct Input<'a> {
    members: Vec<(String, &'a RawValue)>,
    at: &'a mut At,
}

impl<'a> Input<'a> {
    /// Reads a property. A missing value and `null` are the same: a problem, unless the type has a value for an absent
    /// property, as `Option` has.
    pub fn field<T: Prop>(&mut self, name: &str) -> Option<T> {
        match self.raw(name) {
            Some(raw) => self.read(name, |at| T::read(raw, at)),
            None => T::absent().or_else(|| self.fail(name, "is required")),
        }
    }

    /// Reads a property; returns `default` if it is missing or `null`.
    pub fn field_or<T: Prop>(&mut self, name: &str, default: impl FnOnce() -> T) -> Option<T> {
        match self.raw(name) {
            Some(raw) => self.read(name, |at| T::read(raw, at)),
            None => Some(default()),
        }
    }

    /// Reads a property of a type that implements `Deserialize`. `absent` returns the value if it is missing or `null`.
    pub fn any<T: DeserializeOwned>(&mut self, name: &str, absent: impl FnOnce() -> Option<T>) -> Option<T> {
        match self.raw(name) {
            Some(raw) => self.read(name, |at| at.parse(raw)),
            None => absent().or_else(|| self.fail(name, "is required")),
        }
    }

    /// Adds a problem with a property. Returns none, for the caller to return.
    pub fn fail<T>(&mut self, name: &str, message: impl Into<String>) -> Option<T> {
        self.read(name, |at| at.fail(message))
    }

    /// Adds a problem if a number is out of its bounds.
    pub fn bounds(&mut self, name: &str, value: Option<f64>, min: Option<f64>, max: Option<f64>) {
        let Some(value) = value else { return };
        // As the user wrote it: a double shows other digits of a long number.
        let given = self.raw(name).map_or_else(|| number(value), |raw| raw.get().to_owned());
        if let Some(min) = min.filter(|min| value < *min) {
            self.fail::<()>(name, format!("{given} is below the minimum of {}", number(min)));
        }
        if let Some(max) = max.filter(|max| value > *max) {
            self.fail::<()>(name, format!("{given} is above the maximum of {}", number(max)));
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

/// A number as JSON has it, a whole one without its fraction. `Display` of a double would add 15 KiB to a component that has
/// the code for JSON anyway.
fn number(value: f64) -> String {
    let text = serde_json::to_string(&value).unwrap_or_default();
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

/// Reads a JSON text as properties.
pub(super) fn object<P: Props>(text: &str) -> std::result::Result<P, Vec<Problem>> {
    // Compiled once for each type `P`: code that does not depend on `P` is in functions without it, to keep components small.
    let mut at = At::default();
    let props = members_in(text, &mut at);
    at.outcome(props)
}

/// Reads a JSON object inside of another value as properties.
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
