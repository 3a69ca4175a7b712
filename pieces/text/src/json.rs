//! JSON values, and their conversion from and to text.

use leno_sdk::prelude::*;
use leno_sdk::props::{JSON_EDITOR, RawValue};

/// What `echo` is given.
#[derive(Props)]
pub struct Echo {
    /// Any JSON value
    #[prop(custom = JSON_EDITOR)]
    value: Option<Box<RawValue>>,
}

/// Returns its value unchanged: to try a flow, or to measure the cost of a call.
#[action(classification = "READ", ai(idempotent = true))]
pub fn echo(props: Echo) -> Result<Option<Box<RawValue>>> {
    Ok(props.value)
}

/// What `parse_json` is given.
#[derive(Props)]
pub struct ParseJson {
    /// A JSON document as text
    text: LongText,
}

/// Parses text as JSON, so that later steps can use its members.
#[action(display_name = "Parse JSON", classification = "READ", ai(idempotent = true))]
pub fn parse_json(props: ParseJson) -> Result<Box<RawValue>> {
    let refuse = |error: serde_json::Error| Error::invalid_input("not-json", format!("text: is not JSON: {error}"));
    let text = props.text.trim_start_matches('\u{feff}').trim();
    // Raw text keeps its numbers as they are. What is no value, such as half of a character, is found by reading one.
    serde_json::from_str::<Value>(text).map_err(refuse)?;
    RawValue::from_string(text.to_owned()).map_err(refuse)
}

/// What `to_json` is given.
#[derive(Props)]
pub struct ToJson {
    /// Any JSON value
    #[prop(custom = JSON_EDITOR)]
    value: Value,
    /// Write it on several lines, indented
    #[prop(default = false)]
    pretty: bool,
}

/// Writes a value as JSON text.
#[action(display_name = "Convert to JSON text", classification = "READ", ai(idempotent = true))]
pub fn to_json(props: ToJson) -> Result<String> {
    if props.pretty { Ok(format!("{:#}", props.value)) } else { Ok(props.value.to_string()) }
}

/// What `default_value` is given.
#[derive(Props)]
pub struct DefaultValue {
    /// The value to prefer
    #[prop(custom = JSON_EDITOR)]
    value: Option<Value>,
    /// The value to use if the preferred one is missing, null or an empty text
    #[prop(custom = JSON_EDITOR)]
    default: Value,
}

/// Returns a second value if the first is missing or empty.
#[action(display_name = "Default value", classification = "READ", ai(idempotent = true))]
pub fn default_value(props: DefaultValue) -> Result<Value> {
    Ok(props.value.filter(|value| value.as_str() != Some("")).unwrap_or(props.default))
}
