//! Short names of texts, for keys of the store and for telling whether something has changed.

/// The numbers of FNV-1a with 128 bits.
const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const PRIME: u128 = 0x0100_0000_0000_0000_0000_013b;

/// A digest of several texts (FNV-1a, 128 bits): 32 hexadecimal digits. Each text's length is part of it. It tells apart what
/// happens to differ; it is no protection against somebody who wants two texts to have the same.
pub(crate) fn short(parts: &[&str]) -> String {
    let mut hash = OFFSET;
    for part in parts {
        for byte in part.len().to_le_bytes().iter().chain(part.as_bytes()) {
            hash = (hash ^ u128::from(*byte)).wrapping_mul(PRIME);
        }
    }
    format!("{hash:032x}")
}

#[cfg(test)]
mod tests {
    use super::{OFFSET, PRIME, short};

    #[test]
    fn texts_that_join_to_the_same_differ() {
        assert_ne!(short(&["ab", "c"]), short(&["a", "bc"]));
        assert_eq!(short(&["a"]).len(), 32);
    }

    #[test]
    fn the_numbers_are_those_that_were_published() {
        let hash = b"a".iter().fold(OFFSET, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(PRIME));
        assert_eq!(hash, 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
    }
}
