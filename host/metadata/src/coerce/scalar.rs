//! Texts, numbers and booleans.

use serde_json::{Number, Value};

/// The largest whole number up to which doubles have no gaps.
const MAX_SAFE: f64 = 9_007_199_254_740_992.0;

/// Text unchanged, anything else as its JSON text.
pub(super) fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// A number, or text that spells one as JavaScript's `Number` reads it, but for blank text and infinities.
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
        return if valid { u64::from_str_radix(digits, base).ok().map(Number::from) } else { None };
    }
    // Rust also reads "inf", "nan" and their like.
    if !text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E')) {
        return None;
    }
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole.into());
    }
    if let Ok(whole) = text.parse::<u64>() {
        return Some(whole.into());
    }
    Number::from_f64(text.parse().ok()?).map(|number| plain(&number))
}

/// A number in its plainest form: whole ones without a fraction, so that a guest can read them as integers.
pub(crate) fn plain(number: &Number) -> Number {
    match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() <= MAX_SAFE => {
            // Exact: the float is whole and within the range where every whole number has its own double.
            #[allow(clippy::cast_possible_truncation)]
            Number::from(float as i64)
        }
        _ => number.clone(),
    }
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
