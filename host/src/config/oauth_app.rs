//! The settings of the OAuth app: Gauzy's own names, where it has them.

use std::time::Duration;

use leno_authorization::{Client, ClientKind, ClientSettings, RedisUrl, check_redirect_uri, scope};
use secrecy::SecretString;
use url::Url;

use super::{setting, source::Reader, weakness::weakness};
use crate::oauth_app::settings::{OAuthApp, Settings};

/// The shortest secret in production, in bytes.
const SHORTEST: usize = 32;

pub(super) fn read(reader: &mut Reader<'_>, production: bool) -> OAuthApp {
    OAuthApp {
        client: client(reader, production),
        settings: Settings {
            consent: reader.read(&setting::CONSENT_URL, "a URL with {request_id} in it", consent),
            origins: origins(reader),
            registration: reader.flag(&setting::CLIENT_REGISTRATION).unwrap_or(false),
        },
        code_ttl: Duration::from_secs(reader.number(&setting::OAUTH_CODE_SECONDS, 1..=600).unwrap_or(60)),
        redis: redis(reader),
    }
}

fn consent(text: &str) -> Option<String> {
    let url = Url::parse(&text.replace("{request_id}", "x")).ok()?;
    let good = matches!(url.scheme(), "https" | "http") && url.has_host() && text.contains("{request_id}");
    good.then(|| text.to_owned())
}

/// Origins (RFC 6454), as a browser writes them.
fn origins(reader: &mut Reader<'_>) -> Vec<String> {
    let one = |text: &str| {
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "https" | "http"))?;
        Some(url.origin().ascii_serialization()).filter(|origin| origin == text)
    };
    let list = |text: &str| text.split(',').map(str::trim).filter(|text| !text.is_empty()).map(one).collect();
    let expected = "origins such as https://app.gauzy.co, separated by commas, without a path";
    reader.read(&setting::ALLOWED_ORIGINS, expected, list).unwrap_or_default()
}

/// The one client that Gauzy's variables describe. All four are needed, or none.
fn client(reader: &mut Reader<'_>, production: bool) -> Option<(Client, SecretString)> {
    let id = reader.text(&setting::OAUTH_APP_CLIENT_ID);
    let secret = reader.text(&setting::OAUTH_APP_CLIENT_SECRET).map(SecretString::from);
    let code_secret = reader.text(&setting::OAUTH_APP_CODE_SECRET).map(SecretString::from);
    let uris = reader.text(&setting::OAUTH_APP_REDIRECT_URIS).unwrap_or_default();
    let uris: Vec<String> = uris.split(',').map(str::trim).filter(|uri| !uri.is_empty()).map(str::to_owned).collect();
    let scopes = reader.text(&setting::OAUTH_APP_SCOPES);
    let life = reader.number(&setting::JWT_TOKEN_EXPIRATION_TIME, ClientSettings::ACCESS_TTL).unwrap_or(86_400);
    let (id, secret, code_secret) = match (id, secret, code_secret) {
        (None, None, None) if uris.is_empty() => return None,
        (Some(id), Some(secret), Some(code_secret)) if !uris.is_empty() => (id, secret, code_secret),
        _ => {
            reader.problems.add(
                "GAUZY_OAUTH_APP_CLIENT_ID, _CLIENT_SECRET, _CODE_SECRET and _REDIRECT_URIS describe one client: set all four, \
                 or none",
            );
            return None;
        }
    };
    for uri in &uris {
        if let Err(wrong) = check_redirect_uri(uri) {
            reader.problems.add(format!("GAUZY_OAUTH_APP_REDIRECT_URIS: {uri} {wrong}"));
        }
    }
    for (name, secret) in [("CLIENT_SECRET", &secret), ("CODE_SECRET", &code_secret)] {
        if let (true, Some(wrong)) = (production, weakness(secret, SHORTEST)) {
            reader
                .problems
                .add(format!("GAUZY_OAUTH_APP_{name} {wrong}; production needs at least {SHORTEST} random bytes"));
        }
    }
    let list = |text: String| text.split([' ', ',']).filter(|one| !one.is_empty()).map(str::to_owned).collect();
    let scopes: Option<Vec<String>> = scopes.map(list);
    if let Some(wrong) = scopes.iter().flatten().find(|one| scope::parse(one).is_none()) {
        reader.problems.add(format!("LENO_OAUTH_APP_SCOPES: {wrong:?} is not a scope"));
    }
    let usual = ClientSettings::new(ClientKind::Confidential, uris);
    let settings = ClientSettings { allowed_scopes: scopes, access_token_ttl: life, ..usual };
    let client = Client {
        id,
        tenant: None,
        name: "Activepieces".to_owned(),
        settings,
        secrets: Vec::new(),
        code_secrets: vec![code_secret],
        active: true,
    };
    Some((client, secret))
}

fn redis(reader: &mut Reader<'_>) -> Option<RedisUrl> {
    let enabled = reader.flag(&setting::REDIS_ENABLED).unwrap_or(false);
    let tls = reader.flag(&setting::REDIS_TLS).unwrap_or(false);
    let url = reader.text(&setting::REDIS_URL).map(SecretString::from);
    let (host, port) = (reader.text(&setting::REDIS_HOST), reader.number(&setting::REDIS_PORT, 1..=65_535));
    let user = reader.text(&setting::REDIS_USER);
    let password = reader.text(&setting::REDIS_PASSWORD).map(SecretString::from);
    if !enabled {
        return None;
    }
    let read = match (url, host, port) {
        (Some(url), _, _) => RedisUrl::parse(&url, tls).map_err(|error| format!("REDIS_URL {error}")),
        (None, Some(host), Some(port)) => {
            let port = u16::try_from(port).unwrap_or_default();
            RedisUrl::of(&host, port, tls, user.as_deref(), password.as_ref())
                .map_err(|error| format!("REDIS_HOST {error}"))
        }
        _ => Err("REDIS_ENABLED is true, but neither REDIS_URL nor REDIS_HOST and REDIS_PORT are set".to_owned()),
    };
    read.map_err(|problem| reader.problems.add(problem)).ok()
}
