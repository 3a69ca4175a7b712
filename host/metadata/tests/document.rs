//! Reading metadata documents: what is refused, and how it is said.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::panic,
    clippy::unwrap_used
)]

use leno_metadata::{
    Category, MAX_DOCUMENT, MAX_PROBLEMS, Metadata, PropertyKind, Scheme, TestStrategy, TriggerKind, parse_properties,
};
use serde_json::{Value, json};

fn minimal() -> Value {
    json!({"name": "hello", "version": "1.0.0", "displayName": "Hello", "logoUrl": "https://example.com/l.svg"})
}

fn with(members: Value) -> Value {
    let mut document = minimal();
    for (name, member) in members.as_object().unwrap() {
        document[name] = member.clone();
    }
    document
}

fn action(props: Value) -> Value {
    with(json!({"actions": {"run": {"name": "run", "displayName": "Run", "props": props}}}))
}

fn parse(document: &Value) -> Metadata {
    Metadata::parse(&document.to_string()).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The problems as `path: message`.
fn problems(document: &Value) -> Vec<String> {
    let problems = Metadata::parse(&document.to_string()).expect_err("the document should be refused");
    problems.iter().map(|problem| format!("{}: {}", problem.path, problem.message)).collect()
}

/// Asserts exactly one problem, at this path, whose message contains this text.
#[track_caller]
fn refused(document: &Value, path: &str, text: &str) {
    let found = Metadata::parse(&document.to_string()).expect_err("the document should be refused");
    let found: Vec<_> = found.iter().collect();
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].path, path, "{found:#?}");
    assert!(found[0].message.contains(text), "{found:#?}");
}

#[test]
fn a_complete_document_becomes_typed() {
    let document = with(json!({
        "name": "@activepieces/piece-hello",
        "categories": ["COMMUNICATION", "UNIVERSAL_AI"],
        "authors": ["ada"],
        "somethingNew": {"kept": true},
        "egress": {"hosts": ["api.example.com", "{{connection.baseUrl}}"]},
        "auth": [
            {"type": "CUSTOM_AUTH", "displayName": "Own", "required": true, "props": {
                "baseUrl": {"type": "SHORT_TEXT", "displayName": "Address", "required": true},
                "key": {"type": "SECRET_TEXT", "displayName": "Key", "required": true}
            }, "inject": {"headers": {"X-Api-Key": "{{connection.key}}"}}, "hosts": ["{{connection.baseUrl}}"]},
            {"type": "OAUTH2", "displayName": "Sign in", "authUrl": "https://a.test", "tokenUrl": "https://t.test",
             "scope": ["a"], "pkceMethod": "plain", "prompt": "omit", "grantType": "client_credentials",
             "authorizationMethod": "HEADER", "extra": {"owner": "user"}}
        ],
        "actions": {"send": {"name": "send", "displayName": "Send", "requireAuth": false, "description": "Sends.",
            "errorHandlingOptions": {"retryOnFailure": {"defaultValue": true}, "continueOnFailure": {"hide": true}},
            "props": {
                "text": {"type": "LONG_TEXT", "displayName": "Text", "required": true, "placeholder": "x"},
                "channel": {"type": "DROPDOWN", "displayName": "Channel", "refreshers": ["auth", "text"], "auth": {"type": "copied"}},
                "rows": {"type": "ARRAY", "displayName": "Rows", "properties": {"n": {"type": "NUMBER", "displayName": "N"}}}
            }}},
        "triggers": {"poll": {"name": "poll", "displayName": "Poll", "type": "POLLING", "props": {}, "sampleData": {"id": 1}},
            "hook": {"name": "hook", "displayName": "Hook", "type": "WEBHOOK", "props": {},
                "handshakeConfiguration": {"strategy": "HEADER_PRESENT", "paramName": "X-Hook"},
                "renewConfiguration": {"strategy": "CRON", "cronExpression": "0 3 * * 1"}}}
    }));
    let piece = parse(&document);
    assert_eq!((piece.name.short(), piece.version.to_string().as_str()), ("hello", "1.0.0"));
    assert_eq!(piece.categories, [Category::Communication, Category::UniversalAi]);
    assert_eq!(piece.document["somethingNew"]["kept"], true);
    assert_eq!(piece.auth.iter().map(leno_metadata::Auth::kind).collect::<Vec<_>>(), ["CUSTOM_AUTH", "OAUTH2"]);
    let Scheme::OAuth2(oauth2) = &piece.auth[1].scheme else { panic!("not OAUTH2") };
    assert_eq!(oauth2.extra["owner"], "user");
    let send = &piece.actions["send"];
    assert!(!send.require_auth && send.error_handling.retry_on_failure.default_value);
    assert_eq!(send.props.keys().collect::<Vec<_>>(), ["text", "channel", "rows"]);
    let PropertyKind::Dropdown(refreshing) = &send.props["channel"].kind else { panic!("not DROPDOWN") };
    assert_eq!(refreshing.refreshers, ["auth", "text"]);
    assert_eq!(piece.triggers["poll"].test_strategy(), TestStrategy::TestFunction);
    assert_eq!(piece.triggers["hook"].test_strategy(), TestStrategy::Simulation);
    assert_eq!(piece.triggers["hook"].kind, TriggerKind::Webhook);
    assert!(piece.triggers["hook"].require_auth);
    assert_eq!(piece.triggers["hook"].handshake.as_ref().unwrap().param_name.as_deref(), Some("X-Hook"));
}

#[test]
fn an_auth_entry_may_stand_alone_and_null_means_none() {
    let alone = with(json!({"auth": {"type": "SECRET_TEXT", "displayName": "Key"}}));
    assert_eq!(parse(&alone).auth.len(), 1);
    assert!(parse(&with(json!({"auth": null}))).auth.is_empty());
    assert!(parse(&with(json!({"auth": []}))).auth.is_empty());
}

#[test]
fn all_problems_are_reported_at_once_each_with_its_place_and_advice() {
    let found = problems(&json!({
        "name": "Not A Name",
        "version": "1.2",
        "categories": ["COMUNICATION"],
        "authors": "ada",
        "egress": {"hots": [], "hosts": ["https://api.example.com/v1", ""]},
        "auth": [{"type": "SECRET_TEXT"}, {"type": "SECRET_TEXT"}, {"type": "OIDC"}],
        "actions": {"send": {"name": "sent", "displayName": "Send", "props": {
            "a": {"type": "TEXT"},
            "b": {"type": "STATIC_DROPDOWN", "displayName": "B"},
            "c": {"type": "NUMBER", "displayName": "C", "defaultValue": "many"},
            "d": {"type": "DROPDOWN", "displayName": "D", "refreshers": ["nobody"]},
            "auth": {"type": "SHORT_TEXT", "displayName": "Auth"}
        }}},
        "triggers": {"hook": {"name": "hook", "displayName": "Hook", "type": "PUSH",
            "handshakeConfiguration": {"strategy": "HEADER_PRESENT"},
            "renewConfiguration": {"strategy": "CRON", "cronExpression": "daily"}}}
    }));
    for expected in [
        "/name: the text \"Not A Name\" is not accepted here. The name of the piece: lower-case letters, digits and inner hyphens",
        "/version: the text \"1.2\" is not accepted here. The exact version",
        ": \"displayName\" is missing; add it. The name shown to users",
        "/categories/0: the text \"COMUNICATION\" is unknown here; use one of \"ARTIFICIAL_INTELLIGENCE\", \"COMMUNICATION\"",
        "/authors: expected array, got the text \"ada\"",
        "/egress: \"hots\" is unknown here; correct or remove it",
        "/egress/hosts/0: \"https://api.example.com/v1\" is a URL, not a host",
        "/egress/hosts/1: must not be empty",
        "/auth/1/type: a second entry has type SECRET_TEXT",
        "/auth/2/type: the text \"OIDC\" is unknown here; use one of \"SECRET_TEXT\"",
        "/actions/send/name: the name \"sent\" differs from its key \"send\"",
        "/actions/send/props/a/type: the text \"TEXT\" is unknown here; use one of \"SHORT_TEXT\"",
        "/actions/send/props/a: \"displayName\" is missing",
        "/actions/send/props/b/options: a static dropdown needs options",
        "/actions/send/props/c/defaultValue: expected a number, got the text \"many\"",
        "/actions/send/props/d/refreshers/0: \"nobody\" is not a property beside this one",
        "/actions/send/props/auth: the name \"auth\" is reserved",
        "/triggers/hook/type: the text \"PUSH\" is unknown here; use one of \"POLLING\"",
        "/triggers/hook/handshakeConfiguration: \"paramName\" is missing",
        "/triggers/hook/renewConfiguration/cronExpression: the text \"daily\" is not accepted here. Write five cron fields",
    ] {
        assert!(found.iter().any(|line| line.starts_with(expected)), "{expected}\nnot in\n{}", found.join("\n"));
    }
}

#[test]
fn a_version_is_exact() {
    for version in ["^1.0.0", "1.0", "latest", "1.0.0.0", "01.0.0", "99999999999999999999.0.0", "1.0.0-01"] {
        let found = problems(&with(json!({"version": version})));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("/version: "), "{found:?}");
    }
    assert_eq!(parse(&with(json!({"version": "1.0.0-rc.1+7"}))).version.to_string(), "1.0.0-rc.1+7");
}

#[test]
fn unknown_members_are_kept_except_where_they_would_change_permissions() {
    parse(&with(json!({"new": 1, "actions": {"a": {"name": "a", "displayName": "A", "new": 1, "props": {
        "p": {"type": "NUMBER", "displayName": "P", "new": 1}}}}})));
    refused(&with(json!({"egress": {"host": ["a.test"]}})), "/egress", "\"host\" is unknown here");
    let auth =
        json!({"type": "SECRET_TEXT", "displayName": "K", "inject": {"header": {"X": "{{connection.secret_text}}"}}});
    refused(&with(json!({"auth": auth})), "/auth/inject", "\"header\" is unknown here");
}

#[test]
fn names_that_cannot_stand_in_an_address_are_refused() {
    for name in ["", "a/b", "a b", "../x", "a\u{0}", "é", &"a".repeat(129)] {
        let document = with(json!({"actions": {name: {"name": name, "displayName": "A"}}}));
        assert!(problems(&document).iter().all(|line| line.starts_with("/actions: the name ")), "{name:?}");
    }
    parse(&with(json!({"actions": {"new_row.v2-beta": {"name": "new_row.v2-beta", "displayName": "A"}}})));
}

#[test]
fn refreshers_may_name_the_connection_siblings_and_what_surrounds_a_row() {
    parse(&action(json!({
        "outer": {"type": "SHORT_TEXT", "displayName": "O"},
        "rows": {"type": "ARRAY", "displayName": "R", "properties": {
            "inner": {"type": "SHORT_TEXT", "displayName": "I"},
            "pick": {"type": "DROPDOWN", "displayName": "P", "refreshers": ["auth", "inner", "outer"]}
        }}
    })));
}

#[test]
fn a_default_is_something_that_the_property_accepts() {
    for (property, default) in [
        (json!({"type": "NUMBER"}), json!([])),
        (json!({"type": "CHECKBOX"}), json!("yes")),
        (json!({"type": "DATE_TIME"}), json!("03/14/2024")),
        (json!({"type": "OBJECT"}), json!([])),
        (json!({"type": "JSON"}), json!(5)),
        (json!({"type": "ARRAY"}), json!("a")),
        (json!({"type": "FILE"}), json!("aGVsbG8=")),
        (json!({"type": "STATIC_DROPDOWN", "options": {"options": [{"label": "A", "value": "a"}]}}), json!("b")),
        (
            json!({"type": "STATIC_MULTI_SELECT_DROPDOWN", "options": {"options": [{"label": "A", "value": "a"}]}}),
            json!(["b"]),
        ),
        (json!({"type": "ARRAY", "properties": {"n": {"type": "NUMBER", "displayName": "N"}}}), json!([{"n": "x"}])),
    ] {
        let mut property = property;
        property["displayName"] = json!("P");
        property["defaultValue"] = default;
        let found = problems(&action(json!({"p": property})));
        assert!(found.iter().all(|line| line.starts_with("/actions/run/props/p/defaultValue")), "{found:?}");
    }
    // Neither is a default: nothing is given by it.
    parse(&action(json!({"p": {"type": "NUMBER", "displayName": "P", "defaultValue": null}})));
    parse(&action(json!({"p": {"type": "NUMBER", "displayName": "P", "defaultValue": ""}})));
}

#[test]
fn a_disabled_static_dropdown_may_be_empty() {
    parse(&action(
        json!({"p": {"type": "STATIC_DROPDOWN", "displayName": "P", "options": {"options": [], "disabled": true}}}),
    ));
    let empty = json!({"p": {"type": "STATIC_DROPDOWN", "displayName": "P", "options": {"options": []}}});
    refused(&action(empty), "/actions/run/props/p/options", "needs options");
}

fn custom(entry: Value) -> Value {
    let mut auth = json!({"type": "CUSTOM_AUTH", "displayName": "Own", "props": {
        "baseUrl": {"type": "SHORT_TEXT", "displayName": "Address"},
        "note": {"type": "MARKDOWN", "description": "Read this"},
        "key": {"type": "SECRET_TEXT", "displayName": "Key"}
    }});
    for (name, member) in entry.as_object().unwrap() {
        auth[name] = member.clone();
    }
    with(json!({"auth": auth, "egress": {"hosts": ["api.example.com"]}}))
}

#[test]
fn a_template_that_refers_to_no_field_is_found_at_load() {
    for (value, text) in [
        ("{{connection.kye}}", "connection.kye is unknown; use one of: connection.baseUrl, connection.key"),
        ("{{connection.note}}", "connection.note is unknown"),
        ("{{connection.key.part}}", "connection.key.part is unknown"),
        ("{{base64 connection.nope}}", "connection.nope is unknown"),
        ("{{connections['x']}}", "is not a reference"),
        ("{{connection.key", "has no closing \"}}\""),
    ] {
        refused(&custom(json!({"inject": {"headers": {"X-Key": value}}})), "/auth/inject/headers/X-Key", text);
        refused(&custom(json!({"inject": {"query": {value: "x"}}})), &format!("/auth/inject/query/{value}"), text);
    }
}

#[test]
fn a_token_of_oauth2_reaches_requests_and_nothing_else_of_it_does() {
    let oauth2 = |value: &str| {
        with(
            json!({"auth": {"type": "OAUTH2", "displayName": "O", "authUrl": "https://a.test", "tokenUrl": "https://t.test",
            "props": {"tenant": {"type": "SHORT_TEXT", "displayName": "T"}}, "inject": {"headers": {"X": value}}}}),
        )
    };
    for value in [
        "{{connection.access_token}}",
        "{{connection.data.team.id}}",
        "{{connection.props.tenant}}",
        "{{connection.client_id}}",
    ] {
        parse(&oauth2(value));
    }
    for value in [
        "{{connection.refresh_token}}",
        "{{connection.client_secret}}",
        "{{connection.props.other}}",
        "{{connection.data}}",
    ] {
        refused(&oauth2(value), "/auth/inject/headers/X", "is unknown");
    }
}

#[test]
fn a_header_that_cannot_be_sent_or_frames_the_message_is_found_at_load() {
    for (name, value, text) in [
        ("X Key", "v", "header names cannot contain"),
        ("X-Key\r\nEvil", "v", "header names cannot contain"),
        ("X-Key", "a\r\nEvil: 1", "has a line break"),
        ("X-Key", "\u{1F511}", "plain ASCII"),
        ("Host", "evil.test", "which the HTTP client sets itself"),
        ("transfer-encoding", "chunked", "which the HTTP client sets itself"),
    ] {
        let found = problems(&custom(json!({"inject": {"headers": {name: value}}})));
        assert!(found.len() == 1 && found[0].contains(text), "{found:?}");
    }
}

#[test]
fn host_templates_name_one_host_and_hold_no_secret() {
    for host in ["{{connection.baseUrl}}", "{{connection.baseUrl}}.example.com", "api.{{connection.baseUrl}}:8443"] {
        parse(&custom(json!({"hosts": [host]})));
    }
    for (host, text) in [
        ("{{connection.key}}.example.com", "is a secret"),
        ("*.{{connection.baseUrl}}", "does not form one host name"),
        ("{{connection.baseUrl}}/api", "does not form one host name"),
        ("{{base64 connection.baseUrl}}", "cannot be base64"),
        ("{{connection.other}}", "is unknown"),
        ("*example.com", "star"),
    ] {
        refused(&custom(json!({"hosts": [host]})), "/auth/hosts/0", text);
    }
    let egress = with(json!({"egress": {"hosts": ["{{connection.baseUrl}}"]}}));
    refused(&egress, "/egress/hosts/0", "the piece declares no auth");
}

#[test]
fn a_piece_that_may_call_any_host_says_where_its_credentials_go() {
    let any = |auth: Value| with(json!({"egress": {"hosts": ["*"]}, "auth": auth}));
    refused(&any(json!({"type": "SECRET_TEXT", "displayName": "K"})), "/auth", "the hosts that get the credentials");
    parse(&any(json!({"type": "SECRET_TEXT", "displayName": "K", "hosts": ["*"]})));
    parse(&any(json!({"type": "SECRET_TEXT", "displayName": "K", "inject": {}})));
    parse(&any(json!({"type": "CUSTOM_AUTH", "displayName": "K", "props": {}})));
}

#[test]
fn oauth2_addresses_use_declared_props_only() {
    let oauth2 = |member: &str, value: &str| {
        let mut auth = json!({"type": "OAUTH2", "displayName": "O", "authUrl": "https://{tenant}.test", "tokenUrl": "https://t.test",
            "props": {"tenant": {"type": "SHORT_TEXT", "displayName": "T"}}});
        auth[member] = json!(value);
        with(json!({ "auth": auth }))
    };
    parse(&oauth2("tokenUrl", "https://{tenant}.test/{tenant}"));
    refused(&oauth2("tokenUrl", "https://{tennant}.test"), "/auth/tokenUrl", "{tennant} is not a member of props");
    let Scheme::OAuth2(parsed) = &parse(&oauth2("revocationUrl", "https://{tenant}.test/revoke")).auth[0].scheme else {
        panic!()
    };
    assert_eq!(parsed.revocation_url.as_deref(), Some("https://{tenant}.test/revoke"));
    refused(
        &oauth2("revocationUrl", "https://{tennant}.test"),
        "/auth/revocationUrl",
        "{tennant} is not a member of props",
    );
    refused(&oauth2("revocationUrl", ""), "/auth/revocationUrl", "");
    parse(&oauth2("issuer", "https://{tenant}.test"));
    refused(&oauth2("issuer", "https://{tennant}.test"), "/auth/issuer", "{tennant} is not a member of props");
    let missing = with(json!({"auth": {"type": "OAUTH2", "displayName": "O", "tokenUrl": "https://t.test"}}));
    refused(&missing, "/auth", "\"authUrl\" is missing");
}

#[test]
fn a_connection_form_asks_only_for_what_it_can_show() {
    let auth = json!({"type": "CUSTOM_AUTH", "displayName": "O", "props": {"f": {"type": "FILE", "displayName": "F"}}});
    refused(
        &with(json!({ "auth": auth })),
        "/auth/props/f/type",
        "a connection cannot have a property of type \"FILE\"",
    );
}

#[test]
fn only_parts_of_a_token_response_that_are_no_tokens_can_be_shown() {
    let auth = |kind: &str, path: &str| {
        with(
            json!({"auth": {"type": kind, "displayName": "O", "authUrl": "https://a.test", "tokenUrl": "https://t.test", "settings": [path]}}),
        )
    };
    parse(&auth("OAUTH2", "team.id"));
    refused(&auth("OAUTH2", "id_token"), "/auth/settings/0", "is a secret");
    refused(&auth("SECRET_TEXT", "team"), "/auth/settings/0", "only OAUTH2");
    refused(&auth("OAUTH2", "a b"), "/auth/settings/0", "dotted path");
}

#[test]
fn a_document_beyond_the_limits_is_refused_before_it_is_read() {
    let long = " ".repeat(MAX_DOCUMENT + 1);
    let problems = Metadata::parse(&long).unwrap_err();
    assert!(problems.to_string().contains("shorten it to at most 1048576"), "{problems}");
    let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
    assert!(Metadata::parse(&deep).unwrap_err().to_string().contains("nests deeper than 64"));
    let deeper = format!("{}{}", "[".repeat(500_000), "]".repeat(500_000));
    assert!(Metadata::parse(&deeper).unwrap_err().to_string().contains("not JSON"));
}

#[test]
fn what_is_no_document_at_all_is_a_problem_not_a_panic() {
    for text in ["", "null", "[]", "5", "{", "\u{0}", "{\"name\":{}}", "[{\"a\":[null]}]"] {
        assert!(Metadata::parse(text).is_err(), "{text:?}");
    }
    let odd = json!({"name": [], "version": {}, "displayName": 1, "auth": 5, "egress": [], "actions": [1], "triggers": {"t": null},
        "categories": {}, "i18n": []});
    assert!(problems(&odd).len() >= 8);
}

#[test]
fn a_thousand_mistakes_make_a_hundred_problems_and_a_count() {
    let props: serde_json::Map<_, _> = (0..1000).map(|n| (format!("p{n}"), json!({"type": "NUMBER"}))).collect();
    let found = problems(&action(Value::Object(props)));
    assert_eq!(found.len(), MAX_PROBLEMS + 1);
    assert_eq!(found[MAX_PROBLEMS], ": 900 more problems are not listed");
}

#[test]
fn a_problem_is_json_with_a_path_and_a_message() {
    let problems = Metadata::parse("{\"name\": \"a\", \"version\": \"1.0.0\"}").unwrap_err();
    let json = serde_json::to_value(&problems).unwrap();
    assert_eq!(json[0]["path"], "");
    assert!(json[0]["message"].as_str().unwrap().starts_with("\"displayName\" is missing"));
}

#[test]
fn the_answer_of_a_dynamic_property_is_checked_like_props() {
    assert_eq!(parse_properties(r#"{"a": {"type": "JSON", "displayName": "A"}}"#).unwrap().len(), 1);
    let problems = parse_properties(
        r#"{"a": {"type": "XML"}, "b": {"type": "DROPDOWN", "displayName": "B", "refreshers": ["c"]}}"#,
    );
    let problems: Vec<_> = problems.unwrap_err().iter().map(|problem| problem.path.clone()).collect();
    assert_eq!(problems, ["/a/type", "/a", "/b/refreshers/0"]);
}

#[test]
fn the_example_in_the_readme_is_a_valid_document() {
    let readme = include_str!("../../../wit/README.md");
    let example = readme.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a JSON example");
    let piece = Metadata::parse(example).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(!piece.actions.is_empty() && !piece.triggers.is_empty() && !piece.auth.is_empty());
}

#[test]
fn a_short_document_cannot_make_its_defaults_cost_hours() {
    // Each default is rows without members, which adds the next level's defaults, thirty times.
    let chain = (0..12).fold(json!({"type": "SHORT_TEXT", "displayName": "P"}), |inner, _| {
        json!({"type": "ARRAY", "displayName": "P", "properties": {"p": inner}, "defaultValue": vec![json!({}); 30]})
    });
    let props: serde_json::Map<_, _> = (0..200).map(|n| (format!("p{n}"), chain.clone())).collect();
    let started = std::time::Instant::now();
    let found = problems(&action(Value::Object(props)));
    assert!(found.len() == 1 && found[0].contains("give fewer rows"), "{found:?}");
    assert!(started.elapsed() < std::time::Duration::from_secs(30), "{:?}", started.elapsed());
}
