//! Bodies that hold their part of a budget until they are written.

use axum::body::Body;
use bytes::Bytes;
use leno_sandbox::Held;

/// A body of `bytes`, which were made of what `held` has room for. The client may take its time to read them; the room is
/// given back with the last of them.
pub(crate) fn body(bytes: Vec<u8>, held: Held) -> Body {
    Bytes::from_owner(Kept { bytes, _held: held }).into()
}

struct Kept {
    bytes: Vec<u8>,
    _held: Held,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}
