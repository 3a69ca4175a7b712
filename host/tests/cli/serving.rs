//! `leno serve`.

use std::{fs, net::TcpStream, thread};

use rustix::process::Signal;
use serde_json::json;

use crate::support::{Place, Service, request};

const ECHO: &str = "/api/pieces/text/actions/echo/run";

#[test]
fn with_nothing_set_it_serves_the_pieces_to_whoever_has_a_token() {
    let Some(place) = Place::with(&["text"]) else { return };
    let host = place.serve(&[]);
    let token = place.run(&["token"]).ok().stdout;
    let token = token.trim_end();
    let answer = host.post(ECHO, token, &json!({ "input": { "value": [1, "zwei"] } }));
    assert_eq!((answer.status, &answer.json()["output"]), (200, &json!([1, "zwei"])));
    assert_eq!(host.get("/api/pieces", "nonsense").status, 401);
    assert_eq!(host.get("/api/admin/pieces", token).status, 403);
    let admin = place.run(&["token", "--admin"]).ok().stdout;
    assert_eq!(host.get("/api/admin/pieces", admin.trim_end()).status, 200);

    host.signal(Signal::TERM);
    let (code, stdout, _) = host.end();
    assert_eq!((code, stdout.as_str()), (Some(0), ""), "exactly one line goes to stdout");

    // The generated secret is kept: a token outlives a restart.
    let again = place.serve(&[]);
    assert_eq!(again.post(ECHO, token, &json!({ "input": {} })).status, 200);
    again.signal(Signal::INT);
    assert_eq!(again.end().0, Some(0));
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

#[test]
fn a_request_under_way_is_answered_before_the_end() {
    let Some(place) = Place::with(&["http"]) else { return };
    let service = Service::new();
    place.write("leno.toml", format!("[grants.http]\nprivate = [\"{}\"]\n", service.address));
    let host = place.serve(&[]);
    let token = place.run(&["token"]).ok().stdout.trim_end().to_owned();
    let body = json!({ "input": { "url": service.url() } }).to_string();
    let address = host.address;
    let call =
        thread::spawn(move || request(address, "POST", "/api/pieces/http/actions/send_request/run", &token, &body));
    service.arrived();
    host.signal(Signal::TERM);
    host.log.wait_for("stopping");
    assert!(TcpStream::connect(address).is_err(), "no new connections");
    service.answer();
    let answer = call.join().unwrap();
    assert_eq!((answer.status, &answer.json()["output"]["body"]), (200, &json!("hello")));
    assert_eq!(host.end().0, Some(0));
}

#[test]
fn a_second_signal_does_not_wait() {
    let Some(place) = Place::with(&["http"]) else { return };
    let service = Service::new();
    place.write("leno.toml", format!("[grants.http]\nprivate = [\"{}\"]\n", service.address));
    let host = place.serve(&[]);
    let token = place.run(&["token"]).ok().stdout.trim_end().to_owned();
    let body = json!({ "input": { "url": service.url() } }).to_string();
    let address = host.address;
    // A listener that never responds.
    let call = thread::spawn(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        let path = "/api/pieces/http/actions/send_request/run";
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        std::io::Write::write_all(&mut stream, head.as_bytes()).unwrap();
        let _ = std::io::Read::read(&mut stream, &mut [0; 1]);
    });
    service.arrived();
    host.signal(Signal::INT);
    host.log.wait_for("stopping");
    host.signal(Signal::INT);
    let (code, _, log) = host.end();
    assert_eq!(code, Some(0));
    assert!(log.contains("stopping without waiting"), "{log}");
    call.join().unwrap();
}

#[test]
fn no_secret_is_ever_logged() {
    let Some(place) = Place::with(&["text"]) else { return };
    let secrets = [("JWT_SECRET", "jwt-hunter2"), ("INTERNAL_API_TOKEN", "internal-hunter2")];
    let database = format!("sqlite://{}/db-hunter2.db?mode=rwc", place.path().display());
    let environment =
        [&secrets[..], &[("DATABASE_URL", &database), ("LENO_LOG", "trace"), ("LENO_LOG_FORMAT", "json")]].concat();
    let host = place.serve(&environment);
    let minted = place.leno(&["token"]).envs(secrets).output().unwrap();
    let token = String::from_utf8(minted.stdout).unwrap();
    let body = json!({ "input": { "value": 1 }, "connectionExternalId": "x" });
    assert_ne!(host.post(ECHO, token.trim_end(), &body).status, 401);
    assert_eq!(host.get("/api/pieces", "Bearer-hunter2").status, 401);
    host.signal(Signal::TERM);
    let (_, _, log) = host.end();
    assert!(log.lines().all(|line| line.starts_with('{')), "{log}");
    assert!(
        !log.contains("jwt-hunter2") && !log.contains("internal-hunter2") && !log.contains("Bearer-hunter2"),
        "{log}"
    );
    assert!(!log.contains(token.trim_end()), "{log}");
}
