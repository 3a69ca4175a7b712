//! The audit log when many write to it at once, on both databases.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::{future::poll_fn, task::Poll};

use leno_db::{AuditEntry, DbError, Kind, Party, audit_events, audit_log};
use leno_testkit::on_both;
use tokio::task::JoinSet;

fn entry(number: usize, actor: &str) -> AuditEntry {
    AuditEntry::new(i64::try_from(number).unwrap(), "t".into(), actor, "secret.decrypted", "subject")
}

on_both! {
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
