//! The functions of [`crate::sys`], implemented by the fake host.
#![allow(clippy::needless_pass_by_value, reason = "the signatures are those of the component's imports")]

use super::expectation;
use super::record::LogRecord;
use super::state::with;
use crate::level::Level;
use crate::scope::Scope;
use crate::sys::{Incoming, Outgoing};
use crate::{Error, Result};

pub(crate) fn now_millis() -> i64 {
    with(|state| state.now)
}

pub(crate) fn run_id() -> String {
    "run-1".to_owned()
}

pub(crate) fn attempt() -> u32 {
    with(|state| state.attempt)
}

pub(crate) fn idempotency_key() -> String {
    "run-1:step-1".to_owned()
}

pub(crate) fn remaining_ms() -> u64 {
    with(|state| u64::try_from(state.remaining.as_millis()).unwrap_or(u64::MAX))
}

pub(crate) fn webhook_url() -> Option<String> {
    with(|state| state.webhook_url.clone())
}

pub(crate) fn emit(level: Level, message: &str, fields: &[(String, String)]) {
    let record = LogRecord { level, message: message.to_owned(), fields: fields.to_vec() };
    with(|state| state.logs.push(record));
}

pub(crate) fn connection_kind() -> Option<String> {
    with(|state| state.connection.as_ref().map(|(kind, ..)| kind.as_str().to_owned()))
}

pub(crate) fn connection_settings() -> String {
    with(|state| state.connection.as_ref().map_or_else(|| "{}".to_owned(), |(_, settings, _)| settings.to_string()))
}

pub(crate) fn reveal() -> Result<String> {
    with(|state| match &state.connection {
        Some((_, _, Some(secret))) => Ok(secret.to_string()),
        Some((_, _, None)) => {
            Err(Error::denied("secrets-denied", "the operator has not granted `secrets` to this piece"))
        }
        None => Err(Error::not_found("no-connection", "the step has no connection")),
    })
}

pub(crate) fn send(request: Outgoing) -> Result<Incoming> {
    expectation::respond(request)
}

pub(crate) fn send_all(requests: Vec<Outgoing>) -> Vec<Result<Incoming>> {
    requests.into_iter().map(expectation::respond).collect()
}

pub(crate) fn store_get(scope: Scope, key: &str) -> Result<Option<Vec<u8>>> {
    with(|state| {
        if let Some(error) = &state.store_error {
            return Err(error.clone());
        }
        let now = state.now;
        let entry = state.store.get(&(scope, key.to_owned()));
        Ok(entry.filter(|(_, ends)| ends.is_none_or(|ends| now < ends)).map(|(bytes, _)| bytes.clone()))
    })
}

pub(crate) fn store_put(scope: Scope, key: &str, value: &[u8], ttl_seconds: Option<u32>) -> Result<()> {
    with(|state| {
        if let Some(error) = &state.store_error {
            return Err(error.clone());
        }
        let ends = ttl_seconds.map(|seconds| state.now.saturating_add(i64::from(seconds) * 1000));
        state.store.insert((scope, key.to_owned()), (value.to_vec(), ends));
        Ok(())
    })
}

pub(crate) fn store_compare_and_set(scope: Scope, key: &str, old: Option<&[u8]>, new: &[u8]) -> Result<bool> {
    let place = with(|state| state.interference.iter().position(|(of, at, _)| *of == scope && at == key));
    if let Some(place) = place {
        with(|state| {
            let (scope, key, bytes) = state.interference.remove(place);
            state.store.insert((scope, key), (bytes, None));
        });
    }
    if store_get(scope, key)?.as_deref() != old {
        return Ok(false);
    }
    store_put(scope, key, new, None).map(|()| true)
}

pub(crate) fn store_delete(scope: Scope, key: &str) -> Result<()> {
    with(|state| {
        if let Some(error) = &state.store_error {
            return Err(error.clone());
        }
        state.store.remove(&(scope, key.to_owned()));
        Ok(())
    })
}

#[allow(clippy::unnecessary_wraps, reason = "the real host may return an error")]
pub(crate) fn schedule(cron: &str, timezone: &str) -> Result<()> {
    with(|state| state.schedules.push((cron.to_owned(), timezone.to_owned())));
    Ok(())
}

#[allow(clippy::unnecessary_wraps, reason = "the real host may return an error")]
pub(crate) fn listen(events: &[String], identifier: &str) -> Result<()> {
    with(|state| state.listeners.push((events.to_vec(), identifier.to_owned())));
    Ok(())
}
