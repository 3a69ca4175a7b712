//! Where requests and codes are kept for their minutes.

use async_trait::async_trait;
use leno_base::{Digest, Owner, budget::Exhausted};
use leno_db::{
    Db, DbError,
    oauth_server::{codes, requests},
    quota::{Quota, QuotaError},
};

/// A store that fails. A shelf that cannot say whether a code was used never says that it was not.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Redis failed.
    #[error("Redis: {0}")]
    Redis(#[from] redis::RedisError),
    /// There are too many requests under way.
    #[error(transparent)]
    Full(Exhausted),
}

/// What keeps requests and codes. All times are in milliseconds since 1970. Each `take` succeeds once, whoever else takes at
/// the same time and on whichever host.
#[async_trait]
pub trait Shelf: Send + Sync {
    /// Keeps a request of the address `peer` until `end`.
    async fn put_request(&self, id: &str, peer: &str, request: &str, now: i64, end: i64) -> Result<(), ShelfError>;
    /// A request.
    async fn request(&self, id: &str, now: i64) -> Result<Option<String>, ShelfError>;
    /// Makes `user` the one who decides on a request, if nobody is yet. Returns who is.
    async fn claim_request(&self, id: &str, user: &str, now: i64) -> Result<Option<String>, ShelfError>;
    /// Takes a request.
    async fn take_request(&self, id: &str, now: i64) -> Result<Option<String>, ShelfError>;
    /// Keeps a code until `end`.
    async fn put_code(&self, jti: &str, code: &str, now: i64, end: i64) -> Result<(), ShelfError>;
    /// A code.
    async fn code(&self, jti: &str, now: i64) -> Result<Option<String>, ShelfError>;
    /// Takes a code. Returns whether this caller has it.
    async fn take_code(&self, jti: &str, now: i64) -> Result<bool, ShelfError>;
    /// Counts a request that showed a code and did not fit it. At `most` the code is gone; returns whether it is.
    async fn fail_code(&self, jti: &str, most: u32) -> Result<bool, ShelfError>;
    /// Removes what has ended. Returns how much.
    async fn sweep(&self, now: i64) -> Result<u64, ShelfError>;
}

/// The database as a shelf. Ids and codes are kept as hashes: who reads the rows cannot use them.
#[derive(Debug)]
pub struct DbShelf {
    db: Db,
    quota: Quota,
}

impl DbShelf {
    /// With a limit of requests.
    #[must_use]
    pub fn new(db: Db, quota: Quota) -> Self {
        Self { db, quota }
    }
}

/// SHA-256 in hexadecimal.
pub(crate) fn hash(text: &str) -> String {
    hex::encode(Digest::of(text.as_bytes()).as_bytes())
}

#[async_trait]
impl Shelf for DbShelf {
    async fn put_request(&self, id: &str, peer: &str, request: &str, _: i64, end: i64) -> Result<(), ShelfError> {
        let owner = Owner { tenant: "".into(), user: peer.into() };
        let mut tx = self.db.begin(&owner.tenant).await?;
        requests::insert(&mut tx, &hash(id), peer, request, end).await?;
        match self.quota.check(&mut tx, &owner).await {
            Ok(()) => Ok(tx.commit().await?),
            Err(QuotaError::Exhausted(refusal)) => Err(ShelfError::Full(refusal)),
            Err(QuotaError::Db(error)) => Err(error.into()),
        }
    }

    async fn request(&self, id: &str, now: i64) -> Result<Option<String>, ShelfError> {
        Ok(requests::find(&self.db, &hash(id), now).await?)
    }

    async fn claim_request(&self, id: &str, user: &str, now: i64) -> Result<Option<String>, ShelfError> {
        Ok(requests::claim(&self.db, &hash(id), user, now).await?)
    }

    async fn take_request(&self, id: &str, now: i64) -> Result<Option<String>, ShelfError> {
        Ok(requests::take(&self.db, &hash(id), now).await?)
    }

    async fn put_code(&self, jti: &str, code: &str, _: i64, end: i64) -> Result<(), ShelfError> {
        Ok(codes::insert(&self.db, &hash(jti), code, end).await?)
    }

    async fn code(&self, jti: &str, now: i64) -> Result<Option<String>, ShelfError> {
        Ok(codes::find(&self.db, &hash(jti), now).await?)
    }

    async fn take_code(&self, jti: &str, now: i64) -> Result<bool, ShelfError> {
        Ok(codes::take(&self.db, &hash(jti), now).await?)
    }

    async fn fail_code(&self, jti: &str, most: u32) -> Result<bool, ShelfError> {
        Ok(codes::fail(&self.db, &hash(jti), most.into()).await?)
    }

    async fn sweep(&self, now: i64) -> Result<u64, ShelfError> {
        Ok(requests::delete_expired(&self.db, now).await? + codes::delete_expired(&self.db, now).await?)
    }
}
