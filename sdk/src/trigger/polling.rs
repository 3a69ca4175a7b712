//! Triggers that look for new things from time to time.
//!
//! # What is new
//!
//! Two strategies, as in Activepieces, without the ways in which those lose or repeat events:
//!
//! - [`Strategy::TimeBased`]: what is younger than the youngest item seen so far. The ids at that very millisecond are
//!   remembered (up to 1000), so of two items with equal times none is lost. An item without a valid time is refused by an error that
//!   names it, before anything is remembered.
//! - [`Strategy::LastItem`]: what stands before the known items in a list that is newest first. Not one but up to
//!   1000 ids are remembered, so the deletion of the newest does not bring the older ones back.
//!
//! # Who remembers, and when
//!
//! The memory is one entry in the flow's [`store`], written by `run` as its last act. The host holds the
//! writes of a trigger's `run` back and makes them lasting together with the events it answered. So when the host dies,
//! or the call fails, between the two, the events come again: at least once, never lost. Two polls at the same time
//! cannot both answer the same events: the second finds the memory changed and fails.
//!
//! # Enabling
//!
//! The first time, what the source has is remembered and not reported. Enabling again with the same properties keeps the
//! memory, so that what happened in between is reported; with other properties it begins anew.

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

/// A trigger that looks for new things from time to time.
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
    /// What the trigger asks its user for.
    type Props: Props;
    /// What an event is made of.
    type Item: Serialize;

    /// How new items are told from known ones.
    const STRATEGY: Strategy;

    /// The most events of one poll; the oldest come first, the others with the next polls.
    const MOST: usize = 1000;

    /// Five-field cron expression (UTC) of the polls; the host's own if not said. Also as `schedule = "…"` in the
    /// attribute.
    const SCHEDULE: Option<&'static str> = None;

    /// The source's items: at least all that are younger than `since`; known ones do no harm. When `since` knows
    /// nothing (while enabling, and in tests), the newest page is enough.
    ///
    /// # Errors
    /// Nothing is remembered, and the next poll asks for the same again.
    fn items(ctx: &Context, props: &Self::Props, since: &Since) -> Result<Vec<Entry<Self::Item>>>;
}

/// An item of the source.
#[derive(Clone, Debug)]
pub struct Entry<T> {
    id: String,
    time: Option<Result<DateTime, InvalidDateTime>>,
    data: T,
}

impl<T> Entry<T> {
    /// An item in a list, for [`Strategy::LastItem`]. The id must be the item's for good, and no other item's.
    pub fn new(id: impl Display, data: T) -> Self {
        Self { id: id.to_string(), time: None, data }
    }

    /// An item with a time, for [`Strategy::TimeBased`]. `time` is what parsing gave: an error need not be handled, it
    /// is reported with the item's id.
    pub fn at(id: impl Display, time: Result<DateTime, InvalidDateTime>, data: T) -> Self {
        Self { id: id.to_string(), time: Some(time), data }
    }
}

#[doc(hidden)]
impl Trigger {
    pub const fn polling<T: Polling>(of: Texts, _: Written) -> Self {
        let hooks = Hooks {
            enable: enable::<T>,
            // The memory stays, for the case that the trigger is enabled again.
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
/// How many items a test shows.
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
        log::warn!("the trigger has no memory of what it has seen; what the source has now counts as seen");
        enable::<T>(text)?;
        return Ok(Vec::new());
    };
    let mut memory = Memory::decode(bytes)?;
    let found = found::<T>(&props, &memory.since())?;
    let new = select(T::STRATEGY, &mut memory, found, T::MOST);
    let encoded = memory.encode()?;
    if encoded != *bytes && !store::flow().compare_and_set_bytes(KEY, stored.as_deref(), &encoded)? {
        return Err(Error::unavailable("polling-overlap", "another poll of the same trigger was faster"));
    }
    Ok(new)
}

fn test<T: Polling>(text: &str) -> Result<Vec<String>> {
    let mut found = found::<T>(&read(text)?, &Since::default())?;
    found.truncate(TEST_ITEMS);
    Ok(found.into_iter().map(|item| item.data).collect())
}

/// The items, newest first, checked.
fn found<T: Polling>(props: &T::Props, since: &Since) -> Result<Vec<Found>> {
    let entries = T::items(&Context::current(), props, since)?;
    let mut found = Vec::with_capacity(entries.len());
    for Entry { id, time, data } in entries {
        let time = match (T::STRATEGY, time) {
            (Strategy::LastItem, _) => None,
            (Strategy::TimeBased, Some(Ok(time))) => Some(time),
            (Strategy::TimeBased, Some(Err(error))) => return Err(bad_time(&id, &error.to_string())),
            (Strategy::TimeBased, None) => return Err(bad_time(&id, "it has none")),
        };
        found.push(Found { id, time, data: serde_json::to_string(&data)? });
    }
    // Stable: items of equal times keep the order in which they came.
    found.sort_by_key(|item| std::cmp::Reverse(item.time));
    Ok(found)
}

fn bad_time(id: &str, reason: &str) -> Error {
    Error::unavailable("polling-time", format!("the time of item `{id}` cannot be used: {reason}"))
        .with_details(serde_json::json!({"item": id}))
}
