//! The host's functions: the imports of a component, and the fake host in native code.
//!
//! They are plain functions, not a trait object, so that the component contains only the imports that the piece calls:
//! imports are permissions.

#[cfg(target_family = "wasm")]
mod component;
#[cfg(target_family = "wasm")]
pub(crate) use component::*;

#[cfg(not(target_family = "wasm"))]
pub(crate) use crate::testing::sys::*;

/// A request to the host.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) authorize: bool,
    pub(crate) timeout_ms: Option<u32>,
    pub(crate) redirects: u8,
}

/// The response, as the host returns it.
#[derive(Clone, Debug)]
pub(crate) struct Incoming {
    pub(crate) status: u16,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}
