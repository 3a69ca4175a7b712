use std::sync::Arc;

use crate::{PieceError, bindings::connection::Host, credential::Resolved, state::CallState};

impl CallState {
    /// The call's connection; its secrets are masked from here on.
    pub(super) async fn connection(&mut self) -> Result<Option<Arc<Resolved>>, PieceError> {
        let reach = self.reach()?;
        let resolved = reach.door.resolve(reach.capabilities.connection.as_ref()).await?;
        if let Some(resolved) = &resolved {
            self.mask = resolved.mask.clone();
        }
        Ok(resolved)
    }
}

impl Host for CallState {
    async fn kind(&mut self) -> wasmtime::Result<Option<String>> {
        let begun = self.begin();
        let kind =
            self.connection().await.map(|resolved| resolved.map(|resolved| resolved.value.kind().as_str().to_owned()));
        self.end(begun, "connection.kind", "", &kind);
        // No error can be told here; whoever uses the connection learns of it.
        Ok(kind.unwrap_or_default())
    }

    async fn settings(&mut self) -> wasmtime::Result<String> {
        let begun = self.begin();
        let settings = self.connection().await.map(|resolved| resolved.map(|resolved| resolved.settings.clone()));
        self.end(begun, "connection.settings", "", &settings);
        Ok(settings.ok().flatten().unwrap_or_else(|| serde_json::json!({})).to_string())
    }
}
