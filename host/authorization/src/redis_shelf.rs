//! Redis as a shelf: the keys and the JSON of Gauzy, so that both can share one.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use redis::{AsyncCommands as _, Client, SetExpiry, SetOptions, aio::ConnectionManager, aio::ConnectionManagerConfig};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::shelf::{Shelf, ShelfError};

/// How long Redis has to respond: who waits is a browser or a client.
const RESPONSE: Duration = Duration::from_secs(2);
/// How long it has to take a connection.
const CONNECT: Duration = Duration::from_secs(2);

/// Where Redis is.
#[derive(Clone)]
pub struct RedisUrl(SecretString);

/// A Redis address that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedisUrlError {
    /// It is no URL of Redis.
    #[error("is not a URL such as redis://127.0.0.1:6379 or rediss://redis.example.com:6380/0")]
    Malformed,
    /// It says both.
    #[error("is a redis:// URL while REDIS_TLS is true; make it a rediss:// URL, or secrets travel in the clear")]
    NotTls,
}

impl RedisUrl {
    /// The address in a URL, which must be one with TLS if `tls` is wanted.
    ///
    /// # Errors
    /// [`RedisUrlError`].
    pub fn parse(url: &SecretString, tls: bool) -> Result<Self, RedisUrlError> {
        let parsed = Url::parse(url.expose_secret()).map_err(|_| RedisUrlError::Malformed)?;
        match parsed.scheme() {
            "redis" if tls => Err(RedisUrlError::NotTls),
            "redis" | "rediss" if parsed.has_host() => Ok(Self(url.clone())),
            _ => Err(RedisUrlError::Malformed),
        }
    }

    /// The address of a host.
    ///
    /// # Errors
    /// [`RedisUrlError::Malformed`]: it is no host.
    pub fn of(
        host: &str,
        port: u16,
        tls: bool,
        user: Option<&str>,
        password: Option<&SecretString>,
    ) -> Result<Self, RedisUrlError> {
        let scheme = if tls { "rediss" } else { "redis" };
        let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
        let mut url = Url::parse(&format!("{scheme}://{host}:{port}")).map_err(|_| RedisUrlError::Malformed)?;
        if let Some(password) = password {
            let set = url
                .set_username(user.unwrap_or_default())
                .and_then(|()| url.set_password(Some(password.expose_secret())));
            set.map_err(|()| RedisUrlError::Malformed)?;
        }
        Ok(Self(String::from(url).into()))
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisUrl(…)")
    }
}

/// Redis as a shelf.
#[derive(Clone)]
pub struct RedisShelf(ConnectionManager);

impl fmt::Debug for RedisShelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisShelf")
    }
}

impl RedisShelf {
    /// A shelf that connects when it is first used, and again whenever the connection is lost. Meanwhile it fails.
    ///
    /// # Errors
    /// The address cannot be used.
    pub fn new(url: &RedisUrl) -> Result<Self, ShelfError> {
        // Both providers are linked; the process has chosen one unless it is a test.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let config = ConnectionManagerConfig::new()
            .set_response_timeout(Some(RESPONSE))
            .set_connection_timeout(Some(CONNECT))
            .set_number_of_retries(1);
        let client = Client::open(url.0.expose_secret())?;
        Ok(Self(ConnectionManager::new_lazy_with_config(client, config)?))
    }

    async fn text(&self, key: &str) -> Result<Option<String>, ShelfError> {
        Ok(self.0.clone().get(key).await?)
    }

    async fn put(&self, key: &str, text: &str, life: i64) -> Result<(), ShelfError> {
        let options = SetOptions::default().with_expiration(expiry(life));
        Ok(self.0.clone().set_options(key, text, options).await?)
    }
}

fn expiry(life: i64) -> SetExpiry {
    SetExpiry::PX(u64::try_from(life.max(1)).unwrap_or(1))
}

fn request_key(id: &str) -> String {
    format!("oauth_app_request:{id}")
}

fn decider_key(id: &str) -> String {
    format!("oauth_app_request_user:{id}")
}

fn code_key(jti: &str) -> String {
    format!("oauth_app_code:{jti}")
}

fn tries_key(jti: &str) -> String {
    format!("oauth_app_code_tries:{jti}")
}

/// How long a key that belongs to another may outlive it, in milliseconds.
const LONGEST: i64 = 600_000;

#[async_trait]
impl Shelf for RedisShelf {
    // How many there may be is for Redis' memory, and for the rate of requests.
    async fn put_request(&self, id: &str, _: &str, request: &str, now: i64, end: i64) -> Result<(), ShelfError> {
        self.put(&request_key(id), request, end.saturating_sub(now)).await
    }

    async fn request(&self, id: &str, _: i64) -> Result<Option<String>, ShelfError> {
        self.text(&request_key(id)).await
    }

    async fn claim_request(&self, id: &str, user: &str, now: i64) -> Result<Option<String>, ShelfError> {
        if self.request(id, now).await?.is_none() {
            return Ok(None);
        }
        let options = SetOptions::default().conditional_set(redis::ExistenceCheck::NX).with_expiration(expiry(LONGEST));
        let _: Option<String> = self.0.clone().set_options(decider_key(id), user, options).await?;
        self.text(&decider_key(id)).await
    }

    async fn take_request(&self, id: &str, _: i64) -> Result<Option<String>, ShelfError> {
        Ok(self.0.clone().get_del(request_key(id)).await?)
    }

    async fn put_code(&self, jti: &str, code: &str, now: i64, end: i64) -> Result<(), ShelfError> {
        self.put(&code_key(jti), code, end.saturating_sub(now)).await
    }

    async fn code(&self, jti: &str, _: i64) -> Result<Option<String>, ShelfError> {
        self.text(&code_key(jti)).await
    }

    async fn take_code(&self, jti: &str, _: i64) -> Result<bool, ShelfError> {
        let taken: Option<String> = self.0.clone().get_del(code_key(jti)).await?;
        Ok(taken.is_some())
    }

    async fn fail_code(&self, jti: &str, most: u32) -> Result<bool, ShelfError> {
        let key = tries_key(jti);
        let mut redis = self.0.clone();
        let (tries, _): (u32, bool) =
            redis::pipe().atomic().incr(&key, 1).pexpire(&key, LONGEST).query_async(&mut redis).await?;
        if tries < most {
            return Ok(false);
        }
        let removed: u32 = redis.del(code_key(jti)).await?;
        Ok(removed == 1)
    }

    async fn sweep(&self, _: i64) -> Result<u64, ShelfError> {
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_would_be_used_without_tls_against_the_setting_is_refused() {
        let parse = |url: &str, tls| RedisUrl::parse(&url.into(), tls).map(|url| url.0.expose_secret().to_owned());
        assert_eq!(parse("redis://h:1/0", false), Ok("redis://h:1/0".into()));
        assert_eq!(parse("rediss://h:1", true), Ok("rediss://h:1".into()));
        assert_eq!(parse("redis://h:1", true), Err(RedisUrlError::NotTls));
        assert_eq!(parse("http://h", false), Err(RedisUrlError::Malformed));
        let of = |host, tls, password: Option<&str>| {
            let password = password.map(SecretString::from);
            RedisUrl::of(host, 6379, tls, Some("u"), password.as_ref()).map(|url| url.0.expose_secret().to_owned())
        };
        assert_eq!(of("h", false, None), Ok("redis://h:6379".into()));
        assert_eq!(of("::1", true, Some("p@:/")), Ok("rediss://u:p%40%3A%2F@[::1]:6379".into()));
        assert_eq!(of("a b", false, None), Err(RedisUrlError::Malformed));
    }
}
