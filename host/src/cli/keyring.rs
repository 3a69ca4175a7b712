//! The keyring of the settings, for the commands that read or write secrets.

use leno_vault::Keyring;

use crate::config::{Config, DataDir};

/// The keys that were set; without one, the key that is kept in the data directory, made on first use.
pub(super) fn keyring(config: &Config, data: &DataDir) -> anyhow::Result<Keyring> {
    let active = match &config.encryption_key {
        Some(key) => key.clone(),
        None => data.secret(DataDir::ENCRYPTION_KEY)?,
    };
    Ok(Keyring::parse(&active, &config.old_encryption_keys)?)
}
