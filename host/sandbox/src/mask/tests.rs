use leno_metadata::ConnectionValue;
use serde_json::{Value, json};

use super::*;
use crate::budgets::SECRETS;

fn mask(secrets: &Value) -> Mask {
    let value = ConnectionValue::new(json!({"type": "CUSTOM_AUTH", "props": {"all": secrets}})).unwrap();
    Mask::new(&value.secrets(None), &Budget::of(&SECRETS)).unwrap()
}

#[test]
fn every_form_of_a_secret_is_masked_in_text() {
    let mask = mask(&json!(["pass word\"\n+/=", "pass", "s3cret", "sëcret"]));
    for (text, masked) in [
        ("nothing here, only pas and secret", "nothing here, only pas and secret"),
        ("a pass word\"\n+/= b", "a **REDACTED** b"),
        (r#"{"p":"pass word\"\n+/="}"#, r#"{"p":"**REDACTED**"}"#),
        ("?p=pass%20word%22%0A%2B%2F%3D&q=1", "?p=**REDACTED**&q=1"),
        ("the pass word is s3crets3cret", "the **REDACTED** word is **REDACTED**"),
        ("sëcret s%C3%ABcret", "**REDACTED** **REDACTED**"),
    ] {
        assert_eq!(mask.text(text), masked);
        assert_eq!(mask.hits(text), text != masked);
    }
}

#[test]
fn secrets_that_overlap_leave_none_of_either() {
    let mask = mask(&json!(["my-key", "key-of-mine", "mine", "mine-too"]));
    assert_eq!(mask.text("(my-key-of-mine-too)"), "(**REDACTED**)");
}

#[test]
fn a_secret_that_is_cut_does_not_show_its_first_half() {
    let secret = "s3cret-".repeat(20);
    let mask = mask(&json!([secret]));
    let text = format!("before {secret} after");
    for most in 0..text.len() {
        let line = mask.line(&text, most);
        assert!(!line.contains("s3"), "{most}: {line}");
        assert_eq!(line.ends_with('…'), most < text.len());
        assert_eq!(line.contains("**REDACTED**"), most > "before ".len(), "{most}: {line}");
    }
    assert_eq!(mask.line(&text, text.len()), "before **REDACTED** after");
    assert_eq!(mask.line("a\r\nb", 100), "a\\r\\nb");
}

#[test]
fn json_stays_json_and_what_is_no_secret_stays_as_it_came() {
    let mask = mask(&json!(["s3cret", "a\"b\\c", 123_456, -1.5, "true"]));
    for (text, masked) in [
        (
            r#"{"a": "s3cret" , "b":[1.50,true,null, 1234567, "x"]}"#,
            r#"{"a": "**REDACTED**" , "b":[1.50,true,null, 1234567, "x"]}"#,
        ),
        (r#"{"s3cret":{"s3cret":1}}"#, r#"{"**REDACTED**":{"**REDACTED**":1}}"#),
        (r#"["\u0073\u0033cret","a\"b\\c","a\\\"b\\\\c"]"#, r#"["**REDACTED**","**REDACTED**","**REDACTED**"]"#),
        (r#"["\"s3cret\n","\\","\\\"s3cret"]"#, r#"["\"**REDACTED**\n","\\","\\\"**REDACTED**"]"#),
        (r#"[123456,-1.5,"no. 123456"]"#, r#"["**REDACTED**","**REDACTED**","no. **REDACTED**"]"#),
        (r#"{"s3":"cret","":[[],{}]}"#, r#"{"s3":"cret","":[[],{}]}"#),
        ("\"s3cret\"", "\"**REDACTED**\""),
    ] {
        assert_eq!(mask.json(text), masked);
        let _: Value = serde_json::from_str(masked).unwrap();
    }
}

#[test]
fn a_connection_with_more_secrets_than_are_masked_is_refused_whole() {
    let many: Vec<String> = (0..90_000).map(|number| format!("text-{number:06}")).collect();
    let value = ConnectionValue::new(json!({"type": "CUSTOM_AUTH", "props": {"undeclared": many}})).unwrap();
    let begun = std::time::Instant::now();
    let budget = Budget::of(&SECRETS);
    let refused = Mask::new(&value.secrets(None), &budget).err().unwrap();
    assert_eq!(refused.to_string(), "this call may have 131072 bytes of secrets to mask (LENO_SECRET_BYTES)");
    assert_eq!(budget.refusals(), 1);
    // It was 20 s when each was compared with all others.
    assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
}

#[test]
fn a_text_of_many_megabytes_is_read_in_time_that_grows_with_it() {
    let secrets: Vec<String> = (0..2_000).map(|number| format!("{}{number:04}", "a".repeat(number % 40))).collect();
    let mask = mask(&json!(secrets));
    let text = serde_json::to_string(&vec!["a".repeat(1_000); 8_000]).unwrap();
    let begun = std::time::Instant::now();
    assert_eq!(mask.json(&text), text);
    // About a second without optimization.
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn an_answer_has_no_secret_in_its_url_its_headers_or_its_body() {
    let mask = Arc::new(mask(&json!(["s3cret", 123_456])));
    let long = "x".repeat(INLINE + 1);
    for (body, masked) in [
        (
            r#"{"auth":"Bearer \u00733cret","pin":123456}"#.into(),
            r#"{"auth":"Bearer **REDACTED**","pin":"**REDACTED**"}"#.to_owned(),
        ),
        ("\u{feff}{\"auth\":\"\\u00733cret\"}".into(), r#"{"auth":"**REDACTED**"}"#.into()),
        ("<p>s3cret 123456".into(), "<p>**REDACTED** **REDACTED**".into()),
        ("{not json: s3cret".into(), "{not json: **REDACTED**".into()),
        (format!("{long} s3cret"), format!("{long} **REDACTED**")),
        (format!("[\"{long}\", \"s3cret\"]"), format!("[\"{long}\", \"**REDACTED**\"]")),
    ] {
        let response = leno_egress::Response {
            status: 200,
            url: "https://api.test/?key=s3cret".into(),
            headers: vec![("location".into(), "https://else.test/?key=s3cret".into()), ("x-s3cret".into(), "1".into())],
            body: body.into_bytes().into(),
            hold: leno_egress::Hold::default(),
        };
        let response = mask.response(response).await;
        assert_eq!(response.url, "https://api.test/?key=**REDACTED**");
        assert_eq!(response.headers[0].1, "https://else.test/?key=**REDACTED**");
        assert_eq!(response.headers[1].0, "x-**REDACTED**");
        assert_eq!(String::from_utf8_lossy(&response.body), masked);
    }
    let binary = [b"\xff\xfes3cret\0".as_slice(), b"\x89PNG\r\n"];
    let masked = [Some(b"\xff\xfe**REDACTED**\0".to_vec()), None];
    assert_eq!(binary.map(|body| mask.body(body)), masked);
}
