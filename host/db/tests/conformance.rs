//! One suite for both databases: every claim is checked on SQLite, and on the PostgreSQL server of this machine.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

use std::time::Duration;

use leno_base::{Digest, budget::Budgets};
use leno_db::{
    BUDGETS, Busy, Db, DbError, DeliveryRow, EndpointRow, EntryKey, EventRow, Kind, MostStored, OAuthSession, Party,
    PieceVersion, PieceVersions, StoreEntries, StoreError, WorkflowRef, app_connections,
    endpoints::{self, Claimed},
    events, oauth_sessions,
    queue::{self, Most},
    quota::{self, Counted},
    users, workflow_refs,
};
use leno_testkit::{fresh::Fresh, on_both};

fn key<'a>(tenant: &'a str, piece: &'a str, scope: &'a str, scope_id: &'a str, key: &'a str) -> EntryKey<'a> {
    EntryKey { tenant, piece, scope, scope_id, key }
}

const KEY: EntryKey<'_> = EntryKey { tenant: "t", piece: "p", scope: "flow", scope_id: "f", key: "k" };

/// An endpoint of user `u` of tenant `t`.
async fn endpoint(db: &Db, id: &str, events: &str) {
    endpoint_of(db, "t", "u", id, events).await;
}

async fn endpoint_of(db: &Db, tenant: &str, owner: &str, id: &str, events: &str) {
    let (tenant, owner) = (tenant.into(), owner.into());
    let row = EndpointRow {
        id: id.into(),
        url: "https://example.com/".into(),
        events: events.into(),
        disabled_at: None,
        created_at: 1,
    };
    let mut tx = db.begin(Party::Host).await.unwrap();
    users::hold(&mut tx, &tenant, &owner, false, 1).await.unwrap();
    endpoints::insert(&mut tx, &tenant, &owner, &row, ("sealed", "key")).await.unwrap();
    tx.commit().await.unwrap();
}

/// An event of user `owner` of tenant `t`.
async fn event(db: &Db, id: &str, owner: &str, kind: &str, at: i64) -> EventRow {
    event_of(db, "t", owner, id, kind, at).await.0
}

/// An event, and how many were given up for it. At most three wait for one endpoint.
async fn event_of(db: &Db, tenant: &str, owner: &str, id: &str, kind: &str, at: i64) -> (EventRow, u64) {
    let event = EventRow {
        id: id.into(),
        seq: 0,
        xact: 0,
        tenant: tenant.into(),
        owner: owner.into(),
        kind: kind.into(),
        payload: "{}".into(),
        created_at: at,
    };
    let mut tx = db.begin(Party::Host).await.unwrap();
    let event = events::append(&mut tx, db.kind(), event).await.unwrap();
    let dropped = endpoints::enqueue(&mut tx, db.kind(), &event, 3).await.unwrap();
    tx.commit().await.unwrap();
    (event, dropped)
}

const ANY: Most = Most { owner: 50, tenant: 50, all: 50 };

/// Claims what is due, for 100 ms.
async fn claim_due(db: &Db, now: i64, most: Most) -> Vec<Claimed> {
    let mut claimed = Vec::new();
    for due in queue::due(db, now, most).await.unwrap() {
        claimed.extend(queue::claim(db, due, now, now + 100).await.unwrap());
    }
    claimed
}

/// How much user `u` of tenant `t` has, and how much the tenant.
async fn used(db: &Db, counted: Counted) -> (u64, u64) {
    let mut connection = db.reader(Party::Host).await.unwrap();
    let user = quota::used(&mut connection, &"t".into(), "u", counted).await.unwrap();
    (user, quota::used(&mut connection, &"t".into(), "", counted).await.unwrap())
}

/// A tenant, as one who takes turns.
fn party(tenant: &str) -> Party {
    Party::Tenant(tenant.into())
}

/// Budgets with these limits.
fn budgets(limits: &[(&str, u64)]) -> Budgets {
    let spec = |env| *BUDGETS.iter().find(|spec| spec.env == env).unwrap();
    Budgets::new(limits.iter().map(|(env, limit)| (spec(*env), *limit)))
}

/// So many uses of the connection `c` in the workflow `w`.
fn uses(count: usize) -> Vec<WorkflowRef> {
    let one = |number| WorkflowRef {
        workflow_id: "w".into(),
        node_id: format!("{number:05}"),
        external_id: "c".into(),
        piece_name: "p".into(),
    };
    (0..count).map(one).collect()
}

/// Makes them the uses of user `u` of tenant `t` in `workflow`.
async fn refer(db: &Db, workflow: &str, refs: &[WorkflowRef]) -> Result<(), DbError> {
    let (tenant, owner) = ("t".into(), "u".into());
    let mut tx = db.begin(&tenant).await?;
    users::hold(&mut tx, &tenant, &owner, false, 1).await?;
    workflow_refs::replace(&mut tx, db.rows(), (&tenant, &owner), workflow, refs, 1).await?;
    tx.commit().await
}

async fn deliveries(db: &Db, endpoint: &str, status: Option<&str>) -> Vec<DeliveryRow> {
    endpoints::deliveries(db, &"t".into(), &"u".into(), endpoint, status, 100).await.unwrap().unwrap()
}

on_both! {
    what_is_put_is_got_byte_for_byte_and_put_again_replaces_it(db) {
        let entries = StoreEntries::new(db);
        assert_eq!(entries.get(KEY, 0).await.unwrap(), None);
        let every_byte: Vec<u8> = (0..=255).cycle().take(512 << 10).collect();
        for value in [&every_byte[..], b"", b"short", b"\0"] {
            entries.put(KEY, value, None).await.unwrap();
            assert_eq!(entries.get(KEY, i64::MAX - 1).await.unwrap().as_deref(), Some(value));
        }
        entries.delete(KEY).await.unwrap();
        entries.delete(KEY).await.unwrap();
        assert_eq!(entries.get(KEY, 0).await.unwrap(), None);
    }

    no_part_of_a_key_reaches_into_another(db) {
        let entries = StoreEntries::new(db);
        let keys = [
            KEY,
            key("T", "p", "flow", "f", "k"),
            key("t", "P", "flow", "f", "k"),
            key("t", "p", "project", "f", "k"),
            key("t", "p", "flow", "", "k"),
            key("t", "p", "flow", "f", "K"),
            key("t", "p", "flow", "f", "k "),
            key("t", "p", "flow", "f", "%"),
            key("t", "p", "flow", "f", "'; DROP TABLE store_entries; --"),
            key("t", "p", "flow", "f", "$1"),
            key("t", "p", "flow", "f", "é"),
            key("t", "p", "flow", "f", "e\u{301}"),
            key("t", "pf", "low", "f", "k"),
        ];
        for (number, key) in keys.iter().enumerate() {
            entries.put(*key, &[number as u8], None).await.unwrap();
        }
        for (number, key) in keys.iter().enumerate() {
            assert_eq!(entries.get(*key, 0).await.unwrap(), Some(vec![number as u8]), "{key:?}");
        }
        entries.delete(KEY).await.unwrap();
        assert_eq!(entries.get(keys[1], 0).await.unwrap(), Some(vec![1]));
    }

    an_expired_value_is_absent_for_everybody_and_cleaned_up_later(db) {
        let entries = StoreEntries::new(db);
        let forever = key("t", "p", "flow", "f", "forever");
        entries.put(KEY, b"old", Some(100)).await.unwrap();
        entries.put(forever, b"x", None).await.unwrap();
        assert_eq!(entries.get(KEY, 99).await.unwrap().as_deref(), Some(&b"old"[..]));
        assert_eq!(entries.get(KEY, 100).await.unwrap(), None);
        assert!(!entries.compare_and_set(KEY, Some(b"old"), b"new", 100).await.unwrap());
        assert!(!entries.compare_and_set(KEY, None, b"new", 99).await.unwrap());
        assert!(entries.compare_and_set(KEY, None, b"new", 100).await.unwrap());
        assert_eq!(entries.get(KEY, i64::MAX).await.unwrap().as_deref(), Some(&b"new"[..]), "the new one does not expire");

        entries.put(KEY, b"a", Some(100)).await.unwrap();
        assert_eq!(entries.delete_expired(99).await.unwrap(), 0);
        assert_eq!(entries.delete_expired(100).await.unwrap(), 1);
        assert_eq!(entries.delete_expired(100).await.unwrap(), 0);
        assert!(entries.get(forever, 100).await.unwrap().is_some());
    }

    compare_and_set_changes_only_what_was_seen_and_what_it_sets_does_not_expire(db) {
        let entries = StoreEntries::new(db);
        assert!(!entries.compare_and_set(KEY, Some(b"a"), b"b", 0).await.unwrap());
        assert!(entries.compare_and_set(KEY, None, b"", 0).await.unwrap());
        assert!(!entries.compare_and_set(KEY, None, b"b", 0).await.unwrap());
        assert!(entries.compare_and_set(KEY, Some(b""), b"b", 0).await.unwrap());
        assert!(entries.compare_and_set(KEY, Some(b"b"), b"b", 0).await.unwrap());
        assert!(!entries.compare_and_set(KEY, Some(b"B"), b"c", 0).await.unwrap());
        assert_eq!(entries.get(KEY, 0).await.unwrap().as_deref(), Some(&b"b"[..]));

        entries.put(KEY, b"1", Some(100)).await.unwrap();
        assert!(entries.compare_and_set(KEY, Some(b"1"), b"2", 50).await.unwrap());
        assert_eq!(entries.get(KEY, 100).await.unwrap().as_deref(), Some(&b"2"[..]));
    }

    of_many_rivals_no_update_is_lost(db) {
        let entries = StoreEntries::new(db);
        let rivals: Vec<_> = (0..8).map(|_| {
            let entries = entries.clone();
            tokio::spawn(async move {
                for _ in 0..10 {
                    loop {
                        let old = entries.get(KEY, 0).await.unwrap();
                        let count = old.as_deref().map_or(0, |bytes| u32::from_le_bytes(bytes.try_into().unwrap()));
                        let new = (count + 1).to_le_bytes();
                        if entries.compare_and_set(KEY, old.as_deref(), &new, 0).await.unwrap() {
                            break;
                        }
                    }
                }
            })
        }).collect();
        for rival in rivals {
            rival.await.unwrap();
        }
        assert_eq!(entries.get(KEY, 0).await.unwrap(), Some(80_u32.to_le_bytes().to_vec()));
    }

    the_history_keeps_the_first_and_the_last_time_of_each_component(db) {
        let versions = PieceVersions::new(db);
        let (one, two) = (Digest::of(b"one"), Digest::of(b"two"));
        versions.loaded("p", "1.0.0", one, "p.wasm", 1).await.unwrap();
        versions.loaded("p", "1.0.0", two, "p.wasm", 2).await.unwrap();
        versions.loaded("p", "1.0.0", one, "p-1.wasm", 3).await.unwrap();
        versions.loaded("q", "1.0.0", one, "q.wasm", 4).await.unwrap();
        let seen: Vec<_> = versions.of("p").await.unwrap();
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[0], PieceVersion {
            name: "p".into(), version: "1.0.0".into(), digest: one.to_string(), file: "p-1.wasm".into(),
            first_seen_at: 1, last_loaded_at: 3,
        });
        assert_eq!(seen[1].digest, two.to_string());
    }

    an_event_goes_to_the_endpoints_of_its_owner_that_want_it(db) {
        endpoint(&db, "all", "[]").await;
        endpoint(&db, "some", r#"["connection.errored"]"#).await;
        endpoint(&db, "gone", "[]").await;
        endpoints::disable(&db, "gone", "gone", 5).await.unwrap();
        let first = event(&db, "1", "u", "connection.created", 10).await;
        let second = event(&db, "2", "u", "connection.errored", 20).await;
        let other = event(&db, "3", "v", "connection.errored", 30).await;
        let ids = |rows: Vec<DeliveryRow>| rows.into_iter().map(|row| row.event_id).collect::<Vec<_>>();
        assert_eq!(ids(deliveries(&db, "all", None).await), ["2", "1"]);
        assert_eq!(ids(deliveries(&db, "some", None).await), ["2"]);
        assert!(deliveries(&db, "gone", None).await.is_empty());
        assert_eq!(endpoints::deliveries(&db, &"t".into(), &"v".into(), "all", None, 9).await.unwrap(), None);
        assert_eq!(events::since(&db, (first.xact, first.seq), 9).await.unwrap(), [second.clone(), other]);
        let own = events::of_owner_since(&db, &"t".into(), &"u".into(), 0, 9).await.unwrap();
        assert_eq!(own, [first, second]);
        assert!(!endpoints::remove(&db, &"t".into(), &"v".into(), "all").await.unwrap());
        assert!(endpoints::remove(&db, &"t".into(), &"u".into(), "all").await.unwrap());
    }

    an_event_whose_transaction_takes_long_is_not_missed_and_those_of_one_owner_come_in_its_order(db) {
        let started = events::horizon(&db).await.unwrap();
        let mut slow = db.begin(Party::Host).await.unwrap();
        let row = EventRow {
            id: "9".into(), seq: 0, xact: 0, tenant: "t".into(), owner: "u".into(), kind: "k".into(), payload: "{}".into(), created_at: 9,
        };
        let first = events::append(&mut slow, db.kind(), row).await.unwrap();
        let begin = |id: &'static str, owner: &'static str| {
            let db = db.clone();
            tokio::spawn(async move { event(&db, id, owner, "k", 1).await })
        };
        let mut others = vec![begin("2", "v")];
        let ids = |from: i64| {
            let db = db.clone();
            async move { events::since(&db, (from - 1, i64::MAX), 9).await.unwrap().into_iter().map(|event| event.id).collect::<Vec<_>>() }
        };
        let mut seen = Vec::new();
        if db.kind() == Kind::Postgres {
            others.pop().unwrap().await.unwrap();
            // The same owner's waits, so its number is later and it ends later.
            others.push(begin("1", "u"));
            seen = ids(started).await;
            assert_eq!(seen, ["2"]);
        } else {
            others.push(begin("1", "u"));
        }
        let horizon = events::horizon(&db).await.unwrap();
        assert!(horizon <= first.xact);
        slow.commit().await.unwrap();
        for other in others {
            other.await.unwrap();
        }
        seen.extend(ids(horizon).await);
        seen.sort();
        seen.dedup();
        assert_eq!(seen, ["1", "2", "9"]);
        let own = events::of_owner_since(&db, &"t".into(), &"u".into(), 0, 9).await.unwrap();
        assert_eq!(own.into_iter().map(|event| event.id).collect::<Vec<_>>(), ["9", "1"]);
        let place = async |after| events::place(&db, &"t".into(), &"u".into(), after).await.unwrap();
        assert_eq!((place(Some(("9", 0))).await, place(Some(("gone", 9))).await), (first.seq, first.seq - 1));
        assert_eq!(place(Some(("gone", 99))).await, place(None).await);
    }

    of_many_hosts_one_claims_a_delivery_and_only_the_oldest_of_an_endpoint(db) {
        endpoint(&db, "a", "[]").await;
        endpoint(&db, "b", "[]").await;
        for id in ["1", "2", "3"] {
            event(&db, id, "u", "connection.created", 10).await;
        }
        let claim = |now| {
            let db = db.clone();
            tokio::spawn(async move { claim_due(&db, now, ANY).await })
        };
        let mut got = Vec::new();
        for rival in (0..8).map(|_| claim(20)).collect::<Vec<_>>() {
            got.extend(rival.await.unwrap());
        }
        got.sort_by(|a, b| a.endpoint.cmp(&b.endpoint));
        let seen: Vec<_> = got.iter().map(|one| (one.endpoint.as_str(), one.event_id.as_str(), one.attempt)).collect();
        assert_eq!(seen, [("a", "1", 1), ("b", "1", 1)]);

        // The one is done, the next of that endpoint is due; the other waits for its time.
        assert!(endpoints::settle(&db, &got[0], endpoints::Outcome::Delivered, false, 30).await.unwrap());
        let again = endpoints::Outcome::Again { at: 500, error: "no" };
        assert!(endpoints::settle(&db, &got[1], again, true, 30).await.unwrap());
        assert!(!endpoints::settle(&db, &got[1], again, true, 30).await.unwrap());
        let next = claim(40).await.unwrap();
        assert_eq!(next.len(), 1);
        assert_eq!((next[0].endpoint.as_str(), next[0].event_id.as_str()), ("a", "2"));
        assert!(claim(139).await.unwrap().is_empty());
        // An expired claim can be taken by any host.
        let expired = claim(140).await.unwrap();
        assert_eq!((expired[0].event_id.as_str(), expired[0].attempt), ("2", 2));
        assert!(!endpoints::settle(&db, &next[0], endpoints::Outcome::Delivered, false, 141).await.unwrap());
        assert_eq!(claim(500).await.unwrap().len(), 2);
    }

    what_is_old_goes_and_what_waits_too_long_is_given_up(db) {
        endpoint(&db, "a", "[]").await;
        for (id, at) in [("1", 10), ("2", 20), ("3", 30)] {
            event(&db, id, "u", "connection.created", at).await;
        }
        let claimed = claim_due(&db, 40, ANY).await;
        endpoints::settle(&db, &claimed[0], endpoints::Outcome::Delivered, false, 40).await.unwrap();
        assert_eq!(endpoints::expire(&db, 25, "too long", 60).await.unwrap(), 1);
        let dead = deliveries(&db, "a", Some("DEAD")).await;
        assert_eq!((dead[0].event_id.as_str(), dead[0].last_error.as_deref()), ("2", Some("too long")));
        assert_eq!(endpoints::clean(&db, 40, 60).await.unwrap(), 0);
        assert_eq!(endpoints::clean(&db, 41, 60).await.unwrap(), 1);
        assert_eq!(endpoints::clean(&db, 41, 61).await.unwrap(), 1);
        assert_eq!(deliveries(&db, "a", None).await.len(), 1);
        assert_eq!(events::delete_before(&db, 30).await.unwrap(), 2);
        assert_eq!(events::since(&db, (-1, 0), 9).await.unwrap().len(), 1);
    }

    owners_and_tenants_take_turns_and_slow_endpoints_come_last(db) {
        for (tenant, owner, endpoints) in [("t", "u", ["1", "2", "3"]), ("t", "v", ["4", "5", "6"]), ("s", "w", ["7", "8", "9"])] {
            for (id, at) in endpoints.iter().zip(0..) {
                endpoint_of(&db, tenant, owner, id, "[]").await;
                // It goes to all endpoints of the owner so far.
                event_of(&db, tenant, owner, &format!("{id}-event"), "connection.created", at).await;
            }
        }
        let ids = |most| {
            let db = db.clone();
            async move { queue::due(&db, 50, most).await.unwrap().into_iter().map(|due| due.endpoint).collect::<Vec<_>>() }
        };
        assert_eq!(ids(Most { owner: 1, tenant: 1, all: 9 }).await.len(), 2);
        let mut two = ids(Most { owner: 1, tenant: 2, all: 9 }).await;
        two.sort();
        assert_eq!(two, ["1", "4", "7"]);
        let all = ids(ANY).await;
        assert_eq!(all.len(), 9);
        // The first of each owner goes before the second of any, and a tenant with one owner has as many turns.
        let place = |id: &str| all.iter().position(|each| each == id).unwrap();
        assert!(place("1") < place("2") && place("4") < place("2") && place("7") < place("8") && place("8") < place("3"), "{all:?}");

        let claimed = claim_due(&db, 60, ANY).await;
        let again = endpoints::Outcome::Again { at: 60, error: "no" };
        for one in &claimed {
            assert!(endpoints::settle(&db, one, again, one.endpoint == "1", 60).await.unwrap());
        }
        let due = queue::due(&db, 61, ANY).await.unwrap();
        assert_eq!((due[8].endpoint.as_str(), due[8].slow), ("1", true));
        assert!(due[..8].iter().all(|due| !due.slow));
    }

    when_too_many_events_wait_the_oldest_that_was_never_sent_is_given_up_and_the_next_one_tells_it(db) {
        endpoint(&db, "a", "[]").await;
        let happen = |id: &'static str| {
            let db = db.clone();
            async move { event_of(&db, "t", "u", id, "connection.created", 10).await.1 }
        };
        for id in ["1", "2", "3"] {
            assert_eq!(happen(id).await, 0);
        }
        let first = claim_due(&db, 20, ANY).await.remove(0);
        assert_eq!((first.event_id.as_str(), first.dropped), ("1", 0));
        assert_eq!((happen("4").await, happen("5").await), (1, 1));
        let dead = deliveries(&db, "a", Some("DEAD")).await;
        let dead: Vec<_> = dead.iter().map(|row| (row.event_id.as_str(), row.last_error.as_deref().unwrap())).collect();
        assert_eq!(dead, [("3", "too many events waited for this endpoint"), ("2", "too many events waited for this endpoint")]);
        assert!(endpoints::settle(&db, &first, endpoints::Outcome::Delivered, false, 30).await.unwrap());
        let next = claim_due(&db, 40, ANY).await.remove(0);
        assert_eq!((next.event_id.as_str(), next.dropped), ("4", 2));
        assert!(endpoints::settle(&db, &next, endpoints::Outcome::Delivered, false, 50).await.unwrap());
        assert_eq!(claim_due(&db, 60, ANY).await[0].dropped, 0);
        // Not even the one that waits may go, when it was sent before.
        let mut tx = db.begin(Party::Host).await.unwrap();
        let event = EventRow { id: "6".into(), seq: 6, xact: 0, tenant: "t".into(), owner: "u".into(), kind: "k".into(), payload: "{}".into(), created_at: 70 };
        assert_eq!(endpoints::enqueue(&mut tx, db.kind(), &event, 1).await.unwrap(), 1);
        tx.commit().await.unwrap();
        assert_eq!(deliveries(&db, "a", Some("DEAD")).await[0].event_id, "6");
    }

    the_oldest_events_of_an_owner_go_with_their_deliveries(db) {
        endpoint(&db, "a", "[]").await;
        for id in ["1", "2", "3"] {
            event(&db, id, "u", "connection.created", 10).await;
        }
        event(&db, "0", "v", "connection.created", 10).await;
        let claimed = claim_due(&db, 20, ANY).await;
        endpoints::settle(&db, &claimed[0], endpoints::Outcome::Delivered, false, 20).await.unwrap();
        let mut tx = db.begin(Party::Host).await.unwrap();
        events::drop_oldest(&mut tx, &"t".into(), &"u".into(), 2).await.unwrap();
        tx.commit().await.unwrap();
        let left: Vec<_> = events::since(&db, (-1, 0), 9).await.unwrap().into_iter().map(|event| event.id).collect();
        assert_eq!(left, ["3", "0"]);
        let rows = deliveries(&db, "a", None).await;
        assert_eq!(rows.iter().map(|row| row.event_id.as_str()).collect::<Vec<_>>(), ["3", "2"], "what is on its way stays");
        assert_eq!(used(&db, Counted::Events).await.0, 1);
    }

    what_users_and_tenants_have_is_counted_however_it_comes_and_goes(db) {
        let session = |hash: &str| OAuthSession {
            state_hash: hash.into(), tenant: "t".into(), owner: "u".into(), browser_hash: "b".into(), draft: "d".into(),
            key_id: "k".into(), expires_at: 100,
        };
        let mut tx = db.begin(Party::Host).await.unwrap();
        for hash in ["1", "2", "3"] {
            oauth_sessions::insert(&mut tx, &session(hash), 1).await.unwrap();
        }
        tx.commit().await.unwrap();
        assert_eq!(used(&db, Counted::SignIns).await, (3, 3));
        assert!(oauth_sessions::take(&db, "1", "b", 50).await.unwrap().is_some());
        assert_eq!(used(&db, Counted::SignIns).await, (2, 2));
        assert_eq!(oauth_sessions::delete_expired(&db, 100).await.unwrap(), 2);
        assert_eq!(used(&db, Counted::SignIns).await, (0, 0));

        let sealed = leno_db::SealedValue { value: "v".into(), key_id: "k".into(), expires_at: None, refresh_at: None, tell_at: None };
        let mut tx = db.begin(Party::Host).await.unwrap();
        let (tenant, user, other) = ("t".into(), "u".into(), "o".into());
        users::hold(&mut tx, &tenant, &user, true, 1).await.unwrap();
        users::hold(&mut tx, &tenant, &other, false, 1).await.unwrap();
        for id in ["1", "2", "3"] {
            let row = leno_db::ConnectionRow::blank(id.into(), tenant.clone(), user.clone(), id.into(), 1);
            assert!(app_connections::insert(&mut tx, &row, &sealed).await.unwrap());
        }
        tx.commit().await.unwrap();
        endpoint(&db, "a", "[]").await;
        assert_eq!((used(&db, Counted::Connections).await, used(&db, Counted::Endpoints).await), ((3, 3), (1, 1)));
        let mut tx = db.begin(Party::Host).await.unwrap();
        let (row, text) = app_connections::lock_all(&mut tx, &tenant, &user).await.unwrap().remove(0);
        assert!(app_connections::hand_over(&mut tx, &row, (&other, "1"), &text, Some(("v2", "k")), 2).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(used(&db, Counted::Connections).await, (2, 3));
        // What belongs to a user goes with the user.
        let mut tx = db.begin(Party::Host).await.unwrap();
        assert!(users::remove(&mut tx, &tenant, &user).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!((used(&db, Counted::Connections).await, used(&db, Counted::Endpoints).await), ((0, 1), (0, 0)));
        let totals = quota::totals(&db).await.unwrap();
        assert_eq!((totals[0], totals[2]), ((Counted::Connections, 1), (Counted::Endpoints, 0)));
    }

    what_a_piece_stores_is_counted_to_the_byte_and_refused_beyond_the_limit(db) {
        let entries = StoreEntries::within(db.clone(), MostStored { keys: 2, bytes: 10 });
        let other = key("t", "p", "flow", "g", "k");
        let third = key("t", "p", "project", "", "k");
        let held = || {
            let db = db.clone();
            async move {
                let mut connection = db.reader(Party::Host).await.unwrap();
                let keys = quota::used(&mut connection, &"t".into(), "p", Counted::StoreKeys).await.unwrap();
                (keys, quota::used(&mut connection, &"t".into(), "p", Counted::StoreBytes).await.unwrap())
            }
        };
        entries.put(KEY, b"123456", Some(100)).await.unwrap();
        assert_eq!(held().await, (1, 6));
        assert!(matches!(entries.put(other, b"12345", None).await, Err(StoreError::TooManyBytes)));
        // A value that is replaced counts the difference.
        entries.put(KEY, b"1234567890", None).await.unwrap();
        assert!(matches!(entries.put(KEY, b"12345678901", None).await, Err(StoreError::TooManyBytes)));
        assert_eq!(entries.get(KEY, 50).await.unwrap().as_deref(), Some(&b"1234567890"[..]));
        entries.put(KEY, b"1", Some(40)).await.unwrap();
        entries.put(other, b"1", None).await.unwrap();
        assert!(matches!(entries.put(third, b"22", None).await, Err(StoreError::TooManyKeys)));
        assert!(matches!(entries.compare_and_set(third, None, b"22", 50).await, Err(StoreError::TooManyKeys)));
        // What has expired makes room once it is removed.
        assert_eq!(entries.delete_expired_of("t", "q", 50).await.unwrap(), 0);
        assert_eq!(entries.delete_expired_of("t", "p", 50).await.unwrap(), 1);
        entries.put(third, b"22", None).await.unwrap();
        assert_eq!(held().await, (2, 3));
        let set = |new: &'static [u8]| entries.compare_and_set(other, Some(b"1"), new, 50);
        assert!(matches!(set(b"123456789").await, Err(StoreError::TooManyBytes)));
        assert!(set(b"12345678").await.unwrap());
        assert_eq!(entries.get(other, 50).await.unwrap().as_deref(), Some(&b"12345678"[..]));
        entries.put(key("t", "q", "flow", "f", "k"), b"1234567890", None).await.unwrap();
        entries.delete(other).await.unwrap();
        entries.delete(third).await.unwrap();
        assert_eq!(held().await, (0, 0));
    }

    of_many_rivals_who_store_none_gets_beyond_the_limit(db) {
        let entries = StoreEntries::within(db.clone(), MostStored { keys: 25, bytes: 1_000 });
        let rivals: Vec<_> = (0..8).map(|rival| {
            let entries = entries.clone();
            tokio::spawn(async move {
                let mut kept = 0;
                for number in 0..10 {
                    let name = format!("{rival}-{number}");
                    kept += i32::from(entries.put(key("t", "p", "flow", "f", &name), b"x", None).await.is_ok());
                }
                kept
            })
        }).collect();
        let mut kept = 0;
        for rival in rivals {
            kept += rival.await.unwrap();
        }
        assert_eq!(kept, 25);
    }

    an_endpoint_may_be_removed_while_events_are_written(db) {
        for round in 0..10 {
            let name = format!("e{round}");
            endpoint(&db, &name, "[]").await;
            let writer = {
                let db = db.clone();
                tokio::spawn(async move { event(&db, &format!("{round}"), "u", "connection.created", 1).await })
            };
            assert!(endpoints::remove(&db, &"t".into(), &"u".into(), &name).await.unwrap());
            writer.await.unwrap();
        }
    }

    a_reader_waits_for_no_writer_and_sees_what_was_committed(db) {
        let entries = StoreEntries::new(db.clone());
        entries.put(KEY, b"old", None).await.unwrap();
        let mut tx = db.begin(&"t".into()).await.unwrap();
        sqlx::query("DELETE FROM store_entries").execute(&mut *tx).await.unwrap();
        let read = tokio::time::timeout(Duration::from_secs(1), entries.get(KEY, 0)).await.unwrap().unwrap();
        assert_eq!(read.as_deref(), Some(&b"old"[..]));
        tx.commit().await.unwrap();
        assert_eq!(entries.get(KEY, 0).await.unwrap(), None);
    }

    many_uses_are_written_whole_and_in_place_of_what_was_there(db) {
        for count in [1_001, 250, 1, 0, 2_000] {
            let refs = uses(count);
            refer(&db, "w", &refs).await.unwrap();
            assert_eq!(workflow_refs::of_workflow(&db, &"t".into(), &"u".into(), "w").await.unwrap(), refs);
        }
    }

    who_has_the_most_uses_gets_no_more_and_keeps_what_was_there(db) {
        let limit = |error: DbError| match error {
            DbError::Full(refusal) => refusal.spec.env,
            other => panic!("{other}"),
        };
        refer(&db, "w", &uses(7)).await.unwrap();
        assert_eq!(limit(refer(&db, "w", &uses(2_001)).await.unwrap_err()), "LENO_WORKFLOW_USES");
        assert_eq!(workflow_refs::of_workflow(&db, &"t".into(), &"u".into(), "w").await.unwrap(), uses(7));
        for workflow in 0..9 {
            refer(&db, &format!("w{workflow}"), &uses(2_000)).await.unwrap();
        }
        refer(&db, "w", &uses(2_000)).await.unwrap();
        assert_eq!(limit(refer(&db, "one more", &uses(1)).await.unwrap_err()), "LENO_WORKFLOW_USES_PER_USER");
        refer(&db, "w", &uses(1_999)).await.unwrap();
        refer(&db, "one more", &uses(1)).await.unwrap();
    }

    of_two_parties_the_one_with_less_is_served_first_and_the_host_sees_that_the_database_lives(db) {
        // As much as one party gets.
        let mut held = Vec::new();
        while let Ok(tx) = tokio::time::timeout(Duration::from_secs(2), db.begin(party("many"))).await {
            held.push(tx.unwrap());
        }
        let (order, mut served) = tokio::sync::mpsc::unbounded_channel();
        for tenant in ["many"; 20].into_iter().chain(["few"]) {
            let (db, order) = (db.clone(), order.clone());
            tokio::spawn(async move {
                let tx = db.begin(party(tenant)).await.unwrap();
                order.send(tenant).unwrap();
                drop(tx);
            });
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::timeout(Duration::from_secs(1), db.ping()).await.unwrap().unwrap();
        let mut seen = Vec::new();
        if db.kind() == Kind::Postgres {
            // Of many connections, some are left for it.
            seen.push(served.recv().await.unwrap());
        }
        drop(held);
        while seen.len() < 21 {
            seen.push(served.recv().await.unwrap());
        }
        assert_eq!(seen[0], "few", "{seen:?}");
    }

    migrating_twice_or_from_two_hosts_at_once_does_no_harm(db) {
        let (first, second) = tokio::join!(db.migrate(), db.migrate());
        first.unwrap();
        second.unwrap();
        db.ping().await.unwrap();
    }
}

#[tokio::test]
async fn two_hosts_may_start_on_one_empty_database() {
    let sqlite = Fresh::sqlite();
    let postgres = Fresh::postgres("two_hosts_may_start_on_one_empty_database").await;
    for fresh in [Some(sqlite), postgres].into_iter().flatten() {
        let (first, second) = tokio::join!(fresh.open(), fresh.open());
        first.close().await;
        second.close().await;
        fresh.remove().await;
    }
}

#[tokio::test]
async fn a_sqlite_file_is_made_for_its_owner_alone_and_survives_a_restart() {
    use std::os::unix::fs::MetadataExt as _;
    let fresh = Fresh::sqlite();
    let db = fresh.open().await;
    assert_eq!(db.kind(), Kind::Sqlite);
    StoreEntries::new(db.clone()).put(KEY, b"v", None).await.unwrap();
    let Fresh::Sqlite(directory) = &fresh else { panic!() };
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().mode() & 0o777, 0o600, "{:?}", entry.file_name());
    }
    for (pragma, expected) in
        [("journal_mode", "wal"), ("synchronous", "2"), ("foreign_keys", "1"), ("busy_timeout", "5000")]
    {
        let sql = format!("SELECT CAST({pragma} AS TEXT) FROM pragma_{pragma}");
        let value: String = if pragma == "busy_timeout" {
            let sql = "SELECT CAST(timeout AS TEXT) FROM pragma_busy_timeout";
            sqlx::query_scalar(sql).fetch_one(&mut *db.writer(Party::Host).await.unwrap()).await.unwrap()
        } else {
            sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
                .fetch_one(&mut *db.writer(Party::Host).await.unwrap())
                .await
                .unwrap()
        };
        assert_eq!(value, expected, "{pragma}");
    }
    db.close().await;
    let again = fresh.open().await;
    assert!(StoreEntries::new(again).get(KEY, 0).await.unwrap().is_some());
}

#[tokio::test]
async fn a_database_that_is_not_there_is_told_without_its_password() {
    for url in
        ["postgres://leno:hunter2@127.0.0.1:1/leno", "sqlite:///nowhere/at/all.db", "sqlite:///etc", "sqlite::memory:"]
    {
        let error = Db::connect(url, &Budgets::default()).await.unwrap_err().to_string();
        assert!(error.contains("cannot be opened") && !error.contains("hunter2"), "{error}");
    }
}

on_both! {
    a_transaction_that_is_abandoned_while_it_begins_holds_nothing_back(db) {
        let entries = StoreEntries::new(db.clone());
        for round in 0..200_u64 {
            let begin = async {
                let tx = db.begin(Party::Host).await.unwrap();
                tokio::task::yield_now().await;
                drop(tx);
            };
            let _ = tokio::time::timeout(Duration::from_micros(round * 7 % 400), begin).await;
            // Every connection of the pool is one that others write with.
            let value = round.to_string();
            let put = entries.put(KEY, value.as_bytes(), None);
            tokio::time::timeout(Duration::from_secs(10), put).await.expect("a lock was left behind").unwrap();
        }
        // A host that starts later finds what was written.
        assert_eq!(entries.get(KEY, 0).await.unwrap().unwrap(), b"199");
        let mut tx = tokio::time::timeout(Duration::from_secs(5), db.begin(Party::Host)).await.unwrap().unwrap();
        sqlx::query("DELETE FROM store_entries").execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    }
}

/// Opens a database with limits.
async fn limited(fresh: &Fresh, limits: &[(&str, u64)]) -> Db {
    let db = Db::connect(&fresh.url(), &budgets(limits)).await.unwrap();
    db.migrate().await.unwrap();
    db
}

/// The database's error, which kept a value from being stored.
fn of_database(error: StoreError) -> DbError {
    match error {
        StoreError::Db(error) => error,
        other => panic!("{other}"),
    }
}

fn is_late(error: &DbError) -> bool {
    matches!(error, DbError::Busy(busy @ Busy::Late(_)) if busy.retry_after() >= Duration::from_secs(1))
}

#[tokio::test]
async fn a_full_queue_of_writers_makes_room_for_a_party_that_has_none_in_it() {
    let fresh = Fresh::sqlite();
    let db = limited(&fresh, &[("LENO_DATABASE_WRITES", 4)]).await;
    let held = db.begin(party("many")).await.unwrap();
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let db = db.clone();
            tokio::spawn(async move { db.begin(party("many")).await.map(drop) })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let refused = db.begin(party("many")).await.unwrap_err();
    let DbError::Busy(Busy::Queue(refusal)) = &refused else { panic!("{refused}") };
    assert_eq!((refusal.spec.env, refusal.limit), ("LENO_DATABASE_WRITES", 4));
    assert!(refusal.retry_after.is_some());
    let few = tokio::spawn({
        let db = db.clone();
        async move { db.begin(party("few")).await.map(drop) }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(held);
    few.await.unwrap().unwrap();
    let mut lost = 0;
    for one in waiting {
        lost += usize::from(one.await.unwrap().is_err());
    }
    assert_eq!(lost, 1);
}

#[tokio::test]
async fn a_reader_of_sqlite_cannot_write() {
    let fresh = Fresh::sqlite();
    let db = fresh.open().await;
    let mut reader = db.reader(Party::Host).await.unwrap();
    let error = sqlx::query("DELETE FROM store_entries").execute(&mut *reader).await.unwrap_err();
    assert!(error.to_string().contains("readonly"), "{error}");
}

#[tokio::test]
async fn a_sqlite_file_that_another_process_locks_is_busy_for_writers_and_readable() {
    let fresh = Fresh::sqlite();
    let db = fresh.open().await;
    let entries = StoreEntries::new(db.clone());
    entries.put(KEY, b"v", None).await.unwrap();
    let other = fresh.open().await;
    let lock = other.begin(Party::Host).await.unwrap();
    let (write, begin) = tokio::join!(entries.put(KEY, b"w", None), async {
        assert!(entries.get(KEY, 0).await.unwrap().is_some());
        db.begin(Party::Host).await.map(drop)
    });
    for error in [of_database(write.unwrap_err()), begin.unwrap_err()] {
        assert!(matches!(error, DbError::Busy(_)), "{error}");
    }
    drop(lock);
    entries.put(KEY, b"w", None).await.unwrap();
}

#[tokio::test]
async fn a_table_that_another_session_locks_is_busy_and_gives_its_connections_back() {
    let name = "a_table_that_another_session_locks_is_busy_and_gives_its_connections_back";
    let Some(fresh) = Fresh::postgres(name).await else { return };
    let db = limited(&fresh, &[("LENO_DATABASE_CONNECTIONS", 4)]).await;
    let entries = StoreEntries::new(db.clone());
    let other = fresh.open().await;
    let mut lock = other.begin(Party::Host).await.unwrap();
    sqlx::query("LOCK TABLE store_entries").execute(&mut *lock).await.unwrap();
    let waiting: Vec<_> = (0..6)
        .map(|_| {
            let entries = entries.clone();
            tokio::spawn(async move { entries.put(KEY, b"v", None).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(200)).await;
    // Another tenant, which needs another table.
    let versions = PieceVersions::new(db.clone());
    tokio::time::timeout(Duration::from_secs(1), versions.of("p")).await.unwrap().unwrap();
    for one in waiting {
        let error = of_database(one.await.unwrap().unwrap_err());
        assert!(is_late(&error) || matches!(error, DbError::Busy(Busy::Queue(_))), "{error}");
    }
    drop(lock);
    other.close().await;
    entries.put(KEY, b"v", None).await.unwrap();
    db.close().await;
    fresh.remove().await;
}

#[tokio::test]
async fn an_operation_that_loses_against_another_is_repeated() {
    let Some(fresh) = Fresh::postgres("an_operation_that_loses_against_another_is_repeated").await else { return };
    let db = fresh.open().await;
    for id in ["a", "b"] {
        let mut tx = db.begin(Party::Host).await.unwrap();
        users::hold(&mut tx, &"t".into(), &id.into(), false, 1).await.unwrap();
        tx.commit().await.unwrap();
    }
    // Both hold one row and want the other's: PostgreSQL ends one of them.
    let met = tokio::sync::Barrier::new(2);
    let rounds = std::sync::atomic::AtomicUsize::new(0);
    let lock = |first: &'static str, second: &'static str| {
        let (db, met, rounds) = (&db, &met, &rounds);
        leno_db::repeat(move || async move {
            let round = rounds.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let mut tx = db.begin(&first.into()).await?;
            users::hold(&mut tx, &"t".into(), &first.into(), false, 1).await?;
            if round < 2 {
                met.wait().await;
            }
            users::hold(&mut tx, &"t".into(), &second.into(), false, 1).await?;
            tx.commit().await
        })
    };
    let (one, two) = tokio::join!(lock("a", "b"), lock("b", "a"));
    one.unwrap();
    two.unwrap();
    assert_eq!(rounds.into_inner(), 3);
    db.close().await;
    fresh.remove().await;
}

/// A database of the version before connections last, with something in each table that was changed since.
async fn upgraded(fresh: &Fresh) {
    let db = Db::connect(&fresh.url(), &Budgets::default()).await.unwrap();
    let mut earlier = match db.kind() {
        Kind::Sqlite => sqlx::migrate!("../../migrations/sqlite"),
        Kind::Postgres => sqlx::migrate!("../../migrations/postgres"),
    };
    earlier.migrations.to_mut().truncate(3);
    earlier.run(&mut *db.writer(Party::Host).await.unwrap()).await.unwrap();
    const CONNECTION: &str = "INSERT INTO app_connection (id, tenant_id, owner_id, external_id, display_name, type, status, \
        piece_name, piece_version, project_ids, scope, value, key_id, rev, edition, expires_at, refresh_at, created_at, updated_at)";
    for sql in [
        "INSERT INTO users (tenant_id, id, created_at) VALUES ('t', 'u', 0)".to_owned(),
        "INSERT INTO encryption_keys (kid, created_at) VALUES ('k', 0)".to_owned(),
        format!("{CONNECTION} VALUES ('c', 't', 'u', 'c', 'ÄRZTE', 'OAUTH2', 'ACTIVE', 'p', '1.0.0', '[]', 'PROJECT', '{{}}', 'k', 7, 3, 50, 40, 1, 1)"),
        format!("{CONNECTION} VALUES ('d', 't', 'u', 'd', 'D', 'OAUTH2', 'ACTIVE', 'p', '1.0.0', '[]', 'PROJECT', '{{}}', 'k', 1, 1, 50, NULL, 2, 2)"),
        "INSERT INTO connection_events (id, tenant_id, owner_id, type, payload, created_at) VALUES ('2', 't', 'u', 'k', '{}', 20), ('1', 't', 'u', 'k', '{}', 10)".to_owned(),
        "INSERT INTO webhook_endpoints (id, tenant_id, owner_id, url, secret, key_id, events, created_at) VALUES ('w', 't', 'u', 'https://a.test', 's', 'k', '[]', 0)".to_owned(),
        "INSERT INTO webhook_deliveries (id, endpoint_id, event_id, type, payload, status, next_at, created_at, updated_at) VALUES \
         ('x', 'w', '2', 'k', '{}', 'PENDING', 0, 0, 0), ('y', 'w', '1', 'k', '{}', 'PENDING', 0, 0, 0)".to_owned(),
        "INSERT INTO audit_log (id, at, tenant_id, actor, event, subject, detail) VALUES ('a', 5, 't', 'host', 'e', 's', '{}')".to_owned(),
    ] {
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut *db.writer(Party::Host).await.unwrap()).await.unwrap();
    }
    db.migrate().await.unwrap();
    let (tenant, owner) = ("t".into(), "u".into());
    let rows = leno_db::AppConnections::new(db.clone());
    let filter = leno_db::ConnectionFilter { display_name: Some("ärzte".into()), ..Default::default() };
    let found = rows.list(&tenant, &owner, &filter, None, true, 9, 10).await.unwrap();
    assert_eq!(
        found.iter().map(|row| (row.id.as_str(), row.rev, row.edition, row.refresh_at)).collect::<Vec<_>>(),
        [("c", 7, 3, Some(40))]
    );
    let told = rows.to_tell(60, 9).await.unwrap();
    assert_eq!(
        told.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(),
        ["d"],
        "its token ends, and nobody can renew it"
    );
    assert_eq!(used(&db, Counted::Connections).await, (2, 2));
    let ids = |events: Vec<EventRow>| events.into_iter().map(|event| event.id).collect::<Vec<_>>();
    assert_eq!(ids(events::of_owner_since(&db, &tenant, &owner, 0, 9).await.unwrap()), ["1", "2"]);
    event(&db, "0", "u", "k", 30).await;
    assert_eq!(ids(events::of_owner_since(&db, &tenant, &owner, 0, 9).await.unwrap()), ["1", "2", "0"]);
    assert_eq!(claim_due(&db, 40, ANY).await[0].event_id, "1");
    assert_eq!(leno_db::encryption_keys::list(&db).await.unwrap()[0].oldest_seal, 1);
    assert_eq!(leno_db::audit_log::page(&db, &Default::default(), 9).await.unwrap()[0].request, None);
    db.close().await;
}

#[tokio::test]
async fn a_populated_database_of_the_version_before_is_upgraded_without_loss() {
    let fresh = Fresh::sqlite();
    upgraded(&fresh).await;
    fresh.remove().await;
    if let Some(fresh) = Fresh::postgres("upgrade").await {
        upgraded(&fresh).await;
        fresh.remove().await;
    }
}
