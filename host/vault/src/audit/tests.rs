use leno_base::{MovingClock, SystemClock};
use leno_db::Kind;
use leno_testkit::on_both;
use secrecy::SecretString;
use tokio::task::JoinSet;

use super::*;

const OLD: &str = "0123456789abcdef0123456789abcdef";
const NEW: &str = "fedcba9876543210fedcba9876543210";
const INSERT: &str = "INSERT INTO audit_log \
    (id, at, tenant_id, actor, event, subject, detail, request, address, process, seal) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

fn ring(active: &str, older: &[&str]) -> Keyring {
    Keyring::parse(&active.into(), &older.iter().map(|key| SecretString::from(*key)).collect::<Vec<_>>()).unwrap()
}

async fn record(db: &Db, at: i64) {
    audit_log::record(db, AuditEntry::new(at, "t".into(), "user:u", "connection.created", "c")).await.unwrap();
}

/// Three seals over five rows each.
async fn three_seals(db: &Db, keyring: &Keyring) {
    for number in 0..3 {
        for row in 0..5 {
            record(db, 10 * number + row).await;
        }
        assert_eq!(seal(db, keyring, &SystemClock).await.unwrap(), 5);
    }
}

async fn verify(db: &Db, keyring: &Keyring, expected: Option<&Expected>) -> Report {
    Verifier::new(db, keyring, expected).database().await.unwrap()
}

/// The first seal that does not fit, and why.
async fn first(db: &Db, keyring: &Keyring) -> Option<(i64, Misfit)> {
    verify(db, keyring, None).await.first
}

async fn run(db: &Db, sql: &str) {
    sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut *db.writer(Party::Host).await.unwrap()).await.unwrap();
}

async fn insert(db: &Db, row: &AuditRow) {
    sqlx::query(INSERT)
        .bind(&row.id)
        .bind(row.at)
        .bind(row.tenant.as_str())
        .bind(&row.actor)
        .bind(&row.event)
        .bind(&row.subject)
        .bind(&row.detail)
        .bind(&row.request)
        .bind(&row.address)
        .bind(&row.process)
        .bind(row.seal)
        .execute(&mut *db.writer(Party::Host).await.unwrap())
        .await
        .unwrap();
}

async fn add(db: &Db, seal: &Seal) {
    assert!(audit_seals::insert(&mut db.writer(Party::Host).await.unwrap(), seal).await.unwrap());
}

/// What the owner of the schema can do.
async fn without_triggers(db: &Db) {
    let statements: &[&str] = match db.kind() {
        Kind::Sqlite => &[
            "DROP TRIGGER audit_log_sealed_once",
            "DROP TRIGGER audit_log_archived_first",
            "DROP TRIGGER audit_seals_archived_once",
            "DROP TRIGGER audit_seals_no_delete",
        ],
        Kind::Postgres => {
            &["ALTER TABLE audit_log DISABLE TRIGGER USER", "ALTER TABLE audit_seals DISABLE TRIGGER USER"]
        }
    };
    for sql in statements {
        run(db, sql).await;
    }
}

on_both! {
    every_row_is_sealed_once_and_the_chain_fits(db) {
        let keyring = ring(OLD, &[]);
        assert_eq!(verify(&db, &keyring, None).await, Report::default());
        three_seals(&db, &keyring).await;
        // A row of a clock that is behind, or of a transaction that ended late, is in the next seal.
        record(&db, 1).await;
        let report = verify(&db, &keyring, None).await;
        assert_eq!((report.seals, report.rows, report.unsealed, report.misfits), (3, 15, 1, 0), "{report:?}");
        assert_eq!(seal(&db, &keyring, &MovingClock::at(std::time::UNIX_EPOCH)).await.unwrap(), 1);
        assert_eq!(seal(&db, &keyring, &SystemClock).await.unwrap(), 0);
        let report = verify(&db, &keyring, None).await;
        assert_eq!((report.seals, report.rows, report.unsealed, report.misfits), (4, 16, 0, 0), "{report:?}");
        assert_eq!(report.last.unwrap().number, 4);
    }

    many_rows_are_sealed_in_groups(db) {
        let keyring = ring(OLD, &[]);
        let mut tasks = JoinSet::new();
        for at in 0..2_500 {
            let db = db.clone();
            tasks.spawn(async move { record(&db, at).await });
        }
        tasks.join_all().await;
        assert_eq!(seal(&db, &keyring, &SystemClock).await.unwrap(), 2_500);
        let report = verify(&db, &keyring, None).await;
        assert_eq!((report.seals, report.rows, report.misfits), (3, 2_500, 0), "{report:?}");
    }

    hosts_that_seal_at_once_seal_each_row_once_and_none_of_them_fails(db) {
        let mut tasks = JoinSet::new();
        for writer in 0..4 {
            let db = db.clone();
            tasks.spawn(async move {
                for at in 0..100 {
                    record(&db, 100 * writer + at).await;
                }
            });
        }
        for _ in 0..4 {
            let db = db.clone();
            tasks.spawn(async move {
                for _ in 0..25 {
                    seal(&db, &ring(OLD, &[]), &SystemClock).await.unwrap();
                    tokio::task::yield_now().await;
                }
            });
        }
        tasks.join_all().await;
        let keyring = ring(OLD, &[]);
        seal(&db, &keyring, &SystemClock).await.unwrap();
        let report = verify(&db, &keyring, None).await;
        assert_eq!((report.rows, report.unsealed, report.misfits), (400, 0, 0), "{report:?}");
    }

    a_changed_row_shows_in_its_seal(db) {
        let keyring = ring(OLD, &[]);
        three_seals(&db, &keyring).await;
        without_triggers(&db).await;
        let row = audit_seals::rows(&db, 2).await.unwrap().remove(3);
        let id = &row.id;
        for column in ["tenant_id", "actor", "event", "subject", "detail", "request", "address", "process"] {
            run(&db, &format!("UPDATE audit_log SET {column} = 'forged' WHERE id = '{id}'")).await;
            assert_eq!(first(&db, &keyring).await, Some((2, Misfit::Changed)), "{column}");
            run(&db, &format!("DELETE FROM audit_log WHERE id = '{id}'")).await;
            insert(&db, &row).await;
        }
        run(&db, &format!("UPDATE audit_log SET at = at - 1 WHERE id = '{id}'")).await;
        assert_eq!(first(&db, &keyring).await, Some((2, Misfit::Changed)));
        run(&db, &format!("UPDATE audit_log SET at = at + 1 WHERE id = '{id}'")).await;
        // A part of one column at the end of its neighbour.
        run(&db, &format!("UPDATE audit_log SET event = 'connection.create', subject = 'dc' WHERE id = '{id}'")).await;
        assert_eq!(first(&db, &keyring).await, Some((2, Misfit::Changed)));
    }

    a_row_that_is_removed_added_or_moved_shows_in_its_seal(db) {
        let keyring = ring(OLD, &[]);
        three_seals(&db, &keyring).await;
        without_triggers(&db).await;
        let row = audit_seals::rows(&db, 2).await.unwrap().remove(0);
        run(&db, &format!("DELETE FROM audit_log WHERE id = '{}'", row.id)).await;
        assert_eq!(first(&db, &keyring).await, Some((2, Misfit::Entries { sealed: 5, found: 4 })));
        // Another in its place.
        insert(&db, &AuditRow { actor: "nobody".into(), ..row.clone() }).await;
        assert_eq!(first(&db, &keyring).await, Some((2, Misfit::Changed)));
        run(&db, &format!("DELETE FROM audit_log WHERE id = '{}'", row.id)).await;
        insert(&db, &row).await;
        insert(&db, &AuditRow { id: "added".into(), ..row.clone() }).await;
        assert_eq!(first(&db, &keyring).await, Some((2, Misfit::Entries { sealed: 5, found: 6 })));
        run(&db, "DELETE FROM audit_log WHERE id = 'added'").await;
        let other = audit_seals::rows(&db, 3).await.unwrap().remove(0);
        run(&db, &format!("UPDATE audit_log SET seal = 3 WHERE id = '{}'", row.id)).await;
        run(&db, &format!("UPDATE audit_log SET seal = 2 WHERE id = '{}'", other.id)).await;
        let report = verify(&db, &keyring, None).await;
        assert_eq!((report.first, report.misfits, report.seals), (Some((2, Misfit::Changed)), 2, 1));
    }

    a_seal_that_is_removed_moved_or_made_without_the_key_shows(db) {
        let keyring = ring(OLD, &[]);
        three_seals(&db, &keyring).await;
        without_triggers(&db).await;
        let seals = audit_seals::list(&db, 1, 10).await.unwrap();
        let rows = audit_seals::rows(&db, 2).await.unwrap();
        run(&db, "DELETE FROM audit_seals WHERE number = 2").await;
        assert_eq!(first(&db, &keyring).await, Some((2, Misfit::Missing)));
        // With its rows as well.
        run(&db, "DELETE FROM audit_log WHERE seal = 2").await;
        assert_eq!(first(&db, &keyring).await, Some((2, Misfit::Missing)));
        // The next one put into its place.
        run(&db, "DELETE FROM audit_seals WHERE number = 3").await;
        add(&db, &Seal { number: 2, ..seals[2].clone() }).await;
        run(&db, "UPDATE audit_log SET seal = 2 WHERE seal = 3").await;
        assert_eq!(first(&db, &keyring).await, Some((2, Misfit::Changed)));
        // A chain that was made anew, and all of it fits but for the key.
        let mut forged = Seal { number: 2, mac: "00".repeat(32), ..seals[1].clone() };
        forged.digest = digest(&seals[0].digest, &forged, &audit_seals::rows(&db, 2).await.unwrap());
        run(&db, "DELETE FROM audit_seals WHERE number = 2").await;
        add(&db, &forged).await;
        assert_eq!(first(&db, &keyring).await, Some((2, Misfit::Forged)));
        let another = ring(NEW, &[]);
        forged.key_id = another.active().to_string();
        forged.digest = digest(&seals[0].digest, &forged, &audit_seals::rows(&db, 2).await.unwrap());
        forged.mac = another.attest(&of_seal(&forged));
        run(&db, "DELETE FROM audit_seals WHERE number = 2").await;
        add(&db, &forged).await;
        assert_eq!(first(&db, &keyring).await, Some((2, Misfit::UnknownKey(forged.key_id.clone()))));
        // All put back.
        run(&db, "DELETE FROM audit_seals WHERE number = 2").await;
        run(&db, "UPDATE audit_log SET seal = 3 WHERE seal = 2").await;
        for row in &rows {
            insert(&db, row).await;
        }
        add(&db, &seals[1]).await;
        add(&db, &seals[2]).await;
        assert_eq!(first(&db, &keyring).await, None);
        run(&db, "DELETE FROM audit_seals WHERE number = 3").await;
        assert_eq!(first(&db, &keyring).await, Some((3, Misfit::Missing)), "its rows name it");
    }

    an_end_that_was_cut_off_shows_by_a_digest_that_was_kept(db) {
        let keyring = ring(OLD, &[]);
        three_seals(&db, &keyring).await;
        let kept = verify(&db, &keyring, None).await.last.unwrap();
        assert_eq!(verify(&db, &keyring, Some(&kept)).await.misfits, 0);
        without_triggers(&db).await;
        run(&db, "DELETE FROM audit_log WHERE seal = 3").await;
        run(&db, "DELETE FROM audit_seals WHERE number = 3").await;
        assert_eq!(first(&db, &keyring).await, None);
        assert_eq!(verify(&db, &keyring, Some(&kept)).await.first, Some((3, Misfit::Missing)));
        // The hosts went on.
        record(&db, 1).await;
        seal(&db, &keyring, &SystemClock).await.unwrap();
        assert_eq!(first(&db, &keyring).await, None);
        assert_eq!(verify(&db, &keyring, Some(&kept)).await.first, Some((3, Misfit::Unexpected)));
    }

    a_seal_takes_its_own_key_or_a_digest_that_was_kept(db) {
        three_seals(&db, &ring(OLD, &[])).await;
        let both = ring(NEW, &[OLD]);
        record(&db, 1).await;
        seal(&db, &both, &SystemClock).await.unwrap();
        let report = verify(&db, &both, None).await;
        assert_eq!((report.seals, report.misfits), (4, 0), "{report:?}");
        let old = ring(OLD, &[]).active().to_string();
        assert_eq!(first(&db, &ring(NEW, &[])).await, Some((1, Misfit::UnknownKey(old.clone()))));
        assert_eq!(verify(&db, &ring(NEW, &[]), report.last.as_ref()).await.misfits, 0);
        // The digest that was kept vouches for each one before it.
        without_triggers(&db).await;
        let kept = audit_seals::list(&db, 1, 1).await.unwrap().remove(0);
        run(&db, "UPDATE audit_log SET actor = 'user:nobody' WHERE seal = 1").await;
        let forged = Seal { digest: digest("", &kept, &audit_seals::rows(&db, 1).await.unwrap()), ..kept };
        run(&db, "DELETE FROM audit_seals WHERE number = 1").await;
        add(&db, &forged).await;
        let found = verify(&db, &ring(NEW, &[]), report.last.as_ref()).await;
        assert_eq!(found.first, Some((2, Misfit::Changed)));
    }

    no_host_seals_with_a_key_that_was_retired(db) {
        let old = ring(OLD, &[]).active().to_string();
        run(&db, &format!("INSERT INTO encryption_keys (kid, created_at, retired_at) VALUES ('{old}', 0, 1)")).await;
        record(&db, 2).await;
        assert!(matches!(seal(&db, &ring(OLD, &[]), &SystemClock).await, Err(DbError::KeyRetired)));
    }

    rows_of_an_archived_seal_are_removed_and_it_fits_with_the_file_and_without(db) {
        let keyring = ring(OLD, &[]);
        three_seals(&db, &keyring).await;
        assert_eq!(audit_seals::before(&db, 0).await.unwrap(), None);
        assert_eq!(audit_seals::before(&db, 14).await.unwrap(), Some((1, 1)), "all rows of a seal are before it");
        assert_eq!(audit_seals::before(&db, 15).await.unwrap(), Some((1, 2)));
        assert_eq!(audit_seals::before(&db, 100).await.unwrap(), Some((1, 3)));
        let (seals, rows) = (audit_seals::list(&db, 1, 2).await.unwrap(), audit_seals::rows(&db, 1).await.unwrap());
        let second = audit_seals::rows(&db, 2).await.unwrap();
        let entry = AuditEntry::new(1_000, "".into(), "host", "audit.archived", "file");
        archive(&db, &keyring, (1, 2), &entry).await.unwrap();
        assert_eq!(first(&db, &keyring).await, Some((1, Misfit::Left(5))), "it was stopped there");
        // And repeated.
        archive(&db, &keyring, (1, 2), &entry).await.unwrap();
        assert_eq!(sweep(&db, &keyring).await.unwrap(), 10);
        assert_eq!(sweep(&db, &keyring).await.unwrap(), 0);
        assert_eq!(leno_db::audit_events(&db, "file").await.unwrap().len(), 1, "it is recorded once");
        let report = verify(&db, &keyring, None).await;
        assert_eq!((report.seals, report.apart, report.misfits), (1, 2, 0), "{report:?}");
        assert_eq!(audit_seals::before(&db, 100).await.unwrap(), Some((3, 3)));

        let mut verifier = Verifier::new(&db, &keyring, None);
        assert_eq!(verifier.copy(&seals[0], &rows).await.unwrap(), None);
        assert_eq!(verifier.copy(&seals[1], &second).await.unwrap(), None);
        let report = verifier.database().await.unwrap();
        assert_eq!((report.seals, report.rows, report.apart, report.misfits), (3, 15, 0, 0), "{report:?}");
        let mut verifier = Verifier::new(&db, &keyring, None);
        let mut changed = rows.clone();
        changed[0].actor = "nobody".into();
        assert_eq!(verifier.copy(&seals[0], &changed).await.unwrap(), Some(Misfit::Changed));
        let fewer = Misfit::Entries { sealed: 5, found: 4 };
        assert_eq!(verifier.copy(&seals[0], &rows[1..]).await.unwrap(), Some(fewer));
        let other = Seal { sealed_at: 1, ..seals[0].clone() };
        assert_eq!(verifier.copy(&other, &rows).await.unwrap(), Some(Misfit::Foreign));
        assert_eq!(verifier.database().await.unwrap().misfits, 3);
    }

    rows_that_were_removed_without_the_key_are_not_archived(db) {
        let keyring = ring(OLD, &[]);
        three_seals(&db, &keyring).await;
        let mark = Archived { at: 1, mac: "00".repeat(32) };
        let mut tx = db.begin(Party::Host).await.unwrap();
        assert!(audit_seals::archive(&mut tx, 1, &mark).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(sweep(&db, &keyring).await.unwrap(), 0, "not by Leno");
        assert_eq!(audit_seals::remove(&db, 1).await.unwrap(), 5);
        assert_eq!(first(&db, &keyring).await, Some((1, Misfit::NotArchived)));
    }
}
