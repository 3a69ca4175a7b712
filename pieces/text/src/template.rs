//! Templates with named placeholders.

use leno_sdk::prelude::*;

/// What `fill_template` is given.
#[derive(Props)]
pub struct FillTemplate {
    /// Text with placeholders such as `[[name]]` or `[[order.total]]`
    template: LongText,
    /// The values, by name
    values: Map,
    /// The text for a placeholder without a value; if absent, such a placeholder is an error
    missing: Option<String>,
}

/// Fills the placeholders of a template with values. A path such as `order.items.0` selects a member of objects and
/// lists; a value that is not text is written as JSON.
#[action(classification = "READ", ai(idempotent = true))]
pub fn fill_template(props: FillTemplate) -> Result<String> {
    let mut filled = String::with_capacity(props.template.len());
    let mut rest: &str = &props.template;
    while let Some((text, after)) = rest.split_once("[[") {
        let Some((path, after)) = after.split_once("]]") else { break };
        filled.push_str(text);
        match (reach(&props.values, path.trim()), &props.missing) {
            (Some(Value::String(text)), _) => filled.push_str(text),
            (Some(value), _) => filled.push_str(&value.to_string()),
            (None, Some(missing)) => filled.push_str(missing),
            (None, None) => {
                let message = format!("values: `{}` is missing, which the template uses", path.trim());
                return Err(Error::invalid_input("missing-value", message));
            }
        }
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// The value at a dotted path; `null` is no value.
fn reach<'a>(values: &'a Map, path: &str) -> Option<&'a Value> {
    let mut steps = path.split('.');
    let mut value = values.get(steps.next()?)?;
    for step in steps {
        value = match value {
            Value::Object(members) => members.get(step)?,
            Value::Array(items) => items.get(step.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    Some(value).filter(|value| !value.is_null())
}
