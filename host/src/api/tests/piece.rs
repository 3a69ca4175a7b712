//! The piece that these tests run, made by hand: `text`, which distinguishes its functions by the length of a name.

use leno_testkit::craft::{ANSWER, Core};
use serde_json::{Value, json};

/// What `color` may be.
pub(super) const COLORS: &str =
    r#"{"options":[{"label":"Red","value":1},{"label":"None","value":null}],"placeholder":"Pick"}"#;
/// What `fields` consists of.
pub(super) const FIELDS: &str = r#"{"age":{"type":"NUMBER","displayName":"Age","required":false}}"#;

/// Returns its props.
pub(super) const ECHO: &str = "/api/pieces/text/actions/echo/run";
/// Traps.
pub(super) const CRASH: &str = "/api/pieces/text/actions/crash/run";
/// Reports that a service is to be retried after 2.5 seconds.
pub(super) const REFUSE: &str = "/api/pieces/text/actions/refuse/run";
/// As `ECHO`, but needs a connection.
pub(super) const SECURE_ECHO: &str = "/api/pieces/text/actions/closed-echo/run";

fn document(version: &str) -> Value {
    let property = |kind: &str, required: bool| json!({"type": kind, "displayName": kind, "required": required});
    let action = |name: &str, props: Value, require_auth: bool| json!({"name": name, "displayName": name, "description": "", "props": props, "requireAuth": require_auth});
    let echo = json!({"value": property("JSON", true), "count": property("NUMBER", false)});
    let ask = json!({
        "color": property("DROPDOWN", true),
        "fields": property("DYNAMIC", false),
        "nothing": property("MULTI_SELECT_DROPDOWN", false),
        "text": property("SHORT_TEXT", false),
    });
    json!({
        "name": "text",
        "version": version,
        "displayName": "Text Tools",
        "description": "",
        "logoUrl": "https://example.com/piece.svg",
        "authors": [],
        "categories": ["CORE", "DEVELOPER_TOOLS"],
        "auth": {"type": "SECRET_TEXT", "displayName": "Key", "required": true},
        "egress": {"hosts": []},
        "actions": {
            "echo": action("echo", echo.clone(), false),
            "crash": action("crash", json!({}), false),
            "refuse": action("refuse", json!({}), false),
            "closed-echo": action("closed-echo", echo, true),
            "ask": action("ask", ask, false),
        },
        "triggers": {},
    })
}

/// The component.
pub(super) fn component(version: &str) -> Vec<u8> {
    let mut core = Core::new(&document(version).to_string());
    let mut text = |text: &str| (core.data(text.as_bytes()), text.len());
    let [colors, fields, junk, code, message] =
        [COLORS, FIELDS, r#"{"options":5}"#, "slow-down", "come back later"].map(&mut text);
    // `result<json, error>`: a tag, and 8 bytes further the text, or the error's members in their order.
    let store = |at: u32, value: &str| format!("(i32.store (i32.const {}) {value})", ANSWER + at);
    let number = |value: usize| format!("(i32.const {value})");
    let pair = |at: u32, (address, length): (u32, usize)| {
        store(at, &number(address as usize)) + &store(at + 4, &number(length))
    };
    let done = number(ANSWER as usize);
    let given = store(8, "(local.get $props)") + &store(12, "(local.get $props_len)") + &done;
    let refused = store(0, &number(1))
        + &store(8, &number(3))
        + &pair(12, code)
        + &pair(20, message)
        + &store(32, &number(1))
        + &store(40, &number(2_500))
        + &done;
    let by_length = |name: &str, length: usize, then: &str, otherwise: &str| {
        format!("(if (result i32) (i32.eq (local.get ${name}) (i32.const {length})) (then {then}) (else {otherwise}))")
    };
    let run = by_length(
        "action_len",
        "crash".len(),
        "unreachable",
        &by_length("action_len", "refuse".len(), &refused, &given),
    );
    let [colors, fields, junk] = [colors, fields, junk].map(|text| pair(8, text) + &done);
    let resolve =
        by_length("property_len", "color".len(), &colors, &by_length("property_len", "fields".len(), &fields, &junk));
    core.run(run).body("properties@0.1.0#resolve", resolve).component()
}
