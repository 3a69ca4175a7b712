//! The shapes that Activepieces' clients read.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::panic,
    clippy::unwrap_used
)]

use leno_metadata::Metadata;
use serde_json::{Value, json};

fn piece() -> Metadata {
    let document = json!({
        "name": "@activepieces/piece-hello", "version": "1.0.0", "displayName": "Hello", "logoUrl": "https://example.com/l.svg",
        "minimumSupportedRelease": "0.30.0", "new": 1,
        "egress": {"hosts": ["api.example.com"]},
        "i18n": {"de": {"Hello": "Hallo"}},
        "auth": [{"type": "SECRET_TEXT", "displayName": "Key", "required": true, "hosts": ["api.example.com"],
                  "inject": {"query": {"key": "{{connection.secret_text}}"}}}],
        "actions": {
            "send": {"name": "send", "displayName": "Send", "props": {
                "channel": {"type": "DROPDOWN", "displayName": "Channel", "required": true},
                "more": {"type": "DYNAMIC", "displayName": "More", "refreshers": ["channel"]},
                "text": {"type": "SHORT_TEXT", "displayName": "Text"},
                "rows": {"type": "ARRAY", "displayName": "Rows", "properties": {
                    "tags": {"type": "MULTI_SELECT_DROPDOWN", "displayName": "Tags"}}}
            }},
            "wait": {"name": "wait", "displayName": "Wait", "requireAuth": false}
        },
        "triggers": {"poll": {"name": "poll", "displayName": "Poll", "type": "POLLING", "props": {}}}
    });
    Metadata::parse(&document.to_string()).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn auth_is_copied_where_the_builder_reads_it_and_only_there() {
    let full = piece().full();
    let copy = json!([{"type": "SECRET_TEXT", "displayName": "Key", "required": true}]);
    let props = &full["actions"]["send"]["props"];
    assert_eq!(props["channel"]["auth"], copy);
    assert_eq!(props["more"]["auth"], copy);
    assert_eq!(props["rows"]["properties"]["tags"]["auth"], copy);
    assert_eq!(props["text"].get("auth"), None);
    assert_eq!(props["channel"]["refreshers"], json!([]));
    assert!(full["auth"][0].get("inject").is_some());
    assert!(
        !piece()
            .document
            .to_string()
            .contains("\"auth\":[{\"type\":\"SECRET_TEXT\",\"displayName\":\"Key\",\"required\":true}]")
    );
}

#[test]
fn the_members_that_the_host_knows_better_are_set() {
    let full = piece().full();
    assert_eq!(full["name"], "hello");
    assert_eq!(full["minimumSupportedRelease"], "0.82.0");
    assert_eq!(full["maximumSupportedRelease"], "9999.9999.9999");
    assert_eq!(full["contextInfo"], json!({"version": "2"}));
    assert_eq!((&full["pieceType"], &full["packageType"]), (&json!("CUSTOM"), &json!("ARCHIVE")));
    assert_eq!(full["egress"], json!({"hosts": ["api.example.com"]}));
    assert_eq!(full["new"], 1);
    assert_eq!(full["i18n"]["de"]["Hello"], "Hallo");
    assert_eq!((&full["description"], &full["authors"], &full["categories"]), (&json!(""), &json!([]), &json!([])));
    assert_eq!(full["actions"]["wait"]["requireAuth"], false);
    assert_eq!(full["actions"]["send"]["requireAuth"], true);
    assert_eq!(full["actions"]["wait"]["errorHandlingOptions"]["retryOnFailure"]["defaultValue"], false);
    assert_eq!(full["triggers"]["poll"]["testStrategy"], "TEST_FUNCTION");
}

#[test]
fn a_newer_minimum_release_stays() {
    let document = json!({"name": "a", "version": "1.0.0", "displayName": "A", "minimumSupportedRelease": "0.90.1"});
    assert_eq!(Metadata::parse(&document.to_string()).unwrap().full()["minimumSupportedRelease"], "0.90.1");
}

#[test]
fn a_summary_counts_actions_and_triggers_and_has_no_translations() {
    let summary = piece().summary();
    assert_eq!((&summary["actions"], &summary["triggers"]), (&json!(2), &json!(1)));
    assert_eq!(summary.get("i18n"), None);
    assert_eq!(summary["contextInfo"], json!({"version": "2"}));
}

#[test]
fn a_piece_without_auth_has_no_copies() {
    let document = json!({"name": "a", "version": "1.0.0", "displayName": "A", "actions": {"b": {"name": "b", "displayName": "B",
        "props": {"c": {"type": "DROPDOWN", "displayName": "C", "auth": {"stale": true}}}}}});
    let full = Metadata::parse(&document.to_string()).unwrap().full();
    assert_eq!(full["actions"]["b"]["props"]["c"].get("auth"), None::<&Value>);
}
