//! The arguments of functions for dropdowns and dynamic properties, and the options of a dropdown.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::members::members;
use crate::document::Document;
use crate::{Error, Result, json_path};

/// A request of the editor for options: the values chosen so far, and the search text.
#[derive(Clone, Copy, Debug)]
pub struct Lookup<'a> {
    props: &'a str,
    search: Option<&'a str>,
}

impl<'a> Lookup<'a> {
    /// `props` is the JSON text of the values chosen so far.
    pub fn new(props: &'a str, search: Option<&'a str>) -> Self {
        Self { props, search }
    }

    /// The search text, for a dropdown with `refresh_on_search`; none if it is empty.
    pub fn search(&self) -> Option<&'a str> {
        self.search.filter(|text| !text.is_empty())
    }

    /// The value chosen for a sibling property; none if none is chosen yet.
    ///
    /// # Errors
    /// `invalid-input` if the value is not a `T`.
    pub fn get<T: DeserializeOwned>(&self, property: &str) -> Result<Option<T>> {
        let refuse = |message| Error::invalid_input("invalid-props", message);
        let members = members(self.props).map_err(|error| refuse(error.to_string()))?;
        match members.iter().rfind(|(name, _)| name == property).map(|(_, raw)| raw.get()) {
            None | Some("null" | "\"\"") => Ok(None),
            Some(text) => json_path::read(text).map(Some).map_err(|error| refuse(format!("{property}: {error}"))),
        }
    }
}

/// The options of a dropdown.
///
/// ```
/// use leno_sdk::props::Options;
///
/// let channels = Options::new().with("General", "C1").with("Random", "C2");
/// assert_eq!(channels.to_json()["options"][1]["label"], "Random");
/// assert_eq!(Options::disabled("Choose a team first").to_json()["disabled"], true);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// JSON texts.
    options: Vec<String>,
    disabled: bool,
    placeholder: Option<String>,
}

impl Options {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// A disabled dropdown; `placeholder` tells the user why.
    pub fn disabled(placeholder: impl Into<String>) -> Self {
        Self { disabled: true, placeholder: Some(placeholder.into()), ..Self::default() }
    }

    /// Adds an option. A value that cannot be serialized is left out.
    #[must_use]
    pub fn with(mut self, label: impl Into<String>, value: impl Serialize) -> Self {
        self.extend([(label, value)]);
        self
    }

    /// Sets the text shown while nothing is chosen.
    #[must_use]
    pub fn placeholder(mut self, text: impl Into<String>) -> Self {
        self.placeholder = Some(text.into());
        self
    }

    /// The options as JSON.
    pub fn to_json(&self) -> Value {
        self.document().to_json()
    }

    #[doc(hidden)]
    pub fn document(&self) -> Document {
        let mut document = Document::default();
        document.set_list("options", &self.options);
        if self.disabled {
            document.set("disabled", &true);
        }
        if let Some(text) = &self.placeholder {
            document.set("placeholder", text);
        }
        document
    }
}

impl<L: Into<String>, V: Serialize> Extend<(L, V)> for Options {
    fn extend<I: IntoIterator<Item = (L, V)>>(&mut self, options: I) {
        for (label, value) in options {
            let mut option = Document::default();
            option.set("label", &label.into());
            option.set("value", &value);
            self.options.push(option.to_text());
        }
    }
}

impl<L: Into<String>, V: Serialize> FromIterator<(L, V)> for Options {
    fn from_iter<I: IntoIterator<Item = (L, V)>>(options: I) -> Self {
        let mut all = Self::new();
        all.extend(options);
        all
    }
}
