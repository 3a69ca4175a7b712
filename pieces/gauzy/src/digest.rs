//! Short names of texts, for keys of the store and for telling whether something has changed.

use sha2::{Digest as _, Sha256};

/// A digest of several texts: 32 hexadecimal digits. Each text's length is part of it.
pub(crate) fn short(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn texts_that_join_to_the_same_differ() {
        assert_ne!(short(&["ab", "c"]), short(&["a", "bc"]));
        assert_eq!(short(&["a"]).len(), 32);
    }
}
