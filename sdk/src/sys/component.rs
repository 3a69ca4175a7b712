//! The imports of `leno:piece`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Incoming, Outgoing};
use crate::bindings::leno::piece::{connection, context, http, log, secrets, store, trigger_setup, types};
use crate::level::Level;
use crate::scope::Scope;
use crate::{Error, ErrorKind, Result};

impl From<types::Error> for Error {
    fn from(error: types::Error) -> Self {
        let kind = match error.kind {
            types::ErrorKind::InvalidInput => ErrorKind::InvalidInput,
            types::ErrorKind::Unauthorized => ErrorKind::Unauthorized,
            types::ErrorKind::NotFound => ErrorKind::NotFound,
            types::ErrorKind::RateLimited => ErrorKind::RateLimited,
            types::ErrorKind::Unavailable => ErrorKind::Unavailable,
            types::ErrorKind::Denied => ErrorKind::Denied,
            types::ErrorKind::Timeout => ErrorKind::Timeout,
            types::ErrorKind::Internal => ErrorKind::Internal,
        };
        let mut known = Self::new(kind, error.code, error.message);
        if let Some(millis) = error.retry_after_ms {
            known = known.with_retry_after(Duration::from_millis(millis));
        }
        match error.details {
            Some(details) => known.with_details_text(details),
            None => known,
        }
    }
}

impl From<Error> for types::Error {
    fn from(error: Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::InvalidInput => types::ErrorKind::InvalidInput,
            ErrorKind::Unauthorized => types::ErrorKind::Unauthorized,
            ErrorKind::NotFound => types::ErrorKind::NotFound,
            ErrorKind::RateLimited => types::ErrorKind::RateLimited,
            ErrorKind::Unavailable => types::ErrorKind::Unavailable,
            ErrorKind::Denied => types::ErrorKind::Denied,
            ErrorKind::Timeout => types::ErrorKind::Timeout,
            ErrorKind::Internal => types::ErrorKind::Internal,
        };
        Self {
            kind,
            code: error.code().to_owned(),
            message: error.message().to_owned(),
            retry_after_ms: error.retry_after().map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
            details: error.details_text().map(str::to_owned),
        }
    }
}

pub(crate) fn now_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

pub(crate) fn run_id() -> String {
    context::run_id()
}

pub(crate) fn attempt() -> u32 {
    context::attempt()
}

pub(crate) fn idempotency_key() -> String {
    context::idempotency_key()
}

pub(crate) fn remaining_ms() -> u64 {
    context::remaining_ms()
}

pub(crate) fn webhook_url() -> Option<String> {
    context::webhook_url()
}

pub(crate) fn emit(level: Level, message: &str, fields: &[(String, String)]) {
    let level = match level {
        Level::Debug => log::Level::Debug,
        Level::Info => log::Level::Info,
        Level::Warn => log::Level::Warn,
        Level::Error => log::Level::Error,
    };
    log::emit(level, message, fields);
}

pub(crate) fn connection_kind() -> Option<String> {
    connection::kind()
}

pub(crate) fn connection_settings() -> String {
    connection::settings()
}

pub(crate) fn reveal() -> Result<String> {
    Ok(secrets::reveal()?)
}

impl From<Outgoing> for http::Request {
    fn from(request: Outgoing) -> Self {
        let Outgoing { method, url, headers, body, authorize, timeout_ms, redirects } = request;
        Self { method, url, headers, body, authorize, timeout_ms, redirects }
    }
}

impl From<http::Response> for Incoming {
    fn from(response: http::Response) -> Self {
        let http::Response { status, url, headers, body } = response;
        Self { status, url, headers, body }
    }
}

pub(crate) fn send(request: Outgoing) -> Result<Incoming> {
    Ok(http::send(&request.into())?.into())
}

pub(crate) fn send_all(requests: Vec<Outgoing>) -> Vec<Result<Incoming>> {
    let requests: Vec<http::Request> = requests.into_iter().map(Into::into).collect();
    http::send_all(&requests).into_iter().map(|result| Ok(result?.into())).collect()
}

impl From<Scope> for store::Scope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Flow => Self::Flow,
            Scope::Project => Self::Project,
        }
    }
}

pub(crate) fn store_get(scope: Scope, key: &str) -> Result<Option<Vec<u8>>> {
    Ok(store::get(scope.into(), key)?)
}

pub(crate) fn store_put(scope: Scope, key: &str, value: &[u8], ttl_seconds: Option<u32>) -> Result<()> {
    Ok(store::put(scope.into(), key, value, ttl_seconds)?)
}

pub(crate) fn store_compare_and_set(scope: Scope, key: &str, old: Option<&[u8]>, new: &[u8]) -> Result<bool> {
    Ok(store::compare_and_set(scope.into(), key, old, new)?)
}

pub(crate) fn store_delete(scope: Scope, key: &str) -> Result<()> {
    Ok(store::delete(scope.into(), key)?)
}

pub(crate) fn schedule(cron: &str, timezone: &str) -> Result<()> {
    Ok(trigger_setup::schedule(cron, timezone)?)
}

pub(crate) fn listen(events: &[String], identifier: &str) -> Result<()> {
    Ok(trigger_setup::listen(events, identifier)?)
}
