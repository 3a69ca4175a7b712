//! Where work comes from: the request, and the address that sent it.

use std::{net::IpAddr, sync::Arc};

/// The request that work is done for. It goes with [`Tasks`](crate::Tasks) that outlive it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The request's id, which is in its response.
    pub request: Arc<str>,
    /// The address that it came from: the client's, or that of a proxy before this host.
    pub address: Option<IpAddr>,
}

tokio::task_local! {
    static CURRENT: Origin;
}

impl Origin {
    /// Does something on behalf of this origin.
    pub async fn during<T>(self, work: impl Future<Output = T>) -> T {
        CURRENT.scope(self, work).await
    }

    /// The origin of what is done now; `None` for what no request asked for.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }
}
