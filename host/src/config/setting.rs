//! Every setting there is: one table for the environment, `leno.toml`, the flags of `leno serve` and its help.
//!
//! The limits of budgets are settings too; their rows come from the rooms that spend them.

use std::{borrow::Cow, sync::LazyLock};

use leno_base::budget::Spec;

use super::budget;

/// One setting.
#[derive(Debug, PartialEq, Eq)]
pub struct Setting {
    /// The environment variable.
    pub env: &'static str,
    /// The long flag, without its hyphens. Only Leno's own settings have one, and of those no secret: a command line can be
    /// read by every user of a machine.
    pub flag: Option<Cow<'static, str>>,
    /// The placeholder of a value in the help.
    pub value: &'static str,
    /// What it does, in a sentence.
    pub help: Cow<'static, str>,
    /// The default, for the help.
    pub default: Cow<'static, str>,
    /// Whether its value must not be shown.
    pub secret: bool,
}

impl Setting {
    /// The key in `leno.toml`: the variable in lower case, without `LENO_`.
    #[must_use]
    pub fn key(&self) -> String {
        self.env.strip_prefix("LENO_").unwrap_or(self.env).to_ascii_lowercase()
    }

    /// The setting of a budget's limit.
    #[must_use]
    pub fn of(spec: &Spec) -> Self {
        let owner = spec.per.as_str();
        let mut what = spec.what.chars();
        let what: String = what.next().into_iter().flat_map(char::to_uppercase).chain(what).collect();
        Self {
            env: spec.env,
            flag: Some(spec.name().replace('_', "-").into()),
            value: "N",
            help: format!("{what}, per {owner}").into(),
            default: spec.default.to_string().into(),
            secret: false,
        }
    }
}

/// All settings, those of budgets last.
pub fn all() -> impl Iterator<Item = &'static Setting> {
    static BUDGETS: LazyLock<Vec<Setting>> = LazyLock::new(|| budget::all().map(Setting::of).collect());
    ALL.iter().copied().chain(&*BUDGETS)
}

const fn borrowed(flag: Option<&'static str>) -> Option<Cow<'static, str>> {
    match flag {
        Some(flag) => Some(Cow::Borrowed(flag)),
        None => None,
    }
}

macro_rules! settings {
    ($($name:ident = $env:literal, $flag:expr, $value:literal, $default:literal, $secret:literal, $help:literal;)*) => {
        $(
            #[doc = $help]
            pub static $name: Setting =
                Setting {
                    env: $env,
                    flag: borrowed($flag),
                    value: $value,
                    help: Cow::Borrowed($help),
                    default: Cow::Borrowed($default),
                    secret: $secret,
                };
        )*
        /// All but those of budgets, in the order to show them.
        static ALL: &[&Setting] = &[$(&$name),*];
    };
}

settings! {
    LISTEN = "LENO_LISTEN", Some("listen"), "IP:PORT", "127.0.0.1:4747", false,
        "The address to listen on; port 0 picks a free one";
    ADMIN_LISTEN = "LENO_ADMIN_LISTEN", Some("admin-listen"), "IP:PORT", "none, they are served with the rest", false,
        "The address of /metrics, /api/admin and /readyz?verbose, which are then served nowhere else";
    DATA_DIR = "LENO_DATA_DIR", Some("data-dir"), "DIR", "./leno-data", false,
        "The directory of the embedded database, generated secrets and compiled code";
    PIECES_DIR = "LENO_PIECES_DIR", Some("pieces-dir"), "DIR", "./pieces", false,
        "The directory of the components; watched for changes";
    PIECES_LOCK = "LENO_PIECES_LOCK", Some("pieces-lock"), "FILE", "./pieces.lock", false,
        "What `leno lock` wrote: the digests of the components, and what each may ask for";
    LOCK_KEY = "LENO_LOCK_KEY", Some("lock-key"), "KEY", "none", false,
        "The Ed25519 public key that the lock must be signed with; see `leno lock --sign`";
    GRANTS = "LENO_GRANTS", Some("grants"), "FILE", "the [grants] of leno.toml", false,
        "A file with further [grants.NAME] tables: what each piece may do";
    PUBLIC_URL = "LENO_PUBLIC_URL", Some("public-url"), "URL", "the listening address", false,
        "The base URL at which clients reach this host";
    PRODUCTION = "LENO_PRODUCTION", Some("production"), "BOOL", "false", false,
        "Refuse insecure settings: generated or weak secrets, a public URL without https, components that are not in pieces.lock";
    DATABASE_URL = "DATABASE_URL", None, "URL", "a SQLite file in the data directory", true,
        "sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE";
    JWT_SECRET = "JWT_SECRET", None, "TEXT", "generated, kept in the data directory", true,
        "The secret that Gauzy signs access tokens with";
    INTERNAL_API_TOKEN = "INTERNAL_API_TOKEN", None, "TEXT", "none", true,
        "The token that the operator's own processes send as X-Internal-Token";
    OLD_JWT_SECRETS = "LENO_OLD_JWT_SECRETS", None, "TEXT,...", "none", true,
        "Further secrets that access tokens may be signed with, separated by commas: for a change of JWT_SECRET";
    OLD_INTERNAL_API_TOKENS = "LENO_OLD_INTERNAL_API_TOKENS", None, "TEXT,...", "none", true,
        "Further internal tokens, separated by commas: for a change of INTERNAL_API_TOKEN";
    ENCRYPTION_KEY = "INTEGRATION_ENCRYPTION_KEY", None, "KEY", "generated, kept in the data directory", true,
        "The key that encrypts connections: 64 hexadecimal characters, or any 32 characters";
    AP_ENCRYPTION_KEY = "AP_ENCRYPTION_KEY", None, "KEY", "none", true,
        "Activepieces' name of INTEGRATION_ENCRYPTION_KEY, read if that is not set";
    OLD_ENCRYPTION_KEYS = "LENO_OLD_ENCRYPTION_KEYS", None, "KEY,...", "none", true,
        "Further keys that decrypt but never encrypt, separated by commas; see `leno keys`";
    OAUTH_APP_CLIENT_ID = "GAUZY_OAUTH_APP_CLIENT_ID", None, "ID", "none", false,
        "The id of the OAuth client by which Activepieces signs in to Gauzy; further ones are registered";
    OAUTH_APP_CLIENT_SECRET = "GAUZY_OAUTH_APP_CLIENT_SECRET", None, "TEXT", "none", true,
        "Its secret";
    OAUTH_APP_CODE_SECRET = "GAUZY_OAUTH_APP_CODE_SECRET", None, "TEXT", "none", true,
        "The secret that its codes are signed with";
    OAUTH_APP_REDIRECT_URIS = "GAUZY_OAUTH_APP_REDIRECT_URIS", None, "URL,...", "none", false,
        "Where its codes may be sent, separated by commas";
    OAUTH_APP_SCOPES = "LENO_OAUTH_APP_SCOPES", Some("oauth-app-scopes"), "SCOPE,...", "any", false,
        "The scopes that it may ask for";
    JWT_TOKEN_EXPIRATION_TIME = "JWT_TOKEN_EXPIRATION_TIME", None, "SECONDS", "86400", false,
        "How long its access tokens live";
    OAUTH_CODE_SECONDS = "LENO_OAUTH_CODE_SECONDS", Some("oauth-code-seconds"), "SECONDS", "60", false,
        "How long a code lives, up to 600";
    CONSENT_URL = "LENO_CONSENT_URL", Some("consent-url"), "URL", "a page of this host", false,
        "Where users allow clients, with {request_id} in it, such as `https://app.gauzy.co/#/auth/oauth-authorize?request_id={request_id}`";
    CLIENT_REGISTRATION = "LENO_CLIENT_REGISTRATION", Some("client-registration"), "BOOL", "false", false,
        "Whether OAuth clients may register themselves (RFC 7591), as MCP clients do";
    ALLOWED_ORIGINS = "LENO_ALLOWED_ORIGINS", Some("allowed-origins"), "ORIGIN,...", "none", false,
        "Origins whose pages may use the API from a browser, embed links for connections, and sign users in to the pages of this \
         host, such as `https://app.gauzy.co`";
    REDIS_ENABLED = "REDIS_ENABLED", None, "BOOL", "false", false,
        "Whether authorization requests and codes are kept in Redis, as Gauzy keeps them, not in the database";
    REDIS_URL = "REDIS_URL", None, "URL", "REDIS_HOST and REDIS_PORT", true,
        "Where Redis is: redis:// or rediss://";
    REDIS_HOST = "REDIS_HOST", None, "HOST", "none", false,
        "The host of Redis";
    REDIS_PORT = "REDIS_PORT", None, "PORT", "none", false,
        "The port of Redis";
    REDIS_TLS = "REDIS_TLS", None, "BOOL", "false", false,
        "Whether Redis is reached by TLS only";
    REDIS_USER = "REDIS_USER", None, "NAME", "none", false,
        "The user at Redis";
    REDIS_PASSWORD = "REDIS_PASSWORD", None, "TEXT", "none", true,
        "The password at Redis";
    QUEUE_WAIT_MS = "LENO_QUEUE_WAIT_MS", Some("queue-wait-ms"), "MS", "1000", false,
        "How long a call waits for a free place before it is refused as overloaded";
    CALL_TIMEOUT_MS = "LENO_CALL_TIMEOUT_MS", Some("call-timeout-ms"), "MS", "30000", false,
        "The wall time limit of one call";
    CALL_CPU_MS = "LENO_CALL_CPU_MS", Some("call-cpu-ms"), "MS", "5000", false,
        "The CPU time limit of one call";
    CALL_MEMORY_MB = "LENO_CALL_MEMORY_MB", Some("call-memory-mb"), "MIB", "64", false,
        "The memory limit of one call";
    WEBHOOK_PRIVATE = "LENO_WEBHOOK_PRIVATE", Some("webhook-private"), "NET,...", "none", false,
        "Private addresses to which webhooks may be sent, such as 127.0.0.1:8080 or 10.0.0.0/8";
    FILE_PRIVATE = "LENO_FILE_PRIVATE", Some("file-private"), "NET,...", "none", false,
        "Private addresses from which files that an input names by URL may be fetched";
    LOG = "LENO_LOG", Some("log"), "FILTER", "info", false,
        "The log level: off, error, warn, info, debug, trace, or per module as in `info,leno::api=debug`";
    LOG_FORMAT = "LENO_LOG_FORMAT", Some("log-format"), "FORMAT", "text", false,
        "The format of the log: text or json";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_and_keys_are_called_like_their_variable_and_secrets_have_no_flag() {
        for setting in all() {
            let open = setting.env.strip_prefix("LENO_").filter(|_| !setting.secret);
            assert_eq!(
                setting.flag.as_deref().map(str::to_owned),
                open.map(|name| name.to_lowercase().replace('_', "-"))
            );
        }
        assert_eq!(Setting::of(&leno_sandbox::budgets::MAX_CALLS_PER_PIECE).key(), "max_calls_per_piece");
        assert_eq!(DATABASE_URL.key(), "database_url");
    }
}
