//! `leno serve`: puts the rooms together and serves them until it is told to stop.

mod logging;

use std::{future::Future, net::SocketAddr, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context as _;
use leno_base::{Actor, SystemClock, milliseconds};
use leno_connections::Connections;
use leno_db::{Db, PieceVersions, StoreEntries};
use leno_egress::{Client, ClientConfig};
use leno_events::{Endpoints, Events};
use leno_metadata::PieceName;
use leno_pieces::{FileState, FileStatus, OnStatus, PieceStore, Registry, RegistryOptions, Runs};
use leno_sandbox::{Cache, Engine, EngineConfig, Store};
use leno_vault::keys;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use super::{
    component,
    flags::{All, Flags},
    keyring::keyring,
    terminal,
};
use crate::{
    api::{self, App},
    config::{Config, DataDir, EngineSettings},
    edge::PublicUrl,
    identity::Identity,
    metrics::Metrics,
};

#[derive(Debug, clap::Args)]
#[command(
    about = "Serve the pieces of a directory over HTTP",
    long_about = "Serve the pieces of a directory over HTTP. With nothing set it runs: SQLite and generated secrets in \
                  ./leno-data, the pieces in ./pieces, on 127.0.0.1:4747. Once it accepts connections it prints one line to \
                  stdout, `listening on http://IP:PORT`; logs go to stderr. SIGTERM and SIGINT let the requests under way \
                  end, a second one does not wait.",
    after_help = "Settings come from flags, then the environment, then leno.toml (keys as the flags, with underscores).\n\
                  Secrets have no flags, as everybody on a machine can read its command lines:\n  \
                  DATABASE_URL        sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE\n  \
                  JWT_SECRET          the secret that Gauzy signs access tokens with\n  \
                  INTERNAL_API_TOKEN  what the operator's own processes send as X-Internal-Token\n  \
                  INTEGRATION_ENCRYPTION_KEY, else AP_ENCRYPTION_KEY\n  \
                  \u{20}                   what connections are encrypted with: `openssl rand -hex 32`\n  \
                  LENO_OLD_ENCRYPTION_KEYS\n  \
                  \u{20}                   keys that are still read with, separated by commas; see `leno keys`\n\n\
                  What a piece may do beyond its manifest is granted in leno.toml; see `leno grants`:\n  \
                  [grants.http]\n  \
                  private = [\"10.1.2.3:8080\"]"
)]
pub(super) struct Args {
    #[command(flatten)]
    settings: Flags<All>,
}

/// How long the requests under way have to end: less than the 30 s after which Kubernetes kills.
const DRAIN: Duration = Duration::from_secs(20);
/// When everything has to have ended. A request for tokens takes 20 s at most, so one that began before the signal is saved.
const END: Duration = Duration::from_secs(28);
/// How long requests whose calls were cancelled have to answer.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How long calls of a piece that was replaced or removed go on.
const REPLACED: Duration = Duration::from_secs(60);
/// How often expired values of the store are removed.
const SWEEP: Duration = Duration::from_secs(600);

pub(super) fn serve(args: &Args) -> anyhow::Result<ExitCode> {
    let config = args.settings.config()?;
    logging::begin(&config.log);
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(host(config));
    // Compilations under way need not end.
    runtime.shutdown_background();
    done.map(|()| ExitCode::SUCCESS)
}

async fn host(config: Config) -> anyhow::Result<()> {
    // Before anything that takes long, so that a signal is never lost, and an address that is taken is told at once.
    let mut stop = Signals::new()?;
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("{} cannot be listened on; set LENO_LISTEN to another address", config.listen))?;
    let address = listener.local_addr()?;

    let opened = tokio::select! {
        opened = open(&config, address) => opened?,
        () = stop.next() => {
            tracing::info!("stopped before it was ready");
            return Ok(());
        }
    };
    terminal::print(&format!("listening on http://{address}\n"))?;
    let Opened { app, db } = opened;
    let (registry, pieces) = (app.registry.clone(), app.registry.latest().len());
    let stored = app.connections.clone();
    tracing::info!(%address, pieces, database = ?db.kind(), production = config.production, "ready");
    let sweeper = tokio::spawn(sweep(StoreEntries::new(db.clone()), stored.clone()));
    let (events, webhooks) = (app.events.clone(), app.endpoints.clone());
    let deliverer = tokio::spawn({
        let webhooks = webhooks.clone();
        async move { webhooks.run().await }
    });

    let draining = crate::edge::listener::serve(listener, api::router(app), stop.next()).await;
    tracing::info!("stopping: no new connections, requests under way may end");
    // They would never end by themselves.
    events.stop();
    webhooks.stop();
    tokio::select! {
        _ = async { tokio::join!(drain(draining, &registry, &stored), deliverer) } => {}
        () = stop.next() => tracing::warn!("told again: not waiting any longer"),
    }
    sweeper.abort();
    let _ = tokio::time::timeout(LAST_WORDS, db.close()).await;
    tracing::info!("stopped");
    Ok(())
}

/// Lets requests end, then the calls that still run, then what must not be lost: tokens that a provider has just given.
async fn drain(draining: impl Future<Output = ()>, registry: &Registry, stored: &Connections) {
    let end = tokio::time::Instant::now() + END;
    let mut draining = std::pin::pin!(draining);
    let in_time = tokio::time::timeout(DRAIN, &mut draining).await.is_ok();
    registry.shutdown(Duration::ZERO).await;
    if !in_time && tokio::time::timeout(LAST_WORDS, draining).await.is_err() {
        tracing::warn!("some clients did not read their answers to the end");
    }
    if tokio::time::timeout_at(end, stored.shutdown()).await.is_err() {
        tracing::error!("tokens were still being renewed; a connection may have to be made again");
    }
}

struct Opened {
    app: App,
    db: Db,
}

/// Opens every room, from the bottom up.
async fn open(config: &Config, address: SocketAddr) -> anyhow::Result<Opened> {
    let data = DataDir::open(&config.data_dir)?;
    let db = Db::connect(config.database_url.expose_secret()).await?;
    db.migrate().await?;
    let keyring = Arc::new(keyring(config, &data)?);
    for warning in keys::check(&db, &keyring, milliseconds(&SystemClock)).await? {
        tracing::warn!("{warning}");
    }
    let jwt_secret: SecretString = match &config.jwt_secret {
        Some(secret) => secret.clone(),
        None => data.secret(DataDir::JWT_SECRET)?,
    };
    let identity = Identity::new(&jwt_secret, config.internal_api_token.as_ref());
    let metrics = Arc::new(Metrics::new());
    let EngineSettings { max_calls, max_calls_per_piece, queue_wait } = config.engine;
    let cache = Some(Cache::open(data.compiled(), data.cache_key()?)?);
    let compiler = component::compiler()?;
    let engine = Engine::new(EngineConfig { max_calls, max_calls_per_piece, queue_wait, cache, compiler })?;

    let grants = config.grants.clone();
    let options = RegistryOptions {
        directory: config.pieces_dir.clone(),
        lock: config.pieces_lock.clone(),
        production: config.production,
        grants: Arc::new(move |piece: &PieceName| grants.for_piece(piece)),
        drain: REPLACED,
        on_status: on_status(db.clone(), metrics.clone()),
    };
    let registry = Registry::open(options, engine.clone()).await?;
    let client = Arc::new(Client::new(ClientConfig::default())?);
    let grants = config.grants.clone();
    let private = move |piece: &PieceName| grants.for_piece(piece).private;
    let clock = Arc::new(SystemClock);
    let events = Events::new(db.clone(), clock.clone());
    let (key, out) = (keyring.clone(), client.clone());
    let connections = Connections::new(db.clone(), key, clock.clone(), out, Arc::new(private), events.clone());
    let private = config.webhook_private.clone();
    let endpoints = Endpoints::new(db.clone(), keyring, clock, client.clone(), private, &events);
    let stores = db.clone();
    let store_for = move |actor: &Actor, piece: &PieceName, flow: Option<&str>| {
        let tenant = actor.tenant.clone();
        Arc::new(PieceStore::new(stores.clone(), tenant, piece.clone(), flow.map(str::to_owned), None))
            as Arc<dyn Store>
    };
    let runs = Runs::new(registry.clone(), client, Arc::new(store_for), db.clone(), metrics.clone());
    let app = App {
        registry,
        runs,
        connections,
        public_url: PublicUrl::new(config.public_url.as_ref(), address),
        identity,
        db: db.clone(),
        metrics,
        engine,
        events,
        endpoints,
        production: config.production,
        max_body: config.max_body,
    };
    Ok(Opened { app, db })
}

/// Counts what was loaded, and keeps the history of it.
fn on_status(db: Db, metrics: Arc<Metrics>) -> OnStatus {
    let versions = PieceVersions::new(db);
    Arc::new(move |status: &FileStatus| match (status.status, &status.reason) {
        (FileState::Active, _) => {
            metrics.load("ok");
            let (versions, status) = (versions.clone(), status.clone());
            tokio::spawn(async move {
                let FileStatus { file, name: Some(name), version: Some(version), digest: Some(digest), .. } = status
                else {
                    return;
                };
                let now = milliseconds(&SystemClock);
                if let Err(error) = versions.loaded(&name, &version, digest, &file, now).await {
                    tracing::warn!(%error, file, "the history of pieces could not be written");
                }
            });
        }
        (FileState::Failed, Some(reason)) => metrics.load(&reason.code),
        _ => {}
    })
}

async fn sweep(entries: StoreEntries, stored: Connections) {
    let mut ticks = tokio::time::interval(SWEEP);
    loop {
        ticks.tick().await;
        if let Err(error) = stored.sweep().await {
            tracing::warn!(%error, "sign-ins that nobody finished could not be removed");
        }
        match entries.delete_expired(milliseconds(&SystemClock)).await {
            Ok(0) => {}
            Ok(rows) => tracing::debug!(rows, "expired values were removed"),
            Err(error) => tracing::warn!(%error, "expired values could not be removed"),
        }
    }
}

/// What tells this process to stop.
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
