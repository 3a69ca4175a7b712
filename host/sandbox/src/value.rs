//! Text and JSON that crosses the boundary: bounded and printable.

use serde_json::value::RawValue;

/// The deepest nesting accepted from either side. The same as `serde_json`'s own recursion limit, less one for the
/// array that wraps trigger events.
pub(crate) const JSON_DEPTH: usize = 127;

/// The longest prefix of `text` of at most `most` bytes that ends between characters.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    if text.len() <= most {
        return text;
    }
    let mut end = most;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// `text` on one line, without characters that control a terminal or split a log record. `cut` adds a mark for the
/// missing rest.
pub(crate) fn printable(text: &str, cut: bool) -> String {
    let mut out = String::with_capacity(text.len() + 4);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() || is_invisible(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    if cut {
        out.push('…');
    }
    out
}

/// Line separators, and the marks that turn the direction of text: they can make a log line read as another.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Checks a guest's output: JSON within [`JSON_DEPTH`]. The text is kept: most of it only passes through.
pub(crate) fn parse(text: String) -> Result<Box<RawValue>, String> {
    // `RawValue` skips without recursion, and so without serde_json's limit.
    if deeper_than(&text, JSON_DEPTH) {
        return Err(format!("nested deeper than {JSON_DEPTH} levels"));
    }
    let value = RawValue::from_string(text).map_err(|error| error.to_string())?;
    if has_lone_surrogate(value.get()) {
        return Err("a string contains half of a surrogate pair".into());
    }
    Ok(value)
}

/// Whether JSON text escapes half of a surrogate pair alone. The grammar permits it (RFC 8259, section 8.2), and
/// `RawValue` does not check; but it is not valid Unicode, and later readers would fail on it.
fn has_lone_surrogate(text: &str) -> bool {
    let mut rest = text;
    let mut high = false;
    while let Some((before, escape)) = rest.split_once('\\') {
        let unit = escape.strip_prefix('u').and_then(|digits| u16::from_str_radix(digits.get(..4)?, 16).ok());
        let low = matches!(unit, Some(0xDC00..=0xDFFF));
        let pair = high && low && before.is_empty();
        if (high || low) && !pair {
            return true;
        }
        high = matches!(unit, Some(0xD800..=0xDBFF));
        // Past the escaped character, which may be a backslash; any other needs no special treatment.
        rest = escape.get(if unit.is_some() { 5 } else { 1 }..).unwrap_or_default();
    }
    high
}

/// Whether JSON text nests arrays and objects deeper than `most`.
fn deeper_than(text: &str, most: usize) -> bool {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => {
                depth += 1;
                if depth > most {
                    return true;
                }
            }
            b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn half_of_a_surrogate_pair_is_no_text() {
        for (text, accepted) in [
            (r#""\ud83d\ude00""#, true),
            (r#""\uD83D\uDE00 \ud83d\ude00""#, true),
            (r#""\\ud800""#, true),
            (r#""\\\\ud800 \u0041 \n""#, true),
            (r#""\ud800""#, false),
            (r#""\uDC00""#, false),
            (r#""\ud83d \ude00""#, false),
            (r#""\ud83d\n""#, false),
            (r#""\ude00\ud83d""#, false),
            (r#""\ud83d\ud83d\ude00""#, false),
            (r#""\\\ud800""#, false),
            (r#"{"\ud800": 1}"#, false),
            (r#"["\ud83d", "\ude00"]"#, false),
        ] {
            assert_eq!(parse(text.to_owned()).is_ok(), accepted, "{text}");
            assert_eq!(serde_json::from_str::<Value>(text).is_ok(), accepted, "{text}");
        }
    }
}
