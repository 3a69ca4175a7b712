//! What a service sends back to a request with credentials, before the piece sees it.

use std::{borrow::Cow, sync::Arc};

use leno_egress::Response;
use serde_json::value::RawValue;

use super::Mask;

impl Mask {
    /// The response without the call's secrets: in the URL, in the headers and in the body. Many services send credentials
    /// back: an echo, an error page, a redirect with the key in its query.
    ///
    /// A body of JSON stays JSON. Any other is masked byte by byte, whatever its media type says: a service that names no
    /// type, or the wrong one, sends the secret all the same. In a binary body a secret stands by chance once in
    /// 256ⁿ places for a secret of *n* bytes.
    pub(crate) async fn response(self: &Arc<Self>, mut response: Response) -> Response {
        if self.is_empty() {
            return response;
        }
        let texts = response.headers.iter_mut().flat_map(|(name, value)| [name, value]);
        for text in texts.chain([&mut response.url]) {
            if let Cow::Owned(masked) = self.text(text) {
                *text = masked;
            }
        }
        let body = response.body.clone();
        let masked = self.read(body.len(), move |mask| mask.body(&body)).await;
        // A body that could not be read is not passed on.
        if let Some(masked) = masked.unwrap_or_else(|_| Some(Vec::new())) {
            response.body = masked.into();
        }
        response
    }

    /// The body without secrets; `None` if it holds none.
    pub(super) fn body(&self, body: &[u8]) -> Option<Vec<u8>> {
        self.automaton(body)?;
        // A byte order mark is no part of JSON.
        let text = std::str::from_utf8(body).ok().map(|text| text.strip_prefix('\u{feff}').unwrap_or(text));
        let json = text.filter(|text| {
            let value = text.trim_start_matches([' ', '\t', '\r', '\n']);
            value.starts_with(['{', '[', '"']) && serde_json::from_str::<&RawValue>(text).is_ok()
        });
        match json {
            Some(text) => match self.json(text) {
                Cow::Owned(masked) => Some(masked.into_bytes()),
                Cow::Borrowed(_) => None,
            },
            None => self.replaced(body, body.len()),
        }
    }
}
