use std::sync::Arc;

use leno_metadata::PieceError;

use crate::{
    bindings::connection::Host,
    credential::Resolved,
    state::{CallState, Unusable},
};

impl CallState {
    /// The call's connection; its secrets are masked from here on.
    pub(super) async fn connection(&mut self) -> Result<Option<Arc<Resolved>>, PieceError> {
        let reach = self.reach()?;
        let before = reach.door.is_resolved();
        let resolved = reach.door.resolve(reach.capabilities.connection.as_ref()).await?;
        if let Some(resolved) = &resolved {
            self.mask = resolved.mask.clone();
            if !before && let Some(audit) = self.capabilities().and_then(|capabilities| capabilities.audit.as_deref()) {
                audit.used();
            }
        }
        Ok(resolved)
    }
}

impl Host for CallState {
    async fn kind(&mut self) -> wasmtime::Result<Option<String>> {
        let begun = self.begin();
        let kind =
            self.connection().await.map(|resolved| resolved.map(|resolved| resolved.value.kind().as_str().to_owned()));
        self.end(begun, "connection.kind", "", &kind)?;
        Ok(kind.map_err(Unusable)?)
    }

    async fn settings(&mut self) -> wasmtime::Result<String> {
        let begun = self.begin();
        let settings = self.connection().await.map(|resolved| resolved.map(|resolved| resolved.settings.clone()));
        self.end(begun, "connection.settings", "", &settings)?;
        Ok(settings.map_err(Unusable)?.unwrap_or_else(|| serde_json::json!({})).to_string())
    }
}
