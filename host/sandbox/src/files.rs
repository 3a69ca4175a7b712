//! Files that an input names by URL, fetched by the host before the piece is entered.
//!
//! The URL comes from the caller, not from the piece: the piece's list of hosts does not apply, and neither do its private
//! grants, which are for what the piece itself asks for. Addresses that are not public need the operator's own setting.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use leno_base::budget::{Budget, Budgets};
use leno_egress::{Caps, Denied, Error, Hold, HostPattern, Meter, Policy, PrivateGrant, Request, Response};
use leno_metadata::{Coerced, FileContent, PendingFile, PieceError, Problem, Problems};

use crate::{Capabilities, Failure, budgets::CALL_FILES, host};

/// The largest file, in bytes, as in Activepieces (`AP_MAX_FILE_SIZE_MB`: 25).
const MAX_FILE: usize = 25 << 20;
/// The longest that fetching one file may take; the call's own wall time is shorter in most cases.
const MAX_TIME: Duration = Duration::from_secs(30);
/// Redirects followed to a file.
const REDIRECTS: u8 = 5;
/// Files fetched at once.
const AT_ONCE: usize = 4;

/// What holds for the files of all calls.
pub(crate) struct Files {
    policy: Policy,
    count: Arc<Budget>,
}

impl Files {
    /// Files from public addresses, and from those of `private`.
    pub(crate) fn new(budgets: &Budgets, private: Vec<PrivateGrant>) -> Self {
        let any: Vec<HostPattern> = "*".parse().into_iter().collect();
        Self { policy: Policy::new(any, private), count: budgets.get(&CALL_FILES) }
    }

    /// Fetches every pending file of `coerced` and fills it in, so that the input has at most `most` bytes, of which it
    /// has `present`. Ends with the first failure.
    pub(crate) async fn fetch(
        &self,
        coerced: &mut Coerced,
        (present, most): (usize, usize),
        capabilities: &Capabilities,
        meter: &Arc<Meter>,
    ) -> Result<(), Failure> {
        let count = u64::try_from(coerced.files.len()).unwrap_or(u64::MAX);
        self.count
            .allows(count)
            .map_err(|refused| Failure::Piece(PieceError::invalid("too-many-files", refused.to_string())))?;
        // In the input a file is base64.
        let room = most.saturating_sub(present) / 4 * 3;
        let fetch = Fetch { files: self, most, cap: MAX_FILE.min(room), capabilities, meter };
        let fetches: Vec<_> = coerced.files.iter().cloned().map(|file| fetch.one(file)).collect();
        let mut fetched = stream::iter(fetches).buffered(AT_ONCE);
        let mut bytes = 0;
        while let Some((pointer, content, _hold)) = fetched.try_next().await? {
            bytes += content.data.len();
            if bytes > room {
                return Err(fetch.too_large(&pointer));
            }
            coerced.fill(&pointer, &content).map_err(|problem| invalid(problem.into()))?;
        }
        Ok(())
    }
}

fn invalid(problems: Problems) -> Failure {
    Failure::InvalidProps(problems)
}

/// How the files of one call are fetched.
struct Fetch<'a> {
    files: &'a Files,
    /// The limit of the input, and what of it is left for one file.
    most: usize,
    cap: usize,
    capabilities: &'a Capabilities,
    meter: &'a Arc<Meter>,
}

impl Fetch<'_> {
    async fn one(&self, file: PendingFile) -> Result<(String, FileContent, Hold), Failure> {
        self.meter.begin().map_err(|spent| self.failed(&file.pointer, &spent.into()))?;
        let caps = Caps { timeout: MAX_TIME, response_bytes: self.cap, ..Caps::default() };
        let request = Request { redirects: REDIRECTS, meter: self.meter.clone(), ..Request::new("GET", &file.url) };
        let sent = self.capabilities.transport.send(request, &self.files.policy, &caps).await;
        let Response { status, url, headers, body, hold } = sent.map_err(|error| self.failed(&file.pointer, &error))?;
        if !(200..300).contains(&status) {
            let message = format!("the file cannot be fetched: its server responded with status {status}");
            return Err(invalid(Problem::new(&file.pointer, message).into()));
        }
        let header = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let content =
            FileContent::from_response(&url, header("content-disposition"), header("content-type"), body.into());
        Ok((file.pointer, content, hold))
    }

    /// Why there is no file, in words for the caller. A refusal with all that the operator may know is audited.
    fn failed(&self, pointer: &str, error: &Error) -> Failure {
        match error {
            Error::TooLarge { .. } if self.cap < MAX_FILE => return self.too_large(pointer),
            Error::Spent(spent) => return Failure::Piece(PieceError::denied(error.code(), spent.to_string())),
            Error::Exhausted(refused) => return Failure::Piece(host::exhausted(refused)),
            _ => {}
        }
        if let (Some(_), Some(audit)) = (error.denied(), &self.capabilities.audit) {
            audit.denied("files", &error.for_operator());
        }
        invalid(Problem::new(pointer, format!("the file cannot be fetched: {}", explain(error))).into())
    }

    fn too_large(&self, pointer: &str) -> Failure {
        let (cap, most) = (self.cap, self.most);
        let message = format!(
            "the input has more than {most} bytes with the file at {pointer}: its files may have {cap} bytes together"
        );
        Failure::Piece(PieceError::invalid("input-too-large", message))
    }
}

/// An error in the terms of callers: the policy's messages are for pieces.
fn explain(error: &Error) -> String {
    match error.denied() {
        Some(Denied::Address { host, .. }) => format!("`{host}` resolves to an address that is not public"),
        Some(Denied::Plain { host, .. }) => format!("plain http to `{host}` is not allowed: use https"),
        Some(Denied::Port { host, port }) => format!("port {port} of `{host}` is not allowed"),
        _ => error.to_string(),
    }
}
