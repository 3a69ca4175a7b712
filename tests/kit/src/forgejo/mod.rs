//! A server that behaves as Forgejo does, as far as a piece for it can tell.
//!
//! Routes, statuses, headers and messages are read from source, not recorded from a running server: issues, pages and errors
//! from Forgejo's (`routers/api/v1/repo/issue.go` at dbec4c7, `services/context/api.go` at 338fd7f), webhooks from Gitea's
//! (`routers/api/v1/utils/hook.go`, `services/webhook/payloader.go` at 1b568b2). Members that no test needs are left out.
//!
//! [`Forgejo::answer`] is a function of a request, so the same server
//! stands behind a socket and behind the scripted network of `leno-test`.

mod answer;
mod asked;
mod hooks;
mod reply;
mod state;

pub use hooks::Delivery;
pub use reply::Reply;
pub use state::TOKEN;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::upstream::{Received, reaches, receive};
use state::State;

/// The server's data. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Forgejo {
    state: Arc<Mutex<State>>,
    /// Where requests wait after [`Forgejo::hold`].
    gate: Arc<Gate>,
}

#[derive(Debug, Default)]
struct Gate {
    is_closed: watch::Sender<bool>,
    waiting: watch::Sender<usize>,
}

impl Forgejo {
    /// A server with the user `ada`, her repositories `ada/engine`, which has the labels `bug` and `wish`, and `ada/notes`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same server, giving out pages of at most `items` items.
    #[must_use]
    pub fn pages_of(self, items: usize) -> Self {
        self.state().largest_page = items;
        self
    }

    /// The response to a request.
    #[must_use]
    pub fn answer(&self, request: &Received) -> Reply {
        let mut state = self.state();
        state.received.push(request.clone());
        match state.instead.pop_front() {
            Some(reply) => reply,
            None => answer::answer(&mut state, request),
        }
    }

    /// Responds to the next request with this instead.
    pub fn instead(&self, reply: Reply) {
        self.state().instead.push_back(reply);
    }

    /// The requests so far.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.state().received.clone()
    }

    /// Opens an issue in `ada/engine`, a second after the one before. Returns its number.
    pub fn open(&self, title: &str) -> u64 {
        self.state().open("ada/engine", title, "", &[])
    }

    /// The titles of all issues in `ada/engine`, oldest first.
    #[must_use]
    pub fn titles(&self) -> Vec<String> {
        self.state().titles("ada/engine")
    }

    /// The requests with which the webhooks of `ada/engine` are told of an event.
    #[must_use]
    pub fn deliveries(&self, event: &str, payload: &Value) -> Vec<Delivery> {
        hooks::deliveries(&self.state(), "ada/engine", event, payload)
    }

    /// Lets requests wait from now on.
    pub fn hold(&self) {
        self.gate.is_closed.send_replace(true);
    }

    /// Lets them pass again.
    pub fn release(&self) {
        self.gate.is_closed.send_replace(false);
    }

    /// Waits until `count` requests wait.
    ///
    /// # Errors
    /// When they do not within `deadline`.
    pub async fn holds(&self, count: usize, deadline: Duration) -> anyhow::Result<()> {
        reaches(&self.gate.waiting, count, deadline).await
    }

    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When there is none.
    pub async fn listen(&self) -> std::io::Result<Listening> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let (address, server) = (listener.local_addr()?, self.clone());
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = server.clone();
                tokio::spawn(async move { server.serve(stream).await });
            }
        });
        Ok(Listening { address, accepting })
    }

    async fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        while let Some(received) = receive(&mut stream).await? {
            self.gate.waiting.send_modify(|waiting| *waiting += 1);
            let opened = self.gate.is_closed.subscribe().wait_for(|is_closed| !is_closed).await.is_ok();
            self.gate.waiting.send_modify(|waiting| *waiting -= 1);
            if !opened {
                break;
            }
            stream.write_all(&self.answer(&received).bytes()).await?;
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A server at a port. Dropping it closes the port.
#[derive(Debug)]
pub struct Listening {
    /// Where.
    pub address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Listening {
    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(method: &str, target: &str, body: &Value) -> Received {
        Received {
            method: method.into(),
            target: format!("/api/v1{target}"),
            headers: vec![("authorization".into(), format!("token {TOKEN}"))],
            body: body.to_string().into_bytes(),
            head: String::new(),
        }
    }

    #[test]
    fn a_list_is_cut_into_pages_that_say_which_is_next() {
        let forgejo = Forgejo::new().pages_of(1);
        let page =
            |number: u32| forgejo.answer(&request("GET", &format!("/user/repos?page={number}&limit=9"), &json!(null)));
        let (first, last) = (page(1), page(2));
        assert_eq!(
            (&first.body[0]["full_name"], &last.body[0]["full_name"]),
            (&json!("ada/engine"), &json!("ada/notes"))
        );
        let header =
            |reply: &Reply, name| reply.headers.iter().find(|(header, _)| *header == name).map(|(_, v)| v.clone());
        assert!(header(&first, "link").unwrap().contains("page=2&limit=9>; rel=\"next\""), "{first:?}");
        assert!(!header(&last, "link").unwrap().contains("next"), "{last:?}");
        assert_eq!(header(&last, "x-total-count").unwrap(), "2");
    }

    #[test]
    fn issues_are_listed_newest_first_and_by_their_last_change() {
        let forgejo = Forgejo::new();
        for title in ["a", "b", "c"] {
            forgejo.open(title);
        }
        let list = |query: &str| {
            let issues =
                forgejo.answer(&request("GET", &format!("/repos/ada/engine/issues?{query}"), &json!(null))).body;
            issues
                .as_array()
                .unwrap()
                .iter()
                .map(|issue| issue["title"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(list("state=all"), ["c", "b", "a"]);
        let newest = forgejo.answer(&request("GET", "/repos/ada/engine/issues", &json!(null))).body;
        let since = newest[0]["created_at"].as_str().unwrap();
        assert_eq!(list(&format!("since={since}")), ["c"]);
        // A comment is a change.
        let comment = forgejo.answer(&request("POST", "/repos/ada/engine/issues/1/comments", &json!({"body": "hi"})));
        assert_eq!(comment.status, 201);
        assert_eq!(list(&format!("since={since}")), ["c", "a"]);
    }

    #[test]
    fn errors_are_those_of_forgejo() {
        let forgejo = Forgejo::new();
        let mut stranger = request("GET", "/user", &json!(null));
        stranger.headers.clear();
        assert_eq!(forgejo.answer(&stranger).status, 401);
        for (method, target, body, status, message) in [
            ("GET", "/repos/ada/nothing/issues", json!(null), 404, "The target couldn't be found."),
            ("POST", "/repos/ada/engine/issues", json!({"title": ""}), 422, "[Title]: Required"),
            ("POST", "/repos/ada/engine/hooks", json!({"type": "x"}), 422, "Invalid hook type: x"),
        ] {
            let reply = forgejo.answer(&request(method, target, &body));
            assert_eq!((reply.status, &reply.body["message"]), (status, &json!(message)), "{method} {target}");
        }
    }
}
