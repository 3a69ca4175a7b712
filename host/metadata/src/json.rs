//! JSON values: how they are read, their depth, and their form in messages.

use serde_json::Value;

use crate::MAX_DEPTH;

/// With members of these names, `serde_json` passes numbers and raw JSON text to itself. An object that begins with one in a
/// text would be read as what it claims to hold: as another value, of any size and depth.
const RESERVED: &str = "$serde_json::private::";

/// Whether the text between the quotes of a JSON string, as a name of a member, makes an object that cannot be read as it is.
#[must_use]
pub fn is_reserved(quoted: &[u8]) -> bool {
    // Names that begin otherwise, which are nearly all, cost nothing.
    if !matches!(quoted.first(), Some(b'$' | b'\\')) {
        return false;
    }
    let text = [b"\"", quoted, b"\""].concat();
    serde_json::from_slice::<String>(&text).is_ok_and(|name| name.starts_with(RESERVED))
}

/// Whether a string of a JSON text, were it the name of a member, is [reserved](is_reserved).
pub(crate) fn has_reserved(text: &str) -> bool {
    let mut rest = text;
    while let Some((_, string)) = rest.split_once('"') {
        let mut escaped = false;
        let ends = |byte| match byte {
            _ if escaped => {
                escaped = false;
                false
            }
            b'\\' => {
                escaped = true;
                false
            }
            byte => byte == b'"',
        };
        let end = string.bytes().position(ends).unwrap_or(string.len());
        let (name, after) = string.split_at(end);
        if is_reserved(name.as_bytes()) {
            return true;
        }
        rest = after.get(1..).unwrap_or_default();
    }
    false
}

/// Reads JSON text that came as a text. A byte order mark is ignored. None if it is no JSON, or cannot be read as it is.
pub(crate) fn read(text: &str) -> Option<Value> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if has_reserved(text) { None } else { serde_json::from_str(text).ok() }
}

/// Whether a value nests deeper than [`MAX_DEPTH`]. Does not recurse.
pub(crate) fn too_deep(value: &Value) -> bool {
    deeper_than(value, MAX_DEPTH)
}

/// Whether a value nests deeper than `limit`. Does not recurse.
pub(crate) fn deeper_than(value: &Value, limit: usize) -> bool {
    let mut stack = vec![(value, 0_usize)];
    while let Some((value, depth)) = stack.pop() {
        match value {
            Value::Array(_) | Value::Object(_) if depth >= limit => return true,
            Value::Array(items) => stack.extend(items.iter().map(|item| (item, depth + 1))),
            Value::Object(members) => stack.extend(members.values().map(|member| (member, depth + 1))),
            _ => {}
        }
    }
    false
}

/// A value for a message: its JSON text, shortened; objects and arrays only by name.
pub(crate) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::String(text) => format!("the text {:?}", excerpt(text)),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
    }
}

/// At most 80 characters of a text.
pub(crate) fn excerpt(text: &str) -> String {
    match text.char_indices().nth(80) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}
