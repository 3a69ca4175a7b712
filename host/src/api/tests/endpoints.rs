//! Webhooks as their owner handles them.

use super::*;

const PATH: &str = "/api/events/endpoints";

impl Host {
    async fn as_user(&self, token: &str, method: &str, path: &str) -> Answer {
        let request = request(method, path).header("authorization", format!("Bearer {token}"));
        self.send(request.body(Body::empty()).unwrap()).await
    }
}

#[tokio::test]
async fn a_webhook_shows_its_secret_once_and_is_there_until_it_is_removed() {
    let host = Host::empty().await;
    let made = host.json(PATH, &json!({"url": "https://example.com/hooks", "events": ["connection.errored"]})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let secret = made.body["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_") && secret.len() == 50, "{secret}");
    assert_eq!(made.body["events"], json!(["connection.errored"]));
    let listed = host.get(PATH).await;
    assert_eq!(listed.body["data"].as_array().unwrap().len(), 1);
    assert!(!listed.text.contains("whsec_") && listed.body["data"][0].get("secret").is_none(), "{}", listed.text);

    let own = format!("{PATH}/{}", made.body["id"].as_str().unwrap());
    assert_eq!(host.as_user(&host.token, "DELETE", &own).await.status, 204);
    host.as_user(&host.token, "DELETE", &own).await.refused(404, "webhook_not_found");
    assert_eq!(host.get(PATH).await.body["data"], json!([]));
    let audited = leno_db::audit_events(&host.db, made.body["id"].as_str().unwrap()).await.unwrap();
    let events: Vec<&str> = audited.iter().map(|(_, event)| event.as_str()).collect();
    assert_eq!(events, ["webhook.registered", "webhook.removed"]);
}

#[tokio::test]
async fn every_fault_of_a_webhook_is_listed() {
    let host = Host::empty().await;
    let bad = json!({"url": "http://example.com", "events": ["connection.errored", "nothing", 7]});
    let answer = host.json(PATH, &bad).await.refused(400, "invalid_request");
    assert_eq!(answer.paths(), ["/url", "/events/1", "/events/2"]);
    for url in ["https://127.0.0.1/", "https://169.254.169.254/", "https://[::1]/", "http://localhost/", "x"] {
        let answer = host.json(PATH, &json!({"url": url})).await.refused(400, "invalid_request");
        assert_eq!(answer.paths(), ["/url"], "{url}");
    }
    let answer = host.json(PATH, &json!({"events": "all", "secret": "mine"})).await.refused(400, "invalid_request");
    let mut paths = answer.paths();
    paths.sort_unstable();
    assert_eq!(paths, ["/events", "/secret", "/url"]);
}

#[tokio::test]
async fn an_owner_has_ten_webhooks_however_many_ask_at_once() {
    let host = Host::empty().await;
    let body = json!({"url": "https://example.com/"});
    let answers = futures_util::future::join_all((0..14).map(|_| host.json(PATH, &body))).await;
    let refused: Vec<Answer> = answers.into_iter().filter(|answer| answer.status != 201).collect();
    assert_eq!(refused.len(), 4);
    for answer in refused {
        let answer = answer.refused(409, "too_many_webhooks");
        assert_eq!(answer.body["details"], json!({"budget": "user_endpoints", "per": "user", "limit": 10}));
    }
}

#[tokio::test]
async fn nobody_else_finds_a_webhook_or_its_deliveries() {
    let host = Host::empty().await;
    let made = host.json(PATH, &json!({"url": "https://example.com/"})).await;
    let own = format!("{PATH}/{}", made.body["id"].as_str().unwrap());
    let (tenant, owner) = (host.claims.tenant_id.to_string(), host.claims.user_id.to_string());
    let event = happen(&host.events, &host.db, "connection.created", &tenant, &owner).await;

    let listed = host.get(&format!("{own}/deliveries?status=PENDING&limit=1")).await;
    let delivery = &listed.body["data"][0];
    assert_eq!((delivery["eventId"].as_str(), delivery["attempts"].as_i64()), (Some(&*event.id), Some(0)));
    assert_eq!(host.get(&format!("{own}/deliveries?status=DEAD")).await.body["data"], json!([]));
    let answer = host.get(&format!("{own}/deliveries?status=LOST&limit=0")).await.refused(400, "invalid_query");
    assert_eq!(answer.paths(), ["status", "limit"]);

    let retry = format!("{own}/deliveries/{}/retry", delivery["id"].as_str().unwrap());
    for stranger in [
        Subject { user_id: Uuid::new_v4(), ..host.claims.clone() },
        Subject { tenant_id: Uuid::new_v4(), ..host.claims.clone() },
    ] {
        let token = host.identity.mint(&stranger, Duration::from_secs(60));
        assert_eq!(host.as_user(&token, "GET", PATH).await.body["data"], json!([]));
        for (method, path) in [("DELETE", &own), ("GET", &format!("{own}/deliveries")), ("POST", &retry)] {
            host.as_user(&token, method, path).await.refused(404, "webhook_not_found");
        }
    }
    let again = host.as_user(&host.token, "POST", &retry).await;
    assert_eq!((again.status, again.body["status"].as_str()), (200, Some("PENDING")), "{}", again.text);
}

#[tokio::test]
async fn the_former_paths_reach_the_same_endpoints_and_deliveries() {
    const FORMER: &str = "/api/app-connections/webhooks";
    let host = Host::empty().await;
    let made = host.json(FORMER, &json!({"url": "https://example.com/"})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let id = made.body["id"].as_str().unwrap();
    assert_eq!(host.get(PATH).await.body, host.get(FORMER).await.body);
    let (tenant, owner) = (host.claims.tenant_id.to_string(), host.claims.user_id.to_string());
    happen(&host.events, &host.db, "connection.created", &tenant, &owner).await;
    let (now, before) = (format!("{PATH}/{id}/deliveries"), format!("{FORMER}/{id}/deliveries"));
    let deliveries = host.get(&before).await;
    assert_eq!(deliveries.body["data"].as_array().unwrap().len(), 1);
    assert_eq!(host.get(&now).await.body, deliveries.body);
    let delivery = deliveries.body["data"][0]["id"].as_str().unwrap();
    assert_eq!(host.json(&format!("{before}/{delivery}/retry"), &json!({})).await.status, 200);
    assert_eq!(host.as_user(&host.token, "DELETE", &format!("{FORMER}/{id}")).await.status, 204);
    host.as_user(&host.token, "DELETE", &format!("{PATH}/{id}")).await.refused(404, "webhook_not_found");
}

#[tokio::test]
async fn webhooks_of_a_user_without_an_account_move_along_to_the_account() {
    let host = Host::empty().await;
    let guest = host.guest().await;
    let body = json!({"url": "https://example.com/hooks", "events": ["connection.created"]});
    let made = host.call("POST", PATH, &guest, Some(body)).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let id = made.body["id"].as_str().unwrap();
    assert_eq!(host.get(PATH).await.body["data"], json!([]));

    let linked = host.json("/api/users/link", &json!({"anonymousToken": guest})).await;
    assert_eq!(linked.status, 200, "{}", linked.text);
    let own = host.get(PATH).await;
    let own = own.body["data"].as_array().unwrap();
    assert_eq!((own.len(), &own[0]["id"], &own[0]["url"]), (1, &json!(id), &json!("https://example.com/hooks")));
    assert_eq!(host.as_user(&guest, "GET", PATH).await.body["data"], json!([]));
    host.as_user(&guest, "DELETE", &format!("{PATH}/{id}")).await.refused(404, "webhook_not_found");
    // It is told what happens to the account now.
    let (tenant, owner) = (host.claims.tenant_id.to_string(), host.claims.user_id.to_string());
    let event = happen(&host.events, &host.db, "connection.created", &tenant, &owner).await;
    let deliveries = host.get(&format!("{PATH}/{id}/deliveries")).await;
    assert_eq!(deliveries.body["data"][0]["eventId"], event.id, "{}", deliveries.text);
}
