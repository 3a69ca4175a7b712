//! Reading what the host hands over, with every problem found in one go.

use std::fmt;

use serde::de::{DeserializeOwned, Deserializer as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Prop, Props};
use crate::json_path;

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

    fn outcome<T>(mut self, read: Option<T>) -> Result<T, Vec<Problem>> {
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
pub(super) fn object<P: Props>(text: &str) -> Result<P, Vec<Problem>> {
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

pub(super) fn members(text: &str) -> Result<Vec<(String, &RawValue)>, serde_json::Error> {
    struct Members;

    impl<'de> Visitor<'de> for Members {
        type Value = Vec<(String, &'de RawValue)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some(member) = map.next_entry()? {
                members.push(member);
            }
            Ok(members)
        }
    }

    let mut reader = serde_json::Deserializer::from_str(text);
    let members = reader.deserialize_map(Members)?;
    reader.end()?;
    Ok(members)
}
