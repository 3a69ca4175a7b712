//! A bounded amount, such as bytes of memory, shared fairly between those who take it bit by bit.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::oneshot;

use crate::budget::{Budget, Exhausted, Share};

/// An amount, as large as the limit of a budget of the host, of which each owner may hold as much as the limit of a second
/// budget. Cheap to clone.
///
/// What is free is anybody's. Once it is short, two rules hold:
/// - the last quarter is only for owners who hold less than a sixteenth of all, so owners with much leave room for others;
/// - what is given back goes to the waiting owner who holds the least, and of equals to the one who waits longest. What is
///   too much for the room there is waits on, and lets smaller requests pass.
#[derive(Debug)]
pub struct Stock<K: Eq + Hash + Clone>(Arc<Inner<K>>);

#[derive(Debug)]
struct Inner<K> {
    host: Arc<Budget>,
    each: Arc<Budget>,
    wait: Duration,
    state: Mutex<State<K>>,
}

#[derive(Debug)]
struct State<K> {
    used: u64,
    /// Only owners who hold something.
    held: HashMap<K, u64>,
    /// Counts requests.
    clock: u64,
    waiting: Vec<Waiter<K>>,
}

#[derive(Debug)]
struct Waiter<K> {
    ticket: u64,
    owner: K,
    capped: bool,
    more: u64,
    wake: oneshot::Sender<()>,
}

impl<K: Eq + Hash + Clone> Clone for Stock<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K: Eq + Hash + Clone> Stock<K> {
    /// As much as the limit of `host`, of which each owner may hold the limit of `each`. Who finds no room waits for at most
    /// `wait`.
    #[must_use]
    pub fn new(host: Arc<Budget>, each: Arc<Budget>, wait: Duration) -> Self {
        let state = State { used: 0, held: HashMap::new(), clock: 0, waiting: Vec::new() };
        Self(Arc::new(Inner { host, each, wait, state: Mutex::new(state) }))
    }

    /// A portion of `owner`, with nothing in it yet.
    pub fn portion(&self, owner: K) -> Portion<K> {
        self.begin(owner, true)
    }

    /// The same for an owner to whom only the limit of the host applies.
    pub fn unlimited_portion(&self, owner: K) -> Portion<K> {
        self.begin(owner, false)
    }

    fn begin(&self, owner: K, capped: bool) -> Portion<K> {
        let (host, each) = (self.0.host.count(0), self.0.each.count(0));
        Portion { stock: self.clone(), owner, capped, amount: 0, host, each }
    }

    fn lock(&self) -> MutexGuard<'_, State<K>> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes from `owner`, and hands on to those who wait.
    fn give_back(&self, owner: &K, less: u64) {
        let mut state = self.lock();
        state.release(owner, less);
        while let Some(waiter) = state.next(&self.0) {
            if waiter.wake.send(()).is_err() {
                // The waiter went away in this moment.
                state.release(&waiter.owner, waiter.more);
            }
        }
    }
}

impl<K: Eq + Hash + Clone> State<K> {
    fn has_room(&self, stock: &Inner<K>, owner: &K, capped: bool, more: u64) -> bool {
        let held = self.held.get(owner).copied().unwrap_or_default().saturating_add(more);
        (!capped || held <= stock.each.limit()) && self.used.saturating_add(more) <= stock.host.open_to(held)
    }

    fn grant(&mut self, owner: &K, more: u64) {
        self.used += more;
        *self.held.entry(owner.clone()).or_default() += more;
    }

    fn release(&mut self, owner: &K, less: u64) {
        self.used = self.used.saturating_sub(less);
        match self.held.get_mut(owner) {
            Some(held) if *held > less => *held -= less,
            _ => drop(self.held.remove(owner)),
        }
    }

    /// Grants the request whose turn it is, if one has room.
    fn next(&mut self, stock: &Inner<K>) -> Option<Waiter<K>> {
        let waiting = self.waiting.iter().enumerate();
        let fit = waiting.filter(|(_, waiter)| self.has_room(stock, &waiter.owner, waiter.capped, waiter.more));
        let held = |owner: &K| self.held.get(owner).copied().unwrap_or_default();
        let (at, _) = fit.min_by_key(|(_, waiter)| (held(&waiter.owner), waiter.ticket))?;
        let waiter = self.waiting.swap_remove(at);
        self.grant(&waiter.owner, waiter.more);
        Some(waiter)
    }
}

/// What an owner holds for one purpose. Dropping it gives it back.
#[derive(Debug)]
#[must_use = "a portion that is dropped is given back"]
pub struct Portion<K: Eq + Hash + Clone> {
    stock: Stock<K>,
    owner: K,
    capped: bool,
    amount: u64,
    host: Share,
    each: Share,
}

impl<K: Eq + Hash + Clone> Portion<K> {
    /// Takes `more` as well, waiting for it if there is no room. Dropping the future gives the turn up.
    ///
    /// # Errors
    /// [`Exhausted`], and the portion stays as it was: the wait was in vain, or so much is never there, which the refusal
    /// shows by giving no time to come back.
    pub async fn grow(&mut self, more: u64) -> Result<(), Exhausted> {
        let Inner { host, each, wait, .. } = &*self.stock.0;
        let sum = self.amount.saturating_add(more);
        if self.capped && sum > each.limit() {
            return Err(each.refuse(None));
        }
        if sum > host.open_to(sum) {
            return Err(host.refuse(None));
        }
        if let Some((ticket, given)) = self.request(more) {
            let mut turn = Turn { stock: &self.stock, owner: &self.owner, more, ticket, given };
            if tokio::time::timeout(*wait, &mut turn.given).await.is_err() {
                if let Some(own) = self.give_up(ticket, more) {
                    return Err(if own { each } else { host }.refuse(Some(*wait)));
                }
                // The turn came in this moment.
                let _ = turn.given.try_recv();
            }
        }
        self.amount = sum;
        self.host.count(more);
        if self.capped {
            self.each.count(more);
        }
        Ok(())
    }

    /// Gives back all but `amount`.
    pub fn shrink_to(&mut self, amount: u64) {
        let less = self.amount.saturating_sub(amount);
        if less == 0 {
            return;
        }
        self.amount = amount;
        self.host.shrink_to(amount);
        self.each.shrink_to(amount);
        self.stock.give_back(&self.owner, less);
    }

    /// How much it is.
    #[must_use]
    pub fn amount(&self) -> u64 {
        self.amount
    }

    /// Leaves the queue. Returns whether the owner's own share was in the way, or else the host; `None` when the turn had come.
    fn give_up(&self, ticket: u64, more: u64) -> Option<bool> {
        let mut state = self.stock.lock();
        let at = state.waiting.iter().position(|waiter| waiter.ticket == ticket)?;
        state.waiting.swap_remove(at);
        let held = state.held.get(&self.owner).copied().unwrap_or_default();
        Some(self.capped && held.saturating_add(more) > self.stock.0.each.limit())
    }

    /// Takes `more`, or queues for it.
    fn request(&self, more: u64) -> Option<(u64, oneshot::Receiver<()>)> {
        let mut state = self.stock.lock();
        if state.has_room(&self.stock.0, &self.owner, self.capped, more) {
            state.grant(&self.owner, more);
            return None;
        }
        let (wake, given) = oneshot::channel();
        state.clock += 1;
        let ticket = state.clock;
        state.waiting.push(Waiter { ticket, owner: self.owner.clone(), capped: self.capped, more, wake });
        Some((ticket, given))
    }
}

impl<K: Eq + Hash + Clone> Drop for Portion<K> {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

/// A request in the queue. It leaves the queue when it is dropped.
struct Turn<'a, K: Eq + Hash + Clone> {
    stock: &'a Stock<K>,
    owner: &'a K,
    more: u64,
    ticket: u64,
    given: oneshot::Receiver<()>,
}

impl<K: Eq + Hash + Clone> Drop for Turn<'_, K> {
    fn drop(&mut self) {
        self.stock.lock().waiting.retain(|waiter| waiter.ticket != self.ticket);
        // What was handed over and not taken.
        self.given.close();
        if self.given.try_recv().is_ok() {
            self.stock.give_back(self.owner, self.more);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::{Per, Spec};

    static ALL: Spec = Spec { env: "LENO_TEST_ALL", per: Per::Host, what: "bytes", default: 64, range: (1, 1_000) };
    static EACH: Spec = Spec { env: "LENO_TEST_EACH", per: Per::Tenant, what: "bytes", default: 32, range: (1, 1_000) };

    const LONG: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(20);

    fn stock(all: u64, each: u64, wait: Duration) -> Stock<&'static str> {
        Stock::new(Budget::with(&ALL, all), Budget::with(&EACH, each), wait)
    }

    /// Lets every task run until it waits.
    async fn settle() {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }

    fn is_empty(stock: &Stock<&'static str>) -> bool {
        let state = stock.lock();
        let used = stock.0.host.used() + stock.0.each.used() + state.used;
        used == 0 && state.waiting.is_empty() && state.held.is_empty()
    }

    #[tokio::test]
    async fn an_owner_gets_its_share_and_no_more_and_the_last_quarter_is_for_those_with_little() {
        let stock = stock(64, 32, SHORT);
        let (mut a, mut b, mut few) = (stock.portion("a"), stock.portion("b"), stock.portion("few"));
        a.grow(20).await.unwrap();
        a.grow(12).await.unwrap();
        let own = a.grow(1).await.unwrap_err();
        assert_eq!((own.spec, own.retry_after), (&EACH, None), "one portion alone is too large");
        let mut further = stock.portion("a");
        let own = further.grow(1).await.unwrap_err();
        assert_eq!((own.spec, own.retry_after), (&EACH, Some(SHORT)), "the owner has other portions");
        b.grow(16).await.unwrap();
        assert_eq!(b.grow(1).await.unwrap_err().spec, &ALL);
        few.grow(4).await.unwrap();
        assert_eq!(few.grow(1).await.unwrap_err().spec, &ALL, "it is none of those with little any more");
        assert_eq!((stock.0.host.used(), stock.0.each.used(), stock.0.host.refusals()), (52, 52, 2));
        drop((a, b, few, further));
        assert!(is_empty(&stock));
    }

    #[tokio::test]
    async fn what_comes_back_goes_to_the_owner_with_the_least() {
        let stock = stock(64, 64, LONG);
        let (mut much, mut first) = (stock.portion("much"), stock.portion("x"));
        much.grow(8).await.unwrap();
        first.grow(40).await.unwrap();
        let (order, mut served) = tokio::sync::mpsc::unbounded_channel();
        for owner in ["much", "much", "little"] {
            let (mut portion, order) = (stock.portion(owner), order.clone());
            tokio::spawn(async move {
                portion.grow(30).await.unwrap();
                order.send(owner).unwrap();
            });
            settle().await;
        }
        first.shrink_to(10);
        assert_eq!(served.recv().await, Some("little"));
        assert_eq!((served.recv().await, served.recv().await), (Some("much"), Some("much")));
        drop((much, first));
        settle().await;
        assert!(is_empty(&stock));
    }

    #[tokio::test]
    async fn what_can_never_fit_is_refused_at_once_and_the_operator_is_bound_by_the_host_alone() {
        let stock = stock(64, 32, LONG);
        let mut portion = stock.unlimited_portion("operator");
        portion.grow(48).await.unwrap();
        let refused = portion.grow(1).await.unwrap_err();
        assert_eq!((refused.spec, refused.retry_after), (&ALL, None));
        assert_eq!((stock.0.host.used(), stock.0.each.used()), (48, 0));
        drop(portion);
        assert!(is_empty(&stock));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn under_a_storm_of_requests_and_cancellations_nothing_is_lost_or_given_twice() {
        let stock = stock(64, 40, Duration::from_millis(2));
        let mut tasks = Vec::new();
        for index in 0..64_u64 {
            let stock = stock.clone();
            let owner = ["a", "b", "c"][usize::try_from(index % 3).unwrap()];
            tasks.push(tokio::spawn(async move {
                for round in 0..50 {
                    let mut portion = stock.portion(owner);
                    for _ in 0..3 {
                        let patience = Duration::from_micros((index * 37 + round * 11) % 3_000);
                        let _ = tokio::time::timeout(patience, portion.grow(1 + index % 13)).await;
                        assert!(stock.lock().used <= 64);
                    }
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        assert!(is_empty(&stock));
    }
}
