//! What users decide, over HTTP and on the page.

use super::*;

#[tokio::test]
async fn a_request_is_decided_once_by_who_looked_at_it_first() {
    let host = Host::empty().await;
    let id = host.begin(&[]).await;
    let answers = futures_util::future::join_all((0..10).map(|_| host.approve(&id))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 404)));
    let id = host.begin(&[("state", "s")]).await;
    let user = host.user();
    let path = format!("{AT}/authorize/request/{id}");
    assert_eq!(host.raw("GET", &path, &[("authorization", &user)], "").await.status, 200);
    let stranger = Subject { user_id: Uuid::new_v4(), ..host.claims.clone() };
    let stranger = format!("Bearer {}", host.identity.mint(&stranger, Duration::from_secs(60)));
    host.raw("GET", &path, &[("authorization", &stranger)], "").await.told(403, "access_denied");
    host.raw("GET", &path, &[], "").await.told(401, "invalid_request");
    // Refused, the request is gone, and the client is told.
    let headers = [("authorization", user.as_str()), ("content-type", "application/json")];
    let body = json!({"request_id": id}).to_string();
    let denied = host.raw("POST", &format!("{AT}/authorize/deny"), &headers, body).await;
    let to = denied.body["redirect_url"].as_str().unwrap();
    assert_eq!(
        (parameter(to, "error").as_deref(), parameter(to, "state").as_deref(), parameter(to, "iss").as_deref()),
        (Some("access_denied"), Some("s"), Some(ISSUER))
    );
    host.approve(&id).await.told(404, "invalid_request");
    let missing = host.raw("POST", &format!("{AT}/authorize"), &headers, "{}").await;
    missing.told(400, "invalid_request");
    assert_eq!(missing.body["message"], "Missing request_id");
    // A client of another tenant is not for this user.
    let foreign = Subject { tenant_id: Uuid::new_v4(), ..host.claims.clone() };
    let foreign = format!("Bearer {}", host.identity.mint(&foreign, Duration::from_secs(60)));
    let (client, _) = host.client(json!({"name": "C", "redirectUris": [CALLBACK]})).await;
    let answer = host.authorize(&[("client_id", &client), ("redirect_uri", CALLBACK), ("response_type", "code")]).await;
    let id = parameter(answer.location(), "request_id").unwrap();
    let headers = [("authorization", foreign.as_str()), ("content-type", "application/json")];
    let body = json!({"request_id": id}).to_string();
    host.raw("POST", &format!("{AT}/authorize"), &headers, body).await.told(400, "unauthorized_client");
}

#[tokio::test]
async fn the_page_decides_for_the_browser_that_asked_and_for_no_other_site() {
    let host = Host::empty().await;
    let pairs = [
        ("client_id", CLIENT),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("state", "s"),
        ("scope", "integrations:read"),
    ];
    let begun = host.authorize(&pairs).await;
    let (browser, id) = (begun.cookie(), parameter(begun.location(), "request_id").unwrap());
    let page = format!("/pages/auth/oauth/authorize?request_id={id}");
    let shown = host.raw("GET", &page, &[("cookie", &browser)], "").await;
    assert!(shown.status == 200 && shown.text.contains("Sign in"), "{}", shown.text);
    let form_type = ("content-type", "application/x-www-form-urlencoded");
    let entered = form(&[("token", &host.token), ("request_id", &id)]);
    let wrong =
        host.raw("POST", "/pages/auth/session", &[form_type], form(&[("token", "x"), ("request_id", &id)])).await;
    assert!(wrong.status == 401 && wrong.text.contains("role=\"alert\""), "{}", wrong.text);
    let evil = [form_type, ("origin", "https://evil.example.com")];
    assert_eq!(host.raw("POST", "/pages/auth/session", &evil, entered.clone()).await.status, 403);
    let gauzy = [form_type, ("origin", "https://app.gauzy.co"), ("sec-fetch-site", "cross-site")];
    let signed = host.raw("POST", "/pages/auth/session", &gauzy, entered.clone()).await;
    assert_eq!((signed.status, signed.location()), (303, &*format!("{ISSUER}{page}")));
    let cookies = format!("{browser}; {}", signed.cookie());
    let shown = host.raw("GET", &page, &[("cookie", &cookies)], "").await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    for words in ["Activepieces", "cloud.activepieces.com", "See your connections", &host.claims.user_id.to_string()] {
        assert!(shown.text.contains(words), "{words}: {}", shown.text);
    }
    let policy = shown.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("frame-ancestors 'none'") && policy.contains("default-src 'none'"), "{policy}");
    assert_eq!(shown.headers["x-frame-options"], "DENY");
    assert_eq!(shown.headers["referrer-policy"], "no-referrer");
    assert!(
        !shown.text.contains("http://") || shown.text.matches("http://").count() == shown.text.matches(ISSUER).count()
    );
    let csrf = shown.text.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let decide = |csrf: &str, cookies: &str, more: Vec<(&'static str, &'static str)>| {
        let body = form(&[("request_id", &id), ("csrf", csrf), ("decision", "approve")]);
        let cookies = cookies.to_owned();
        let host = &host;
        async move {
            let headers = [vec![form_type, ("cookie", &cookies)], more].concat();
            host.raw("POST", "/pages/auth/oauth/authorize", &headers, body).await
        }
    };
    assert_eq!(decide("", &cookies, vec![]).await.status, 403);
    assert_eq!(decide("x", &cookies, vec![]).await.status, 403);
    assert_eq!(decide(csrf, &cookies, vec![("origin", "https://evil.example.com")]).await.status, 403);
    assert_eq!(decide(csrf, &cookies, vec![("origin", "null")]).await.status, 403);
    assert_eq!(decide(csrf, &cookies, vec![("sec-fetch-site", "cross-site")]).await.status, 403);
    // Signed in, but in a browser that did not ask.
    let elsewhere = cookies.split("; ").nth(1).unwrap().to_owned();
    assert_eq!(decide(csrf, &elsewhere, vec![]).await.status, 403);
    let done = decide(csrf, &cookies, vec![("origin", "null"), ("sec-fetch-site", "same-origin")]).await;
    assert_eq!(done.status, 303, "{}", done.text);
    assert!(done.location().starts_with(CALLBACK) && parameter(done.location(), "code").is_some());
    let again = decide(csrf, &cookies, vec![]).await;
    assert!(again.status == 404 && again.text.contains("<h1>"), "{}", again.text);
}

#[tokio::test]
async fn what_people_read_cannot_be_markup() {
    let host = Host::empty().await;
    let name = "<script>alert(1)</script>\"'&";
    let (client, _) = host.client(json!({"name": name, "description": "<b>", "redirectUris": [CALLBACK]})).await;
    let begun = host
        .authorize(&[("client_id", &client), ("redirect_uri", CALLBACK), ("response_type", "code"), ("scope", "<i>")])
        .await;
    let (browser, id) = (begun.cookie(), parameter(begun.location(), "request_id").unwrap());
    let form_type = ("content-type", "application/x-www-form-urlencoded");
    let signed = host.raw("POST", "/pages/auth/session", &[form_type], form(&[("token", &host.token)])).await;
    let cookies = format!("{browser}; {}", signed.cookie());
    let shown =
        host.raw("GET", &format!("/pages/auth/oauth/authorize?request_id={id}"), &[("cookie", &cookies)], "").await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    for markup in ["<script", "<b>", "<i>"] {
        assert!(!shown.text.contains(markup), "{}", shown.text);
    }
}

#[tokio::test]
async fn only_a_user_with_a_token_that_holds_decides() {
    let host = Host::empty().await;
    let id = host.begin(&[]).await;
    let body = json!({"request_id": id}).to_string();
    for token in ["", "nonsense", &format!("{}x", host.token)] {
        let authorization = format!("Bearer {token}");
        let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
        for path in ["authorize", "authorize/deny"] {
            assert_eq!(host.raw("POST", &format!("{AT}/{path}"), &headers, body.clone()).await.status, 401, "{token}");
        }
    }
    // It was not ended by any of them.
    assert_eq!(host.approve(&id).await.status, 200);
}
