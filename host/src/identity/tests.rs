//! A peer that is not this code - the `jsonwebtoken` crate - signs and verifies what is tested here.

use std::{sync::Mutex, time::SystemTime};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Value, json};

use super::*;

const SECRET: &str = "a secret of at least thirty-two bytes";
const USER: &str = "6f1b7f4e-5f4e-4b8e-9b55-0d6f7c0a1b2c";
const TENANT: &str = "0e4a1d9c-32c9-4c8e-8b1a-5d2f9a7e6c3b";
const NOW: u64 = 1_800_000_000;

struct MovingClock(Mutex<u64>);

impl Clock for MovingClock {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(*self.0.lock().unwrap())
    }
}

fn identity() -> (Identity, Arc<MovingClock>) {
    let clock = Arc::new(MovingClock(Mutex::new(NOW)));
    (
        Identity::with_clock(
            &SECRET.into(),
            &Trusted { internal: vec!["internal".into()], ..Trusted::default() },
            clock.clone(),
        ),
        clock,
    )
}

/// What Gauzy puts into an access token.
fn claims() -> Value {
    json!({
        "id": USER, "userId": USER, "tenantId": TENANT, "organizationId": null,
        "employeeId": "3d9c8f2a-1b4e-4f6d-8a7c-5e2d1f0b9a8c", "role": "ADMIN",
        "permissions": ["INTEGRATION_VIEW", "ORG_EMPLOYEES_VIEW"], "ipAddress": "::1", "userAgent": "node",
        "tokenType": "ACCESS_TOKEN_TYPE", "tokenId": USER, "iat": NOW, "exp": NOW + 60,
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn signed(header: &Value, claims: &Value, secret: &str) -> String {
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let message = format!("{}.{}", encode(header), encode(claims));
    let key = EncodingKey::from_secret(secret.as_bytes());
    format!("{message}.{}", jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap())
}

fn token(claims: &Value) -> String {
    jsonwebtoken::encode(&Header::default(), claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

#[test]
fn a_token_of_gauzys_says_who_is_calling() {
    let (identity, _) = identity();
    for _ in 0..2 {
        let caller = identity.verify(&token(&claims())).unwrap();
        assert_eq!(caller.actor.user.as_str(), USER);
        assert_eq!(caller.actor.tenant.as_str(), TENANT);
        assert_eq!(caller.actor.organization, None);
        assert_eq!(caller.employee_id.unwrap().as_str(), "3d9c8f2a-1b4e-4f6d-8a7c-5e2d1f0b9a8c");
        assert_eq!(caller.role.as_deref(), Some("ADMIN"));
        assert_eq!(*caller.permissions, ["INTEGRATION_VIEW", "ORG_EMPLOYEES_VIEW"]);
    }
    // The claims that Gauzy may leave out or null.
    let bare = json!({ "id": USER, "tenantId": TENANT, "permissions": null, "tokenType": "ACCESS_TOKEN_TYPE", "exp": NOW + 60 });
    assert!(identity.verify(&token(&bare)).unwrap().permissions.is_empty());
}

#[test]
fn a_minted_token_is_one_that_others_accept() {
    let (identity, _) = identity();
    let claims = Subject {
        user_id: USER.parse().unwrap(),
        tenant_id: TENANT.parse().unwrap(),
        permissions: vec!["LENO_ADMIN".into()],
        ..Subject::default()
    };
    let token = identity.mint(&claims, Duration::from_secs(60));
    assert!(identity.verify(&token).unwrap().may(Permission::Admin));
    let mut validation = Validation::new(Algorithm::HS256);
    validation.validate_exp = false;
    let key = DecodingKey::from_secret(SECRET.as_bytes());
    let read = jsonwebtoken::decode::<Value>(&token, &key, &validation).unwrap().claims;
    assert_eq!(read["id"], USER);
    assert_eq!(read["tenantId"], TENANT);
    assert_eq!(read["tokenType"], "ACCESS_TOKEN_TYPE");
    assert_eq!(read["organizationId"], Value::Null);
    assert_eq!(read["exp"], NOW + 60);
}

#[test]
fn no_header_chooses_how_a_token_is_verified() {
    let (identity, _) = identity();
    let encode = |part: Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let payload = encode(claims());
    for algorithm in ["none", "None", "nOnE", "HS256"] {
        let unsigned = format!("{}.{payload}.", encode(json!({ "alg": algorithm })));
        assert_eq!(identity.verify(&unsigned), Err(AuthError::Signature), "{algorithm}");
    }
    // An RS256 token whose signature is an HMAC under the supposed "public key", and any other algorithm.
    for algorithm in ["RS256", "HS512", "hs256", "none", ""] {
        let forged = signed(&json!({ "alg": algorithm }), &claims(), "-----BEGIN PUBLIC KEY-----");
        assert_eq!(identity.verify(&forged), Err(AuthError::Signature), "{algorithm}");
        // Even under the right secret only HS256 counts.
        let mislabelled = signed(&json!({ "alg": algorithm }), &claims(), SECRET);
        assert!(matches!(identity.verify(&mislabelled), Err(AuthError::Malformed(_))), "{algorithm}");
    }
    let critical = signed(&json!({ "alg": "HS256", "crit": ["b64"], "b64": false }), &claims(), SECRET);
    assert!(matches!(identity.verify(&critical), Err(AuthError::Malformed(_))));
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        let other = jsonwebtoken::encode(&Header::new(algorithm), &claims(), &key).unwrap();
        assert_eq!(identity.verify(&other), Err(AuthError::Signature));
    }
}

#[test]
fn a_token_is_bound_to_its_secret_and_to_every_byte_of_it() {
    let (identity, _) = identity();
    let good = token(&claims());
    assert!(identity.verify(&good).is_ok());
    let other = Identity::new(&"another secret of thirty-two bytes..".into(), None);
    assert_eq!(other.verify(&good), Err(AuthError::Signature));
    for at in 0..good.len() {
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let tampered = String::from_utf8(bytes).unwrap();
        assert!(identity.verify(&tampered).is_err(), "byte {at}");
    }
    for cut in 0..good.len() {
        assert!(identity.verify(&good[..cut]).is_err(), "cut at {cut}");
    }
    // Padding, white space and a second spelling of the last bits are not the same token.
    for tail in ["=", " ", "\n", ".", "A"] {
        assert!(identity.verify(&format!("{good}{tail}")).is_err(), "{tail:?}");
    }
}

#[test]
fn an_expired_token_is_refused_also_when_it_was_accepted_before() {
    let (identity, clock) = identity();
    let good = token(&claims());
    assert!(identity.verify(&good).is_ok());
    // Two clocks may be half a minute apart.
    *clock.0.lock().unwrap() = NOW + 89;
    assert!(identity.verify(&good).is_ok());
    *clock.0.lock().unwrap() = NOW + 90;
    assert_eq!(identity.verify(&good), Err(AuthError::Expired(NOW + 60)));
    *clock.0.lock().unwrap() = NOW;
    assert!(identity.verify(&token(&with("nbf", json!(NOW + 30)))).is_ok());
    assert_eq!(identity.verify(&token(&with("nbf", json!(NOW + 31)))), Err(AuthError::NotYet(NOW + 31)));
}

#[test]
fn a_token_without_an_expiry_or_with_a_strange_one_is_refused() {
    let (identity, _) = identity();
    let mut eternal = claims();
    eternal.as_object_mut().unwrap().remove("exp");
    assert!(identity.verify(&token(&eternal)).unwrap_err().to_string().contains("exp"));
    for strange in [json!(null), json!("never"), json!(-1), json!([NOW + 60]), json!(1e300)] {
        assert!(
            matches!(identity.verify(&token(&with("exp", strange.clone()))), Err(AuthError::Claims(_))),
            "{strange}"
        );
    }
}

#[test]
fn only_an_access_token_of_a_tenants_user_will_do() {
    let (identity, _) = identity();
    let refused = |name, value| identity.verify(&token(&with(name, value))).unwrap_err();
    assert_eq!(refused("tokenType", json!("REFRESH_TOKEN_TYPE")), AuthError::NotAnAccessToken);
    assert_eq!(refused("tokenType", json!("")), AuthError::NotAnAccessToken);
    assert_eq!(refused("tokenType", json!(null)), AuthError::NotAnAccessToken);
    assert_eq!(refused("tenantId", json!(null)), AuthError::NoTenant);
    for (name, value) in [
        ("id", json!(null)),
        ("id", json!("1 OR 1=1")),
        ("userId", json!(TENANT)),
        ("tenantId", json!("../other")),
        ("permissions", json!("LENO_ADMIN")),
        ("permissions", json!({ "LENO_ADMIN": true })),
    ] {
        assert!(matches!(refused(name, value.clone()), AuthError::Claims(_)), "{name}: {value}");
    }
    // One name twice: which one would count?
    let twice = format!(r#"{{"id":"{USER}","tenantId":"{TENANT}","tenantId":"{USER}","exp":{}}}"#, NOW + 60);
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#), URL_SAFE_NO_PAD.encode(twice));
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let mac = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    assert!(matches!(identity.verify(&format!("{message}.{mac}")), Err(AuthError::Claims(_))));
}

#[test]
fn a_token_that_lives_too_long_is_refused_also_when_its_age_is_unknown_or_ahead() {
    let (identity, _) = identity();
    let of = |iat: Value, exp: u64| {
        let mut claims = with("exp", json!(exp));
        claims["iat"] = iat;
        identity.verify(&token(&claims)).map(drop)
    };
    let most = LONGEST_LIFE;
    assert_eq!(of(json!(NOW), NOW + most), Ok(()));
    assert_eq!(of(json!(NOW), NOW + most + 1), Err(AuthError::TooLong { most }));
    assert_eq!(of(json!(NOW - 100), NOW + most - 99), Err(AuthError::TooLong { most }));
    assert_eq!(of(json!(null), NOW + most), Ok(()));
    assert_eq!(of(json!(null), NOW + most + 1), Err(AuthError::TooLong { most }));
    assert_eq!(of(json!(NOW + 299), NOW + 600), Ok(()));
    assert_eq!(of(json!(NOW + 400_000), NOW + 500_000), Err(AuthError::NotYet(NOW + 400_000)));
}

#[test]
fn the_token_of_a_client_has_no_more_than_its_scope() {
    let (identity, _) = identity();
    let all = json!(["INTEGRATION_VIEW", "INTEGRATION_ADD", "LENO_ADMIN"]);
    let with = |scope: Value, client: Value| {
        let mut claims = with("permissions", all.clone());
        (claims["scope"], claims["clientId"]) = (scope, client);
        identity.verify(&token(&claims)).unwrap().permissions.to_vec()
    };
    assert_eq!(with(json!(null), json!(null)).len(), 3);
    assert_eq!(with(json!("gauzy:all"), json!("c")).len(), 3);
    assert_eq!(with(json!("openid INTEGRATION_VIEW"), json!("c")), ["INTEGRATION_VIEW"]);
    assert_eq!(with(json!("INTEGRATION_DELETE"), json!(null)), [""; 0]);
    for scope in [json!(null), json!(""), json!("INTEGRATION_VIEWS")] {
        assert_eq!(with(scope, json!("c")), [""; 0]);
    }
}

#[test]
fn secrets_roll_while_both_values_count() {
    let (old, new) = ("the old secret of thirty-two bytes..", "the new secret of thirty-two bytes..");
    let trusted = Trusted { jwt: vec![old.into()], internal: vec!["one".into(), "two".into()], ..Trusted::default() };
    let both = Identity::with_clock(&new.into(), &trusted, identity().1);
    let header = json!({"alg": "HS256"});
    for secret in [old, new] {
        assert!(both.verify(&signed(&header, &claims(), secret)).is_ok());
    }
    assert_eq!(both.verify(&signed(&header, &claims(), SECRET)), Err(AuthError::Signature));
    let minted =
        both.mint(&Subject { tenant_id: TENANT.parse().unwrap(), ..Subject::default() }, Duration::from_secs(60));
    assert!(Identity::with_clock(&new.into(), &Trusted::default(), identity().1).verify(&minted).is_ok());
    assert!(both.is_internal("one") && both.is_internal("two") && !both.is_internal("three") && !both.is_internal(""));
}

#[test]
fn an_oversized_token_is_refused_before_it_is_read() {
    let (identity, _) = identity();
    let huge = token(&with("role", json!("x".repeat(MAX_TOKEN))));
    assert_eq!(identity.verify(&huge), Err(AuthError::TooLarge));
    for junk in ["", ".", "..", "...", "a.b.c", "Bearer x", "\u{fffd}.\u{fffd}.\u{fffd}"] {
        assert!(identity.verify(junk).is_err(), "{junk:?}");
    }
}

#[test]
fn no_role_of_a_tenant_is_an_admin_of_the_host() {
    let (identity, _) = identity();
    for (permissions, expected) in [
        (json!(["LENO_ADMIN"]), true),
        (json!(["SUPER_ADMIN_EDIT", "leno_admin", "LENO_ADMIN "]), false),
        (json!([]), false),
    ] {
        let mut claims = with("permissions", permissions.clone());
        claims["role"] = json!("SUPER_ADMIN");
        assert_eq!(identity.verify(&token(&claims)).unwrap().may(Permission::Admin), expected, "{permissions}");
    }
}

#[test]
fn the_internal_token_is_all_or_nothing() {
    let (identity, _) = identity();
    assert!(identity.is_internal("internal"));
    for wrong in ["", "interna", "internal ", "Internal", "internal\0"] {
        assert!(!identity.is_internal(wrong), "{wrong:?}");
    }
    let without = Identity::new(&SECRET.into(), None);
    assert!(!without.is_internal(""));
}

/// Prints what a verification costs: `cargo test --release -p leno -- --ignored --nocapture verification_cost`.
#[test]
#[ignore = "a measurement"]
#[allow(clippy::print_stdout)]
fn verification_cost() {
    const ROUNDS: u32 = 20_000;
    let time = |what: &str, one: &mut dyn FnMut()| {
        (0..ROUNDS / 10).for_each(|_| one());
        let begun = std::time::Instant::now();
        (0..ROUNDS).for_each(|_| one());
        println!("{what}: {:.2} µs", begun.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS));
    };
    for count in [2, 250] {
        let permissions: Vec<String> = (0..count).map(|number| format!("ORGANIZATION_PERMISSION_{number}")).collect();
        let token = token(&with("permissions", json!(permissions)));
        let (identity, _) = identity();
        println!("{count} permissions, {} bytes", token.len());
        let mut validation = Validation::new(Algorithm::HS256);
        validation.validate_exp = false;
        let key = DecodingKey::from_secret(SECRET.as_bytes());
        time("  jsonwebtoken, every time", &mut || {
            jsonwebtoken::decode::<claims::Wire>(&token, &key, &validation).unwrap();
        });
        time("  first time", &mut || {
            let verified = identity.0.signer.verify(&token).unwrap();
            claims::Wire::parse(&verified.payload().unwrap()).unwrap().into_caller().unwrap();
        });
        time("  again", &mut || drop(identity.verify(&token).unwrap()));
    }
}
