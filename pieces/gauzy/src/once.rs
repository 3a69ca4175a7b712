//! Creating something once, although Gauzy has no idempotency keys.

use std::time::Duration;

use leno_sdk::prelude::*;

use crate::digest;
use crate::gauzy::Gauzy;

/// How long a result is kept: flow engines repeat a step for hours, not for days.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// Runs `create` and keeps its result, so that a retry of the same step returns it instead of creating a second one. `what` and
/// `input` are part of the key: a caller that uses one idempotency key for two things gets both.
///
/// One case is left: the call ends after Gauzy created the record and before the result is kept.
pub(crate) fn once(gauzy: &Gauzy, what: &str, input: &Value, create: impl FnOnce() -> Result<Value>) -> Result<Value> {
    let step = gauzy.context().idempotency_key();
    let key = format!("created/{}", digest::short(&[&step, gauzy.base(), what, &input.to_string()]));
    if let Some(done) = store::project().get(&key)? {
        log::info!("an earlier attempt at this step has done it");
        return Ok(done);
    }
    let created = create()?;
    if let Err(error) = store::project().put_for(&key, &created, KEPT) {
        // An error of the step would make the caller repeat it.
        log::warn!("the result is not kept, so a retry would do it again: {error}");
    }
    Ok(created)
}
