//! Which of the found items are new, as a pure function of them and the memory.

use super::Strategy;
use super::memory::Memory;
use crate::DateTime;

/// An item of the source, checked, its data as JSON text.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) id: String,
    /// Present with [`Strategy::TimeBased`].
    pub(super) time: Option<DateTime>,
    pub(super) data: String,
}

/// The data of the new items, oldest first and `most` at most, and the memory as it is after they are delivered.
/// `found` is newest first.
pub(super) fn select(strategy: Strategy, memory: &mut Memory, found: Vec<Found>, most: usize) -> Vec<String> {
    match strategy {
        Strategy::TimeBased => by_time(memory, found, most),
        Strategy::LastItem => by_place(memory, found, most),
    }
}

fn by_time(memory: &mut Memory, found: Vec<Found>, most: usize) -> Vec<String> {
    let mut new = Vec::new();
    for item in found.into_iter().rev() {
        if memory.knows_at(item.time, &item.id) || new.len() == most {
            continue;
        }
        memory.advance(item.time);
        // Newest first, as the bounds cut at the end.
        memory.ids.insert(0, item.id);
        new.push(item.data);
    }
    memory.bound();
    new
}

fn by_place(memory: &mut Memory, found: Vec<Found>, most: usize) -> Vec<String> {
    // Unknown items behind the last known one are older than all that is known: they have moved up because something was
    // deleted. Unknown ones between known ones are new, whatever made the source put them there.
    let last_known = found.iter().rposition(|item| memory.knows(&item.id));
    let older = match last_known {
        Some(last) => found.get(last + 1..).unwrap_or_default(),
        None => &[],
    };
    let older: Vec<String> = older.iter().map(|item| item.id.clone()).collect();
    let end = last_known.map_or(found.len(), |last| last + 1);

    let mut new = Vec::new();
    let mut ids = Vec::new();
    for item in found.into_iter().take(end).rev() {
        let known = memory.knows(&item.id) || ids.contains(&item.id);
        if !known && new.len() == most {
            continue;
        }
        if !ids.contains(&item.id) {
            ids.push(item.id);
        }
        if !known {
            new.push(item.data);
        }
    }
    ids.reverse();
    for id in older.into_iter().chain(std::mem::take(&mut memory.ids)) {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    memory.ids = ids;
    memory.bound();
    new
}
