//! The state of a connection is what is true of it.

use leno_db::{ConnectionFilter, ConnectionState, ConnectionStatus, Party};
use leno_testkit::on_both;
use sqlx::Row as _;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

/// The events of an owner, oldest first.
async fn events(db: &Db, owner: &Owner) -> Vec<String> {
    const SQL: &str = "SELECT type FROM connection_events WHERE owner_id = $1 ORDER BY id";
    let rows = sqlx::query(SQL).bind(owner.user.as_str().to_owned());
    let rows = rows.fetch_all(&mut *db.reader(Party::Host).await.unwrap()).await.unwrap();
    rows.iter().map(|row| row.try_get(0).unwrap()).collect()
}

/// The owner's connections in one of these states.
async fn found(host: &Host, owner: &Owner, states: &[ConnectionState]) -> Vec<String> {
    let filter = ConnectionFilter { states: states.to_vec(), ..ConnectionFilter::default() };
    let rows = host.connections.list(owner, &filter, None, true, 10).await.unwrap();
    rows.into_iter().map(|row| row.external_id).collect()
}

on_both! {
    a_token_that_nobody_can_renew_is_told_before_and_after_its_end_and_shown_as_expired(db) {
        let (provider, owner, host) = (Provider::start().await, owner(), Host::new(&db).await);
        let mut value = host.tokens(&provider);
        value["refresh_token"] = "".into();
        let row = host.store_value(&owner, "c", value).await;
        assert_eq!(host.connections.tell_ends().await.unwrap(), 0);
        host.advance(HOUR - Duration::from_secs(300));
        assert_eq!(host.connections.tell_ends().await.unwrap(), 1);
        assert_eq!(host.connections.tell_ends().await.unwrap(), 0, "once");
        assert_eq!(host.connections.view(&host.row(&row.id).await).status, "ACTIVE");
        host.advance(Duration::from_secs(301));
        let now = host.row(&row.id).await;
        assert_eq!((host.connections.view(&now).status, now.status), ("EXPIRED", ConnectionStatus::Active));
        assert_eq!(host.connections.tell_ends().await.unwrap(), 1);
        assert_eq!(host.connections.tell_ends().await.unwrap(), 0);
        assert_eq!(events(&db, &owner).await, ["connection.created", "connection.expiring", "connection.expired"]);
        assert_eq!(found(&host, &owner, &[ConnectionState::Expired]).await, ["c"]);
        assert!(found(&host, &owner, &[ConnectionState::Active, ConnectionState::Error]).await.is_empty());
        assert!(matches!(host.connections.renew(&owner, &row.id).await, Err(ConnectionError::NotRenewable)));
        assert_eq!(provider.asked(), 0);
    }

    a_provider_that_refuses_is_no_outage_and_degrades_a_connection(db) {
        let (provider, owner, host) = (Provider::start().await, owner(), Host::new(&db).await);
        let row = host.store(&owner, "c", &provider).await;
        host.advance(HOUR);
        for round in 1..=3 {
            assert_eq!(host.connections.view(&host.row(&row.id).await).status, "ACTIVE", "before refusal {round}");
            provider.instead(401, None, json!({"error": "invalid_client", "error_description": "no such client"}));
            // Twice, as the refusal is told without asking again.
            for _ in 0..2 {
                let error = host.token(&owner, "c").await.unwrap_err();
                assert!(matches!(&error, ConnectionError::Refused { reason } if reason.contains("no such client")), "{error}");
            }
            assert_eq!(provider.asked(), round);
            host.advance(HOUR);
        }
        assert_eq!(host.connections.view(&host.row(&row.id).await).status, "DEGRADED");
        assert_eq!(found(&host, &owner, &[ConnectionState::Degraded]).await, ["c"]);
        assert_eq!(events(&db, &owner).await, ["connection.created", "connection.degraded"]);
        // Its owner corrects the client at the provider, and asks for a renewal.
        let renewed = host.connections.renew(&owner, &row.id).await.unwrap();
        assert_eq!(host.connections.view(&renewed).status, "ACTIVE");
        assert_eq!(host.token(&owner, "c").await.unwrap(), "at-2");
    }

    new_settings_do_not_make_a_broken_connection_active_and_a_renewal_does(db) {
        let (provider, owner, host) = (Provider::start().await, owner(), Host::new(&db).await);
        let row = host.store(&owner, "c", &provider).await;
        host.advance(HOUR);
        provider.instead(400, None, json!({"error": "invalid_grant"}));
        host.token(&owner, "c").await.unwrap_err();
        let change = |value: &ConnectionValue| {
            let mut members = value.expose().clone();
            members["client_secret"] = "new-secret".into();
            Ok(ConnectionValue::new(members).unwrap())
        };
        let changed = host.connections.revalue(&owner, &row.id, None, change).await.unwrap();
        assert_eq!(changed.status, ConnectionStatus::Error);
        assert!(changed.status_reason.unwrap().contains("invalid_grant"));
        provider.instead(400, None, json!({"error": "invalid_grant"}));
        assert!(matches!(host.connections.renew(&owner, &row.id).await, Err(ConnectionError::Broken { .. })));
        assert_eq!(host.row(&row.id).await.status, ConnectionStatus::Error);
        assert_eq!(host.connections.renew(&owner, &row.id).await.unwrap().status, ConnectionStatus::Active);
        assert_eq!(host.token(&owner, "c").await.unwrap(), "at-2");
    }

    an_imported_token_whose_age_is_unknown_is_renewed_at_its_first_use(db) {
        let (provider, owner, host) = (Provider::start().await, owner(), Host::new(&db).await);
        let mut value = host.tokens(&provider);
        value.as_object_mut().unwrap().shift_remove("claimed_at");
        host.store_value(&owner, "c", value).await;
        assert_eq!(host.token(&owner, "c").await.unwrap(), "at-1");
        provider.is_asked(1).await;
        host.connections.shutdown().await;
        assert_eq!(host.token(&owner, "c").await.unwrap(), "at-2");
    }

    a_token_that_nobody_uses_is_renewed_after_a_day(db) {
        let (provider, owner, host) = (Provider::start().await, owner(), Host::new(&db).await);
        host.store(&owner, "c", &provider).await;
        for (later, renewed) in [(2, 0), (21, 0), (3, 1), (1, 0)] {
            host.advance(later * HOUR);
            assert_eq!(host.connections.renew_idle().await.unwrap(), renewed, "after {later} hours more");
        }
        assert_eq!(provider.asked(), 1);
        assert_eq!(host.token(&owner, "c").await.map_err(|error| error.to_string()), Ok("at-3".to_owned()), "due by now");
    }

    a_token_that_a_service_rejects_before_its_end_is_renewed_once(db) {
        let (provider, owner, host) = (Provider::start().await, owner(), Host::new(&db).await);
        let row = host.store(&owner, "c", &provider).await;
        let value = host.connections.find(&owner, &"c".parse().unwrap()).await.unwrap().value().await.unwrap();
        assert!(host.connections.instead_of(&owner, &row.id, &value).await.is_none(), "it was just issued");
        host.advance(Duration::from_secs(600));
        let rejected = (0..8).map(|_| {
            let (connections, owner, id, value) = (host.connections.clone(), owner.clone(), row.id.clone(), value.clone());
            tokio::spawn(async move { connections.instead_of(&owner, &id, &value).await.unwrap().expose()["access_token"].clone() })
        });
        for one in rejected.collect::<Vec<_>>() {
            assert_eq!(one.await.unwrap(), "at-2");
        }
        assert_eq!(provider.asked(), 1);
        let fresh = host.connections.find(&owner, &"c".parse().unwrap()).await.unwrap().value().await.unwrap();
        assert!(host.connections.instead_of(&owner, &row.id, &fresh).await.is_none(), "the new one is rejected as well");
        assert_eq!(provider.asked(), 1);
    }

    a_search_of_names_knows_no_case_in_any_script(db) {
        let (owner, host) = (owner(), Host::new(&db).await);
        for (id, name) in [("1", "ÄRZTE-Straße"), ("2", "ΟΔΟΣ"), ("3", "Пример"), ("4", "İstanbul 100%"), ("5", "e\u{301}cole")] {
            let row = host.store_value(&owner, id, json!({"type": "NO_AUTH"})).await;
            host.connections.describe(&owner, &row.id, None, Some(name.into()), None).await.unwrap();
        }
        // As if it had been stored by an earlier version.
        let old = "UPDATE app_connection SET display_folded = NULL";
        sqlx::query(old).execute(&mut *db.writer(Party::Host).await.unwrap()).await.unwrap();
        db.migrate().await.unwrap();
        for (part, expected) in [("ärzte", "1"), ("STRASSE", "1"), ("οδος", "2"), ("οδοσ", "2"), ("пРИМЕР", "3"), ("100%", "4"), ("ÉCOLE", "5")] {
            let filter = ConnectionFilter { display_name: Some(part.into()), ..ConnectionFilter::default() };
            let rows = host.connections.list(&owner, &filter, None, true, 10).await.unwrap();
            let ids: Vec<_> = rows.iter().map(|row| row.external_id.as_str()).collect();
            assert_eq!(ids, [expected], "{part}");
        }
    }
}
