//! Connections as their owners, and others, meet them.

use super::*;

pub(super) const LIST: &str = "/api/app-connections";
pub(super) const CANARY: &str = "canary-7f3a-secret";

pub(super) fn body(external_id: &str, secret: &str) -> Value {
    json!({
        "externalId": external_id, "displayName": format!("My {external_id}"), "pieceName": "text",
        "type": "SECRET_TEXT", "value": {"type": "SECRET_TEXT", "secret_text": secret}, "metadata": {"team": "a"},
    })
}

impl Host {
    /// A further user: of the same tenant, or of another.
    pub(super) fn stranger(&self, tenant: Uuid) -> String {
        let claims = Subject { user_id: Uuid::new_v4(), tenant_id: tenant, permissions: own(), ..Subject::default() };
        self.identity.mint(&claims, Duration::from_secs(600))
    }

    pub(super) async fn call(&self, method: &str, path: &str, token: &str, body: Option<Value>) -> Answer {
        self.call_with(method, path, token, &[], body).await
    }

    pub(super) async fn call_with(
        &self,
        method: &str,
        path: &str,
        token: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let mut request = request(method, path).header("authorization", format!("Bearer {token}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        self.send(request.body(body).unwrap()).await
    }

    /// Stores a connection and returns it.
    pub(super) async fn stored(&self, external_id: &str) -> Value {
        let answer = self.call("POST", LIST, &self.token, Some(body(external_id, CANARY))).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.body
    }

    /// The user of the host's own token.
    pub(super) fn me(&self) -> (String, String) {
        let caller = self.identity.verify(&self.token).unwrap();
        (caller.actor.tenant.to_string(), caller.actor.user.to_string())
    }

    pub(super) async fn decrypted(&self, external_id: &str, extra: &str) -> Answer {
        let (tenant, owner) = self.me();
        let path = format!("/api/internal/connections/{external_id}/decrypt?tenantId={tenant}&ownerId={owner}{extra}");
        self.send(request("GET", &path).header("x-internal-token", INTERNAL).body(Body::empty()).unwrap()).await
    }
}

#[tokio::test]
async fn a_connection_is_stored_shown_and_listed_without_its_value() {
    let host = Host::with_piece().await;
    let made = host.stored("crm-main").await;
    for member in [
        "id",
        "displayName",
        "externalId",
        "type",
        "status",
        "platformId",
        "pieceName",
        "ownerId",
        "projectIds",
        "scope",
        "metadata",
        "pieceVersion",
        "createdAt",
        "updatedAt",
    ] {
        assert!(made.get(member).is_some(), "{member}: {made}");
    }
    assert_eq!(made["status"], "ACTIVE");
    assert_eq!(made["pieceVersion"], "2.0.0");
    assert_eq!(made["metadata"], json!({"team": "a"}));
    assert!(
        made["createdAt"].as_str().unwrap().ends_with('Z') && made["createdAt"].as_str().unwrap().len() == 24,
        "{made}"
    );
    let id = made["id"].as_str().unwrap();
    assert!(id.len() == 21 && id.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase()), "{id}");

    let shown = host.get(&format!("{LIST}/{id}")).await;
    assert_eq!(shown.body, made);
    let listed = host.get(LIST).await;
    assert_eq!(listed.body, json!({"data": [made], "next": null, "previous": null}));
    for answer in [&shown.text, &listed.text] {
        assert!(!answer.contains(CANARY) && !answer.contains("\"value\""), "{answer}");
    }
}

#[tokio::test]
async fn storing_again_replaces_the_value_and_keeps_the_id() {
    let host = Host::with_piece().await;
    let first = host.stored("crm").await;
    let mut again = body("crm", "another");
    again["displayName"] = "Renamed".into();
    let second = host.call("POST", LIST, &host.token, Some(again)).await;
    assert_eq!(second.status, 201);
    assert_eq!((&second.body["id"], &second.body["createdAt"]), (&first["id"], &first["createdAt"]));
    assert_eq!(second.body["displayName"], "Renamed");
    assert_eq!(host.decrypted("crm", "").await.body["value"]["secret_text"], "another");
}

#[tokio::test]
async fn two_who_edit_at_once_do_not_overwrite_each_other() {
    let host = Host::with_piece().await;
    let id = host.stored("crm").await["id"].as_str().unwrap().to_owned();
    let path = format!("{LIST}/{id}");
    let tag = host.get(&path).await.headers["etag"].to_str().unwrap().to_owned();
    let rename = |name: &str| Some(json!({"displayName": name}));
    let first = host.call_with("POST", &path, &host.token, &[("if-match", &tag)], rename("first")).await;
    assert_eq!(first.status, 200, "{}", first.text);
    assert_ne!(first.headers["etag"].to_str().unwrap(), tag);
    let second = host.call_with("POST", &path, &host.token, &[("if-match", &tag)], rename("second")).await;
    second.refused(412, "connection_changed");
    let config = Some(json!({"config": {"secret_text": "new"}}));
    host.call_with("POST", &path, &host.token, &[("if-match", &tag)], config).await.refused(412, "connection_changed");
    host.call_with("POST", LIST, &host.token, &[("if-match", &tag)], Some(body("crm", "x")))
        .await
        .refused(412, "connection_changed");
    host.call_with("POST", LIST, &host.token, &[("if-none-match", "*")], Some(body("crm", "x")))
        .await
        .refused(412, "connection_exists");
    host.call_with("POST", &path, &host.token, &[("if-match", "W/1")], rename("x"))
        .await
        .refused(400, "invalid_header");
    assert_eq!(host.get(&path).await.body["displayName"], "first");
    assert_eq!(host.decrypted("crm", "").await.body["value"]["secret_text"], CANARY);
}

#[tokio::test]
async fn new_credentials_go_in_by_config_and_work_in_the_next_call() {
    let host = Host::with_piece().await;
    let id = host.stored("crm").await["id"].as_str().unwrap().to_owned();
    let path = format!("{LIST}/{id}");
    for config in [json!({"secret_text": "by-name"}), json!({"apiKey": "by-name"})] {
        let changed = host.call("POST", &path, &host.token, Some(json!({"config": config}))).await;
        assert_eq!(changed.status, 200, "{}", changed.text);
        assert_eq!(host.decrypted("crm", "").await.body["value"]["secret_text"], "by-name");
    }
    let refused =
        host.call("POST", &path, &host.token, Some(json!({"config": {"secret_text": 5}, "displayName": "x"}))).await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert_eq!(host.get(&path).await.body["displayName"], "My crm", "a refused change changes nothing");
}

#[tokio::test]
async fn nobody_else_sees_changes_uses_or_removes_a_connection() {
    let host = Host::with_piece().await;
    let id = host.stored("crm").await["id"].as_str().unwrap().to_owned();
    let tenant: Uuid = host.me().0.parse().unwrap();
    for stranger in [host.stranger(tenant), host.stranger(Uuid::new_v4())] {
        let call = async |method, path: String, body| host.call(method, &path, &stranger, body).await;
        for (method, path, body) in [
            ("GET", format!("{LIST}/{id}"), None),
            ("POST", format!("{LIST}/{id}"), Some(json!({"displayName": "mine"}))),
            ("POST", format!("{LIST}/{id}"), Some(json!({"config": {"secret_text": "mine"}}))),
            ("DELETE", format!("{LIST}/{id}"), None),
            ("DELETE", format!("{LIST}/{id}?force=true"), None),
            ("GET", format!("{LIST}/{id}/usages"), None),
            ("POST", format!("{LIST}/{id}/test"), Some(json!({}))),
            ("POST", SECURE_ECHO.to_owned(), Some(json!({"input": {"value": 1}, "connectionExternalId": "crm"}))),
        ] {
            call(method, path, body).await.refused(404, "connection_not_found");
        }
        let refs = json!({"connections": [{"nodeId": "n", "connectionExternalId": "crm", "pieceName": "text"}]});
        call("PUT", "/api/workflows/w/connections".into(), Some(refs)).await.refused(403, "connection_not_yours");
        assert_eq!(call("GET", LIST.into(), None).await.body["data"], json!([]));
        // The same external id is free for them.
        assert_eq!(call("POST", LIST.into(), Some(body("crm", "theirs"))).await.status, 201);
    }
    assert_eq!(host.decrypted("crm", "").await.body["value"]["secret_text"], CANARY);
    assert_eq!(host.get(&format!("{LIST}/{id}")).await.body["displayName"], "My crm");
}

#[tokio::test]
async fn pages_hold_every_connection_once_in_both_directions() {
    let host = Host::with_piece().await;
    for number in 0..7 {
        host.stored(&format!("c{number}")).await;
    }
    let mut seen = Vec::new();
    let mut path = format!("{LIST}?limit=3");
    let mut last = Value::Null;
    loop {
        let page = host.get(&path).await.body;
        seen.extend(page["data"].as_array().unwrap().iter().map(|row| row["externalId"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else {
            last = page;
            break;
        };
        path = format!("{LIST}?limit=3&cursor={next}");
        let _ = &last;
    }
    assert_eq!(seen, ["c6", "c5", "c4", "c3", "c2", "c1", "c0"]);
    let mut back = Vec::new();
    while let Some(previous) = last["previous"].as_str() {
        last = host.get(&format!("{LIST}?limit=3&cursor={previous}")).await.body;
        let page = last["data"].as_array().unwrap().iter().map(|row| row["externalId"].as_str().unwrap().to_owned());
        back.splice(0..0, page);
    }
    assert_eq!(back, ["c6", "c5", "c4", "c3", "c2", "c1"]);
}

#[tokio::test]
async fn a_list_is_narrowed_by_what_is_asked_for_and_nothing_else() {
    let host = Host::with_piece().await;
    host.stored("one").await;
    let mut other = body("two", "x");
    other["displayName"] = "100% _Special_".into();
    other["pieceName"] = "@activepieces/piece-elsewhere".into();
    assert_eq!(host.call("POST", LIST, &host.token, Some(other)).await.status, 201);
    for (query, expected) in [
        ("pieceName=text", vec!["one"]),
        ("pieceName=@activepieces/piece-text", vec!["one"]),
        ("pieceName=elsewhere", vec!["two"]),
        ("pieceName=nothing", vec![]),
        ("displayName=SPECIAL", vec!["two"]),
        ("displayName=%25", vec!["two"]),
        ("displayName=_", vec!["two"]),
        ("status=ACTIVE&status=ERROR", vec!["two", "one"]),
        ("status=ERROR,MISSING", vec![]),
        ("scope=PROJECT&projectId=default", vec!["two", "one"]),
        ("scope=PLATFORM", vec![]),
    ] {
        let answer = host.get(&format!("{LIST}?{query}")).await;
        let found: Vec<&str> =
            answer.body["data"].as_array().unwrap().iter().map(|row| row["externalId"].as_str().unwrap()).collect();
        assert_eq!(found, expected, "{query}");
    }
    let refused =
        host.get(&format!("{LIST}?limit=0&status=GONE&scope=ALL&cursor=x")).await.refused(400, "invalid_query");
    assert_eq!(refused.paths(), ["limit", "cursor", "status", "scope"]);
}

#[tokio::test]
async fn what_is_wrong_with_a_connection_is_told_at_once_without_its_secret() {
    let host = Host::with_piece().await;
    let refuse = async |body: Value| host.call("POST", LIST, &host.token, Some(body)).await;
    let wrong = json!({
        "externalId": "a'b", "displayName": "", "pieceName": "No Piece", "pieceVersion": "latest", "type": "SECRET_TEXT",
        "value": {"type": "BASIC_AUTH", "password": CANARY},
    });
    let answer = refuse(wrong).await.refused(400, "invalid_request");
    assert_eq!(answer.paths(), ["/externalId", "/displayName", "/pieceName", "/pieceVersion", "/value/type"]);
    assert!(!answer.text.contains(CANARY));
    for (kind, value, path) in [
        ("SECRET_TEXT", json!({"secret_text": ""}), "/value/secret_text"),
        ("SECRET_TEXT", json!({}), "/value/secret_text"),
        ("BASIC_AUTH", json!({"username": "a", "password": CANARY}), "/type"),
        ("CLOUD_OAUTH2", json!({"access_token": CANARY}), "/type"),
        ("OIDC", json!({"props": {"x": CANARY}}), "/type"),
        ("OAUTH2", json!({"code": CANARY}), "/type"),
    ] {
        let mut body = body("x", "x");
        (body["type"], body["value"]) = (kind.into(), value);
        let answer = refuse(body).await.refused(400, "invalid_request");
        assert_eq!(answer.paths(), [path], "{kind}: {}", answer.text);
        assert!(!answer.text.contains(CANARY), "{}", answer.text);
    }
    let mut unknown = body("x", "x");
    (unknown["type"], unknown["pieceName"], unknown["value"]) =
        ("OAUTH2".into(), "nowhere".into(), json!({"code": CANARY}));
    let answer = refuse(unknown).await.refused(404, "piece_not_found");
    assert_eq!(answer.body["error"], "Piece metadata not found");
    assert_eq!(host.get(LIST).await.body["data"], json!([]), "nothing was stored");
}

#[tokio::test]
async fn a_call_gets_its_connection_by_either_way_of_naming_it() {
    let host = Host::with_piece().await;
    host.stored("crm").await;
    let run = async |more: Value| {
        let mut body = json!({"input": {"value": {"a": 1}}});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        host.call("POST", SECURE_ECHO, &host.token, Some(body)).await
    };
    run(json!({})).await.refused(422, "connection_required");
    for more in [
        json!({"connectionExternalId": "crm"}),
        json!({"auth": "{{connections['crm']}}"}),
        json!({"input": {"value": {"a": 1}, "auth": "{{connections[\"crm\"]}}"}}),
    ] {
        let answer = run(more.clone()).await;
        assert_eq!(answer.status, 200, "{more}: {}", answer.text);
    }
    run(json!({"connectionExternalId": "nothing"})).await.refused(404, "connection_not_found");
    let mut elsewhere = body("other", CANARY);
    elsewhere["pieceName"] = "elsewhere".into();
    assert_eq!(host.call("POST", LIST, &host.token, Some(elsewhere)).await.status, 201);
    let refused = run(json!({"connectionExternalId": "other"})).await.refused(403, "connection_of_other_piece");
    assert!(refused.detail().contains("elsewhere"), "{}", refused.text);
}

#[tokio::test]
async fn only_a_process_with_the_internal_token_that_names_the_owner_reads_a_value() {
    let host = Host::with_piece().await;
    let made = host.stored("crm").await;
    let answer = host.decrypted("crm", "").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(
        answer.body,
        json!({"id": made["id"], "externalId": "crm", "type": "SECRET_TEXT", "pieceName": "text",
            "value": {"type": "SECRET_TEXT", "secret_text": CANARY}})
    );
    host.decrypted("nothing", "").await.refused(404, "connection_not_found");
    let (tenant, owner) = host.me();
    let path = |query: &str| format!("/api/internal/connections/crm/decrypt{query}");
    let get = async |path: String, token: &str| {
        host.send(request("GET", &path).header("x-internal-token", token).body(Body::empty()).unwrap()).await
    };
    let refused = get(path("?privileged=maybe"), INTERNAL).await.refused(400, "invalid_query");
    assert_eq!(refused.paths(), ["tenantId", "ownerId", "privileged"]);
    let whole = format!("?tenantId={tenant}&ownerId={owner}");
    get(path(&whole), "wrong").await.refused(401, "internal-token");
    // An operator's token is a user's all the same.
    let as_operator = request("GET", &path(&whole)).header("authorization", format!("Bearer {}", host.operator));
    host.send(as_operator.body(Body::empty()).unwrap()).await.refused(401, "internal-token");
    for other in [
        format!("?tenantId={}&ownerId={owner}", Uuid::new_v4()),
        format!("?tenantId={tenant}&ownerId={}", Uuid::new_v4()),
    ] {
        get(path(&other), INTERNAL).await.refused(404, "connection_not_found");
    }
    let audited = leno_db::audit_events(&host.db, made["id"].as_str().unwrap()).await.unwrap();
    let events: Vec<(&str, &str)> = audited.iter().map(|(actor, event)| (actor.as_str(), event.as_str())).collect();
    assert_eq!(events, [(&*format!("user:{owner}"), "connection.created"), ("internal", "secret.decrypted")]);
}

#[tokio::test]
async fn tokens_that_other_runtimes_do_not_need_are_handed_out_on_demand_only() {
    let host = Host::with_piece().await;
    let mut import = body("o", "x");
    (import["type"], import["pieceName"]) = ("OAUTH2".into(), "elsewhere".into());
    import["value"] = json!({
        "access_token": "at", "refresh_token": CANARY, "client_secret": CANARY, "client_id": "cid",
        "token_url": "https://provider.example/token", "expires_in": 3600, "claimed_at": 4_000_000_000_i64,
    });
    let made = host.call("POST", LIST, &host.token, Some(import)).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let plain = host.decrypted("o", "").await;
    assert_eq!(plain.body["value"]["access_token"], "at", "{}", plain.text);
    assert!(!plain.text.contains(CANARY), "{}", plain.text);
    let privileged = host.decrypted("o", "&privileged=true").await;
    assert_eq!(privileged.body["value"]["refresh_token"], CANARY);
    assert_eq!(privileged.body["value"]["client_secret"], CANARY);
    let audited = leno_db::audit_events(&host.db, made.body["id"].as_str().unwrap()).await.unwrap();
    assert!(audited.iter().any(|(_, event)| event == "secret.decrypted_privileged"), "{audited:?}");
}

#[tokio::test]
async fn a_connection_in_use_is_removed_only_by_force_and_its_uses_are_told() {
    let host = Host::with_piece().await;
    let id = host.stored("crm").await["id"].as_str().unwrap().to_owned();
    let workflow = "/api/workflows/w-1/connections";
    let node = |node: &str, id: &str| json!({"nodeId": node, "connectionExternalId": id, "pieceName": "text"});
    let put = async |nodes: Value| host.call("PUT", workflow, &host.token, Some(json!({"connections": nodes}))).await;
    let written = put(json!([node("b", "{{connections['crm']}}"), node("a", "crm"), node("a", "crm")])).await;
    assert_eq!(written.body, json!({"connections": [node("a", "crm"), node("b", "crm")]}), "{}", written.text);
    // All or nothing.
    put(json!([node("c", "crm"), node("d", "nothing")])).await.refused(403, "connection_not_yours");
    assert_eq!(host.get(workflow).await.body, written.body);
    let usages = host.get(&format!("{LIST}/{id}/usages")).await;
    assert_eq!(
        usages.body,
        json!([
            {"workflowId": "w-1", "nodeId": "a", "pieceName": "text"}, {"workflowId": "w-1", "nodeId": "b", "pieceName": "text"},
        ])
    );
    let delete = async |query: &str| host.call("DELETE", &format!("{LIST}/{id}{query}"), &host.token, None).await;
    let refused = delete("").await.refused(409, "connection_in_use");
    assert!(refused.detail().contains("a of workflow w-1"), "{}", refused.text);
    put(json!([])).await;
    assert_eq!(delete("").await.body, json!({"success": true}));
    delete("").await.refused(404, "connection_not_found");
    let again = host.stored("crm").await["id"].as_str().unwrap().to_owned();
    put(json!([node("a", "crm")])).await;
    let forced = host.call("DELETE", &format!("{LIST}/{again}?force=true"), &host.token, None).await;
    assert_eq!(forced.status, 200);
    let wrong = put(json!([node("", "a'b"), 5])).await;
    assert_eq!(wrong.status, 400, "{}", wrong.text);
}

#[tokio::test]
async fn somebody_who_gets_an_account_keeps_every_connection() {
    let host = Host::with_piece().await;
    let (tenant, _) = host.me();
    let guest = host.guest().await;
    for (id, secret) in [("crm", "guest-crm"), ("mail", "guest-mail"), ("crm-2", "guest-crm-2")] {
        assert_eq!(host.call("POST", LIST, &guest, Some(body(id, secret))).await.status, 201);
    }
    host.stored("crm").await;
    let uses = json!({"connections": [{"nodeId": "n", "connectionExternalId": "crm", "pieceName": "text"}]});
    assert_eq!(host.call("PUT", "/api/workflows/guest-flow/connections", &guest, Some(uses)).await.status, 200);

    let link = async |token: &str, proof: &str| {
        host.call("POST", "/api/users/link", token, Some(json!({"anonymousToken": proof}))).await
    };
    link(&host.token, "rubbish").await.refused(404, "user_not_found");
    link(&host.token, &host.token).await.refused(404, "user_not_found");
    // A user with an account cannot be taken over.
    link(&host.token, &host.stranger(tenant.parse().unwrap())).await.refused(404, "user_not_found");
    link(&host.stranger(Uuid::new_v4()), &guest).await.refused(404, "user_not_found");
    let (first, second) = tokio::join!(link(&host.token, &guest), link(&host.token, &guest));
    let (linked, late) = if first.status == 200 { (first, second) } else { (second, first) };
    late.refused(404, "user_not_found");
    let mut moved: Vec<(String, String)> = linked.body["connections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (one["previousExternalId"].as_str().unwrap().to_owned(), one["externalId"].as_str().unwrap().to_owned())
        })
        .collect();
    moved.sort();
    // `crm-2` was on its way too, and keeps its name: it is the one named `crm` that gives way.
    for (previous, now) in &moved {
        let secret = host.decrypted(now, "").await.body["value"]["secret_text"].as_str().unwrap().to_owned();
        assert_eq!(secret, format!("guest-{previous}"), "{moved:?}");
    }
    assert_eq!(host.decrypted("crm", "").await.body["value"]["secret_text"], CANARY);
    let flow = host.get("/api/workflows/guest-flow/connections").await;
    let renamed = &moved.iter().find(|(previous, _)| previous == "crm").unwrap().1;
    assert_eq!(flow.body["connections"][0]["connectionExternalId"], **renamed, "{}", flow.text);
    assert_eq!(host.call("GET", LIST, &guest, None).await.body["data"], json!([]));
}

#[tokio::test]
async fn a_row_that_was_moved_to_another_owner_does_not_open() {
    let host = Host::with_piece().await;
    let mine = host.stored("crm").await;
    let other = host.stranger(Uuid::new_v4());
    let theirs = host.call("POST", LIST, &other, Some(body("crm", "theirs"))).await.body;
    let sql = "UPDATE app_connection SET value = (SELECT value FROM app_connection WHERE id = $1) WHERE id = $2";
    let swapped = sqlx::query(sql).bind(theirs["id"].as_str().unwrap()).bind(mine["id"].as_str().unwrap());
    swapped.execute(&mut *host.db.writer(Party::Host).await.unwrap()).await.unwrap();
    let answer = host.decrypted("crm", "").await.refused(424, "connection_broken");
    assert!(answer.detail().contains("changed or moved"), "{}", answer.text);
    assert!(!answer.text.contains("theirs"));
    let shown = host.get(&format!("{LIST}/{}", mine["id"].as_str().unwrap())).await.body;
    assert_eq!(shown["status"], "ERROR", "{shown}");
    // One broken row does not take the list along, nor the others.
    assert_eq!(host.get(LIST).await.body["data"].as_array().unwrap().len(), 1);
    host.stored("crm").await;
    assert_eq!(host.decrypted("crm", "").await.status, 200, "storing it again mends it");
}

#[tokio::test]
async fn a_connection_of_a_piece_that_checks_nothing_is_stored_and_not_said_to_work() {
    let host = Host::with_piece().await;
    let id = host.stored("crm").await["id"].as_str().unwrap().to_owned();
    let found = host.call("POST", &format!("{LIST}/{id}/test"), &host.token, None).await;
    let said = "stored, not tried: the piece sends no request to check its connections";
    assert_eq!((found.status, found.body), (200, json!({"status": "success", "message": said})));
    let new = json!({"pieceName": "text", "type": "SECRET_TEXT", "value": {"secret_text": "x"}});
    let found = host.call("POST", &format!("{LIST}/test"), &host.token, Some(new)).await;
    let said = "complete, not tried: the piece sends no request to check its connections";
    assert_eq!((found.status, found.body), (200, json!({"status": "success", "message": said})));
    let mut elsewhere = body("other", CANARY);
    elsewhere["pieceName"] = "elsewhere".into();
    let id = host.call("POST", LIST, &host.token, Some(elsewhere)).await.body["id"].as_str().unwrap().to_owned();
    let found = host.call("POST", &format!("{LIST}/{id}/test"), &host.token, None).await;
    let said = "stored, not tried: this host does not have the piece";
    assert_eq!((found.status, found.body), (200, json!({"status": "success", "message": said})));
}
