//! What is removed is gone everywhere: its tokens at the provider, and everything of a user or a tenant here.

use leno_db::Party;
use leno_testkit::on_both;
use sqlx::Row as _;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

/// The rows of all tables in which `text` is a tenant or a user, the audit log apart.
async fn rows_of(db: &Db, column: &str, text: &str) -> i64 {
    let mut sum = 0;
    for table in [
        "users",
        "app_connection",
        "workflow_connection_ref",
        "oauth_sessions",
        "connection_events",
        "webhook_endpoints",
        "quota_usage",
    ] {
        let column = if table == "users" && column == "owner_id" { "id" } else { column };
        let sql = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table} WHERE {column} = $1"));
        let count = sqlx::query(sql).bind(text.to_owned()).fetch_one(&mut *db.reader(Party::Host).await.unwrap()).await;
        sum += count.unwrap().try_get::<i64, _>(0).unwrap();
    }
    sum
}

on_both! {
    a_removed_connections_tokens_are_revoked_and_tried_again_after_an_outage(db) {
        let (provider, owner, host) = (Provider::start().await, owner(), Host::new(&db).await);
        let row = host.store_for(&provider.piece(), &owner, "c", host.tokens(&provider)).await;
        provider.unwilling(503);
        host.connections.delete(&owner, &row.id, false).await.unwrap();
        host.connections.shutdown().await;
        assert_eq!(host.connections.revoke_due().await.unwrap(), 0, "not before its pause has passed");
        host.advance(HOUR);
        assert_eq!(host.connections.revoke_due().await.unwrap(), 1);
        assert_eq!(provider.revoked(1).await, ["rt-1"]);
        host.advance(HOUR);
        assert_eq!(host.connections.revoke_due().await.unwrap(), 0);
        let audited = leno_db::audit_events(&db, &row.id).await.unwrap();
        assert_eq!(audited.last().unwrap().1, "connection.revoked");
    }

    a_refusal_of_a_revocation_is_final_and_recorded(db) {
        let (provider, owner, host) = (Provider::start().await, owner(), Host::new(&db).await);
        let row = host.store_for(&provider.piece(), &owner, "c", host.tokens(&provider)).await;
        provider.unwilling(400);
        host.connections.delete(&owner, &row.id, false).await.unwrap();
        host.connections.shutdown().await;
        host.advance(HOUR);
        assert_eq!(host.connections.revoke_due().await.unwrap(), 0);
        assert_eq!(leno_db::audit_events(&db, &row.id).await.unwrap().last().unwrap().1, "connection.not_revoked");
    }

    who_removes_a_connection_while_its_token_is_renewed_has_the_new_token_revoked(db) {
        let (provider, owner, host) = (Provider::start().await, owner(), Host::new(&db).await);
        let row = host.store_for(&provider.piece(), &owner, "c", host.tokens(&provider)).await;
        host.advance(HOUR);
        provider.hold();
        let waiting = host.asks(&owner, "c");
        provider.is_asked(1).await;
        let removing = tokio::spawn({
            let (connections, owner) = (host.connections.clone(), owner.clone());
            async move { connections.delete(&owner, &row.id, false).await }
        });
        provider.release();
        waiting.await.unwrap().unwrap();
        removing.await.unwrap().unwrap();
        assert_eq!(provider.revoked(1).await, ["rt-2"]);
    }

    who_connects_again_has_the_old_token_revoked_and_not_the_one_that_stays(db) {
        let (provider, owner, host) = (Provider::start().await, owner(), Host::new(&db).await);
        let (piece, tokens) = (provider.piece(), host.tokens(&provider));
        host.store_for(&piece, &owner, "c", tokens.clone()).await;
        // The same refresh token with another name for it is no new one.
        let mut renamed = tokens.clone();
        renamed["access_token"] = "at-other".into();
        host.store_for(&piece, &owner, "c", renamed).await;
        let mut fresh = tokens;
        (fresh["access_token"], fresh["refresh_token"]) = ("at-new".into(), "rt-new".into());
        host.store_for(&piece, &owner, "c", fresh).await;
        assert_eq!(provider.revoked(1).await, ["rt-1"]);
        assert_eq!(host.token(&owner, "c").await.unwrap(), "at-new");
    }

    a_user_who_is_erased_leaves_nothing_but_the_audit_log_and_others_keep_theirs(db) {
        let (provider, owner, host) = (Provider::start().await, owner(), Host::new(&db).await);
        let other = Owner { user: "other".into(), ..owner.clone() };
        for whose in [&owner, &other] {
            host.store_for(&provider.piece(), whose, "c", host.tokens(&provider)).await;
        }
        assert!(rows_of(&db, "owner_id", owner.user.as_str()).await >= 3);
        let erased = host.connections.erase_user("operator", &owner).await.unwrap();
        assert_eq!((erased.users, erased.connections), (1, 1));
        assert_eq!(rows_of(&db, "owner_id", owner.user.as_str()).await, 0);
        assert_eq!(provider.revoked(1).await, ["rt-1"]);
        assert_eq!(host.token(&other, "c").await.unwrap(), "at-1");
        let audited = leno_db::audit_events(&db, owner.user.as_str()).await.unwrap();
        assert_eq!(audited.last().unwrap(), &("operator".to_owned(), "user.erased".to_owned()));
        assert!(matches!(host.connections.erase_user("operator", &owner).await, Err(ConnectionError::NotFound)));
    }

    a_tenant_that_is_erased_leaves_nothing_but_the_audit_log(db) {
        let host = Host::new(&db).await;
        let (tenant, stays) = (owner(), Owner { tenant: "stays".into(), ..owner() });
        for number in 0..3 {
            let user = Owner { user: format!("u{number}").into(), ..tenant.clone() };
            host.store_value(&user, "c", json!({"type": "NO_AUTH"})).await;
        }
        host.store_value(&stays, "c", json!({"type": "NO_AUTH"})).await;
        let entries = leno_db::StoreEntries::new(db.clone());
        let key = leno_db::EntryKey { tenant: tenant.tenant.as_str(), piece: "p", scope: "flow", scope_id: "f", key: "k" };
        entries.put(key, b"x", None).await.unwrap();
        let erased = host.connections.erase_tenant("operator", &tenant.tenant).await.unwrap();
        assert_eq!((erased.users, erased.connections), (3, 3));
        assert_eq!(rows_of(&db, "tenant_id", tenant.tenant.as_str()).await, 0);
        assert_eq!(entries.get(key, 0).await.unwrap(), None);
        assert!(rows_of(&db, "tenant_id", "stays").await > 0);
        assert_eq!(leno_db::audit_events(&db, tenant.tenant.as_str()).await.unwrap().last().unwrap().1, "tenant.erased");
        assert_eq!(host.connections.erase_tenant("operator", &tenant.tenant).await.unwrap(), Erased::default());
    }

    after_a_restoration_tokens_are_tried_and_those_that_were_used_since_say_why_they_are_dead(db) {
        let (used, unused, owner, host) = (Provider::start().await, Provider::start().await, owner(), Host::new(&db).await);
        let dead = host.store(&owner, "used", &used).await;
        let alive = host.store(&owner, "unused", &unused).await;
        let fixed = host.store_value(&owner, "fixed", json!({"type": "NO_AUTH"})).await;
        let restored = leno_db::backup::restored(&db, 1).await.unwrap();
        assert_eq!((restored.epoch, restored.on_trial), (1, 2));
        assert_eq!(host.row(&fixed.id).await.trial, 0);
        used.revoke();
        // At the first use, though the tokens have not ended.
        for id in ["used", "unused"] {
            assert_eq!(host.token(&owner, id).await.unwrap(), "at-1");
        }
        host.connections.shutdown().await;
        assert_eq!((host.token(&owner, "unused").await.unwrap(), host.row(&alive.id).await.trial), ("at-2".to_owned(), 0));
        let error = host.token(&owner, "used").await.unwrap_err();
        assert!(error.to_string().contains("restored_from_backup"), "{error}");
        assert_eq!(host.row(&dead.id).await.status, leno_db::ConnectionStatus::Error);
        assert_eq!(leno_db::backup::restored(&db, 2).await.unwrap().epoch, 2);
    }
}
