use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use leno_db::Presence;
use leno_testkit::on_both;
use secrecy::ExposeSecret as _;
use sqlx::Row as _;

use super::*;

const OLD: &str = "0123456789abcdef0123456789abcdef";
const NEW: &str = "fedcba9876543210fedcba9876543210";
const CANARY: &str = "canary-5f1d";

fn ring(active: &str, older: &[&str]) -> Keyring {
    Keyring::parse(&active.into(), &older.iter().map(|key| SecretString::from(*key)).collect::<Vec<_>>()).unwrap()
}

/// The keyring of a host that starts later.
fn ring_again() -> Keyring {
    ring(OLD, &[])
}

fn id(key: &str) -> String {
    ring(key, &[]).active().to_string()
}

fn sealed(ring: &Keyring, table: &'static str, row: &str) -> String {
    ring.seal(&format!("{CANARY}-{row}").into(), Place { table, tenant: "t", row, facts: facts(table) }).unwrap()
}

/// What the rows of [`fill`] have in the columns that a seal is bound to.
fn facts(table: &str) -> &'static [&'static str] {
    match table {
        "app_connection" => &["u", "p", "SECRET_TEXT", "1"],
        "platform_oauth_apps" => &["p", "c"],
        "oauth_sessions" => &["u", "b"],
        "token_revocations" => &["r00000", "p"],
        _ => &[],
    }
}

async fn run(db: &Db, sql: &'static str, texts: &[&str]) {
    let mut query = sqlx::query(sql);
    for text in texts {
        query = query.bind((*text).to_owned());
    }
    query.execute(&mut *db.writer(Party::Host).await.unwrap()).await.unwrap();
}

/// `count` rows in `app_connection`, and one in each of the other tables.
async fn fill(db: &Db, ring: &Keyring, count: usize) {
    let kid = ring.active().as_str();
    run(db, "INSERT INTO users (tenant_id, id, created_at) VALUES ('t', 'u', 0)", &[]).await;
    for number in 0..count {
        let row = format!("r{number:05}");
        let value = sealed(ring, "app_connection", &row);
        const SQL: &str = "INSERT INTO app_connection (id, tenant_id, owner_id, external_id, display_name, type, status, \
            piece_name, piece_version, project_ids, scope, value, key_id, rev, edition, created_at, updated_at) \
            VALUES ($1, 't', 'u', $1, 'x', 'SECRET_TEXT', 'ACTIVE', 'p', '0.0.0', '[]', 'PROJECT', $2, $3, 1, 1, 0, 0)";
        run(db, SQL, &[&row, &value, kid]).await;
    }
    const APP: &str = "INSERT INTO platform_oauth_apps (id, tenant_id, piece_name, client_id, client_secret, key_id, \
        created_at, updated_at) VALUES ('a', 't', 'p', 'c', $1, $2, 0, 0)";
    run(db, APP, &[&sealed(ring, "platform_oauth_apps", "a"), kid]).await;
    const SESSION: &str = "INSERT INTO oauth_sessions (state_hash, tenant_id, owner_id, browser_hash, draft, key_id, \
        created_at, expires_at) VALUES ('s', 't', 'u', 'b', $1, $2, 0, 0)";
    run(db, SESSION, &[&sealed(ring, "oauth_sessions", "s"), kid]).await;
    const HOOK: &str = "INSERT INTO webhook_endpoints (id, tenant_id, owner_id, url, secret, key_id, events, created_at) \
        VALUES ('w', 't', 'u', 'https://a.test', $1, $2, '[]', 0)";
    run(db, HOOK, &[&sealed(ring, "webhook_endpoints", "w"), kid]).await;
    const REVOCATION: &str = "INSERT INTO token_revocations (id, tenant_id, connection_id, piece_name, value, key_id, next_at, \
        created_at) VALUES ('v', 't', 'r00000', 'p', $1, $2, 0, 0)";
    run(db, REVOCATION, &[&sealed(ring, "token_revocations", "v"), kid]).await;
}

/// Opens every row of every table. Returns their number.
async fn open_all(db: &Db, ring: &Keyring) -> usize {
    let mut count = 0;
    for table in TABLES {
        for row in table.to_rewrap(db, "none", "", 100_000).await.unwrap() {
            assert_eq!(row.facts, facts(table.name));
            let place = Place { table: table.name, tenant: &row.tenant, row: &row.id, facts: facts(table.name) };
            let plain =
                ring.open(&row.sealed, place).unwrap_or_else(|error| panic!("{} {}: {error}", table.name, row.id));
            assert!(plain.expose_secret().starts_with(&format!("{CANARY}-{}", row.id)));
            count += 1;
        }
    }
    count
}

on_both! {
    a_host_with_a_wrong_key_does_not_start_and_says_which_key_it_lacks(db) {
        let right = ring(OLD, &[]);
        assert_eq!(check(&db, &right, 1).await.unwrap(), Vec::<String>::new());
        fill(&db, &right, 3).await;
        let error = check(&db, &ring(NEW, &[]), 2).await.unwrap_err().to_string();
        for part in [&id(OLD), "3 rows of app_connection", "1 rows of webhook_endpoints", "LENO_OLD_ENCRYPTION_KEYS", &id(NEW)] {
            assert!(error.contains(part), "{part}: {error}");
        }
        assert!(!error.contains(OLD) && !error.contains(NEW) && !error.contains(CANARY), "{error}");
        // A key that did not start is not recorded.
        assert_eq!(encryption_keys::list(&db).await.unwrap().len(), 1);
        assert!(check(&db, &ring(NEW, &[OLD]), 3).await.unwrap().is_empty());
        assert!(check(&db, &right, 4).await.unwrap()[0].contains(&id(NEW)), "another host may have another key");
        assert_eq!(open_all(&db, &right).await, 7);
    }

    a_key_is_retired_only_when_nothing_is_under_it(db) {
        let (old, new) = (ring(OLD, &[]), ring(NEW, &[OLD]));
        check(&db, &old, 1).await.unwrap();
        fill(&db, &old, 3).await;
        let Retirement::InUse(rows) = retire(&db, &new, &id(OLD), 2, 2).await.unwrap() else { panic!() };
        assert_eq!((rows["app_connection"], rows["oauth_sessions"], rows.len()), (3, 1, 5));
        assert!(matches!(retire(&db, &old, &id(OLD), 2, 2).await, Err(KeyError::Active(_))));
        assert!(matches!(retire(&db, &new, "none", 2, 2).await, Err(KeyError::Unknown { .. })));

        assert_eq!(rotate(&db, &new, 3, |_| {}).await.unwrap(), Rotation { rewrapped: 7, ..Rotation::default() });
        assert_eq!(retire(&db, &new, &id(OLD), 4, 4).await.unwrap(), Retirement::Done);
        assert_eq!(retire(&db, &new, &id(OLD), 5, 5).await.unwrap(), Retirement::Before);
        assert!(matches!(check(&db, &ring(OLD, &[NEW]), 6).await, Err(KeyError::Retired(_))));
        assert_eq!(open_all(&db, &ring(NEW, &[])).await, 7);
        let states: Vec<_> = list(&db, &new).await.unwrap().into_iter().map(|key| (key.state, key.rows["app_connection"])).collect();
        assert_eq!(states, [(KeyState::Active, 3), (KeyState::Retired, 0)]);
        let events = audit_log::events_of(&db, &id(OLD)).await.unwrap();
        assert_eq!(events, [("host".to_owned(), "key.retired".to_owned())]);
    }

    a_key_that_a_living_host_writes_with_is_not_retired_and_then_no_host_writes_with_it(db) {
        let (old, new) = (ring(OLD, &[]), ring(NEW, &[OLD]));
        check(&db, &old, 1).await.unwrap();
        check(&db, &new, 1).await.unwrap();
        let writer = Presence::enter(&db, &id(OLD), 1).await.unwrap();
        assert_eq!(retire(&db, &new, &id(OLD), 2, 2).await.unwrap(), Retirement::Written(1));
        assert!(heed(&db, &old).await.unwrap());
        writer.leave(&db).await.unwrap();
        assert_eq!(retire(&db, &new, &id(OLD), 3, 3).await.unwrap(), Retirement::Done);
        assert!(!heed(&db, &old).await.unwrap());
        // Not even one that has not heard of it yet.
        const SESSION: &str = "INSERT INTO oauth_sessions (state_hash, tenant_id, owner_id, browser_hash, draft, key_id, \
            created_at, expires_at) VALUES ('s', 't', 'u', 'b', 'd', $1, 0, 0)";
        let write = async |kid: String| {
            let query = sqlx::query(SESSION).bind(kid);
            query.execute(&mut *db.writer(Party::Host).await.unwrap()).await.map(drop).map_err(DbError::from)
        };
        assert!(matches!(write(id(OLD)).await, Err(DbError::KeyRetired)));
        write(id(NEW)).await.unwrap();
        const MOVED: &str = "UPDATE oauth_sessions SET key_id = $1";
        let moved = sqlx::query(MOVED).bind(id(OLD)).execute(&mut *db.writer(Party::Host).await.unwrap()).await;
        assert!(matches!(moved.map_err(DbError::from), Err(DbError::KeyRetired)));
    }

    seals_of_version_1_are_rewrapped_by_a_rotation_and_open_no_more_afterwards(db) {
        let ring = ring(OLD, &[]);
        // As an earlier version recorded it.
        run(&db, "INSERT INTO encryption_keys (kid, created_at) VALUES ($1, 0)", &[&id(OLD)]).await;
        fill(&db, &ring, 2).await;
        let place = Place { table: "app_connection", tenant: "t", row: "r00001", facts: facts("app_connection") };
        let first = ring.seal_first(&format!("{CANARY}-r00001"), place);
        run(&db, "UPDATE app_connection SET value = $1 WHERE id = 'r00001'", &[&first]).await;
        check(&db, &ring, 1).await.unwrap();
        // It says nothing of its owner, and is read all the same until then.
        assert_eq!(open_all(&db, &ring).await, 6);
        assert_eq!(to_rotate(&db, &ring).await.unwrap(), 1);
        let rotation = rotate(&db, &ring, 2, |_| {}).await.unwrap();
        assert_eq!((rotation.rewrapped, rotation.left), (1, 0));
        assert_eq!(open_all(&db, &ring).await, 6);
        run(&db, "UPDATE app_connection SET value = $1 WHERE id = 'r00001'", &[&first]).await;
        let later = ring_again();
        check(&db, &later, 3).await.unwrap();
        for ring in [&ring, &later] {
            assert_eq!(ring.open(&first, place).unwrap_err(), crate::OpenError::Tampered);
        }
    }

    a_row_that_does_not_open_is_named_and_left_as_it_is(db) {
        let old = ring(OLD, &[]);
        fill(&db, &old, 450).await;
        // A copy of a neighbour's value, and a changed one.
        run(&db, "UPDATE app_connection SET value = (SELECT value FROM app_connection WHERE id = 'r00002') WHERE id = 'r00001'", &[]).await;
        run(&db, "UPDATE app_connection SET value = REPLACE(value, '\"data\":\"', '\"data\":\"00') WHERE id = 'r00300'", &[]).await;
        let rotation = rotate(&db, &ring(NEW, &[OLD]), 1, |_| {}).await.unwrap();
        assert_eq!((rotation.rewrapped, rotation.left), (452, 2));
        let unopened: Vec<&str> = rotation.unopened.iter().map(|row| row.id.as_str()).collect();
        assert_eq!(unopened, ["r00001", "r00300"]);
        assert!(rotation.unopened.iter().all(|row| row.reason.contains("changed or moved")), "{rotation:?}");
        assert!(matches!(retire(&db, &ring(NEW, &[OLD]), &id(OLD), 2, 2).await.unwrap(), Retirement::InUse(_)));
    }

    a_rotation_may_be_killed_at_any_moment_while_others_write(db) {
        let (old, new) = (ring(OLD, &[]), Arc::new(ring(NEW, &[OLD])));
        fill(&db, &old, 600).await;
        let stop = Arc::new(AtomicBool::new(false));
        // A writer that counts: what it wrote last of a row is what must be there, whatever a rotation had read before.
        let writer = tokio::spawn({
            let (db, stop) = (db.clone(), stop.clone());
            async move {
                let (ring, mut last, mut number) = (ring(OLD, &[NEW]), BTreeMap::new(), 0_usize);
                while !stop.load(Ordering::Relaxed) {
                    number += 1;
                    let row = format!("r{:05}", number * 37 % 600);
                    let text = format!("{CANARY}-{row}#{number}");
                    let place = Place { table: "app_connection", tenant: "t", row: &row, facts: facts("app_connection") };
                    let value = ring.seal(&text.as_str().into(), place).unwrap();
                    const SQL: &str = "UPDATE app_connection SET value = $1, key_id = $2 WHERE id = $3";
                    run(&db, SQL, &[&value, ring.active().as_str(), &row]).await;
                    last.insert(row, text);
                }
                last
            }
        });
        let mut killed = 0;
        for round in 0..20_u64 {
            // Another point each time; 7919 is a prime.
            let point = Duration::from_micros(500 + round * 7919 % 30_000);
            killed += u32::from(tokio::time::timeout(point, rotate(&db, &new, 1, |_| {})).await.is_err());
            assert_eq!(open_all(&db, &new).await, 604, "after {round}");
        }
        stop.store(true, Ordering::Relaxed);
        let written = writer.await.unwrap();
        assert!(!written.is_empty() && killed > 0, "{killed}");
        let rotation = rotate(&db, &new, 1, |_| {}).await.unwrap();
        assert_eq!((rotation.left, rotation.unopened.len()), (0, 0), "{rotation:?}");
        assert_eq!(open_all(&db, &ring(NEW, &[])).await, 604);
        for (row, text) in written {
            let found = sqlx::query("SELECT value FROM app_connection WHERE id = $1").bind(&row);
            let found: String = found.fetch_one(&mut *db.reader(Party::Host).await.unwrap()).await.unwrap().try_get(0).unwrap();
            let place = Place { table: "app_connection", tenant: "t", row: &row, facts: facts("app_connection") };
            assert_eq!(new.open(&found, place).unwrap().expose_secret(), text, "an older value came back");
        }
    }
}
