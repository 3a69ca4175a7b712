//! The third parties by themselves: if one of these fails, the others' failures mean nothing.

use std::time::Duration;

use leno_testkit::oauth_client::{form, parameter};
use leno_testkit::peers::{self, Browser, CLIENT_SECRET, Fault, Provider, Setup};
use serde_json::{Value, json};

const REDIRECT: &str = "http://127.0.0.1:9/callback";
/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const SOON: Duration = Duration::from_secs(10);

async fn token(provider: &Provider, fields: &[(&str, &str)]) -> reqwest::Result<(u16, Value)> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    let request = http.post(format!("{}/token", provider.issuer())).body(form(fields));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let answer = request.basic_auth("leno", Some(CLIENT_SECRET)).send().await?;
    Ok((answer.status().as_u16(), answer.json().await?))
}

async fn signed_in(provider: &Provider) -> Value {
    let authorize = form(&[
        ("client_id", "leno"),
        ("redirect_uri", REDIRECT),
        ("response_type", "code"),
        ("scope", "openid offline_access read"),
        ("prompt", "consent"),
        ("state", "st"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]);
    let authorize = format!("{}/auth?{authorize}", provider.issuer());
    let back = Browser::new().open_until(&authorize, REDIRECT).await.unwrap();
    let code = parameter(&back, "code").unwrap();
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    let (status, tokens) = token(provider, &fields).await.unwrap();
    assert_eq!(status, 200, "{tokens}");
    tokens
}

async fn refresh(provider: &Provider, token: &Value) -> reqwest::Result<(u16, Value)> {
    let fields = [("grant_type", "refresh_token"), ("refresh_token", token.as_str().unwrap())];
    self::token(provider, &fields).await
}

#[tokio::test]
async fn the_provider_rotates_refresh_tokens_and_ends_the_grant_when_one_is_used_twice() {
    let Some(folder) = peers::folder() else { return };
    let provider = Provider::start(&folder, &Setup::new(REDIRECT).ttl(77)).await.unwrap();
    let first = signed_in(&provider).await;
    assert_eq!(first["expires_in"], 77);
    let (status, second) = refresh(&provider, &first["refresh_token"]).await.unwrap();
    assert_eq!(status, 200, "{second}");
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    assert_eq!(provider.state().await.unwrap().revoked_grants, 0);

    let (status, again) = refresh(&provider, &first["refresh_token"]).await.unwrap();
    assert_eq!((status, &again["error"]), (400, &json!("invalid_grant")));
    let (status, after) = refresh(&provider, &second["refresh_token"]).await.unwrap();
    assert_eq!((status, &after["error"]), (400, &json!("invalid_grant")));
    let state = provider.state().await.unwrap();
    assert_eq!((state.revoked_grants, state.refreshes(), state.granted["refresh_token"]), (1, 3, 1));
    assert_eq!(state.refresh_tokens[0], first["refresh_token"].as_str().unwrap());
}

#[tokio::test]
async fn the_provider_fails_as_it_is_told_and_says_what_it_processed() {
    let Some(folder) = peers::folder() else { return };
    let provider = Provider::start(&folder, &Setup::new(REDIRECT)).await.unwrap();
    let ask = || token(&provider, &[("grant_type", "client_credentials"), ("scope", "read")]);
    let processed = async || provider.state().await.unwrap().requests.get("client_credentials").copied().unwrap_or(0);

    provider.fault(Fault::Fail).await.unwrap();
    assert_eq!(ask().await.unwrap().0, 503);
    provider.answers(429, json!({"retry-after": "7"}), json!({"error": "slow_down"}), 1).await.unwrap();
    assert_eq!(ask().await.unwrap(), (429, json!({"error": "slow_down"})));
    provider.fault(Fault::Drop).await.unwrap();
    ask().await.unwrap_err();
    assert_eq!(processed().await, 0);

    provider.fault(Fault::DropAfter).await.unwrap();
    ask().await.unwrap_err();
    assert_eq!(processed().await, 1);
    provider.fault(Fault::FailAfter).await.unwrap();
    assert_eq!(ask().await.unwrap().0, 503);
    assert_eq!(processed().await, 2);

    for (fault, before) in [(Fault::HoldBefore, 2), (Fault::HoldAfter, 4)] {
        provider.fault(fault).await.unwrap();
        let (answer, ()) = tokio::join!(ask(), async {
            provider.until(SOON, |state| state.held == 1).await.unwrap();
            assert_eq!(processed().await, before);
            provider.release().await.unwrap();
        });
        assert_eq!(answer.unwrap().0, 200);
    }
    assert_eq!(processed().await, 4);
}

#[tokio::test]
async fn node_seals_and_opens_what_activepieces_would() {
    let Some(folder) = peers::folder() else { return };
    let key = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    // A row of the workflow builder.
    let data = "87bb67a96eb758190c39ac0d8faca416657106a00978544d084fe89f110678784\
        4c34417547c5231b28d9957b68556c1d2afdcaeb65ac6df9c0b06a1928baaf9";
    let sealed = json!({"iv": "000102030405060708090a0b0c0d0e0f", "data": data});
    let open = |sealed: &Value| json!({"op": "open", "key": key, "sealed": sealed});
    let plain = r#"{"type":"SECRET_TEXT","secret_text":"sk-test-123"}"#;
    let opened = peers::node(&folder, "crypto.mjs", &open(&sealed)).await.unwrap();
    assert_eq!(opened["plain"], plain);
    let seal = json!({"op": "seal", "key": key, "plain": plain});
    let sealed = peers::node(&folder, "crypto.mjs", &seal).await.unwrap();
    assert_eq!(peers::node(&folder, "crypto.mjs", &open(&sealed)).await.unwrap()["plain"], plain);
}
