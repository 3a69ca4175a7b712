//! AES-256-GCM with a nonce of any length (NIST SP 800-38D): the workflow builder's first format had one of 16 bytes, which
//! common libraries do not take. Opens only; used by the import.

use aes::Aes256;
use cbc::cipher::{BlockCipherEncrypt as _, KeyInit as _};
use subtle::ConstantTimeEq as _;

/// x^128 + x^7 + x^2 + x + 1, bits reflected.
const POLYNOMIAL: u128 = 0xe1 << 120;

/// Checks `tag` and decrypts; `None` when the tag does not match.
pub(super) fn open(key: &[u8; 32], nonce: &[u8], tag: &[u8; 16], data: &[u8]) -> Option<Vec<u8>> {
    let cipher = Aes256::new(key.into());
    let encrypt = |block: u128| {
        let mut block = block.to_be_bytes().into();
        cipher.encrypt_block(&mut block);
        u128::from_be_bytes(block.into())
    };
    let hash_key = encrypt(0);
    let bits = |bytes: &[u8]| (bytes.len() as u128) << 3;
    let start = ghash(hash_key, nonce, bits(nonce));
    let expected = ghash(hash_key, data, bits(data)) ^ encrypt(start);
    if !bool::from(expected.to_be_bytes().ct_eq(tag)) {
        return None;
    }
    let mut plain = data.to_vec();
    let mut counter = start;
    for block in plain.chunks_mut(16) {
        // Only the last 32 bits count.
        counter = (counter & !0xffff_ffff) | u128::from((counter as u32).wrapping_add(1));
        block.iter_mut().zip(encrypt(counter).to_be_bytes()).for_each(|(byte, key)| *byte ^= key);
    }
    Some(plain)
}

/// The hash of `data`, padded with zeros, and of a block with its length.
fn ghash(key: u128, data: &[u8], length: u128) -> u128 {
    let mut hash = 0;
    for chunk in data.chunks(16) {
        let mut block = [0; 16];
        block.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
        hash = multiply(hash ^ u128::from_be_bytes(block), key);
    }
    multiply(hash ^ length, key)
}

/// The product in GF(2^128), without branches on secrets.
fn multiply(a: u128, b: u128) -> u128 {
    let (mut product, mut power) = (0, b);
    for bit in (0..128).rev() {
        product ^= power & ((a >> bit) & 1).wrapping_neg();
        power = (power >> 1) ^ (POLYNOMIAL & (power & 1).wrapping_neg());
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with Node's crypto.
    #[test]
    fn what_the_workflow_builder_wrote_first_opens_and_a_changed_byte_is_noticed() {
        let key: [u8; 32] = std::array::from_fn(|at| at as u8);
        let nonce: [u8; 16] = std::array::from_fn(|at| at as u8);
        let mut tag = [0; 16];
        hex::decode_to_slice("2867aaaa66dc913dd155f935b7ab7a13", &mut tag).unwrap();
        let text =
            "1c4ed40f49816812bfac9e6a07e178ec00f633f545a1f130215d3fb0faa6b8af100babce5f33bbe3964c4522cc07d741750d";
        let data = hex::decode(text).unwrap();
        let plain = open(&key, &nonce, &tag, &data).unwrap();
        assert_eq!(plain, br#"{"type":"SECRET_TEXT","secret_text":"sk-test-123"}"#);
        for at in 0..data.len() {
            let mut changed = data.clone();
            changed[at] ^= 1;
            assert_eq!(open(&key, &nonce, &tag, &changed), None);
        }
    }
}
