//! The component's exports, implemented by the piece.
//!
//! No panic hook is needed: that of std writes message and location to standard error, which the host captures.

use crate::Piece;
use crate::bindings::exports::leno::piece::{actions, authentication, metadata, properties, triggers};
use crate::bindings::leno::piece::types::{Error, Json};

/// Implemented by [`piece!`](crate::piece).
#[doc(hidden)]
pub trait Source {
    /// The piece.
    fn piece() -> &'static Piece;
}

impl<S: Source> metadata::Guest for S {
    fn describe() -> Json {
        S::piece().describe()
    }
}

impl<S: Source> actions::Guest for S {
    fn run(action: String, props: Json) -> Result<Json, Error> {
        Ok(S::piece().run_action(&action, &props)?)
    }
}

impl<S: Source> properties::Guest for S {
    fn resolve(owner: String, property: String, props: Json, search: Option<String>) -> Result<Json, Error> {
        Ok(S::piece().resolve(&owner, &property, &props, search.as_deref())?)
    }
}

impl<S: Source> authentication::Guest for S {
    fn validate() -> Result<(), Error> {
        Ok(S::piece().validate()?)
    }
}

impl<S: Source> triggers::Guest for S {
    fn enable(trigger: String, props: Json) -> Result<(), Error> {
        Ok(S::piece().trigger(&trigger)?.enable(&props)?)
    }

    fn disable(trigger: String, props: Json) -> Result<(), Error> {
        Ok(S::piece().trigger(&trigger)?.disable(&props)?)
    }

    fn run(trigger: String, props: Json, event: Option<Json>) -> Result<Vec<Json>, Error> {
        Ok(S::piece().trigger(&trigger)?.run(&props, event.as_deref())?)
    }

    fn test(trigger: String, props: Json) -> Result<Vec<Json>, Error> {
        Ok(S::piece().trigger(&trigger)?.test(&props)?)
    }

    fn handshake(trigger: String, props: Json, request: Json) -> Result<Json, Error> {
        Ok(S::piece().trigger(&trigger)?.handshake(&props, &request)?)
    }

    fn renew(trigger: String, props: Json) -> Result<(), Error> {
        Ok(S::piece().trigger(&trigger)?.renew(&props)?)
    }
}
