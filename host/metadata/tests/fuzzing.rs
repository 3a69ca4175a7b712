//! The fuzzing entries, briefly: random documents made of the words that the crate reads.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::panic,
    clippy::unwrap_used
)]

use leno_metadata::fuzzing;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Words that mean something somewhere, so that random documents get past the first check.
const WORDS: &[&str] = &[
    "",
    " ",
    "a",
    "auth",
    "type",
    "name",
    "props",
    "required",
    "defaultValue",
    "options",
    "label",
    "value",
    "SHORT_TEXT",
    "NUMBER",
    "CHECKBOX",
    "DATE_TIME",
    "STATIC_DROPDOWN",
    "DROPDOWN",
    "DYNAMIC",
    "ARRAY",
    "FILE",
    "JSON",
    "OBJECT",
    "MARKDOWN",
    "SECRET_TEXT",
    "CUSTOM_AUTH",
    "OAUTH2",
    "BASIC_AUTH",
    "displayName",
    "properties",
    "refreshers",
    "inject",
    "hosts",
    "headers",
    "query",
    "egress",
    "{{connection.a}}",
    "{{connection.secret_text}}",
    "{{base64 connection.a \":\" \"}}\"}}",
    "*",
    "*.example.com",
    "api.example.com",
    "https://example.com/x",
    "data:text/plain;base64,aGk=",
    "data:,x",
    "aGk=",
    "1e3",
    "0x1F",
    "true",
    "2024-03-14",
    "03/14/2024",
    "2024-03-14T01:02:03+01:00",
    "Thu, 14 Mar 2024 09:26:53 +0100",
    "{\"a\":[1]}",
    "[[[]]]",
    "access_token",
    "secret_text",
    "username",
    "password",
    "baseUrl",
    "region",
    "token",
    "header",
    "X-Key",
    "a\r\nb",
    "🔑",
    "filename",
    "base64",
    "data",
    "extension",
    "../a.b. c",
    "text",
    "number",
    "rows",
    "n",
    "k",
    "f",
    "file",
    "json",
    "dynamic",
    "when",
    "one",
    "many",
    "list",
    "flag",
    "color",
    "custom",
    "secret",
    "pick",
    "picks",
    "long",
    "note",
    "object",
];

fn word() -> impl Strategy<Value = String> {
    prop_oneof![4 => proptest::sample::select(WORDS).prop_map(str::to_owned), 1 => any::<String>()]
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-4_i32..4).prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::vec((word(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A row of `rows`, more or less.
fn row() -> impl Strategy<Value = Value> {
    proptest::collection::vec((proptest::sample::select(&["n", "k", "f"][..]), json()), 0..4)
        .prop_map(|members| Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()))
}

/// A value that mostly fits one of the properties of `fuzzing.json`.
fn input() -> impl Strategy<Value = Value> {
    let names = [
        "text", "long", "number", "flag", "when", "one", "many", "pick", "picks", "dynamic", "list", "rows", "object",
        "json", "file", "color", "custom", "secret", "auth",
    ];
    let value = prop_oneof![4 => json(), 1 => proptest::collection::vec(row(), 0..4).prop_map(Value::from), 1 => row()];
    let members = proptest::collection::vec((proptest::sample::select(names.to_vec()), value), 0..4);
    members.prop_map(|members| {
        let mut input = json!({"text": "there"});
        for (name, value) in members {
            input[name] = value;
        }
        input
    })
}

/// A property of any type, with a default that may or may not fit.
fn property() -> impl Strategy<Value = Value> {
    let kinds = [
        "SHORT_TEXT",
        "LONG_TEXT",
        "MARKDOWN",
        "NUMBER",
        "CHECKBOX",
        "DATE_TIME",
        "STATIC_DROPDOWN",
        "STATIC_MULTI_SELECT_DROPDOWN",
        "DROPDOWN",
        "MULTI_SELECT_DROPDOWN",
        "DYNAMIC",
        "ARRAY",
        "OBJECT",
        "JSON",
        "FILE",
        "COLOR",
        "CUSTOM",
        "SECRET_TEXT",
    ];
    (proptest::sample::select(kinds.to_vec()), any::<bool>(), json(), any::<bool>(), any::<bool>(), json()).prop_map(
        |(kind, required, default, with_default, rows, option)| {
            let mut property = json!({"type": kind, "displayName": "P", "required": required});
            if with_default {
                property["defaultValue"] = default;
            }
            if rows && kind == "ARRAY" {
                property["properties"] =
                    json!({"n": {"type": "NUMBER", "displayName": "N"}, "f": {"type": "FILE", "displayName": "F"}});
            }
            if kind.starts_with("STATIC") {
                property["options"] =
                    json!({"options": [{"label": "a", "value": "a"}, {"label": "o", "value": option}]});
            }
            property
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_the_parsers_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        fuzzing::metadata(&bytes);
        fuzzing::coercion(&bytes);
        fuzzing::connection(&bytes);
    }

    #[test]
    fn no_json_makes_the_parsers_panic(value in json()) {
        let text = value.to_string();
        fuzzing::metadata(text.as_bytes());
        fuzzing::coercion(text.as_bytes());
        fuzzing::connection(text.as_bytes());
    }

    #[test]
    fn coercing_twice_is_coercing_once(input in input()) {
        fuzzing::coercion(input.to_string().as_bytes());
    }

    #[test]
    fn coercing_twice_is_coercing_once_whatever_the_property(property in property(), value in json()) {
        let document = json!([{"p": property}, {"p": value}]);
        fuzzing::coercion(document.to_string().as_bytes());
        fuzzing::coercion(json!([{"p": property}, {}]).to_string().as_bytes());
    }

    #[test]
    fn a_document_survives_the_way_through_the_full_shape(props in proptest::collection::vec((word(), property()), 0..4), auth in json(), hosts in proptest::collection::vec(word(), 0..3)) {
        let props: serde_json::Map<_, _> = props.into_iter().collect();
        let mut document = json!({"name": "p", "version": "1.0.0", "displayName": "P", "egress": {"hosts": hosts},
            "auth": {"type": "SECRET_TEXT", "displayName": "K"},
            "actions": {"a": {"name": "a", "displayName": "A", "props": props}},
            "triggers": {"t": {"name": "t", "displayName": "T", "type": "WEBHOOK"}}});
        fuzzing::metadata(document.to_string().as_bytes());
        document["auth"] = auth;
        fuzzing::metadata(document.to_string().as_bytes());
    }

    #[test]
    fn no_connection_value_breaks_a_header(kind in proptest::sample::select(&["SECRET_TEXT", "BASIC_AUTH", "CUSTOM_AUTH", "OAUTH2"][..]), members in proptest::collection::vec((word(), json()), 0..6), props in proptest::collection::vec((word(), json()), 0..6)) {
        let mut value: serde_json::Map<_, _> = members.into_iter().collect();
        value.insert("props".into(), Value::Object(props.into_iter().collect()));
        value.insert("type".into(), kind.into());
        fuzzing::connection(Value::Object(value).to_string().as_bytes());
    }
}
