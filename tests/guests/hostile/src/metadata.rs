//! The metadata document.

use serde_json::{Map, Value, json};

/// Hosts that the piece asks for. `allowed.test` and its like do not exist: a request that passes the policy fails at
/// the resolver. Loopback is on the list so that only the operator's grant stands between the piece and it.
const HOSTS: &[&str] = if cfg!(feature = "open") {
    &["*"]
} else {
    &["127.0.0.1", "localhost", "allowed.test", "*.allowed.test", "{{connection.baseUrl}}"]
};

/// Every action, with its properties and their types.
const ACTIONS: &[(&str, &[(&str, &str)])] = &[
    ("ok", &[("text", "SHORT_TEXT")]),
    ("context", &[]),
    ("busy_ms", &[("ms", "NUMBER")]),
    ("spin", &[]),
    ("sleep", &[("ms", "NUMBER")]),
    ("allocate", &[("polite", "CHECKBOX"), ("mib", "NUMBER"), ("hold_ms", "NUMBER")]),
    ("recurse", &[]),
    ("big_output", &[("bytes", "NUMBER"), ("connected", "CHECKBOX")]),
    ("deep_json", &[("depth", "NUMBER")]),
    ("not_json", &[]),
    ("raw_output", &[("text", "LONG_TEXT")]),
    (
        "fail",
        &[
            ("kind", "SHORT_TEXT"),
            ("code", "SHORT_TEXT"),
            ("message", "SHORT_TEXT"),
            ("retry_after_ms", "NUMBER"),
            ("details", "JSON"),
            ("details_bytes", "NUMBER"),
        ],
    ),
    ("trap", &[]),
    ("panic", &[("text", "LONG_TEXT")]),
    ("exit", &[]),
    ("log_flood", &[("count", "NUMBER"), ("bytes", "NUMBER")]),
    ("log_escape", &[]),
    ("leak", &[("count", "NUMBER")]),
    (
        "store",
        &[
            ("op", "SHORT_TEXT"),
            ("scope", "SHORT_TEXT"),
            ("key", "LONG_TEXT"),
            ("value", "LONG_TEXT"),
            ("old", "LONG_TEXT"),
            ("ttl", "NUMBER"),
            ("times", "NUMBER"),
            ("bytes", "NUMBER"),
        ],
    ),
    ("fetch", REQUEST),
    ("fetch_all", &[("requests", "JSON")]),
    ("fetch_many", &[("urls", "JSON"), ("times", "NUMBER"), ("redirects", "NUMBER"), ("timeout_ms", "NUMBER")]),
    ("files", &[("files", "FILES")]),
    ("fetch_forever", REQUEST),
    ("insist", REQUEST),
    ("settings", &[]),
    ("reveal", &[]),
    ("reveal_often", &[("times", "NUMBER")]),
    ("echo_secret", &[("through", "SHORT_TEXT"), ("url", "SHORT_TEXT"), ("leak", "SHORT_TEXT")]),
];

const REQUEST: &[(&str, &str)] = &[
    ("url", "LONG_TEXT"),
    ("method", "SHORT_TEXT"),
    ("headers", "JSON"),
    ("body", "LONG_TEXT"),
    ("authorize", "CHECKBOX"),
    ("timeout_ms", "NUMBER"),
    ("redirects", "NUMBER"),
    ("times", "NUMBER"),
];

pub fn document() -> Value {
    let actions: Map<String, Value> =
        ACTIONS.iter().map(|(name, props)| ((*name).to_owned(), action(name, props))).collect();
    json!({
        "name": env!("CARGO_PKG_NAME"),
        "version": env!("CARGO_PKG_VERSION"),
        "displayName": env!("CARGO_PKG_NAME"),
        "description": env!("CARGO_PKG_DESCRIPTION"),
        "logoUrl": "https://example.com/hostile.svg",
        "authors": [],
        "categories": ["DEVELOPER_TOOLS"],
        "auth": auth(),
        "egress": { "hosts": HOSTS },
        "actions": actions,
        "triggers": { "behave": trigger() },
    })
}

/// Loopback servers of the tests are reached as `127.0.0.1` (credentials may go there) and as `localhost` (they may not).
fn auth() -> Value {
    json!([
        {
            "type": "SECRET_TEXT",
            "displayName": "Token",
            "required": true,
            "hosts": ["127.0.0.1", "allowed.test"],
        },
        {
            "type": "CUSTOM_AUTH",
            "displayName": "Key and address",
            "required": true,
            "props": {
                "baseUrl": { "type": "SHORT_TEXT", "displayName": "Address", "required": true },
                "apiKey": { "type": "SECRET_TEXT", "displayName": "Key", "required": true },
            },
            "inject": {
                "headers": { "X-Api-Key": "{{connection.apiKey}}" },
                "query": { "api_key": "{{connection.apiKey}}" },
            },
            "hosts": ["{{connection.baseUrl}}"],
        },
    ])
}

fn action(name: &str, props: &[(&str, &str)]) -> Value {
    let props: Map<String, Value> =
        props.iter().map(|(name, kind)| ((*name).to_owned(), property(name, kind))).collect();
    json!({
        "name": name,
        "displayName": name,
        "description": "",
        "props": props,
        "requireAuth": false,
    })
}

/// A property; `FILES` is a list of files.
fn property(name: &str, kind: &str) -> Value {
    match kind {
        "FILES" => {
            let file = json!({ "type": "FILE", "displayName": "file", "required": true });
            let properties = json!({ "file": file });
            json!({ "type": "ARRAY", "displayName": name, "required": false, "properties": properties })
        }
        kind => json!({ "type": kind, "displayName": name, "required": false }),
    }
}

fn trigger() -> Value {
    json!({
        "name": "behave",
        "displayName": "behave",
        "description": "Does what an action does, as a trigger",
        "props": {
            "action": { "type": "SHORT_TEXT", "displayName": "Action", "required": false },
            "with": { "type": "JSON", "displayName": "Its props", "required": false },
        },
        "requireAuth": false,
        "type": "POLLING",
        "sampleData": {},
        "testStrategy": "TEST_FUNCTION",
    })
}
