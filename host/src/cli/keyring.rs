//! The keyring of the settings, for the commands that read or write secrets.

use leno_base::budget::Budgets;
use leno_db::Db;
use leno_vault::Keyring;
use secrecy::ExposeSecret as _;

use super::flags::{Data, Flags};
use crate::config::{Config, DataDir};

/// What commands take that work on the database with the keys.
#[derive(Debug, clap::Args)]
pub(super) struct Common {
    /// Print a JSON object instead
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    settings: Flags<Data>,
}

impl Common {
    /// Opens the database, with its tables, and reads the keys.
    pub(super) async fn open(&self) -> anyhow::Result<(Db, Keyring)> {
        self.open_with(&self.settings.config()?).await
    }

    /// The same, with the limits of what is stored.
    pub(super) async fn open_with_budgets(&self) -> anyhow::Result<(Db, Keyring, Budgets)> {
        let config = self.settings.config()?;
        let (db, keyring) = self.open_with(&config).await?;
        Ok((db, keyring, config.budgets))
    }

    async fn open_with(&self, config: &Config) -> anyhow::Result<(Db, Keyring)> {
        let keyring = keyring(config, &DataDir::open(&config.data_dir)?)?;
        let db = Db::connect(config.database_url.expose_secret(), &config.budgets).await?;
        db.migrate().await?;
        Ok((db, keyring))
    }
}

/// The keys that were set; without one, the key that is kept in the data directory, made on first use.
pub(super) fn keyring(config: &Config, data: &DataDir) -> anyhow::Result<Keyring> {
    let active = match &config.encryption_key {
        Some(key) => key.clone(),
        None => data.secret(DataDir::ENCRYPTION_KEY)?,
    };
    Ok(Keyring::parse(&active, &config.old_encryption_keys)?)
}
