//! Time.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use jiff::Timestamp;

/// A source of wall-clock time. The host uses [`SystemClock`]; tests use [`MovingClock`].
pub trait Clock: Send + Sync {
    /// The current time.
    fn now(&self) -> SystemTime;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// A clock that only a test moves.
#[derive(Debug)]
pub struct MovingClock(Mutex<SystemTime>);

impl MovingClock {
    /// A clock that shows the present.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self::at(SystemTime::now()))
    }

    /// A clock that shows `now`.
    #[must_use]
    pub fn at(now: SystemTime) -> Self {
        Self(Mutex::new(now))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }

    /// Sets the clock.
    pub fn set(&self, now: SystemTime) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }
}

impl Clock for MovingClock {
    fn now(&self) -> SystemTime {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Milliseconds since 1970, as the database stores times. A time before 1970 is 0.
#[must_use]
pub fn milliseconds(clock: &dyn Clock) -> i64 {
    unix_milliseconds(clock.now())
}

/// Milliseconds from 1970 to `time`. A time before 1970 is 0.
#[must_use]
pub fn unix_milliseconds(time: SystemTime) -> i64 {
    i64::try_from(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}

/// Whole microseconds of `time`, `u64::MAX` after 584,942 years.
#[must_use]
pub fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// A time in milliseconds since 1970 as the API shows it: RFC 3339 in UTC with milliseconds, empty when out of range.
#[must_use]
pub fn iso(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map(|time| format!("{time:.3}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_milliseconds_since_1970_and_shown_with_them() {
        let clock = MovingClock::at(UNIX_EPOCH);
        clock.advance(Duration::from_micros(1_700_000_000_123_999));
        assert_eq!(milliseconds(&clock), 1_700_000_000_123);
        assert_eq!(iso(milliseconds(&clock)), "2023-11-14T22:13:20.123Z");
        clock.set(UNIX_EPOCH - Duration::from_secs(1));
        assert_eq!(milliseconds(&clock), 0);
        assert_eq!(iso(i64::MAX), "");
    }
}
