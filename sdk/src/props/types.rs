//! The Rust types of property values.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub use serde_json::{Number, Value};

use super::input::{At, Prop, Props, members_in};
use super::property::Property;
use crate::time::DateTime;

/// A JSON object; members keep their order.
pub type Map<V = Value> = serde_json::Map<String, V>;

/// A type that a `Vec` in a `#[derive(Props)]` struct may hold.
#[diagnostic::on_unimplemented(
    message = "a list of `{Self}` cannot be a property",
    note = "lists hold `String`, `Value`, an enum with `#[derive(Choice)]` or a struct with `#[derive(Props)]`"
)]
pub trait Item: Sized {
    /// Returns the description of the list, without name and texts.
    fn list() -> Property;

    /// Reads one element of the list.
    fn read_item(raw: &RawValue, at: &mut At) -> Option<Self>;
}

impl<T: Prop> Prop for Option<T> {
    fn property() -> Property {
        T::property().required(false)
    }

    fn read(raw: &RawValue, at: &mut At) -> Option<Self> {
        T::read(raw, at).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<T: Item> Prop for Vec<T> {
    fn property() -> Property {
        T::list().required(true)
    }

    fn read(raw: &RawValue, at: &mut At) -> Option<Self> {
        let items: Vec<&RawValue> = match serde_json::from_str(raw.get()) {
            Ok(items) => items,
            Err(_) => return at.fail("expected a list"),
        };
        let before = at.count();
        let read: Vec<T> = items
            .into_iter()
            .enumerate()
            .filter_map(|(index, raw)| at.within(format_args!("[{index}]"), |at| T::read_item(raw, at)))
            .collect();
        at.is_clean_since(before).then_some(read)
    }
}

/// A struct with `#[derive(Props)]` is a row of a list.
impl<T: Props> Item for T {
    fn list() -> Property {
        Property::rows("", T::properties())
    }

    fn read_item(raw: &RawValue, at: &mut At) -> Option<Self> {
        members_in(raw.get(), at)
    }
}

macro_rules! simple {
    ($($type:ty => $kind:literal;)*) => {
        $(
            impl Prop for $type {
                fn property() -> Property {
                    Property::new($kind, "").required(true)
                }

                fn read(raw: &RawValue, at: &mut At) -> Option<Self> {
                    at.parse(raw)
                }
            }
        )*
    };
}

simple! {
    String => "SHORT_TEXT";
    LongText => "LONG_TEXT";
    SecretText => "SECRET_TEXT";
    Color => "COLOR";
    bool => "CHECKBOX";
    f64 => "NUMBER";
    f32 => "NUMBER";
    Number => "NUMBER";
    DateTime => "DATE_TIME";
    Value => "JSON";
    Box<RawValue> => "JSON";
    File => "FILE";
}

impl<V: DeserializeOwned> Prop for BTreeMap<String, V> {
    fn property() -> Property {
        Property::new("OBJECT", "").required(true)
    }

    fn read(raw: &RawValue, at: &mut At) -> Option<Self> {
        at.parse(raw)
    }
}

impl Prop for Map {
    fn property() -> Property {
        Property::new("OBJECT", "").required(true)
    }

    fn read(raw: &RawValue, at: &mut At) -> Option<Self> {
        at.parse(raw)
    }
}

macro_rules! texts {
    ($($type:ty),*) => {
        $(
            impl Item for $type {
                fn list() -> Property {
                    Property::new("ARRAY", "")
                }

                fn read_item(raw: &RawValue, at: &mut At) -> Option<Self> {
                    at.parse(raw)
                }
            }
        )*
    };
}

texts!(String, Value);

macro_rules! whole_numbers {
    ($($type:ty),*) => {
        $(
            impl Prop for $type {
                fn property() -> Property {
                    Property::new("NUMBER", "").required(true)
                }

                fn read(raw: &RawValue, at: &mut At) -> Option<Self> {
                    whole(raw.get()).and_then(|number| Self::try_from(number).ok()).or_else(|| {
                        at.fail(format!("expected a whole number from {} to {}", Self::MIN, Self::MAX))
                    })
                }
            }
        )*
    };
}

whole_numbers!(i8, i16, i32, i64, u8, u16, u32, u64, usize);

/// A JSON number without a fraction, exactly: `3.0` and `3e0` are 3. None for any other.
pub(super) fn whole(text: &str) -> Option<i128> {
    // An `i128` has at most 39 digits.
    const MOST_ZEROS: i64 = 39;
    text.parse().ok().or_else(|| {
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (head, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{head}{fraction}");
        let kept = digits.trim_end_matches('0');
        if kept.trim_start_matches('-').is_empty() {
            return Some(0);
        }
        let places = i64::try_from(fraction.len()).ok()?.checked_sub(i64::try_from(digits.len() - kept.len()).ok()?)?;
        let zeros = exponent.parse::<i64>().ok()?.checked_sub(places)?;
        let zeros = usize::try_from(zeros.min(MOST_ZEROS + 1)).ok()?;
        format!("{kept}{}", "0".repeat(zeros)).parse().ok()
    })
}

macro_rules! wrappers {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
            #[serde(transparent)]
            pub struct $name(pub String);

            impl Deref for $name {
                type Target = str;

                fn deref(&self) -> &str {
                    &self.0
                }
            }

            impl From<&str> for $name {
                fn from(text: &str) -> Self {
                    Self(text.to_owned())
                }
            }

            impl From<$name> for String {
                fn from(text: $name) -> Self {
                    text.0
                }
            }
        )*
    };
}

wrappers! {
    /// Text of several lines: LONG_TEXT.
    LongText,
    /// A color in the format of the editor, for example `#ff8800`: COLOR.
    Color,
    /// A secret field of a connection: SECRET_TEXT. It has no `Debug`.
    SecretText,
}

impl std::fmt::Debug for LongText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::fmt::Debug for Color {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A JSON value that is read as a `T`: JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T> Deref for Json<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Json<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: DeserializeOwned> Prop for Json<T> {
    fn property() -> Property {
        Property::new("JSON", "").required(true)
    }

    fn read(raw: &RawValue, at: &mut At) -> Option<Self> {
        at.parse(raw).map(Self)
    }
}

/// Text for the user to read, without a value: MARKDOWN. The text is the field's doc comment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Markdown;

impl Prop for Markdown {
    fn property() -> Property {
        Property::new("MARKDOWN", "")
    }

    fn read(_: &RawValue, _: &mut At) -> Option<Self> {
        Some(Self)
    }

    fn absent() -> Option<Self> {
        Some(Self)
    }
}

/// A file, as input or output: FILE. Its JSON is `{"filename", "extension", "base64"}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct File {
    /// The name, with its extension.
    pub filename: String,
    /// The content.
    pub data: Vec<u8>,
}

impl File {
    /// A file with this name and content.
    pub fn new(filename: impl Into<String>, data: impl Into<Vec<u8>>) -> Self {
        Self { filename: filename.into(), data: data.into() }
    }

    /// The part of the name after the last dot, in lower case.
    pub fn extension(&self) -> Option<String> {
        let (stem, extension) = self.filename.rsplit_once('.')?;
        (!stem.is_empty() && !extension.is_empty()).then(|| extension.to_ascii_lowercase())
    }
}

#[derive(Serialize, Deserialize)]
struct FileDocument {
    filename: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    extension: Option<String>,
    base64: String,
}

impl Serialize for File {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let document = FileDocument {
            filename: self.filename.clone(),
            extension: self.extension(),
            base64: STANDARD.encode(&self.data),
        };
        document.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for File {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let document = FileDocument::deserialize(deserializer)?;
        let data = STANDARD.decode(document.base64.as_bytes()).map_err(serde::de::Error::custom)?;
        Ok(Self { filename: document.filename, data })
    }
}
