//! A provider that responds to token requests byte for byte as the test says.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::upstream::{Received, receive};

/// A running provider. Its authorization endpoint is `/auth`, its token endpoint `/token`; it sends browsers straight back.
#[derive(Debug)]
pub struct Scripted {
    /// Its address.
    pub address: SocketAddr,
    script: Arc<Script>,
    accepting: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Script {
    answers: Mutex<VecDeque<Vec<u8>>>,
    received: Mutex<Vec<Received>>,
}

impl Scripted {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When there is none.
    pub async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let (address, script) = (listener.local_addr()?, Arc::new(Script::default()));
        let accepting = tokio::spawn({
            let script = script.clone();
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let script = script.clone();
                    tokio::spawn(async move { serve(stream, &script).await });
                }
            }
        });
        Ok(Self { address, script, accepting })
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The response to the next token request that has none yet: all of it, with the status line. The connection is
    /// closed after it. The default is a good response.
    pub fn raw(&self, answer: impl Into<Vec<u8>>) {
        self.script.answers.lock().unwrap_or_else(PoisonError::into_inner).push_back(answer.into());
    }

    /// The same of a status, a content type and a body.
    pub fn answer(&self, status: u16, content_type: &str, body: impl AsRef<[u8]>) {
        self.raw(response(status, &format!("content-type: {content_type}\r\n"), body.as_ref()));
    }

    /// The token requests so far.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.script.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn response(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let head =
        format!("HTTP/1.1 {status} Status\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

async fn serve(stream: TcpStream, script: &Script) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let Some(received) = receive(&mut stream).await? else { return Ok(()) };
    let answer = match reqwest::Url::parse("http://provider").and_then(|base| base.join(&received.target)) {
        Ok(url) if url.path() == "/auth" => authorize(&url),
        Ok(url) if url.path() == "/token" => {
            let number = {
                let mut all = script.received.lock().unwrap_or_else(PoisonError::into_inner);
                all.push(received);
                all.len()
            };
            let next = script.answers.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            next.unwrap_or_else(|| good(number))
        }
        _ => response(404, "", b""),
    };
    stream.write_all(&answer).await?;
    stream.shutdown().await
}

fn authorize(url: &reqwest::Url) -> Vec<u8> {
    let given = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    let back = given("redirect_uri").and_then(|uri| reqwest::Url::parse(&uri).ok());
    let Some(mut back) = back else { return response(400, "", b"no redirect_uri") };
    back.query_pairs_mut()
        .append_pair("code", "scripted-code")
        .append_pair("state", &given("state").unwrap_or_default());
    response(302, &format!("location: {back}\r\n"), b"")
}

fn good(number: usize) -> Vec<u8> {
    let token = json!({
        "access_token": format!("access-{number}"), "token_type": "Bearer", "expires_in": 3600,
        "refresh_token": format!("refresh-{number}"), "scope": "openid",
    });
    response(200, "content-type: application/json\r\n", token.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn token_requests_are_answered_as_scripted_and_well_after_that() {
        let provider = Scripted::start().await.unwrap();
        provider.answer(503, "text/html", "<h1>busy</h1>");
        provider.raw("nonsense\r\n\r\n");
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let ask = || http.post(format!("{}/token", provider.url())).body("grant_type=x").send();
        let busy = ask().await.unwrap();
        assert_eq!((busy.status().as_u16(), busy.text().await.unwrap().as_str()), (503, "<h1>busy</h1>"));
        assert!(ask().await.is_err());
        let good: serde_json::Value = ask().await.unwrap().json().await.unwrap();
        assert_eq!(good["access_token"], "access-3");
        assert_eq!(provider.received()[0].body, b"grant_type=x");
    }
}
