//! Removing users and tenants, as operators ask for it.

use leno_db::{EntryKey, StoreEntries};
use sqlx::Row as _;

use super::{
    connections::{CANARY, LIST, body},
    *,
};

const ENDPOINTS: &str = "/api/events/endpoints";
const WORKFLOW: &str = "/api/workflows/w/connections";

/// A user with one of everything.
struct User {
    id: String,
    tenant: String,
    token: String,
    connection: String,
}

impl User {
    async fn new(host: &Host, tenant: Uuid) -> Self {
        let claims = Subject { user_id: Uuid::new_v4(), tenant_id: tenant, permissions: own(), ..Subject::default() };
        let token = host.identity.mint(&claims, Duration::from_secs(600));
        let made = host.call("POST", LIST, &token, Some(body("crm", CANARY))).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let uses = json!({"connections": [{"nodeId": "n", "connectionExternalId": "crm", "pieceName": "text"}]});
        assert_eq!(host.call("PUT", WORKFLOW, &token, Some(uses)).await.status, 200);
        let endpoint = json!({"url": "https://example.com/"});
        assert_eq!(host.call("POST", ENDPOINTS, &token, Some(endpoint)).await.status, 201);
        let connection = made.body["id"].as_str().unwrap().to_owned();
        Self { id: claims.user_id.to_string(), tenant: tenant.to_string(), token, connection }
    }

    /// How much there is of the user: connections, uses of them, webhooks, events, sign-ins and counters.
    async fn has(&self, host: &Host) -> [i64; 6] {
        let length = async |path: &str, member: &str| {
            let answer = host.call("GET", path, &self.token, None).await;
            i64::try_from(answer.body[member].as_array().unwrap().len()).unwrap()
        };
        let rows = async |table: &str| {
            let sql = format!("SELECT COUNT(*) FROM {table} WHERE tenant_id = $1 AND owner_id = $2");
            let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(self.tenant.clone()).bind(self.id.clone());
            let row = query.fetch_one(&mut *host.db.reader(Party::Host).await.unwrap()).await.unwrap();
            row.try_get::<i64, _>(0).unwrap()
        };
        [
            length(LIST, "data").await,
            length(WORKFLOW, "connections").await,
            length(ENDPOINTS, "data").await,
            rows("connection_events").await,
            rows("oauth_sessions").await,
            rows("quota_usage").await,
        ]
    }

    async fn value(&self, host: &Host) -> u16 {
        let (tenant, id) = (&self.tenant, &self.id);
        let path = format!("/api/internal/connections/crm/decrypt?tenantId={tenant}&ownerId={id}");
        host.send(request("GET", &path).header("x-internal-token", INTERNAL).body(Body::empty()).unwrap()).await.status
    }
}

/// Actor and event of the rows about a subject.
async fn audited(host: &Host, subject: &str) -> Vec<(String, String)> {
    leno_db::audit_events(&host.db, subject).await.unwrap()
}

#[tokio::test]
async fn an_erased_user_is_gone_and_others_of_the_tenant_stay() {
    let (host, provider) = (sign_in::host().await, sign_in::Provider::start().await);
    let tenant = host.claims.tenant_id;
    let (leaving, staying) = (User::new(&host, tenant).await, User::new(&host, tenant).await);
    sign_in::serve(&host, &provider, "one", None).await;
    let begun = sign_in::begin(&host, &leaving.token, "one", "signed").await;
    let kept = audited(&host, &leaving.connection).await;
    assert!(!kept.is_empty());
    let (before, others) = (leaving.has(&host).await, staying.has(&host).await);
    assert!(before.iter().all(|count| *count > 0), "{before:?}");

    let path = format!("/api/admin/tenants/{tenant}/users/{}", leaving.id);
    host.call("DELETE", &path, &staying.token, None).await.refused(403, "admin_required");
    let erased = host.operate("DELETE", &path, None, Body::empty()).await;
    assert_eq!((erased.status, erased.body), (200, json!({"users": 1, "connections": 1})));
    assert_eq!(leaving.has(&host).await, [0; 6]);
    assert_eq!(leaving.value(&host).await, 404);
    assert_eq!((staying.has(&host).await, staying.value(&host).await), (others, 200));
    // A sign-in that was under way comes back to nothing.
    let page = begun.back(&host, "one", "").await;
    assert!(page.text.contains("invalid_state") && provider.asked() == 0, "{}", page.text);
    assert_eq!(leaving.has(&host).await, [0; 6]);

    let operator = format!("user {} of tenant {tenant}", host.claims.user_id);
    let last = (operator, "user.erased".to_owned());
    assert_eq!(audited(&host, &leaving.id).await.last(), Some(&last));
    assert_eq!(audited(&host, &leaving.connection).await, kept, "the audit log stays");
    host.operate("DELETE", &path, None, Body::empty()).await.refused(404, "user_not_found");
    assert_eq!(audited(&host, &leaving.id).await.len(), 1);
}

#[tokio::test]
async fn an_erased_tenant_is_gone_and_other_tenants_stay() {
    let host = Host::with_piece().await;
    let (leaving, staying) = (Uuid::new_v4(), Uuid::new_v4());
    let gone = [User::new(&host, leaving).await, User::new(&host, leaving).await];
    let other = User::new(&host, staying).await;
    let entries = StoreEntries::new(host.db.clone());
    let (leaving, staying) = (leaving.to_string(), staying.to_string());
    let key = |tenant| EntryKey { tenant, piece: "text", scope: "project", scope_id: "", key: "k" };
    for tenant in [&leaving, &staying] {
        entries.put(key(tenant), b"x", None).await.unwrap();
    }
    let before = other.has(&host).await;

    let path = format!("/api/admin/tenants/{leaving}");
    host.call("DELETE", &path, &other.token, None).await.refused(403, "admin_required");
    let internal = request("DELETE", &path).header("x-internal-token", INTERNAL).body(Body::empty()).unwrap();
    let erased = host.send(internal).await;
    assert_eq!((erased.status, erased.body), (200, json!({"users": 2, "connections": 2})));
    for user in &gone {
        assert_eq!((user.has(&host).await, user.value(&host).await), ([0; 6], 404));
        assert_eq!(audited(&host, &user.id).await, [("internal token".to_owned(), "user.erased".to_owned())]);
    }
    assert_eq!(entries.get(key(&leaving), 0).await.unwrap(), None);
    assert_eq!(entries.get(key(&staying), 0).await.unwrap().as_deref(), Some(&b"x"[..]));
    assert_eq!((other.has(&host).await, other.value(&host).await), (before, 200));
    assert_eq!(audited(&host, &leaving).await, [("internal token".to_owned(), "tenant.erased".to_owned())]);
    let again = host.operate("DELETE", &path, None, Body::empty()).await;
    assert_eq!((again.status, again.body), (200, json!({"users": 0, "connections": 0})));
}
