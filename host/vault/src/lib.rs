//! Encryption at rest.
//!
//! - [`Keyring`] seals a secret for the row it is stored in, and opens it again; [`Key`] is one key.
//! - [`keys`] keeps the keys of a host over time: the check at the start, rotation, retirement.
//! - [`audit`] seals the audit log, so that what is changed there shows.
//!
//! This crate knows which tables hold sealed values, and nothing of what the values mean.

pub mod audit;
mod gcm;
mod keyring;
pub mod keys;

pub use self::keyring::{InvalidKey, Key, KeyId, Keyring, OpenError, Place};
