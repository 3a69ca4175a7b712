//! The audit log when many write to it at once, on both databases.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::{future::poll_fn, task::Poll};

use leno_db::{
    AuditEntry, Db, DbError, Kind, Party, audit_events, audit_log,
    audit_seals::{self, Archived, Seal},
};
use leno_testkit::on_both;
use tokio::task::JoinSet;

fn entry(number: usize, actor: &str) -> AuditEntry {
    AuditEntry::new(i64::try_from(number).unwrap(), "t".into(), actor, "secret.decrypted", "subject")
}

/// Rows 1 and 2 under a seal, and row 3 under none.
async fn sealed(db: &Db) {
    for number in [1, 2] {
        audit_log::record(db, entry(number, "internal")).await.unwrap();
    }
    let mut tx = db.begin(Party::Host).await.unwrap();
    let rows = audit_seals::claim(&mut tx, 1, 10).await.unwrap();
    assert_eq!(rows.iter().map(|row| (row.at, row.seal)).collect::<Vec<_>>(), [(1, Some(1)), (2, Some(1))]);
    assert!(audit_seals::insert(&mut tx, &seal(1)).await.unwrap());
    tx.commit().await.unwrap();
    audit_log::record(db, entry(3, "internal")).await.unwrap();
}

fn seal(number: i64) -> Seal {
    Seal {
        number,
        first_at: 1,
        last_at: 2,
        entries: 2,
        digest: "digest".into(),
        mac: "mac".into(),
        key_id: "key".into(),
        sealed_at: 3,
        process: "1@host".into(),
        archived: None,
    }
}

/// Does something directly in the database. Returns how many rows it changed, or what the database said.
async fn run(db: &Db, sql: &str) -> Result<u64, String> {
    let done = sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut *db.writer(Party::Host).await.unwrap()).await;
    done.map(|done| done.rows_affected()).map_err(|error| error.to_string())
}

async fn refused(db: &Db, sql: &str, words: &str) {
    let said = run(db, sql).await.unwrap_err();
    assert!(said.contains(words), "{sql}: {said}");
}

on_both! {
    a_row_changes_by_its_seal_only_and_only_once(db) {
        const WORDS: &str = "the audit log is append-only";
        sealed(&db).await;
        for set in [
            "id = 'x'", "at = 9", "tenant_id = 'x'", "actor = 'x'", "event = 'x'", "subject = 'x'", "detail = 'x'",
            "request = 'x'", "address = 'x'", "process = 'x'",
        ] {
            refused(&db, &format!("UPDATE audit_log SET {set} WHERE at = 3"), WORDS).await;
            refused(&db, &format!("UPDATE audit_log SET seal = 2, {set} WHERE at = 3"), WORDS).await;
        }
        for seal in ["NULL", "2"] {
            refused(&db, &format!("UPDATE audit_log SET seal = {seal} WHERE at = 1"), WORDS).await;
        }
        assert_eq!(run(&db, "UPDATE audit_log SET seal = 2 WHERE at = 3").await, Ok(1));
    }

    a_row_is_removed_after_its_seal_was_archived_only(db) {
        const WORDS: &str = "the audit log is append-only";
        sealed(&db).await;
        refused(&db, "DELETE FROM audit_log WHERE at = 3", WORDS).await;
        refused(&db, "DELETE FROM audit_log WHERE at = 1", WORDS).await;
        if db.kind() == Kind::Postgres {
            refused(&db, "TRUNCATE audit_log", WORDS).await;
        }
        let archived = Archived { at: 5, mac: "mac".into() };
        let mut tx = db.begin(Party::Host).await.unwrap();
        assert!(audit_seals::archive(&mut tx, 1, &archived).await.unwrap());
        assert!(!audit_seals::archive(&mut tx, 1, &archived).await.unwrap());
        tx.commit().await.unwrap();
        refused(&db, "DELETE FROM audit_log", WORDS).await;
        assert_eq!(audit_seals::remove(&db, 1).await.unwrap(), 2);
        assert_eq!(audit_events(&db, "subject").await.unwrap().len(), 1);
    }

    a_seal_changes_by_being_archived_only_and_stays(db) {
        const WORDS: &str = "a seal of the audit log does not change";
        sealed(&db).await;
        for set in [
            "number = 9", "first_at = 9", "last_at = 9", "entries = 9", "digest = 'x'", "mac = 'x'", "key_id = 'x'",
            "sealed_at = 9", "process = 'x'", "archived_mac = 'x'", "archived_at = 9",
        ] {
            refused(&db, &format!("UPDATE audit_seals SET {set}"), WORDS).await;
        }
        refused(&db, "UPDATE audit_seals SET archived_at = 9, archived_mac = 'x', entries = 9", WORDS).await;
        refused(&db, "DELETE FROM audit_seals", WORDS).await;
        assert_eq!(run(&db, "UPDATE audit_seals SET archived_at = 9, archived_mac = 'x'").await, Ok(1));
        refused(&db, "UPDATE audit_seals SET archived_at = NULL, archived_mac = NULL", WORDS).await;
        refused(&db, "UPDATE audit_seals SET archived_at = 10", WORDS).await;
        refused(&db, "DELETE FROM audit_seals", WORDS).await;
        let mut tx = db.begin(Party::Host).await.unwrap();
        assert!(!audit_seals::insert(&mut tx, &seal(1)).await.unwrap(), "its number is taken");
    }

    entries_that_come_at_once_are_all_written_and_one_that_is_refused_harms_no_other(db) {
        const COUNT: usize = 1_000;
        // PostgreSQL has no NUL in texts, SQLite does.
        let refused = db.kind() == Kind::Postgres;
        // The writer is taken, so that they all wait together.
        let held = db.begin(Party::Host).await.unwrap();
        let mut tasks = JoinSet::new();
        for number in 0..COUNT {
            let (db, actor) = (db.clone(), if number == 77 { "\0" } else { "internal" });
            tasks.spawn(async move { (number, audit_log::record(&db, entry(number, actor)).await) });
        }
        held.rollback().await.unwrap();
        for (number, written) in tasks.join_all().await {
            match number == 77 && refused {
                true => assert!(matches!(written, Err(DbError::Query(_))), "{written:?}"),
                false => written.unwrap(),
            }
        }
        let expected = if refused { COUNT - 1 } else { COUNT };
        assert_eq!(audit_events(&db, "subject").await.unwrap().len(), expected);
    }

    no_entry_is_lost_between_the_end_of_one_turn_and_the_next(db) {
        let mut tasks = JoinSet::new();
        for _ in 0..4 {
            let db = db.clone();
            tasks.spawn(async move {
                for number in 0..150 {
                    audit_log::record(&db, entry(number, "internal")).await.unwrap();
                }
            });
        }
        tasks.join_all().await;
        assert_eq!(audit_events(&db, "subject").await.unwrap().len(), 600);
    }

    an_entry_is_written_although_its_caller_is_gone(db) {
        let held = db.begin(Party::Host).await.unwrap();
        let mut gone = Box::pin(audit_log::record(&db, entry(1, "gone")));
        assert!(poll_fn(|cx| Poll::Ready(gone.as_mut().poll(cx))).await.is_pending());
        drop(gone);
        held.rollback().await.unwrap();
        audit_log::record(&db, entry(2, "next")).await.unwrap();
        let actors: Vec<_> = audit_events(&db, "subject").await.unwrap().into_iter().map(|(actor, _)| actor).collect();
        assert_eq!(actors, ["gone", "next"]);
    }
}
