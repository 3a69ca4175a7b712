//! Files that an input names by URL, fetched by the host before the piece is entered.
//!
//! The URL comes from the caller, not from the piece, so the piece's list of hosts does not apply; non-public addresses
//! stay closed unless the piece has a grant for them.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use leno_egress::{Caps, HostPattern, Policy, Request, Transport};
use leno_metadata::{Coerced, FileContent, PendingFile, Problem, Problems};

use crate::{Failure, Piece};

/// The largest file, in bytes, as in Activepieces (`AP_MAX_FILE_SIZE_MB`: 25).
const MAX_FILE: usize = 25 << 20;
/// The longest that fetching one file may take; the call's own wall time is shorter in most cases.
const MAX_TIME: Duration = Duration::from_secs(30);
/// Redirects followed to a file.
const REDIRECTS: u8 = 5;
/// Files fetched at once.
const AT_ONCE: usize = 4;

/// Fetches every pending file of `coerced` and fills it in. Ends with the first failure, and as soon as the files together
/// are larger than the input that `piece` accepts.
pub(crate) async fn fetch(piece: &Piece, transport: &Arc<dyn Transport>, coerced: &mut Coerced) -> Result<(), Failure> {
    let any: Vec<HostPattern> = "*".parse().into_iter().collect();
    let policy = Policy::new(any, piece.grant().private.clone());
    let fetches: Vec<_> = coerced.files.iter().cloned().map(|file| one(transport, &policy, file)).collect();
    let mut fetched = stream::iter(fetches).buffered(AT_ONCE);
    let mut bytes = 0;
    while let Some((pointer, content)) = fetched.try_next().await.map_err(|problem| invalid(problem.into()))? {
        // In the input a file is base64.
        bytes += content.data.len().div_ceil(3) * 4;
        piece.accept(bytes)?;
        coerced.fill(&pointer, &content).map_err(|problem| invalid(problem.into()))?;
    }
    Ok(())
}

fn invalid(problems: Problems) -> Failure {
    Failure::InvalidProps(problems)
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
        let message = format!("the file cannot be fetched: its server responded with status {}", response.status);
        return Err(Problem::new(&file.pointer, message));
    }
    let content = FileContent::from_response(
        &response.url,
        response.header("content-disposition"),
        response.header("content-type"),
        response.body.to_vec(),
    );
    Ok((file.pointer, content))
}
