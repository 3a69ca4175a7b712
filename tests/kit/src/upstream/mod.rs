//! An HTTP server on loopback that responds as its path says, well or badly.
//!
//! | Path | Answer |
//! | --- | --- |
//! | `/echo…` | JSON of the request: `method`, `target`, `headers`, `body` |
//! | `/mirror` | the body of the request, with its content type |
//! | `/text/TEXT` | the text |
//! | `/status/N` | that status, no body |
//! | `/redirect/N?URL` | status N with the rest of the target as `Location` |
//! | `/loop` | 302 to itself |
//! | `/hold` | nothing until [`Upstream::release`], then `{}` |
//! | `/never` | nothing, ever |
//! | `/drip` | a byte a second |
//! | `/continue` | interim responses (100) without end |
//! | `/hints` | interim responses (103) without end |
//! | `/bytes/N` | N bytes |
//! | `/endless` | chunks without end |
//! | `/gzip/N` | N bytes, compressed some 150 times |
//! | `/headers/N` | N headers |
//! | `/header/N` | one header of N bytes |
//! | `/short` | promises 1,000 bytes, sends 10, and hangs up |
//! | `/garbage` | something that is not HTTP |

mod answer;
mod gzip;
mod received;
mod shared;

pub use self::received::Received;
use self::shared::Shared;

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A running server. Dropping it closes its port; connections end with their own tasks.
#[derive(Debug)]
pub struct Upstream {
    /// Its address.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

impl Upstream {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When there is none.
    pub async fn start() -> std::io::Result<Self> {
        Self::on("127.0.0.1").await
    }

    /// Listens on a free port of `ip`; that of 0.0.0.0 is reached at every address in 127.0.0.0/8, as many hosts.
    ///
    /// # Errors
    /// When there is none.
    pub async fn on(ip: &str) -> std::io::Result<Self> {
        let listener = TcpListener::bind((ip, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let accepting = tokio::spawn({
            let shared = shared.clone();
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let shared = shared.clone();
                    shared.open.send_modify(|open| {
                        *open += 1;
                        shared.most.fetch_max(*open, Ordering::Relaxed);
                    });
                    tokio::spawn(async move {
                        // A client that hangs up is the point of many a test.
                        let _ = serve(stream, &shared).await;
                        shared.open.send_modify(|open| *open -= 1);
                    });
                }
            }
        });
        Ok(Self { address, shared, accepting })
    }

    /// The URL of `path`, which starts with a slash.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The same with the name `localhost` for the host.
    #[must_use]
    pub fn url_by_name(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.address.port())
    }

    /// What came in so far.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until exactly `count` requests to `/hold` are held.
    ///
    /// # Errors
    /// When they are not within `deadline`.
    pub async fn holds(&self, count: usize, deadline: Duration) -> anyhow::Result<()> {
        reaches(&self.shared.held, count, deadline).await.with_context(|| format!("{count} requests are not held"))
    }

    /// Responds to every request that is held now.
    pub fn release(&self) {
        self.shared.released.send_modify(|released| *released += 1);
    }

    /// Connections that are open.
    #[must_use]
    pub fn open(&self) -> usize {
        *self.shared.open.borrow()
    }

    /// The most connections that were open at once.
    #[must_use]
    pub fn most_open(&self) -> usize {
        self.shared.most.load(Ordering::Relaxed)
    }

    /// Waits until no connection is open.
    ///
    /// # Errors
    /// When one still is after `deadline`.
    pub async fn closes(&self, deadline: Duration) -> anyhow::Result<()> {
        reaches(&self.shared.open, 0, deadline).await.context("a connection stays open")
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

pub(crate) async fn reaches(value: &watch::Sender<usize>, wanted: usize, deadline: Duration) -> anyhow::Result<()> {
    let mut value = value.subscribe();
    tokio::time::timeout(deadline, value.wait_for(|value| *value == wanted))
        .await
        .with_context(|| format!("not within {deadline:?}"))??;
    Ok(())
}

async fn serve(stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    while let Some(received) = receive(&mut stream).await? {
        shared.received.lock().unwrap_or_else(PoisonError::into_inner).push(received.clone());
        if !answer::answer(&mut stream, &received, shared).await? {
            break;
        }
    }
    Ok(())
}

/// Reads one request; `None` when the client has hung up between two.
pub(crate) async fn receive(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<Received>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_until(b'\n', &mut head).await? == 0 {
            return Ok(None);
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.lines();
    let mut request_line = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
    let (method, target) = (request_line.next().unwrap_or_default(), request_line.next().unwrap_or_default());
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await?;
    Ok(Some(Received { method, target, headers, body, head }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a body until it ends, breaks, or has `most` bytes. Returns how many it had.
    async fn read(mut response: reqwest::Response, most: usize) -> usize {
        let mut bytes = 0;
        while let Ok(Some(chunk)) = response.chunk().await {
            bytes += chunk.len();
            if bytes >= most {
                break;
            }
        }
        bytes
    }

    fn client() -> reqwest::Client {
        reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
    }

    #[tokio::test]
    async fn a_request_is_echoed_and_recorded() {
        let upstream = Upstream::start().await.unwrap();
        let request = client().post(upstream.url("/echo?a=b")).header("x-one", "1").body("hello");
        let echo: serde_json::Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!((&echo["method"], &echo["target"]), (&"POST".into(), &"/echo?a=b".into()));
        assert_eq!((&echo["headers"]["x-one"], &echo["body"]), (&"1".into(), &"hello".into()));
        assert_eq!(upstream.received()[0].header("x-one"), Some("1"));
    }

    #[tokio::test]
    async fn a_held_request_is_answered_when_it_is_released() {
        let upstream = Upstream::start().await.unwrap();
        let request = tokio::spawn(client().get(upstream.url("/hold")).send());
        upstream.holds(1, Duration::from_secs(5)).await.unwrap();
        assert!(!request.is_finished());
        upstream.release();
        assert_eq!(request.await.unwrap().unwrap().status(), 200);
        upstream.holds(0, Duration::from_secs(5)).await.unwrap();
    }

    #[tokio::test]
    async fn the_gzip_bomb_unpacks_to_what_it_says() {
        let upstream = Upstream::start().await.unwrap();
        let response = client().get(upstream.url("/gzip/1000000")).send().await.unwrap();
        let text = response.bytes().await.unwrap();
        assert_eq!((text.len(), text.iter().all(|byte| *byte == b'0')), (1_000_000, true));
    }

    #[tokio::test]
    async fn what_never_ends_goes_on_until_the_client_hangs_up() {
        let upstream = Upstream::start().await.unwrap();
        let client = client();
        for path in ["/bytes/5000000000", "/endless", "/gzip/5000000000"] {
            let response = client.get(upstream.url(path)).send().await.unwrap();
            assert!(read(response, 10 << 20).await >= 10 << 20, "{path}");
        }
        drop(client);
        upstream.closes(Duration::from_secs(5)).await.unwrap();
    }

    #[tokio::test]
    async fn broken_answers_are_broken() {
        let upstream = Upstream::start().await.unwrap();
        assert!(client().get(upstream.url("/garbage")).send().await.is_err());
        let short = client().get(upstream.url("/short")).send().await.unwrap();
        assert!(short.bytes().await.is_err());
        assert!(client().get(upstream.url("/headers/10000")).send().await.is_err());
        let redirect = client().get(upstream.url("/redirect/307?file:///etc/passwd")).send().await.unwrap();
        assert_eq!(
            (redirect.status().as_u16(), &redirect.headers()["location"]),
            (307, &"file:///etc/passwd".parse().unwrap())
        );
    }
}
