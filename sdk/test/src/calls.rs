//! The calls of a piece.

use leno_metadata::Metadata;
use leno_sandbox::Step;

use crate::{ActionCall, Host, OptionsCall, Piece, Run, TriggerCall, call::Call};

impl Piece {
    /// An action, to be run.
    pub fn action(&self, name: &str) -> ActionCall<'_> {
        ActionCall::new(self, name)
    }

    /// A trigger, to be enabled, polled and so on.
    pub fn trigger(&self, name: &str) -> TriggerCall<'_> {
        TriggerCall::new(self, name)
    }

    /// A property of an action or trigger, to resolve its options.
    pub fn options(&self, owner: &str, property: &str) -> OptionsCall<'_> {
        OptionsCall::new(self, owner, property)
    }

    /// Asks the piece whether the host's connection works.
    ///
    /// # Panics
    /// When the connection could not have been saved for this piece.
    pub async fn validate(&self, host: &Host) -> Run {
        Call::new(self, host, "checking the connection").run(Step::Validate).await
    }

    /// Checks what loading does not: that `describe` always returns the same metadata, and that the metadata is still valid
    /// in Activepieces' shape, in which clients get it.
    ///
    /// Invalid documents, templates that refer to an unknown field and the like are refused when the piece is loaded.
    ///
    /// # Panics
    /// When something is wrong.
    pub async fn assert_metadata_valid(&self) {
        let host = Host::new();
        host.clock().set("2099-12-31T23:59:59Z");
        let run = Call::new(self, &host, "the metadata").describe().await;
        let (said, says) = (&self.metadata().document, run.output());
        assert!(said == says, "`describe` returns different metadata each time:\n{said:#}\n{says:#}");
        let full = self.metadata().full();
        if let Err(problems) = Metadata::parse_within(&full.to_string(), usize::MAX) {
            panic!("the metadata is not valid in Activepieces' shape:\n{problems}");
        }
    }
}
