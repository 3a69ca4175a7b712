//! Triggers that poll a service and remember what they saw in a form of their own.
//!
//! [`Polling`](super::Polling) finds new items by their time or their place. That is not enough where an event is a change of
//! something that was there before, or where the order of a list cannot be trusted: such a trigger compares what it sees with
//! what it remembers, and only it knows how.
//!
//! The memory is one entry in the flow's [`store`]; `run` writes it last. The host commits it together with the events, so an
//! event is lost only together with the memory of it: delivery is at least once. Of two concurrent polls only one can return
//! events. Enabling again with the same properties keeps the memory; other properties start a new one.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::kinds::Written;
use super::{Hooks, Texts, Trigger, call, schedule, texts};
use crate::hash::fnv1a;
use crate::props::{Props, read};
use crate::{Context, Error, Result, json_path, log, store};

/// A trigger that polls a service and keeps a memory of its own.
///
/// ```
/// use leno_sdk::prelude::*;
///
/// pub struct DoorMoved;
///
/// fn is_open() -> Result<bool> {
///     Ok(http::get("https://door.example.com/open").authorize().send()?.error_for_status()?.json()?)
/// }
///
/// /// Fires when the door is opened or closed.
/// #[trigger(schedule = "* * * * *", sample = json!({"open": true}))]
/// impl Watching for DoorMoved {
///     type Props = NoProps;
///     type Memory = bool;
///     type Event = Value;
///
///     fn begin(_: &Context, _: &NoProps) -> Result<bool> {
///         is_open()
///     }
///
///     fn poll(_: &Context, _: &NoProps, was_open: &mut bool) -> Result<Vec<Value>> {
///         let open = is_open()?;
///         let moved = open != std::mem::replace(was_open, open);
///         Ok(moved.then(|| json!({"open": open})).into_iter().collect())
///     }
///
///     fn test(_: &Context, _: &NoProps) -> Result<Vec<Value>> {
///         Ok(vec![json!({"open": is_open()?})])
///     }
/// }
///
/// # let host = leno_sdk::testing::FakeHost::new();
/// # for open in [false, false, true, true] {
/// #     host.expect("GET", "https://door.example.com/open").reply(200).json(open);
/// # }
/// let door = DoorMoved::TRIGGER;
/// door.enable("{}")?;
/// assert!(door.run("{}", None)?.is_empty());
/// assert_eq!(door.run("{}", None)?, [r#"{"open":true}"#]);
/// assert!(door.run("{}", None)?.is_empty());
/// # Ok::<(), Error>(())
/// ```
pub trait Watching {
    /// The properties that the user fills in.
    type Props: Props;
    /// What is remembered from one poll to the next; the host limits its JSON to 512 KiB.
    type Memory: DeserializeOwned + Serialize;
    /// The data of one event.
    type Event: Serialize;

    /// When to poll: a five-field cron expression in UTC; none leaves it to the host. `schedule = "…"` in the attribute
    /// sets it.
    const SCHEDULE: Option<&'static str> = None;

    /// Looks for the first time: what is there now is no event.
    ///
    /// # Errors
    /// The trigger is not enabled.
    fn begin(ctx: &Context, props: &Self::Props) -> Result<Self::Memory>;

    /// Returns what happened since, oldest first, and updates the memory as if it was delivered.
    ///
    /// # Errors
    /// The poll fails, and the next one gets the memory as it was.
    fn poll(ctx: &Context, props: &Self::Props, memory: &mut Self::Memory) -> Result<Vec<Self::Event>>;

    /// Returns events for trying out a flow.
    ///
    /// # Errors
    /// The error is shown to the user.
    fn test(ctx: &Context, props: &Self::Props) -> Result<Vec<Self::Event>>;
}

/// The key of the memory in the flow's store: a flow has one trigger.
const KEY: &str = "leno.watching";

/// The memory of a trigger, as JSON, with the properties that it belongs to.
#[derive(Deserialize, Serialize)]
struct Kept {
    /// Hash of the JSON text of the properties.
    props: u64,
    memory: Box<RawValue>,
}

#[doc(hidden)]
impl Trigger {
    pub const fn watching<T: Watching>(of: Texts, _: Written) -> Self {
        let hooks = Hooks {
            enable: enable::<T>,
            // Keep the memory: the trigger may be enabled again.
            disable: |_| Ok(()),
            run: |props, _| run::<T>(props),
            test: Some(|props| texts(&call(props, T::test)?)),
            handshake: None,
            renew: None,
        };
        Self::new::<T::Props>(of, "POLLING", hooks)
    }
}

fn enable<T: Watching>(text: &str) -> Result<()> {
    let props = read::<T::Props>(text)?;
    if !is_prepared(text, T::SCHEDULE)? {
        keep(text, None, written(&T::begin(&Context::current(), &props)?)?)?;
    }
    Ok(())
}

fn run<T: Watching>(text: &str) -> Result<Vec<String>> {
    let props = read::<T::Props>(text)?;
    let Some((stored, memory)) = kept()? else {
        enable::<T>(text)?;
        return Ok(Vec::new());
    };
    let mut memory: T::Memory = remembered(&memory)?;
    let events = texts(&T::poll(&Context::current(), &props, &mut memory)?)?;
    keep(text, Some(&stored), written(&memory)?)?;
    Ok(events)
}

// The rest does not depend on the trigger: it is compiled once, to keep components small.

/// The stored bytes, and the memory in them.
fn kept() -> Result<Option<(Vec<u8>, Box<RawValue>)>> {
    match store::flow().get_bytes(KEY)? {
        Some(stored) => {
            let Kept { memory, .. } = json_path::read_bytes(&stored).map_err(|reason| unreadable(&reason))?;
            Ok(Some((stored, memory)))
        }
        None => {
            log::warn!("the trigger has no stored memory; what is there now counts as known");
            Ok(None)
        }
    }
}

/// Sets the schedule. Returns whether there is a memory that belongs to these properties; one that cannot be read belongs to
/// none.
fn is_prepared(props: &str, cron: Option<&str>) -> Result<bool> {
    if let Some(cron) = cron {
        schedule(cron, "UTC")?;
    }
    let stored = store::flow().get_bytes(KEY)?;
    let kept = stored.and_then(|stored| json_path::read_bytes::<Kept>(&stored).ok());
    Ok(kept.is_some_and(|kept| kept.props == fnv1a(props.bytes())))
}

/// Stores the memory, in a poll only if it is still what the poll began with.
fn keep(props: &str, stored: Option<&[u8]>, memory: Box<RawValue>) -> Result<()> {
    let encoded = serde_json::to_vec(&Kept { props: fnv1a(props.bytes()), memory })?;
    match stored {
        None => store::flow().put_bytes(KEY, &encoded, None),
        Some(stored) if stored == encoded => Ok(()),
        Some(stored) if store::flow().compare_and_set_bytes(KEY, Some(stored), &encoded)? => Ok(()),
        Some(_) => Err(Error::unavailable(
            "polling-overlap",
            "a concurrent poll of this trigger changed its memory; the next poll retries",
        )),
    }
}

fn written<M: Serialize>(memory: &M) -> Result<Box<RawValue>> {
    Ok(serde_json::value::to_raw_value(memory)?)
}

fn remembered<M: DeserializeOwned>(memory: &RawValue) -> Result<M> {
    json_path::read(memory.get()).map_err(|reason| unreadable(&reason))
}

fn unreadable(reason: &str) -> Error {
    let advice = "disable and enable the trigger to start with a new memory";
    let message = format!("the stored memory of the trigger cannot be read: {reason}; {advice}");
    Error::internal("polling-memory", message)
}
