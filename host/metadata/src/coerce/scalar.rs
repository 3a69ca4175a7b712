//! Texts, numbers and booleans.

use serde_json::{Number, Value};

use crate::decimal::{self, plain};

/// Text unchanged, anything else as its JSON text.
pub(super) fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// A number, or text that spells one as JavaScript's `Number` reads it, but for blank text and infinities. Digits are
/// kept, however many there are.
pub(super) fn number(value: &Value) -> Option<Value> {
    match value {
        Value::Number(number) => Some(Value::Number(plain(number))),
        Value::String(text) => spelt(text.trim()).map(Value::Number),
        _ => None,
    }
}

fn spelt(text: &str) -> Option<Number> {
    if let Some((base, digits)) = [("0x", 16), ("0o", 8), ("0b", 2)].iter().find_map(|(prefix, base)| {
        let head = text.get(..2)?;
        head.eq_ignore_ascii_case(prefix).then(|| (*base, text.get(2..).unwrap_or_default()))
    }) {
        // `from_str_radix` takes a sign, which has no place here.
        let valid = digits.bytes().all(|b| b.is_ascii_alphanumeric());
        return if valid { u128::from_str_radix(digits, base).ok().and_then(Number::from_u128) } else { None };
    }
    decimal::spelt(text)
}

/// A boolean, or text that spells one.
pub(super) fn boolean(value: &Value) -> Option<Value> {
    match value {
        Value::Bool(_) => Some(value.clone()),
        Value::String(text) if text.trim().eq_ignore_ascii_case("true") => Some(true.into()),
        Value::String(text) if text.trim().eq_ignore_ascii_case("false") => Some(false.into()),
        _ => None,
    }
}
