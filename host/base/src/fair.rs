//! A bounded number of places, shared fairly between those who want them.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use crate::{
    budget::{Budget, Exhausted, Share},
    micros,
};

/// Places, as many as a budget's limit. Cheap to clone.
///
/// A free place is anybody's. Once places are short, three rules hold:
/// - the last quarter is only for owners who hold at most a sixteenth of all places, so an owner with many long calls
///   leaves room for others;
/// - a place that is given back goes to the waiting owner who holds the fewest, and among equals to the one whose last
///   turn was longest ago;
/// - in a full queue, the youngest request of the owner with the most requests makes room for an owner with fewer.
#[derive(Debug)]
pub struct Gate<K: Eq + Hash + Clone>(Arc<Inner<K>>);

#[derive(Debug)]
struct Inner<K: Eq + Hash + Clone> {
    budget: Arc<Budget>,
    /// The longest queue.
    queue: usize,
    wait: Duration,
    /// A moving average of how long a place is held, in microseconds: when to come back.
    held_micros: AtomicU64,
    state: Mutex<State<K>>,
}

#[derive(Debug)]
struct State<K> {
    free: usize,
    waiting: usize,
    /// Counts turns and requests.
    clock: u64,
    owners: HashMap<K, Owner<K>>,
}

/// An owner who holds a place or waits for one.
#[derive(Debug)]
struct Owner<K> {
    held: usize,
    last_turn: u64,
    waiting: VecDeque<Waiter<K>>,
}

#[derive(Debug)]
struct Waiter<K> {
    ticket: u64,
    wake: oneshot::Sender<Place<K>>,
}

/// A place that was handed to a waiter, before it becomes a [`Permit`].
#[derive(Debug)]
struct Place<K>(K);

impl<K: Eq + Hash + Clone> Clone for Gate<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// A place. Dropping it gives it back.
#[derive(Debug)]
#[must_use = "a place that is dropped is given back"]
pub struct Permit<K: Eq + Hash + Clone> {
    gate: Gate<K>,
    owner: K,
    since: Instant,
    _share: Share,
}

impl<K: Eq + Hash + Clone> Gate<K> {
    /// As many places as the limit of `budget`, and a queue of at most `queue` requests, each of which waits for at most
    /// `wait`.
    #[must_use]
    pub fn new(budget: Arc<Budget>, queue: usize, wait: Duration) -> Self {
        let size = usize::try_from(budget.limit()).unwrap_or(usize::MAX);
        let state = State { free: size, waiting: 0, clock: 0, owners: HashMap::new() };
        Self(Arc::new(Inner { budget, queue, wait, held_micros: AtomicU64::new(10_000), state: Mutex::new(state) }))
    }

    /// Takes a place for `owner`, waiting for it if there is none. Dropping the future gives the turn up.
    ///
    /// # Errors
    /// [`Exhausted`]: the queue is full, or the wait was in vain.
    pub async fn enter(&self, owner: K) -> Result<Permit<K>, Exhausted> {
        let turn = match self.request(&owner) {
            Asked::Granted => return Ok(self.permit(owner)),
            Asked::Full => return Err(self.refuse()),
            Asked::Queued(turn) => turn,
        };
        let mut turn = Turn { gate: self, owner: &owner, ticket: turn.0, given: turn.1 };
        match tokio::time::timeout(self.0.wait, &mut turn.given).await {
            Ok(Ok(Place(owner))) => Ok(self.permit(owner)),
            // Another owner took the turn, or the time is up. `turn` gives back a place that came too late.
            Ok(Err(_)) | Err(_) => Err(self.refuse()),
        }
    }

    /// Places taken.
    #[must_use]
    pub fn taken(&self) -> usize {
        let limit = usize::try_from(self.0.budget.limit()).unwrap_or(usize::MAX);
        limit - self.lock().free
    }

    /// Places taken by `owner`.
    #[must_use]
    pub fn held(&self, owner: &K) -> usize {
        self.lock().owners.get(owner).map_or(0, |owner| owner.held)
    }

    fn permit(&self, owner: K) -> Permit<K> {
        let share = self.0.budget.count(1);
        Permit { gate: self.clone(), owner, since: Instant::now(), _share: share }
    }

    /// Counts a refusal and returns it, with the time after which a place is likely to be free.
    #[must_use]
    pub fn refuse(&self) -> Exhausted {
        let hint = Duration::from_micros(self.0.held_micros.load(Ordering::Relaxed));
        self.0.budget.refuse(Some(hint.clamp(Duration::from_millis(50), Duration::from_secs(10))))
    }

    fn request(&self, owner: &K) -> Asked<K> {
        let mut state = self.lock();
        let held = state.owners.get(owner).map_or(0, |owner| owner.held);
        if self.0.has_room(state.free, held) {
            state.grant(owner);
            return Asked::Granted;
        }
        let waits = state.owners.get(owner).map_or(0, |owner| owner.waiting.len());
        if state.waiting >= self.0.queue && !state.displace(waits) {
            return Asked::Full;
        }
        let (wake, given) = oneshot::channel();
        let ticket = state.tick();
        state.waiting += 1;
        state.owner(owner).waiting.push_back(Waiter { ticket, wake });
        Asked::Queued((ticket, given))
    }

    /// Gives a place of `owner` back, to whose turn it is.
    fn give_back(&self, owner: &K) {
        let mut state = self.lock();
        state.free += 1;
        if let Some(known) = state.owners.get_mut(owner) {
            known.held = known.held.saturating_sub(1);
        }
        while let Some((next, waiter)) = state.next(&self.0) {
            state.grant(&next);
            if let Err(Place(next)) = waiter.wake.send(Place(next)) {
                // The waiter went away in this moment.
                state.free += 1;
                if let Some(known) = state.owners.get_mut(&next) {
                    known.held = known.held.saturating_sub(1);
                }
                state.forget(&next);
            }
        }
        state.forget(owner);
    }

    fn lock(&self) -> MutexGuard<'_, State<K>> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Asked<K> {
    Granted,
    Queued((u64, oneshot::Receiver<Place<K>>)),
    Full,
}

impl<K: Eq + Hash + Clone> Inner<K> {
    fn has_room(&self, free: usize, held: usize) -> bool {
        let taken = self.budget.limit() - free as u64;
        taken < self.budget.open_to(held as u64 + 1)
    }
}

impl<K: Eq + Hash + Clone> State<K> {
    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    fn owner(&mut self, owner: &K) -> &mut Owner<K> {
        let new = || Owner { held: 0, last_turn: 0, waiting: VecDeque::new() };
        self.owners.entry(owner.clone()).or_insert_with(new)
    }

    fn grant(&mut self, owner: &K) {
        self.free = self.free.saturating_sub(1);
        let now = self.tick();
        let owner = self.owner(owner);
        owner.held += 1;
        owner.last_turn = now;
    }

    /// Whose turn it is, if there is a place for one who waits.
    fn next(&mut self, gate: &Inner<K>) -> Option<(K, Waiter<K>)> {
        let free = self.free;
        let waiting =
            self.owners.iter_mut().filter(|(_, owner)| !owner.waiting.is_empty() && gate.has_room(free, owner.held));
        let order = |owner: &Owner<K>| (owner.held, owner.last_turn, owner.waiting.front().map(|waiter| waiter.ticket));
        let (key, owner) = waiting.min_by_key(|(_, owner)| order(owner))?;
        let waiter = owner.waiting.pop_front()?;
        let key = key.clone();
        self.waiting -= 1;
        Some((key, waiter))
    }

    /// Drops the youngest request of the owner with the most, if that is more than one who has `waits` would then have.
    fn displace(&mut self, waits: usize) -> bool {
        let most = self.owners.values_mut().max_by_key(|owner| owner.waiting.len());
        match most {
            Some(owner) if owner.waiting.len() > waits + 1 => {
                owner.waiting.pop_back();
                self.waiting -= 1;
                true
            }
            _ => false,
        }
    }

    fn forget(&mut self, owner: &K) {
        if self.owners.get(owner).is_some_and(|owner| owner.held == 0 && owner.waiting.is_empty()) {
            self.owners.remove(owner);
        }
    }
}

/// A request in the queue. It leaves the queue when it is dropped.
struct Turn<'a, K: Eq + Hash + Clone> {
    gate: &'a Gate<K>,
    owner: &'a K,
    ticket: u64,
    given: oneshot::Receiver<Place<K>>,
}

impl<K: Eq + Hash + Clone> Drop for Turn<'_, K> {
    fn drop(&mut self) {
        let mut state = self.gate.lock();
        if let Some(owner) = state.owners.get_mut(self.owner) {
            let before = owner.waiting.len();
            owner.waiting.retain(|waiter| waiter.ticket != self.ticket);
            let left = before - owner.waiting.len();
            state.waiting -= left;
        }
        state.forget(self.owner);
        drop(state);
        // A place that was handed over and not taken.
        self.given.close();
        if self.given.try_recv().is_ok() {
            self.gate.give_back(self.owner);
        }
    }
}

impl<K: Eq + Hash + Clone> Drop for Permit<K> {
    fn drop(&mut self) {
        let held = micros(self.since.elapsed());
        let average = self.gate.0.held_micros.load(Ordering::Relaxed);
        self.gate.0.held_micros.store(average - average / 8 + held / 8, Ordering::Relaxed);
        self.gate.give_back(&self.owner);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::budget::{Per, Spec};

    static PLACES: Spec =
        Spec { env: "LENO_TEST_PLACES", per: Per::Host, what: "calls at once", default: 4, range: (1, 1_000) };

    fn gate(size: u64, wait: Duration) -> Gate<&'static str> {
        Gate::new(Budget::with(&PLACES, size), 8, wait)
    }

    const LONG: Duration = Duration::from_secs(60);

    impl<K: Eq + Hash + Clone> Gate<K> {
        /// Free places, requests that wait, owners that are known.
        fn state(&self) -> (usize, usize, usize) {
            let state = self.lock();
            (state.free, state.waiting, state.owners.len())
        }
    }

    /// Lets every task run until it waits.
    async fn settle() {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn an_owner_with_long_calls_leaves_room_for_others_and_takes_what_is_idle() {
        let gate = gate(16, Duration::from_millis(20));
        let mut held = Vec::new();
        while let Ok(permit) = gate.enter("greedy").await {
            held.push(permit);
        }
        assert_eq!(held.len(), 12, "three quarters, as nobody else is there");
        let others = [gate.enter("a").await.unwrap(), gate.enter("b").await.unwrap()];
        assert_eq!((gate.taken(), gate.held(&"greedy")), (14, 12));
        drop((held, others));
        assert_eq!(gate.state(), (16, 0, 0));
    }

    #[tokio::test]
    async fn the_next_place_goes_to_the_owner_with_the_fewest_and_turns_go_round() {
        let gate = gate(1, LONG);
        let first = gate.enter("many").await.unwrap();
        let (order, mut served) = tokio::sync::mpsc::unbounded_channel();
        for owner in ["many", "many", "many", "few", "many"] {
            let (gate, order) = (gate.clone(), order.clone());
            tokio::spawn(async move {
                let permit = gate.enter(owner).await;
                order.send(permit.map(|permit| permit.owner)).unwrap();
            });
            settle().await;
        }
        drop(first);
        let mut seen = Vec::new();
        for _ in 0..5 {
            seen.push(served.recv().await.unwrap().unwrap());
        }
        assert_eq!(seen.first(), Some(&"few"), "{seen:?}");
        assert_eq!(gate.lock().free, 1);
    }

    #[tokio::test]
    async fn a_full_queue_makes_room_for_an_owner_with_fewer_requests_and_says_when_to_come_back() {
        let gate = Gate::new(Budget::with(&PLACES, 1), 3, LONG);
        let first = gate.enter("x").await.unwrap();
        let mut many = Vec::new();
        for _ in 0..3 {
            let gate = gate.clone();
            many.push(tokio::spawn(async move { gate.enter("many").await.map(drop) }));
            settle().await;
        }
        let refused = gate.enter("many").await.unwrap_err();
        assert!(refused.to_string().starts_with("this host may have 1 calls at once"), "{refused}");
        assert!(refused.retry_after.is_some());
        let few = tokio::spawn({
            let gate = gate.clone();
            async move { gate.enter("few").await.map(drop) }
        });
        settle().await;
        assert!(many.pop().unwrap().await.unwrap().is_err(), "the youngest made room");
        drop(first);
        few.await.unwrap().unwrap();
        for waiting in many {
            waiting.await.unwrap().unwrap();
        }
        assert_eq!(gate.state(), (1, 0, 0));
    }

    #[tokio::test]
    async fn who_gives_up_or_waits_in_vain_leaves_no_trace() {
        let gate = gate(1, Duration::from_millis(20));
        let first = gate.enter("a").await.unwrap();
        let waiting = tokio::spawn({
            let gate = gate.clone();
            async move { gate.enter("b").await.map(drop) }
        });
        settle().await;
        waiting.abort();
        let _ = waiting.await;
        assert!(gate.enter("c").await.is_err());
        assert_eq!(gate.state(), (0, 0, 1));
        drop(first);
        assert_eq!(gate.state(), (1, 0, 0));
        assert!(gate.enter("d").await.is_ok());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn under_a_storm_of_requests_and_cancellations_no_place_is_lost_or_given_twice() {
        let gate = gate(4, Duration::from_millis(2));
        let mut tasks = Vec::new();
        for index in 0..64_u64 {
            let gate = gate.clone();
            let owner = ["a", "b", "c"][usize::try_from(index % 3).unwrap()];
            tasks.push(tokio::spawn(async move {
                for round in 0..50 {
                    let entered = gate.enter(owner);
                    let patience = Duration::from_micros((index * 37 + round * 11) % 3_000);
                    if let Ok(Ok(permit)) = tokio::time::timeout(patience, entered).await {
                        assert!(gate.taken() <= 4);
                        tokio::task::yield_now().await;
                        drop(permit);
                    }
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(gate.state(), (4, 0, 0));
    }
}
