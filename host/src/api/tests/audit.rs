//! The audit log, as operators read it.

use super::*;

#[tokio::test]
async fn operators_read_who_did_what_with_the_request_that_it_came_from() {
    let host = Host::empty().await;
    let body = json!({"externalId": "a", "displayName": "A", "pieceName": "unknown", "type": "SECRET_TEXT",
        "value": {"secret_text": "canary-5f1d"}});
    let made = host.json("/api/app-connections", &body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let (id, sent) = (made.body["id"].as_str().unwrap(), made.headers["x-request-id"].to_str().unwrap());
    host.get("/api/admin/audit").await.refused(403, "admin_required");
    let page = host.operate("GET", &format!("/api/admin/audit?subject={id}"), None, "").await;
    let row = &page.body["data"][0];
    assert_eq!((&row["event"], &row["requestId"]), (&json!("connection.created"), &json!(sent)), "{}", page.text);
    assert_eq!(row["actor"], format!("user:{}", host.claims.user_id));
    assert!(row["process"].as_str().unwrap().starts_with(&format!("{}@", std::process::id())), "{row}");
    assert!(!page.text.contains("canary"), "{}", page.text);
}

#[tokio::test]
async fn refused_internal_tokens_are_recorded_and_do_not_fill_the_log() {
    let host = Host::empty().await;
    for _ in 0..20 {
        let request = request("GET", "/api/internal/connections/a/decrypt?tenantId=t&ownerId=o");
        let request = request.header("x-internal-token", "guess").body(Body::empty()).unwrap();
        host.send(request).await.refused(401, "internal-token");
    }
    let page = host.operate("GET", "/api/admin/audit?event=internal_token.refused", None, "").await;
    assert_eq!(page.body["data"].as_array().unwrap().len(), 1, "{}", page.text);
}

#[tokio::test]
async fn the_log_is_read_page_by_page_and_what_is_no_page_is_refused() {
    let host = Host::empty().await;
    for id in ["a", "b", "c"] {
        let body = json!({"externalId": id, "displayName": id, "pieceName": "unknown", "type": "NO_AUTH", "value": {}});
        assert_eq!(host.json("/api/app-connections", &body).await.status, 201);
    }
    let (mut seen, mut path) = (Vec::<String>::new(), "/api/admin/audit?limit=2&event=connection.created".to_owned());
    loop {
        let page = host.operate("GET", &path, None, "").await;
        seen.extend(page.body["data"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()));
        match page.body["next"].as_str() {
            Some(next) => path = format!("/api/admin/audit?limit=2&event=connection.created&cursor={next}"),
            None => break,
        }
    }
    let all = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!((all, seen.len()), (3, 3));
    for query in ["limit=0", "limit=x", "cursor=!", "subject=%00"] {
        host.operate("GET", &format!("/api/admin/audit?{query}"), None, "").await.refused(400, "invalid_query");
    }
}
