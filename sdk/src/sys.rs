//! The host's functions, behind one set of plain functions: the component's imports in a component, fakes elsewhere.
//!
//! They are functions and not a trait object, so that an import which a piece never calls is not part of its component:
//! imports are permissions.

#[cfg(target_family = "wasm")]
mod component;
#[cfg(target_family = "wasm")]
pub(crate) use component::*;

#[cfg(not(target_family = "wasm"))]
pub(crate) use crate::testing::sys::*;

/// A request on its way to the host.
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

/// The host's answer.
#[derive(Clone, Debug)]
pub(crate) struct Incoming {
    pub(crate) status: u16,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}
