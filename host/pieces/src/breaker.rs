//! A circuit per piece version and tenant: a version that crashes on every call is paused.
//!
//! Per tenant, because a tenant chooses its input: one tenant's input cannot block a piece for another.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use leno_base::{Digest, TenantId};

/// Crashes in a row that open a circuit.
const CRASHES: u32 = 20;
/// How long it stays open at first; each further crash doubles it.
const FIRST_REST: Duration = Duration::from_secs(1);
/// The longest it stays open.
const LONGEST_REST: Duration = Duration::from_secs(30);
/// Circuits remembered. Past it, the closed ones are forgotten.
const REMEMBERED: usize = 10_000;

#[derive(Debug, Clone, Copy)]
struct Circuit {
    crashes: u32,
    open_until: Option<Instant>,
}

/// The circuits of all versions and tenants.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    circuits: Mutex<HashMap<(Digest, TenantId), Circuit>>,
    /// Entries of the map: while it is empty - the normal state - no call takes the lock.
    known: AtomicUsize,
}

impl Breaker {
    /// Whether a call may be made at `now`.
    ///
    /// # Errors
    /// How long to wait, when the circuit is open.
    pub(crate) fn admit(&self, digest: Digest, tenant: &TenantId, now: Instant) -> Result<(), Duration> {
        if self.known.load(Ordering::Relaxed) == 0 {
            return Ok(());
        }
        let circuits = self.circuits.lock().unwrap_or_else(PoisonError::into_inner);
        match circuits.get(&(digest, tenant.clone())).and_then(|circuit| circuit.open_until) {
            Some(until) if until > now => Err(until - now),
            _ => Ok(()),
        }
    }

    /// Records how a call ended.
    pub(crate) fn note(&self, digest: Digest, tenant: &TenantId, crashed: bool, now: Instant) {
        if !crashed && self.known.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut circuits = self.circuits.lock().unwrap_or_else(PoisonError::into_inner);
        if crashed {
            if circuits.len() >= REMEMBERED {
                circuits.retain(|_, circuit| circuit.open_until.is_some_and(|until| until > now));
            }
            let circuit = circuits.entry((digest, tenant.clone())).or_insert(Circuit { crashes: 0, open_until: None });
            circuit.crashes = circuit.crashes.saturating_add(1);
            if let Some(beyond) = circuit.crashes.checked_sub(CRASHES) {
                circuit.open_until = Some(now + (FIRST_REST * 2_u32.pow(beyond.min(5))).min(LONGEST_REST));
            }
        } else {
            circuits.remove(&(digest, tenant.clone()));
        }
        self.known.store(circuits.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_tenant_whose_calls_all_crash_is_held_back_and_success_closes_the_circuit() {
        let (breaker, bad, good) = (Breaker::default(), Digest::of(b"bad"), Digest::of(b"good"));
        let (one, other) = (TenantId::from("one"), TenantId::from("other"));
        let begin = Instant::now();
        for _ in 0..CRASHES {
            assert!(breaker.admit(bad, &one, begin).is_ok());
            breaker.note(bad, &one, true, begin);
        }
        let rest = breaker.admit(bad, &one, begin).unwrap_err();
        assert_eq!(rest, FIRST_REST);
        assert!(breaker.admit(bad, &other, begin).is_ok());
        assert!(breaker.admit(good, &one, begin).is_ok());

        let later = begin + FIRST_REST;
        assert!(breaker.admit(bad, &one, later).is_ok());
        breaker.note(bad, &one, true, later);
        assert_eq!(breaker.admit(bad, &one, later).unwrap_err(), 2 * FIRST_REST);
        breaker.note(bad, &one, false, later);
        assert!(breaker.admit(bad, &one, later).is_ok());
        assert_eq!(breaker.known.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_single_success_between_crashes_keeps_the_circuit_closed() {
        let (breaker, digest, tenant, now) =
            (Breaker::default(), Digest::of(b"x"), TenantId::from("t"), Instant::now());
        for _ in 0..10 {
            (1..CRASHES).for_each(|_| breaker.note(digest, &tenant, true, now));
            breaker.note(digest, &tenant, false, now);
        }
        assert!(breaker.admit(digest, &tenant, now).is_ok());
    }
}
