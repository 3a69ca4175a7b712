//! Which bytes were served under which name and version: table `piece_versions`.

use leno_base::Digest;
use sqlx::{Row as _, any::AnyRow};

use crate::{Db, DbError, Party};

/// One component that was served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PieceVersion {
    /// Short name.
    pub name: String,
    /// Version.
    pub version: String,
    /// SHA-256 of its bytes, in hexadecimal.
    pub digest: String,
    /// The file that it was last loaded from.
    pub file: String,
    /// When it was first loaded, in milliseconds since 1970.
    pub first_seen_at: i64,
    /// When it was last loaded.
    pub last_loaded_at: i64,
}

/// The history of what was served. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PieceVersions(Db);

impl PieceVersions {
    /// The history in `db`.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self(db)
    }

    /// Notes that version `version` of piece `name` (short form) was loaded from `file` at `now`.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn loaded(&self, name: &str, version: &str, digest: Digest, file: &str, now: i64) -> Result<(), DbError> {
        let sql = "INSERT INTO piece_versions (name, version, digest, file, first_seen_at, last_loaded_at) \
            VALUES ($1, $2, $3, $4, $5, $5) \
            ON CONFLICT (name, version, digest) DO UPDATE SET file = excluded.file, last_loaded_at = excluded.last_loaded_at";
        sqlx::query(sql)
            .bind(name)
            .bind(version)
            .bind(digest.to_string())
            .bind(file)
            .bind(now)
            .execute(&mut *self.0.writer(Party::Host).await?)
            .await?;
        Ok(())
    }

    /// Everything that was ever loaded under `name`, what was loaded last first.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn of(&self, name: &str) -> Result<Vec<PieceVersion>, DbError> {
        let sql = "SELECT name, version, digest, file, first_seen_at, last_loaded_at FROM piece_versions \
            WHERE name = $1 ORDER BY last_loaded_at DESC, digest";
        let rows = sqlx::query(sql).bind(name).fetch_all(&mut *self.0.reader(Party::Host).await?).await?;
        rows.iter().map(|row| read(row).map_err(DbError::from)).collect()
    }
}

fn read(row: &AnyRow) -> Result<PieceVersion, sqlx::Error> {
    Ok(PieceVersion {
        name: row.try_get("name")?,
        version: row.try_get("version")?,
        digest: row.try_get("digest")?,
        file: row.try_get("file")?,
        first_seen_at: row.try_get("first_seen_at")?,
        last_loaded_at: row.try_get("last_loaded_at")?,
    })
}
