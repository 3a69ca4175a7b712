//! `leno audit`: the log over time, its seals and its archives.

use std::{fs, os::unix::fs::PermissionsExt as _};

use leno_db::{Db, Party};
use leno_testkit::{Client, Run, Upstream};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::Place;

const SENT: &str = "/echo?a=b";

/// Stores a connection of this name for the piece `http`.
async fn connect(client: &Client, name: &str) -> Value {
    let connection = json!({
        "externalId": name, "displayName": name, "pieceName": "http", "type": "SECRET_TEXT", "value": {"secret_text": "s"},
    });
    let made = client.post("/api/app-connections", &connection).await.unwrap();
    assert_eq!(made.status, 201, "{}", made.text);
    made.body
}

/// A log of which hosts have sealed all rows, of three connections that were made.
async fn sealed() -> Place {
    let place = Place::new();
    for name in ["a", "b", "c"] {
        let host = place.serve(&[]).await;
        connect(&host.client(&place.run(&["token"]).ok().stdout), name).await;
        host.signal(Signal::TERM);
        assert!(host.end().await.0.success());
        seal(&place).await;
    }
    place
}

/// Serves until every row is sealed: a host begins with that.
async fn seal(place: &Place) {
    let host = place.serve(&[]).await;
    while place.run(&["audit", "verify", "--json"]).json().get("unsealedRows") != Some(&json!(0)) {}
    host.signal(Signal::TERM);
    assert!(host.end().await.0.success());
}

/// Does something to the database that Leno does not.
async fn tamper(place: &Place, statements: &[&'static str]) {
    let url = format!("sqlite:{}", place.path().join("leno-data/leno.db").display());
    let db = Db::connect(&url, &Default::default()).await.unwrap();
    for sql in statements {
        sqlx::query(*sql).execute(&mut *db.writer(Party::Host).await.unwrap()).await.unwrap();
    }
    db.close().await;
}

#[tokio::test]
async fn a_change_past_leno_is_found_and_named() {
    let place = sealed().await;
    let fits = place.run(&["audit", "verify"]).ok().stdout;
    assert!(
        fits.starts_with("seals that fit: 3, with 3 rows\nrows that are not sealed yet: 0\nlast seal: 3:"),
        "{fits}"
    );
    let last = fits.trim_end().rsplit_once(": ").unwrap().1;
    place.run(&["audit", "verify", "--expect", last]).ok();
    assert_eq!(place.run(&["audit", "--json"]).ok().stdout.lines().count(), 3);
    place.run(&["audit", "verify", "--expect", "3:abc"]).refused(2, &["--expect", "64 hexadecimal digits"]);

    let change = "UPDATE audit_log SET actor = 'user:nobody' WHERE seal = 2";
    tamper(&place, &["DROP TRIGGER audit_log_sealed_once", change]).await;
    let found = place.run(&["audit", "verify"]);
    assert_eq!(found.code, Some(1), "{found:?}");
    assert!(found.stdout.starts_with("seals that fit: 2, with 2 rows\nseals that do not fit: 1\n"), "{found:?}");
    assert_eq!(
        found.stderr,
        "does not fit: seal 2 does not follow from its rows and the seal before: one of them was changed\n"
    );
    let json = place.run(&["audit", "verify", "--json"]);
    assert_eq!((json.code, &json.json()["first"]["number"], &json.json()["fits"]), (Some(1), &json!(2), &json!(false)));
    place.run(&["audit", "archive", "--before", "2100-01-01", "--to", "a.jsonl"]).refused(2, &["seal 2", "changed"]);
    assert!(!place.path().join("a.jsonl").exists());
    assert_eq!(place.run(&["audit", "--json"]).ok().stdout.lines().count(), 3, "nothing was removed");

    tamper(&place, &["DROP TRIGGER audit_log_archived_first", "DELETE FROM audit_log WHERE seal IN (2, 3)"]).await;
    let found = place.run(&["audit", "verify"]);
    assert_eq!(
        (found.code, found.stderr.contains("seal 2 covers 1 rows, and there are 0")),
        (Some(1), true),
        "{found:?}"
    );
    tamper(&place, &["DROP TRIGGER audit_seals_no_delete", "DELETE FROM audit_seals WHERE number > 1"]).await;
    place.run(&["audit", "verify"]).ok();
    let found = place.run(&["audit", "verify", "--expect", last]);
    assert_eq!((found.code, found.stderr.contains("seal 3 is not there")), (Some(1), true), "{found:?}");
}

#[tokio::test]
async fn the_oldest_rows_move_to_a_file_from_which_they_are_checked() {
    let place = sealed().await;
    let archive = ["audit", "archive", "--before", "2100-01-01", "--to", "a.jsonl"];
    let none = place.run(&["audit", "archive", "--before", "1d", "--to", "a.jsonl"]).ok();
    assert!(none.stderr.contains("no sealed rows are older than"), "{none:?}");
    assert!(!place.path().join("a.jsonl").exists());
    place.run(&["audit", "archive", "--before", "soon", "--to", "a.jsonl"]).refused(2, &["--before", "2026-01-31"]);

    let done = place.run(&archive).ok();
    assert!(done.stdout.starts_with("a.jsonl: 3 rows, under the seals 1 to 3\nlast seal in it: 3:"), "{done:?}");
    assert!(done.stderr.contains("3 rows were removed from the database"), "{done:?}");
    assert_eq!(fs::metadata(place.path().join("a.jsonl")).unwrap().permissions().mode() & 0o777, 0o600);
    let left: Vec<_> = fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with(".audit")), "{left:?}");
    place.run(&archive).refused(2, &["a.jsonl exists", "name a new file"]);

    // What is left is the record of the archive itself.
    let rows = place.run(&["audit", "--json"]).ok().stdout;
    let row: Value = serde_json::from_str(rows.trim_end()).unwrap();
    assert_eq!((&row["event"], &row["subject"]), (&json!("audit.archived"), &json!("a.jsonl")), "{rows}");
    assert_eq!((&row["detail"]["first"], &row["detail"]["last"]), (&json!(1), &json!(3)), "{rows}");
    seal(&place).await;
    let apart = place.run(&["audit", "verify", "--json"]).ok().json();
    assert_eq!((&apart["seals"], &apart["archivedApart"]), (&json!(1), &json!(3)));
    let whole = place.run(&["audit", "verify", "a.jsonl", "--json"]).ok().json();
    assert_eq!((&whole["seals"], &whole["rows"], &whole["archivedApart"]), (&json!(4), &json!(4), &json!(0)));

    let text = fs::read_to_string(place.path().join("a.jsonl")).unwrap();
    place.write("changed.jsonl", text.replacen("user:", "uses:", 1));
    let changed = place.run(&["audit", "verify", "changed.jsonl"]);
    assert_eq!(
        (changed.code, changed.stderr.contains("changed.jsonl: seal 1 does not follow")),
        (Some(1), true),
        "{changed:?}"
    );
    let (short, _) = text.trim_end().rsplit_once('\n').unwrap();
    place.write("short.jsonl", short);
    place.run(&["audit", "verify", "short.jsonl"]).refused(2, &["short.jsonl has not all rows of seal 3"]);
    place.write("other.jsonl", "{}\n");
    place.run(&["audit", "verify", "other.jsonl"]).refused(2, &["other.jsonl is not an archive"]);
    let other = ["audit", "archive", "--before", "2100-01-01", "--to", "other.jsonl"];
    place.run(&other).refused(2, &["other.jsonl exists, and is no archive of this log"]);
    assert_eq!(fs::read(place.path().join("other.jsonl")).unwrap(), b"{}\n");
}

#[tokio::test]
async fn an_archive_that_was_interrupted_is_completed_by_the_same_command() {
    let place = sealed().await;
    let archive = ["audit", "archive", "--before", "2100-01-01", "--to", "a.jsonl", "--json"];
    // Stopped with the file written, and nothing marked.
    let copy = Place::new();
    fs::create_dir(copy.path().join("leno-data")).unwrap();
    for file in ["leno.db", "encryption-key"] {
        fs::copy(place.path().join("leno-data").join(file), copy.path().join("leno-data").join(file)).unwrap();
    }
    fs::set_permissions(copy.path().join("leno-data"), fs::Permissions::from_mode(0o700)).unwrap();
    place.run(&archive).ok();
    copy.write("a.jsonl", fs::read(place.path().join("a.jsonl")).unwrap());
    let done = copy.run(&archive).ok().json();
    assert_eq!((&done["last"], &done["removed"]), (&json!(3), &json!(3)), "{done}");
    // Stopped with some rows removed: they are put back as far as the others.
    let back = ["DROP TRIGGER audit_log_sealed_once", "UPDATE audit_log SET seal = 3 WHERE event = 'audit.archived'"];
    tamper(&copy, &back).await;
    assert_eq!(copy.run(&["audit", "verify"]).code, Some(1));
    let done = copy.run(&archive).ok().json();
    assert_eq!((&done["last"], &done["removed"]), (&json!(3), &json!(1)), "{done}");
    copy.run(&["audit", "verify", "a.jsonl"]).ok();
}

#[tokio::test]
async fn uses_of_a_connection_are_counted_together_and_written_at_the_end() {
    let Some(place) = Place::with(&["http"]) else { return };
    let upstream = Upstream::start().await.unwrap();
    place.write("leno.toml", format!("[grants.http]\nprivate = [\"{}\"]\n", upstream.address));
    let host = place.serve(&[]).await;
    let client = host.client(&place.run(&["token"]).ok().stdout);
    let made = connect(&client, "mine").await;
    let run = Run::new("http", "send_request").input(json!({ "url": upstream.url(SENT) }));
    assert_eq!(client.run(&run).await.unwrap().status, 200, "without a connection");
    for _ in 0..5 {
        let answer = client.run(&run.clone().with("connectionExternalId", "mine")).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    host.signal(Signal::TERM);
    assert!(host.end().await.0.success());
    let written = place.run(&["audit", "--event", "connection.used", "--json"]).ok().stdout;
    let rows: Vec<Value> = written.lines().rev().map(|line| serde_json::from_str(line).unwrap()).collect();
    let counts: Vec<_> = rows.iter().map(|row| &row["detail"]["count"]).collect();
    assert_eq!(counts, [1, 4], "{written}");
    for row in &rows {
        let detail = &row["detail"];
        assert_eq!((&row["subject"], &row["actor"]), (&made["id"], &json!("piece:http")), "{row}");
        assert_eq!(
            (&detail["by"], &detail["piece"]),
            (&json!(format!("user:{}", made["ownerId"].as_str().unwrap())), &json!("http"))
        );
        assert_eq!(detail["steps"], json!({"send_request": detail["count"]}), "{row}");
        assert!(detail["from"].as_str() <= detail["to"].as_str() && detail["version"].is_string(), "{row}");
    }
    // The first is of its request, the others are of many.
    assert!(rows[0]["requestId"].is_string() && rows[1]["requestId"].is_null(), "{written}");
}
