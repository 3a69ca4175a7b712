//! `leno serve`.

use std::{fs, net::TcpStream};

use leno_testkit::{Answer, Run, Upstream};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::{Host, PATIENCE, Place};

fn echo(value: &Value) -> Run {
    Run::new("text", "echo").input(json!({ "value": value }))
}

#[tokio::test]
async fn with_nothing_set_it_serves_the_pieces_to_whoever_has_a_token() {
    let Some(place) = Place::with(&["text"]) else { return };
    let host = place.serve(&[]).await;
    let token = place.run(&["token"]).ok().stdout;
    let answer = host.client(&token).run(&echo(&json!([1, "zwei"]))).await.unwrap();
    assert_eq!((answer.status, answer.output()), (200, &json!([1, "zwei"])));
    assert_eq!(host.client("nonsense").get("/api/pieces").await.unwrap().status, 401);
    assert_eq!(host.client(&token).get("/api/admin/pieces").await.unwrap().status, 403);
    let admin = place.run(&["token", "--admin"]).ok().stdout;
    assert_eq!(host.client(&admin).get("/api/admin/pieces").await.unwrap().status, 200);

    host.signal(Signal::TERM);
    let (status, stdout, _) = host.end().await;
    assert!(status.success() && stdout.len() == 1, "exactly one line goes to stdout: {stdout:?}");

    // The generated secret is kept: a token outlives a restart.
    let again = place.serve(&[]).await;
    assert_eq!(again.client(&token).run(&echo(&Value::Null)).await.unwrap().status, 200);
    again.signal(Signal::INT);
    assert!(again.end().await.0.success());
}

#[test]
fn what_is_wrong_is_told_at_once_and_nothing_is_started() {
    let place = Place::new();
    place.write("leno.toml", "listen = '4747'\nmax_cals = 1\n[grants.http]\nhost = ['a.test']\n");
    let mut command = place.leno(&["serve", "--max-calls", "0", "--production"]);
    let done = command.env("DATABASE_URL", "mysql://root:hunter2@db").output().unwrap();
    let done = crate::support::Done::from(done);
    done.refused(
        2,
        &["7 settings are wrong", "leno.toml:1", "`max_calls`", "`hosts`", "--max-calls", "DATABASE_URL", "JWT_SECRET"],
    );
    assert!(!done.stderr.contains("hunter2"), "{done:?}");
    let left: Vec<_> = fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["leno.toml"]);

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    fs::remove_file(place.path().join("leno.toml")).unwrap();
    place.run(&["serve", "--listen", &address]).refused(2, &[&address, "LENO_LISTEN"]);
    let unreachable =
        place.leno(&["serve"]).env("DATABASE_URL", "postgres://leno:hunter2@127.0.0.1:1/leno").output().unwrap();
    let unreachable = crate::support::Done::from(unreachable);
    unreachable.refused(2, &["the database cannot be opened", "DATABASE_URL"]);
    assert!(!unreachable.stderr.contains("hunter2"), "{unreachable:?}");
}

#[tokio::test]
async fn a_request_under_way_is_answered_before_the_end() {
    let Some(Waiting { upstream, host, call, _place }) = Waiting::start().await else { return };
    host.signal(Signal::TERM);
    host.logs("stopping").await;
    assert!(TcpStream::connect(host.url.trim_start_matches("http://")).is_err(), "no new connections");
    upstream.release();
    let answer = call.await.unwrap().unwrap();
    assert_eq!((answer.status, &answer.output()["status"]), (200, &json!(200)));
    assert!(host.end().await.0.success());
}

#[tokio::test]
async fn a_second_signal_does_not_wait() {
    let Some(Waiting { upstream: _upstream, host, call, _place }) = Waiting::start().await else { return };
    host.signal(Signal::INT);
    host.logs("stopping").await;
    host.signal(Signal::INT);
    let (status, _, log) = host.end().await;
    assert!(status.success(), "{status}");
    assert!(log.iter().any(|line| line.contains("stopping without waiting")), "{log:?}");
    call.await.unwrap().unwrap_err();
}

/// A server with a call that waits for an upstream.
struct Waiting {
    _place: Place,
    upstream: Upstream,
    host: Host,
    call: JoinHandle<anyhow::Result<Answer>>,
}

impl Waiting {
    async fn start() -> Option<Self> {
        let place = Place::with(&["http"])?;
        let upstream = Upstream::start().await.unwrap();
        place.write("leno.toml", format!("[grants.http]\nprivate = [\"{}\"]\n", upstream.address));
        let host = place.serve(&[]).await;
        let client = host.client(&place.run(&["token"]).ok().stdout);
        let run = Run::new("http", "send_request").input(json!({ "url": upstream.url("/hold") }));
        let call = tokio::spawn(async move { client.run(&run).await });
        upstream.holds(1, PATIENCE).await.unwrap();
        Some(Self { _place: place, upstream, host, call })
    }
}

#[tokio::test]
async fn no_secret_is_ever_logged() {
    let Some(place) = Place::with(&["text"]) else { return };
    let secrets = [("JWT_SECRET", "jwt-hunter2"), ("INTERNAL_API_TOKEN", "internal-hunter2")];
    let database = format!("sqlite://{}/db-hunter2.db?mode=rwc", place.path().display());
    let environment =
        [&secrets[..], &[("DATABASE_URL", &database), ("LENO_LOG", "trace"), ("LENO_LOG_FORMAT", "json")]].concat();
    let host = place.serve(&environment).await;
    let minted = place.leno(&["token"]).envs(secrets).output().unwrap();
    let token = String::from_utf8(minted.stdout).unwrap();
    let run = echo(&json!(1)).with("connectionExternalId", "x");
    assert_ne!(host.client(&token).run(&run).await.unwrap().status, 401);
    assert_eq!(host.client("Bearer-hunter2").get("/api/pieces").await.unwrap().status, 401);
    host.signal(Signal::TERM);
    let (_, _, log) = host.end().await;
    assert!(log.iter().all(|line| line.starts_with('{')), "{log:?}");
    let log = log.join("\n");
    assert!(
        !log.contains("jwt-hunter2") && !log.contains("internal-hunter2") && !log.contains("Bearer-hunter2"),
        "{log}"
    );
    assert!(!log.contains(token.trim_end()), "{log}");
}
