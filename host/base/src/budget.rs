//! Budgets: what each resource is limited to, and for whom.
//!
//! A [`Spec`] declares a budget, in the room that spends it: its owner, its setting, its default. A [`Budget`] is one at work:
//! its limit, its use, and how often it refused. [`Budgets`] holds those of one host, so that the metrics show all of them.
//!
//! Use is taken as a [`Share`] and given back when that is dropped, whatever ends the work that needed it.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    hash::Hash,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Whose a budget is: each of them has its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Per {
    /// One call of a piece.
    Call,
    /// One version of a piece.
    Piece,
    /// One request.
    Request,
    /// One user.
    User,
    /// One tenant.
    Tenant,
    /// One address that connects to this host.
    Peer,
    /// One host that this host connects to.
    Destination,
    /// One endpoint that events are sent to.
    Endpoint,
    /// One OAuth client.
    Client,
    /// All of this host.
    Host,
}

impl Per {
    /// The label in metrics and documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Piece => "piece",
            Self::Request => "request",
            Self::User => "user",
            Self::Tenant => "tenant",
            Self::Peer => "peer",
            Self::Destination => "destination",
            Self::Endpoint => "endpoint",
            Self::Client => "client",
            Self::Host => "host",
        }
    }

    /// The owner in a message.
    fn subject(self) -> &'static str {
        match self {
            Self::Call => "this call",
            Self::Piece => "this piece",
            Self::Request => "this request",
            Self::User => "you",
            Self::Tenant => "your tenant",
            Self::Peer => "your address",
            Self::Destination => "this destination",
            Self::Endpoint => "this endpoint",
            Self::Client => "this client",
            Self::Host => "this host",
        }
    }
}

/// A budget as a room declares it.
#[derive(Debug, PartialEq, Eq)]
pub struct Spec {
    /// The environment variable that sets the limit, `LENO_…`. The name of the budget is the same in lower case without
    /// `LENO_`.
    pub env: &'static str,
    /// Whose it is.
    pub per: Per,
    /// What is counted, in the plural, for messages and help: `bytes of request bodies`.
    pub what: &'static str,
    /// The limit, unless set.
    pub default: u64,
    /// The lowest and the highest limit that can be set.
    pub range: (u64, u64),
}

impl Spec {
    /// The name in metrics and refusals.
    #[must_use]
    pub fn name(&self) -> String {
        self.env.strip_prefix("LENO_").unwrap_or(self.env).to_ascii_lowercase()
    }
}

/// A refusal: a budget has no room for what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exhausted {
    /// The budget.
    pub spec: &'static Spec,
    /// Its limit.
    pub limit: u64,
    /// When to come back, if waiting helps.
    pub retry_after: Option<Duration>,
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (subject, what) = (self.spec.per.subject(), self.spec.what);
        write!(f, "{subject} may have {} {what} ({})", self.limit, self.spec.env)?;
        match self.retry_after {
            Some(after) => write!(f, "; try again in {} ms", after.as_millis()),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Exhausted {}

/// How long to wait for a share that others hold.
const RETRY: Duration = Duration::from_secs(1);

/// One budget of a host. Where a budget has many owners, this is the limit of each and the use of all together.
#[derive(Debug)]
pub struct Budget {
    spec: &'static Spec,
    limit: u64,
    used: AtomicU64,
    refused: AtomicU64,
}

impl Budget {
    /// A budget with its default limit, apart from any host: for tests and tools.
    #[must_use]
    pub fn of(spec: &'static Spec) -> Arc<Self> {
        Self::with(spec, spec.default)
    }

    /// A budget with this limit, apart from any host.
    #[must_use]
    pub fn with(spec: &'static Spec, limit: u64) -> Arc<Self> {
        Arc::new(Self { spec, limit, used: AtomicU64::new(0), refused: AtomicU64::new(0) })
    }

    /// Its declaration.
    #[must_use]
    pub fn spec(&self) -> &'static Spec {
        self.spec
    }

    /// The limit of each owner.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// The use of all owners.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// How often it refused.
    #[must_use]
    pub fn refusals(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Takes a share of a budget that has one owner only: the host.
    ///
    /// # Errors
    /// [`Exhausted`]: there is less left than `amount`.
    pub fn take(self: &Arc<Self>, amount: u64) -> Result<Share, Exhausted> {
        let mut share = Share { budget: self.clone(), amount: 0 };
        share.grow(amount)?;
        Ok(share)
    }

    /// Counts use whose limit the caller checks itself. It ends with the share.
    pub fn count(self: &Arc<Self>, amount: u64) -> Share {
        self.used.fetch_add(amount, Ordering::Relaxed);
        Share { budget: self.clone(), amount }
    }

    /// Checks an amount that is not held for any time: the size of one thing.
    ///
    /// # Errors
    /// [`Exhausted`], without a time to come back: it will not fit later either.
    pub fn allows(&self, amount: u64) -> Result<(), Exhausted> {
        if amount <= self.limit { Ok(()) } else { Err(self.refuse(None)) }
    }

    /// Shows `used` as the use of all owners. For what is kept elsewhere, such as rows of the database: nothing of it is taken
    /// as a [`Share`].
    pub fn observe(&self, used: u64) {
        self.used.store(used, Ordering::Relaxed);
    }

    /// How much of a budget that owners share may be in use when one of them holds `held` of it: the last quarter is only for
    /// those who hold no more than a sixteenth, or the smallest amount.
    pub(crate) fn open_to(&self, held: u64) -> u64 {
        if held <= (self.limit / 16).max(1) { self.limit } else { self.limit - self.limit / 4 }
    }

    /// Counts a refusal and returns it.
    pub fn refuse(&self, retry_after: Option<Duration>) -> Exhausted {
        self.refused.fetch_add(1, Ordering::Relaxed);
        Exhausted { spec: self.spec, limit: self.limit, retry_after }
    }
}

/// A part of a [`Budget`]. Dropping it gives it back.
#[derive(Debug)]
#[must_use = "a share that is dropped is given back"]
pub struct Share {
    budget: Arc<Budget>,
    amount: u64,
}

impl Share {
    /// Takes `more` as well.
    ///
    /// # Errors
    /// [`Exhausted`]; the share stays as it was.
    pub fn grow(&mut self, more: u64) -> Result<(), Exhausted> {
        let Budget { used, limit, .. } = &*self.budget;
        let fits = |used: u64| used.checked_add(more).filter(|sum| sum <= limit);
        match used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits) {
            Ok(_) => {
                self.amount += more;
                Ok(())
            }
            Err(_) => Err(self.budget.refuse(Some(RETRY))),
        }
    }

    /// Counts more, whose limit the caller checks itself.
    pub fn count(&mut self, more: u64) {
        self.budget.used.fetch_add(more, Ordering::Relaxed);
        self.amount += more;
    }

    /// Gives back all but `amount`.
    pub fn shrink_to(&mut self, amount: u64) {
        let less = self.amount.saturating_sub(amount);
        self.budget.used.fetch_sub(less, Ordering::Relaxed);
        self.amount -= less;
    }

    /// How much it is.
    #[must_use]
    pub fn amount(&self) -> u64 {
        self.amount
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

/// A budget whose use is known by owner: a tenant, a peer, a piece. Cheap to clone.
#[derive(Debug)]
pub struct Each<K: Eq + Hash>(Arc<EachInner<K>>);

#[derive(Debug)]
struct EachInner<K: Eq + Hash> {
    budget: Arc<Budget>,
    /// Whether the limit is that of all owners together.
    shared: bool,
    /// Only owners that hold something.
    held: Mutex<HashMap<K, u64>>,
}

impl<K: Eq + Hash> Clone for Each<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K: Eq + Hash + Clone> Each<K> {
    /// Each owner may hold the limit of `budget`.
    #[must_use]
    pub fn new(budget: Arc<Budget>) -> Self {
        Self(Arc::new(EachInner { budget, shared: false, held: Mutex::default() }))
    }

    /// All owners together may hold the limit of `budget`. The last quarter is only for owners who hold less than a sixteenth
    /// of it, so an owner who holds much leaves room for others.
    #[must_use]
    pub fn shared(budget: Arc<Budget>) -> Self {
        Self(Arc::new(EachInner { budget, shared: true, held: Mutex::default() }))
    }

    /// The budget.
    #[must_use]
    pub fn budget(&self) -> &Arc<Budget> {
        &self.0.budget
    }

    /// What an owner holds.
    #[must_use]
    pub fn held(&self, owner: &K) -> u64 {
        self.lock().get(owner).copied().unwrap_or_default()
    }

    /// A share of nothing, to grow.
    pub fn none(&self, owner: K) -> OwnedShare<K> {
        OwnedShare { each: self.clone(), owner, amount: 0 }
    }

    /// Takes a share of an owner's budget.
    ///
    /// # Errors
    /// [`Exhausted`]: there is less left than `amount`.
    pub fn take(&self, owner: K, amount: u64) -> Result<OwnedShare<K>, Exhausted> {
        let mut share = self.none(owner);
        share.grow(amount)?;
        Ok(share)
    }

    /// Whether an owner may hold `sum`, which is `more` than now.
    fn fits(&self, sum: u64, more: u64) -> bool {
        let budget = &self.0.budget;
        if !self.0.shared {
            return sum <= budget.limit;
        }
        budget.used().checked_add(more).is_some_and(|used| used <= budget.open_to(sum))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, u64>> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A part of one owner's budget. Dropping it gives it back.
#[derive(Debug)]
#[must_use = "a share that is dropped is given back"]
pub struct OwnedShare<K: Eq + Hash + Clone> {
    each: Each<K>,
    owner: K,
    amount: u64,
}

impl<K: Eq + Hash + Clone> OwnedShare<K> {
    /// Takes `more` as well.
    ///
    /// # Errors
    /// [`Exhausted`]; the share stays as it was.
    pub fn grow(&mut self, more: u64) -> Result<(), Exhausted> {
        let budget = &self.each.0.budget;
        let mut held = self.each.lock();
        let present = held.get(&self.owner).copied().unwrap_or_default();
        let Some(sum) = present.checked_add(more).filter(|sum| self.each.fits(*sum, more)) else {
            drop(held);
            return Err(budget.refuse(Some(RETRY)));
        };
        if sum > 0 {
            held.insert(self.owner.clone(), sum);
        }
        budget.used.fetch_add(more, Ordering::Relaxed);
        self.amount += more;
        Ok(())
    }

    /// Gives back all but `amount`.
    pub fn shrink_to(&mut self, amount: u64) {
        let less = self.amount.saturating_sub(amount);
        if less == 0 {
            return;
        }
        let mut held = self.each.lock();
        match held.get_mut(&self.owner) {
            Some(sum) if *sum > less => *sum -= less,
            _ => drop(held.remove(&self.owner)),
        }
        self.each.0.budget.used.fetch_sub(less, Ordering::Relaxed);
        self.amount -= less;
    }

    /// How much it is.
    #[must_use]
    pub fn amount(&self) -> u64 {
        self.amount
    }
}

impl<K: Eq + Hash + Clone> Drop for OwnedShare<K> {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

/// The budgets of one host. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Budgets(Arc<BudgetsInner>);

#[derive(Debug, Default)]
struct BudgetsInner {
    limits: BTreeMap<&'static str, u64>,
    known: Mutex<BTreeMap<&'static str, Arc<Budget>>>,
}

impl Budgets {
    /// Budgets with these limits; all others have their defaults.
    #[must_use]
    pub fn new(limits: impl IntoIterator<Item = (&'static Spec, u64)>) -> Self {
        let limits = limits.into_iter().map(|(spec, limit)| (spec.env, limit)).collect();
        Self(Arc::new(BudgetsInner { limits, known: Mutex::default() }))
    }

    /// The same limits, but with `most` as the highest for this budget. For a limit that the machine sets: call it before
    /// any room asks for its budgets.
    #[must_use]
    pub fn capped(&self, spec: &'static Spec, most: u64) -> Self {
        let mut limits = self.0.limits.clone();
        let limit = limits.entry(spec.env).or_insert(spec.default);
        *limit = most.min(*limit);
        let capped = Self(Arc::new(BudgetsInner { limits, known: Mutex::default() }));
        // Those that are shown already are shown still.
        self.all().iter().for_each(|budget| drop(capped.get(budget.spec)));
        capped
    }

    /// The limit that was set for a budget, if one was.
    #[must_use]
    pub fn chosen(&self, spec: &'static Spec) -> Option<u64> {
        self.0.limits.get(spec.env).copied()
    }

    /// The budget of a declaration: the same one each time.
    #[must_use]
    pub fn get(&self, spec: &'static Spec) -> Arc<Budget> {
        let limit = self.0.limits.get(spec.env).copied().unwrap_or(spec.default);
        self.known().entry(spec.env).or_insert_with(|| Budget::with(spec, limit)).clone()
    }

    /// The budget of a declaration, for each owner.
    #[must_use]
    pub fn each<K: Eq + Hash + Clone>(&self, spec: &'static Spec) -> Each<K> {
        Each::new(self.get(spec))
    }

    /// The budget of a declaration, shared by owners: see [`Each::shared`].
    #[must_use]
    pub fn shared<K: Eq + Hash + Clone>(&self, spec: &'static Spec) -> Each<K> {
        Each::shared(self.get(spec))
    }

    /// Every budget that a room has asked for, by the name of its setting.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Budget>> {
        self.known().values().cloned().collect()
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<&'static str, Arc<Budget>>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static BYTES: Spec =
        Spec { env: "LENO_TEST_BYTES", per: Per::Host, what: "bytes of tests", default: 10, range: (1, 100) };
    static SHARE: Spec =
        Spec { env: "LENO_TEST_SHARE", per: Per::Tenant, what: "bytes of tests", default: 6, range: (1, 100) };

    #[test]
    fn a_budget_is_never_exceeded_and_what_is_dropped_comes_back() {
        let budget = Budgets::default().get(&BYTES);
        let mut first = budget.take(7).unwrap();
        let refused = budget.take(4).unwrap_err();
        assert_eq!(refused.to_string(), "this host may have 10 bytes of tests (LENO_TEST_BYTES); try again in 1000 ms");
        first.grow(3).unwrap();
        assert!(first.grow(1).is_err());
        assert!(first.grow(u64::MAX).is_err());
        first.shrink_to(2);
        let second = budget.take(8).unwrap();
        assert_eq!((budget.used(), budget.refusals()), (10, 3));
        drop((first, second));
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn an_owner_who_has_spent_its_budget_leaves_another_owner_its_own() {
        let budgets = Budgets::new([(&SHARE, 5)]);
        let each = budgets.each::<&str>(&SHARE);
        let share = each.take("a", 5).unwrap();
        assert_eq!(each.take("a", 1).unwrap_err().limit, 5);
        let other = each.take("b", 5).unwrap();
        assert_eq!((each.held(&"a"), each.budget().used()), (5, 10));
        drop((share, other));
        assert_eq!((each.held(&"a"), each.budget().used(), each.lock().len()), (0, 0, 0));
    }

    #[test]
    fn an_owner_who_holds_much_of_a_shared_budget_leaves_room_for_others() {
        let shared = Each::shared(Budget::with(&BYTES, 64));
        let mut much = shared.take("a", 48).unwrap();
        assert!(much.grow(1).is_err() && shared.take("b", 5).is_err(), "the last quarter is for who holds little");
        let little: Vec<_> = ["b", "c", "d", "e"].into_iter().map(|owner| shared.take(owner, 4).unwrap()).collect();
        assert!(shared.take("f", 1).is_err(), "it is full");
        drop(little);
        much.shrink_to(0);
        assert_eq!(shared.take("b", 48).unwrap().amount(), 48);
    }

    #[test]
    fn one_host_has_one_budget_of_a_kind() {
        let budgets = Budgets::default();
        let share = budgets.get(&BYTES).take(10).unwrap();
        assert!(budgets.clone().get(&BYTES).take(1).is_err());
        assert!(Budgets::default().get(&BYTES).take(1).is_ok());
        drop(share);
        assert_eq!(budgets.all().len(), 1);
        assert_eq!(BYTES.name(), "test_bytes");
    }

    #[test]
    fn what_a_machine_allows_lowers_a_limit_and_never_raises_it() {
        let chosen = Budgets::new([(&BYTES, 20)]);
        assert_eq!((chosen.chosen(&BYTES), chosen.chosen(&SHARE)), (Some(20), None));
        assert_eq!(chosen.capped(&BYTES, 5).get(&BYTES).limit(), 5);
        assert_eq!(chosen.capped(&BYTES, 50).get(&BYTES).limit(), 20);
        assert_eq!(chosen.capped(&SHARE, 50).get(&SHARE).limit(), 6);
    }

    #[test]
    fn concurrent_takers_never_get_more_than_there_is() {
        let budget = Budget::with(&BYTES, 64);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        let share = budget.take(24);
                        assert!(budget.used() <= 64);
                        drop(share);
                    }
                });
            }
        });
        assert_eq!(budget.used(), 0);
    }
}
