//! The connections of users.

mod keyring;

pub use self::keyring::{InvalidKey, Key, KeyId, Keyring, NoRandomness, OpenError, Place};
