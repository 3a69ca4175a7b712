//! Links by which somebody enters the credentials of one connection.

use url::form_urlencoded;

use super::{
    connections::LIST,
    sign_in::{self, Provider, serve},
    *,
};

const SESSIONS: &str = "/api/connect-sessions";
const ORIGIN: &str = "https://app.gauzy.co";

/// A page, as a browser without a script gets it.
struct Page {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Page {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

async fn fetch(host: &Host, request: Request<Body>) -> Page {
    let response = host.router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    Page { status: parts.status.as_u16(), headers: parts.headers, text: String::from_utf8(bytes.into()).unwrap() }
}

async fn look(host: &Host, url: &str) -> Page {
    let path = url.trim_start_matches("http://127.0.0.1:4747");
    fetch(host, request("GET", path).body(Body::empty()).unwrap()).await
}

async fn enter(host: &Host, url: &str, fields: &[(&str, &str)]) -> Page {
    let path = url.trim_start_matches("http://127.0.0.1:4747");
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = request("POST", path).header("content-type", "application/x-www-form-urlencoded");
    fetch(host, request.body(body.into()).unwrap()).await
}

async fn open_link(host: &Host, piece: &str, external_id: &str, more: Value) -> (String, String) {
    let mut body = json!({"pieceName": piece, "externalId": external_id, "displayName": "The main <one>"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let opened = host.json(SESSIONS, &body).await;
    assert_eq!(opened.status, 201, "{}", opened.text);
    let text = |name: &str| opened.body[name].as_str().unwrap().to_owned();
    (text("id"), text("url"))
}

async fn connections(host: &Host) -> Vec<(String, String)> {
    let list = host.get(LIST).await;
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    list.body["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (text(row, "externalId"), text(row, "displayName")))
        .collect()
}

#[tokio::test]
async fn a_link_makes_one_connection_of_its_owner_and_no_second_one() {
    let host = Host::with_piece().await;
    let (id, url) = open_link(&host, "text", "mine", json!({"origin": ORIGIN, "metadata": {"a": 1}})).await;
    let page = look(&host, &url).await;
    assert_eq!(page.status, 200, "{}", page.text);
    for words in ["Text Tools", "The main &#60;one&#62;", &host.claims.user_id.to_string(), "type=\"password\""] {
        assert!(page.text.contains(words), "{words}: {}", page.text);
    }
    // Nothing but the page that was named may have it in a frame, and no script runs but its own.
    let policy = page.header("content-security-policy");
    assert!(policy.contains(&format!("frame-ancestors {ORIGIN}")) && policy.contains("script-src 'nonce-"), "{policy}");
    assert_eq!((page.header("x-frame-options"), page.header("referrer-policy")), ("", "no-referrer"));
    assert!(page.header("access-control-allow-origin").is_empty());

    let page = enter(&host, &url, &[("auth", "0"), ("secret_text", "")]).await;
    assert_eq!(page.status, 422);
    assert!(page.text.contains("aria-invalid=\"true\"") && page.text.contains("role=\"alert\""), "{}", page.text);
    assert_eq!(connections(&host).await, []);
    let state = host.get(&format!("{SESSIONS}/{id}")).await;
    assert_eq!((&state.body["status"], &state.body["connectionId"]), (&json!("OPEN"), &Value::Null));

    let page = enter(&host, &url, &[("auth", "0"), ("secret_text", "a-canary")]).await;
    assert_eq!((page.status, page.header("location")), (303, url.as_str()), "{}", page.text);
    assert_eq!(connections(&host).await, [("mine".to_owned(), "The main <one>".to_owned())]);
    assert_eq!(host.decrypted("mine", "").await.body["value"]["secret_text"], "a-canary");
    let state = host.get(&format!("{SESSIONS}/{id}")).await;
    assert_eq!(state.body["status"], "DONE");

    let page = look(&host, &url).await;
    let made = state.body["connectionId"].as_str().unwrap();
    assert!(page.text.contains("leno:connected") && page.text.contains(made) && page.text.contains(ORIGIN));
    assert!(!page.text.contains("a-canary"));
    let page = enter(&host, &url, &[("auth", "0"), ("secret_text", "another")]).await;
    assert_eq!(page.status, 404, "{}", page.text);
    assert_eq!(host.decrypted("mine", "").await.body["value"]["secret_text"], "a-canary");
}

#[tokio::test]
async fn of_many_who_use_a_link_at_once_one_makes_the_connection() {
    let host = Host::with_piece().await;
    let (_, url) = open_link(&host, "text", "mine", json!({})).await;
    let values: Vec<String> = (0..10).map(|number| format!("value-{number}")).collect();
    let entered = values.iter().map(|value| async {
        let fields = [("auth", "0"), ("secret_text", value.as_str())];
        enter(&host, &url, &fields).await.status
    });
    let statuses = futures_util::future::join_all(entered).await;
    assert!(statuses.iter().all(|status| matches!(status, 303 | 404)), "{statuses:?}");
    let kept = host.decrypted("mine", "").await.body["value"]["secret_text"].clone();
    assert!(values.iter().any(|value| kept == *value));
    let audit = host.operate("GET", "/api/admin/audit?event=connect_session.used", None, Body::empty()).await;
    assert_eq!(audit.body["data"].as_array().unwrap().len(), 1, "{}", audit.text);
}

#[tokio::test]
async fn a_link_is_good_for_so_many_attempts_and_until_its_owner_closes_it() {
    let host = Host::with_piece().await;
    let (id, url) = open_link(&host, "text", "mine", json!({})).await;
    for attempt in 0..20 {
        assert_eq!(enter(&host, &url, &[("secret_text", "")]).await.status, 422, "{attempt}");
    }
    let page = enter(&host, &url, &[("secret_text", "right")]).await;
    assert!(page.status == 404 && page.text.contains("Too many credentials"), "{}", page.text);
    assert_eq!(host.get(&format!("{SESSIONS}/{id}")).await.body["status"], "EXHAUSTED");

    let (id, url) = open_link(&host, "text", "mine", json!({})).await;
    // Neither another user nor the id opens or closes it.
    let other =
        host.identity.mint(&Subject { user_id: Uuid::new_v4(), ..host.claims.clone() }, Duration::from_secs(60));
    let path = format!("{SESSIONS}/{id}");
    for method in ["GET", "DELETE"] {
        host.call(method, &path, &other, None).await.refused(404, "session_not_found");
    }
    assert_eq!(look(&host, &format!("/connect/{id}")).await.status, 404);
    assert_eq!(host.call("DELETE", &path, &host.token, None).await.status, 204);
    let page = look(&host, &url).await;
    assert!(page.status == 404 && page.text.contains("This link has ended"), "{}", page.text);
    assert_eq!(connections(&host).await, []);
}

#[tokio::test]
async fn only_the_operators_processes_make_links_for_others_and_only_allowed_origins_are_told() {
    let host = Host::with_piece().await;
    let ask = |more: Value| {
        let mut body = json!({"pieceName": "text", "externalId": "mine"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for origin in ["https://evil.test", "*", "null", "https://app.gauzy.co/", "https://app.gauzy.co.evil.test", ""] {
        let refused = host.json(SESSIONS, &ask(json!({"origin": origin}))).await.refused(400, "invalid_request");
        assert_eq!(refused.paths(), ["/origin"], "{origin}");
    }
    let refused = host.json(SESSIONS, &ask(json!({"ownerId": Uuid::new_v4()}))).await.refused(400, "invalid_request");
    assert_eq!(refused.paths(), ["/ownerId"]);
    let reader = Subject { permissions: vec!["INTEGRATION_VIEW".into()], ..host.claims.clone() };
    let reader = host.identity.mint(&reader, Duration::from_secs(60));
    host.call("POST", SESSIONS, &reader, Some(ask(json!({})))).await.refused(403, "permission_required");

    let (tenant, owner) = (host.claims.tenant_id.to_string(), Uuid::new_v4().to_string());
    let internal = async |body: Value| {
        let request = request("POST", SESSIONS).header("x-internal-token", INTERNAL);
        host.send(request.header("content-type", "application/json").body(body.to_string().into()).unwrap()).await
    };
    assert_eq!(internal(ask(json!({}))).await.refused(400, "invalid_request").paths(), ["/ownerId"]);
    let opened = internal(ask(json!({"tenantId": tenant, "ownerId": owner}))).await;
    assert_eq!(opened.status, 201, "{}", opened.text);
    let url = opened.body["url"].as_str().unwrap();
    assert!(look(&host, url).await.text.contains(&owner));
    assert_eq!(enter(&host, url, &[("secret_text", "s")]).await.status, 303);
    let theirs = host
        .identity
        .mint(&Subject { user_id: owner.parse().unwrap(), ..host.claims.clone() }, Duration::from_secs(60));
    assert_eq!(host.call("GET", LIST, &theirs, None).await.body["data"][0]["externalId"], "mine");
    assert_eq!(connections(&host).await, []);
}

#[tokio::test]
async fn a_sign_in_by_a_link_goes_to_the_provider_and_back_to_the_link() {
    let (host, provider) = (sign_in::host().await, Provider::start().await);
    serve(&host, &provider, "one", None).await;
    let fields = json!({"client_id": "client", "client_secret": "a-canary"});
    let (id, url) = open_link(&host, "one", "mine", json!({"fields": fields, "origin": ORIGIN})).await;
    let page = look(&host, &url).await;
    assert!(!page.text.contains("client_id") && !page.text.contains("a-canary"), "{}", page.text);
    let begin = async || {
        let page = enter(&host, &format!("{url}/sign-in"), &[("auth", "0")]).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let cookie = page.header("set-cookie").split(';').next().unwrap().to_owned();
        let target = page.text.split("0;url=").nth(1).unwrap().split('"').next().unwrap().replace("&#38;", "&");
        let state =
            url::Url::parse(&target).unwrap().query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        (cookie, state)
    };
    let back = async |cookie: &str, query: &str| {
        let path = format!("/api/app-connections/oauth2/callback/one?{query}");
        fetch(&host, request("GET", &path).header("cookie", cookie).body(Body::empty()).unwrap()).await
    };
    let (cookie, state) = begin().await;
    let page = back(&cookie, &format!("state={state}&error=access_denied&error_description=No+thanks")).await;
    assert_eq!((page.status, page.header("location")), (303, url.as_str()));
    let page = look(&host, &url).await;
    assert!(page.text.contains("No thanks") && page.text.contains("role=\"alert\""), "{}", page.text);

    // Two windows of one link: the second finds it used, and its code is not spent.
    let (first, second) = (begin().await, begin().await);
    for (cookie, state) in [&first, &second] {
        let page = back(cookie, &format!("state={state}&code=a-code")).await;
        assert_eq!((page.status, page.header("location")), (303, url.as_str()), "{}", page.text);
    }
    assert_eq!(provider.asked(), 1);
    let page = look(&host, &url).await;
    assert!(page.text.contains("is connected") && page.text.contains("leno:connected"), "{}", page.text);
    assert_eq!(host.get(&format!("{SESSIONS}/{id}")).await.body["status"], "DONE");
    assert_eq!(host.decrypted("mine", "").await.body["value"]["access_token"], "at");
}

#[tokio::test]
async fn a_form_has_every_kind_of_field_and_what_is_entered_becomes_what_the_piece_declares() {
    let host = Host::empty().await;
    let mut piece = leno_testkit::craft::document("forms", "1.0.0");
    let field = |kind: &str, more: Value| {
        let mut field = json!({"type": kind, "displayName": kind, "required": false});
        field.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        field
    };
    let options = json!({"options": {"options": [{"label": "Red", "value": {"r": 1}}, {"label": "Blue", "value": 2}]}});
    piece["auth"] = json!([
        {"type": "BASIC_AUTH", "displayName": "Password", "required": true},
        {"type": "CUSTOM_AUTH", "displayName": "Own", "required": true, "hosts": ["{{connection.host}}"],
         "inject": {"headers": {"x-key": "{{connection.key}}"}}, "props": {
            "key": field("SECRET_TEXT", json!({"required": true})), "host": field("SHORT_TEXT", json!({"required": true})),
            "count": field("NUMBER", json!({})), "on": field("CHECKBOX", json!({})), "off": field("CHECKBOX", json!({})),
            "color": field("STATIC_DROPDOWN", options.clone()), "colors": field("STATIC_MULTI_SELECT_DROPDOWN", options),
            "note": field("MARKDOWN", json!({"description": "Read <this>"})),
            "empty": field("LONG_TEXT", json!({})),
        }},
    ]);
    piece["egress"] = json!({"hosts": ["{{connection.host}}"]});
    let component = leno_testkit::craft::Core::new(&piece.to_string()).component();
    let uploaded = host.operate("POST", "/api/admin/pieces", Some("application/wasm"), component).await;
    assert_eq!(uploaded.status, 201, "{}", uploaded.text);
    let fixed = json!({"fields": {"host": "api.example.com"}});
    let (_, url) = open_link(&host, "forms", "mine", fixed).await;
    let page = look(&host, &url).await;
    assert!(page.text.contains("name=\"username\"") && page.text.contains("?auth=1"), "{}", page.text);
    let page = look(&host, &format!("{url}?auth=1")).await;
    for words in ["name=\"props.key\"", "type=\"password\"", "Read &#60;this&#62;", "<legend>", "<select", "<textarea"]
    {
        assert!(page.text.contains(words), "{words}: {}", page.text);
    }
    assert!(!page.text.contains("props.host"), "{}", page.text);

    let bad = [("auth", "1"), ("props.key", "a-canary"), ("props.count", "many"), ("props.color", "7")];
    let page = enter(&host, &url, &bad).await;
    assert_eq!(page.status, 422, "{}", page.text);
    assert!(page.text.contains("is not one of the choices"), "{}", page.text);
    // What was entered is kept, but for secrets.
    assert!(page.text.contains("value=\"many\"") && !page.text.contains("a-canary"), "{}", page.text);
    let good = [
        ("auth", "1"),
        ("props.key", "a-canary"),
        ("props.count", "12345678901234567890"),
        ("props.on", "true"),
        ("props.color", "0"),
        ("props.colors", "0"),
        ("props.colors", "1"),
        ("props.empty", ""),
        // Filled in already: not to be changed by whoever has the link.
        ("props.host", "evil.test"),
    ];
    let page = enter(&host, &url, &good).await;
    assert_eq!(page.status, 303, "{}", page.text);
    let props = json!({
        "key": "a-canary", "host": "api.example.com", "count": 12345678901234567890_u64, "on": true, "off": false,
        "color": {"r": 1}, "colors": [{"r": 1}, 2]
    });
    assert_eq!(host.decrypted("mine", "").await.body["value"]["props"], props);
}
