//! What the measurements run.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context as _, Result};
use leno_egress::{Caps, Error, Policy, Request, Response, Transport};
use leno_sandbox::{Capabilities, Context, NoStore};

/// The `text` piece, whose `echo` is the no-op.
pub(crate) fn text() -> Result<Vec<u8>> {
    let directory = std::env::var_os("LENO_TEST_PIECES").map_or_else(|| PathBuf::from("pieces"), PathBuf::from);
    let file = directory.join("text.wasm");
    std::fs::read(&file).with_context(|| format!("{}: run `cargo xtask pieces`", file.display()))
}

/// The no-op's input.
pub(crate) const INPUT: &str = r#"{"value":"hello"}"#;

/// A way out that leads nowhere.
struct Nowhere;

#[async_trait::async_trait]
impl Transport for Nowhere {
    async fn send(&self, _: Request, _: &Policy, _: &Caps) -> Result<Response, Error> {
        Err(Error::Invalid { problem: "there is no network in a bench".into() })
    }
}

/// Capabilities that the no-op does not use.
pub(crate) fn capabilities() -> Capabilities {
    Capabilities {
        context: Context { run_id: "bench".into(), attempt: 1, idempotency_key: "bench".into(), webhook_url: None },
        tenant: None,
        connection: None,
        transport: Arc::new(Nowhere),
        store: Arc::new(NoStore),
        log: None,
        setup: None,
        audit: None,
        clock: None,
    }
}
