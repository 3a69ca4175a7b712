//! Text in the encodings of the web.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// Decodes text: in the encoding of its byte order mark, else in that of the content type, else in UTF-8. The error says
/// what is wrong.
pub(super) fn decode<'b>(bytes: &'b [u8], content_type: &str) -> Result<Cow<'b, str>, String> {
    decode_or(bytes, content_type, UTF_8)
}

/// The same for JSON. Its first character is ASCII, so that the first bytes tell UTF-16 from UTF-8 (RFC 4627, section 3).
pub(super) fn decode_json<'b>(bytes: &'b [u8], content_type: &str) -> Result<Cow<'b, str>, String> {
    let usual = match bytes {
        [0, _, ..] => UTF_16BE,
        [_, 0, ..] => UTF_16LE,
        _ => UTF_8,
    };
    decode_or(bytes, content_type, usual)
}

fn decode_or<'b>(bytes: &'b [u8], content_type: &str, usual: &'static Encoding) -> Result<Cow<'b, str>, String> {
    let declared = charset(content_type);
    let known = declared.as_deref().and_then(|label| Encoding::for_label(label.as_bytes()));
    let (encoding, mark) = Encoding::for_bom(bytes).unwrap_or((known.unwrap_or(usual), 0));
    let text = bytes.get(mark..).unwrap_or_default();
    if encoding == UTF_8 {
        return std::str::from_utf8(text).map(Cow::Borrowed).map_err(|error| match (declared, known) {
            (Some(label), None) => format!("its charset `{label}` is not known, and it is not UTF-8 text: {error}"),
            _ => format!("it is not UTF-8 text: {error}"),
        });
    }
    encoding
        .decode_without_bom_handling_and_without_replacement(text)
        .ok_or_else(|| format!("it is not text in its charset, {}", encoding.name()))
}

/// The parameter `charset` of a content type (RFC 9110, section 8.3.1), shortened.
fn charset(content_type: &str) -> Option<String> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"').trim();
        (name.trim().eq_ignore_ascii_case("charset") && !value.is_empty()).then(|| value.chars().take(40).collect())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn text_is_decoded_by_its_mark_then_as_declared_then_as_utf8() {
        for (content_type, bytes, expected) in [
            ("", b"\xc2\xa9".to_vec(), "©"),
            ("text/plain", b"\xc2\xa9".to_vec(), "©"),
            ("text/plain; charset=windows-1252", b"\xc2\xa9 \x80".to_vec(), "Â© €"),
            ("text/plain;charset=\"ISO-8859-1\"", b"caf\xe9".to_vec(), "café"),
            ("text/html; a=b; Charset = Shift_JIS", b"\x93\xfa\x96\x7b".to_vec(), "日本"),
            ("text/xml; charset=koi8-r", b"\xf0\xf2".to_vec(), "ПР"),
            ("text/plain; charset=gb18030", b"\xc4\xe3".to_vec(), "你"),
            ("text/plain; charset=utf-16be", utf16("é😀", u16::to_be_bytes), "é😀"),
            ("text/plain; charset=utf-8", b"\xef\xbb\xbfa\xef\xbb\xbf".to_vec(), "a\u{feff}"),
            ("text/plain; charset=latin1", b"\xef\xbb\xbf\xc3\xa9".to_vec(), "é"),
            ("", utf16("\u{feff}é", u16::to_le_bytes), "é"),
            ("text/plain; charset=utf-8", utf16("\u{feff}é", u16::to_be_bytes), "é"),
            ("text/plain; charset=unknown-9", "é".into(), "é"),
            ("text/plain; charset=", "é".into(), "é"),
        ] {
            assert_eq!(decode(&bytes, content_type).as_deref(), Ok(expected), "{content_type}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_refused_and_never_replaced() {
        for (content_type, bytes, reason) in [
            ("", &b"caf\xe9"[..], "it is not UTF-8 text: incomplete utf-8"),
            ("a/b; charset=utf-8", b"\xff", "it is not UTF-8 text"),
            ("a/b; charset=x-1", b"\xff", "its charset `x-1` is not known, and it is not UTF-8 text"),
            ("a/b; charset=utf-16", b"\x00\xd8", "it is not text in its charset, UTF-16LE"),
            ("a/b; charset=shift_jis", b"\x93", "it is not text in its charset, Shift_JIS"),
        ] {
            let error = decode(bytes, content_type).unwrap_err();
            assert!(error.starts_with(reason), "{error}");
        }
    }

    #[test]
    fn json_in_utf16_is_known_without_a_mark() {
        for bytes in [u16::to_be_bytes, u16::to_le_bytes] {
            let json = utf16("{\"é\": 1}", bytes);
            assert_eq!(decode_json(&json, "application/json").as_deref(), Ok("{\"é\": 1}"));
        }
        assert_eq!(decode_json(b"1", "").as_deref(), Ok("1"));
    }
}
