//! Who is connected, and who has to go when there is no room.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use leno_base::budget::{Budget, Exhausted, Share};
use tokio::sync::Notify;

use crate::edge::ring;

/// When a client that found no room may come back: some request has ended by then.
const RETRY: Duration = Duration::from_secs(1);

/// Whose connection it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Peer(IpAddr);

impl Peer {
    pub(super) fn of(address: IpAddr) -> Self {
        Self(ring::Peer(address).network())
    }
}

/// The connections of a listener, as many as its budgets allow. Cheap to clone.
///
/// A connection that waits for a request is idle, whether it is the first one, one of which a part is there, or the next. When
/// there is no room for a new connection, an idle one makes room: first those that have never sent a request, then the others;
/// of both, the one that is idle for longest.
#[derive(Debug, Clone)]
pub(crate) struct Crowd(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    all: Arc<Budget>,
    each: Option<Arc<Budget>>,
    /// Counts the moments at which connections become idle. Starts after [`BUSY`].
    clock: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: u64,
    members: HashMap<u64, Member>,
    peers: HashMap<Peer, u64>,
}

#[derive(Debug)]
struct Member {
    presence: Arc<Presence>,
    _shares: (Share, Option<Share>),
}

#[derive(Debug)]
struct Presence {
    peer: Peer,
    /// Since when it is idle, or one of the two below.
    idle: AtomicU64,
    /// Whether it has sent a request.
    known: AtomicBool,
    leave: Notify,
}

/// A request is being served.
const BUSY: u64 = 0;
/// It has to go.
const LEAVING: u64 = u64::MAX;

impl Presence {
    /// Makes the connection go if it is idle since `since`.
    fn dismiss(&self, since: u64) -> bool {
        let idle = self.idle.compare_exchange(since, LEAVING, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if idle {
            self.leave.notify_one();
        }
        idle
    }

    /// What decides who goes first; `None` while a request is served.
    fn rank(&self) -> Option<(bool, u64)> {
        let idle = self.idle.load(Ordering::Acquire);
        (idle != BUSY && idle != LEAVING).then(|| (self.known.load(Ordering::Relaxed), idle))
    }
}

impl Crowd {
    /// As many connections as `all` allows, and of each peer as many as `each` does.
    pub(crate) fn new(all: Arc<Budget>, each: Option<Arc<Budget>>) -> Self {
        Self(Arc::new(Inner { all, each, clock: AtomicU64::new(BUSY + 1), state: Mutex::default() }))
    }

    /// Takes a connection in, in place of an idle one if need be.
    ///
    /// # Errors
    /// Every connection of the peer, or every one there is, serves a request.
    pub(super) fn admit(&self, peer: Peer) -> Result<Seat, Exhausted> {
        let Inner { all, each, clock, .. } = &*self.0;
        let mut state = self.lock();
        if let Some(each) = each
            && state.peers.get(&peer).is_some_and(|count| *count >= each.limit())
        {
            let refusal = each.refuse(Some(RETRY));
            if !state.shed(Some(peer)) {
                return Err(refusal);
            }
        }
        if state.members.len() as u64 >= all.limit() {
            let refusal = all.refuse(Some(RETRY));
            if !state.shed(None) {
                return Err(refusal);
            }
        }
        let presence = Arc::new(Presence {
            peer,
            idle: AtomicU64::new(clock.fetch_add(1, Ordering::Relaxed)),
            known: AtomicBool::new(false),
            leave: Notify::new(),
        });
        state.last += 1;
        let id = state.last;
        let member =
            Member { presence: presence.clone(), _shares: (all.count(1), each.as_ref().map(|each| each.count(1))) };
        state.members.insert(id, member);
        *state.peers.entry(peer).or_default() += 1;
        Ok(Seat { crowd: self.clone(), id, presence })
    }

    /// Makes an idle connection go, if there is one.
    pub(super) fn shed(&self) {
        self.lock().shed(None);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Makes an idle connection go, of `peer` or of anybody. Returns whether there was one.
    fn shed(&mut self, peer: Option<Peer>) -> bool {
        loop {
            let members =
                self.members.iter().filter(|(_, member)| peer.is_none_or(|peer| member.presence.peer == peer));
            let idle = members.filter_map(|(id, member)| Some((member.presence.rank()?, *id)));
            let Some(((_, since), id)) = idle.min() else { return false };
            // It may have received a request in this moment.
            if self.members.get(&id).is_some_and(|member| member.presence.dismiss(since)) {
                self.remove(id);
                return true;
            }
        }
    }

    fn remove(&mut self, id: u64) {
        let Some(member) = self.members.remove(&id) else { return };
        let peer = member.presence.peer;
        match self.peers.get_mut(&peer) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(self.peers.remove(&peer)),
        }
    }
}

/// The place of a connection. Dropping it leaves the crowd.
#[derive(Debug)]
pub(super) struct Seat {
    crowd: Crowd,
    id: u64,
    presence: Arc<Presence>,
}

impl Seat {
    /// What marks the requests of the connection.
    pub(super) fn service(&self) -> Service {
        Service { crowd: self.crowd.clone(), presence: self.presence.clone() }
    }

    /// Completes when the connection has to go.
    pub(super) async fn dismissed(&self) {
        self.presence.leave.notified().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.crowd.lock().remove(self.id);
    }
}

/// Marks the requests of a connection. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Service {
    crowd: Crowd,
    presence: Arc<Presence>,
}

impl Service {
    /// A request has come. It lasts until the result is dropped; in the meantime the connection is not idle.
    pub(super) fn begin(&self) -> Busy {
        self.presence.known.store(true, Ordering::Relaxed);
        self.change(BUSY);
        Busy(self.clone())
    }

    /// A connection that has to go stays one.
    fn change(&self, to: u64) {
        let change = |now: u64| (now != LEAVING).then_some(to);
        let _ = self.presence.idle.fetch_update(Ordering::AcqRel, Ordering::Acquire, change);
    }
}

/// A request that is being served.
#[derive(Debug)]
pub(super) struct Busy(Service);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.change(self.0.crowd.0.clock.fetch_add(1, Ordering::Relaxed));
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::edge::budgets::{CONNECTIONS, CONNECTIONS_PER_PEER};

    fn crowd(all: u64, each: u64) -> Crowd {
        Crowd::new(Budget::with(&CONNECTIONS, all), Some(Budget::with(&CONNECTIONS_PER_PEER, each)))
    }

    fn peer(last: u8) -> Peer {
        Peer::of(IpAddr::from([10, 0, 0, last]))
    }

    fn is_gone(seat: &Seat) -> bool {
        seat.dismissed().now_or_never().is_some()
    }

    #[test]
    fn who_never_sent_a_request_goes_first_then_who_is_idle_for_longest_and_who_is_served_stays() {
        let crowd = crowd(4, 4);
        let [first, busy, served, silent] = [1, 2, 3, 4].map(|last| crowd.admit(peer(last)).unwrap());
        drop(first.service().begin());
        let request = busy.service().begin();
        drop(served.service().begin());
        let _fifth = crowd.admit(peer(5)).unwrap();
        assert_eq!([&first, &busy, &served, &silent].map(is_gone), [false, false, false, true]);
        let sixth = crowd.admit(peer(6)).unwrap();
        drop(sixth.service().begin());
        let requests = [sixth.service().begin(), served.service().begin()];
        let _seventh = crowd.admit(peer(7)).unwrap();
        assert_eq!([&first, &busy, &served, &sixth].map(is_gone), [true, false, false, false]);
        drop((request, requests));
        assert!(crowd.0.all.refusals() >= 3);
    }

    #[test]
    fn a_peer_makes_room_itself_and_leaves_others_alone() {
        let crowd = crowd(8, 2);
        let other = crowd.admit(peer(1)).unwrap();
        let (oldest, second) = (crowd.admit(peer(2)).unwrap(), crowd.admit(peer(2)).unwrap());
        let third = crowd.admit(peer(2)).unwrap();
        assert_eq!([&other, &oldest, &second].map(is_gone), [false, true, false]);
        let requests = [second.service().begin(), third.service().begin()];
        let refused = crowd.admit(peer(2)).unwrap_err();
        assert_eq!((refused.spec, refused.retry_after), (&CONNECTIONS_PER_PEER, Some(RETRY)));
        crowd.admit(peer(3)).unwrap();
        drop((requests, other, oldest, second, third));
        let state = crowd.lock();
        assert!(state.members.is_empty() && state.peers.is_empty(), "{state:?}");
        assert_eq!((crowd.0.all.used(), crowd.0.each.as_ref().unwrap().used()), (0, 0));
    }

    #[test]
    fn a_request_that_comes_too_late_does_not_bring_a_connection_back() {
        let crowd = crowd(4, 1);
        let gone = crowd.admit(peer(1)).unwrap();
        let next = crowd.admit(peer(1)).unwrap();
        let _late = gone.service().begin();
        assert!(is_gone(&gone) && !is_gone(&next));
        drop(gone);
        assert_eq!(crowd.lock().members.len(), 1, "the place is not given back twice");
    }

    #[test]
    fn a_peer_is_an_address_or_a_network() {
        let peer = |text: &str| Peer::of(text.parse().unwrap());
        assert_eq!(peer("::ffff:10.0.0.1"), peer("10.0.0.1"));
        assert_ne!(peer("10.0.0.2"), peer("10.0.0.1"));
        assert_eq!(peer("2001:db8::1"), peer("2001:db8::ffff:0:0:2"));
        assert_ne!(peer("2001:db8:0:1::1"), peer("2001:db8::1"));
    }
}
