use std::{future::Future, sync::Arc};

use leno_metadata::{ErrorKind, PieceError};

use crate::{
    Limits, Scope, Store,
    bindings::{
        store::{self, Host},
        types,
    },
    state::CallState,
};

impl From<store::Scope> for Scope {
    fn from(scope: store::Scope) -> Self {
        match scope {
            store::Scope::Flow => Self::Flow,
            store::Scope::Project => Self::Project,
        }
    }
}

fn check_key(key: &str) -> Result<(), PieceError> {
    let length = key.chars().count();
    let problem = match key.chars().enumerate().find(|(_, char)| char.is_control()) {
        _ if length == 0 || length > Limits::STORE_KEY => length.to_string(),
        Some((index, char)) => format!("U+{:04X}, which is not printable, after {index}", u32::from(char)),
        None => return Ok(()),
    };
    let message = format!("a key has 1 to {} printable characters; this one has {problem}", Limits::STORE_KEY);
    Err(PieceError::invalid("store-key-invalid", message))
}

fn check_value(value: &[u8]) -> Result<(), PieceError> {
    if value.len() <= Limits::STORE_VALUE {
        return Ok(());
    }
    let message =
        format!("the value has {} bytes; at most {} can be stored under one key", value.len(), Limits::STORE_VALUE);
    Err(PieceError::invalid("store-value-too-large", message))
}

impl CallState {
    /// Checks the key and the budget, then runs one operation within its time limit.
    async fn store_operation<T, F>(
        &mut self,
        function: &'static str,
        key: &str,
        value: Option<&[u8]>,
        operation: impl FnOnce(Arc<dyn Store>) -> F,
    ) -> wasmtime::Result<Result<T, types::Error>>
    where
        F: Future<Output = Result<T, PieceError>> + Send,
    {
        let begun = self.begin();
        let result = match self.admit(key, value) {
            Ok(store) => tokio::time::timeout(self.limits.store_wall, operation(store)).await.unwrap_or_else(|_| {
                let message = format!("the store did not respond within {} ms", self.limits.store_wall.as_millis());
                Err(PieceError::new(ErrorKind::Timeout, "store-timeout", message))
            }),
            Err(error) => Err(error),
        };
        self.end(begun, function, key, &result)?;
        Ok(result.map_err(Into::into))
    }

    fn admit(&mut self, key: &str, value: Option<&[u8]>) -> Result<Arc<dyn Store>, PieceError> {
        let store = self.reach()?.capabilities.store.clone();
        check_key(key)?;
        if self.mask.hits(key) {
            return Err(PieceError::denied("store-key-secret", "a key must not contain a secret of the connection"));
        }
        value.map_or(Ok(()), check_value)?;
        if self.store_operations >= self.limits.store_operations {
            let message = format!("one call may use the store {} times", self.limits.store_operations);
            return Err(PieceError::denied("store-limit", message));
        }
        self.store_operations += 1;
        Ok(store)
    }
}

impl Host for CallState {
    async fn get(
        &mut self,
        scope: store::Scope,
        key: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, types::Error>> {
        self.store_operation("store.get", &key, None, |store| {
            let key = &key;
            async move { store.get(scope.into(), key).await }
        })
        .await
    }

    async fn put(
        &mut self,
        scope: store::Scope,
        key: String,
        value: Vec<u8>,
        ttl_seconds: Option<u32>,
    ) -> wasmtime::Result<Result<(), types::Error>> {
        self.store_operation("store.put", &key, Some(&value), |store| {
            let (key, value) = (&key, &value);
            async move { store.put(scope.into(), key, value, ttl_seconds).await }
        })
        .await
    }

    async fn compare_and_set(
        &mut self,
        scope: store::Scope,
        key: String,
        old: Option<Vec<u8>>,
        new: Vec<u8>,
    ) -> wasmtime::Result<Result<bool, types::Error>> {
        self.store_operation("store.compare-and-set", &key, Some(&new), |store| {
            let (key, old, new) = (&key, old.as_deref(), &new);
            async move { store.compare_and_set(scope.into(), key, old, new).await }
        })
        .await
    }

    async fn delete(&mut self, scope: store::Scope, key: String) -> wasmtime::Result<Result<(), types::Error>> {
        self.store_operation("store.delete", &key, None, |store| {
            let key = &key;
            async move { store.delete(scope.into(), key).await }
        })
        .await
    }
}
