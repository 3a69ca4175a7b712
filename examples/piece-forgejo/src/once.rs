//! Creating something once, although the server has no idempotency keys.

use std::time::Duration;

use leno_sdk::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use crate::api;

/// How long a result is kept: flow engines repeat a step for hours, not for days.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// Sends a POST request and keeps the response, so that a retry of the same step returns it instead of a second item.
///
/// One case is left: the call ends after the server created the item and before the response is kept.
pub(crate) fn post<T: DeserializeOwned + Serialize>(ctx: &Context, path: &str, body: &Value) -> Result<T> {
    let key = key(ctx, path, body)?;
    if let Some(done) = store::project().get(&key)? {
        log::info!("an earlier attempt at this step has created it");
        return Ok(done);
    }
    let created = api::send(api::post(path, body)?)?.json()?;
    if let Err(error) = store::project().put_for(&key, &created, KEPT) {
        // An error of the step would make the caller repeat it.
        log::warn!("the result is not kept, so a retry would create a second one: {error}");
    }
    Ok(created)
}

/// The key covers the request as well: a caller that uses one idempotency key for two things gets both.
fn key(ctx: &Context, path: &str, body: &Value) -> Result<String> {
    let mut hash = Sha256::new();
    for part in [ctx.idempotency_key(), api::url(path)?, body.to_string()] {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    Ok(format!("created/{}", hex::encode(hash.finalize())))
}
