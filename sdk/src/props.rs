//! Properties: the inputs of a step. The types of a struct's fields describe them.

#[doc(hidden)]
pub mod choice;
mod input;
mod lookup;
mod members;
mod property;
mod types;

pub use input::{At, Input, Problem, Prop, Props};
pub use lookup::{Lookup, Options};
pub use property::{Properties, Property, Variant};
pub use serde_json::value::RawValue;
pub use types::{Color, File, Item, Json, LongText, Map, Markdown, Number, SecretText, Value};

use crate::document::Document;
use crate::{Error, Result};

/// For `#[prop(custom = JSON_EDITOR)]`: a field that takes any JSON value, also a text or a number, which the types JSON and
/// OBJECT do not take. The editor shows a text area. Input that is not JSON becomes a text.
pub const JSON_EDITOR: &str = "(ctx) => {\
    const area = document.createElement('textarea');\
    area.value = ctx.value === undefined ? '' : JSON.stringify(ctx.value);\
    area.disabled = ctx.disabled;\
    area.onchange = () => { try { ctx.onChange(JSON.parse(area.value)); } catch { ctx.onChange(area.value); } };\
    document.getElementById(ctx.containerId).append(area);\
}";

/// No properties at all.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProps;

impl Props for NoProps {
    fn properties() -> Properties {
        Properties::new()
    }

    fn read(_: &mut Input<'_>) -> Option<Self> {
        Some(Self)
    }
}

/// Reads the properties of a step from their JSON text.
///
/// # Errors
/// `invalid-input` with the code `invalid-props`: the message names every wrong property, `details` lists them as
/// `{"problems": [{"path", "message"}]}`.
pub fn read<P: Props>(text: &str) -> Result<P> {
    input::object(text).map_err(refusal)
}

fn refusal(problems: Vec<Problem>) -> Error {
    let mut message = String::new();
    let mut list = Vec::new();
    for problem in problems {
        if !message.is_empty() {
            message.push_str("; ");
        }
        message.push_str(&problem.to_string());
        let mut document = Document::default();
        document.set("path", &problem.path);
        document.set("message", &problem.message);
        list.push(document.to_text());
    }
    let mut details = Document::default();
    details.set_list("problems", &list);
    Error::invalid_input("invalid-props", message).with_details_text(details.to_text())
}
