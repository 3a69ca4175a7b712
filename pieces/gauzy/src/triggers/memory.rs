//! What triggers remember. All of them have one form, which keeps the component small.
//!
//! Times of Gauzy cannot tell a new row from a known one alone: on SQLite all rows of a second have the same, a clock may go
//! back, and a slow transaction appears with the time of its beginning. So the ids of an hour are remembered: a row is new if its
//! id is not among them and it is not older than they are.

use leno_sdk::prelude::*;
use serde::{Deserialize, Serialize};

/// How far a row may lag behind the youngest known one and still be new.
pub(super) const OVERLAP_MILLIS: i64 = 60 * 60 * 1000;
/// The most rows to remember: well below the size that the host allows for a memory.
pub(super) const MOST_ROWS: usize = 5000;

/// The known rows of a list.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Memory {
    /// Rows before this time are known, whatever their ids; in milliseconds. None while the list was empty.
    pub(super) floor: Option<i64>,
    /// What is known of each row, by its id: the time of a row that only counts once, or what it was like.
    pub(super) rows: Map,
    /// How many polls may pass until all rows are read again, where that is done.
    pub(super) until_sweep: u32,
}

impl Memory {
    /// Whether rows of this time need not be looked at any more.
    pub(super) fn is_past(&self, time: DateTime) -> bool {
        self.floor.is_some_and(|floor| time.millis() < floor)
    }

    /// Whether a row was there before.
    pub(super) fn knows(&self, id: &str, time: DateTime) -> bool {
        self.is_past(time) || self.rows.contains_key(id)
    }

    /// Makes a row known by its time.
    pub(super) fn add(&mut self, id: &str, time: DateTime) {
        self.rows.insert(id.to_owned(), time.millis().into());
    }

    /// Raises the floor to an hour before the youngest row, and forgets the ids below.
    pub(super) fn follow(&mut self) {
        if let Some(youngest) = self.rows.values().filter_map(Value::as_i64).max() {
            self.raise(youngest.saturating_sub(OVERLAP_MILLIS));
        }
    }

    /// Raises the floor, and forgets the ids below. The floor never falls: what was forgotten would come again.
    pub(super) fn raise(&mut self, to: i64) {
        let mut floor = self.floor.map_or(to, |floor| floor.max(to));
        if self.rows.len() > MOST_ROWS {
            let mut times: Vec<i64> = self.rows.values().filter_map(Value::as_i64).collect();
            times.sort_unstable();
            // One millisecond more: of the ids at that very time some would be forgotten, and their rows come again.
            let kept = times.iter().rev().nth(MOST_ROWS).map_or(floor, |time| time.saturating_add(1));
            log::warn!("more than {MOST_ROWS} rows are to be remembered: some that come late may be missed");
            floor = floor.max(kept);
        }
        self.floor = Some(floor);
        self.rows.retain(|_, time| time.as_i64().is_some_and(|time| time >= floor));
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST_ROWS, Memory, OVERLAP_MILLIS};
    use leno_sdk::DateTime;

    fn at(millis: i64) -> DateTime {
        DateTime::from_millis(1_700_000_000_000 + millis).unwrap()
    }

    #[test]
    fn an_unknown_id_is_new_until_it_is_older_than_all_that_is_remembered() {
        let mut seen = Memory::default();
        assert!(!seen.knows("first", at(-9_000_000_000)));
        seen.add("a", at(0));
        seen.follow();
        assert!(seen.knows("a", at(0)));
        assert!(!seen.knows("b", at(0)), "the same time");
        assert!(!seen.knows("c", at(-OVERLAP_MILLIS)), "a clock that went back");
        assert!(seen.knows("d", at(-OVERLAP_MILLIS - 1)));
    }

    #[test]
    fn the_floor_never_falls_and_forgotten_ids_stay_known() {
        let mut seen = Memory::default();
        seen.add("old", at(0));
        seen.add("young", at(OVERLAP_MILLIS + 1));
        seen.follow();
        assert_eq!(seen.rows.len(), 1);
        assert!(seen.knows("old", at(0)));
        let floor = seen.floor;
        seen.rows.clear();
        seen.add("back", at(1));
        seen.follow();
        assert_eq!(seen.floor, floor);
    }

    #[test]
    fn the_memory_is_bounded_and_what_it_forgets_does_not_come_again() {
        let mut seen = Memory::default();
        for number in 0..MOST_ROWS + 100 {
            seen.add(&format!("{number:036}"), at(i64::try_from(number).unwrap()));
        }
        seen.follow();
        assert_eq!(seen.rows.len(), MOST_ROWS);
        assert!((0..MOST_ROWS + 100).all(|n| seen.knows(&format!("{n:036}"), at(i64::try_from(n).unwrap()))));
        assert!(serde_json::to_vec(&seen).unwrap().len() < 400_000);
    }
}
