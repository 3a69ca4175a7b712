//! Reads a body into memory, within every limit there is.

use bytes::Bytes;

use crate::error::Error;
use crate::hold::{Held, Hold};
use crate::meter::Meter;

/// A body that is being read. Most come in one chunk, which then is the body.
pub(crate) struct Body<'a> {
    meter: &'a Meter,
    held: Held,
    /// How many bytes of memory a byte of the body takes while it is read: a decoder keeps what it has decoded.
    copies: usize,
    /// The most bytes that it may have.
    limit: usize,
    parts: Parts,
}

enum Parts {
    None,
    One(Bytes),
    Many(Vec<u8>),
}

/// Why a body was not read to its end.
pub(crate) enum Overrun {
    /// It has more bytes than the limit.
    Limit,
    /// The call's limit or a budget.
    Refused(Error),
}

impl<E: Into<Error>> From<E> for Overrun {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

impl<'a> Body<'a> {
    pub(crate) fn new(meter: &'a Meter, held: Held, decoded: bool, limit: usize) -> Self {
        Self { meter, held, copies: if decoded { 2 } else { 1 }, limit, parts: Parts::None }
    }

    /// Counts `chunk` and appends it. Room grows by doubling, but never to more than the limit.
    pub(crate) fn push(&mut self, chunk: Bytes) -> Result<(), Overrun> {
        self.meter.receive(chunk.len())?;
        if chunk.len() > self.limit - self.len() {
            return Err(Overrun::Limit);
        }
        let bytes = match std::mem::replace(&mut self.parts, Parts::None) {
            Parts::None => {
                self.held.grow_to(chunk.len() * self.copies)?;
                self.parts = Parts::One(chunk);
                return Ok(());
            }
            Parts::One(first) => {
                self.held.grow_to((first.len() + chunk.len()) * self.copies)?;
                first.to_vec()
            }
            Parts::Many(bytes) => bytes,
        };
        self.parts = Parts::Many(self.append(bytes, &chunk)?);
        Ok(())
    }

    fn append(&mut self, mut bytes: Vec<u8>, chunk: &[u8]) -> Result<Vec<u8>, Overrun> {
        let needed = bytes.len() + chunk.len();
        if needed > bytes.capacity() {
            let capacity = needed.max(bytes.capacity().saturating_mul(2)).min(self.limit.max(needed));
            self.held.grow_to(capacity * self.copies)?;
            bytes.reserve_exact(capacity - bytes.len());
        }
        bytes.extend_from_slice(chunk);
        Ok(bytes)
    }

    fn len(&self) -> usize {
        match &self.parts {
            Parts::None => 0,
            Parts::One(bytes) => bytes.len(),
            Parts::Many(bytes) => bytes.len(),
        }
    }

    /// The body, and what it holds.
    pub(crate) fn finish(self) -> (Bytes, Hold) {
        let bytes = match self.parts {
            Parts::None => Bytes::new(),
            Parts::One(bytes) => bytes,
            Parts::Many(bytes) => bytes.into(),
        };
        (bytes, self.held.keep())
    }
}
