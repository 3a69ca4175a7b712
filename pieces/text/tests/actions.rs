//! Every action by its name and its JSON, as the host calls it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use leno_sdk::{ErrorKind, Result};
use piece_text::PIECE;
use serde_json::{Value, json};

fn run(action: &str, props: Value) -> Result<Value> {
    PIECE.run_action(action, &props.to_string()).map(|text| serde_json::from_str(&text).unwrap())
}

fn ok(action: &str, props: Value) -> Value {
    run(action, props).unwrap()
}

#[test]
fn the_metadata_is_accepted_by_the_host() {
    let metadata = leno_metadata::Metadata::parse(&PIECE.describe()).unwrap();
    assert_eq!(metadata.actions.len(), 19);
    assert_eq!(metadata.actions["fill_template"].display_name, "Fill template");
    assert!(metadata.egress_hosts.is_empty());
}

#[test]
fn echo_answers_any_value_byte_for_byte() {
    for value in ["null", "1.50", "\"a\\u0041\"", "[1,  2]", "{\"b\": 1, \"a\": 1e400}", "18446744073709551616"] {
        let props = format!("{{\"value\": {value}}}");
        assert_eq!(PIECE.run_action("echo", &props).unwrap(), value);
    }
}

#[test]
fn text_is_joined_and_split() {
    assert_eq!(ok("concat", json!({"texts": ["a", "b", "c"], "separator": ", "})), "a, b, c");
    assert_eq!(ok("split", json!({"text": " a, b ,,c"})), json!(["a", "b", "", "c"]));
    assert_eq!(ok("split", json!({"text": "a;b;;c", "separator": ";", "skip_empty": true})), json!(["a", "b", "c"]));
    assert_eq!(ok("split", json!({"text": "a,b,c", "most": 2})), json!(["a", "b,c"]));
    assert_eq!(ok("split", json!({"text": "äbc", "separator": ""})), json!(["ä", "b", "c"]));
    assert_eq!(ok("split", json!({"text": "äbc", "separator": "", "most": 2})), json!(["ä", "bc"]));
}

#[test]
fn text_is_replaced_trimmed_and_cut_by_characters() {
    assert_eq!(ok("replace", json!({"text": "aXbX", "search": "X", "replacement": "-"})), "a-b-");
    assert_eq!(ok("replace", json!({"text": "aXbX", "search": "X", "first_only": true})), "abX");
    assert_eq!(run("replace", json!({"text": "a", "search": ""})).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(ok("trim", json!({"text": "  a \n"})), "a");
    assert_eq!(ok("trim", json!({"text": "--a--", "side": "start", "characters": "-"})), "a--");
    assert_eq!(ok("slice", json!({"text": "größer", "start": 2, "length": 2})), "öß");
    assert_eq!(ok("slice", json!({"text": "größer", "start": -2})), "er");
    assert_eq!(ok("slice", json!({"text": "abc", "start": -9, "length": 1})), "a");
    assert_eq!(ok("slice", json!({"text": "abc", "start": 9})), "");
    let length = ok("length", json!({"text": "grün und\nblau"}));
    assert_eq!(length, json!({"characters": 13, "bytes": 14, "words": 3, "lines": 2}));
}

#[test]
fn letters_change_their_case() {
    let case = |case: &str| ok("change_case", json!({"text": "o'NEILL says. hello-world", "case": case}));
    assert_eq!(case("lower"), "o'neill says. hello-world");
    assert_eq!(case("upper"), "O'NEILL SAYS. HELLO-WORLD");
    assert_eq!(case("title"), "O'neill Says. Hello-World");
    assert_eq!(case("sentence"), "O'neill says. Hello-world");
}

#[test]
fn templates_are_filled_and_what_is_missing_is_named() {
    let values = json!({"name": "Ada", "order": {"items": [{"n": 2}]}});
    let fill = |template: &str| run("fill_template", json!({"template": template, "values": values}));
    assert_eq!(
        fill("Hi [[ name ]]: [[order.items.0.n]] [[order.items]] [[open").unwrap(),
        "Hi Ada: 2 [{\"n\":2}] [[open"
    );
    let error = fill("[[order.total]]").unwrap_err();
    assert_eq!(error.message(), "values: `order.total` is missing, which the template uses");
    let filled = ok("fill_template", json!({"template": "[[x]]!", "values": {}, "missing": "?"}));
    assert_eq!(filled, "?!");
}

#[test]
fn encodings_survive_the_round_trip_and_garbage_is_refused() {
    let text = "Grüße / 100 % & mehr?";
    for alphabet in ["standard", "url"] {
        let encoded = ok("encode_base64", json!({"text": text, "alphabet": alphabet}));
        assert_eq!(ok("decode_base64", json!({"text": encoded})), text);
    }
    let encoded = ok("encode_url", json!({"text": text}));
    assert_eq!(encoded, "Gr%C3%BC%C3%9Fe%20%2F%20100%20%25%20%26%20mehr%3F");
    assert_eq!(ok("decode_url", json!({"text": encoded})), text);
    for (action, garbage) in [
        ("decode_base64", "?"),
        ("decode_base64", "/w=="),
        ("decode_url", "%4"),
        ("decode_url", "%FF"),
        ("decode_url", "%+1"),
    ] {
        assert_eq!(run(action, json!({"text": garbage})).unwrap_err().kind(), ErrorKind::InvalidInput, "{garbage}");
    }
}

#[test]
fn the_hash_is_that_of_the_standard() {
    let hash = ok("hash", json!({"text": "abc"}));
    assert_eq!(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

#[test]
fn titles_become_slugs() {
    assert_eq!(
        ok("slugify", json!({"text": "  Crème brûlée: it's 100 % Über-gut! "})),
        "creme-brulee-its-100-ueber-gut"
    );
    assert_eq!(ok("slugify", json!({"text": "Москва 24", "separator": "_"})), "москва_24");
    assert_eq!(ok("slugify", json!({"text": "!!!"})), "");
}

#[test]
fn email_addresses_are_found_and_what_only_looks_like_one_is_not() {
    let text =
        "Ask <ada@example.com>, (bob.b+x@mail.example.org). Not: @home, a@b, x@-bad.com, y@1.2, ADA@example.com.";
    assert_eq!(ok("extract_emails", json!({"text": text})), json!(["ada@example.com", "bob.b+x@mail.example.org"]));
    let all = ok("extract_emails", json!({"text": "a@x.io a@x.io", "unique": false}));
    assert_eq!(all, json!(["a@x.io", "a@x.io"]));
}

#[test]
fn json_is_parsed_written_and_defaulted() {
    assert_eq!(ok("parse_json", json!({"text": " {\"a\": [1]} "})), json!({"a": [1]}));
    let error = run("parse_json", json!({"text": "{a}"})).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::InvalidInput, "not-json"));
    assert_eq!(ok("to_json", json!({"value": {"b": 1, "a": [2]}})), "{\"b\":1,\"a\":[2]}");
    assert_eq!(ok("to_json", json!({"value": {"a": 1}, "pretty": true})), "{\n  \"a\": 1\n}");
    assert_eq!(ok("default_value", json!({"value": null, "default": 5})), 5);
    assert_eq!(ok("default_value", json!({"value": "", "default": 5})), 5);
    assert_eq!(ok("default_value", json!({"value": 0, "default": 5})), 0);
}
