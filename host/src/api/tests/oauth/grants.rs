//! What users allowed, and how it ends.

use super::*;

#[tokio::test]
async fn a_refresh_token_is_good_once_and_a_thief_and_the_robbed_both_lose_it() {
    let host = Host::empty().await;
    let first = host.redeem(&host.code(&[("scope", "integrations:read tasks:read")]).await).await;
    let one = first.body["refresh_token"].as_str().unwrap().to_owned();
    let narrowed = [("grant_type", "refresh_token"), ("refresh_token", one.as_str()), ("scope", "tasks:read")];
    let wide =
        [("grant_type", "refresh_token"), ("refresh_token", one.as_str()), ("scope", "tasks:read invoices:read")];
    host.token(&wide).await.told(400, "invalid_scope");
    let second = host.token(&narrowed).await;
    assert_eq!((second.status, &second.body["scope"]), (200, &json!("tasks:read")), "{}", second.text);
    let two = second.body["refresh_token"].as_str().unwrap().to_owned();
    let third = host.refresh(&two).await;
    assert_eq!((third.status, &third.body["scope"]), (200, &json!("integrations:read tasks:read")));
    assert_eq!(host.opens(&third.body["access_token"]).await, 200);
    host.refresh(&one).await.told(400, "invalid_grant");
    host.refresh(third.body["refresh_token"].as_str().unwrap()).await.told(400, "invalid_grant");
    for answer in [&first, &second, &third] {
        assert_eq!(host.opens(&answer.body["access_token"]).await, 401);
    }
    // Another client's is none.
    let (other, secret) = host.client(json!({"name": "B", "redirectUris": [CALLBACK]})).await;
    let mine = host.redeem(&host.code(&[]).await).await;
    let token = mine.body["refresh_token"].as_str().unwrap();
    let theirs = [
        ("client_id", other.as_str()),
        ("client_secret", &secret),
        ("grant_type", "refresh_token"),
        ("refresh_token", token),
    ];
    host.token_as(&[], &theirs).await.told(400, "invalid_grant");
    // Twenty at once: one wins, and then it is over.
    let answers = futures_util::future::join_all((0..20).map(|_| host.refresh(token))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    let winner = answers.iter().find(|answer| answer.status == 200).unwrap();
    host.refresh(winner.body["refresh_token"].as_str().unwrap()).await.told(400, "invalid_grant");
}

#[tokio::test]
async fn a_token_can_be_revoked_and_explained_by_its_own_client_only() {
    let host = Host::empty().await;
    let (other, secret) = host.client(json!({"name": "B", "redirectUris": [CALLBACK]})).await;
    let ask = |at: &'static str, client: String, secret: String, token: Value, hint: &'static str| {
        let host = &host;
        async move {
            let token = token.as_str().unwrap_or("unknown").to_owned();
            let pairs = [
                ("client_id", client.as_str()),
                ("client_secret", &secret),
                ("token", &token),
                ("token_type_hint", hint),
            ];
            let headers = [("content-type", "application/x-www-form-urlencoded")];
            host.raw("POST", &format!("{AT}/{at}"), &headers, form(&pairs)).await
        }
    };
    let mine = |at, token: &Value, hint| ask(at, CLIENT.into(), SECRET.into(), token.clone(), hint);
    let theirs = |at, token: &Value| ask(at, other.clone(), secret.clone(), token.clone(), "");
    for kind in ["access_token", "refresh_token"] {
        let got = host.redeem(&host.code(&[("scope", "integrations:read"), ("resource", ISSUER)]).await).await.body;
        let active = mine("introspect", &got["access_token"], "").await;
        assert_eq!(
            (&active.body["active"], &active.body["scope"], &active.body["aud"]),
            (&json!(true), &json!("integrations:read"), &json!(ISSUER)),
            "{}",
            active.text
        );
        assert_eq!(mine("introspect", &got["refresh_token"], "").await.body["active"], true);
        for token in [&got["access_token"], &got["refresh_token"]] {
            assert_eq!(theirs("introspect", token).await.body, json!({"active": false}));
            let answer = theirs("revoke", token).await;
            assert_eq!((answer.status, answer.body), (200, json!({})));
        }
        assert_eq!(host.opens(&got["access_token"]).await, 200);
        assert_eq!(mine("revoke", &Value::Null, "").await.status, 200);
        // With a hint that is wrong.
        let hint = if kind == "access_token" { "refresh_token" } else { "access_token" };
        assert_eq!(mine("revoke", &got[kind], hint).await.status, 200);
        assert_eq!(host.opens(&got["access_token"]).await, 401);
        assert_eq!(mine("introspect", &got["access_token"], "").await.body, json!({"active": false}));
        assert_eq!(mine("introspect", &got["refresh_token"], "").await.body, json!({"active": false}));
        host.refresh(got["refresh_token"].as_str().unwrap()).await.told(400, "invalid_grant");
    }
    ask("introspect", CLIENT.into(), "wrong".into(), json!("x"), "").await.told(401, "invalid_client");
    assert_eq!(mine("introspect", &json!(host.token.clone()), "").await.body, json!({"active": false}));
}

#[tokio::test]
async fn a_user_sees_and_takes_back_what_they_allowed() {
    let host = Host::empty().await;
    let got = host.redeem(&host.code(&[("scope", "integrations:read")]).await).await.body;
    let listed = host.get("/api/oauth-grants").await;
    assert_eq!(listed.body[0]["clientName"], "Activepieces");
    assert_eq!(listed.body[0]["scope"], "integrations:read");
    let id = listed.body[0]["id"].as_str().unwrap().to_owned();
    let stranger = Subject { user_id: Uuid::new_v4(), ..host.claims.clone() };
    let stranger = host.identity.mint(&stranger, Duration::from_secs(60));
    let remove = |token: String| {
        request("DELETE", &format!("/api/oauth-grants/{id}")).header("authorization", format!("Bearer {token}"))
    };
    host.send(remove(stranger).body(Body::empty()).unwrap()).await.refused(404, "grant_not_found");
    assert_eq!(host.opens(&got["access_token"]).await, 200);
    assert_eq!(host.send(remove(host.token.clone()).body(Body::empty()).unwrap()).await.status, 204);
    assert_eq!(host.opens(&got["access_token"]).await, 401);
    assert_eq!(host.get("/api/oauth-grants").await.body, json!([]));
}

#[tokio::test]
async fn a_token_for_another_resource_or_from_another_issuer_is_refused() {
    let host = Host::empty().await;
    let key = jsonwebtoken::EncodingKey::from_secret(b"a-secret-that-is-long-enough-for-hs256");
    let now = leno_base::milliseconds(&SystemClock) / 1000;
    let claims = |more: Value| {
        let mut claims = json!({
            "id": host.claims.user_id, "tenantId": host.claims.tenant_id, "tokenType": "ACCESS_TOKEN_TYPE",
            "permissions": ["INTEGRATION_VIEW"], "iat": now, "exp": now + 60,
        });
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!(jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap())
    };
    for good in [
        json!({}),
        json!({"aud": ISSUER}),
        json!({"aud": ["x", format!("{ISSUER}/")]}),
        json!({"iss": ISSUER}),
        json!({"exp": now - 29}),
    ] {
        assert_eq!(host.opens(&claims(good.clone())).await, 200, "{good}");
    }
    for bad in [
        json!({"aud": "https://other.example.com"}),
        json!({"aud": [format!("{ISSUER}/mcp")]}),
        json!({"aud": []}),
        json!({"iss": "https://other.example.com"}),
        json!({"exp": now - 31}),
        json!({"nbf": now + 60}),
        json!({"scope": "", "clientId": "c", "grantId": "g", "exp": now - 31}),
    ] {
        assert_eq!(host.opens(&claims(bad.clone())).await, 401, "{bad}");
    }
    let got = host.redeem(&host.code(&[("resource", &format!("{ISSUER}/"))]).await).await.body;
    assert_eq!(host.opens(&got["access_token"]).await, 200);
}
