//! Over TLS.

use std::sync::Arc;

use leno_egress::{Caps, Client, ClientConfig, Credentials, Error, Request, Resolver, Transport};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

use crate::support::*;

/// A server with its own certificate for `names`, and that certificate in DER.
async fn server(names: &[&str], answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> (Server, Vec<u8>) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let own = rcgen::generate_simple_self_signed(names).unwrap();
    let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key.into())
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    (Server::answering(listen([127, 0, 0, 1], 0).await, Some(acceptor), answer), own.cert.der().to_vec())
}

fn trusting(roots: &[&Vec<u8>]) -> Client {
    let resolver: Arc<dyn Resolver> = Names::loopback();
    let extra_roots = roots.iter().map(|der| (*der).clone()).collect();
    Client::new(ClientConfig { resolver, extra_roots, ..ClientConfig::default() }).unwrap()
}

fn at(host: &str, server: &Server) -> String {
    format!("https://{host}:{}/", server.addr.port())
}

#[tokio::test]
async fn requests_share_a_connection_of_http_2() {
    let (server, root) = server(&["api.test"], |_| reply(200, "")).await;
    let client = trusting(&[&root]);
    let (policy, caps) = (policy(&["*"], &[&server.grant()]), Caps::default());
    for _ in 0..3 {
        client.send(get(at("api.test", &server)), &policy, &caps).await.unwrap();
    }
    assert!(server.seen.lock().unwrap().iter().all(|seen| seen.version == http::Version::HTTP_2));
    assert_eq!(server.connections().await, 1);
}

#[tokio::test]
async fn a_certificate_must_be_trusted_and_for_the_host() {
    let (server, root) = server(&["api.test"], |_| reply(200, "")).await;
    let (policy, caps) = (policy(&["*"], &[&server.grant()]), Caps::default());
    for (client, host) in
        [(trusting(&[]), "api.test"), (trusting(&[&root]), "other.test"), (trusting(&[&root]), "127.0.0.1")]
    {
        let request = get(at(host, &server));
        let meter = Arc::clone(&request.meter);
        let error = client.send(request, &policy, &caps).await.unwrap_err();
        assert_eq!(error.code(), "tls-failed", "{host}: {error}");
        assert!(error.to_string().contains("certificate"), "{error}");
        assert_eq!(meter.sent(), 0);
    }
    assert!(server.seen.lock().unwrap().is_empty());

    let plain = Server::http(|_| reply(200, "")).await;
    let policy = crate::support::policy(&["*"], &[&plain.grant()]);
    let error = trusting(&[]).send(get(at("127.0.0.1", &plain)), &policy, &caps).await.unwrap_err();
    assert_eq!(error.code(), "tls-failed", "{error}");
}

#[tokio::test]
async fn a_redirect_from_https_to_http_leaves_the_credentials_behind() {
    let plain = Server::http(|_| reply(200, "")).await;
    let there = plain.url("/");
    let (secure, root) = server(&["127.0.0.1"], move |_| redirect(302, &there)).await;
    let request = Request {
        redirects: 1,
        credentials: Some(Arc::new(Credentials {
            hosts: vec!["127.0.0.1".parse().unwrap()],
            headers: vec![("x-api-key".to_owned(), "canary".into())],
            query: Vec::new(),
        })),
        ..get(at("127.0.0.1", &secure))
    };
    let policy = policy(&["*"], &[&secure.grant(), &plain.grant()]);
    trusting(&[&root]).send(request, &policy, &Caps::default()).await.unwrap();
    assert_eq!(secure.seen.lock().unwrap()[0].header("x-api-key"), Some("canary"));
    assert_eq!(plain.seen.lock().unwrap()[0].header("x-api-key"), None);
}

#[tokio::test]
async fn headers_of_http_2_are_capped_too() {
    let (server, root) = server(&["api.test"], |seen| {
        let size: usize = seen.header("x-size").unwrap().parse().unwrap();
        let mut reply = reply(200, "");
        for n in 0..size / 1000 {
            let name: http::HeaderName = format!("x-{n}").parse().unwrap();
            reply.headers_mut().insert(name, "v".repeat(1000).parse().unwrap());
        }
        reply
    })
    .await;
    let client = trusting(&[&root]);
    let (policy, caps) = (policy(&["*"], &[&server.grant()]), Caps::default());
    for (size, fits) in [(50_000, true), (80_000, false), (200_000, false), (1_000_000, false)] {
        let mut request = get(at("api.test", &server));
        request.headers = vec![("x-size".to_owned(), size.to_string())];
        let sent = client.send(request, &policy, &caps).await;
        assert_eq!(sent.is_ok(), fits, "{size}: {sent:?}");
        if let Err(error) = sent {
            assert!(matches!(error, Error::TooLarge { .. } | Error::Unavailable { .. }), "{size}: {error}");
        }
    }
}
