//! A browser without a screen: cookies, and redirects that are followed where they can be seen.

use anyhow::Context as _;
use reqwest::Method;
use reqwest::header::HeaderMap;

/// More than any sign-in takes.
const MOST_REDIRECTS: usize = 20;

/// A browser with its cookies.
///
/// Like real ones it keeps cookies by host and path, whatever the port, and sends those marked `Secure` to loopback.
#[derive(Debug, Default)]
pub struct Browser {
    http: reqwest::Client,
    cookies: Vec<Cookie>,
    /// Every URL that was opened, in order.
    pub history: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Cookie {
    host: String,
    path: String,
    name: String,
    value: String,
}

/// What the browser shows.
#[derive(Debug, Clone)]
pub struct Page {
    /// Its origin.
    pub url: String,
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The body.
    pub text: String,
}

impl Page {
    /// A header's text; empty when absent.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl Browser {
    /// A browser that has been nowhere.
    ///
    /// # Panics
    /// Never for these settings.
    #[must_use]
    pub fn new() -> Self {
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build();
        Self { http: http.expect("the client's settings are right"), cookies: Vec::new(), history: Vec::new() }
    }

    /// Opens `url` and follows where it leads.
    ///
    /// # Errors
    /// When a server does not respond, or redirects in circles.
    pub async fn open(&mut self, url: &str) -> anyhow::Result<Page> {
        let mut url = url.to_owned();
        for _ in 0..MOST_REDIRECTS {
            let page = self.step(&url).await?;
            match location(&page)? {
                Some(next) => url = next,
                None => return Ok(page),
            }
        }
        anyhow::bail!("{MOST_REDIRECTS} redirects do not end: {:?}", self.history)
    }

    /// Opens `url`, and follows redirects until one leads to a URL that starts with `prefix`. Returns that URL,
    /// unopened.
    ///
    /// # Errors
    /// When nothing leads there.
    pub async fn open_until(&mut self, url: &str, prefix: &str) -> anyhow::Result<String> {
        let mut url = url.to_owned();
        for _ in 0..MOST_REDIRECTS {
            let page = self.step(&url).await?;
            url = location(&page)?.with_context(|| format!("{} ends with {}: {}", page.url, page.status, page.text))?;
            if url.starts_with(prefix) {
                return Ok(url);
            }
        }
        anyhow::bail!("{MOST_REDIRECTS} redirects do not end: {:?}", self.history)
    }

    /// Opens `url` and follows nothing.
    ///
    /// # Errors
    /// When the server does not respond.
    pub async fn step(&mut self, url: &str) -> anyhow::Result<Page> {
        self.history.push(url.to_owned());
        let request = self.http.get(url);
        self.send(request, url).await
    }

    /// Sends JSON with a bearer token, as a script on a page of the same host would: with this browser's cookies, and
    /// keeping those that the response sets.
    ///
    /// # Errors
    /// When the server does not respond.
    pub async fn fetch(
        &mut self,
        method: Method,
        url: &str,
        token: &str,
        body: &serde_json::Value,
    ) -> anyhow::Result<Page> {
        let request = self.http.request(method, url).bearer_auth(token).json(body);
        self.send(request, url).await
    }

    /// The cookies, name and value, that would be sent to `url`.
    ///
    /// # Errors
    /// When it is no URL.
    pub fn cookies(&self, url: &str) -> anyhow::Result<Vec<(&str, &str)>> {
        let url = reqwest::Url::parse(url)?;
        let sent = self.sent_to(&url);
        Ok(sent.map(|cookie| (cookie.name.as_str(), cookie.value.as_str())).collect())
    }

    async fn send(&mut self, request: reqwest::RequestBuilder, url: &str) -> anyhow::Result<Page> {
        let target = reqwest::Url::parse(url).with_context(|| format!("{url:?} is no URL"))?;
        let cookies: Vec<String> =
            self.sent_to(&target).map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        let request = if cookies.is_empty() { request } else { request.header("cookie", cookies.join("; ")) };
        let response = request.send().await.with_context(|| format!("no answer from {url}"))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        for set in headers.get_all("set-cookie") {
            self.keep(&target, set.to_str()?);
        }
        Ok(Page { url: url.to_owned(), status, headers, text: response.text().await? })
    }

    fn sent_to(&self, url: &reqwest::Url) -> impl Iterator<Item = &Cookie> {
        let (host, path) = (url.host_str().unwrap_or_default().to_owned(), url.path().to_owned());
        self.cookies.iter().filter(move |cookie| {
            let below = path.strip_prefix(&cookie.path);
            let inside = |rest: &str| rest.is_empty() || rest.starts_with('/') || cookie.path.ends_with('/');
            cookie.host == host && below.is_some_and(inside)
        })
    }

    /// RFC 6265, section 5.3, as far as servers on loopback use it.
    fn keep(&mut self, url: &reqwest::Url, set: &str) {
        let mut parts = set.split(';').map(str::trim);
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { return };
        let host = url.host_str().unwrap_or_default().to_owned();
        // Without a path it is that of the directory.
        let directory = url.path().rsplit_once('/').map_or("", |(directory, _)| directory);
        let mut path = if directory.is_empty() { "/".to_owned() } else { directory.to_owned() };
        let mut ended = false;
        for part in parts {
            let (attribute, given) = part.split_once('=').unwrap_or((part, ""));
            match attribute.to_ascii_lowercase().as_str() {
                "path" if given.starts_with('/') => given.clone_into(&mut path),
                "max-age" => ended = given.parse::<i64>().is_ok_and(|seconds| seconds <= 0),
                "expires" if given.contains(" 1970 ") => ended = true,
                _ => {}
            }
        }
        self.cookies.retain(|cookie| !(cookie.host == host && cookie.path == path && cookie.name == name));
        if !ended {
            self.cookies.push(Cookie { host, path, name: name.to_owned(), value: value.to_owned() });
        }
    }
}

fn location(page: &Page) -> anyhow::Result<Option<String>> {
    if !(300..400).contains(&page.status) {
        return Ok(None);
    }
    let location = page.header("location");
    Ok(Some(reqwest::Url::parse(&page.url)?.join(location)?.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_go_to_their_host_and_path_until_they_end() {
        let url = |text| reqwest::Url::parse(text).unwrap();
        let mut browser = Browser::new();
        browser.keep(&url("http://127.0.0.1:1/api/oauth2/start"), "a=1; HttpOnly; Secure; Path=/api");
        browser.keep(&url("http://127.0.0.1:1/api/oauth2/start"), "b=2");
        browser.keep(&url("http://127.0.0.1:1/x"), "c=3");
        let sent = |browser: &Browser, text| {
            browser.cookies(text).unwrap().into_iter().map(|(name, _)| name).collect::<Vec<_>>().join(",")
        };
        assert_eq!(sent(&browser, "http://127.0.0.1:2/api/oauth2/callback?x=1"), "a,b,c");
        assert_eq!(sent(&browser, "http://127.0.0.1:2/apis"), "c");
        assert_eq!(sent(&browser, "http://localhost:1/api"), "");
        browser.keep(&url("http://127.0.0.1:1/x"), "c=; Max-Age=0");
        browser.keep(&url("http://127.0.0.1:1/api/x"), "a=; path=/api; expires=Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(sent(&browser, "http://127.0.0.1:1/api/oauth2/x"), "b");
    }
}
