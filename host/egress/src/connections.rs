//! The connections of a client, over all its pools: how many there are, which one is idle, and what each may still send.
//!
//! The HTTP library keeps idle connections per destination and knows no total. So each connection has a [`Line`] here, and
//! the one that has been idle for longest ends when there are too many.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;
use leno_base::budget::{Budget, Budgets, Exhausted};

use crate::budgets::{EGRESS_CONNECTIONS, UPSTREAM_HEAD_BYTES};

/// One of this many connections may be idle.
const IDLE_PART: usize = 4;
/// How long a new connection may be unused before it counts as idle: it is opened for a request, which may take another.
const FRESH: Duration = Duration::from_secs(2);
/// Bytes that may lie between the wire and the reader of a body: the windows of HTTP/2 (5 MiB), and more.
const UNDER_WAY: u64 = 8 << 20;

/// Every open connection.
pub(crate) struct Connections {
    /// The places for requests: as many connections may be open.
    budget: Arc<Budget>,
    heads: Arc<Budget>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: u64,
    open: HashMap<u64, Open>,
}

struct Open {
    line: Arc<Line>,
    requests: usize,
    used: bool,
    since: Instant,
}

impl Open {
    fn is_idle(&self) -> bool {
        self.requests == 0 && (self.used || self.since.elapsed() > FRESH) && !self.line.is_closed()
    }
}

/// What the two ends of a connection within the host share: its socket, and the requests on it.
pub(crate) struct Line {
    id: u64,
    connections: Arc<Connections>,
    closed: AtomicBool,
    /// Wakes the reader of the socket.
    reader: AtomicWaker,
    /// Bytes that came in since the connection last did what it is for.
    silent: AtomicU64,
    /// Responses whose bodies are being read.
    bodies: AtomicU64,
}

impl Connections {
    pub(crate) fn new(budgets: &Budgets) -> Arc<Self> {
        let (budget, heads) = (budgets.get(&EGRESS_CONNECTIONS), budgets.get(&UPSTREAM_HEAD_BYTES));
        Arc::new(Self { budget, heads, state: Mutex::default() })
    }

    /// A connection is about to be opened. An idle one makes room for it.
    ///
    /// # Errors
    ///
    /// [`Exhausted`], when every other one is in use.
    pub(crate) fn open(self: &Arc<Self>) -> Result<Opened, Exhausted> {
        let mut state = self.lock();
        let open = state.open.values().filter(|open| !open.line.is_closed()).count();
        if open >= self.limit() && !state.close_oldest() {
            return Err(self.budget.refuse(Some(Duration::from_secs(1))));
        }
        let id = state.next;
        state.next += 1;
        let line = Arc::new(Line {
            id,
            connections: self.clone(),
            closed: AtomicBool::new(false),
            reader: AtomicWaker::new(),
            silent: AtomicU64::new(0),
            bodies: AtomicU64::new(0),
        });
        state.open.insert(id, Open { line: line.clone(), requests: 0, used: false, since: Instant::now() });
        Ok(Opened(line))
    }

    fn limit(&self) -> usize {
        usize::try_from(self.budget.limit()).unwrap_or(usize::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Ends the connection that has been idle for longest. Returns whether there was one.
    fn close_oldest(&mut self) -> bool {
        let idle = self.open.values().filter(|open| open.is_idle());
        match idle.min_by_key(|open| open.since) {
            Some(oldest) => {
                oldest.line.close();
                true
            }
            None => false,
        }
    }
}

impl Line {
    /// A request was put on this connection.
    pub(crate) fn begin(self: &Arc<Self>) -> InUse {
        if let Some(open) = self.connections.lock().open.get_mut(&self.id) {
            open.requests += 1;
            open.used = true;
        }
        self.progress();
        InUse { line: self.clone(), reading: false }
    }

    /// Whether the socket is to be closed. `waker` is woken once it is.
    pub(crate) fn ends(&self, waker: &std::task::Waker) -> bool {
        self.reader.register(waker);
        self.is_closed()
    }

    /// Bytes came in.
    ///
    /// # Errors
    ///
    /// [`Exhausted`], when there were too many without a response or a part of its body among them: the connection is of
    /// no use.
    pub(crate) fn heard(&self, bytes: usize) -> Result<(), Exhausted> {
        let silent = self.silent.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64;
        let (limit, reading) = (self.connections.heads.limit(), self.bodies.load(Ordering::Relaxed) > 0);
        let limit = if reading { limit.max(UNDER_WAY) } else { limit };
        if silent <= limit { Ok(()) } else { Err(self.connections.heads.refuse(None)) }
    }

    fn progress(&self) {
        self.silent.store(0, Ordering::Relaxed);
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.reader.wake();
    }
}

/// A connection that is open, or about to be. It counts until this is dropped.
pub(crate) struct Opened(Arc<Line>);

impl Opened {
    pub(crate) fn line(&self) -> &Arc<Line> {
        &self.0
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.connections.lock().open.remove(&self.0.id);
    }
}

/// A request on a connection, until its response is read or given up.
pub(crate) struct InUse {
    line: Arc<Line>,
    reading: bool,
}

impl InUse {
    /// Whether it is this connection.
    pub(crate) fn is_on(&self, line: &Arc<Line>) -> bool {
        Arc::ptr_eq(&self.line, line)
    }

    /// The head of the response is here.
    pub(crate) fn answered(&mut self) {
        if !self.reading {
            self.reading = true;
            self.line.bodies.fetch_add(1, Ordering::Relaxed);
        }
        self.line.progress();
    }

    /// A part of its body is here.
    pub(crate) fn received(&self) {
        self.line.progress();
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        if self.reading {
            self.line.bodies.fetch_sub(1, Ordering::Relaxed);
        }
        self.line.progress();
        let connections = &self.line.connections;
        let mut state = connections.lock();
        if let Some(open) = state.open.get_mut(&self.line.id) {
            open.requests -= 1;
            open.since = Instant::now();
        }
        let most = connections.limit().div_ceil(IDLE_PART);
        if state.open.len() > most && state.open.values().filter(|open| open.is_idle()).count() > most {
            state.close_oldest();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connections(limit: u64, heads: u64) -> Arc<Connections> {
        Connections::new(&Budgets::new([(&EGRESS_CONNECTIONS, limit), (&UPSTREAM_HEAD_BYTES, heads)]))
    }

    #[test]
    fn the_connection_that_is_idle_for_longest_makes_room_and_one_in_use_never_does() {
        let connections = connections(4, 1 << 20);
        let mut opened: Vec<_> = (0..4).map(|_| connections.open().unwrap()).collect();
        let lines: Vec<_> = opened.iter().map(|opened| opened.line().clone()).collect();
        let closed = || lines.iter().map(|line| line.is_closed()).collect::<Vec<_>>();
        let mut requests: Vec<_> = lines.iter().map(Line::begin).collect();
        assert_eq!(connections.open().err().map(|refused| refused.spec), Some(&EGRESS_CONNECTIONS));
        drop(requests.remove(2));
        let _fifth = connections.open().unwrap();
        assert_eq!(closed(), [false, false, true, false]);
        drop(opened.remove(2));
        // One of four may be idle.
        drop(requests.remove(0));
        assert_eq!(closed(), [false, false, true, false]);
        drop(requests.remove(0));
        assert_eq!(closed(), [true, false, true, false]);
        drop(opened);
        assert_eq!(connections.lock().open.len(), 1);
    }

    #[test]
    fn a_connection_may_send_so_much_without_a_response_and_a_body_is_not_counted() {
        let opened = connections(4, 1_000).open().unwrap();
        let line = opened.line();
        let mut request = line.begin();
        line.heard(1_000).unwrap();
        assert_eq!(line.heard(1).unwrap_err().spec, &UPSTREAM_HEAD_BYTES);
        request.answered();
        for _ in 0..100 {
            line.heard(1_000).unwrap();
            request.received();
        }
        line.heard(1 << 20).unwrap();
        assert!(line.heard(8 << 20).is_err(), "nothing of it was a body");
        drop(request);
        line.heard(1_000).unwrap();
        assert!(line.heard(1).is_err(), "an idle connection has as little to say");
    }
}
