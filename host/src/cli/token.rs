//! `leno token`: an access token for development.

use std::{process::ExitCode, time::Duration};

use anyhow::bail;
use serde_json::json;
use uuid::Uuid;

use super::{
    flags::{Data, Flags},
    terminal,
};
use crate::{
    config::DataDir,
    identity::{Identity, LONGEST_LIFE, Permission, Subject},
};

/// The user and the tenant of development, the same every time, so that what they stored is found again.
pub(super) const DEVELOPMENT: Uuid = Uuid::from_u128(1);

#[derive(Debug, clap::Args)]
#[command(
    about = "Mint an access token for development",
    long_about = "Mint an access token for development, signed with the secret that `leno serve` uses here: JWT_SECRET, or the \
                  one generated in the data directory.",
    after_help = "Example: curl -H \"Authorization: Bearer $(leno token)\" http://127.0.0.1:4747/api/pieces"
)]
pub(super) struct Args {
    /// The tenant
    #[arg(long, value_name = "UUID", default_value_t = DEVELOPMENT)]
    tenant: Uuid,
    /// The user
    #[arg(long, value_name = "UUID", default_value_t = DEVELOPMENT)]
    user: Uuid,
    /// Let the token upload and remove pieces (permission LENO_ADMIN)
    #[arg(long)]
    admin: bool,
    /// A further permission of the token, besides those for connections of one's own (INTEGRATION_VIEW, _ADD, _EDIT and
    /// _DELETE); may be repeated
    #[arg(long = "permission", value_name = "NAME")]
    permissions: Vec<String>,
    /// The lifetime of the token
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..=LONGEST_LIFE))]
    ttl: u64,
    /// Print a JSON object instead of the bare token
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: Flags<Data>,
}

pub(super) fn token(args: &Args) -> anyhow::Result<ExitCode> {
    let config = args.settings.config()?;
    let secret = match config.jwt_secret {
        Some(secret) => secret,
        // `Config` has refused this already.
        None if config.production => bail!("in production there is no generated secret: set JWT_SECRET"),
        None => DataDir::open(&config.data_dir)?.secret(DataDir::JWT_SECRET)?,
    };
    let mut permissions: Vec<String> = Permission::CONNECTIONS.iter().map(|one| one.as_str().to_owned()).collect();
    permissions.extend(args.permissions.iter().cloned());
    if args.admin {
        permissions.push(Permission::Admin.as_str().to_owned());
    }
    let claims = Subject { user_id: args.user, tenant_id: args.tenant, permissions, ..Subject::default() };
    let token = Identity::new(&secret, None).mint(&claims, Duration::from_secs(args.ttl));
    if args.json {
        terminal::print_json(&json!({
            "token": token,
            "tenantId": claims.tenant_id,
            "userId": claims.user_id,
            "permissions": claims.permissions,
            "expiresInSeconds": args.ttl,
        }))?;
    } else {
        terminal::print(&format!("{token}\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}
