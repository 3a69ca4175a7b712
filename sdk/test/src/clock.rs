//! The time that a piece sees.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use jiff::Timestamp;

/// A clock that stands still unless the test moves it. The piece's `SystemTime` and the store's expiry follow it; time
/// limits and `Instant` do not: those are about how long the test really takes.
pub struct Clock(Mutex<SystemTime>);

impl Clock {
    pub(crate) fn new() -> Self {
        // As in `leno_sdk::testing`.
        Self(Mutex::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_704_067_200)))
    }

    /// Sets it to a moment such as `2026-01-01T00:00:00Z`.
    ///
    /// # Panics
    /// When the text is no moment with an offset (RFC 3339).
    #[track_caller]
    pub fn set(&self, moment: &str) {
        match moment.parse::<Timestamp>() {
            Ok(moment) => *self.0.lock().unwrap_or_else(PoisonError::into_inner) = moment.into(),
            Err(error) => panic!("`{moment}` is not a moment such as 2026-01-01T00:00:00Z: {error}"),
        }
    }

    /// Moves it forward.
    pub fn advance(&self, by: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }

    /// What it shows.
    pub fn now(&self) -> SystemTime {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl leno_base::Clock for Clock {
    fn now(&self) -> SystemTime {
        self.now()
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match Timestamp::try_from(self.now()) {
            Ok(now) => write!(f, "Clock({now})"),
            Err(_) => f.write_str("Clock"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_stands_still_until_it_is_moved() {
        let clock = Clock::new();
        assert_eq!(format!("{clock:?}"), "Clock(2024-01-01T00:00:00Z)");
        clock.set("2026-02-28T23:59:59+01:00");
        clock.advance(Duration::from_secs(1));
        assert_eq!(format!("{clock:?}"), "Clock(2026-02-28T23:00:00Z)");
    }

    #[test]
    #[should_panic(expected = "`tomorrow` is not a moment")]
    fn a_moment_that_is_none_fails_the_test() {
        Clock::new().set("tomorrow");
    }
}
