//! Servers that remember, traps that count, a resolver that follows a script.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use leno_egress::{Caps, Client, ClientConfig, Error, Policy, Request, Resolver, Response, Transport};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// A request as the server received it.
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) version: http::Version,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

pub(crate) type Reply = http::Response<Full<Bytes>>;

pub(crate) fn reply(status: u16, body: impl Into<Bytes>) -> Reply {
    http::Response::builder().status(status).body(Full::new(body.into())).unwrap()
}

/// With a body, as most servers send one.
pub(crate) fn redirect(status: u16, location: &str) -> Reply {
    let mut reply = reply(status, "<p>elsewhere</p>".repeat(64));
    reply.headers_mut().insert("location", location.parse().unwrap());
    reply
}

/// A listener on the loopback interface, which counts its connections.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    pub(crate) seen: Arc<Mutex<Vec<Seen>>>,
    accepted: watch::Receiver<Vec<SocketAddr>>,
    sentinels: Mutex<Vec<SocketAddr>>,
    task: JoinHandle<()>,
}

impl Server {
    /// An HTTP server that records the requests that it gets.
    pub(crate) async fn http(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::answering(listen([127, 0, 0, 1], 0).await, None, answer)
    }

    pub(crate) fn answering(
        listener: TcpListener,
        tls: Option<TlsAcceptor>,
        answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (answer, log) = (Arc::new(answer), Arc::clone(&seen));
        let mut server = Self::raw(listener, move |stream| {
            let (answer, log, tls) = (Arc::clone(&answer), Arc::clone(&log), tls.clone());
            let service = service_fn(move |request: http::Request<Incoming>| {
                let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
                async move {
                    let (parts, body) = request.into_parts();
                    let seen = Seen {
                        method: parts.method.to_string(),
                        target: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
                        version: parts.version,
                        headers: parts.headers,
                        body: body.collect().await.map(|body| body.to_bytes()).unwrap_or_default(),
                    };
                    let reply = answer(&seen);
                    log.lock().unwrap().push(seen);
                    Ok::<_, Infallible>(reply)
                }
            });
            async move {
                let builder = auto::Builder::new(TokioExecutor::new());
                let _ = match tls {
                    None => builder.serve_connection(TokioIo::new(stream), service).await,
                    Some(tls) => match tls.accept(stream).await {
                        Ok(stream) => builder.serve_connection(TokioIo::new(stream), service).await,
                        Err(_) => return,
                    },
                };
            }
        });
        server.seen = seen;
        server
    }

    /// A server that does with a connection whatever `talk` does.
    pub(crate) fn raw<F>(listener: TcpListener, talk: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let addr = listener.local_addr().unwrap();
        let (count, accepted) = watch::channel(Vec::new());
        let task = tokio::spawn(async move {
            while let Ok((stream, peer)) = listener.accept().await {
                count.send_modify(|peers| peers.push(peer));
                tokio::spawn(talk(stream));
            }
        });
        Self { addr, seen: Arc::default(), accepted, sentinels: Mutex::default(), task }
    }

    /// A listener that must not be reached.
    pub(crate) fn trap(listener: TcpListener) -> Self {
        Self::raw(listener, |_| async {})
    }

    /// Connections so far, but for those that this makes itself.
    ///
    /// Connections are accepted in order: once its own is, every earlier one is as well.
    pub(crate) async fn connections(&self) -> usize {
        let sentinel = TcpStream::connect(self.addr).await.unwrap();
        let own = sentinel.local_addr().unwrap();
        self.accepted.clone().wait_for(|peers| peers.contains(&own)).await.unwrap();
        self.sentinels.lock().unwrap().push(own);
        self.accepted.borrow().len() - self.sentinels.lock().unwrap().len()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// The private grant that opens this server.
    pub(crate) fn grant(&self) -> String {
        self.addr.to_string()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) async fn listen(ip: [u8; 4], port: u16) -> TcpListener {
    TcpListener::bind((Ipv4Addr::from(ip), port)).await.unwrap()
}

type Answer = dyn Fn(&str, usize) -> Vec<IpAddr> + Send + Sync;

/// A resolver that computes addresses from the name and the number of earlier lookups.
pub(crate) struct Names {
    answer: Box<Answer>,
    asked: Mutex<Vec<String>>,
}

impl Names {
    pub(crate) fn new(answer: impl Fn(&str, usize) -> Vec<IpAddr> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { answer: Box::new(answer), asked: Mutex::default() })
    }

    /// Every name leads to 127.0.0.1.
    pub(crate) fn loopback() -> Arc<Self> {
        Self::new(|_, _| vec![Ipv4Addr::LOCALHOST.into()])
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait::async_trait]
impl Resolver for Names {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let before = {
            let mut asked = self.asked.lock().unwrap();
            asked.push(host.to_owned());
            asked.len() - 1
        };
        match (self.answer)(host, before) {
            none if none.is_empty() => Err(io::Error::other("no such host")),
            addresses => Ok(addresses),
        }
    }
}

pub(crate) fn client(names: &Arc<Names>) -> Client {
    let resolver: Arc<dyn Resolver> = Arc::<Names>::clone(names);
    Client::new(ClientConfig { resolver, ..ClientConfig::default() }).unwrap()
}

pub(crate) fn policy(allow: &[&str], private: &[&str]) -> Policy {
    Policy::new(
        allow.iter().map(|pattern| pattern.parse().unwrap()).collect(),
        private.iter().map(|grant| grant.parse().unwrap()).collect(),
    )
}

pub(crate) fn get(url: impl Into<String>) -> Request {
    Request { timeout: Duration::from_secs(10), ..Request::new("GET", url) }
}

/// Sends with a new client, every host allowed and `private` granted.
pub(crate) async fn send(request: Request, private: &[&str]) -> Result<Response, Error> {
    send_within(request, private, &Caps::default()).await
}

pub(crate) async fn send_within(request: Request, private: &[&str], caps: &Caps) -> Result<Response, Error> {
    client(&Names::loopback()).send(request, &policy(&["*"], private), caps).await
}
