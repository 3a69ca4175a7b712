//! An application at the server's OAuth app: how it comes by a code and spends it.

use std::net::IpAddr;

use anyhow::{Context as _, ensure};
use reqwest::{Url, redirect::Policy};
use serde_json::{Value, json};

use crate::Options;

/// Its id.
pub const CLIENT: &str = "activepieces";
/// Its secret, with characters that libraries encode, each in its own way.
pub const SECRET: &str = "s:%+ x&=7";
/// Where its codes go, unless a test has an address of its own.
pub const REDIRECT: &str = "https://cloud.activepieces.com/redirect";
/// Where the endpoints are.
pub const AT: &str = "/api/integration/ever-gauzy/oauth";

impl Options {
    /// With this application as the client of the settings, whose codes go to `redirect`.
    #[must_use]
    pub fn oauth_client(self, redirect: &str) -> Self {
        self.env("GAUZY_OAUTH_APP_CLIENT_ID", CLIENT)
            .env("GAUZY_OAUTH_APP_CLIENT_SECRET", SECRET)
            .env("GAUZY_OAUTH_APP_CODE_SECRET", "code-secret")
            .env("GAUZY_OAUTH_APP_REDIRECT_URIS", redirect)
    }
}

/// The application, at one server. It follows no redirects.
#[derive(Debug, Clone)]
pub struct OAuthClient {
    http: reqwest::Client,
    base: String,
}

/// Pairs as a form.
///
/// # Panics
/// Never for pairs.
#[must_use]
pub fn form(pairs: &[(&str, &str)]) -> String {
    let url = Url::parse_with_params("http://form", pairs).expect("it is a URL");
    url.query().unwrap_or_default().to_owned()
}

/// A parameter of an address.
///
/// # Panics
/// It is no address.
#[must_use]
pub fn parameter(url: &str, name: &str) -> Option<String> {
    let url = Url::parse(url).unwrap_or_else(|error| panic!("{url:?}: {error}"));
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The form by which a code is spent.
#[must_use]
pub fn redemption(code: &str, redirect: &str) -> String {
    form(&[
        ("grant_type", "authorization_code"),
        ("redirect_uri", redirect),
        ("code", code),
        ("client_id", CLIENT),
        ("client_secret", SECRET),
    ])
}

impl OAuthClient {
    /// At the server with this URL, from any address of this machine, or from the one given.
    ///
    /// # Panics
    /// Never for these settings.
    #[must_use]
    pub fn new(base: &str, from: Option<IpAddr>) -> Self {
        let http = reqwest::Client::builder().no_proxy().redirect(Policy::none()).local_address(from).build();
        Self { http: http.expect("the client's settings are right"), base: base.to_owned() }
    }

    /// Sends an authorization request.
    ///
    /// # Errors
    /// When the server does not respond.
    pub async fn begin(&self) -> anyhow::Result<reqwest::Response> {
        let query = [("client_id", CLIENT), ("redirect_uri", REDIRECT), ("response_type", "code"), ("state", "s")];
        self.open(&format!("{}{AT}/authorize?{}", self.base, form(&query))).await
    }

    /// Opens an address.
    ///
    /// # Errors
    /// When the server does not respond.
    pub async fn open(&self, url: &str) -> anyhow::Result<reqwest::Response> {
        Ok(self.http.get(url).send().await?)
    }

    /// What a user with this token does on Gauzy's page: allows a request.
    ///
    /// # Errors
    /// When the server does not respond.
    pub async fn approve(&self, user: &str, id: &str) -> anyhow::Result<(u16, Value)> {
        let request = self.http.post(format!("{}{AT}/authorize", self.base)).bearer_auth(user);
        told(request.json(&json!({"request_id": id})).send().await?).await
    }

    /// A fresh code of a user, who decides at the server of `other`.
    ///
    /// # Errors
    /// When the server does not respond, or refuses.
    pub async fn code(&self, other: &Self, user: &str) -> anyhow::Result<String> {
        let begun = self.begin().await?;
        let to = begun.headers().get("location").context("no redirect")?.to_str()?;
        let id = parameter(to, "request_id").with_context(|| format!("refused: {to}"))?;
        let (status, body) = other.approve(user, &id).await?;
        ensure!(status == 200, "not allowed: {body}");
        parameter(body["redirect_url"].as_str().unwrap_or_default(), "code").context("no code")
    }

    /// Posts a form.
    ///
    /// # Errors
    /// When the server does not respond.
    pub async fn post(&self, path: &str, form: String) -> anyhow::Result<reqwest::Response> {
        let request = self.http.post(format!("{}{path}", self.base)).body(form);
        Ok(request.header("content-type", "application/x-www-form-urlencoded").send().await?)
    }

    /// Sends a token request with this form.
    ///
    /// # Errors
    /// When the server does not respond.
    pub async fn token(&self, form: String) -> anyhow::Result<(u16, Value)> {
        told(self.post(&format!("{AT}/token"), form).await?).await
    }

    /// Spends a code.
    ///
    /// # Errors
    /// When the server does not respond.
    pub async fn redeem(&self, code: &str) -> anyhow::Result<(u16, Value)> {
        self.token(redemption(code, REDIRECT)).await
    }

    /// The status with which the API answers an access token.
    ///
    /// # Errors
    /// When the server does not respond.
    pub async fn opens(&self, token: &Value) -> anyhow::Result<u16> {
        let request = self.http.get(format!("{}/api/app-connections", self.base));
        let answer = request.bearer_auth(token.as_str().context("no token")?).send().await?;
        Ok(answer.status().as_u16())
    }
}

/// Status and body. Who is slowed down is told for how long.
async fn told(answer: reqwest::Response) -> anyhow::Result<(u16, Value)> {
    let status = answer.status().as_u16();
    ensure!(status != 429 || answer.headers().contains_key("retry-after"), "429 without Retry-After");
    Ok((status, answer.json().await?))
}
