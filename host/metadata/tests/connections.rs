//! Connection values, and what is shown of them.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::panic,
    clippy::unwrap_used
)]

use leno_metadata::{Auth, ConnectionKind, ConnectionValue, Metadata};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

fn piece(auth: Value, egress: Value) -> Metadata {
    let document =
        json!({"name": "p", "version": "1.0.0", "displayName": "P", "auth": auth, "egress": {"hosts": egress}});
    Metadata::parse(&document.to_string()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn auth(entry: Value) -> Auth {
    piece(entry, json!(["api.example.com"])).auth.remove(0)
}

fn value(value: Value) -> ConnectionValue {
    ConnectionValue::new(value).unwrap()
}

fn oauth2_entry() -> Value {
    json!({"type": "OAUTH2", "displayName": "O", "authUrl": "https://a.test", "tokenUrl": "https://t.test",
        "settings": ["instance_url", "team.id"],
        "props": {"tenant": {"type": "SHORT_TEXT", "displayName": "T"}, "pin": {"type": "SECRET_TEXT", "displayName": "P"}}})
}

fn oauth2_value() -> ConnectionValue {
    value(json!({"type": "OAUTH2", "access_token": "at-secret", "refresh_token": "rt-secret", "client_id": "cid",
        "client_secret": "cs-secret", "token_type": "bearer", "scope": "read", "props": {"tenant": "acme", "pin": "pin-secret"},
        "data": {"instance_url": "https://na1.example.com", "id_token": "id-secret", "team": {"id": "T1", "bot_token": "bot-secret"}}}))
}

fn custom_entry() -> Value {
    json!({"type": "CUSTOM_AUTH", "displayName": "C", "required": true,
    "hosts": ["{{connection.baseUrl}}"],
    "inject": {
        "headers": {"{{connection.header}}": "Token {{connection.token}}",
                    "Authorization": "Basic {{base64 connection.email \":\" connection.token}}"},
        "query": {"key": "{{connection.token}}"}
    },
    "props": {
        "baseUrl": {"type": "SHORT_TEXT", "displayName": "B", "required": true},
        "header": {"type": "SHORT_TEXT", "displayName": "H"},
        "email": {"type": "SHORT_TEXT", "displayName": "E"},
        "port": {"type": "NUMBER", "displayName": "N", "defaultValue": 443},
        "token": {"type": "SECRET_TEXT", "displayName": "T", "required": true}
    }})
}

fn custom_value(props: Value) -> ConnectionValue {
    value(json!({"type": "CUSTOM_AUTH", "props": props}))
}

fn headers(auth: &Auth, connection: &ConnectionValue) -> Vec<(String, String)> {
    let injection = auth.credentials(connection).unwrap();
    injection.headers.iter().map(|(name, value)| (name.clone(), value.expose_secret().to_owned())).collect()
}

#[test]
fn credentials_go_to_their_usual_place_when_the_piece_does_not_say() {
    let authorization = |entry: Value, connection: Value| headers(&auth(entry), &value(connection));
    let is = |text: &str| vec![("Authorization".to_owned(), text.to_owned())];
    assert_eq!(
        authorization(
            json!({"type": "SECRET_TEXT", "displayName": "K"}),
            json!({"type": "SECRET_TEXT", "secret_text": "sk-1"})
        ),
        is("Bearer sk-1")
    );
    // RFC 7617, section 2: the example of the specification.
    assert_eq!(
        authorization(
            json!({"type": "BASIC_AUTH", "displayName": "B"}),
            json!({"type": "BASIC_AUTH", "username": "Aladdin", "password": "open sesame"})
        ),
        is("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
    );
    for kind in ["OAUTH2", "CLOUD_OAUTH2", "PLATFORM_OAUTH2"] {
        assert_eq!(authorization(oauth2_entry(), json!({"type": kind, "access_token": "at"})), is("Bearer at"));
    }
    let plain =
        json!({"type": "CUSTOM_AUTH", "displayName": "C", "props": {"k": {"type": "SECRET_TEXT", "displayName": "K"}}});
    assert_eq!(authorization(plain, json!({"type": "CUSTOM_AUTH", "props": {"k": "x"}})), Vec::new());
}

#[test]
fn templates_place_credentials_in_headers_and_query() {
    let auth = auth(custom_entry());
    let connection = custom_value(json!({"baseUrl": "x.test", "header": "X-Key", "email": "a@b.c", "token": "t0ken"}));
    assert_eq!(
        headers(&auth, &connection),
        [("X-Key".into(), "Token t0ken".into()), ("Authorization".into(), "Basic YUBiLmM6dDBrZW4=".into())]
    );
    let query = auth.credentials(&connection).unwrap().query;
    assert_eq!((query[0].0.as_str(), query[0].1.expose_secret()), ("key", "t0ken"));
}

#[test]
fn an_entry_without_a_value_is_left_out() {
    let auth = auth(custom_entry());
    let injection = auth.credentials(&custom_value(json!({"baseUrl": "x.test", "email": ""}))).unwrap();
    assert!(injection.headers.is_empty() && injection.query.is_empty());
}

#[test]
fn a_value_that_would_split_a_header_is_a_problem_that_does_not_quote_it() {
    let auth = auth(custom_entry());
    for (props, path) in [
        (json!({"header": "X-Key", "token": "s3cret\r\nEvil: 1"}), "/props/header"),
        (json!({"header": "X Key\r\nEvil", "token": "s3cret"}), "/props/header"),
        (json!({"header": "Host", "token": "s3cret"}), "/props/header"),
        (json!({"header": "X-Key", "token": "s3cret\u{0}"}), "/props/header"),
        (json!({"header": "X-Key", "token": ["s3cret"]}), "/props/token"),
    ] {
        let problem = auth.credentials(&custom_value(props)).unwrap_err();
        assert_eq!(problem.path, path);
        assert!(!problem.message.contains("s3cret"), "{problem}");
    }
}

#[test]
fn a_request_is_never_sent_with_half_a_credential() {
    let problem = auth(oauth2_entry()).credentials(&value(json!({"type": "OAUTH2", "access_token": ""}))).unwrap_err();
    assert_eq!(problem.path, "/access_token");
    let basic = auth(json!({"type": "BASIC_AUTH", "displayName": "B"}));
    let colon = value(json!({"type": "BASIC_AUTH", "username": "a:b", "password": "c"}));
    assert_eq!(basic.credentials(&colon).unwrap_err().path, "/username");
    assert_eq!(basic.credentials(&oauth2_value()).unwrap_err().path, "/type");
}

#[test]
fn a_host_setting_names_one_host_and_never_a_pattern() {
    let piece = piece(custom_entry(), json!(["api.example.com", "{{connection.baseUrl}}"]));
    let hosts = |base: &str| piece.hosts(Some(&custom_value(json!({"baseUrl": base}))));
    assert_eq!(hosts("https://git.acme.test:8443/api").unwrap(), ["api.example.com", "git.acme.test:8443"]);
    assert_eq!(hosts("").unwrap(), ["api.example.com"]);
    for base in ["*", "*.acme.test", "https://*", "a b", "ftp://acme.test"] {
        assert_eq!(hosts(base).unwrap_err().path, "/props/baseUrl", "{base}");
    }
    assert_eq!(piece.hosts(None).unwrap(), ["api.example.com"]);
    let connection = custom_value(json!({"baseUrl": "https://git.acme.test"}));
    assert_eq!(piece.auth[0].hosts(&connection).unwrap(), ["git.acme.test"]);
}

#[test]
fn a_setting_inside_a_host_cannot_move_it_to_another_domain() {
    let entry = json!({"type": "CUSTOM_AUTH", "displayName": "C", "props": {"sub": {"type": "SHORT_TEXT", "displayName": "S"}},
        "hosts": ["{{connection.sub}}.example.com"]});
    let auth = auth(entry);
    assert_eq!(auth.hosts(&custom_value(json!({"sub": "acme"}))).unwrap(), ["acme.example.com"]);
    for sub in ["evil.test/", "evil.test#", "evil.test?", "a@evil", "evil.test:443", "*", "", "a\r\nb", "a b"] {
        let hosts = auth.hosts(&custom_value(json!({ "sub": sub })));
        assert!(hosts.is_err() || hosts.unwrap().is_empty(), "{sub:?}");
    }
}

#[test]
fn credentials_go_to_the_egress_hosts_when_an_entry_names_none_but_never_everywhere() {
    let entry = json!({"type": "SECRET_TEXT", "displayName": "K"});
    let connection = value(json!({"type": "SECRET_TEXT", "secret_text": "s"}));
    let inherited = piece(entry, json!(["api.example.com", "*"]));
    assert_eq!(inherited.auth[0].hosts(&connection).unwrap(), ["api.example.com"]);
    assert_eq!(inherited.hosts(Some(&connection)).unwrap(), ["api.example.com", "*"]);
}

#[test]
fn the_auth_entry_is_chosen_by_the_type_of_the_value() {
    let both = piece(json!([custom_entry(), oauth2_entry()]), json!([]));
    let kind = |connection: &ConnectionValue| both.auth_for(connection).map(|auth| auth.map(Auth::kind));
    assert_eq!(kind(&oauth2_value()), Ok(Some("OAUTH2")));
    assert_eq!(kind(&value(json!({"type": "PLATFORM_OAUTH2"}))), Ok(Some("OAUTH2")));
    assert_eq!(kind(&custom_value(json!({}))), Ok(Some("CUSTOM_AUTH")));
    assert_eq!(kind(&value(json!({"type": "NO_AUTH"}))), Ok(None));
    let problem = kind(&value(json!({"type": "BASIC_AUTH"}))).unwrap_err();
    assert!(problem.message.contains("takes CUSTOM_AUTH or OAUTH2, not BASIC_AUTH"), "{problem}");
    assert!(kind(&value(json!({"type": "OIDC"}))).unwrap_err().message.contains("\"OIDC\" are not supported"));
}

#[test]
fn a_value_that_cannot_be_used_is_told_by_its_member_before_it_is_stored() {
    let problem = |entry: Value, value: ConnectionValue| {
        auth(entry).usable(&value).err().map(|problem| (problem.path, problem.message)).unwrap_or_default()
    };
    let secret = json!({"type": "SECRET_TEXT", "displayName": "K"});
    let basic = json!({"type": "BASIC_AUTH", "displayName": "B"});
    let text = |text: &str| value(json!({"type": "SECRET_TEXT", "secret_text": text}));
    assert_eq!(problem(secret.clone(), text("key")).0, "");
    for (broken, member) in [
        ("key\n", "/secret_text"),
        ("key\r\n", "/secret_text"),
        ("a\nb", "/secret_text"),
        ("schlüssel", "/secret_text"),
    ] {
        assert_eq!(problem(secret.clone(), text(broken)).0, member, "{broken:?}");
    }
    let ends = value(json!({"type": "BASIC_AUTH", "username": "ada", "password": "pw\n"}));
    let (path, message) = problem(basic, ends);
    assert!(path == "/password" && message.contains("line break"), "{path} {message}");
    // Optional fields, all of them left empty.
    let optional = json!({"type": "CUSTOM_AUTH", "displayName": "C", "hosts": ["api.test"],
        "props": {"key": {"type": "SECRET_TEXT", "displayName": "K", "required": false}},
        "inject": {"headers": {"X-Key": "{{connection.key}}"}}});
    let custom = |props: Value| value(json!({"type": "CUSTOM_AUTH", "props": props}));
    assert_eq!(problem(optional.clone(), custom(json!({"key": "k"}))).0, "");
    for props in [json!({}), json!({"key": ""}), json!({"key": null})] {
        let (path, message) = problem(optional.clone(), custom(props));
        assert!(path == "/props/key" && message.contains("nothing would be added"), "{path} {message}");
    }
    assert_eq!(problem(optional.clone(), custom(json!({"key": "k\n"}))).0, "/props/key");
    // A key of several lines keeps its last line break where no header takes it.
    let pem = json!({"type": "CUSTOM_AUTH", "displayName": "C", "hosts": ["api.test"], "inject": {"headers": {"X-Id": "{{connection.id}}"}},
        "props": {"id": {"type": "SHORT_TEXT", "displayName": "I", "required": true},
            "pem": {"type": "LONG_TEXT", "displayName": "P", "required": true}}});
    assert_eq!(problem(pem, custom(json!({"id": "1", "pem": "-----BEGIN\nabc\n-----END\n"}))).0, "");
}

#[test]
fn an_unknown_type_is_kept_as_it_is() {
    let stored = json!({"type": "OIDC", "props": {"a": [1, {"b": "c"}]}});
    let connection = value(stored.clone());
    assert_eq!(connection.kind(), &ConnectionKind::Unknown("OIDC".into()));
    assert_eq!(connection.expose(), &stored);
    assert_eq!(connection.to_json().expose_secret(), stored.to_string());
}

#[test]
fn what_is_no_connection_value_is_refused_without_quoting_it() {
    for text in ["", "\"s3cret\"", "{\"type\": 5, \"secret_text\": \"s3cret\"}", "{s3cret}", "[]"] {
        let problem = ConnectionValue::parse(text).err().unwrap();
        assert!(!problem.to_string().contains("s3cret"), "{problem}");
    }
}

#[test]
fn settings_hold_no_secret() {
    let settings = oauth2_value().settings(&auth(oauth2_entry()));
    assert_eq!(
        settings,
        json!({"scope": "read", "token_type": "bearer", "props": {"tenant": "acme"},
            "data": {"instance_url": "https://na1.example.com", "team": {"id": "T1"}}})
    );
    let connection = custom_value(json!({"baseUrl": "x.test", "token": "s", "undeclared": "u"}));
    assert_eq!(connection.settings(&auth(custom_entry())), json!({"baseUrl": "x.test"}));
    let basic = value(json!({"type": "BASIC_AUTH", "username": "ada", "password": "pw"}));
    assert_eq!(basic.settings(&auth(json!({"type": "BASIC_AUTH", "displayName": "B"}))), json!({"username": "ada"}));
    let secret = value(json!({"type": "SECRET_TEXT", "secret_text": "s"}));
    assert_eq!(secret.settings(&auth(json!({"type": "SECRET_TEXT", "displayName": "K"}))), json!({}));
    assert_eq!(oauth2_value().settings(&auth(custom_entry())), json!({}));
}

fn masked(connection: &ConnectionValue, auth: Option<&Auth>) -> Vec<String> {
    let mut texts: Vec<String> = connection.secrets(auth).iter().map(str::to_owned).collect();
    texts.sort();
    texts
}

#[test]
fn every_secret_is_masked_and_settings_are_not() {
    assert_eq!(
        masked(&oauth2_value(), Some(&auth(oauth2_entry()))),
        ["at-secret", "bot-secret", "cs-secret", "id-secret", "pin-secret", "rt-secret"]
    );
    // Without an entry nothing says what is harmless.
    let all = masked(&oauth2_value(), None);
    assert!(all.contains(&"acme".to_owned()) && all.contains(&"https://na1.example.com".to_owned()), "{all:?}");
}

#[test]
fn secrets_are_masked_in_the_shape_they_are_sent_too() {
    let basic = value(json!({"type": "BASIC_AUTH", "username": "Aladdin", "password": "open sesame"}));
    let entry = auth(json!({"type": "BASIC_AUTH", "displayName": "B"}));
    assert_eq!(masked(&basic, Some(&entry)), ["QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "open sesame"]);
    assert_eq!(masked(&basic, None), ["QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "open sesame"]);
    let custom = custom_value(json!({"baseUrl": "https://x.test", "email": "a@b.c", "token": "t/0 ken"}));
    assert_eq!(masked(&custom, Some(&auth(custom_entry()))), ["YUBiLmM6dC8wIGtlbg==", "t%2F0+ken", "t/0 ken"]);
}

#[test]
fn one_half_of_basic_credentials_may_be_empty_and_then_the_other_is_the_secret() {
    let entry = auth(json!({"type": "BASIC_AUTH", "displayName": "B"}));
    let given = |user: &str, password: &str| json!({"type": "BASIC_AUTH", "username": user, "password": password});
    for (user, password, sent) in [("sk-live-1", "", "c2stbGl2ZS0xOg=="), ("", "token-1", "OnRva2VuLTE=")] {
        let accepted = entry.accept(&given(user, password)).unwrap();
        assert_eq!(headers(&entry, &accepted), [("Authorization".to_owned(), format!("Basic {sent}"))]);
        let secret = if password.is_empty() { user } else { password };
        for known in [Some(&entry), None] {
            let mut expected = [sent, secret];
            expected.sort_unstable();
            assert_eq!(masked(&accepted, known), expected);
        }
        assert!(!accepted.settings(&entry).to_string().contains(secret));
    }
    let told = |connection: Value| entry.accept(&connection).err().unwrap().to_string();
    assert_eq!(told(given("", "")), "/password: user name and password are both empty; enter one of them");
    let message = "the password is missing; enter it as text, which may be empty";
    assert_eq!(told(json!({"type": "BASIC_AUTH", "username": "a"})), format!("/password: {message}"));
    assert_eq!(told(json!({"type": "BASIC_AUTH", "username": "a", "password": null})), format!("/password: {message}"));
}

#[test]
fn short_secrets_are_not_masked_and_longer_ones_come_first() {
    let connection =
        value(json!({"type": "OAUTH2", "access_token": "abcd-efgh", "refresh_token": "abcd", "client_secret": "abc"}));
    let secrets = connection.secrets(None);
    assert_eq!(secrets.iter().collect::<Vec<_>>(), ["abcd-efgh", "abcd"]);
    assert!(!format!("{secrets:?}").contains("abcd"));
}

#[test]
fn a_piece_that_may_see_secrets_does_not_see_those_that_get_tokens() {
    let revealed: Value = serde_json::from_str(oauth2_value().reveal().expose_secret()).unwrap();
    assert_eq!(revealed["access_token"], "at-secret");
    for name in ["refresh_token", "client_secret", "code", "code_verifier"] {
        assert!(revealed.get(name).is_none(), "{name}");
    }
}

#[test]
fn the_props_of_a_connection_are_coerced_before_it_is_stored() {
    let accepted = auth(custom_entry()).accept(&json!({"type": "CUSTOM_AUTH", "props": {
        "baseUrl": "https://x.test", "port": "8443", "token": "t"}}));
    assert_eq!(accepted.unwrap().expose()["props"]["port"], 8443);
}

#[test]
fn a_connection_that_cannot_work_is_not_accepted_and_not_quoted() {
    let problems = auth(custom_entry())
        .accept(&json!({"type": "CUSTOM_AUTH", "props": {"port": "s3cret", "token": "", "tokn": "s3cret"}}))
        .err()
        .unwrap();
    let paths: Vec<_> = problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(paths, ["/props/baseUrl", "/props/port", "/props/token", "/props/tokn"]);
    assert!(!problems.to_string().contains("s3cret"), "{problems}");
    let secret = auth(json!({"type": "SECRET_TEXT", "displayName": "K"}));
    for wrong in [
        json!({"type": "SECRET_TEXT"}),
        json!({"type": "SECRET_TEXT", "secret_text": ""}),
        json!({"type": "BASIC_AUTH"}),
    ] {
        assert!(secret.accept(&wrong).is_err(), "{wrong}");
    }
}
