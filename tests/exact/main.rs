//! Data is never changed in silence: what goes in comes out, to the byte.
//!
//! The whole way is taken: HTTP API, coercion, sandbox, built-in piece, store or egress, and back, with a stored connection
//! (whose secrets are looked for in every answer) and without one.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of it is test code: a failure is a failed test"
)]

mod json;

use leno_testkit::{Answer, Client, Grant, Options, Run, Server, Upstream, guests};
use proptest::test_runner::{Config, TestRunner};
use reqwest::Url;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// The password of the connection. It begins and ends with what no JSON value begins and ends with.
const SECRET: &str = "}s3cret-of-the-connection{";
/// How many values take the whole way.
const CASES: u32 = 24;

/// The output of a run as it came over the wire.
fn output(answer: &Answer) -> String {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        output: &'a RawValue,
    }
    assert_eq!(answer.status, 200, "{}", answer.text);
    serde_json::from_str::<Body<'_>>(&answer.text).unwrap().output.get().to_owned()
}

struct Scene {
    client: Client,
    upstream: Upstream,
    _server: Server,
}

impl Scene {
    async fn new() -> anyhow::Result<Self> {
        let upstream = Upstream::start().await?;
        let mut options = Options::new().grant("http", Grant::private([upstream.address]));
        for piece in ["http", "store", "text"] {
            options = options.piece(piece, guests::piece(piece));
        }
        let server = Server::start(options).await?;
        let client = server.client();
        for piece in ["http", "store", "text"] {
            client.active(&format!("{piece}.wasm")).await?;
        }
        let connection = json!({
            "externalId": "mine", "displayName": "Mine", "pieceName": "http", "type": "BASIC_AUTH",
            "value": {"type": "BASIC_AUTH", "username": "", "password": SECRET},
        });
        let stored = client.post("/api/app-connections", &connection).await?;
        assert!((200..300).contains(&stored.status), "{}", stored.text);
        Ok(Self { client, upstream, _server: server })
    }

    async fn text(&self, action: &str, input: Value) -> String {
        output(&self.client.run(&Run::new("text", action).input(input)).await.unwrap())
    }

    async fn store(&self, action: &str, input: Value) -> String {
        output(&self.client.run(&Run::new("store", action).input(input)).await.unwrap())
    }

    /// The body of the response to a request to `path`.
    async fn http(&self, path: &str, connected: bool, mut input: Value) -> Box<RawValue> {
        #[derive(Deserialize)]
        struct Response {
            body: Box<RawValue>,
        }
        (input["url"], input["method"]) = (self.upstream.url(path).into(), "POST".into());
        let mut run = Run::new("http", "send_request").input(input);
        if connected {
            run = run.with("connectionExternalId", "mine");
        }
        let answer = self.client.run(&run).await.unwrap();
        assert!(!answer.text.contains("s3cret"), "{}", answer.text);
        serde_json::from_str::<Response>(&output(&answer)).unwrap().body
    }

    /// A value and a text, through every action that returns what it is given.
    async fn round(&self, value: &Value, text: &str) {
        let (written, quoted) = (value.to_string(), Value::from(text).to_string());
        let (listed, listed_text) = (json!([value]), format!("[{written}]"));

        assert_eq!(self.text("echo", json!({"value": value})).await, written);
        assert_eq!(self.text("parse_json", json!({"text": format!("\u{feff} {written}\n")})).await, written);
        assert_eq!(self.text("to_json", json!({"value": listed})).await, Value::from(&*listed_text).to_string());
        assert_eq!(self.text("default_value", json!({"value": "", "default": listed})).await, listed_text);
        let filled = self.text("fill_template", json!({"template": "<[[v]]>", "values": {"v": listed}})).await;
        assert_eq!(filled, Value::from(format!("<{listed_text}>")).to_string());
        assert_eq!(self.text("concat", json!({"texts": ["", text, ""]})).await, quoted);
        assert_eq!(self.text("slice", json!({"text": text})).await, quoted);
        assert_eq!(self.text("concat", json!({"texts": ["-", "-"], "separator": text})).await.len(), quoted.len() + 2);
        for (encode, decode) in [("encode_base64", "decode_base64"), ("encode_url", "decode_url")] {
            let encoded: String = serde_json::from_str(&self.text(encode, json!({"text": text})).await).unwrap();
            assert_eq!(self.text(decode, json!({"text": encoded})).await, quoted);
        }

        assert_eq!(self.store("put", json!({"key": "k", "value": listed})).await, listed_text);
        assert_eq!(self.store("get", json!({"key": "k", "default": 0})).await, listed_text);
        assert_eq!(self.store("get", json!({"key": "none", "default": listed})).await, listed_text);

        for connected in [false, true] {
            let sent = json!({"secret": SECRET.repeat(usize::from(connected)), "value": value});
            let mask = if connected { "**REDACTED**" } else { "" };
            let answered = self.http("/mirror", connected, json!({"json": sent})).await;
            assert_eq!(answered.get(), format!("{{\"secret\":\"{mask}\",\"value\":{written}}}"));

            let answered = self.http("/mirror", connected, json!({"body_type": "text", "text": text})).await;
            // An empty body is none.
            assert_eq!(answered.get(), if text.is_empty() { "null" } else { &quoted });

            let pairs = json!({"text": text, "list": ["", listed_text]});
            let expected = [("text", text), ("list", ""), ("list", &listed_text)].map(owned);
            let form = self.http("/mirror", connected, json!({"form": pairs})).await;
            let form: String = serde_json::from_str(form.get()).unwrap();
            assert_eq!(decoded(&format!("/?{form}")), expected);
            let request = self.http("/echo", connected, json!({"query": pairs})).await;
            let request: Value = serde_json::from_str(request.get()).unwrap();
            assert_eq!(decoded(request["target"].as_str().unwrap()), expected);
            assert_eq!((&request["body"], &request["headers"]["content-length"]), (&json!(""), &json!("0")));
            assert_eq!(request["headers"].get("authorization").is_some(), connected);
        }
    }
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// The pairs in the query of a request target.
fn decoded(target: &str) -> Vec<(String, String)> {
    let url = Url::parse(&format!("http://x.test{target}")).unwrap();
    url.query_pairs().into_owned().collect()
}

#[test]
fn every_value_comes_back_as_it_went_in() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let scene = runtime.block_on(Scene::new())?;
    let mut runner = TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
    runner.run(&(json::value(), json::text()), |(value, text)| {
        runtime.block_on(scene.round(&value, &text));
        Ok(())
    })?;
    Ok(())
}
