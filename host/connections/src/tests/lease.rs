//! A refresh belongs to one host, and what comes late of it is not believed blindly.

use leno_db::{ConnectionStatus, Party};
use leno_testkit::on_both;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

/// Another host takes a connection over whose refresh is under way, and the provider revokes the grant; then the response
/// comes. `alive`: the grant was not revoked after all.
async fn given_up_meanwhile(db: &Db, alive: bool) -> (Host, Provider, Owner, leno_db::ConnectionRow) {
    let (provider, owner, host) = (Provider::start().await, owner(), Host::new(db).await);
    let row = host.store(&owner, "c", &provider).await;
    host.advance(HOUR);
    provider.hold();
    let waiting = host.asks(&owner, "c");
    provider.is_asked(1).await;
    let mut tx = db.begin(Party::Host).await.unwrap();
    assert!(app_connections::broken(&mut tx, &row, None, None, "invalid_grant: used twice", 1).await.unwrap());
    tx.commit().await.unwrap();
    if !alive {
        provider.revoke();
    }
    provider.release();
    let _ = waiting.await.unwrap();
    host.connections.shutdown().await;
    (host, provider, owner, row)
}

on_both! {
    tokens_that_come_late_for_a_connection_in_error_are_refreshed_before_it_is_active_again(db) {
        let (host, provider, owner, row) = given_up_meanwhile(&db, true).await;
        let now = host.row(&row.id).await;
        assert_eq!((now.status, now.status_reason, now.rev), (ConnectionStatus::Active, None, row.rev + 2));
        assert_eq!(host.token(&owner, "c").await.unwrap(), "at-3", "the proof's token, not the late one");
        assert_eq!(provider.asked(), 2);
    }

    tokens_that_come_late_and_are_dead_leave_a_connection_in_error(db) {
        let (host, provider, owner, row) = given_up_meanwhile(&db, false).await;
        let now = host.row(&row.id).await;
        assert_eq!((now.status, now.rev), (ConnectionStatus::Error, row.rev + 1));
        assert!(now.status_reason.unwrap().contains("used twice"));
        assert!(matches!(host.token(&owner, "c").await, Err(ConnectionError::Broken { .. })));
        assert_eq!(provider.asked(), 2);
    }

    a_refresh_that_began_is_taken_over_when_its_host_is_gone_and_not_when_its_lease_has_ended(db) {
        let (provider, owner, host) = (Provider::start().await, owner(), Host::new(&db).await);
        let row = host.store(&owner, "c", &provider).await;
        let now = db.now(&*host.clock).await.unwrap();
        let other = Presence::enter(&db, "key", now).await.unwrap();
        host.begun_by(&db, &row, &other).await;
        let lease = Lease { tenant: &row.tenant_id, id: &row.id, holder: "me", host: "me" };
        let me = Presence::enter(&db, "key", now).await.unwrap();
        let take = async |at: i64| app_connections::lease(&db, &me, lease, &row, at, at + 1).await.unwrap();
        for late in [0, 1_001, 60_000] {
            assert!(!take(now + late).await, "after {late} ms");
        }
        other.leave(&db).await.unwrap();
        assert!(take(now).await);
        // One that has not begun is taken over at the end of its lease, and a host that is stopped for too long is given up.
        app_connections::release(&db, lease).await.unwrap();
        let late = host.row(&row.id).await;
        let other = Presence::enter(&db, "key", now).await.unwrap();
        host.begun_by(&db, &late, &other).await;
        assert!(!take(now + 80_000).await);
        assert!(take(now + 700_000).await);
    }

    a_lease_is_kept_alive_by_who_holds_it_only(db) {
        let (provider, owner, host) = (Provider::start().await, owner(), Host::new(&db).await);
        let row = host.store(&owner, "c", &provider).await;
        let now = db.now(&*host.clock).await.unwrap();
        let other = Presence::enter(&db, "key", now).await.unwrap();
        host.begun_by(&db, &row, &other).await;
        let lease = Lease { tenant: &row.tenant_id, id: &row.id, holder: "other", host: other.id() };
        assert!(app_connections::extend(&db, lease, now + 9_000).await.unwrap());
        assert_eq!(host.row(&row.id).await.lease_until, now + 9_000);
        assert!(!app_connections::extend(&db, Lease { holder: "me", ..lease }, now + 99_000).await.unwrap());
    }

    a_value_does_not_open_for_an_owner_a_piece_or_a_rev_that_a_statement_put_there(db) {
        let (provider, owner, host) = (Provider::start().await, owner(), Host::new(&db).await);
        for (id, change) in [
            ("owner", "UPDATE app_connection SET owner_id = 'thief' WHERE id = $1"),
            ("piece", "UPDATE app_connection SET piece_name = 'http' WHERE id = $1"),
            ("type", "UPDATE app_connection SET type = 'SECRET_TEXT' WHERE id = $1"),
            ("rev", "UPDATE app_connection SET rev = rev + 1 WHERE id = $1"),
        ] {
            let row = host.store(&owner, id, &provider).await;
            let mut tx = db.begin(Party::Host).await.unwrap();
            leno_db::users::hold(&mut tx, &owner.tenant, &"thief".into(), false, 1).await.unwrap();
            sqlx::query(change).bind(&row.id).execute(&mut *tx).await.unwrap();
            tx.commit().await.unwrap();
            let whose = if id == "owner" { Owner { user: "thief".into(), ..owner.clone() } } else { owner.clone() };
            let error = host.token(&whose, id).await.unwrap_err();
            assert!(error.to_string().contains("changed or moved"), "{id}: {error}");
            assert_eq!(host.row(&row.id).await.status, ConnectionStatus::Error, "{id}");
        }
    }

    what_moves_to_an_account_opens_there_also_when_its_token_is_renewed_meanwhile(db) {
        let (provider, real, host) = (Provider::start().await, owner(), Host::new(&db).await);
        let anonymous = host.connections.anonymous(real.tenant.clone()).await.unwrap();
        host.store(&anonymous, "c", &provider).await;
        host.advance(HOUR);
        provider.hold();
        let waiting = host.asks(&anonymous, "c");
        provider.is_asked(1).await;
        assert_eq!(host.connections.link(&anonymous, &real).await.unwrap().len(), 1);
        provider.release();
        waiting.await.unwrap().unwrap();
        assert_eq!(host.token(&real, "c").await.unwrap(), "at-2");
        assert_eq!(provider.asked(), 1);
    }

    what_a_user_without_an_account_does_after_it_was_linked_belongs_to_the_account_and_replaces_nothing(db) {
        let (provider, real, host) = (Provider::start().await, owner(), Host::new(&db).await);
        let anonymous = host.connections.anonymous(real.tenant.clone()).await.unwrap();
        host.store(&real, "c", &provider).await;
        assert!(host.connections.link(&anonymous, &real).await.unwrap().is_empty());
        for (id, stored) in [("c", "c-2"), ("d", "d"), ("c", "c-3")] {
            let row = host.store_value(&anonymous, id, json!({"type": "NO_AUTH"})).await;
            assert_eq!((row.external_id.as_str(), &row.owner_id), (stored, &real.user));
        }
        assert_eq!(host.token(&real, "c").await.unwrap(), "at-1");
        assert!(matches!(host.token(&anonymous, "d").await, Err(ConnectionError::NotFound)), "it reads nothing there");
        assert!(matches!(host.connections.link(&anonymous, &real).await, Err(ConnectionError::NotFound)), "once");
    }

    two_users_who_are_linked_and_write_at_once_do_not_wait_for_each_other(db) {
        let host = Host::new(&db).await;
        for _ in 0..8 {
            let real = owner();
            let guests = [
                host.connections.anonymous(real.tenant.clone()).await.unwrap(),
                host.connections.anonymous(real.tenant.clone()).await.unwrap(),
            ];
            for (number, guest) in guests.iter().enumerate() {
                host.store_value(guest, &format!("g{number}"), json!({"type": "NO_AUTH"})).await;
            }
            let tasks = guests.map(|guest| {
                let (connections, real) = (host.connections.clone(), real.clone());
                tokio::spawn(async move { connections.link(&guest, &real).await.unwrap().len() })
            });
            host.store_value(&real, "own", json!({"type": "NO_AUTH"})).await;
            for task in tasks {
                assert_eq!(task.await.unwrap(), 1);
            }
            let rows = host.connections.list(&real, &leno_db::ConnectionFilter::default(), None, true, 9).await.unwrap();
            assert_eq!(rows.len(), 3);
        }
    }
}
