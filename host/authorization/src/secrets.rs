//! Checks of client secrets: slow on purpose, so few at a time, and none for a secret that was right before.

use std::{
    collections::HashSet,
    fmt,
    sync::{PoisonError, RwLock},
    time::Duration,
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use leno_base::{
    Digest, NoRandomness,
    budget::{Budgets, Exhausted},
    fair::Gate,
    random,
};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::{
    budgets::SECRET_CHECKS,
    client::Client,
    secret::{self, SecretHash},
};

/// How long a check waits for its turn.
const TURN: Duration = Duration::from_secs(2);
/// Checks that wait.
const QUEUE: usize = 256;
/// Secrets that are known again, each by 32 bytes.
const KNOWN: usize = 10_000;

/// What stands for a client, its hashes and a secret, in this process only.
type Stamp = [u8; 32];

pub(crate) struct Secrets {
    checks: Gate<String>,
    /// Those that were right.
    known: RwLock<HashSet<Stamp>>,
    /// Makes stamps.
    pepper: [u8; 32],
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

impl Secrets {
    pub(crate) fn new(budgets: &Budgets) -> Result<Self, NoRandomness> {
        let checks = Gate::new(budgets.get(&SECRET_CHECKS), QUEUE, TURN);
        Ok(Self { checks, known: RwLock::default(), pepper: *random::bytes::<32>()? })
    }

    /// Whether one of `candidates` is the secret of the client, or is `built_in`. A wrong one takes the same time whether there is
    /// such a client or not. Checks from one address wait for those from others.
    pub(crate) async fn prove(
        &self,
        client: Option<&Client>,
        built_in: Option<&SecretString>,
        candidates: Vec<SecretString>,
        peer: &str,
    ) -> Result<bool, Exhausted> {
        let id = client.map_or("", |client| &client.id);
        let hashes: Vec<SecretHash> = client.map(|client| client.secrets.clone()).unwrap_or_default();
        let stamps: Vec<Stamp> = candidates.iter().map(|one| self.stamp(id, &hashes, one)).collect();
        if candidates.iter().any(|candidate| built_in.is_some_and(|secret| equal(secret, candidate))) {
            return Ok(true);
        }
        {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            if stamps.iter().any(|stamp| known.contains(stamp)) {
                return Ok(true);
            }
        }
        let _turn = self.checks.enter(peer.to_owned()).await?;
        let checking = tokio::task::spawn_blocking(move || {
            // As many checks for a client that there is not as for one with one secret.
            let fits = |candidate: &SecretString| match hashes.as_slice() {
                [] => {
                    secret::check_nothing(candidate);
                    false
                }
                hashes => hashes.iter().fold(false, |fits, hash| fits | hash.fits(candidate)),
            };
            candidates.iter().map(fits).collect::<Vec<_>>()
        });
        let fits = checking.await.unwrap_or_default();
        let right = fits.iter().zip(stamps).find_map(|(fits, stamp)| fits.then_some(stamp));
        if let Some(stamp) = right {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= KNOWN {
                known.clear();
            }
            known.insert(stamp);
        }
        Ok(right.is_some())
    }

    /// Another hash makes another stamp, so a secret that is retired is not known again.
    fn stamp(&self, id: &str, hashes: &[SecretHash], secret: &SecretString) -> Stamp {
        // HMAC takes keys of every length.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.pepper).unwrap_or_else(|_| unreachable!());
        for part in [id.as_bytes(), secret.expose_secret().as_bytes()] {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        for hash in hashes {
            mac.update(hash.text().as_bytes());
        }
        mac.finalize().into_bytes().into()
    }
}

/// Compares in constant time, whatever the lengths.
fn equal(one: &SecretString, other: &SecretString) -> bool {
    let digest = |text: &SecretString| *Digest::of(text.expose_secret().as_bytes()).as_bytes();
    digest(one).ct_eq(&digest(other)).into()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_comparison_takes_as_long_wherever_the_difference_is() {
        // So long that one that stops at the first difference would take a thousandth of the time.
        let secret = "s".repeat(1 << 20);
        let other = |at: usize| SecretString::from(format!("{}x{}", &secret[..at], &secret[at + 1..]));
        let (secret, first, last) = (SecretString::from(secret.as_str()), other(0), other(secret.len() - 1));
        let quickest = |wrong: &SecretString| -> Duration {
            let times = (0..10).map(|_| {
                let begun = Instant::now();
                assert!(!equal(&secret, wrong));
                begun.elapsed()
            });
            times.min().unwrap()
        };
        let (first, last) = (quickest(&first), quickest(&last));
        assert!(first * 2 > last && last * 2 > first, "{first:?} and {last:?}");
    }
}
