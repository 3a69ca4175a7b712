//! The token endpoint, how clients prove themselves there, and metadata.

use super::*;

#[tokio::test]
async fn a_client_proves_itself_in_one_way_and_nobody_learns_whether_there_is_one() {
    let host = Host::empty().await;
    let basic = |id: &str, secret: &str| format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    for header in [basic(CLIENT, SECRET), basic(CLIENT, &encode(SECRET))] {
        let code = host.code(&[]).await;
        let pairs = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", CALLBACK)];
        let answer = host.token_as(&[("authorization", &header)], &pairs).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    let grant = [("grant_type", "authorization_code"), ("code", "v1.x.y"), ("redirect_uri", CALLBACK)];
    let good = basic(CLIENT, SECRET);
    let both = [&grant[..], &[("client_secret", SECRET)]].concat();
    host.token_as(&[("authorization", &good)], &both).await.told(400, "invalid_request");
    let another = [&grant[..], &[("client_id", "another")]].concat();
    host.token_as(&[("authorization", &good)], &another).await.told(400, "invalid_request");
    for header in [basic(CLIENT, "wrong"), basic("nobody", "wrong"), "Basic !".into(), "Bearer x".into()] {
        let answer = host.token_as(&[("authorization", &header)], &grant).await;
        answer.told(401, "invalid_client");
        assert!(answer.headers["www-authenticate"].to_str().unwrap().starts_with("Basic"));
    }
    let wrong = host.token_as(&[], &[&grant[..], &[("client_id", CLIENT), ("client_secret", "wrong")]].concat()).await;
    let nobody =
        host.token_as(&[], &[&grant[..], &[("client_id", "nobody"), ("client_secret", "wrong")]].concat()).await;
    let none = host.token_as(&[], &[&grant[..], &[("client_id", CLIENT)]].concat()).await;
    for answer in [&wrong, &nobody, &none] {
        answer.told(401, "invalid_client");
        assert_eq!(answer.body, wrong.body);
    }
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let path = format!("{AT}/token?client_secret=canary");
    host.raw("POST", &path, &headers, form(&grant)).await.told(400, "invalid_request");
}

#[tokio::test]
async fn the_token_endpoint_takes_forms_by_post_and_these_grants() {
    let host = Host::empty().await;
    for method in ["GET", "PUT", "DELETE"] {
        let answer = host.raw(method, &format!("{AT}/token"), &[], "").await;
        answer.told(405, "invalid_request");
        assert_eq!(answer.headers["allow"], "POST");
    }
    let json = json!({"client_id": CLIENT, "client_secret": SECRET, "grant_type": "authorization_code"}).to_string();
    for kind in ["application/json", "text/plain", ""] {
        let headers: Vec<(&str, &str)> =
            Some(("content-type", kind)).filter(|_| !kind.is_empty()).into_iter().collect();
        host.raw("POST", &format!("{AT}/token"), &headers, json.clone()).await.told(400, "invalid_request");
    }
    let code = host.code(&[]).await;
    let pairs = [
        ("client_id", CLIENT),
        ("client_secret", SECRET),
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", CALLBACK),
    ];
    // At the path of Gauzy's documents, and with a charset.
    let headers = [("content-type", "application/x-www-form-urlencoded; charset=UTF-8")];
    assert_eq!(host.raw("POST", "/token", &headers, form(&pairs)).await.status, 200);
    for grant in ["password", "client_credentials", "urn:ietf:params:oauth:grant-type:device_code"] {
        host.token(&[("grant_type", grant)]).await.told(400, "unsupported_grant_type");
    }
    host.token(&[]).await.told(400, "invalid_request");
    host.token(&[("grant_type", "refresh_token"), ("grant_type", "refresh_token")]).await.told(400, "invalid_request");
    let (id, secret) = host
        .client(json!({"name": "C", "redirectUris": [CALLBACK], "allowedGrantTypes": ["authorization_code"]}))
        .await;
    let pairs = [
        ("client_id", id.as_str()),
        ("client_secret", &secret),
        ("grant_type", "refresh_token"),
        ("refresh_token", "x"),
    ];
    host.token_as(&[], &pairs).await.told(400, "unauthorized_client");
    let long = "x".repeat(1 << 20);
    let answer = host.redeem(&long).await;
    assert_eq!(answer.status, 413, "{}", answer.text);
}

#[tokio::test]
async fn the_metadata_is_that_of_the_settings_whatever_a_request_says() {
    let host = Host::empty().await;
    let spoofed = [
        ("host", "evil.example.com"),
        ("x-forwarded-host", "evil.example.com"),
        ("forwarded", "host=evil.example.com"),
    ];
    let answer = host.raw("GET", "/.well-known/oauth-authorization-server", &spoofed, "").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.body["issuer"], ISSUER);
    assert_eq!(answer.body["token_endpoint"], format!("{ISSUER}{AT}/token"));
    assert_eq!(answer.body["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(answer.body["authorization_response_iss_parameter_supported"], true);
    assert!(!answer.text.contains("evil"));
    let answer = host.raw("GET", "/.well-known/oauth-protected-resource", &spoofed, "").await;
    assert_eq!((&answer.body["resource"], &answer.body["authorization_servers"]), (&json!(ISSUER), &json!([ISSUER])));
    host.raw("GET", "/.well-known/oauth-authorization-server/other", &[], "").await.told(404, "invalid_request");
    // No other site reads what a user's browser gets here (RFC 9700, section 2.6).
    let answer = host.raw("OPTIONS", &format!("{AT}/authorize"), &[("origin", "https://evil.example.com")], "").await;
    assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control")));
}

#[tokio::test]
async fn an_unknown_client_takes_as_long_as_a_wrong_secret() {
    let host = Host::empty().await;
    let (known, _) = host.client(json!({"name": "B", "redirectUris": [CALLBACK]})).await;
    let mut quickest = [Duration::MAX; 2];
    for _ in 0..4 {
        for (id, quickest) in [known.as_str(), "nobody"].iter().zip(&mut quickest) {
            let begun = std::time::Instant::now();
            let pairs = [
                ("client_id", *id),
                ("client_secret", "wrong"),
                ("grant_type", "refresh_token"),
                ("refresh_token", "x"),
            ];
            host.token_as(&[], &pairs).await.told(401, "invalid_client");
            *quickest = begun.elapsed().min(*quickest);
        }
    }
    let [wrong, unknown] = quickest;
    // A check of a secret takes tens of milliseconds: without one it is a hundredth.
    assert!(wrong < unknown * 3 && unknown < wrong * 3, "{wrong:?} and {unknown:?}");
}

#[tokio::test]
async fn who_guesses_is_slowed_down() {
    let host = Host::empty().await;
    let guess = |secret: String| {
        let host = &host;
        async move {
            host.token_as(
                &[],
                &[
                    ("client_id", CLIENT),
                    ("client_secret", &secret),
                    ("grant_type", "refresh_token"),
                    ("refresh_token", "x"),
                ],
            )
            .await
        }
    };
    let answers = futures_util::future::join_all((0..60).map(|number| guess(number.to_string()))).await;
    let slowed: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert!(slowed.len() > 20, "{}", slowed.len());
    for answer in slowed {
        answer.told(429, "temporarily_unavailable");
        assert!(answer.headers.contains_key("retry-after"));
    }
    // Not the client that they guess at.
    assert_eq!(guess(SECRET.into()).await.status, 400);
}
