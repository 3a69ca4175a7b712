//! Bringing the tables of a database up to this version.

use crate::{Db, DbError, Kind, app_connections, connect};

impl Db {
    /// Applies the migrations. Hosts that start at the same time migrate one after the other.
    ///
    /// # Errors
    /// [`DbError::Migrate`]: the database refuses, or it was made by a newer version.
    pub async fn migrate(&self) -> Result<(), DbError> {
        let inner = self.inner();
        // sqlx's migrator takes a lock on PostgreSQL only.
        let _turn = match inner.file.clone() {
            Some(file) => Some(connect::turn(file).await?),
            None => None,
        };
        let (migrator, pool) = match inner.kind {
            Kind::Sqlite => (sqlx::migrate!("../../migrations/sqlite"), inner.write.pool()),
            // The other connections do not wait long enough for the locks of a host that migrates.
            Kind::Postgres => (sqlx::migrate!("../../migrations/postgres"), &inner.own),
        };
        migrator.run(pool).await?;
        app_connections::fold_names(self).await
    }
}
