//! Codes, and what binds them.

use super::*;

#[tokio::test]
async fn a_code_is_good_once_and_a_second_time_ends_what_it_gave() {
    let host = Host::empty().await;
    let code = host.code(&[]).await;
    let first = host.redeem(&code).await;
    assert_eq!(first.status, 200, "{}", first.text);
    assert_eq!(host.opens(&first.body["access_token"]).await, 200);
    host.redeem(&code).await.told(400, "invalid_grant");
    assert_eq!(host.opens(&first.body["access_token"]).await, 401);
    host.refresh(first.body["refresh_token"].as_str().unwrap()).await.told(400, "invalid_grant");
    let events = leno_db::audit_events(&host.db, CLIENT).await.unwrap();
    assert!(events.iter().any(|(_, event)| event == "oauth.code_replayed"), "{events:?}");
}

#[tokio::test]
async fn fifty_redemptions_at_once_have_one_winner() {
    for _ in 0..5 {
        // One of its own for each code: a quick machine sends more than one address may in a second.
        let host = Host::empty().await;
        let code = host.code(&[]).await;
        let answers = futures_util::future::join_all((0..50).map(|_| host.redeem(&code))).await;
        let mut won = 0;
        for answer in answers {
            match answer.status {
                200 => won += 1,
                _ => drop(answer.told(400, "invalid_grant")),
            }
        }
        assert_eq!(won, 1);
    }
}

#[tokio::test]
async fn no_two_codes_share_their_256_random_bits() {
    let host = Host::empty().await;
    let mut seen = std::collections::HashSet::new();
    for _ in 0..20 {
        let code = host.code(&[]).await;
        let payload = URL_SAFE_NO_PAD.decode(code.split('.').nth(1).unwrap()).unwrap();
        let payload: Value = serde_json::from_slice(&payload).unwrap();
        let bits = URL_SAFE_NO_PAD.decode(payload["jti"].as_str().unwrap()).unwrap();
        assert_eq!(bits.len(), 32);
        assert!(seen.insert(bits));
    }
}

#[tokio::test]
async fn a_client_that_is_switched_off_after_it_got_a_code_gets_no_token() {
    let host = Host::empty().await;
    let (id, secret) = host.client(json!({"name": "B", "redirectUris": [CALLBACK]})).await;
    let begun = host.authorize(&[("client_id", &id), ("redirect_uri", CALLBACK), ("response_type", "code")]).await;
    let request_id = parameter(begun.location(), "request_id").unwrap();
    let approved = host.approve(&request_id).await;
    let code = parameter(approved.body["redirect_url"].as_str().unwrap(), "code").unwrap();
    let permissions = vec!["OAUTH_CLIENT_EDIT".into()];
    let admin = host.identity.mint(&Subject { permissions, ..host.claims.clone() }, Duration::from_secs(60));
    let path = format!("/api/oauth-clients/{id}");
    assert_eq!(host.call("PATCH", &path, &admin, Some(json!({"isActive": false}))).await.status, 200);
    let pairs = [
        ("client_id", id.as_str()),
        ("client_secret", &secret),
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", CALLBACK),
    ];
    host.token_as(&[], &pairs).await.told(401, "invalid_client");
    assert_eq!(host.call("PATCH", &path, &admin, Some(json!({"isActive": true}))).await.status, 200);
    assert_eq!(host.token_as(&[], &pairs).await.status, 200);
}

#[tokio::test]
async fn a_code_that_does_not_fit_is_not_spent_until_it_was_guessed_with_five_times() {
    let host = Host::empty().await;
    let (other, secret) = host.client(json!({"name": "B", "redirectUris": [CALLBACK]})).await;
    let grant = |code: &str, uri: &str| {
        [("grant_type", "authorization_code".to_owned()), ("code", code.to_owned()), ("redirect_uri", uri.to_owned())]
    };
    let code = host.code(&[]).await;
    // Another client with a secret of its own.
    let theirs = grant(&code, CALLBACK);
    let mut pairs: Vec<(&str, &str)> = theirs.iter().map(|(name, value)| (*name, value.as_str())).collect();
    pairs.extend([("client_id", other.as_str()), ("client_secret", secret.as_str())]);
    host.token_as(&[], &pairs).await.told(400, "invalid_grant");
    let wrong = grant(&code, OTHER);
    let wrong: Vec<(&str, &str)> = wrong.iter().map(|(name, value)| (*name, value.as_str())).collect();
    for _ in 0..4 {
        host.token(&wrong).await.told(400, "invalid_grant");
    }
    host.token(&[("grant_type", "authorization_code"), ("code", &code)]).await.told(400, "invalid_request");
    assert_eq!(host.redeem(&code).await.status, 200);

    let code = host.code(&[]).await;
    let wrong = grant(&code, OTHER);
    let wrong: Vec<(&str, &str)> = wrong.iter().map(|(name, value)| (*name, value.as_str())).collect();
    for _ in 0..5 {
        host.token(&wrong).await.told(400, "invalid_grant");
    }
    host.redeem(&code).await.told(400, "invalid_grant");
    let events = leno_db::audit_events(&host.db, CLIENT).await.unwrap();
    assert!(events.iter().any(|(_, event)| event == "oauth.code_exhausted"), "{events:?}");
}

#[tokio::test]
async fn pkce_binds_a_code_to_who_asked_for_it() {
    let host = Host::empty().await;
    let challenge = challenge();
    let asked = [("code_challenge", challenge.as_str()), ("code_challenge_method", "S256")];
    let redeem = |code: String, verifier: Option<String>| {
        let host = &host;
        async move {
            let mut pairs = vec![("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", CALLBACK)];
            if let Some(verifier) = &verifier {
                pairs.push(("code_verifier", verifier));
            }
            host.token(&pairs).await
        }
    };
    assert_eq!(redeem(host.code(&asked).await, Some(VERIFIER.into())).await.status, 200);
    redeem(host.code(&asked).await, None).await.told(400, "invalid_grant");
    redeem(host.code(&asked).await, Some("x".repeat(43))).await.told(400, "invalid_grant");
    for bad in ["x".repeat(42), "x".repeat(129), format!("{}!", "x".repeat(43))] {
        redeem(host.code(&asked).await, Some(bad)).await.told(400, "invalid_request");
    }
    // Somebody took the challenge out on the way.
    redeem(host.code(&[]).await, Some(VERIFIER.into())).await.told(400, "invalid_grant");
    // A public client has nothing else.
    let public = json!({"name": "P", "redirectUris": ["http://127.0.0.1/cb"], "clientType": "public"});
    let (public, secret) = host.client(public).await;
    assert_eq!(secret, "");
    let pairs = [("client_id", public.as_str()), ("redirect_uri", "http://127.0.0.1:9/cb"), ("response_type", "code")];
    let answer = host.authorize(&pairs).await;
    assert_eq!(parameter(answer.location(), "error").as_deref(), Some("invalid_request"));
    let answer = host.authorize(&[&pairs[..], &asked[..]].concat()).await;
    let id = parameter(answer.location(), "request_id").unwrap();
    let approved = host.approve(&id).await;
    let code = parameter(approved.body["redirect_url"].as_str().unwrap(), "code").unwrap();
    let pairs = [
        ("client_id", public.as_str()),
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", "http://127.0.0.1:9/cb"),
        ("code_verifier", VERIFIER),
    ];
    let answer = host.token_as(&[], &pairs).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.body["refresh_token"].is_string());
}
