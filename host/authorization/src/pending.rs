//! What users decide.

use leno_base::Owner;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use subtle::ConstantTimeEq as _;

use crate::{
    client::{Client, GrantType},
    code::{self, Payload},
    error::{OAuthError, Problem},
    request::{AuthorizationRequest, answer},
    server::{AuthorizationServer, Inner, ms},
    shelf::{ShelfError, hash},
    subject::Subject,
    token::Stored,
};

/// A request as a user is shown it.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The request.
    pub request: AuthorizationRequest,
    /// Who asks; `None` if the client is gone.
    pub client: Option<Client>,
}

/// Who decides, and from where.
#[derive(Debug, Clone, Copy)]
pub struct Decision<'a> {
    /// The id of the request.
    pub id: &'a str,
    /// The user.
    pub owner: &'a Owner,
    /// What the browser shows. Pages of this host have it; Gauzy's page sends a bearer token instead, and nothing else.
    pub browser: Option<&'a SecretString>,
    /// Whether the browser must be the one that sent the request.
    pub same_browser: bool,
}

/// A request that cannot be decided on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PendingError {
    /// There is none with this id.
    #[error("Authorization request not found or expired")]
    Missing,
    /// Another browser sent it, or another user looked at it first.
    #[error("this authorization request was begun by somebody else; start again at the application that sent you here")]
    Another,
    /// The client is gone, or may not do this any more.
    #[error("the application that asks is not registered any more")]
    Gone,
    /// The client is not for this user's tenant.
    #[error("the application that asks is not for users of your tenant")]
    OtherTenant,
    /// The store failed, or there are too many grants.
    #[error(transparent)]
    OAuth(#[from] OAuthError),
}

impl From<ShelfError> for PendingError {
    fn from(error: ShelfError) -> Self {
        Self::OAuth(error.into())
    }
}

impl AuthorizationServer {
    /// The request that a user looks at. From then on nobody else can decide on it.
    ///
    /// # Errors
    /// [`PendingError`].
    pub async fn pending(&self, decision: Decision<'_>) -> Result<Shown, PendingError> {
        let this = &*self.0;
        let now = this.now();
        let text = this.shelf.request(decision.id, now).await?;
        let request = read(text)?;
        check_browser(&request, decision)?;
        let who = user(decision.owner);
        match this.shelf.claim_request(decision.id, &who, now).await? {
            Some(decider) if decider == who => {}
            Some(_) => return Err(PendingError::Another),
            None => return Err(PendingError::Missing),
        }
        let client = this.client(&request.client_id).await?;
        Ok(Shown { request, client })
    }

    /// Allows what a request asks for. Returns the address that the browser goes to, with the code.
    ///
    /// # Errors
    /// [`PendingError`]. Whatever is wrong is found before the request is taken.
    pub async fn approve(&self, decision: Decision<'_>, subject: &Subject) -> Result<String, PendingError> {
        let this = &*self.0;
        let Shown { request, client } = self.pending(decision).await?;
        let client = client.ok_or(PendingError::Gone)?;
        let scope = request.scope.clone().unwrap_or_default();
        let still = client.may_use(GrantType::AuthorizationCode)
            && client.redirect_uri(Some(&request.redirect_uri)).is_some()
            && client.scope(request.scope.as_deref().filter(|scope| !scope.is_empty())).is_some();
        if !still {
            return Err(PendingError::Gone);
        }
        if !client.serves(&decision.owner.tenant) {
            return Err(PendingError::OtherTenant);
        }
        let secret = client.code_secrets.first().ok_or(PendingError::Gone)?;
        let now = this.now();
        let end = now.saturating_add(ms(this.code_ttl));
        let jti = leno_base::random::token().map_err(OAuthError::from)?;
        let payload = Payload {
            jti: jti.to_string(),
            user_id: subject.user_id.to_string(),
            tenant_id: subject.tenant_id.to_string(),
            client_id: client.id.clone(),
            redirect_uri: request.redirect_uri.clone(),
            scope,
            exp: u64::try_from(end / 1000).unwrap_or_default(),
        };
        let stored = Stored::new(subject.clone(), &request);
        let stored = serde_json::to_string(&stored).unwrap_or_default();
        // The request first, so that it makes one code; a code that is not stored afterwards is none.
        let taken = this.shelf.take_request(decision.id, now).await?;
        taken.ok_or(PendingError::Missing)?;
        this.shelf.put_code(&jti, &stored, now, end).await?;
        this.decided(decision, &request, "oauth.approved").await;
        let code = code::sign(&payload, secret);
        Ok(answer(&request.redirect_uri, request.state.as_deref(), &this.issuer, &[("code", &code)])?)
    }

    /// Refuses what a request asks for, and ends the request. Returns the address that the browser goes to.
    ///
    /// # Errors
    /// [`PendingError`].
    pub async fn deny(&self, decision: Decision<'_>) -> Result<String, PendingError> {
        let this = &*self.0;
        let Shown { request, client } = self.pending(decision).await?;
        let taken = this.shelf.take_request(decision.id, this.now()).await?;
        taken.ok_or(PendingError::Missing)?;
        this.decided(decision, &request, "oauth.denied").await;
        let client = client.ok_or(PendingError::Gone)?;
        client.redirect_uri(Some(&request.redirect_uri)).ok_or(PendingError::Gone)?;
        let told = [("error", Problem::AccessDenied.as_str()), ("error_description", "the user refused")];
        Ok(answer(&request.redirect_uri, request.state.as_deref(), &this.issuer, &told)?)
    }
}

impl Inner {
    async fn decided(&self, decision: Decision<'_>, request: &AuthorizationRequest, event: &'static str) {
        let detail = json!({"scope": request.scope, "redirectUri": request.redirect_uri});
        let entry = self.entry(decision.owner, decision.owner.actor(), event, &request.client_id, detail);
        self.record(entry).await;
    }
}

/// A user, among those of all tenants.
fn user(owner: &Owner) -> String {
    format!("{}/{}", owner.tenant, owner.user)
}

fn read(text: Option<String>) -> Result<AuthorizationRequest, PendingError> {
    let text = text.ok_or(PendingError::Missing)?;
    // One that another system put there may be of another form.
    serde_json::from_str(&text).map_err(|_| PendingError::Missing)
}

fn check_browser(request: &AuthorizationRequest, decision: Decision<'_>) -> Result<(), PendingError> {
    let expected = request.browser_hash.as_deref();
    let shown = decision.browser.map(|browser| hash(browser.expose_secret()));
    let same = match (expected, shown) {
        (Some(expected), Some(shown)) => shown.as_bytes().ct_eq(expected.as_bytes()).into(),
        // Gauzy makes requests that are bound to no browser.
        (None, _) => true,
        (Some(_), None) => !decision.same_browser,
    };
    if same { Ok(()) } else { Err(PendingError::Another) }
}
