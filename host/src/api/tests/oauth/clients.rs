//! The registry of clients.

use super::*;

#[tokio::test]
async fn a_client_is_registered_only_with_what_is_safe_and_seen_only_by_its_tenant() {
    let host = Host::empty().await;
    let admin = |tenant: Uuid, permissions: &[&str]| {
        let permissions = permissions.iter().map(|one| (*one).to_owned()).collect();
        host.identity.mint(&Subject { tenant_id: tenant, permissions, ..host.claims.clone() }, Duration::from_secs(60))
    };
    let both = ["OAUTH_CLIENT_VIEW", "OAUTH_CLIENT_EDIT"];
    let own = admin(host.claims.tenant_id, &both);
    let send = |method: &'static str, path: String, token: String, body: Value| {
        let host = &host;
        async move {
            let request = request(method, &path).header("authorization", format!("Bearer {token}"));
            let request = request.header("content-type", "application/json");
            let body = if body.is_null() { Body::empty() } else { body.to_string().into() };
            host.send(request.body(body).unwrap()).await
        }
    };
    let at = || "/api/oauth-clients".to_owned();
    for uri in [
        "javascript:alert(1)",
        "data:text/html,x",
        "https://*.example.com/",
        "/cb",
        "https://a.test/#f",
        "http://a.test/cb",
    ] {
        let answer = send("POST", at(), own.clone(), json!({"name": "C", "redirectUris": [uri]})).await;
        assert_eq!(answer.refused(400, "invalid_request").paths(), ["/redirectUris/0"], "{uri}");
    }
    let wrong = json!({
        "name": "", "redirectUris": [], "allowedScopes": ["a b"], "accessTokenTtl": 1, "refreshTokenTtl": 99_999_999, "allowedGrantTypes": [],
    });
    let answer = send("POST", at(), own.clone(), wrong).await.refused(400, "invalid_request");
    assert_eq!(
        answer.paths(),
        ["/name", "/redirectUris", "/allowedScopes/0", "/allowedGrantTypes", "/accessTokenTtl", "/refreshTokenTtl"]
    );
    let made = send("POST", at(), own.clone(), json!({"name": "C", "redirectUris": [CALLBACK]})).await;
    assert_eq!(
        (made.status, &made.headers["cache-control"]),
        (201, &"no-store".parse::<http::HeaderValue>().unwrap()),
        "{}",
        made.text
    );
    let (id, secret) =
        (made.body["clientId"].as_str().unwrap().to_owned(), made.body["clientSecret"].as_str().unwrap().to_owned());
    assert!(id.starts_with("gauzy_") && secret.len() == 64);
    let one = || format!("/api/oauth-clients/{id}");
    let listed = send("GET", at(), own.clone(), Value::Null).await;
    assert!(listed.body["total"] == 1 && !listed.text.contains("clientSecret") && !listed.text.contains(&secret));
    for (token, status) in [
        (admin(Uuid::new_v4(), &both), 404),
        (host.token.clone(), 403),
        (admin(host.claims.tenant_id, &["OAUTH_CLIENT_EDIT"]), 403),
    ] {
        assert_eq!(send("GET", one(), token, Value::Null).await.status, status);
    }
    for (token, status) in
        [(admin(Uuid::new_v4(), &both), 404), (admin(host.claims.tenant_id, &["OAUTH_CLIENT_VIEW"]), 403)]
    {
        assert_eq!(send("DELETE", one(), token.clone(), Value::Null).await.status, status);
        assert_eq!(send("PATCH", one(), token, json!({"name": "X"})).await.status, status);
    }
    // A secret is changed without cutting anybody off, nor the codes under way.
    let code = {
        let pairs = [("client_id", id.as_str()), ("redirect_uri", CALLBACK), ("response_type", "code")];
        let request = parameter(host.authorize(&pairs).await.location(), "request_id").unwrap();
        parameter(host.approve(&request).await.body["redirect_url"].as_str().unwrap(), "code").unwrap()
    };
    let rotated = send("POST", format!("{}/rotate-secret", one()), own.clone(), Value::Null).await;
    let next = rotated.body["clientSecret"].as_str().unwrap().to_owned();
    let redeem = |secret: String, code: String| {
        let (host, id) = (&host, &id);
        async move {
            let pairs = [
                ("client_id", id.as_str()),
                ("client_secret", &secret),
                ("grant_type", "authorization_code"),
                ("code", &code),
                ("redirect_uri", CALLBACK),
            ];
            host.token_as(&[], &pairs).await
        }
    };
    redeem("wrong".into(), code.clone()).await.told(401, "invalid_client");
    let got = redeem(secret.clone(), code).await;
    assert_eq!(got.status, 200, "{}", got.text);
    redeem(next.clone(), "v1.x.y".into()).await.told(400, "invalid_grant");
    let again = send("POST", format!("{}/rotate-secret", one()), own.clone(), Value::Null).await;
    assert_eq!(again.status, 200);
    redeem(secret, "v1.x.y".into()).await.told(401, "invalid_client");
    redeem(next, "v1.x.y".into()).await.told(400, "invalid_grant");
    // Removed, its tokens are nothing.
    assert_eq!(host.opens(&got.body["access_token"]).await, 200);
    assert_eq!(send("DELETE", one(), own.clone(), Value::Null).await.status, 204);
    assert_eq!(host.opens(&got.body["access_token"]).await, 401);
    assert_eq!(send("GET", one(), own, Value::Null).await.status, 404);
    assert!(host.revocations(&id).await >= 4);
}

#[tokio::test]
async fn of_two_changes_at_once_none_is_lost_without_a_word() {
    let host = Host::empty().await;
    let (id, _) = host.client(json!({"name": "C", "redirectUris": [CALLBACK]})).await;
    let permissions = vec!["OAUTH_CLIENT_EDIT".into()];
    let admin = host.identity.mint(&Subject { permissions, ..host.claims.clone() }, Duration::from_secs(60));
    let change = async |body: Value| {
        let request =
            request("PATCH", &format!("/api/oauth-clients/{id}")).header("authorization", format!("Bearer {admin}"));
        let request = request.header("content-type", "application/json");
        host.send(request.body(body.to_string().into()).unwrap()).await
    };
    for round in 0..20 {
        let description = format!("round {round}");
        let (one, other) =
            tokio::join!(change(json!({"description": description})), change(json!({"accessTokenTtl": 100 + round})));
        let now = change(json!({})).await.body;
        for (answer, kept) in
            [(one, now["description"] == description.as_str()), (other, now["accessTokenTtl"] == 100 + round)]
        {
            assert!((answer.status == 200 && kept) || answer.status == 409, "{}: {now}", answer.text);
        }
    }
}
