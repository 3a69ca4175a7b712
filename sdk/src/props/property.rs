//! The description of one property, and of several.
#![allow(clippy::needless_pass_by_value, reason = "builders take ownership, so that calls need no `&`")]

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

use crate::document::Document;

/// The style of a MARKDOWN property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// A neutral note.
    Info,
    /// A warning.
    Warning,
    /// A piece of advice.
    Tip,
    /// Plain text.
    Borderless,
}

/// The description of one property in the metadata document. The type of a struct's field creates it; a function for a
/// dynamic property builds it by hand:
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
    /// A property of any type, named as in the metadata document, for example `SHORT_TEXT`. It is optional unless
    /// [`Property::required`] is set.
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
        /// A JSON object.
        object => "OBJECT";
        /// A file.
        file => "FILE";
        /// A list of texts.
        array => "ARRAY";
        /// A color.
        color => "COLOR";
        /// A secret text, in connections only. It is never shown again.
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

    /// Several of a few values.
    pub fn static_multi_select_dropdown(display_name: impl Into<String>, options: super::Options) -> Self {
        Self::new("STATIC_MULTI_SELECT_DROPDOWN", display_name).options(&options)
    }

    /// A text for the user to read; `text` is markdown.
    pub fn markdown(text: impl Into<String>, variant: Variant) -> Self {
        Self::new("MARKDOWN", "").description(text).variant(variant)
    }

    /// Sets the label.
    #[must_use]
    pub fn display_name(self, name: impl Into<String>) -> Self {
        self.with("displayName", name.into())
    }

    /// Sets the text that explains the property.
    #[must_use]
    pub fn description(self, text: impl Into<String>) -> Self {
        self.with("description", text.into())
    }

    /// Sets whether a value is required.
    #[must_use]
    pub fn required(self, required: bool) -> Self {
        self.with("required", required)
    }

    /// Sets the value of an absent property. A value that cannot be serialized is left out.
    #[must_use]
    pub fn default_value(self, value: impl Serialize) -> Self {
        self.with("defaultValue", value)
    }

    /// Sets the sibling properties whose change reloads the options.
    #[must_use]
    pub fn refreshers(self, names: &[&str]) -> Self {
        self.with("refreshers", names)
    }

    /// Sets the style of a MARKDOWN property.
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

    /// Sets another type, and keeps the other members.
    #[must_use]
    pub fn kind(self, kind: &str) -> Self {
        self.with("type", kind)
    }

    /// Sets any other member. A value that cannot be serialized is left out.
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
    /// No properties.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a property at the end, or replaces the one of the same name.
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
