//! Which export of a piece to call.

use std::time::Duration;

use leno_metadata::{Metadata, Undeclared};

/// Which export to call, and with what. JSON goes in as text: a `String`, as wasmtime's bindings for the WIT's type `json` take
/// nothing else without a copy.
#[derive(Debug, Clone, Copy)]
pub enum Entry<'a> {
    /// `metadata.describe`: used at load.
    Describe,
    /// `actions.run`.
    Run {
        /// The action's name.
        action: &'a str,
        /// Its props, coerced.
        props: &'a String,
    },
    /// `properties.resolve`.
    Resolve {
        /// The action or trigger that the property belongs to.
        owner: &'a str,
        /// The property's name.
        property: &'a str,
        /// The values chosen so far.
        props: &'a String,
        /// The user's search text, if the property supports one.
        search: Option<&'a str>,
    },
    /// `authentication.validate`.
    Validate,
    /// `triggers.enable`.
    Enable {
        /// The trigger's name.
        trigger: &'a str,
        /// Its props, coerced.
        props: &'a String,
    },
    /// `triggers.disable`.
    Disable {
        /// The trigger's name.
        trigger: &'a str,
        /// Its props, coerced.
        props: &'a String,
    },
    /// `triggers.run`.
    Trigger {
        /// The trigger's name.
        trigger: &'a str,
        /// Its props, coerced.
        props: &'a String,
        /// The webhook request; `None` for a poll.
        event: Option<&'a String>,
    },
    /// `triggers.test`.
    Test {
        /// The trigger's name.
        trigger: &'a str,
        /// Its props, coerced.
        props: &'a String,
    },
    /// `triggers.handshake`.
    Handshake {
        /// The trigger's name.
        trigger: &'a str,
        /// Its props, coerced.
        props: &'a String,
        /// The webhook request.
        request: &'a String,
    },
    /// `triggers.renew`.
    Renew {
        /// The trigger's name.
        trigger: &'a str,
        /// Its props, coerced.
        props: &'a String,
    },
}

impl Entry<'_> {
    /// Bytes of JSON that go in.
    pub(crate) fn input_size(&self) -> usize {
        match self {
            Self::Describe | Self::Validate => 0,
            Self::Run { props, .. }
            | Self::Resolve { props, .. }
            | Self::Enable { props, .. }
            | Self::Disable { props, .. }
            | Self::Test { props, .. }
            | Self::Renew { props, .. } => props.len(),
            Self::Trigger { props, event, .. } => props.len() + event.map_or(0, String::len),
            Self::Handshake { props, request, .. } => props.len() + request.len(),
        }
    }

    /// Why the piece has no such export; `None` if it has.
    pub(crate) fn unknown(&self, metadata: &Metadata) -> Option<Undeclared> {
        match self {
            Self::Describe | Self::Validate => None,
            Self::Run { action, .. } => metadata.action(action).err(),
            Self::Resolve { owner, property, .. } => metadata.property(owner, property).err(),
            Self::Enable { trigger, .. }
            | Self::Disable { trigger, .. }
            | Self::Trigger { trigger, .. }
            | Self::Test { trigger, .. }
            | Self::Handshake { trigger, .. }
            | Self::Renew { trigger, .. } => metadata.trigger(trigger).err(),
        }
    }
}

/// How to make one call.
#[derive(Debug, Clone, Copy, Default)]
pub struct CallOptions {
    /// Lowers [`Limits::wall`](crate::Limits::wall) for this call.
    pub wall: Option<Duration>,
    /// Whether to list every host call in the report.
    pub trace: bool,
}
