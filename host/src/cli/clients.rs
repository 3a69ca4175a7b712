//! `leno clients`: the OAuth clients of this host.

use std::{process::ExitCode, sync::Arc, time::Duration};

use clap::Subcommand;
use leno_authorization::{
    AuthorizationServer, ClientKind, ClientSettings, Parts, Revoked,
    registry::{Registered, Registration, RegistryError},
};
use leno_base::{Owner, SystemClock, TenantId, iso};
use leno_db::Db;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    exit::{NO, block_on},
    keyring::Common,
    terminal::{self, Style},
};

/// The most clients that are listed.
const MOST: i64 = 10_000;

#[derive(Debug, clap::Args)]
#[command(
    about = "List, register and remove OAuth clients",
    long_about = "List, register and remove the OAuth clients that may act for users, those of one tenant with --tenant, else \
                  those for all tenants. A secret is shown once, when it is made.",
    after_help = "Example: leno clients add Activepieces https://cloud.activepieces.com/redirect"
)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the registered clients
    List(Of),
    /// Register a client
    Add {
        /// What people see
        #[arg(value_name = "NAME")]
        name: String,
        /// Where codes may be sent: https, or http to a loopback address
        #[arg(value_name = "REDIRECT_URI", required = true)]
        redirect_uris: Vec<String>,
        /// It keeps no secret: a program on a user's machine, a page
        #[arg(long)]
        public: bool,
        /// A scope that it may ask for; may be repeated. Any if there is none
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<String>,
        #[command(flatten)]
        of: Of,
    },
    /// Give a client another secret; the one before stays good until the next time
    Rotate {
        /// The client
        #[arg(value_name = "CLIENT_ID")]
        id: String,
        #[command(flatten)]
        of: Of,
    },
    /// Remove a client, and what users allowed it
    Remove {
        /// The client
        #[arg(value_name = "CLIENT_ID")]
        id: String,
        #[command(flatten)]
        of: Of,
    },
}

#[derive(Debug, clap::Args)]
struct Of {
    /// The tenant whose users may use it
    #[arg(long, value_name = "UUID")]
    tenant: Option<Uuid>,
    #[command(flatten)]
    common: Common,
}

impl Of {
    async fn open(&self) -> anyhow::Result<(AuthorizationServer, Db)> {
        let (db, keyring, budgets) = self.common.open_with_budgets().await?;
        let parts = Parts {
            db: db.clone(),
            keyring: Arc::new(keyring),
            clock: Arc::new(SystemClock),
            shelf: None,
            client: None,
            issuer: String::new(),
            resources: Vec::new(),
            code_ttl: Duration::ZERO,
            revoked: Revoked::default(),
        };
        Ok((AuthorizationServer::new(parts, &budgets)?, db))
    }

    fn tenant(&self) -> Option<TenantId> {
        self.tenant.map(|tenant| tenant.to_string().into())
    }
}

/// Who does it, in the audit log.
const ACTOR: &str = "command line";

pub(super) fn clients(args: &Args) -> anyhow::Result<ExitCode> {
    block_on(async {
        let of = match &args.command {
            Command::List(of) | Command::Add { of, .. } | Command::Rotate { of, .. } | Command::Remove { of, .. } => of,
        };
        let (server, db) = of.open().await?;
        let done = run(&args.command, of, &server).await;
        db.close().await;
        done
    })
}

async fn run(command: &Command, of: &Of, server: &AuthorizationServer) -> anyhow::Result<ExitCode> {
    let (tenant, common) = (of.tenant(), &of.common);
    match command {
        Command::List(_) => {
            let (clients, _) = server.clients(tenant.as_ref(), 0, MOST).await?;
            if common.json {
                let list: Vec<Value> = clients.iter().map(|client| object(client, None)).collect();
                terminal::print_json(&json!(list))?;
            } else {
                clients.iter().try_for_each(|client| terminal::print(&line(client)))?;
            }
        }
        Command::Add { name, redirect_uris, public, scopes, .. } => {
            let client_type = if *public { ClientKind::Public } else { ClientKind::Confidential };
            let settings = ClientSettings {
                allowed_scopes: Some(scopes.clone()).filter(|scopes| !scopes.is_empty()),
                ..ClientSettings::new(client_type, redirect_uris.clone())
            };
            let owner = Owner { tenant: tenant.clone().unwrap_or_else(|| "".into()), user: ACTOR.into() };
            let registration = Registration { name: name.clone(), settings, tenant, life: None };
            let (client, secret) = server.register(&owner, ACTOR, registration).await.map_err(explained)?;
            show(common, &client, secret.as_ref())?;
        }
        Command::Rotate { id, .. } => {
            match server.rotate_secret(tenant.as_ref(), ACTOR, id).await.map_err(explained)? {
                Some((client, secret)) => show(common, &client, Some(&secret))?,
                None => return missing(id),
            }
        }
        Command::Remove { id, .. } => {
            if !server.remove_client(tenant.as_ref(), ACTOR, id).await.map_err(explained)? {
                return missing(id);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Every fault, not only that there is one.
fn explained(error: RegistryError) -> anyhow::Error {
    match error {
        RegistryError::Invalid(faults) => {
            let lines: Vec<String> = faults.iter().map(|(path, wrong)| format!("{path}: {wrong}")).collect();
            anyhow::anyhow!("the client is not valid\n{}", lines.join("\n"))
        }
        error => error.into(),
    }
}

fn missing(id: &str) -> anyhow::Result<ExitCode> {
    terminal::print(&format!("there is no client {}\n", terminal::harmless(id, false)))?;
    Ok(ExitCode::from(NO))
}

fn show(common: &Common, client: &Registered, secret: Option<&SecretString>) -> anyhow::Result<()> {
    if common.json {
        return terminal::print_json(&object(client, secret));
    }
    terminal::print(&format!("client id      {}\n", client.client.id))?;
    match secret {
        Some(secret) => terminal::print(&format!("client secret  {}\n", secret.expose_secret()))?,
        None => terminal::print("no secret: it proves itself by PKCE\n")?,
    }
    Ok(())
}

fn object(client: &Registered, secret: Option<&SecretString>) -> Value {
    let settings = &client.client.settings;
    let secret = secret.map(|secret| ("clientSecret".to_owned(), secret.expose_secret().into()));
    let mut object = json!({
        "clientId": client.client.id, "name": client.client.name, "clientType": settings.client_type,
        "redirectUris": settings.redirect_uris, "allowedScopes": settings.allowed_scopes,
        "isActive": client.client.active, "created": iso(client.created_at),
    });
    if let Some(members) = object.as_object_mut() {
        members.extend(secret);
    }
    object
}

fn line(client: &Registered) -> String {
    let style = Style::stdout();
    let plain = |text: &str| terminal::harmless(text, false).to_string();
    format!(
        "{}  {}  {}{}\n",
        style.bold(plain(&client.client.id)),
        plain(&client.client.name),
        plain(&client.client.settings.redirect_uris.join(" ")),
        if client.client.active { "" } else { "  switched off" }
    )
}
