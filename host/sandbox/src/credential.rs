//! The connection of a call: resolved once, when it is first needed, and turned into what `http.send` adds.

use std::sync::Arc;

use leno_base::budget::Budget;
use leno_egress::{Credentials, HostPattern, Policy};
use leno_metadata::{Auth, Connection, ConnectionValue, Metadata, PieceError, Problem};

use crate::{Grant, mask::Mask};

/// What all calls of a loaded piece share.
pub(crate) struct Manifest {
    pub(crate) metadata: Arc<Metadata>,
    pub(crate) grant: Grant,
    /// Where calls may go without a connection.
    pub(crate) policy: Arc<Policy>,
    /// How many bytes of secrets a connection may have.
    secrets: Arc<Budget>,
}

impl Manifest {
    pub(crate) fn new(metadata: Metadata, grant: Grant, secrets: Arc<Budget>) -> Result<Self, PieceError> {
        let policy = policy(&metadata, &grant, None)?;
        Ok(Self { metadata: Arc::new(metadata), grant, policy: Arc::new(policy), secrets })
    }
}

/// The way out of one call: where it may go, and what the host may add on the way.
#[derive(Clone)]
pub(crate) struct Door {
    manifest: Arc<Manifest>,
    resolved: Option<Arc<Resolved>>,
}

/// A connection that was resolved for this call.
pub(crate) struct Resolved {
    pub(crate) value: Arc<ConnectionValue>,
    pub(crate) mask: Arc<Mask>,
    /// What the piece may see.
    pub(crate) settings: serde_json::Value,
    /// Where calls may go with this connection.
    policy: Arc<Policy>,
    credentials: Result<Arc<Credentials>, PieceError>,
}

impl Door {
    pub(crate) fn new(manifest: Arc<Manifest>) -> Self {
        Self { manifest, resolved: None }
    }

    /// Whether the connection was resolved.
    pub(crate) fn is_resolved(&self) -> bool {
        self.resolved.is_some()
    }

    /// The connection, resolved on first use. `None` when the call has none.
    pub(crate) async fn resolve(
        &mut self,
        connection: Option<&Arc<dyn Connection>>,
    ) -> Result<Option<Arc<Resolved>>, PieceError> {
        if let (None, Some(connection)) = (&self.resolved, connection) {
            let value = connection.resolve().await?;
            self.resolved = Some(Arc::new(Resolved::new(&self.manifest, value, None)?));
        }
        Ok(self.resolved.clone())
    }

    /// What to use in place of `rejected`, whose token a service no longer accepts: `None` when there is nothing else.
    pub(crate) async fn instead_of(&self, connection: &dyn Connection, rejected: &Resolved) -> Option<Arc<Resolved>> {
        let value = connection.instead_of(&rejected.value).await?;
        Resolved::new(&self.manifest, value, Some(rejected)).ok().map(Arc::new)
    }

    /// Uses `resolved` from now on.
    pub(crate) fn renew(&mut self, resolved: Arc<Resolved>) {
        self.resolved = Some(resolved);
    }

    /// Whether the policy depends on settings of a connection that is not resolved yet.
    pub(crate) fn needs_connection(&self) -> bool {
        self.resolved.is_none() && self.manifest.metadata.egress_hosts.iter().any(|host| !host.is_literal())
    }

    /// The hosts that the call may reach.
    pub(crate) fn policy(&self) -> &Arc<Policy> {
        self.resolved.as_ref().map_or(&self.manifest.policy, |resolved| &resolved.policy)
    }
}

impl Resolved {
    /// `before`: what the call used so far, whose secrets stay masked.
    fn new(manifest: &Manifest, value: Arc<ConnectionValue>, before: Option<&Self>) -> Result<Self, PieceError> {
        let metadata = &manifest.metadata;
        let auth = metadata.auth_for(&value).map_err(|problem| bad(&problem))?;
        let policy = match metadata.egress_hosts.iter().all(leno_metadata::Template::is_literal) {
            true => manifest.policy.clone(),
            false => Arc::new(policy(metadata, &manifest.grant, Some(&value))?),
        };
        let credentials = match auth {
            Some(auth) => injection(auth, &value).map(Arc::new),
            None => Err(PieceError::invalid(
                "connection-invalid",
                "a connection of type NO_AUTH cannot authorize a request",
            )),
        };
        let secrets = value.secrets(auth);
        let secrets = match before {
            Some(before) => secrets.and(before.value.secrets(auth)),
            None => secrets,
        };
        let mask = Mask::new(&secrets, &manifest.secrets).map_err(|exhausted| {
            let message =
                format!("the connection cannot be used: {exhausted}; connect again with fewer or shorter secrets");
            PieceError::invalid("connection-too-large", message)
        })?;
        Ok(Self {
            mask: Arc::new(mask),
            settings: auth.map_or_else(|| serde_json::json!({}), |auth| value.settings(auth)),
            policy,
            credentials,
            value,
        })
    }

    /// What the host adds to an authorized request.
    pub(crate) fn credentials(&self) -> Result<Arc<Credentials>, PieceError> {
        self.credentials.clone()
    }
}

fn bad(problem: &Problem) -> PieceError {
    PieceError::invalid("connection-invalid", format!("the connection cannot be used: {problem}"))
}

fn injection(auth: &Auth, value: &ConnectionValue) -> Result<Credentials, PieceError> {
    let injection = auth.credentials(value).map_err(|problem| bad(&problem))?;
    let hosts = patterns(auth.hosts(value).map_err(|problem| bad(&problem))?)?;
    Ok(Credentials { hosts, headers: injection.headers, query: injection.query })
}

/// The ports of http and https: open on every host that a list names without a port.
const USUAL_PORTS: [u16; 2] = [80, 443];

/// The manifest's hosts, narrowed by the grant. A port that is in none of the manifest's entries was chosen by the user of
/// the connection.
fn policy(metadata: &Metadata, grant: &Grant, value: Option<&ConnectionValue>) -> Result<Policy, PieceError> {
    let hosts = patterns(metadata.hosts(value).map_err(|problem| bad(&problem))?)?;
    let in_manifest = |port: u16| {
        USUAL_PORTS.contains(&port)
            || metadata.egress_hosts.iter().any(|host| host.as_str().ends_with(&format!(":{port}")))
    };
    let (own, chosen) = hosts.into_iter().partition(|host: &HostPattern| host.port().is_none_or(in_manifest));
    let policy = Policy::new(own, grant.private.clone()).with_chosen_ports(chosen);
    Ok(match &grant.hosts {
        Some(hosts) => policy.within(hosts.clone()),
        None => policy,
    })
}

fn patterns(hosts: Vec<String>) -> Result<Vec<HostPattern>, PieceError> {
    let pattern = |host: String| {
        host.parse().map_err(|error| PieceError::invalid("host-invalid", format!("`{host}` is not a host: {error}")))
    };
    hosts.into_iter().map(pattern).collect()
}
