//! The description of one property, and of several.
#![allow(clippy::needless_pass_by_value, reason = "what is built in is given away, so that it reads without `&`")]

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

use crate::document::Document;

/// The look of a MARKDOWN property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// A neutral note.
    Info,
    /// A note to take care.
    Warning,
    /// A piece of advice.
    Tip,
    /// Plain text.
    Borderless,
}

/// One property as the metadata document shows it. The type of a struct's field makes one; a function of a dynamic
/// property makes them by hand:
///
/// ```
/// use leno_sdk::props::Property;
///
/// let name = Property::short_text("Name").description("As in the passport").required(true);
/// assert_eq!(name.to_json()["type"], "SHORT_TEXT");
/// ```
#[derive(Clone, Debug)]
pub struct Property {
    document: Document,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident => $kind:literal;)*) => {
        $(
            $(#[$doc])*
            pub fn $name(display_name: impl Into<String>) -> Self {
                Self::new($kind, display_name)
            }
        )*
    };
}

impl Property {
    /// A property of any type, by the name the metadata document uses for it. It is optional until
    /// [`Property::required`] says otherwise.
    pub fn new(kind: &str, display_name: impl Into<String>) -> Self {
        let mut document = Document::default();
        document.set("type", kind);
        document.set("displayName", &display_name.into());
        document.set("required", &false);
        Self { document }
    }

    kinds! {
        /// One line of text.
        short_text => "SHORT_TEXT";
        /// Several lines of text.
        long_text => "LONG_TEXT";
        /// A number.
        number => "NUMBER";
        /// Yes or no.
        checkbox => "CHECKBOX";
        /// A point in time.
        date_time => "DATE_TIME";
        /// A JSON object or array.
        json => "JSON";
        /// An object of names and values.
        object => "OBJECT";
        /// A file.
        file => "FILE";
        /// A list of texts.
        array => "ARRAY";
        /// A color.
        color => "COLOR";
        /// A text that is never shown again; in a connection only.
        secret_text => "SECRET_TEXT";
    }

    /// A list of rows, each with these properties.
    pub fn rows(display_name: impl Into<String>, columns: Properties) -> Self {
        let mut rows = Self::new("ARRAY", display_name);
        rows.document.set_object("properties", &columns.document);
        rows
    }

    /// One of a few values.
    pub fn static_dropdown(display_name: impl Into<String>, options: super::Options) -> Self {
        Self::new("STATIC_DROPDOWN", display_name).options(&options)
    }

    /// Some of a few values.
    pub fn static_multi_select_dropdown(display_name: impl Into<String>, options: super::Options) -> Self {
        Self::new("STATIC_MULTI_SELECT_DROPDOWN", display_name).options(&options)
    }

    /// A text for the user to read; `text` is markdown.
    pub fn markdown(text: impl Into<String>, variant: Variant) -> Self {
        Self::new("MARKDOWN", "").description(text).variant(variant)
    }

    /// The text at the property's head.
    #[must_use]
    pub fn display_name(self, name: impl Into<String>) -> Self {
        self.with("displayName", name.into())
    }

    /// The text that explains the property.
    #[must_use]
    pub fn description(self, text: impl Into<String>) -> Self {
        self.with("description", text.into())
    }

    /// Whether a value has to be given.
    #[must_use]
    pub fn required(self, required: bool) -> Self {
        self.with("required", required)
    }

    /// The value when none is given. What cannot be written as JSON is left out.
    #[must_use]
    pub fn default_value(self, value: impl Serialize) -> Self {
        self.with("defaultValue", value)
    }

    /// The sibling properties whose change makes the editor ask again.
    #[must_use]
    pub fn refreshers(self, names: &[&str]) -> Self {
        self.with("refreshers", names)
    }

    /// The look of a MARKDOWN property.
    #[must_use]
    pub fn variant(self, variant: Variant) -> Self {
        self.with(
            "variant",
            match variant {
                Variant::Info => "INFO",
                Variant::Warning => "WARNING",
                Variant::Tip => "TIP",
                Variant::Borderless => "BORDERLESS",
            },
        )
    }

    /// Another type under the same name and texts: how a field's attribute overrides the choice of its Rust type.
    #[must_use]
    pub fn kind(self, kind: &str) -> Self {
        self.with("type", kind)
    }

    /// Any other member of the metadata document. What cannot be written as JSON is left out.
    #[must_use]
    pub fn with(mut self, member: &'static str, value: impl Serialize) -> Self {
        self.document.set(member, &value);
        self
    }

    fn options(mut self, options: &super::Options) -> Self {
        self.document.set_object("options", &options.document());
        self
    }

    /// The property as JSON.
    pub fn to_json(&self) -> Value {
        self.document.to_json()
    }
}

/// Properties by name, in the order in which they are shown.
#[derive(Clone, Debug, Default)]
pub struct Properties {
    document: Document,
}

impl Properties {
    /// No property yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a property at the end; one of the same name is replaced.
    #[must_use]
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, property: Property) -> Self {
        self.document.set_object(name, &property.document);
        self
    }

    /// The properties as a JSON object.
    pub fn to_json(&self) -> Value {
        self.document.to_json()
    }

    #[doc(hidden)]
    pub fn document(&self) -> &Document {
        &self.document
    }
}
