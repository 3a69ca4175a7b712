//! The words of messages about inputs.

use std::fmt;

use crate::json::excerpt;
use crate::{Choices, Properties, PropertyKind};

/// What to give, for the message about an absent value.
pub(super) struct Wanted<'a>(pub(super) &'a PropertyKind);

impl fmt::Display for Wanted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            PropertyKind::ShortText | PropertyKind::LongText | PropertyKind::SecretText | PropertyKind::Markdown => {
                "a text"
            }
            PropertyKind::Number => "a number",
            PropertyKind::Checkbox => "true or false",
            PropertyKind::DateTime => "a time in ISO 8601, such as \"2024-03-14T09:00:00Z\"",
            PropertyKind::StaticDropdown { options } => return write!(f, "{}", Offered(options)),
            PropertyKind::Dropdown(_) => "one of the options that the piece offers",
            PropertyKind::StaticMultiSelectDropdown { .. } | PropertyKind::MultiSelectDropdown(_) => {
                "a list of at least one option"
            }
            PropertyKind::Dynamic(_) | PropertyKind::Object => "an object",
            PropertyKind::Array { properties: None } => "a list of at least one text",
            PropertyKind::Array { properties: Some(_) } => "a list of at least one object",
            PropertyKind::Json => "an object or a list",
            PropertyKind::File => "a file: {\"filename\", \"base64\"}, a data: URI or an http(s) URL",
            PropertyKind::Color => "a color as text",
            PropertyKind::Custom => "a value",
        })
    }
}

/// At most ten names.
fn some_of<'n>(
    f: &mut fmt::Formatter<'_>,
    names: impl ExactSizeIterator<Item = impl fmt::Display + 'n>,
) -> fmt::Result {
    let total = names.len();
    for (index, name) in names.take(10).enumerate() {
        write!(f, "{}{name}", if index > 0 { ", " } else { "" })?;
    }
    if total > 10 { write!(f, " and {} more", total - 10) } else { Ok(()) }
}

/// The options to choose from.
pub(super) struct Offered<'a>(pub(super) &'a Choices);

impl fmt::Display for Offered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.options.is_empty() {
            return f.write_str("nothing: the property has no options");
        }
        f.write_str("one of ")?;
        some_of(f, self.0.options.iter().map(|choice| excerpt(&choice.value.to_string())))
    }
}

/// What to do about a member that is not declared.
pub(super) struct Unknown<'a>(pub(super) &'a Properties);

impl fmt::Display for Unknown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("unknown property; none are declared here, so leave it out");
        }
        f.write_str("unknown property; correct or remove it; known are: ")?;
        some_of(f, self.0.keys())
    }
}
