//! Properties: the typed fields of an action, a trigger or a connection.

use std::collections::HashSet;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::decimal::Decimal;
use crate::{Problems, schema};

/// Properties by name, in the order the author gave them.
pub type Properties = IndexMap<String, Property>;

/// One field of an action, a trigger or a connection.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Property {
    /// What the builder shows.
    #[serde(default)]
    pub display_name: String,
    /// Help for the user who fills it in. For MARKDOWN, the text itself.
    #[serde(default)]
    pub description: Option<String>,
    /// Whether a value must be there.
    #[serde(default)]
    pub required: bool,
    /// The value when none is given.
    #[serde(default, rename = "defaultValue")]
    pub default: Option<Value>,
    /// The type, with what belongs to it.
    #[serde(flatten)]
    pub kind: PropertyKind,
}

/// The type of a property.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum PropertyKind {
    /// One line of text.
    ShortText,
    /// Text of any length.
    LongText,
    /// Text for the reader of the form; the piece receives nothing.
    Markdown,
    /// A number.
    Number,
    /// `true` or `false`.
    Checkbox,
    /// A moment, which the piece receives as `2024-03-14T09:26:53.589Z`.
    DateTime,
    /// One of the listed options.
    StaticDropdown {
        /// What may be chosen.
        options: Choices,
    },
    /// Several of the listed options.
    StaticMultiSelectDropdown {
        /// What may be chosen.
        options: Choices,
    },
    /// One option, offered by the piece at design time.
    Dropdown(Refreshing),
    /// Several options, offered by the piece at design time.
    MultiSelectDropdown(Refreshing),
    /// An object whose members the piece declares at design time.
    Dynamic(Refreshing),
    /// Texts, or rows when `properties` says what a row has.
    Array {
        /// The members of a row.
        #[serde(default)]
        properties: Option<Properties>,
    },
    /// A JSON object.
    Object,
    /// A JSON object or array.
    Json,
    /// A file: see [`coerce`](crate::coerce).
    File,
    /// A color, as text.
    Color,
    /// Any value, edited by a browser function of the piece.
    Custom,
    /// Text that must not be shown or logged.
    SecretText,
}

impl PropertyKind {
    /// The name in the document, such as `SHORT_TEXT`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::ShortText => "SHORT_TEXT",
            Self::LongText => "LONG_TEXT",
            Self::Markdown => "MARKDOWN",
            Self::Number => "NUMBER",
            Self::Checkbox => "CHECKBOX",
            Self::DateTime => "DATE_TIME",
            Self::StaticDropdown { .. } => "STATIC_DROPDOWN",
            Self::StaticMultiSelectDropdown { .. } => "STATIC_MULTI_SELECT_DROPDOWN",
            Self::Dropdown(_) => "DROPDOWN",
            Self::MultiSelectDropdown(_) => "MULTI_SELECT_DROPDOWN",
            Self::Dynamic(_) => "DYNAMIC",
            Self::Array { .. } => "ARRAY",
            Self::Object => "OBJECT",
            Self::Json => "JSON",
            Self::File => "FILE",
            Self::Color => "COLOR",
            Self::Custom => "CUSTOM",
            Self::SecretText => "SECRET_TEXT",
        }
    }
}

/// When the builder resolves options or properties again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refreshing {
    /// The sibling properties whose change makes the options stale. `auth` always does.
    #[serde(default)]
    pub refreshers: Vec<String>,
    /// Whether typing into the search box resolves them again.
    #[serde(default)]
    pub refresh_on_search: bool,
}

/// The options of a dropdown: fixed ones in the document, or those that the piece returns for a dynamic one.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(from = "ChoicesDocument")]
pub struct Choices {
    /// What may be chosen, in the order to show it.
    pub options: Vec<Choice>,
    /// Whether the dropdown is disabled for now.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
    /// Shown in place of a choice, for example why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placeholder: Option<String>,
    /// The options' values in one spelling each, so that a value is found without a walk through the list.
    #[serde(skip)]
    known: HashSet<String>,
}

/// One option of a dropdown.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Choice {
    /// The text shown to users.
    pub label: String,
    /// What the piece receives: any JSON value.
    #[serde(default)]
    pub value: Value,
}

#[derive(Deserialize)]
struct ChoicesDocument {
    #[serde(default)]
    options: Vec<Choice>,
    #[serde(default)]
    disabled: bool,
    #[serde(default)]
    placeholder: Option<String>,
}

impl From<ChoicesDocument> for Choices {
    fn from(document: ChoicesDocument) -> Self {
        let known = document.options.iter().map(|choice| spelling(&choice.value)).collect();
        Self { options: document.options, disabled: document.disabled, placeholder: document.placeholder, known }
    }
}

impl PartialEq for Choices {
    fn eq(&self, other: &Self) -> bool {
        (&self.options, self.disabled, &self.placeholder) == (&other.options, other.disabled, &other.placeholder)
    }
}

impl Choices {
    /// Reads what `properties.resolve` returns for a dropdown: `{options: [{label, value}], disabled?, placeholder?}`.
    ///
    /// # Errors
    ///
    /// Everything that does not have this shape.
    pub fn parse(json: &str) -> Result<Self, Problems> {
        let value = schema::read(json, schema::Part::Choices, |_, _| {})?;
        schema::typed(&value)
    }

    /// Whether `value` is one of the options. Numbers compare by value, objects without regard to member order.
    #[must_use]
    pub fn contains(&self, value: &Value) -> bool {
        self.known.contains(&spelling(value))
    }
}

/// One text per JSON value: members sorted, `1.0` and `1` written alike.
fn spelling(value: &Value) -> String {
    fn write(value: &Value, out: &mut String) {
        match value {
            Value::Array(items) => {
                out.push('[');
                for item in items {
                    write(item, out);
                    out.push(',');
                }
                out.push(']');
            }
            Value::Object(members) => {
                let mut names: Vec<_> = members.iter().collect();
                names.sort_unstable_by_key(|(name, _)| *name);
                out.push('{');
                for (name, member) in names {
                    out.push_str(&Value::from(name.as_str()).to_string());
                    out.push(':');
                    write(member, out);
                    out.push(',');
                }
                out.push('}');
            }
            Value::Number(number) => match Decimal::read(number.as_str()) {
                Some(decimal) => out.push_str(&decimal.spelling()),
                None => out.push_str(number.as_str()),
            },
            other => out.push_str(&other.to_string()),
        }
    }
    let mut out = String::new();
    write(value, &mut out);
    out
}
