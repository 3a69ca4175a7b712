//! The stream of events to their owners.
//!
//! An event is written in the transaction of the change that it reports, and one task of each process reads the table
//! for all listeners there. So listeners also get the events of other hosts on the same database, and a host that dies
//! after a change loses none. The order is the database's, see [`leno_db::events`].

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{Stream, stream};
use leno_base::{
    Owner,
    budget::{Budget, Budgets, Each, Exhausted, OwnedShare},
    iso,
};
use leno_db::{
    Db, DbError, EventRow, endpoints, events,
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
/// Rows read at once.
const PAGE: i64 = 200;
/// Events that a listener may lag behind before it reads the table again.
const BEHIND: usize = 256;
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
    pub fn new(db: Db, budgets: &Budgets) -> Self {
        Self(Arc::new(Inner {
            db,
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
        let (kind, payload) = (kind.to_owned(), payload.to_string());
        let event = EventRow { id, seq: 0, xact: 0, tenant, owner, kind, payload, created_at: now };
        let event = events::append(tx, self.0.db.kind(), event).await?;
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

    /// The owner's events from now on, or after the event `after`: first those in the table, then new ones. Each is delivered
    /// once, in their order.
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
        let after = after.map(|after| (after.to_string(), millis(&after)));
        let from = after.as_ref().map(|(id, then)| (id.as_str(), *then));
        let position = events::place(&self.0.db, &owner.tenant, &owner.user, from).await?;
        let page = Vec::new().into_iter();
        let listener = Listener { place, heard, position, catching_up: after.is_some(), page };
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

    /// What is written from now on.
    async fn follow(&self) -> Result<broadcast::Receiver<Arc<EventRow>>, DbError> {
        let mut tail = self.0.tail.lock().await;
        if !tail.running {
            // Existing events are not new.
            *tail = Tail { from: events::horizon(&self.0.db).await?, ..Tail::default() };
            tail.read(&self.0.db).await?;
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
        match tail.read(&inner.db).await {
            Ok(new) => new.into_iter().for_each(|event| drop(inner.heard.send(Arc::new(event)))),
            Err(error) => tracing::warn!(%error, "the events of connections could not be read"),
        }
    }
}

/// The end of the table, as far as it was read.
#[derive(Default)]
struct Tail {
    running: bool,
    /// The horizon of the last reading: what was written since has at least this `xact`.
    from: i64,
    /// What was read from there on.
    seen: BTreeSet<(i64, i64)>,
}

impl Tail {
    /// What was not there before, in the order of each owner.
    async fn read(&mut self, db: &Db) -> Result<Vec<EventRow>, DbError> {
        // Before the events: what becomes visible in between is read again.
        let horizon = events::horizon(db).await?;
        let mut after = (self.from - 1, i64::MAX);
        let mut new = Vec::new();
        loop {
            let page = events::since(db, after, PAGE).await?;
            let full = i64::try_from(page.len()).unwrap_or(PAGE) >= PAGE;
            let Some(last) = page.last() else { break };
            after = (last.xact, last.seq);
            new.extend(page.into_iter().filter(|event| self.seen.insert((event.xact, event.seq))));
            if !full {
                break;
            }
        }
        self.from = horizon;
        self.seen = self.seen.split_off(&(horizon, 0));
        new.sort_unstable_by_key(|event| event.seq);
        Ok(new)
    }
}

/// One open stream.
struct Listener {
    place: Place,
    heard: broadcast::Receiver<Arc<EventRow>>,
    /// The place of the last event that it got, among those of its owner.
    position: i64,
    /// Whether it reads the table, until it has come to its end.
    catching_up: bool,
    page: std::vec::IntoIter<EventRow>,
}

impl Listener {
    async fn next(&mut self) -> Option<Arc<EventRow>> {
        let inner = self.place.inner.clone();
        loop {
            if inner.stop.is_cancelled() {
                return None;
            }
            let event = if self.catching_up {
                match self.page.next() {
                    Some(event) => Arc::new(event),
                    None => {
                        self.turn_page(&inner.db).await?;
                        continue;
                    }
                }
            } else {
                let heard = tokio::select! {
                    () = inner.stop.cancelled() => return None,
                    heard = self.heard.recv() => heard,
                };
                match heard {
                    Ok(event) => event,
                    Err(broadcast::error::RecvError::Lagged(_)) => {
                        // It reads slowly; the table has what it missed.
                        self.catching_up = true;
                        continue;
                    }
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            };
            let Owner { tenant, user } = &self.place.owner;
            // What it read in the table is heard as well.
            if event.tenant == *tenant && event.owner == *user && event.seq > self.position {
                self.position = event.seq;
                return Some(event);
            }
        }
    }

    async fn turn_page(&mut self, db: &Db) -> Option<()> {
        let Owner { tenant, user } = &self.place.owner;
        match events::of_owner_since(db, tenant, user, self.position, PAGE).await {
            Ok(page) => {
                self.catching_up = !page.is_empty();
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

#[cfg(test)]
pub(super) mod tests;
