//! Clients as rows of the database.

use leno_base::TenantId;
use leno_db::oauth_server::clients::ClientRow;
use leno_vault::{Keyring, Place};
use secrecy::{ExposeSecret as _, SecretString};

use crate::client::Client;

/// The longest client id, in bytes.
pub(crate) const LONGEST_ID: usize = 200;

/// Where the code secrets of a client are sealed for.
pub(crate) fn place<'a>(tenant: &'a TenantId, id: &'a str) -> Place<'a> {
    Place { table: "oauth_clients", tenant: tenant.as_str(), row: id, facts: &[] }
}

/// The client of a row. The error is for the log.
pub(crate) fn open(keyring: &Keyring, row: &ClientRow) -> Result<Client, String> {
    let unreadable = |error: &dyn std::fmt::Display| format!("the client {} cannot be read: {error}", row.id);
    let sealed = keyring.open(&row.code_secrets, place(&row.tenant, &row.id)).map_err(|error| unreadable(&error))?;
    let secrets: Vec<String> =
        serde_json::from_str(sealed.expose_secret()).map_err(|_| unreadable(&"its code secrets"))?;
    Ok(Client {
        id: row.id.clone(),
        tenant: Some(row.tenant.clone()).filter(|tenant| !tenant.as_str().is_empty()),
        name: row.name.clone(),
        settings: serde_json::from_str(&row.settings).map_err(|error| unreadable(&error))?,
        secrets: serde_json::from_str(&row.secrets).map_err(|error| unreadable(&error))?,
        code_secrets: secrets.into_iter().map(SecretString::from).collect(),
        active: row.active,
    })
}
