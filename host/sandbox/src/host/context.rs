use std::time::Instant;

use crate::{bindings::context::Host, state::CallState};

impl Host for CallState {
    fn run_id(&mut self) -> wasmtime::Result<String> {
        self.begin();
        Ok(self.capabilities().map(|capabilities| capabilities.context.run_id.clone()).unwrap_or_default())
    }

    fn attempt(&mut self) -> wasmtime::Result<u32> {
        self.begin();
        Ok(self.capabilities().map_or(1, |capabilities| capabilities.context.attempt))
    }

    fn idempotency_key(&mut self) -> wasmtime::Result<String> {
        self.begin();
        Ok(self.capabilities().map(|capabilities| capabilities.context.idempotency_key.clone()).unwrap_or_default())
    }

    fn remaining_ms(&mut self) -> wasmtime::Result<u64> {
        self.begin();
        let left = self.deadline.saturating_duration_since(Instant::now());
        Ok(u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
    }

    fn webhook_url(&mut self) -> wasmtime::Result<Option<String>> {
        self.begin();
        Ok(self.capabilities().and_then(|capabilities| capabilities.context.webhook_url.clone()))
    }
}
