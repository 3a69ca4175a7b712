//! Which request is meant.

use std::{fmt, sync::Arc};

use serde::Serialize;
use serde_json::Value;
use url::Url;

use super::sent::{SentRequest, shortened};

type Condition = Arc<dyn Fn(&SentRequest) -> bool + Send + Sync>;

/// Describes a request. Made by [`get`], [`post`] and the like; what it does not mention does not matter.
#[derive(Clone)]
#[must_use = "hand it to `Http::expect` or `Http::allow`"]
pub struct Matcher {
    method: String,
    url: Url,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    without: Vec<String>,
    authorized: Option<bool>,
    body: Option<Body>,
    conditions: Vec<(String, Condition)>,
}

#[derive(Clone)]
enum Body {
    Json(Value),
    Bytes(Vec<u8>),
}

/// A request with any method. If `url` has a query, the request has exactly these parameters, in any order.
///
/// # Panics
/// When `url` is not an absolute URL.
#[track_caller]
pub fn request(method: &str, url: &str) -> Matcher {
    let url = Url::parse(url).unwrap_or_else(|error| panic!("`{url}` is not an absolute URL: {error}"));
    Matcher {
        method: method.to_ascii_uppercase(),
        url,
        query: Vec::new(),
        headers: Vec::new(),
        without: Vec::new(),
        authorized: None,
        body: None,
        conditions: Vec::new(),
    }
}

macro_rules! methods {
    ($($name:ident: $method:literal),*) => {$(
        #[doc = concat!("A ", $method, " request; see [`request`].")]
        ///
        /// # Panics
        /// When `url` is not an absolute URL.
        #[track_caller]
        pub fn $name(url: &str) -> Matcher {
            request($method, url)
        }
    )*};
}
methods!(get: "GET", head: "HEAD", post: "POST", put: "PUT", patch: "PATCH", delete: "DELETE");

impl Matcher {
    /// With this query parameter among others.
    pub fn query(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.query.push((name.to_owned(), value.to_string()));
        self
    }

    /// With this header. Those that the host adds for the connection count.
    pub fn header(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.to_string()));
        self
    }

    /// Without a header of this name.
    pub fn without_header(mut self, name: &str) -> Self {
        self.without.push(name.to_ascii_lowercase());
        self
    }

    /// With credentials that the host added.
    pub fn authorized(mut self) -> Self {
        self.authorized = Some(true);
        self
    }

    /// Without credentials of the host.
    pub fn not_authorized(mut self) -> Self {
        self.authorized = Some(false);
        self
    }

    /// With this JSON body.
    ///
    /// # Panics
    /// When `body` cannot be written as JSON.
    #[track_caller]
    pub fn json(mut self, body: impl Serialize) -> Self {
        let body =
            serde_json::to_value(body).unwrap_or_else(|error| panic!("the body cannot be written as JSON: {error}"));
        self.body = Some(Body::Json(body));
        self
    }

    /// With exactly this body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(Body::Bytes(body.into()));
        self
    }

    /// With any other condition; `what` describes it in messages: `its signature is right`.
    pub fn that(mut self, what: &str, holds: impl Fn(&SentRequest) -> bool + Send + Sync + 'static) -> Self {
        self.conditions.push((what.to_owned(), Arc::new(holds)));
        self
    }

    /// The differences of `sent` from this request, the most important first; empty if it matches.
    pub(super) fn differences(&self, sent: &SentRequest) -> Vec<String> {
        let mut found = Vec::new();
        if sent.method != self.method {
            found.push(format!("the method is {}", sent.method));
        }
        if self.url.origin() != sent.url.origin() || self.url.path() != sent.url.path() {
            found.push(format!("the address is {}", without_query(&sent.url)));
        }
        if self.url.query().is_some() && pairs(&self.url) != pairs(&sent.url) {
            found.push(match sent.url.query() {
                Some(query) => format!("the query is `{query}`"),
                None => "it has no query".to_owned(),
            });
        }
        for (name, value) in &self.query {
            let given: Vec<String> =
                pairs(&sent.url).into_iter().filter(|(known, _)| known == name).map(|(_, value)| value).collect();
            if !given.contains(value) {
                found.push(differs("query parameter", name, &given));
            }
        }
        for (name, value) in &self.headers {
            let given: Vec<String> =
                sent.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone()).collect();
            if !given.contains(value) {
                found.push(differs("header", name, &given));
            }
        }
        for name in self.without.iter().filter(|name| sent.header(name).is_some()) {
            found.push(format!("it has the header `{name}`"));
        }
        match self.authorized {
            Some(true) if !sent.authorized => found.push("it has no credentials from the host".to_owned()),
            Some(false) if sent.authorized => found.push("it has credentials from the host".to_owned()),
            _ => {}
        }
        match &self.body {
            Some(Body::Json(body)) if *body != sent.json() => {
                found.push(format!("the body is {}", shortened(&sent.text())));
            }
            Some(Body::Bytes(body)) if *body != sent.body => {
                found.push(format!("the body is {}", shortened(&sent.text())));
            }
            _ => {}
        }
        for (what, holds) in &self.conditions {
            if !holds(sent) {
                found.push(format!("it does not satisfy: {what}"));
            }
        }
        found
    }

    /// The weight of `differences`: another address weighs more than another header.
    pub(super) fn distance(&self, sent: &SentRequest) -> usize {
        let elsewhere = self.url.origin() != sent.url.origin() || self.url.path() != sent.url.path();
        self.differences(sent).len() + if elsewhere { 10 } else { 0 }
    }
}

fn differs(what: &str, name: &str, given: &[String]) -> String {
    match given {
        [] => format!("it has no {what} `{name}`"),
        given => format!("the {what} `{name}` is `{}`", given.join("`, `")),
    }
}

fn without_query(url: &Url) -> Url {
    let mut url = url.clone();
    url.set_query(None);
    url
}

/// The query parameters, sorted.
fn pairs(url: &Url) -> Vec<(String, String)> {
    let mut pairs: Vec<_> = url.query_pairs().into_owned().collect();
    pairs.sort();
    pairs
}

/// `GET https://api.example.com/v1, query city=Berlin, header accept: text/plain`. May hold secrets of the test.
impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.url)?;
        for (name, value) in &self.query {
            write!(f, ", query {name}={value}")?;
        }
        for (name, value) in &self.headers {
            write!(f, ", header {name}: {value}")?;
        }
        for name in &self.without {
            write!(f, ", no header {name}")?;
        }
        match self.authorized {
            Some(true) => f.write_str(", authorized")?,
            Some(false) => f.write_str(", not authorized")?,
            None => {}
        }
        match &self.body {
            Some(Body::Json(body)) => write!(f, ", body {}", shortened(&body.to_string()))?,
            Some(Body::Bytes(body)) => write!(f, ", body {}", shortened(&String::from_utf8_lossy(body)))?,
            None => {}
        }
        for (what, _) in &self.conditions {
            write!(f, ", {what}")?;
        }
        Ok(())
    }
}
