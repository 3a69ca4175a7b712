//! Triggers that poll a service for new items.
//!
//! # Which items are new
//!
//! Two strategies, as in Activepieces, without the ways in which those lose or repeat events:
//!
//! - [`Strategy::TimeBased`]: items that are younger than the youngest known one. The ids at that very millisecond are
//!   remembered (up to 1000), so no item is lost when two have the same time. An item without a valid time fails the poll with
//!   an error that names it; the memory does not change.
//! - [`Strategy::LastItem`]: items before the known ones, in a list that is newest first. Up to 1000 ids are remembered,
//!   not only the newest, so the deletion of the newest item does not repeat older ones.
//!
//! # When the memory is written
//!
//! The memory is one entry in the flow's [`store`]; `run` writes it last. The host holds back the writes of a trigger's
//! `run` and commits them together with the events it returned. If the host dies or the call fails before the commit, the
//! next poll returns the same events: delivery is at least once. Of two concurrent polls only one can return the events: the
//! other finds the memory changed and fails.
//!
//! # Enabling
//!
//! The first time, all present items become known without being reported. Enabling again with the same properties keeps the
//! memory, so items that arrived in between are reported. Other properties start a new memory.

mod item;
mod memory;
mod select;

use std::fmt::Display;

use serde::Serialize;

use super::kinds::Written;
use super::{Hooks, Texts, Trigger, schedule};
use crate::props::{Props, read};
use crate::{Context, DateTime, Error, InvalidDateTime, Result, log, store};
use item::Found;
pub use item::{Since, Strategy};
use memory::Memory;
use select::select;

/// A trigger that polls a service for new items.
///
/// ```
/// use leno_sdk::prelude::*;
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Issue {
///     id: u64,
///     title: String,
///     created_at: String,
/// }
///
/// struct NewIssue;
///
/// /// Fires for every new issue.
/// #[trigger(schedule = "*/2 * * * *", sample = json!({"id": 1, "title": "It hurts"}))]
/// impl Polling for NewIssue {
///     type Props = NoProps;
///     type Item = Issue;
///     const STRATEGY: Strategy = Strategy::TimeBased;
///
///     fn items(_: &Context, _: &NoProps, since: &Since) -> Result<Vec<Entry<Issue>>> {
///         let issues: Vec<Issue> = http::get("https://api.example.com/issues")
///             .query_opt("since", since.time)
///             .authorize()
///             .send()?
///             .error_for_status()?
///             .json()?;
///         Ok(issues.into_iter().map(|issue| Entry::at(issue.id, issue.created_at.parse(), issue)).collect())
///     }
/// }
/// # let _ = NewIssue::TRIGGER;
/// ```
pub trait Polling {
    /// The properties that the user fills in.
    type Props: Props;
    /// The data of one event.
    type Item: Serialize;

    /// How new items are distinguished from known ones.
    const STRATEGY: Strategy;

    /// The maximum number of events of one poll. The oldest are returned first, the rest by the next polls.
    const MOST: usize = 1000;

    /// When to poll: a five-field cron expression in UTC; none leaves it to the host. `schedule = "…"` in the attribute
    /// sets it.
    const SCHEDULE: Option<&'static str> = None;

    /// Returns the items of the service: at least all that are newer than `since`; known ones are ignored. When `since` is
    /// empty (while enabling, and for [`Trigger::test`](crate::Trigger::test)), the newest page is enough.
    ///
    /// # Errors
    /// The poll fails, the memory does not change, and the next poll passes the same `since`.
    fn items(ctx: &Context, props: &Self::Props, since: &Since) -> Result<Vec<Entry<Self::Item>>>;
}

/// An item that [`Polling::items`] returns.
#[derive(Clone, Debug)]
pub struct Entry<T> {
    id: String,
    time: Option<Result<DateTime, InvalidDateTime>>,
    data: T,
}

impl<T> Entry<T> {
    /// An item in a list, for [`Strategy::LastItem`]. `id` must be unique and must never change.
    pub fn new(id: impl Display, data: T) -> Self {
        Self { id: id.to_string(), time: None, data }
    }

    /// An item with a time, for [`Strategy::TimeBased`]. `time` is the result of parsing: an error fails the poll, with the
    /// item's id in its message.
    pub fn at(id: impl Display, time: Result<DateTime, InvalidDateTime>, data: T) -> Self {
        Self { id: id.to_string(), time: Some(time), data }
    }
}

#[doc(hidden)]
impl Trigger {
    pub const fn polling<T: Polling>(of: Texts, _: Written) -> Self {
        let hooks = Hooks {
            enable: enable::<T>,
            // Keep the memory: the trigger may be enabled again.
            disable: |_| Ok(()),
            run: |props, _| run::<T>(props),
            test: Some(test::<T>),
            handshake: None,
            renew: None,
        };
        Self::new::<T::Props>(of, "POLLING", hooks)
    }
}

/// The key of the memory in the flow's store: a flow has one trigger.
const KEY: &str = "leno.polling";
/// The number of items that a test returns.
const TEST_ITEMS: usize = 5;

fn enable<T: Polling>(text: &str) -> Result<()> {
    let props = read::<T::Props>(text)?;
    if let Some(cron) = T::SCHEDULE {
        schedule(cron, "UTC")?;
    }
    let stored = store::flow().get_bytes(KEY)?;
    if stored
        .as_deref()
        .and_then(|bytes| Memory::decode(bytes).ok())
        .is_some_and(|memory| memory.is_for(T::STRATEGY, text))
    {
        return Ok(());
    }
    let found = found::<T>(&props, &Since::default())?;
    store::flow().put_bytes(KEY, &Memory::first(T::STRATEGY, text, &found).encode()?, None)
}

fn run<T: Polling>(text: &str) -> Result<Vec<String>> {
    let props = read::<T::Props>(text)?;
    let stored = store::flow().get_bytes(KEY)?;
    let Some(bytes) = &stored else {
        log::warn!("the trigger has no stored memory; all present items now count as known");
        enable::<T>(text)?;
        return Ok(Vec::new());
    };
    let mut memory = Memory::decode(bytes)?;
    let found = found::<T>(&props, &memory.since())?;
    let new = select(T::STRATEGY, &mut memory, found, T::MOST);
    let encoded = memory.encode()?;
    if encoded != *bytes && !store::flow().compare_and_set_bytes(KEY, stored.as_deref(), &encoded)? {
        return Err(Error::unavailable(
            "polling-overlap",
            "a concurrent poll of this trigger changed its memory; the next poll retries",
        ));
    }
    Ok(new)
}

fn test<T: Polling>(text: &str) -> Result<Vec<String>> {
    let mut found = found::<T>(&read(text)?, &Since::default())?;
    found.truncate(TEST_ITEMS);
    Ok(found.into_iter().map(|item| item.data).collect())
}

/// The checked items, newest first.
fn found<T: Polling>(props: &T::Props, since: &Since) -> Result<Vec<Found>> {
    let entries = T::items(&Context::current(), props, since)?;
    let mut found = Vec::with_capacity(entries.len());
    for Entry { id, time, data } in entries {
        let time = match (T::STRATEGY, time) {
            (Strategy::LastItem, _) => None,
            (Strategy::TimeBased, Some(Ok(time))) => Some(time),
            (Strategy::TimeBased, Some(Err(error))) => return Err(bad_time(&id, &error.to_string())),
            (Strategy::TimeBased, None) => return Err(bad_time(&id, "the item has no time")),
        };
        found.push(Found { id, time, data: serde_json::to_string(&data)? });
    }
    // A stable sort: items of equal times keep their order.
    found.sort_by_key(|item| std::cmp::Reverse(item.time));
    Ok(found)
}

fn bad_time(id: &str, reason: &str) -> Error {
    Error::unavailable("polling-time", format!("item `{id}` has no usable time: {reason}"))
        .with_details(serde_json::json!({"item": id}))
}
