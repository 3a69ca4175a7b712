//! `leno run`.

use leno_testkit::Upstream;
use serde_json::json;

use crate::support::Place;

#[test]
fn the_output_goes_to_stdout_and_everything_else_to_stderr() {
    let Some(place) = Place::with(&["text"]) else { return };
    let done =
        place.run(&["run", "pieces/text.wasm", "concat", "--props", r#"{"texts": ["a", "b"], "separator": "-"}"#]).ok();
    assert_eq!(done.stdout, "\"a-b\"\n");
    assert!(done.stderr.contains("CPU") && done.stderr.contains("memory"), "{done:?}");
    assert!(!done.stderr.contains('\u{1b}'), "no colors into a pipe: {done:?}");
}

#[test]
fn props_come_from_the_command_line_a_file_or_stdin() {
    let Some(place) = Place::with(&["text"]) else { return };
    place.write("props.json", r#"{"value": {"from": "file"}}"#);
    let from_file = place.run(&["run", "pieces/text.wasm", "echo", "--props", "@props.json", "--json"]).ok().json();
    assert_eq!(from_file["output"], json!({ "from": "file" }));
    let stdin = std::fs::File::open(place.path().join("props.json")).unwrap();
    let from_stdin = place.leno(&["run", "pieces/text.wasm", "echo", "--props", "-"]).stdin(stdin).output().unwrap();
    assert!(from_stdin.status.success());
    assert!(String::from_utf8(from_stdin.stdout).unwrap().contains("file"));
}

#[test]
fn a_failure_of_the_piece_is_1_and_wrong_usage_is_2() {
    let Some(place) = Place::with(&["text"]) else { return };
    let text = "pieces/text.wasm";
    let failed = place.run(&["run", text, "decode_base64", "--props", r#"{"text": "***"}"#]);
    failed.refused(1, &["failed:", "not-base64"]);
    let document = place.run(&["run", text, "decode_base64", "--props", r#"{"text": "***"}"#, "--json"]);
    assert_eq!((document.code, document.stderr.as_str()), (Some(1), ""), "{document:?}");
    assert_eq!(document.json()["failure"]["kind"], "invalid-input");

    place.run(&["run", text, "nope"]).refused(2, &["no action `nope`", "concat"]);
    place.run(&["run", text, "concat", "--props", "{"]).refused(2, &["--props", "not JSON"]);
    place.run(&["run", text, "concat", "--props", "@nowhere.json"]).refused(2, &["nowhere.json cannot be read"]);
    let misfit = place.run(&["run", text, "slice", "--props", r#"{"start": "x", "strat": 1}"#]);
    misfit.refused(2, &["/text", "/start", "/strat"]);
    place.run(&["run", text, "concat", "--timeout-ms", "0"]).refused(2, &["--timeout-ms"]);
    place.run(&["run", text, "concat", "--allow-private", "localhost"]).refused(2, &["--allow-private", "10.1.2.3:80"]);
    place.write("connection.json", r#"{"type": "SECRET_TEXT", "secret_text": "hunter2""#);
    let broken = place.run(&["run", text, "concat", "--connection", "connection.json"]);
    broken.refused(2, &["--connection"]);
    assert!(!broken.stderr.contains("hunter2"), "{broken:?}");
}

#[test]
fn what_a_piece_stores_is_there_within_the_run_and_forgotten_after_it() {
    let Some(place) = Place::with(&["store"]) else { return };
    for _ in 0..2 {
        let done =
            place.run(&["run", "pieces/store.wasm", "add", "--props", r#"{"key": "k", "amount": 2}"#, "--json"]).ok();
        let document = done.json();
        assert_eq!(document["output"], 2);
        let calls = document["hostCalls"].as_array().unwrap();
        assert!(
            calls.iter().any(|call| call["function"] == "store.compare-and-set" && call["micros"].is_u64()),
            "{document}"
        );
    }
    let mut left: Vec<_> = std::fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["pieces"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_address_is_closed_until_it_is_opened() {
    let Some(place) = Place::with(&["http"]) else { return };
    let upstream = Upstream::start().await.unwrap();
    let props = json!({ "url": upstream.url("/text/hello") }).to_string();
    let run = ["run", "pieces/http.wasm", "send_request", "--props", &props];
    place.run(&run).refused(1, &["egress-denied", "--allow-private"]);
    assert_eq!(upstream.received().len(), 0);

    let address = upstream.address.to_string();
    let opened = place.run(&[&run[..], &["--allow-private", &address, "--json"]].concat()).ok().json();
    assert_eq!(opened["output"]["body"], "hello");
    assert_eq!(opened["usage"]["httpRequests"], 1);

    place.write("leno.toml", format!("[grants.http]\nprivate = [\"{address}\"]\n"));
    place.run(&[&run[..], &["--grants", "leno.toml"]].concat()).ok();
    assert_eq!(upstream.received().len(), 2);
}
