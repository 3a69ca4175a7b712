//! A loaded piece, and one call of it.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use leno_base::{Digest, TenantId, fair::Permit, micros};
use leno_egress::{Meter, Payer, Policy};
use leno_metadata::{Metadata, PieceError};

use crate::{
    CallOptions, Capabilities, Entry, Failure, Grant, Inspection, Report, Usage,
    credential::{Door, Manifest},
    files::Files,
    permits::Gate,
    program::{self, Program},
    state::Reach,
};

/// A component that was checked, compiled and described, and is ready to be called. Cheap to clone; the compiled code is
/// freed with the last clone.
#[derive(Clone)]
pub struct Piece(pub(crate) Arc<Loaded>);

pub(crate) struct Loaded {
    pub(crate) program: Program,
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) digest: Digest,
    pub(crate) inspection: Inspection,
    pub(crate) gate: Gate,
}

impl Piece {
    /// The piece's metadata.
    #[must_use]
    pub fn metadata(&self) -> &Arc<Metadata> {
        &self.0.manifest.metadata
    }

    /// The digest of its bytes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// What it is made of.
    #[must_use]
    pub fn inspection(&self) -> &Inspection {
        &self.0.inspection
    }

    /// What it was granted when it was loaded.
    #[must_use]
    pub fn grant(&self) -> &Grant {
        &self.0.manifest.grant
    }

    /// Where its calls may go without a connection.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.0.manifest.policy
    }

    /// Calls under way.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.0.gate.taken()
    }

    /// Ends every call under way, each as [`Failure::Cancelled`], and every later one.
    pub fn cancel(&self) {
        self.0.program.cancel.cancel();
    }
}

impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let metadata = self.metadata();
        write!(f, "Piece({}@{} {})", metadata.name.short(), metadata.version, self.0.digest)
    }
}

/// The permits of one call: of the piece and of the host.
pub(crate) struct Permits {
    _piece: Permit<Option<TenantId>>,
    _host: Permit<Option<TenantId>>,
}

impl Piece {
    /// Makes one call: waits for a permit (for a bounded time), makes a fresh store and instance, enters the export, and
    /// reports. Dropping the future ends the call. [`Piece::prepare`] is the way to run a step; this is for callers that
    /// have the export's own arguments.
    pub async fn call(&self, entry: &Entry<'_>, capabilities: Capabilities, options: CallOptions) -> Report {
        if let Some(unknown) = entry.unknown(self.metadata()) {
            return Report::refused(Failure::Unknown(unknown.to_string()));
        }
        if let Err(failure) = self.accept(entry.input_size()) {
            return Report::refused(failure);
        }
        match self.admit(capabilities.tenant.clone()).await {
            Ok(permits) => {
                let meter = self.meter(&capabilities);
                self.enter(permits, entry, capabilities, meter, options, Instant::now()).await
            }
            Err(failure) => Report::refused(failure),
        }
    }

    /// The most bytes of an input.
    pub(crate) fn largest_input(&self) -> usize {
        self.0.program.limits.input
    }

    /// How files by URL are fetched.
    pub(crate) fn files(&self) -> &Files {
        &self.0.program.engine.0.files
    }

    /// Whether an input of so many bytes is accepted.
    pub(crate) fn accept(&self, bytes: usize) -> Result<(), Failure> {
        let accepted = self.largest_input();
        if bytes <= accepted {
            return Ok(());
        }
        let message = format!("the input has {bytes} bytes; at most {accepted} are accepted");
        Err(Failure::Piece(PieceError::invalid("input-too-large", message)))
    }

    /// Waits for the permits of a call of `tenant`.
    pub(crate) async fn admit(&self, tenant: Option<TenantId>) -> Result<Permits, Failure> {
        let piece = self.0.gate.enter(tenant.clone()).await?;
        Ok(Permits { _piece: piece, _host: self.0.program.engine.enter(tenant).await? })
    }

    /// Counts the requests of one call, within its limits.
    pub(crate) fn meter(&self, capabilities: &Capabilities) -> Arc<Meter> {
        let limits = &self.0.program.limits;
        let payer = Payer::new(capabilities.tenant.clone(), self.metadata().name.short());
        Arc::new(Meter::of(payer).within(limits.http_requests.into(), limits.http_bytes_in))
    }

    /// Enters an export under `permits`. The call's wall time counts from `begun`, its traffic on `meter`.
    pub(crate) async fn enter(
        &self,
        permits: Permits,
        entry: &Entry<'_>,
        capabilities: Capabilities,
        meter: Arc<Meter>,
        options: CallOptions,
        begun: Instant,
    ) -> Report {
        let loaded = &self.0;
        let reach = Reach { capabilities, door: Door::new(loaded.manifest.clone()), meter };
        let report = program::run(&loaded.program, entry, Some(reach), options, begun).await;
        drop(permits);
        report
    }

    /// The wall time of a call with `options`.
    pub(crate) fn wall(&self, options: CallOptions) -> Duration {
        self.0.program.wall(options)
    }

    /// Ready when the calls of this piece are cancelled.
    pub(crate) async fn cancelled(&self) {
        self.0.program.cancel.cancelled().await;
    }

    /// Ends a call before the piece was entered.
    pub(crate) fn give_up(&self, permits: Permits, failure: Failure, meter: &Meter, begun: Instant) -> Report {
        drop(permits);
        let mut report = Report::refused(failure);
        report.usage = Usage { wall_micros: micros(begun.elapsed()), ..Usage::default() }.with_traffic(meter);
        report
    }
}
