use leno_metadata::{ErrorKind, PieceError};
use secrecy::ExposeSecret as _;

use crate::{
    bindings::{secrets::Host, types},
    state::CallState,
};

impl Host for CallState {
    async fn reveal(&mut self) -> wasmtime::Result<Result<String, types::Error>> {
        let begun = self.begin();
        let revealed = match self.connection().await {
            Ok(Some(resolved)) => {
                // First the record, then the secret.
                let audit = self.capabilities().and_then(|capabilities| capabilities.audit.clone());
                let recorded = match audit {
                    Some(audit) => audit.revealed().await,
                    None => Ok(()),
                };
                recorded.map(|()| resolved.value.reveal().expose_secret().to_owned())
            }
            Ok(None) => Err(PieceError::new(
                ErrorKind::NotFound,
                "no-connection",
                "this step has no connection; choose one in the step's settings",
            )),
            Err(error) => Err(error),
        };
        self.end(begun, "secrets.reveal", "", &revealed)?;
        Ok(revealed.map_err(Into::into))
    }
}
