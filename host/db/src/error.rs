//! What can go wrong.

/// A failure of the database.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// It cannot be reached or opened. The URL is not repeated: it may hold a password.
    #[error("the database cannot be opened: {reason}; check that DATABASE_URL is right and that its database exists")]
    Connect {
        /// What the driver said.
        reason: String,
    },
    /// The migrations failed.
    #[error("the migrations of the database failed: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A statement failed.
    #[error("the database failed: {0}")]
    Query(#[from] sqlx::Error),
}
