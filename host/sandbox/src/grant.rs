//! What the operator lets a piece do.

use leno_egress::{HostPattern, PrivateGrant};

use crate::Limits;

/// What the operator permits a piece. The default: the hosts of its manifest, on public addresses, without secrets.
#[derive(Debug, Clone, Default)]
pub struct Grant {
    /// Hosts it may reach, of those that its manifest names. `None`: all of them.
    pub hosts: Option<Vec<HostPattern>>,
    /// Non-public addresses that it may reach.
    pub private: Vec<PrivateGrant>,
    /// Whether it may see the values of connections (`secrets.reveal`).
    pub secrets: bool,
    /// The budget of a call.
    pub limits: Limits,
}
