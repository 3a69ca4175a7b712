//! Opens the rooms of a host, runs its background tasks, and drains it.

use std::{future::Future, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use axum::Router;
use leno_authorization::{AuthorizationServer, RedisShelf, Revoked, Shelf};
use leno_base::{Actor, Clock, Periodic, SystemClock, Tasks, budget::Budgets, milliseconds};
use leno_connections::{Connections, OAuth2Of, Parts, PrivateFor};
use leno_db::{Db, DbError, PieceVersions, Presence, StoreEntries, quota};
use leno_egress::{Client, ClientConfig, PrivateGrant};
use leno_events::{Deliverer, Endpoints, Events, Tickets};
use leno_metadata::{PieceName, Scheme, VersionReq};
use leno_pieces::{
    FileState, FileStatus, GrantFor, LockFile, OnStatus, PieceStore, Registry, RegistryError, RegistryOptions, Runs,
    StoreQuota,
};
use leno_sandbox::{Engine, EngineConfig, EngineError, Store};
use leno_vault::{
    Keyring, audit,
    keys::{self, KeyError},
};
use tokio::time::Instant;

use crate::{
    api::{self, App},
    audit::Audit,
    edge::{Bodies, PublicUrl, budgets::PAGE_BYTES, rate::Rates},
    identity::Identity,
    metrics::Metrics,
    oauth_app::settings::OAuthApp,
};

/// How long the requests under way have to end: less than the 30 s after which Kubernetes kills.
const DRAIN: Duration = Duration::from_secs(20);
/// The deadline of the whole shutdown. A token request takes 20 s at most, so the result of one that started before the
/// signal is saved.
const END: Duration = Duration::from_secs(28);
/// How long requests whose calls were cancelled have to respond.
const GRACE: Duration = Duration::from_secs(2);
/// How long calls of a piece that was replaced or removed go on.
const REPLACED: Duration = Duration::from_secs(60);
/// How often expired rows are removed.
const SWEEP: Duration = Duration::from_secs(600);
/// How often tokens that nobody uses are looked for.
const IDLE: Duration = Duration::from_secs(3_600);
/// How often tokens that end are looked for.
const ENDS: Duration = Duration::from_secs(60);
/// How often tokens that are to be revoked are looked for, which were not revoked at once.
const REVOKE: Duration = Duration::from_secs(30);
/// How often this host reads which grants were revoked, by whichever host.
const REVOKED: Duration = Duration::from_secs(1);
/// How often it is counted what is stored for all owners, for the metrics.
const COUNT: Duration = Duration::from_secs(30);
/// How often rows of the audit log are sealed: what is changed before that does not show.
const SEAL: Duration = Duration::from_secs(60);
/// How often it is looked whether uses of connections were counted for a minute.
const USES: Duration = Duration::from_secs(15);
/// How often the pieces directory is scanned even if the system reported no change: some file systems report none.
const RESCAN: Duration = Duration::from_secs(30);

/// What a host is opened with.
pub struct Setup {
    /// The database, with its tables.
    pub db: Db,
    /// What secrets are sealed with.
    pub keyring: Keyring,
    /// Authentication of callers.
    pub identity: Identity,
    /// The limits of everything that many share.
    pub budgets: Budgets,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The WebAssembly engine; its budgets are those above.
    pub engine: EngineConfig,
    /// The pieces directory.
    pub pieces_dir: PathBuf,
    /// The lock file with the pinned digests.
    pub pieces_lock: LockFile,
    /// Where components are kept, so that the last good version of a file outlives the process.
    pub components: Option<PathBuf>,
    /// Whether only pinned digests load.
    pub pinned_only: bool,
    /// What each piece may do.
    pub grants: GrantFor,
    /// The non-public addresses at which each piece's OAuth 2.0 provider may be.
    pub providers: PrivateFor,
    /// The non-public addresses that events may be sent to.
    pub endpoints: Vec<PrivateGrant>,
    /// Where this host listens: pieces reach it only by a grant that names address and port.
    pub own: Vec<SocketAddr>,
    /// The base URL at which clients reach this host.
    pub public_url: PublicUrl,
    /// Whether raw connection values in requests are refused.
    pub production: bool,
    /// The authorization server: its client and where it keeps what is under way.
    pub oauth_app: OAuthApp,
    /// The grants whose tokens no longer count, as `identity` sees them.
    pub revoked: Revoked,
}

/// A host that could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The keys do not fit the database.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The engine did not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The pieces directory cannot be used.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The HTTP client could not be made.
    #[error(transparent)]
    Egress(#[from] leno_egress::SetupError),
    /// The address of Redis cannot be used.
    #[error("Redis: {0}")]
    Redis(#[from] leno_authorization::ShelfError),
    /// The operating system returns no random bytes.
    #[error(transparent)]
    Randomness(#[from] leno_base::NoRandomness),
}

/// An open host.
pub struct Host {
    app: Arc<App>,
    deliverer: Deliverer,
    store: StoreEntries,
    stored: StoreQuota,
    clock: Arc<dyn Clock>,
    keyring: Arc<Keyring>,
    /// This host, among those of the database.
    presence: Arc<Presence>,
    /// Entries of the history of pieces that are being written.
    history: Tasks,
}

impl Host {
    /// Opens every room, from the bottom up.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(setup: Setup) -> Result<Self, OpenError> {
        let Setup { db, clock, .. } = setup;
        let keyring = Arc::new(setup.keyring);
        for warning in keys::check(&db, &keyring, milliseconds(&*clock)).await? {
            tracing::warn!("{warning}");
        }
        let metrics = Arc::new(Metrics::new(&setup.budgets));
        let engine = Engine::new(EngineConfig { budgets: setup.budgets.clone(), ..setup.engine })?;
        let history = Tasks::default();
        let options = RegistryOptions {
            directory: setup.pieces_dir,
            lock: setup.pieces_lock,
            components: setup.components,
            budgets: setup.budgets.clone(),
            production: setup.pinned_only,
            grants: setup.grants,
            drain: REPLACED,
            on_status: on_status(db.clone(), metrics.clone(), history.clone()),
        };
        let registry = Registry::open(options, engine.clone()).await?;
        let egress = ClientConfig { budgets: setup.budgets.clone(), own: setup.own, ..ClientConfig::default() };
        let client = Arc::new(Client::new(egress)?);
        let events = Events::new(db.clone(), &setup.budgets);
        let (key, out) = (keyring.clone(), client.clone());
        let now = db.now(&*clock).await?;
        let presence = Arc::new(Presence::enter(&db, keyring.active().as_str(), now).await?);
        let parts = Parts {
            db: db.clone(),
            keyring: key,
            clock: clock.clone(),
            transport: out,
            private: setup.providers,
            oauth2: oauth2_of(registry.clone()),
            events: events.clone(),
            presence: presence.clone(),
        };
        let connections = Connections::new(parts, &setup.budgets);
        let (granted, budgets) = (setup.endpoints, &setup.budgets);
        let endpoints = Endpoints::new(db.clone(), keyring.clone(), clock.clone(), granted.clone(), &events, budgets);
        let deliverer =
            Deliverer::new(db.clone(), keyring.clone(), clock.clone(), client.clone(), granted, &events, budgets);
        let (stores, quota) = (db.clone(), StoreQuota::new(&setup.budgets));
        let stored = quota.clone();
        let store_for = move |actor: &Actor, piece: &PieceName, flow: Option<&str>| {
            let (tenant, flow) = (actor.tenant.clone(), flow.map(str::to_owned));
            Arc::new(PieceStore::new(stores.clone(), tenant, piece.clone(), flow, None, quota.clone()))
                as Arc<dyn Store>
        };
        let runs =
            Runs::new(registry.clone(), client, Arc::new(store_for), db.clone(), metrics.clone(), &setup.budgets);
        let counted = metrics.clone();
        let tasks = Periodic::new(Arc::new(move |task, took, ok| counted.task(task, took, ok)));
        let store = StoreEntries::new(db.clone());
        let shelf = setup.oauth_app.redis.as_ref().map(RedisShelf::new).transpose()?;
        let parts = leno_authorization::Parts {
            db: db.clone(),
            keyring: keyring.clone(),
            clock: clock.clone(),
            shelf: shelf.map(|shelf| Arc::new(shelf) as Arc<dyn Shelf>),
            client: setup.oauth_app.client,
            issuer: setup.public_url.to_string(),
            resources: vec![setup.public_url.to_string()],
            code_ttl: setup.oauth_app.code_ttl,
            revoked: setup.revoked,
        };
        let authorization = AuthorizationServer::new(parts, &setup.budgets)?;
        authorization.learn_revocations().await?;
        let app = App {
            authorization,
            oauth_app: setup.oauth_app.settings,
            registry,
            runs,
            connections,
            public_url: setup.public_url,
            identity: setup.identity,
            audit: Audit::new(db.clone(), clock.clone()),
            rates: Rates::new(&setup.budgets),
            tickets: Tickets::new(db.clone(), clock.clone(), &setup.budgets),
            db,
            metrics,
            engine,
            events,
            endpoints,
            tasks,
            production: setup.production,
            bodies: Bodies::new(&setup.budgets),
            page: setup.budgets.get(&PAGE_BYTES),
        };
        Ok(Self { app: Arc::new(app), deliverer, store, stored, clock, keyring, presence, history })
    }

    /// What the routes use.
    #[must_use]
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Every route, ready to be served.
    pub fn router(&self) -> Router {
        api::router(self.app.clone())
    }

    /// The routes of callers, and apart from them those of the operator.
    pub fn routers(&self) -> (Router, Router) {
        api::routers(&self.app)
    }

    /// Starts the background tasks. `/readyz?verbose` and the metrics show them by name.
    pub async fn start(&self) {
        let tasks = &self.app.tasks;
        self.beat().await;
        let registry = self.app.registry.clone();
        let rescan = move || {
            let registry = registry.clone();
            async move { registry.rescan().await.map(|()| String::new()) }
        };
        tasks.every("rescan-pieces", RESCAN, Arc::default(), rescan).await;
        let deliverer = self.deliverer.clone();
        let deliver = move || {
            let deliverer = deliverer.clone();
            async move { deliverer.pass().await.map(|count| format!("{count} deliveries started")) }
        };
        tasks.every("deliver-events", Deliverer::INTERVAL, self.deliverer.wake(), deliver).await;
        let deliverer = self.deliverer.clone();
        let tickets = self.app.tickets.clone();
        let clean = move || {
            let (deliverer, tickets) = (deliverer.clone(), tickets.clone());
            async move { Ok::<_, DbError>(removed(deliverer.clean().await? + tickets.sweep().await?)) }
        };
        tasks.every("sweep-events", SWEEP, Arc::default(), clean).await;
        let connections = self.app.connections.clone();
        let sign_ins = move || {
            let connections = connections.clone();
            async move { connections.sweep().await.map(removed) }
        };
        tasks.every("sweep-sign-ins", SWEEP, Arc::default(), sign_ins).await;
        let connections = self.app.connections.clone();
        let idle = move || {
            let connections = connections.clone();
            async move { connections.renew_idle().await.map(|count| format!("{count} tokens were due for a day")) }
        };
        tasks.every("renew-idle-tokens", IDLE, Arc::default(), idle).await;
        let connections = self.app.connections.clone();
        let ends = move || {
            let connections = connections.clone();
            async move { connections.tell_ends().await.map(|count| format!("{count} owners told")) }
        };
        tasks.every("tell-ends-of-tokens", ENDS, Arc::default(), ends).await;
        let connections = self.app.connections.clone();
        let revoke = move || {
            let connections = connections.clone();
            async move { connections.revoke_due().await.map(|count| format!("{count} tokens were due")) }
        };
        tasks.every("revoke-tokens", REVOKE, Arc::default(), revoke).await;
        let authorization = self.app.authorization.clone();
        let revoked = move || {
            let authorization = authorization.clone();
            async move { authorization.learn_revocations().await.map(|count| format!("{count} grants were revoked lately")) }
        };
        tasks.every("learn-revocations", REVOKED, Arc::default(), revoked).await;
        let authorization = self.app.authorization.clone();
        let allowed = move || {
            let authorization = authorization.clone();
            async move { authorization.sweep().await.map(removed) }
        };
        tasks.every("sweep-grants", SWEEP, Arc::default(), allowed).await;
        let (store, clock) = (self.store.clone(), self.clock.clone());
        let entries = move || {
            let (store, clock) = (store.clone(), clock.clone());
            async move { store.delete_expired(milliseconds(&*clock)).await.map(removed) }
        };
        tasks.every("sweep-store", SWEEP, Arc::default(), entries).await;
        let rates = self.app.rates.clone();
        let callers = move || {
            let rates = rates.clone();
            async move { Ok::<_, DbError>(format!("{} callers known", rates.sweep())) }
        };
        tasks.every("sweep-rates", Rates::INTERVAL, Arc::default(), callers).await;
        let runs = self.app.runs.clone();
        let uses = move || {
            let runs = runs.clone();
            async move { runs.write_uses().await.map(|count| format!("{count} entries written")) }
        };
        tasks.every("write-uses-of-connections", USES, Arc::default(), uses).await;
        let (db, keyring, clock) = (self.app.db.clone(), self.keyring.clone(), self.clock.clone());
        let seal = move || {
            let (db, keyring, clock) = (db.clone(), keyring.clone(), clock.clone());
            async move { audit::seal(&db, &keyring, &*clock).await.map(|rows| format!("{rows} rows sealed")) }
        };
        tasks.every("seal-audit-log", SEAL, Arc::default(), seal).await;
        let (app, stored) = (self.app.clone(), self.stored.clone());
        let count = move || {
            let (app, stored) = (app.clone(), stored.clone());
            async move { count(&app, &stored).await.map(|()| String::new()) }
        };
        tasks.every("count-quotas", COUNT, Arc::default(), count).await;
    }

    /// Shows from now on that this host is alive, and heeds what other hosts did to its keys.
    async fn beat(&self) {
        let (db, clock) = (self.app.db.clone(), self.clock.clone());
        let (presence, keyring) = (self.presence.clone(), self.keyring.clone());
        let beat = move || {
            let (db, clock, presence, keyring) = (db.clone(), clock.clone(), presence.clone(), keyring.clone());
            async move {
                presence.beat(&db, db.now(&*clock).await?).await?;
                match keys::heed(&db, &keyring).await? {
                    true => Ok(String::new()),
                    false => Err(DbError::KeyRetired),
                }
            }
        };
        self.app.tasks.every("heartbeat", Presence::INTERVAL, Arc::default(), beat).await;
    }

    /// Ends streams and background tasks, lets the requests in `draining` end, then the calls that still run, then what must
    /// not be lost: tokens that a provider has just issued.
    pub async fn drain(&self, draining: impl Future<Output = ()>) {
        // Streams never end by themselves, and a compilation may take minutes.
        self.app.events.stop();
        self.app.registry.stop_loading();
        let tasks = async {
            self.app.tasks.stop().await;
            self.deliverer.stop().await;
        };
        tokio::join!(self.drain_requests(draining), tasks);
    }

    async fn drain_requests(&self, draining: impl Future<Output = ()>) {
        let end = Instant::now() + END;
        let mut draining = std::pin::pin!(draining);
        let in_time = tokio::time::timeout(DRAIN, &mut draining).await.is_ok();
        self.app.registry.shutdown(Duration::ZERO).await;
        if !in_time && tokio::time::timeout(GRACE, draining).await.is_err() {
            tracing::warn!("some clients did not read their whole responses before the shutdown");
        }
        if tokio::time::timeout_at(end, self.app.connections.shutdown()).await.is_err() {
            tracing::error!(
                "token refreshes were interrupted by the shutdown; their connections may have to be connected again"
            );
        }
    }

    /// Closes the database, once what is being written to it is there.
    pub async fn close(&self) {
        let _ = tokio::time::timeout(GRACE, self.history.finish()).await;
        if !matches!(tokio::time::timeout(GRACE, self.app.runs.finish()).await, Ok(Ok(()))) {
            tracing::error!("uses of connections of the last minute were not written to the audit log");
        }
        let _ = tokio::time::timeout(GRACE, self.presence.leave(&self.app.db)).await;
        let _ = tokio::time::timeout(GRACE, self.app.db.close()).await;
    }
}

/// Shows in the metrics how much is stored for all owners.
async fn count(app: &App, stored: &StoreQuota) -> Result<(), DbError> {
    for (counted, used) in quota::totals(&app.db).await? {
        app.connections.observe(counted, used);
        app.endpoints.observe(counted, used);
        app.events.observe(counted, used);
        app.tickets.observe(counted, used);
        app.authorization.observe(counted, used);
        stored.observe(counted, used);
    }
    Ok(())
}

/// How the newest version of each piece signs in.
fn oauth2_of(registry: Registry) -> OAuth2Of {
    Arc::new(move |piece: &PieceName| {
        let version = registry.get(piece, &VersionReq::default()).ok()?;
        let mut schemes = version.piece.metadata().auth.iter().map(|auth| &auth.scheme);
        schemes.find_map(|scheme| if let Scheme::OAuth2(oauth2) = scheme { Some((**oauth2).clone()) } else { None })
    })
}

fn removed(rows: u64) -> String {
    format!("{rows} rows removed")
}

/// Counts loads, and keeps their history.
fn on_status(db: Db, metrics: Arc<Metrics>, history: Tasks) -> OnStatus {
    let versions = PieceVersions::new(db);
    Arc::new(move |status: &FileStatus| match (status.status, &status.reason) {
        (FileState::Active, _) => {
            metrics.load("ok");
            let (versions, status) = (versions.clone(), status.clone());
            history.spawn(async move {
                let FileStatus { file, name: Some(name), version: Some(version), digest: Some(digest), .. } = status
                else {
                    return;
                };
                let now = milliseconds(&SystemClock);
                if let Err(error) = versions.loaded(&name, &version, digest, &file, now).await {
                    tracing::warn!(%error, file, "the history of pieces was not written");
                }
            });
        }
        (FileState::Failed, Some(reason)) => metrics.load(reason.code.as_str()),
        _ => {}
    })
}
