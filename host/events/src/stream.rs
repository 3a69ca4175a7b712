//! The stream of events to their owners.
//!
//! An event is written in the transaction of the change that it reports, and one task of each process reads the table
//! for all listeners there. So listeners also get the events of other hosts on the same database, and a host that dies
//! after a change loses none.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{Stream, stream};
use leno_base::{
    Clock, Owner,
    budget::{Budget, Budgets, Each, Exhausted, OwnedShare},
    iso, milliseconds,
};
use leno_db::{
    Db, DbError, EventRow, Kind, endpoints, events,
    quota::{self, Counted},
};
use serde_json::{Value, json};
use sqlx::AnyConnection;
use tokio::sync::{Notify, broadcast};
use tokio_util::sync::CancellationToken;
use uuid::{ContextV7, Uuid};

use crate::budgets::{ENDPOINT_EVENTS, USER_EVENTS, USER_STREAMS};

/// How often the table is read while there are listeners.
const TICK: Duration = Duration::from_secs(1);
/// How much later than a younger event an older one may become visible, in milliseconds: the transactions of two hosts end in
/// any order, and their clocks differ.
const OVERLAP: i64 = 10_000;
/// Rows read at once.
const PAGE: i64 = 200;
/// Events that a listener may lag behind before it reads the table again.
const BEHIND: usize = 256;
/// Ids that a listener remembers, to drop duplicates.
const REMEMBERED: usize = 4 * BEHIND;
/// The most events of an owner that one new event removes: after the limit was lowered, the rest goes bit by bit.
const REMOVED_AT_ONCE: u64 = 100;

/// An event to be recorded.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// The user who gets it.
    pub owner: Owner,
    /// The type, such as `connection.created`: subject, dot, what happened.
    pub kind: &'static str,
    /// The payload, as JSON. Never a secret.
    pub data: Value,
}

/// Why a stream was refused.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The owner has too many streams open.
    #[error(transparent)]
    TooMany(#[from] Exhausted),
    /// This host is shutting down.
    #[error("this host is shutting down; retry after it has started again")]
    Stopping,
    /// The table cannot be read.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// The events of connections. Cheap to clone.
#[derive(Clone)]
pub struct Events(Arc<Inner>);

struct Inner {
    db: Db,
    clock: Arc<dyn Clock>,
    /// Ids of one process grow even within a millisecond.
    ids: Mutex<ContextV7>,
    heard: broadcast::Sender<Arc<EventRow>>,
    tail: tokio::sync::Mutex<Tail>,
    wake_tail: Notify,
    wake_deliverer: Arc<Notify>,
    listeners: Each<Owner>,
    kept: Arc<Budget>,
    waiting: Arc<Budget>,
    stop: CancellationToken,
}

impl Events {
    /// The events in `db`.
    #[must_use]
    pub fn new(db: Db, clock: Arc<dyn Clock>, budgets: &Budgets) -> Self {
        Self(Arc::new(Inner {
            db,
            clock,
            ids: Mutex::new(ContextV7::new()),
            heard: broadcast::channel(BEHIND).0,
            tail: tokio::sync::Mutex::default(),
            wake_tail: Notify::new(),
            wake_deliverer: Arc::default(),
            listeners: budgets.each(&USER_STREAMS),
            kept: budgets.get(&USER_EVENTS),
            waiting: budgets.get(&ENDPOINT_EVENTS),
            stop: CancellationToken::new(),
        }))
    }

    /// Writes an event in the transaction of the change that it reports, with a delivery for each of the owner's endpoints
    /// that wants it. Call it after the statements of the change, so that concurrent changes of one row are written in
    /// their order, and [`Events::published`] after the commit. `now` is in milliseconds since 1970.
    ///
    /// # Errors
    /// [`DbError::Query`]: the transaction is not to be committed.
    pub async fn append(&self, tx: &mut AnyConnection, event: NewEvent, now: i64) -> Result<EventRow, DbError> {
        let NewEvent { owner: Owner { tenant, user: owner }, kind, data } = event;
        let id = self.id(now);
        let payload = json!({
            "id": id,
            "type": kind,
            "createdAt": iso(now),
            "tenantId": tenant,
            "ownerId": owner,
            "data": data,
        });
        let event =
            EventRow { id, tenant, owner, kind: kind.to_owned(), payload: payload.to_string(), created_at: now };
        events::append(tx, &event).await?;
        self.keep_within(tx, &event).await?;
        let waiting = &self.0.waiting;
        for _ in 0..endpoints::enqueue(tx, self.0.db.kind(), &event, waiting.limit()).await? {
            waiting.refuse(None);
        }
        Ok(event)
    }

    /// Removes the owner's oldest events beyond the limit.
    async fn keep_within(&self, tx: &mut AnyConnection, event: &EventRow) -> Result<(), DbError> {
        let kept = &self.0.kept;
        let used = quota::used(tx, &event.tenant, event.owner.as_str(), Counted::Events).await?;
        let excess = used.saturating_sub(kept.limit()).min(REMOVED_AT_ONCE);
        if excess == 0 {
            return Ok(());
        }
        kept.refuse(None);
        events::drop_oldest(tx, &event.tenant, &event.owner, i64::try_from(excess).unwrap_or_default()).await
    }

    /// Reports that the transaction of `event` was committed: listeners and webhooks get it now, not at the next poll.
    pub fn published(&self, event: &EventRow) {
        tracing::debug!(event = event.id, kind = event.kind, "an event happened");
        self.0.wake_tail.notify_one();
        self.0.wake_deliverer.notify_one();
    }

    /// The owner's events from now on, or after the event `after`: first those in the table, then new ones. Each is
    /// delivered at least once; after `after`, some shortly older ones may be repeated, as they may have become visible
    /// later.
    ///
    /// The stream ends at [`Events::stop`], or when the table cannot be read; the listener may resume.
    ///
    /// # Errors
    /// [`ListenError`].
    pub async fn listen(
        &self,
        owner: &Owner,
        after: Option<Uuid>,
    ) -> Result<impl Stream<Item = Arc<EventRow>> + Send + 'static, ListenError> {
        if self.0.stop.is_cancelled() {
            return Err(ListenError::Stopping);
        }
        let place =
            Place { inner: self.0.clone(), owner: owner.clone(), _share: self.0.listeners.take(owner.clone(), 1)? };
        let heard = self.follow().await?;
        // What is older than this is not to be read again when the listener falls behind.
        let mut sent = Window { newest: milliseconds(&*self.0.clock), ..Window::default() };
        let catching_up = after.map(|after| {
            sent.add(&after.to_string(), millis(&after));
            self.resume_from(&after)
        });
        let listener = Listener { place, heard, sent, catching_up, page: Vec::new().into_iter() };
        Ok(stream::unfold(listener, |mut listener| async move { listener.next().await.map(|event| (event, listener)) }))
    }

    /// Shows how many events are kept for all owners.
    pub fn observe(&self, counted: Counted, used: u64) {
        if counted == Counted::Events {
            self.0.kept.observe(used);
        }
    }

    /// Ends all streams, and refuses new ones.
    pub fn stop(&self) {
        self.0.stop.cancel();
    }

    /// Is notified when there may be something to deliver.
    pub(crate) fn deliverer(&self) -> Arc<Notify> {
        self.0.wake_deliverer.clone()
    }

    fn id(&self, now: i64) -> String {
        let now = u64::try_from(now).unwrap_or_default();
        let (seconds, nanos) = (now / 1000, u32::try_from(now % 1000).unwrap_or_default() * 1_000_000);
        let context = self.0.ids.lock().unwrap_or_else(PoisonError::into_inner);
        Uuid::new_v7(uuid::Timestamp::from_unix(&*context, seconds, nanos)).to_string()
    }

    /// The position to read from after `after`. On SQLite writers are serialized, so nothing older can appear later.
    fn resume_from(&self, after: &Uuid) -> String {
        match self.0.db.kind() {
            Kind::Sqlite => after.to_string(),
            Kind::Postgres => beyond(millis(after) - OVERLAP),
        }
    }

    /// What is written from now on.
    async fn follow(&self) -> Result<broadcast::Receiver<Arc<EventRow>>, DbError> {
        let mut tail = self.0.tail.lock().await;
        if !tail.running {
            // Existing events are not new.
            *tail = Tail::default();
            let now = milliseconds(&*self.0.clock);
            tail.read(&self.0.db, now).await?;
            tail.running = true;
            tokio::spawn(follow(Arc::downgrade(&self.0), self.0.stop.clone()));
        }
        Ok(self.0.heard.subscribe())
    }
}

/// Reads the table for all listeners, as long as there are any.
async fn follow(events: std::sync::Weak<Inner>, stop: CancellationToken) {
    loop {
        let Some(inner) = events.upgrade() else { return };
        tokio::select! {
            () = stop.cancelled() => return,
            () = inner.wake_tail.notified() => {}
            () = tokio::time::sleep(TICK) => {}
        }
        let mut tail = inner.tail.lock().await;
        if inner.heard.receiver_count() == 0 {
            tail.running = false;
            return;
        }
        match tail.read(&inner.db, milliseconds(&*inner.clock)).await {
            Ok(new) => new.into_iter().for_each(|event| drop(inner.heard.send(Arc::new(event)))),
            Err(error) => tracing::warn!(%error, "the events of connections could not be read"),
        }
    }
}

/// The end of the table, as far as it was read.
#[derive(Default)]
struct Tail {
    running: bool,
    seen: Window,
}

impl Tail {
    /// What was not there before.
    async fn read(&mut self, db: &Db, now: i64) -> Result<Vec<EventRow>, DbError> {
        let mut after = beyond(self.seen.newest.max(now) - OVERLAP);
        let mut new = Vec::new();
        loop {
            let page = events::since(db, &after, PAGE).await?;
            let full = i64::try_from(page.len()).unwrap_or(PAGE) >= PAGE;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.id);
            new.extend(page.into_iter().filter(|event| self.seen.add(&event.id, event.created_at)));
            if !full {
                break;
            }
        }
        self.seen.forget_before(now);
        Ok(new)
    }
}

/// The ids of the last while.
#[derive(Default)]
struct Window {
    ids: BTreeSet<String>,
    newest: i64,
}

impl Window {
    /// Returns whether the id is new.
    fn add(&mut self, id: &str, at: i64) -> bool {
        self.newest = self.newest.max(at);
        self.ids.insert(id.to_owned())
    }

    fn forget_before(&mut self, now: i64) {
        let horizon = beyond(self.newest.max(now) - OVERLAP);
        self.ids = self.ids.split_off(&horizon);
    }
}

/// One open stream.
struct Listener {
    place: Place,
    heard: broadcast::Receiver<Arc<EventRow>>,
    /// What it got lately.
    sent: Window,
    /// The id after which it reads the table, until it has come to its end.
    catching_up: Option<String>,
    page: std::vec::IntoIter<EventRow>,
}

impl Listener {
    async fn next(&mut self) -> Option<Arc<EventRow>> {
        let inner = self.place.inner.clone();
        loop {
            if inner.stop.is_cancelled() {
                return None;
            }
            let event = match self.catching_up.clone() {
                Some(after) => match self.page.next() {
                    Some(event) => {
                        self.catching_up = Some(event.id.clone());
                        Arc::new(event)
                    }
                    None => {
                        self.turn_page(&inner.db, &after).await?;
                        continue;
                    }
                },
                None => {
                    let heard = tokio::select! {
                        () = inner.stop.cancelled() => return None,
                        heard = self.heard.recv() => heard,
                    };
                    match heard {
                        Ok(event) => event,
                        Err(broadcast::error::RecvError::Lagged(_)) => {
                            // It reads slowly; the table has what it missed.
                            self.catching_up = Some(beyond(self.sent.newest - OVERLAP));
                            continue;
                        }
                        Err(broadcast::error::RecvError::Closed) => return None,
                    }
                }
            };
            let Owner { tenant, user } = &self.place.owner;
            if event.tenant != *tenant || event.owner != *user {
                // Another owner's event, which still shows how far the table was read.
                self.sent.newest = self.sent.newest.max(event.created_at);
                continue;
            }
            if self.sent.add(&event.id, event.created_at) {
                if self.sent.ids.len() > REMEMBERED {
                    self.sent.ids.pop_first();
                }
                return Some(event);
            }
        }
    }

    async fn turn_page(&mut self, db: &Db, after: &str) -> Option<()> {
        let Owner { tenant, user } = &self.place.owner;
        match events::of_owner_since(db, tenant, user, after, PAGE).await {
            Ok(page) => {
                if page.is_empty() {
                    self.catching_up = None;
                }
                self.page = page.into_iter();
                Some(())
            }
            Err(error) => {
                tracing::warn!(%error, "the events of an owner could not be read; the stream ends");
                None
            }
        }
    }
}

/// One of an owner's streams.
struct Place {
    inner: Arc<Inner>,
    owner: Owner,
    _share: OwnedShare<Owner>,
}

/// The time in an id of version 7, in milliseconds since 1970.
fn millis(id: &Uuid) -> i64 {
    i64::try_from(id.as_u128() >> 80).unwrap_or_default()
}

/// Before every id of version 7 from `ms` on, after those from before.
fn beyond(ms: i64) -> String {
    let ms = u128::try_from(ms).unwrap_or_default();
    Uuid::from_u128(ms << 80).to_string()
}

#[cfg(test)]
pub(super) mod tests;
