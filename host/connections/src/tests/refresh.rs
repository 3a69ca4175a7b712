//! Each refresh token is used once, and its result is not lost.

use std::time::SystemTime;

use leno_base::ExternalId;
use leno_db::{ConnectionStatus, Party, app_connections};
use leno_testkit::on_both;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);
/// So long before its end a token of an hour is renewed.
const AHEAD: Duration = Duration::from_secs(900);

async fn herd(hosts: &[&Host], owner: &Owner, id: &str, callers: usize) -> Vec<Result<String, ConnectionError>> {
    let mut tasks = Vec::new();
    for caller in 0..callers {
        let connections = hosts[caller % hosts.len()].connections.clone();
        let (owner, id) = (owner.clone(), id.parse::<ExternalId>().unwrap());
        tasks.push(tokio::spawn(async move {
            let stored = connections.find(&owner, &id).await?;
            Ok(stored.value().await?.expose()["access_token"].as_str().unwrap().to_owned())
        }));
    }
    let mut tokens = Vec::new();
    for task in tasks {
        tokens.push(task.await.unwrap());
    }
    tokens
}

/// The owner connects again while the old credentials are being renewed, or refused.
async fn reconnected_meanwhile(host: &Host, refused: bool) {
    let (provider, owner) = (Provider::start().await, owner());
    host.store(&owner, "c", &provider).await;
    host.advance(HOUR);
    if refused {
        provider.instead(400, None, json!({"error": "invalid_grant"}));
    }
    provider.hold();
    let waiting = host.asks(&owner, "c");
    provider.is_asked(1).await;
    let mut fresh = host.tokens(&provider);
    (fresh["access_token"], fresh["refresh_token"]) = ("at-new".into(), "rt-new".into());
    let connecting = host.store_value(&owner, "c", fresh);
    // The new credentials wait for the response to the old ones, which comes.
    let (stored, ()) = tokio::join!(connecting, async { provider.release() });
    assert_eq!(waiting.await.unwrap().is_err(), refused);
    assert_eq!(stored.status, ConnectionStatus::Active);
    assert_eq!(host.token(&owner, "c").await.unwrap(), "at-new");
    let row = host.connections.find(&owner, &"c".parse().unwrap()).await.unwrap().row().clone();
    assert_eq!((row.status, row.status_reason), (ConnectionStatus::Active, None));
}

on_both! {
    a_herd_on_two_hosts_spends_a_refresh_token_once(db) {
        let (provider, owner) = (Provider::start().await, owner());
        let (one, two) = (Host::new(&db).await, Host::new(&db).await);
        one.store(&owner, "c", &provider).await;
        for host in [&one, &two] {
            host.advance(HOUR);
        }
        for token in herd(&[&one, &two], &owner, "c", 200).await {
            assert_eq!(token.unwrap(), "at-2");
        }
        assert_eq!(provider.asked(), 1);
        // And the new refresh token was kept.
        for host in [&one, &two] {
            host.advance(HOUR);
        }
        for token in herd(&[&one, &two], &owner, "c", 50).await {
            assert_eq!(token.unwrap(), "at-3");
        }
        assert_eq!(provider.asked(), 2);
    }

    a_token_that_holds_is_served_while_a_new_one_is_fetched(db) {
        let (provider, owner, host) = (Provider::start().await, owner(), Host::new(&db).await);
        host.store(&owner, "c", &provider).await;
        host.advance(HOUR - AHEAD - Duration::from_secs(1));
        assert_eq!(host.token(&owner, "c").await.unwrap(), "at-1");
        assert_eq!(provider.asked(), 0, "it is not time yet");
        provider.hold();
        host.advance(Duration::from_secs(2));
        for _ in 0..20 {
            assert_eq!(host.token(&owner, "c").await.unwrap(), "at-1");
        }
        provider.is_asked(1).await;
        assert_eq!(host.token(&owner, "c").await.unwrap(), "at-1");
        provider.release();
        host.connections.shutdown().await;
        assert_eq!(host.token(&owner, "c").await.unwrap(), "at-2");
        assert_eq!(provider.asked(), 1);
    }

    a_caller_who_goes_away_does_not_end_a_refresh(db) {
        let (provider, owner, host) = (Provider::start().await, owner(), Host::new(&db).await);
        host.store(&owner, "c", &provider).await;
        host.advance(HOUR);
        provider.hold();
        let caller = host.asks(&owner, "c");
        provider.is_asked(1).await;
        caller.abort();
        assert!(caller.await.unwrap_err().is_cancelled());
        provider.release();
        host.connections.shutdown().await;
        assert_eq!(host.token(&owner, "c").await.unwrap(), "at-2");
        assert_eq!(provider.asked(), 1);
    }

    a_revoked_grant_is_told_with_its_cause_and_not_tried_again(db) {
        let (provider, owner, host) = (Provider::start().await, owner(), Host::new(&db).await);
        let row = host.store(&owner, "c", &provider).await;
        let untouched = host.store(&owner, "d", &Provider::start().await).await;
        provider.revoke();
        host.advance(HOUR);
        for _ in 0..3 {
            let error = host.token(&owner, "c").await.unwrap_err();
            assert!(matches!(&error, ConnectionError::Broken { reason } if reason.contains("invalid_grant")), "{error}");
        }
        assert_eq!(provider.asked(), 1);
        let now = host.row(&row.id).await;
        assert_eq!(now.status, ConnectionStatus::Error);
        assert!(now.status_reason.unwrap().contains("already used"));
        assert_eq!(host.row(&untouched.id).await.status, ConnectionStatus::Active);
        let audited = leno_db::audit_events(&db, &row.id).await.unwrap();
        assert_eq!(audited.last().unwrap(), &("host".to_owned(), "connection.errored".to_owned()));
        // Connecting again mends it.
        host.clock.set(SystemTime::now());
        host.store(&owner, "c", &Provider::start().await).await;
        assert_eq!(host.token(&owner, "c").await.unwrap(), "at-1");
    }

    other_failures_wait_longer_each_time_and_keep_the_token_that_holds(db) {
        let (provider, owner, host) = (Provider::start().await, owner(), Host::new(&db).await);
        let row = host.store(&owner, "c", &provider).await;
        host.advance(HOUR - AHEAD);
        let mut last = 0;
        for round in 1..=4 {
            provider.instead(503, None, json!({"error": "server_error"}));
            assert_eq!(host.token(&owner, "c").await.unwrap(), "at-1");
            provider.is_asked(round).await;
            // The flight has ended when its entry is gone.
            let now = loop {
                let now = host.row(&row.id).await;
                if now.refresh_failures == i64::try_from(round).unwrap() { break now }
                tokio::task::yield_now().await;
            };
            assert_eq!((now.status, now.refresh_started_at), (ConnectionStatus::Active, None));
            assert!(now.status_reason.unwrap().contains("503"));
            let wait = now.retry_at.unwrap() - host.seconds() * 1_000;
            assert!(wait > last / 2, "{wait} after {last}");
            last = wait;
            // No caller asks until then.
            assert_eq!(host.token(&owner, "c").await.unwrap(), "at-1");
            assert_eq!(provider.asked(), round);
            host.advance(Duration::from_millis(u64::try_from(wait).unwrap() + 1_000));
        }
        assert_eq!(host.token(&owner, "c").await.unwrap(), "at-1");
        provider.is_asked(5).await;
        host.connections.shutdown().await;
        assert_eq!(host.token(&owner, "c").await.unwrap(), "at-2");
        assert_eq!(host.row(&row.id).await.refresh_failures, 0);
    }

    a_provider_says_how_long_to_wait_and_a_caller_is_told(db) {
        let (provider, owner, host) = (Provider::start().await, owner(), Host::new(&db).await);
        host.store(&owner, "c", &provider).await;
        host.advance(HOUR);
        provider.instead(429, Some(120), json!({}));
        for _ in 0..2 {
            let error = host.token(&owner, "c").await.unwrap_err();
            let ConnectionError::NotYet { retry_after, .. } = error else { panic!("{error}") };
            assert!(retry_after > Duration::from_secs(115) && retry_after <= Duration::from_secs(125), "{retry_after:?}");
        }
        assert_eq!(provider.asked(), 1);
        host.advance(Duration::from_secs(125));
        assert_eq!(host.token(&owner, "c").await.unwrap(), "at-2");
    }

    a_lost_answer_is_tried_once_more_and_told_as_what_it_is(db) {
        let (provider, owner, host) = (Provider::start().await, owner(), Host::new(&db).await);
        let row = host.store(&owner, "c", &provider).await;
        host.advance(HOUR);
        // Another host began, its request spent the token, and it died.
        host.begun_by_the_dead(&db, &row).await;
        provider.revoke();
        host.advance(Duration::from_secs(1));
        let error = host.token(&owner, "c").await.unwrap_err();
        assert!(matches!(&error, ConnectionError::Broken { reason } if reason.contains("refresh_response_lost")), "{error}");
        assert_eq!(provider.asked(), 1);
    }

    a_host_that_died_before_it_asked_costs_nothing(db) {
        let (provider, owner, host) = (Provider::start().await, owner(), Host::new(&db).await);
        let row = host.store(&owner, "c", &provider).await;
        host.advance(HOUR);
        host.begun_by_the_dead(&db, &row).await;
        host.advance(Duration::from_secs(1));
        assert_eq!(host.token(&owner, "c").await.unwrap(), "at-2");
        assert_eq!(host.row(&row.id).await.refresh_started_at, None);
    }

    somebody_who_renames_meanwhile_does_not_cost_the_new_token(db) {
        let (provider, owner, host) = (Provider::start().await, owner(), Host::new(&db).await);
        let row = host.store(&owner, "c", &provider).await;
        host.advance(HOUR - AHEAD);
        provider.hold();
        host.token(&owner, "c").await.unwrap();
        provider.is_asked(1).await;
        host.connections.describe(&owner, &row.id, None, Some("New name".into()), None).await.unwrap();
        provider.release();
        host.connections.shutdown().await;
        assert_eq!(host.token(&owner, "c").await.unwrap(), "at-2");
        assert_eq!(host.row(&row.id).await.display_name, "New name");
    }

    changing_the_client_waits_for_a_refresh_and_keeps_what_it_brought(db) {
        let (provider, owner, host) = (Provider::start().await, owner(), Host::new(&db).await);
        let row = host.store(&owner, "c", &provider).await;
        host.advance(HOUR - AHEAD);
        provider.hold();
        host.token(&owner, "c").await.unwrap();
        provider.is_asked(1).await;
        let changing = tokio::spawn({
            let (connections, owner, id) = (host.connections.clone(), owner.clone(), row.id.clone());
            async move {
                let change = |value: &ConnectionValue| {
                    let mut members = value.expose().clone();
                    members["client_secret"] = "new-secret".into();
                    Ok(ConnectionValue::new(members).unwrap())
                };
                connections.revalue(&owner, &id, None, change).await.map(drop)
            }
        });
        provider.release();
        changing.await.unwrap().unwrap();
        let stored = host.connections.find(&owner, &"c".parse().unwrap()).await.unwrap().value().await.unwrap();
        assert_eq!(stored.expose()["access_token"], "at-2");
        assert_eq!(stored.expose()["refresh_token"], "rt-2");
        assert_eq!(stored.expose()["client_secret"], "new-secret");
    }

    whoever_connects_again_meanwhile_keeps_the_new_credentials(db) {
        reconnected_meanwhile(&Host::new(&db).await, false).await;
    }

    a_refusal_of_what_was_replaced_meanwhile_breaks_nothing(db) {
        reconnected_meanwhile(&Host::new(&db).await, true).await;
    }

    a_host_that_was_paused_does_not_overwrite_a_newer_token(db) {
        let (provider, owner, host) = (Provider::start().await, owner(), Host::new(&db).await);
        let row = host.store(&owner, "c", &provider).await;
        host.advance(HOUR);
        assert_eq!(host.token(&owner, "c").await.unwrap(), "at-2");
        let sealed =
            leno_db::SealedValue { value: "{}".into(), key_id: "k".into(), expires_at: None, refresh_at: None, tell_at: None };
        let mut tx = db.begin(Party::Host).await.unwrap();
        let late = app_connections::refreshed(&mut tx, &row, &sealed, 1).await.unwrap();
        tx.commit().await.unwrap();
        assert!(!late);
        assert_eq!(host.token(&owner, "c").await.unwrap(), "at-2");
    }

    without_a_refresh_token_nobody_is_asked_and_the_end_is_shown(db) {
        let (provider, owner, host) = (Provider::start().await, owner(), Host::new(&db).await);
        let mut value = host.tokens(&provider);
        value["refresh_token"] = "".into();
        let row = host.store_value(&owner, "c", value).await;
        assert!(row.expires_at.is_some() && row.refresh_at.is_none(), "{row:?}");
        host.advance(2 * HOUR);
        assert_eq!(host.token(&owner, "c").await.unwrap(), "at-1");
        assert_eq!(provider.asked(), 0);
    }

    a_short_token_is_not_renewed_on_every_use(db) {
        let (provider, owner, host) = (Provider::start().await, owner(), Host::new(&db).await);
        let mut value = host.tokens(&provider);
        value["expires_in"] = 300.into();
        host.store_value(&owner, "c", value).await;
        host.advance(Duration::from_secs(140));
        assert_eq!(host.token(&owner, "c").await.unwrap(), "at-1");
        assert_eq!(provider.asked(), 0);
        host.advance(Duration::from_secs(20));
        assert_eq!(host.token(&owner, "c").await.unwrap(), "at-1");
        provider.is_asked(1).await;
    }
}
