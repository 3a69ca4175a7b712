//! Which requests a test has arranged, and which came.

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{Fault, Matcher, Reply, SentRequest};
use crate::mask::Mask;

/// Makes the response to a request.
pub(super) type Responder = Arc<dyn Fn(&SentRequest) -> Result<Reply, Fault> + Send + Sync>;

/// One arrangement.
pub(super) struct Arranged {
    pub(super) matcher: Matcher,
    pub(super) responder: Responder,
    /// How often it has to come; `None`: any number of times, including none.
    pub(super) times: Option<u32>,
    pub(super) seen: u32,
}

impl Arranged {
    fn is_open(&self) -> bool {
        self.times.is_none_or(|times| self.seen < times)
    }

    fn is_owed(&self) -> bool {
        self.times.is_some_and(|times| self.seen < times)
    }
}

#[derive(Default)]
struct Ledger {
    arranged: Vec<Arranged>,
    sent: Vec<SentRequest>,
    unexpected: Vec<String>,
}

/// The network of one [`Host`](crate::Host).
pub(crate) struct Script {
    ledger: Mutex<Ledger>,
    pub(crate) mask: Arc<Mask>,
}

impl Script {
    pub(crate) fn new(mask: Arc<Mask>) -> Self {
        Self { ledger: Mutex::default(), mask }
    }

    pub(super) fn arrange(&self, arranged: Arranged) {
        self.lock().arranged.push(arranged);
    }

    /// The response to a request, or the problem with it.
    pub(super) fn answer(&self, sent: &SentRequest) -> Result<Responder, String> {
        let mut ledger = self.lock();
        ledger.sent.push(sent.clone());
        let fits = |arranged: &&mut Arranged| arranged.is_open() && arranged.matcher.differences(sent).is_empty();
        if let Some(arranged) = ledger.arranged.iter_mut().find(fits) {
            arranged.seen += 1;
            return Ok(arranged.responder.clone());
        }
        let complaint = self.mask.text(&complaint(&ledger.arranged, sent));
        ledger.unexpected.push(complaint.clone());
        Err(complaint)
    }

    /// The requests that came, in order.
    pub(super) fn sent(&self) -> Vec<SentRequest> {
        self.lock().sent.clone()
    }

    /// Everything that differs from what was arranged; each difference is reported once.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let mut ledger = self.lock();
        let mut complaints = std::mem::take(&mut ledger.unexpected);
        for arranged in ledger.arranged.iter_mut().filter(|arranged| arranged.is_owed()) {
            let times = arranged.times.unwrap_or_default();
            let how = match (times, arranged.seen) {
                (1, _) => "was never sent".to_owned(),
                (times, seen) => format!("was sent {seen} times instead of {times}"),
            };
            complaints.push(self.mask.text(&format!("an expected request {how}:\n  {}", arranged.matcher)));
            arranged.seen = times;
        }
        complaints
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The most arrangements that a complaint lists.
const LISTED: usize = 5;

/// Describes, for a request that nothing fits, the closest arrangement and the difference.
fn complaint(arranged: &[Arranged], sent: &SentRequest) -> String {
    let mut text = format!("the piece sent an unexpected request:\n  {sent}");
    let mut near: Vec<&Arranged> = arranged.iter().collect();
    near.sort_by_key(|arranged| arranged.matcher.distance(sent));
    text.push_str(if near.is_empty() { "\n  nothing was expected" } else { "\n  expected:" });
    for arranged in near.iter().take(LISTED) {
        let differences = arranged.matcher.differences(sent);
        let why = match differences.is_empty() {
            true => format!("it was sent {} times already", arranged.seen),
            false => differences.join("; "),
        };
        // Writing to a string does not fail.
        let _ = write!(text, "\n  - {}\n    but {why}", arranged.matcher);
    }
    if near.len() > LISTED {
        let _ = write!(text, "\n  and {} others", near.len() - LISTED);
    }
    text
}
