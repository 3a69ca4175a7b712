//! `leno serve`: opens a host from the settings and serves it until a signal.

mod logging;

use std::{net::SocketAddr, process::ExitCode, sync::Arc};

use anyhow::Context as _;
use leno_base::SystemClock;
use leno_db::Db;
use leno_metadata::PieceName;
use leno_sandbox::{Cache, EngineConfig};
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
    config::{Config, DataDir},
    edge::{PublicUrl, listener},
    host::{Host, Setup},
    identity::Identity,
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
                  INTEGRATION_ENCRYPTION_KEY, else AP_ENCRYPTION_KEY\n  \
                  \u{20}                   the key that encrypts connections; `openssl rand -hex 32` makes one\n  \
                  LENO_OLD_ENCRYPTION_KEYS\n  \
                  \u{20}                   keys that still decrypt, separated by commas; see `leno keys`\n\n\
                  What a piece may do beyond its manifest is granted in leno.toml; see `leno grants`:\n  \
                  [grants.http]\n  \
                  private = [\"10.1.2.3:8080\"]"
)]
pub(super) struct Args {
    #[command(flatten)]
    settings: Flags<All>,
}

pub(super) fn serve(args: &Args) -> anyhow::Result<ExitCode> {
    let config = args.settings.config()?;
    logging::begin(&config.log);
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(run(config));
    // Compilations under way need not end.
    runtime.shutdown_background();
    done.map(|()| ExitCode::SUCCESS)
}

async fn run(config: Config) -> anyhow::Result<()> {
    // Before anything that takes long, so that no signal is lost and a taken address is reported at once.
    let mut stop = Signals::new()?;
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("cannot listen on {}; set LENO_LISTEN to another address", config.listen))?;
    let address = listener.local_addr()?;

    let host = tokio::select! {
        opened = open(&config, address) => opened?,
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

    let draining = listener::serve(listener, host.router(), stop.next()).await;
    tracing::info!("stopping: no new connections; waiting for requests under way");
    tokio::select! {
        () = host.drain(draining) => {}
        () = stop.next() => tracing::warn!("second signal: stopping without waiting"),
    }
    host.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// Opens the host that the settings describe.
async fn open(config: &Config, address: SocketAddr) -> anyhow::Result<Host> {
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
    let setup = Setup {
        db,
        keyring: keyring(config, &data)?,
        identity: Identity::new(&jwt_secret, config.internal_api_token.as_ref()),
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
        own: vec![address],
        public_url: PublicUrl::new(config.public_url.as_ref(), address),
        production: config.production,
        max_body: config.max_body,
    };
    Ok(Host::open(setup).await?)
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
