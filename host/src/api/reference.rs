//! The connection that a request names, or carries.

use std::sync::Arc;

use leno_base::ExternalId;
use leno_metadata::{Connection, ConnectionValue, PieceName, Problem as Fault};
use serde_json::Value;

use super::{
    App,
    connections::{owner, refused},
};
use crate::{
    edge::{Rejection, extract::name_of},
    identity::Caller,
};

/// The members of a request that concern its connection.
pub(super) struct Given<'a> {
    /// The stable name of a stored connection.
    pub(super) external_id: Option<&'a str>,
    /// A reference to one.
    pub(super) auth: Option<&'a str>,
    /// The value itself.
    pub(super) value: Option<Value>,
    /// The step's input, whose member `auth` is where flows keep the reference.
    pub(super) input: &'a Value,
}

impl Given<'_> {
    /// The connection for the caller to call `piece` with. A stored one is looked up now, and decrypted when the piece
    /// needs it.
    ///
    /// # Errors
    /// A reference that cannot be read, or to a connection that the caller does not have or that is for another piece; a
    /// raw value in production, or one that cannot be used.
    pub(super) async fn connection(
        self,
        app: &App,
        caller: &Caller,
        piece: &PieceName,
    ) -> Result<Option<Arc<dyn Connection>>, Rejection> {
        let mut faults = Vec::new();
        let mut wanted: Option<ExternalId> = None;
        match self.external_id.map(str::parse) {
            None => {}
            Some(Ok(id)) => wanted = Some(id),
            Some(Err(error)) => {
                let error: leno_base::InvalidExternalId = error;
                faults.push(Fault::new("/connectionExternalId", error.to_string()));
            }
        }
        let in_input = self.input.get("auth").filter(|auth| !auth.is_null());
        let not_text = in_input.filter(|auth| !auth.is_string()).map(|auth| {
            Fault::new("/input/auth", format!("is {}; it must be a reference such as {EXAMPLE}", name_of(auth)))
        });
        faults.extend(not_text);
        for (path, text) in [("/auth", self.auth), ("/input/auth", in_input.and_then(Value::as_str))] {
            let Some(text) = text else { continue };
            match ExternalId::in_reference(text) {
                None => faults.push(Fault::new(path, format!("must be only a reference, such as {EXAMPLE}"))),
                Some(id) if wanted.as_ref().is_some_and(|wanted| *wanted != id) => {
                    faults
                        .push(Fault::new(path, "names another connection than the rest of the request; name one only"));
                }
                Some(id) => wanted = Some(id),
            }
        }
        if wanted.is_some() && self.value.is_some() {
            faults.push(Fault::new(
                "/connection",
                "cannot be combined with a reference to a connection; send one of them",
            ));
        }
        if !faults.is_empty() {
            return Err(Rejection::invalid_members(faults));
        }
        if let Some(id) = wanted {
            let stored = app.connections.find(&owner(caller), &id).await.map_err(refused)?;
            return Ok(Some(Arc::new(stored.for_piece(piece).map_err(refused)?)));
        }
        let Some(value) = self.value else { return Ok(None) };
        // Read before anything else, so that it is wiped in every case.
        let value = ConnectionValue::new(value);
        if app.production {
            return Err(Rejection::bad_request(
                "connection_in_production",
                "raw connection values are refused in production: they would pass through logs and proxies; \
                 store the connection and send `connectionExternalId`",
            ));
        }
        let value = value.map_err(|fault| {
            Rejection::invalid_members(vec![Fault::new(format!("/connection{}", fault.path), fault.message)])
        })?;
        // The trait is implemented for a shared value; the outer `Arc` is the trait object's.
        Ok(Some(Arc::new(Arc::new(value))))
    }
}

const EXAMPLE: &str = "{{connections['my-connection']}}";
