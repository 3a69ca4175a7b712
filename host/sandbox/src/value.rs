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

/// Checks a guest's output: JSON within [`JSON_DEPTH`], with no half of a surrogate pair. The text is kept: most of it only
/// passes through.
pub(crate) fn parse(text: String) -> Result<Box<RawValue>, String> {
    // `RawValue` skips values without recursion, and so without serde_json's limit, and does not look into escapes.
    check_structure(text.as_bytes())?;
    RawValue::from_string(text).map_err(|error| error.to_string())
}

/// Checks what the grammar permits and later readers fail on. What is no JSON may pass.
fn check_structure(text: &[u8]) -> Result<(), String> {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(byte) = text.get(at) {
        at += 1;
        match byte {
            b'"' => at = check_string(text, at)?,
            b'[' | b'{' if depth == JSON_DEPTH => return Err(format!("nested deeper than {JSON_DEPTH} levels")),
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// Checks the string that begins before `at`, and returns where it ends. Half of a surrogate pair, escaped alone, is in the
/// grammar (RFC 8259, section 8.2), but it is not Unicode.
fn check_string(text: &[u8], mut at: usize) -> Result<usize, String> {
    // Where the escape of a low surrogate must begin.
    let mut wanted = None;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let Some(next) = memchr::memchr2(b'"', b'\\', rest) else { return Ok(text.len()) };
        at += next;
        let unit = text.get(at..at + 6).and_then(escaped_unit);
        let low = matches!(unit, Some(0xDC00..=0xDFFF));
        if (low || wanted.is_some()) && !(low && wanted == Some(at)) {
            return Err("a string contains half of a surrogate pair".into());
        }
        match (text.get(at), unit) {
            (Some(b'"'), _) => return Ok(at + 1),
            // The escaped character may be a quotation mark.
            (_, None) => at += 2,
            (_, Some(_)) => at += 6,
        }
        wanted = matches!(unit, Some(0xD800..=0xDBFF)).then_some(at);
    }
}

/// The code unit of `\uXXXX`.
fn escaped_unit(escape: &[u8]) -> Option<u16> {
    let digits = std::str::from_utf8(escape.strip_prefix(b"\\u")?).ok()?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn nesting_is_counted_outside_of_strings() {
        let nested = |levels: usize, inner: &str| format!("{}{inner}{}", "[".repeat(levels), "]".repeat(levels));
        for (text, accepted) in [
            (nested(JSON_DEPTH, "1"), true),
            (nested(JSON_DEPTH + 1, "1"), false),
            (nested(JSON_DEPTH, r#"{"a":1}"#), false),
            (nested(JSON_DEPTH, r#""[[[{{{""#), true),
            (nested(JSON_DEPTH, r#""\"[{""#), true),
            (nested(JSON_DEPTH, r#""\\",[]"#), false),
            (format!("[{}]", vec![nested(JSON_DEPTH - 1, ""); 3].join(",")), true),
            ("[\"".into(), false),
            (r#"["\"#.into(), false),
            (r#"["\u12"#.into(), false),
        ] {
            assert_eq!(parse(text.clone()).is_ok(), accepted, "{text}");
        }
    }

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
