//! Access control, and what is public.

use leno_base::{Clock as _, MovingClock};

use super::*;

/// The routes that need no token.
const OPEN: [&str; 6] = [
    "/healthz",
    "/readyz",
    "/metrics",
    "/api/openapi.json",
    "/api/app-connections/oauth2/callback",
    "/api/app-connections/oauth2/callback/{pieceName}",
];

#[tokio::test]
async fn every_route_but_the_named_ones_is_closed_and_the_document_says_so() {
    let host = Host::empty().await;
    for (method, template, operation) in document::operations() {
        let path = template.replace(['{', '}'], "");
        let answer = host.send(request(&method, &path).body(Body::empty()).unwrap()).await;
        let open = OPEN.contains(&template.as_str());
        assert_eq!(answer.status != 401, open, "{method} {path}: {}", answer.text);
        let declared_open = operation["security"] == json!([{}]);
        assert_eq!(declared_open, open, "{method} {template}: {}", operation["security"]);
        if !open {
            // RFC 6750, section 3.1: no error code when the request had no authentication at all.
            assert_eq!(answer.headers["www-authenticate"], "Bearer realm=\"leno\"");
            assert_eq!(answer.body["error"], "Unauthorized");
        }
    }
}

#[tokio::test]
async fn a_token_that_does_not_hold_is_refused_with_the_reason() {
    let host = Host::empty().await;
    let claims = Subject { user_id: Uuid::new_v4(), tenant_id: Uuid::new_v4(), ..Subject::default() };
    let stranger =
        Identity::new(&"another-secret-that-is-long-enough".into(), None).mint(&claims, Duration::from_secs(60));
    let earlier = MovingClock::at(SystemClock.now() - Duration::from_secs(120));
    let secret = "a-secret-that-is-long-enough-for-hs256".into();
    let earlier = Identity::with_clock(&secret, &Trusted::default(), Arc::new(earlier));
    let expired = earlier.mint(&claims, Duration::from_secs(60));
    for (header, code) in [
        (format!("Bearer {stranger}"), "token-signature"),
        (format!("Bearer {expired}"), "token-expired"),
        ("Bearer abc".into(), "token-malformed"),
        ("Bearer a.b.c".into(), "token-signature"),
        ("Bearer".into(), "token-missing"),
        ("Bearer ".into(), "token-missing"),
        ("Basic dTpw".into(), "token-missing"),
        (host.token.clone(), "token-missing"),
        (format!("Bearer {}", "x".repeat(20_000)), "token-malformed"),
    ] {
        let request = request("GET", "/api/pieces").header("authorization", &header).body(Body::empty()).unwrap();
        let answer = host.send(request).await.refused(401, code);
        let challenge = answer.headers["www-authenticate"].to_str().unwrap();
        assert_eq!(challenge.contains("error=\"invalid_token\""), code != "token-missing", "{challenge}");
        // One quoted string per parameter: no part of the message breaks out of it.
        assert_eq!(challenge.matches('"').count() % 2, 0, "{challenge}");
    }
    let twice = request("GET", "/api/pieces")
        .header("authorization", format!("Bearer {}", host.token))
        .header("authorization", format!("Bearer {}", host.token));
    host.send(twice.body(Body::empty()).unwrap()).await.refused(401, "token-missing");
    let in_query = request("GET", &format!("/api/pieces?access_token={}", host.token)).body(Body::empty()).unwrap();
    host.send(in_query).await.refused(401, "token-missing");
    let lower = request("GET", "/api/pieces").header("authorization", format!("bearer {}", host.token));
    assert_eq!(host.send(lower.body(Body::empty()).unwrap()).await.status, 200);
}

#[tokio::test]
async fn only_the_operator_may_look_into_the_pieces_directory_or_change_it() {
    let host = Host::empty().await;
    for (method, path) in
        [("GET", "/api/admin/pieces"), ("POST", "/api/admin/pieces"), ("DELETE", "/api/admin/pieces/a.wasm")]
    {
        let as_user = request(method, path).header("authorization", format!("Bearer {}", host.token));
        let refused = host.send(as_user.body(Body::empty()).unwrap()).await.refused(403, "admin_required");
        assert!(refused.detail().contains("LENO_ADMIN"), "{}", refused.text);
        assert!(refused.headers["www-authenticate"].to_str().unwrap().contains("insufficient_scope"));
        // A wrong internal token is not saved by a right bearer token.
        let wrong = request(method, path)
            .header("authorization", format!("Bearer {}", host.operator))
            .header("x-internal-token", "wrong");
        host.send(wrong.body(Body::empty()).unwrap()).await.refused(401, "internal-token");
    }
    let internal = request("GET", "/api/admin/pieces").header("x-internal-token", INTERNAL);
    assert_eq!(host.send(internal.body(Body::empty()).unwrap()).await.status, 200);
    assert_eq!(host.operate("GET", "/api/admin/pieces", None, Body::empty()).await.status, 200);
    // It is no user, so it reads nothing that belongs to one.
    let elsewhere = request("GET", "/api/pieces").header("x-internal-token", INTERNAL);
    host.send(elsewhere.body(Body::empty()).unwrap()).await.refused(401, "token-missing");
}

#[tokio::test]
async fn each_route_of_connections_takes_its_own_permission_and_no_other() {
    use Permission::{AddConnections, DeleteConnections, EditConnections, ViewConnections};
    let routes = [
        ("GET", "/api/app-connections", ViewConnections),
        ("POST", "/api/app-connections", AddConnections),
        ("POST", "/api/app-connections/test", AddConnections),
        ("POST", "/api/app-connections/oauth2/start", AddConnections),
        ("GET", "/api/app-connections/{id}", ViewConnections),
        ("POST", "/api/app-connections/{id}", EditConnections),
        ("DELETE", "/api/app-connections/{id}", DeleteConnections),
        ("POST", "/api/app-connections/{id}/refresh", EditConnections),
        ("GET", "/api/app-connections/{id}/usages", ViewConnections),
        ("POST", "/api/app-connections/{id}/test", ViewConnections),
    ];
    let mut known: Vec<_> = routes.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
    let mut declared: Vec<_> = document::operations()
        .into_iter()
        .filter(|(_, template, operation)| {
            // Events and webhooks have former paths there.
            let of_connections =
                template.starts_with("/api/app-connections") && operation["tags"] == json!(["connections"]);
            of_connections && !OPEN.contains(&template.as_str())
        })
        .map(|(method, template, _)| (method, template))
        .collect();
    known.sort();
    declared.sort();
    assert_eq!(known, declared, "a route of connections that is not in this table");

    let host = Host::with_piece().await;
    let id = host.stored("crm").await["id"].as_str().unwrap().to_owned();
    for (method, template, needed) in routes {
        let path = template.replace("{id}", &id);
        let as_one_with = async |permissions: Vec<String>| {
            let claims = Subject { permissions, ..host.claims.clone() };
            let token = host.identity.mint(&claims, Duration::from_secs(60));
            host.call(method, &path, &token, (method == "POST").then(|| json!({}))).await
        };
        let others = own().into_iter().filter(|name| name != needed.as_str()).collect();
        for without in [Vec::new(), vec![Permission::Admin.as_str().to_owned()], others] {
            let refused = as_one_with(without).await.refused(403, "permission_required");
            assert!(refused.detail().contains(needed.as_str()), "{method} {template}: {}", refused.text);
            let challenge = refused.headers["www-authenticate"].to_str().unwrap();
            assert!(challenge.ends_with(&format!("scope=\"{}\"", needed.as_str())), "{challenge}");
        }
        // What it is asked for is incomplete in some cases, and not forbidden. Removing it would end this test.
        if method != "DELETE" {
            assert_ne!(as_one_with(vec![needed.as_str().to_owned()]).await.status, 403, "{method} {template}");
        }
    }
    assert_eq!(host.get(&format!("/api/app-connections/{id}")).await.status, 200, "nothing of it was done");
}

#[tokio::test]
async fn a_panic_becomes_a_problem_that_tells_nothing_and_the_next_request_is_served() {
    let (host, _temporary) = open(Setup::default()).await;
    async fn boom() -> &'static str {
        panic!("the password is hunter2")
    }
    let router = crate::api::within_edge(host.app().clone(), Router::new().route("/boom", axum::routing::get(boom)));
    for _ in 0..2 {
        let response = router.clone().oneshot(request("GET", "/boom").body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), 500);
        assert!(response.headers().contains_key("x-request-id"));
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let problem: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(problem["code"], "host_error");
        assert!(!problem.to_string().contains("hunter2"));
    }
}

#[tokio::test]
async fn health_tells_apart_being_up_and_being_ready() {
    let host = Host::empty().await;
    let get = async |path: &str| host.send(request("GET", path).body(Body::empty()).unwrap()).await;
    assert_eq!(get("/healthz").await.body["status"], "ok");
    assert_eq!(get("/readyz").await.body["status"], "ready");
    host.db.close().await;
    assert_eq!(get("/healthz").await.status, 200);
    let problem = get("/readyz").await.refused(503, "not_ready");
    assert!(problem.detail().contains("database"), "{}", problem.text);
    assert_eq!(problem.headers["retry-after"], "1");
}

#[tokio::test]
async fn the_operator_sees_every_background_task_and_nobody_else_does() {
    let (opened, temporary) = open(Setup::default()).await;
    opened.start().await;
    let host = Host::over(&opened, temporary);
    let verbose = "/readyz?verbose=true";
    host.send(request("GET", verbose).body(Body::empty()).unwrap()).await.refused(401, "token-missing");
    host.get(verbose).await.refused(403, "admin_required");
    host.get("/readyz?verbose=maybe").await.refused(400, "invalid_query");
    let passed = async {
        loop {
            let ready = host.operate("GET", verbose, None, Body::empty()).await;
            let tasks = ready.body["tasks"].as_array().unwrap().clone();
            if tasks.iter().all(|task| task["runs"].as_u64() >= Some(1)) {
                return tasks;
            }
        }
    };
    let tasks = tokio::time::timeout(Duration::from_secs(20), passed).await.unwrap();
    let names: Vec<&str> = tasks.iter().filter_map(|task| task["name"].as_str()).collect();
    let expected = [
        "heartbeat",
        "rescan-pieces",
        "deliver-events",
        "sweep-events",
        "sweep-sign-ins",
        "renew-idle-tokens",
        "tell-ends-of-tokens",
        "revoke-tokens",
        "learn-revocations",
        "sweep-grants",
        "sweep-store",
        "sweep-rates",
        "write-uses-of-connections",
        "seal-audit-log",
        "count-quotas",
    ];
    assert_eq!(names, expected);
    for task in &tasks {
        assert_eq!((task["errors"].as_u64(), task["lastError"].as_str()), (Some(0), None), "{task}");
        assert!(task["lastRun"].as_str() < task["nextRun"].as_str(), "{task}");
    }
    let metrics = host.send(request("GET", "/metrics").body(Body::empty()).unwrap()).await;
    let line = r#"leno_task_passes_total{task="sweep-store",result="ok"} 1"#;
    assert!(metrics.text.contains(line), "{}", metrics.text);
}

#[tokio::test]
async fn metrics_name_routes_as_declared_and_never_as_asked_for() {
    let host = Host::empty().await;
    host.get("/api/pieces/made-up-1").await;
    host.get("/made/up/2").await;
    let metrics = host.send(request("GET", "/metrics").body(Body::empty()).unwrap()).await;
    assert!(metrics.headers["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    for line in [
        r#"leno_http_request_seconds_count{route="/api/pieces/{name}",method="GET",status="404"} 1"#,
        r#"leno_http_request_seconds_count{route="unknown",method="GET",status="404"} 1"#,
    ] {
        assert!(metrics.text.contains(line), "{line}\n{}", metrics.text);
    }
    assert!(!metrics.text.contains("made"), "{}", metrics.text);
}
