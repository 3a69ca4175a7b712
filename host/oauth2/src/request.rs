//! Token requests (RFC 6749, sections 4.1.3, 4.4.2 and 6): a form, and where the client's credentials go in it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use leno_metadata::AuthorizationMethod;
use secrecy::SecretString;
use serde_json::{Map, Value};
use url::form_urlencoded;
use zeroize::Zeroizing;

use crate::{mask::Sent, template};

/// The client of a token request.
#[derive(Clone, Copy)]
pub(super) struct ClientAuth<'a> {
    pub(super) id: &'a str,
    /// Empty for a public client.
    pub(super) secret: &'a str,
    pub(super) method: AuthorizationMethod,
}

/// What for.
#[derive(Clone, Copy)]
pub(super) enum Grant<'a> {
    Code {
        code: &'a str,
        redirect_url: &'a str,
        verifier: Option<&'a str>,
    },
    ClientCredentials {
        /// Not sent when it is empty.
        scope: &'a str,
        props: &'a Map<String, Value>,
        /// The props that fill the piece's addresses: they are not the provider's business.
        own: &'a [&'a str],
        verifier: Option<&'a str>,
    },
    Refresh {
        token: &'a str,
    },
    /// RFC 7009, section 2.1. Not a grant, but the same form.
    Revoke {
        token: &'a str,
        hint: &'static str,
    },
}

/// A request, ready to send. Zeroed on drop.
pub(super) struct Form {
    pub(super) body: Zeroizing<String>,
    /// The `authorization` header, when the credentials go there.
    pub(super) authorization: Option<SecretString>,
    /// Values that must not appear in a message.
    pub(super) sent: Sent,
}

/// Parameters that a prop cannot add a second time.
const RESERVED: [&str; 6] = ["grant_type", "scope", "client_id", "client_secret", "code_verifier", "redirect_uri"];

impl Form {
    /// The parameters in the order of the reference: the grant's, then the client's.
    pub(super) fn new(grant: Grant<'_>, client: ClientAuth<'_>) -> Self {
        let mut sent = Sent::default();
        let mut pairs: Vec<(&str, Zeroizing<String>)> = Vec::new();
        let mut push = |name, value: &str| pairs.push((name, Zeroizing::new(value.to_owned())));
        match grant {
            Grant::Code { code, redirect_url, verifier } => {
                sent.add(code);
                push("grant_type", "authorization_code");
                push("code", code);
                push("redirect_uri", redirect_url);
                if let Some(verifier) = verifier {
                    sent.add(verifier);
                    push("code_verifier", verifier);
                }
            }
            Grant::ClientCredentials { scope, props, own, verifier } => {
                push("grant_type", "client_credentials");
                let scope = template::fill(scope, props);
                if !scope.is_empty() {
                    push("scope", &scope);
                }
                for (name, value) in props {
                    let kept = RESERVED.contains(&name.as_str()) || own.contains(&name.as_str());
                    if let (Some(text), false) = (template::text(value), kept) {
                        // Nothing says here which of them are secret; a long one may be.
                        if text.len() >= leno_metadata::SHORTEST_MASKED {
                            sent.add(&text);
                        }
                        pairs.push((name, Zeroizing::new(text)));
                    }
                }
                if let Some(verifier) = verifier {
                    sent.add(verifier);
                    pairs.push(("code_verifier", Zeroizing::new(verifier.to_owned())));
                }
            }
            Grant::Refresh { token } => {
                sent.add(token);
                push("grant_type", "refresh_token");
                push("refresh_token", token);
            }
            Grant::Revoke { token, hint } => {
                sent.add(token);
                push("token", token);
                push("token_type_hint", hint);
            }
        }
        sent.add(client.secret);
        let authorization = match client.method {
            AuthorizationMethod::Body => {
                pairs.push(("client_id", Zeroizing::new(client.id.to_owned())));
                if !client.secret.is_empty() {
                    pairs.push(("client_secret", Zeroizing::new(client.secret.to_owned())));
                }
                None
            }
            // Raw, as Activepieces sends it: RFC 6749 would have it form-encoded first, which few servers undo.
            AuthorizationMethod::Header => {
                let pair = Zeroizing::new(format!("{}:{}", client.id, client.secret));
                sent.add_basic(&pair);
                Some(SecretString::from(format!("Basic {}", STANDARD.encode(pair.as_bytes()))))
            }
        };
        // Room for all of it escaped: a growing buffer would leave copies of secrets behind.
        let room = pairs.iter().map(|(name, value)| 3 * (name.len() + value.len()) + 2).sum();
        let mut form = form_urlencoded::Serializer::new(String::with_capacity(room));
        for (name, value) in &pairs {
            form.append_pair(name, value);
        }
        Self { body: Zeroizing::new(form.finish()), authorization, sent }
    }

    /// The header's text, for the test of it.
    #[cfg(test)]
    fn header(&self) -> Option<&str> {
        self.authorization.as_ref().map(secrecy::ExposeSecret::expose_secret)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const BODY: ClientAuth<'_> = ClientAuth { id: "id", secret: "se:c&r t", method: AuthorizationMethod::Body };
    const HEADER: ClientAuth<'_> = ClientAuth { method: AuthorizationMethod::Header, ..BODY };

    #[test]
    fn the_bodies_are_the_golden_ones() {
        let code = Grant::Code { code: "c+1/=", redirect_url: "https://app.test/cb", verifier: Some("ver") };
        let grant =
            "grant_type=authorization_code&code=c%2B1%2F%3D&redirect_uri=https%3A%2F%2Fapp.test%2Fcb&code_verifier=ver";
        let body = Form::new(code, BODY);
        assert_eq!(*body.body, format!("{grant}&client_id=id&client_secret=se%3Ac%26r+t"));
        assert_eq!(body.header(), None);
        let header = Form::new(code, HEADER);
        assert_eq!(*header.body, grant);
        assert_eq!(header.header(), Some("Basic aWQ6c2U6YyZyIHQ="));
        assert_eq!(header.sent.words("c+1/= ver se:c&r t aWQ6c2U6YyZyIHQ="), "*** *** *** ***");

        let props = json!({"t": "T", "n": 1, "o": {}, "nul": null});
        let props = props.as_object().unwrap();
        let grant = Grant::ClientCredentials { scope: "x {t}", props, own: &[], verifier: None };
        assert_eq!(
            *Form::new(grant, BODY).body,
            "grant_type=client_credentials&scope=x+T&t=T&n=1&client_id=id&client_secret=se%3Ac%26r+t"
        );
        let refresh = Form::new(Grant::Refresh { token: "r/t" }, BODY);
        assert_eq!(
            *refresh.body,
            "grant_type=refresh_token&refresh_token=r%2Ft&client_id=id&client_secret=se%3Ac%26r+t"
        );
        let revoke = Form::new(Grant::Revoke { token: "r/t", hint: "refresh_token" }, HEADER);
        assert_eq!(*revoke.body, "token=r%2Ft&token_type_hint=refresh_token");
    }

    #[test]
    fn a_prop_cannot_pose_as_a_parameter_and_those_of_addresses_are_not_posted() {
        let props = json!({"grant_type": "password", "client_id": "x", "scope": "y", "audience": "z", "token_url": "https://t"});
        let props = props.as_object().unwrap();
        let grant = Grant::ClientCredentials { scope: "", props, own: &["token_url"], verifier: Some("v") };
        let public = ClientAuth { secret: "", ..BODY };
        assert_eq!(
            *Form::new(grant, public).body,
            "grant_type=client_credentials&audience=z&code_verifier=v&client_id=id"
        );
    }
}
