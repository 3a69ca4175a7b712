//! Enums of which the user chooses one or several variants.

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::types::whole;
use super::{At, Options, Property};

/// Implemented by `#[derive(Choice)]`.
#[doc(hidden)]
pub trait Choice: Sized {
    /// Label and value of each variant, in order.
    const OPTIONS: &'static [(&'static str, Scalar)];

    /// The variant at an index of `OPTIONS`.
    fn from_index(index: usize) -> Option<Self>;

    /// The index of the variant in `OPTIONS`.
    fn index(&self) -> usize;
}

/// The value of an option.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar {
    Text(&'static str),
    Whole(i64),
    Flag(bool),
}

impl Scalar {
    fn is(self, value: &Value) -> bool {
        match self {
            Self::Text(text) => value.as_str() == Some(text),
            Self::Whole(number) => value.as_number().and_then(|value| whole(value.as_str())) == Some(number.into()),
            Self::Flag(flag) => value.as_bool() == Some(flag),
        }
    }
}

impl Serialize for Scalar {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Whole(number) => serializer.serialize_i64(number),
            Self::Flag(flag) => serializer.serialize_bool(flag),
        }
    }
}

fn options<T: Choice>() -> Options {
    T::OPTIONS.iter().copied().collect()
}

pub fn one<T: Choice>() -> Property {
    Property::static_dropdown("", options::<T>()).required(true)
}

pub fn some<T: Choice>() -> Property {
    Property::static_multi_select_dropdown("", options::<T>()).required(true)
}

pub fn read<T: Choice>(raw: &RawValue, at: &mut At) -> Option<T> {
    let value: Value = at.parse(raw)?;
    find(&value).or_else(|| at.fail(unknown::<T>(&value)))
}

pub fn serialize<T: Choice, S: Serializer>(choice: &T, serializer: S) -> Result<S::Ok, S::Error> {
    match T::OPTIONS.get(choice.index()) {
        Some((_, value)) => value.serialize(serializer),
        None => serializer.serialize_unit(),
    }
}

pub fn deserialize<'de, T: Choice, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let value = Value::deserialize(deserializer)?;
    find(&value).ok_or_else(|| D::Error::custom(unknown::<T>(&value)))
}

fn find<T: Choice>(value: &Value) -> Option<T> {
    T::from_index(T::OPTIONS.iter().position(|(_, option)| option.is(value))?)
}

fn unknown<T: Choice>(value: &Value) -> String {
    let options: Vec<String> =
        T::OPTIONS.iter().map(|(_, value)| serde_json::to_string(value).unwrap_or_default()).collect();
    format!("expected one of {}; got {value}", options.join(", "))
}
