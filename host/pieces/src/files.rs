//! Files that an input names by URL: fetched by the host before the call.
//!
//! The URL comes from whoever runs the step, not from the piece, so the piece's list of hosts does not apply; non-public
//! addresses stay closed unless the piece has a grant for them.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use leno_egress::{Caps, HostPattern, Policy, Request, Transport};
use leno_metadata::{Coerced, FileContent, PendingFile, Problem, Problems};
use leno_sandbox::Grant;

/// The largest file, in bytes, as in Activepieces (`AP_MAX_FILE_SIZE_MB`: 25).
const MAX_FILE: usize = 25 << 20;
/// How long fetching one file may take.
const MAX_TIME: Duration = Duration::from_secs(30);
/// Redirects followed to a file.
const REDIRECTS: u8 = 5;
/// Files fetched at once.
const AT_ONCE: usize = 4;

/// Fetches every pending file of `coerced` and fills it in.
///
/// # Errors
/// The problems, each with the pointer of its property.
pub async fn fetch(transport: &Arc<dyn Transport>, grant: &Grant, coerced: &mut Coerced) -> Result<(), Problems> {
    if coerced.files.is_empty() {
        return Ok(());
    }
    let any: Vec<HostPattern> = "*".parse().into_iter().collect();
    let policy = Policy::new(any, grant.private.clone());
    let fetches: Vec<_> = coerced.files.iter().cloned().map(|file| one(transport, &policy, file)).collect();
    let fetched: Vec<(String, FileContent)> = stream::iter(fetches).buffered(AT_ONCE).try_collect().await?;
    for (pointer, content) in fetched {
        coerced.fill(&pointer, &content)?;
    }
    Ok(())
}

async fn one(
    transport: &Arc<dyn Transport>,
    policy: &Policy,
    file: PendingFile,
) -> Result<(String, FileContent), Problem> {
    let caps = Caps { timeout: MAX_TIME, response_bytes: MAX_FILE, ..Caps::default() };
    let request = Request { redirects: REDIRECTS, ..Request::new("GET", &file.url) };
    let response = transport
        .send(request, policy, &caps)
        .await
        .map_err(|error| Problem::new(&file.pointer, format!("the file cannot be fetched: {error}")))?;
    if !(200..300).contains(&response.status) {
        let message = format!("the file cannot be fetched: its server answered with status {}", response.status);
        return Err(Problem::new(&file.pointer, message));
    }
    let header = |name: &str| response.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let content = FileContent::from_response(
        &response.url,
        header("content-disposition"),
        header("content-type"),
        response.body.to_vec(),
    );
    Ok((file.pointer, content))
}
