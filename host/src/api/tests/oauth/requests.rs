//! Authorization requests.

use super::*;

#[tokio::test]
async fn a_request_whose_client_or_redirect_uri_is_wrong_goes_nowhere() {
    let host = Host::empty().await;
    let ask = |pairs: Vec<(&'static str, String)>| {
        let host = &host;
        async move {
            let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
            host.authorize(&pairs).await
        }
    };
    let with = |client: &str, uri: &str| {
        vec![("client_id", client.to_owned()), ("redirect_uri", uri.to_owned()), ("response_type", "code".to_owned())]
    };
    let unknown = ask(with("nobody", CALLBACK)).await;
    unknown.told(400, "invalid_request");
    ask(with(&"x".repeat(10_000), CALLBACK)).await.told(400, "invalid_request");
    for uri in [
        "https://evil.example.com/",
        "https://cloud.activepieces.com/redirect/",
        "https://CLOUD.activepieces.com/redirect",
        "https://cloud.activepieces.com/redirect?x=1",
        "https://cloud.activepieces.com/redirect/../redirect",
        "https://cloud.activepieces.com:443/redirect",
        "https://u@cloud.activepieces.com/redirect",
        "https://cloud.activepieces.com.evil/redirect",
        "https://cloud.activepieces.com/redirect#f",
        "http://cloud.activepieces.com/redirect",
        "https:\\\\cloud.activepieces.com\\redirect",
        "https://cloud.activepieces.com/redirect\n",
        "javascript:alert(1)",
        "",
    ] {
        ask(with(CLIENT, uri)).await.told(400, "invalid_request");
    }
    for twice in ["client_id", "redirect_uri"] {
        let mut pairs = with(CLIENT, CALLBACK);
        pairs.push((twice, CALLBACK.to_owned()));
        ask(pairs).await.told(400, "invalid_request");
    }
    // A client that is switched off looks like one that there is not.
    let (id, _) = host.client(json!({"name": "C", "redirectUris": [CALLBACK]})).await;
    let admin = Subject { permissions: vec!["OAUTH_CLIENT_EDIT".into()], ..host.claims.clone() };
    let admin = host.identity.mint(&admin, Duration::from_secs(60));
    let request =
        request("PATCH", &format!("/api/oauth-clients/{id}")).header("authorization", format!("Bearer {admin}"));
    let request = request.header("content-type", "application/json").body(r#"{"isActive":false}"#.into()).unwrap();
    assert_eq!(host.send(request).await.status, 200);
    assert_eq!(ask(with(&id, CALLBACK)).await.body, unknown.body);
}

#[tokio::test]
async fn every_other_fault_is_told_to_the_client() {
    let host = Host::empty().await;
    let base = [("client_id", CLIENT), ("redirect_uri", OTHER), ("state", "s t")];
    let challenge = challenge();
    let long = "x".repeat(60_000);
    for (more, error) in [
        (vec![("response_type", "token")], "unsupported_response_type"),
        (vec![("response_type", "id_token")], "unsupported_response_type"),
        (vec![], "invalid_request"),
        (vec![("response_type", "code"), ("response_type", "code")], "invalid_request"),
        (
            vec![("response_type", "code"), ("code_challenge", &challenge), ("code_challenge", &challenge)],
            "invalid_request",
        ),
        (vec![("response_type", "code"), ("code_challenge", &challenge)], "invalid_request"),
        (
            vec![("response_type", "code"), ("code_challenge", &challenge), ("code_challenge_method", "plain")],
            "invalid_request",
        ),
        (
            vec![("response_type", "code"), ("code_challenge", "short"), ("code_challenge_method", "S256")],
            "invalid_request",
        ),
        (vec![("response_type", "code"), ("scope", "a\"b")], "invalid_scope"),
        (vec![("response_type", "code"), ("resource", "https://other.example.com")], "invalid_target"),
    ] {
        let mut pairs = base.to_vec();
        pairs.extend(more.iter().map(|(name, value)| (*name, &**value)));
        let answer = host.authorize(&pairs).await;
        assert_eq!(answer.status, 302, "{more:?}: {}", answer.text);
        let to = answer.location();
        assert!(to.starts_with("https://app.example.com/cb?x=1&"), "{to}");
        assert_eq!(parameter(to, "error").as_deref(), Some(error), "{more:?}");
        assert_eq!((parameter(to, "state").as_deref(), parameter(to, "iss").as_deref()), (Some("s t"), Some(ISSUER)));
        assert_eq!(parameter(to, "x").as_deref(), Some("1"));
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
    // Two states are neither's.
    let answer = host.authorize(&[&base[..], &[("state", "b"), ("response_type", "code")]].concat()).await;
    assert_eq!(
        (parameter(answer.location(), "error").as_deref(), parameter(answer.location(), "state")),
        (Some("invalid_request"), None)
    );
    let answer = host
        .authorize(&[("client_id", CLIENT), ("redirect_uri", CALLBACK), ("response_type", "code"), ("state", &long)])
        .await;
    assert_eq!((answer.status, parameter(answer.location(), "error").as_deref()), (302, Some("invalid_request")));
    // An empty parameter is none, and an unknown one is passed over.
    let id = host
        .begin(&[("state", ""), ("scope", ""), ("foo", "bar"), ("access_type", "offline"), ("prompt", "consent")])
        .await;
    let approved = host.approve(&id).await;
    assert_eq!(parameter(approved.body["redirect_url"].as_str().unwrap(), "state"), None);
}
