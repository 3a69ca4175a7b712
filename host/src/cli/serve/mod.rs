//! `leno serve`: opens a host from the settings and serves it until a signal.

mod descriptors;
mod logging;

use std::{future::Future, net::SocketAddr, pin::Pin, process::ExitCode, sync::Arc};

use anyhow::Context as _;
use futures_util::future::OptionFuture;
use leno_authorization::Revoked;
use leno_base::{SystemClock, budget::Budgets};
use leno_db::Db;
use leno_metadata::PieceName;
use leno_sandbox::{Cache, EngineConfig};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use super::{
    component,
    flags::{All, Flags},
    keyring::keyring,
    terminal,
};
use crate::{
    config::{Config, DataDir, setting},
    edge::{
        PublicUrl,
        budgets::{ADMIN_CONNECTIONS, CONNECTIONS, CONNECTIONS_PER_PEER},
        listener::{self, Crowd},
    },
    host::{Host, Setup},
    identity::{Identity, Trusted},
};

#[derive(Debug, clap::Args)]
#[command(
    about = "Serve the pieces of a directory over HTTP",
    long_about = "Serve the pieces of a directory over HTTP. Without settings it runs with SQLite and generated secrets \
                  in ./leno-data, the pieces of ./pieces, on 127.0.0.1:4747. Once it accepts connections it prints one line to \
                  stdout, `listening on http://IP:PORT`; logs go to stderr. On SIGTERM or SIGINT it finishes the requests \
                  under way; on a second signal it stops at once.",
    after_help = "Settings come from flags, then the environment, then leno.toml (keys as the flags, with underscores).\n\
                  Secrets have no flags, because every user of a machine can read its command lines:\n  \
                  DATABASE_URL        sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE\n  \
                  JWT_SECRET          the secret that Gauzy signs access tokens with\n  \
                  INTERNAL_API_TOKEN  the token that the operator's own processes send as X-Internal-Token\n  \
                  LENO_OLD_JWT_SECRETS, LENO_OLD_INTERNAL_API_TOKENS\n  \
                  \u{20}                   further ones that count, separated by commas, while these two are changed\n  \
                  INTEGRATION_ENCRYPTION_KEY, else AP_ENCRYPTION_KEY\n  \
                  \u{20}                   the key that encrypts connections; `openssl rand -hex 32` makes one\n  \
                  LENO_OLD_ENCRYPTION_KEYS\n  \
                  \u{20}                   keys that still decrypt, separated by commas; see `leno keys`\n  \
                  GAUZY_OAUTH_APP_CLIENT_SECRET, GAUZY_OAUTH_APP_CODE_SECRET\n  \
                  \u{20}                   the secrets of the OAuth client that GAUZY_OAUTH_APP_CLIENT_ID names\n  \
                  REDIS_URL, REDIS_PASSWORD\n  \
                  \u{20}                   with REDIS_ENABLED=true, where authorization requests and codes are kept\n\n\
                  What a piece may do beyond its manifest is granted in leno.toml; see `leno grants`:\n  \
                  [grants.http]\n  \
                  private = [\"10.1.2.3:8080\"]"
)]
pub(super) struct Args {
    #[command(flatten)]
    settings: Flags<All>,
}

pub(super) fn serve(args: &Args) -> anyhow::Result<ExitCode> {
    let mut config = args.settings.config()?;
    logging::begin(&config.log);
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    config.budgets = descriptors::fit(&config.budgets);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(run(config));
    // Compilations under way need not end.
    runtime.shutdown_background();
    done.map(|()| ExitCode::SUCCESS)
}

async fn run(config: Config) -> anyhow::Result<()> {
    // Before anything that takes long, so that no signal is lost and a taken address is reported at once.
    let mut stop = Signals::new()?;
    let listener = bind(config.listen, setting::LISTEN.env).await?;
    let address = listener.local_addr()?;
    let operator = match config.admin_listen {
        Some(address) => Some(bind(address, setting::ADMIN_LISTEN.env).await?),
        None => None,
    };
    let own = [Some(address), operator.as_ref().and_then(|operator| operator.local_addr().ok())];
    let own = own.into_iter().flatten().collect();

    let host = tokio::select! {
        opened = open(&config, address, own) => opened?,
        () = stop.next() => {
            tracing::info!("stopped before the host was ready");
            return Ok(());
        }
    };
    terminal::print(&format!("listening on http://{address}\n"))?;
    let app = host.app();
    let (pieces, database) = (app.registry.latest().len(), app.db.kind());
    tracing::info!(%address, pieces, ?database, production = config.production, "ready");
    host.start().await;

    let draining = accept(&host, &config.budgets, listener, operator, stop.next()).await?;
    tracing::info!("stopping: no new connections; waiting for requests under way");
    tokio::select! {
        () = host.drain(draining) => {}
        () = stop.next() => tracing::warn!("second signal: stopping without waiting"),
    }
    host.close().await;
    tracing::info!("stopped");
    Ok(())
}

async fn bind(address: SocketAddr, setting: &str) -> anyhow::Result<TcpListener> {
    let bound = TcpListener::bind(address).await;
    bound.with_context(|| format!("{address} cannot be listened on; set {setting} to another address"))
}

/// Serves the host until `stop`: all of it on one listener, or the operator's part on another. Returns a future that completes
/// when every connection has ended.
async fn accept(
    host: &Host,
    budgets: &Budgets,
    listener: TcpListener,
    operator: Option<TcpListener>,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<Pin<Box<dyn Future<Output = ()> + Send>>> {
    let crowd = Crowd::new(budgets.get(&CONNECTIONS), Some(budgets.get(&CONNECTIONS_PER_PEER)));
    let few = Crowd::new(budgets.get(&ADMIN_CONNECTIONS), None);
    let stopping = CancellationToken::new();
    let (router, apart) = match operator {
        None => (host.router(), None),
        Some(listener) => {
            tracing::info!(address = %listener.local_addr()?, "metrics and administration are served here only");
            let (router, apart) = host.routers();
            (router, Some(listener::serve(listener, apart, few, stopping.cancelled())))
        }
    };
    #[expect(clippy::async_yields_async, reason = "accepting ends first, then the connections do")]
    let serving = async {
        let draining = listener::serve(listener, router, crowd, stop).await;
        stopping.cancel();
        draining
    };
    let (draining, apart) = tokio::join!(serving, OptionFuture::from(apart));
    Ok(Box::pin(async move {
        tokio::join!(draining, OptionFuture::from(apart));
    }))
}

/// Opens the host that the settings describe.
async fn open(config: &Config, address: SocketAddr, own: Vec<SocketAddr>) -> anyhow::Result<Host> {
    let data = DataDir::open(&config.data_dir)?;
    let db = Db::connect(config.database_url.expose_secret(), &config.budgets).await?;
    db.migrate().await?;
    let jwt_secret: SecretString = match &config.jwt_secret {
        Some(secret) => secret.clone(),
        None => data.secret(DataDir::JWT_SECRET)?,
    };
    let cache = Some(Cache::open(data.compiled(), data.cache_key()?)?);
    let compiler = component::compiler()?;
    let engine = EngineConfig {
        queue_wait: config.queue_wait,
        budgets: config.budgets.clone(),
        file_private: config.file_private.clone(),
        cache,
        compiler,
    };
    let (grants, providers) = (config.grants.clone(), config.grants.clone());
    let public_url = PublicUrl::new(config.public_url.as_ref(), address);
    let trusted = trusted(config, &public_url);
    let setup = Setup {
        db,
        keyring: keyring(config, &data)?,
        identity: Identity::with_clock(&jwt_secret, &trusted, Arc::new(SystemClock)),
        budgets: config.budgets.clone(),
        clock: Arc::new(SystemClock),
        engine,
        pieces_dir: config.pieces_dir.clone(),
        pieces_lock: config.lock_file(),
        components: Some(data.components()),
        pinned_only: config.production,
        grants: Arc::new(move |piece: &PieceName| grants.for_piece(piece)),
        providers: Arc::new(move |piece: &PieceName| providers.for_piece(piece).private),
        endpoints: config.webhook_private.clone(),
        own,
        public_url,
        production: config.production,
        oauth_app: config.oauth_app.clone(),
        revoked: trusted.revoked,
    };
    Ok(Host::open(setup).await?)
}

/// What is trusted besides the secret that signs.
fn trusted(config: &Config, public_url: &PublicUrl) -> Trusted {
    Trusted {
        jwt: config.old_jwt_secrets.clone(),
        internal: config.internal_api_tokens.clone(),
        names: vec![public_url.to_string()],
        revoked: Revoked::default(),
    }
}

/// The signals that stop this process.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    _hangup: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            // A terminal that closes does not end a server. There is nothing to reload: pieces are watched.
            _hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
