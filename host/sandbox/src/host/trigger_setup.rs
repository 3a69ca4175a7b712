use std::sync::Arc;

use leno_metadata::PieceError;

use crate::{
    TriggerSetup,
    bindings::{trigger_setup::Host, types},
    state::CallState,
};

impl CallState {
    fn setup(&mut self) -> Result<Arc<dyn TriggerSetup>, PieceError> {
        self.reach()?.capabilities.setup.clone().ok_or_else(|| {
            PieceError::denied(
                "not-enabling",
                "a schedule or listener can be set only while a trigger is being enabled",
            )
        })
    }
}

impl Host for CallState {
    async fn schedule(&mut self, cron: String, timezone: String) -> wasmtime::Result<Result<(), types::Error>> {
        let begun = self.begin();
        let result = match self.setup() {
            Ok(setup) => setup.schedule(&cron, &timezone).await,
            Err(error) => Err(error),
        };
        self.end(begun, "trigger-setup.schedule", &cron, &result)?;
        Ok(result.map_err(Into::into))
    }

    async fn listen(&mut self, events: Vec<String>, identifier: String) -> wasmtime::Result<Result<(), types::Error>> {
        let begun = self.begin();
        let result = match self.setup() {
            Ok(setup) => setup.listen(&events, &identifier).await,
            Err(error) => Err(error),
        };
        self.end(begun, "trigger-setup.listen", &identifier, &result)?;
        Ok(result.map_err(Into::into))
    }
}
