//! The connections of users.

mod keyring;
pub mod oauth2;

pub use self::keyring::{InvalidKey, Key, KeyId, Keyring, NoRandomness, OpenError, Place};
