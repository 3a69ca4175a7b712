//! The uses of connections in runs, for the audit log: the first of each at once, those that follow counted and written together.

use std::{
    collections::{BTreeMap, HashMap},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use leno_base::{
    Clock, SystemClock, Tasks, TenantId,
    budget::{Budgets, Each, OwnedShare},
    iso, milliseconds,
};
use leno_db::{AuditEntry, Db, DbError, audit_log};
use leno_metadata::PieceName;
use serde_json::{Map, Value, json};

use crate::budgets::CONNECTION_USES;

/// How long uses are counted before they are written.
const WINDOW: Duration = Duration::from_secs(60);

/// Who uses a connection: what is counted together. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct User {
    pub(crate) tenant: TenantId,
    /// Its row.
    pub(crate) connection: Arc<str>,
    /// `user:ID`, `flow:ID` or `host`.
    pub(crate) by: Arc<str>,
    pub(crate) piece: PieceName,
    pub(crate) version: semver::Version,
}

/// The uses of connections on this host. Cheap to clone.
///
/// The first use of a connection by an actor and a version of a piece is written at once, and the run does not wait for that. The
/// uses after it are counted, and written as one entry a minute as long as there are some. What is counted has a place among
/// those of [`CONNECTION_USES`]; where a tenant finds none, its uses are counted without saying whose they are.
#[derive(Clone)]
pub(crate) struct Uses(Arc<Inner>);

struct Inner {
    db: Db,
    clock: Arc<dyn Clock>,
    places: Each<TenantId>,
    counting: Mutex<Counting>,
    /// Entries that are being written.
    tasks: Tasks,
}

#[derive(Default)]
struct Counting {
    windows: HashMap<User, Window>,
    /// Those for which there is no window.
    others: HashMap<TenantId, Counted>,
}

/// The uses since the last entry.
struct Window {
    begun: Instant,
    counted: Counted,
    _place: OwnedShare<TenantId>,
}

/// Uses that are to be written.
#[derive(Debug, Default)]
struct Counted {
    count: u64,
    /// When the first and the last were, in milliseconds since 1970.
    from: i64,
    to: i64,
    /// How many by each action, trigger or other step.
    steps: BTreeMap<String, u64>,
}

impl Uses {
    pub(crate) fn new(db: Db, budgets: &Budgets) -> Self {
        let (clock, places) = (Arc::new(SystemClock), budgets.shared(&CONNECTION_USES));
        Self(Arc::new(Inner { db, clock, places, counting: Mutex::default(), tasks: Tasks::default() }))
    }

    /// Notes a use. Returns at once.
    pub(crate) fn note(&self, user: &User, step: &str) {
        let now = milliseconds(&*self.0.clock);
        let first = {
            let mut counting = self.0.counting();
            match counting.windows.get_mut(user) {
                Some(window) => {
                    window.counted.add(now, step);
                    return;
                }
                None => counting.begin(&self.0.places, user, Counted::once(now, step)),
            }
        };
        if let Some(first) = first {
            self.write(user.clone(), first);
        }
    }

    /// Writes the first use of a window.
    fn write(&self, user: User, counted: Counted) {
        let (uses, entry) = (self.clone(), entry(&user, &counted));
        // It waits for the disk in place of the run. There is one for each window at most.
        self.0.tasks.spawn(async move {
            if let Err(error) = audit_log::record(&uses.0.db, entry).await {
                tracing::warn!(%error, "the use of a connection was not written yet, and is counted with the next ones");
                uses.0.counting().put_back(&uses.0.places, &user, counted);
            }
        });
    }

    /// Writes what was counted in the windows that are over at `now`. A window without uses ends. Returns how many entries there
    /// were.
    ///
    /// # Errors
    /// The database failed. What was not written is counted still.
    pub(crate) async fn pass(&self, now: Instant) -> Result<usize, DbError> {
        self.write_those(now, |begun| now.saturating_duration_since(begun) >= WINDOW).await
    }

    async fn write_those(&self, now: Instant, over: impl Fn(Instant) -> bool) -> Result<usize, DbError> {
        let (mut users, mut others) = (Vec::new(), Vec::new());
        {
            let mut counting = self.0.counting();
            counting.windows.retain(|user, window| {
                if over(window.begun) {
                    window.begun = now;
                    let counted = mem::take(&mut window.counted);
                    let used = counted.count > 0;
                    users.extend(used.then(|| (user.clone(), counted)));
                    return used;
                }
                true
            });
            others.extend(counting.others.drain());
        }
        let entries: Vec<_> = users.iter().map(|(user, counted)| entry(user, counted)).collect();
        let further = others.iter().map(|(tenant, counted)| entry_of_others(tenant, counted));
        let writes = entries.into_iter().chain(further).map(|entry| audit_log::record(&self.0.db, entry));
        let mut written = join_all(writes).await.into_iter();
        let (count, mut failed) = (written.len(), None);
        for (user, counted) in users {
            if let Some(Err(error)) = written.next() {
                self.0.counting().put_back(&self.0.places, &user, counted);
                failed = Some(error);
            }
        }
        for (tenant, counted) in others {
            if let Some(Err(error)) = written.next() {
                self.0.counting().others.entry(tenant).or_default().merge(&counted);
                failed = Some(error);
            }
        }
        failed.map_or(Ok(count), Err)
    }

    /// Writes all that was counted, and waits for what is being written.
    ///
    /// # Errors
    /// The database failed.
    pub(crate) async fn finish(&self) -> Result<(), DbError> {
        self.0.tasks.finish().await;
        self.write_those(Instant::now(), |_| true).await.map(drop)
    }
}

impl Inner {
    fn counting(&self) -> MutexGuard<'_, Counting> {
        self.counting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counting {
    /// Begins a window, if there is a place for it, and returns the uses; else counts them.
    fn begin(&mut self, places: &Each<TenantId>, user: &User, uses: Counted) -> Option<Counted> {
        let Ok(place) = places.take(user.tenant.clone(), 1) else {
            self.others.entry(user.tenant.clone()).or_default().merge(&uses);
            return None;
        };
        self.windows.insert(user.clone(), Window { begun: Instant::now(), counted: Counted::default(), _place: place });
        Some(uses)
    }

    /// Counts uses again that were not written.
    fn put_back(&mut self, places: &Each<TenantId>, user: &User, uses: Counted) {
        let uses = if self.windows.contains_key(user) { Some(uses) } else { self.begin(places, user, uses) };
        if let (Some(uses), Some(window)) = (uses, self.windows.get_mut(user)) {
            window.counted.merge(&uses);
        }
    }
}

impl Counted {
    fn once(at: i64, step: &str) -> Self {
        Self { count: 1, from: at, to: at, steps: [(step.to_owned(), 1)].into() }
    }

    fn add(&mut self, at: i64, step: &str) {
        match self.steps.get_mut(step) {
            // No text is made for what is used again and again.
            Some(sum) if self.count > 0 => {
                (*sum, self.count) = (*sum + 1, self.count + 1);
                self.to = self.to.max(at);
            }
            _ => self.merge(&Self::once(at, step)),
        }
    }

    fn merge(&mut self, more: &Self) {
        self.from = if self.count == 0 { more.from } else { self.from.min(more.from) };
        self.to = self.to.max(more.to);
        self.count += more.count;
        for (step, count) in &more.steps {
            match self.steps.get_mut(step) {
                Some(sum) => *sum += count,
                None => drop(self.steps.insert(step.clone(), *count)),
            }
        }
    }

    fn detail(&self) -> Map<String, Value> {
        let mut detail = Map::new();
        detail.insert("count".into(), self.count.into());
        detail.insert("from".into(), iso(self.from).into());
        detail.insert("to".into(), iso(self.to).into());
        detail
    }
}

fn entry(user: &User, counted: &Counted) -> AuditEntry {
    let User { tenant, connection, by, piece, version } = user;
    let mut detail = counted.detail();
    detail.insert("by".into(), json!(by));
    detail.insert("piece".into(), json!(piece.short()));
    detail.insert("version".into(), version.to_string().into());
    detail.insert("steps".into(), json!(counted.steps));
    let actor = format!("piece:{piece}");
    AuditEntry::new(counted.to, tenant.clone(), actor, "connection.used", &**connection).with(detail.into())
}

/// Uses that were counted without saying of which connection.
fn entry_of_others(tenant: &TenantId, counted: &Counted) -> AuditEntry {
    AuditEntry::new(counted.to, tenant.clone(), "host", "connection.used", "").with(counted.detail().into())
}

#[cfg(test)]
mod tests {
    use leno_db::{AuditFilter, AuditRow};
    use leno_testkit::fresh::Fresh;

    use super::*;

    fn user(tenant: &str, connection: &str) -> User {
        User {
            tenant: tenant.into(),
            connection: connection.into(),
            by: "user:u".into(),
            piece: "text".parse().unwrap(),
            version: semver::Version::new(1, 2, 0),
        }
    }

    /// The entries, the earliest first.
    async fn entries(db: &Db) -> Vec<(String, Value)> {
        let filter = AuditFilter { event: Some("connection.used".into()), ..AuditFilter::default() };
        let rows = audit_log::page(db, &filter, 100).await.unwrap();
        let read = |row: AuditRow| (row.subject, serde_json::from_str(&row.detail).unwrap());
        rows.into_iter().rev().map(read).collect()
    }

    async fn uses(limit: u64) -> (Fresh, Db, Uses) {
        let fresh = Fresh::sqlite();
        let db = fresh.open().await;
        let uses = Uses::new(db.clone(), &Budgets::new([(&CONNECTION_USES, limit)]));
        (fresh, db, uses)
    }

    #[tokio::test]
    async fn the_first_use_is_written_at_once_and_those_that_follow_as_one_entry_a_minute() {
        let (_fresh, db, uses) = uses(16).await;
        let (one, begun) = (user("t", "one"), Instant::now());
        uses.note(&one, "echo");
        while entries(&db).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        for step in ["echo", "ask", "echo"] {
            uses.note(&one, step);
        }
        assert_eq!(uses.pass(begun).await.unwrap(), 0, "the window is not over");
        assert_eq!(uses.pass(begun + WINDOW * 2).await.unwrap(), 1);
        let written = entries(&db).await;
        let counts: Vec<_> = written.iter().map(|(subject, detail)| (subject.as_str(), &detail["steps"])).collect();
        assert_eq!(counts, [("one", &json!({"echo": 1})), ("one", &json!({"ask": 1, "echo": 2}))]);
        let (_, last) = &written[1];
        assert_eq!(
            (&last["count"], &last["by"], &last["piece"], &last["version"]),
            (&json!(3), &json!("user:u"), &json!("text"), &json!("1.2.0"))
        );
        // Used on, it goes on without a first entry; not used for a minute, it is forgotten.
        uses.note(&one, "echo");
        assert_eq!(uses.pass(begun + WINDOW * 4).await.unwrap(), 1);
        assert_eq!(uses.pass(begun + WINDOW * 6).await.unwrap(), 0);
        assert_eq!(uses.0.places.budget().used(), 0);
    }

    #[tokio::test]
    async fn nothing_that_was_counted_is_lost_at_the_end() {
        let (_fresh, db, uses) = uses(16).await;
        for _ in 0..5 {
            uses.note(&user("t", "one"), "echo");
        }
        uses.finish().await.unwrap();
        let counts: Vec<_> = entries(&db).await.into_iter().map(|(_, detail)| detail["count"].clone()).collect();
        assert_eq!(counts, [1, 4]);
    }

    #[tokio::test]
    async fn a_tenant_without_a_place_is_counted_as_a_whole_and_leaves_others_theirs() {
        let (_fresh, db, uses) = uses(16).await;
        for number in 0..20 {
            uses.note(&user("many", &number.to_string()), "echo");
        }
        uses.note(&user("few", "one"), "echo");
        uses.finish().await.unwrap();
        let written = entries(&db).await;
        assert_eq!(written.iter().filter(|(subject, _)| subject == "one").count(), 1, "{written:?}");
        let rest: Vec<_> = written.iter().filter(|(subject, _)| subject.is_empty()).collect();
        assert_eq!((rest.len(), &rest[0].1["count"]), (1, &json!(20 - 12)), "{written:?}");
        assert!(uses.0.places.budget().refusals() >= 8);
    }

    #[tokio::test]
    async fn what_the_database_did_not_take_is_written_later() {
        let (_fresh, db, uses) = uses(16).await;
        let closed = Fresh::sqlite();
        let gone = closed.open().await;
        gone.close().await;
        let broken = Uses(Arc::new(Inner {
            db: gone,
            clock: Arc::new(SystemClock),
            places: uses.0.places.clone(),
            counting: Mutex::default(),
            tasks: Tasks::default(),
        }));
        broken.note(&user("t", "one"), "echo");
        broken.note(&user("t", "one"), "echo");
        assert!(broken.finish().await.is_err());
        let counted = mem::take(&mut broken.0.counting().windows);
        assert_eq!(counted.values().map(|window| window.counted.count).sum::<u64>(), 2);
        *uses.0.counting() = Counting { windows: counted, others: HashMap::new() };
        uses.finish().await.unwrap();
        assert_eq!(entries(&db).await[0].1["count"], 2);
    }
}
