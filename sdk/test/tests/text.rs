//! The built-in piece `text`, in the sandbox.

mod support;

use leno_test::{ErrorKind, Host};
use serde_json::{Value, json};
use support::piece;

/// Action, props, output.
fn table() -> Vec<(&'static str, Value, Value)> {
    vec![
        ("echo", json!({"value": {"a": [1, 2.5, null, "ü"]}}), json!({"a": [1, 2.5, null, "ü"]})),
        ("echo", json!({}), json!(null)),
        ("concat", json!({"texts": ["a", 1, true], "separator": "-"}), json!("a-1-true")),
        ("split", json!({"text": "a, b,,c"}), json!(["a", "b", "", "c"])),
        ("split", json!({"text": "a b c", "separator": " ", "most": 2}), json!(["a", "b c"])),
        ("replace", json!({"text": "tick tick", "search": "ick", "replacement": "ock"}), json!("tock tock")),
        ("trim", json!({"text": "  a  ", "side": "start"}), json!("a  ")),
        ("change_case", json!({"text": "hello WORLD", "case": "title"}), json!("Hello World")),
        ("slice", json!({"text": "Grüße", "start": -3, "length": 2}), json!("üß")),
        ("length", json!({"text": "ä b\nc"}), json!({"characters": 5, "bytes": 6, "words": 3, "lines": 2})),
        (
            "fill_template",
            json!({"template": "[[name]]: [[order.items.0]]", "values": {"name": "N", "order": {"items": [7]}}}),
            json!("N: 7"),
        ),
        ("slugify", json!({"text": "Über Straßen & Plätze!"}), json!("ueber-strassen-plaetze")),
        ("extract_emails", json!({"text": "to a@x.test, A@x.test and b@y.test."}), json!(["a@x.test", "b@y.test"])),
        ("encode_base64", json!({"text": "~~?>", "alphabet": "url"}), json!("fn4_Pg")),
        ("decode_base64", json!({"text": "fn4_Pg"}), json!("~~?>")),
        ("encode_url", json!({"text": "a b/ü"}), json!("a%20b%2F%C3%BC")),
        ("decode_url", json!({"text": "a+b%2F%C3%BC"}), json!("a b/ü")),
        ("hash", json!({"text": "abc"}), json!("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")),
        ("parse_json", json!({"text": " {\"b\": 1, \"a\": 2} "}), json!({"b": 1, "a": 2})),
        ("to_json", json!({"value": {"b": 1, "a": [true]}}), json!(r#"{"b":1,"a":[true]}"#)),
        ("default_value", json!({"value": "", "default": 3}), json!(3)),
    ]
}

#[tokio::test]
async fn each_action_answers_what_its_table_says_and_asks_nothing_of_the_host() {
    let (piece, host) = (piece("text").await, Host::new());
    for (action, props, expected) in table() {
        let run = piece.action(action).props(props.clone()).run(&host).await;
        assert_eq!(*run.output(), expected, "{action} {props}");
        assert!(run.host_calls().is_empty(), "{run:#?}");
    }
    let known: Vec<&str> = table().iter().map(|(action, ..)| *action).collect();
    for action in piece.metadata().actions.keys() {
        assert!(known.contains(&action.as_str()), "`{action}` has no line in the table");
    }
}

#[tokio::test]
async fn what_does_not_fit_the_props_is_refused_before_the_piece_runs() {
    let (piece, host) = (piece("text").await, Host::new());
    let run = piece.action("change_case").props(json!({"case": "loud", "texts": "a"})).run(&host).await;
    let error = run.error();
    assert_eq!((error.code.as_str(), error.kind), ("invalid_props", ErrorKind::InvalidInput));
    let paths: Vec<&str> = error.problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(paths, ["/input/text", "/input/case", "/input/texts"]);
    assert_eq!(run.usage().cpu_micros, 0);
}

#[tokio::test]
async fn what_the_piece_refuses_comes_under_its_own_code() {
    let (piece, host) = (piece("text").await, Host::new());
    let run = piece.action("parse_json").props(json!({"text": "{"})).run(&host).await;
    assert_eq!((run.error().code.as_str(), run.error().kind), ("not-json", ErrorKind::InvalidInput));
}

#[tokio::test]
async fn an_unknown_action_is_told_with_those_that_there_are() {
    let (piece, host) = (piece("text").await, Host::new());
    let run = piece.action("sing").run(&host).await;
    assert_eq!((run.error().code.as_str(), run.error().kind), ("unknown", ErrorKind::NotFound));
    assert!(run.error().message.contains("it has: echo, concat"), "{}", run.error());
}

#[tokio::test]
async fn the_metadata_is_valid() {
    piece("text").await.assert_metadata_valid().await;
}
