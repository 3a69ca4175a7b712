//! Encryption at rest: Activepieces' AES-256-CBC `{iv, data}`, with the key's id and a MAC added.
//!
//! CBC alone does not detect a changed or moved ciphertext. Here the MAC is checked first (encrypt-then-MAC), and it
//! covers the row's place: a value copied to another row or tenant does not open, nor does one whose row was given another
//! owner. Readers of Activepieces' format ignore the extra members, so they can read what is written here.
//!
//! Version 1 of the MAC covered table, tenant and primary key only. It is read until everything under a key was rewrapped.

use std::{
    fmt,
    sync::atomic::{AtomicI64, Ordering},
};

use aes::Aes256;
use cbc::cipher::{BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _, block_padding::Pkcs7};
use hmac::{Hmac, KeyInit as _, Mac as _};
use leno_base::{NoRandomness, random};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::{Zeroize as _, Zeroizing};

type HmacSha256 = Hmac<Sha256>;

/// The version of seals that are made here.
pub(crate) const VERSION: i64 = 2;

/// Id of a key: 16 hexadecimal characters that follow from the key, so a wrong key has another id.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(String);

impl KeyId {
    /// The id's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an encryption key has 64 hexadecimal characters, or any 32 characters; this one has {0}; \
     `openssl rand -hex 32` makes one"
)]
pub struct InvalidKey(usize);

/// One key. Overwritten on drop.
pub struct Key {
    id: KeyId,
    cipher: Zeroizing<[u8; 32]>,
    mac: Zeroizing<[u8; 32]>,
    /// What seals the audit log.
    audit: Zeroizing<[u8; 32]>,
    /// The oldest version of seals that it opens.
    oldest: AtomicI64,
}

impl Key {
    /// Reads a key in one of Activepieces' forms: 64 hexadecimal characters are 32 bytes; of any other 32 characters each
    /// counts as its low byte. So 32 hexadecimal characters are *not* decoded.
    ///
    /// # Errors
    /// [`InvalidKey`] names the number of characters.
    pub fn parse(text: &SecretString) -> Result<Self, InvalidKey> {
        let text = text.expose_secret();
        let mut bytes = Zeroizing::new([0; 32]);
        if hex::decode_to_slice(text, &mut *bytes).is_err() {
            // JavaScript counts UTF-16 units, and Activepieces' key is a JavaScript string.
            let count = text.encode_utf16().count();
            if count != bytes.len() {
                return Err(InvalidKey(count));
            }
            for (byte, unit) in bytes.iter_mut().zip(text.encode_utf16()) {
                *byte = unit.to_le_bytes()[0];
            }
        }
        let id = derive(&bytes, b"leno key id v1");
        let id = KeyId(hex::encode(id.iter().take(8).copied().collect::<Vec<u8>>()));
        let (mac, audit) = (derive(&bytes, b"leno mac key v1"), derive(&bytes, b"leno audit key v1"));
        Ok(Self { id, mac, audit, cipher: bytes, oldest: AtomicI64::new(1) })
    }

    /// The key's id.
    #[must_use]
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    fn encrypt(&self, plain: &[u8], iv: &[u8; 16]) -> Vec<u8> {
        cbc::Encryptor::<Aes256>::new((&*self.cipher).into(), iv.into()).encrypt_padded_vec::<Pkcs7>(plain)
    }

    /// Opens what Activepieces or the workflow builder encrypted, which nothing protects against changes: only for
    /// importing it.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_unauthenticated(&self, sealed: &str) -> Result<SecretString, OpenError> {
        if let Some((iv, rest)) = sealed.split_once(':').filter(|(iv, _)| hex::decode(iv).is_ok()) {
            return self.open_oldest(iv, rest);
        }
        self.decrypt(&Sealed::parse(sealed)?)
    }

    /// `IV:TAG:DATA` in hexadecimal: AES-256-GCM, what the workflow builder wrote first.
    fn open_oldest(&self, iv: &str, rest: &str) -> Result<SecretString, OpenError> {
        const MALFORMED: OpenError = OpenError::Malformed("it is not IV:TAG:DATA in hexadecimal");
        let (tag, data) = rest.split_once(':').ok_or(MALFORMED)?;
        let mut tag_bytes = [0; 16];
        hex::decode_to_slice(tag, &mut tag_bytes).map_err(|_| MALFORMED)?;
        let (iv, data) = (hex::decode(iv).map_err(|_| MALFORMED)?, hex::decode(data).map_err(|_| MALFORMED)?);
        let plain = crate::gcm::open(&self.cipher, &iv, &tag_bytes, &data).ok_or(OpenError::WrongKey)?;
        text(plain)
    }

    fn decrypt(&self, sealed: &Sealed) -> Result<SecretString, OpenError> {
        let mut iv = [0; 16];
        hex::decode_to_slice(&sealed.iv, &mut iv)
            .map_err(|_| OpenError::Malformed("its `iv` is not 16 bytes in hexadecimal"))?;
        let data = hex::decode(&sealed.data).map_err(|_| OpenError::Malformed("its `data` is not hexadecimal"))?;
        let plain = cbc::Decryptor::<Aes256>::new((&*self.cipher).into(), (&iv).into())
            .decrypt_padded_vec::<Pkcs7>(&data)
            .map_err(|_| OpenError::WrongKey)?;
        text(plain)
    }

    fn mac(&self, sealed: &Sealed, place: Place<'_>) -> HmacSha256 {
        let mut mac = hmac(&self.mac);
        // Lengths first: no part can run into its neighbour. No table has the name of a version.
        let (version, facts) = match sealed.v {
            None => (None, &[][..]),
            Some(_) => (Some("leno seal v2"), place.facts),
        };
        let parts = [place.table, place.tenant, place.row, self.id.as_str(), &sealed.iv, &sealed.data];
        for part in version.into_iter().chain(parts).chain(facts.iter().copied()) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac
    }

    /// The MAC of something about the audit log.
    fn audit_mac(&self, parts: &[String]) -> HmacSha256 {
        let mut mac = hmac(&self.audit);
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac
    }
}

#[cfg(test)]
impl Keyring {
    /// As the versions before 2 sealed it.
    pub(crate) fn seal_first(&self, plain: &str, place: Place<'_>) -> String {
        let key = &self.active;
        let iv = [7; 16];
        let data = hex::encode(key.encrypt(plain.as_bytes(), &iv));
        let mut sealed = Sealed { iv: hex::encode(iv), data, kid: Some(key.id.clone()), mac: None, v: None };
        sealed.mac = Some(hex::encode(key.mac(&sealed, place).finalize().into_bytes()));
        serde_json::to_string(&sealed).unwrap()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

fn text(plain: Vec<u8>) -> Result<SecretString, OpenError> {
    match String::from_utf8(plain) {
        Ok(text) => Ok(text.into()),
        Err(error) => {
            error.into_bytes().zeroize();
            Err(OpenError::WrongKey)
        }
    }
}

/// A key of HMAC may have any length; one shorter than a block counts as padded with zeros (RFC 2104).
fn hmac(key: &[u8; 32]) -> HmacSha256 {
    let mut block = hmac::digest::Key::<HmacSha256>::default();
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    HmacSha256::new(&block)
}

fn derive(key: &[u8; 32], purpose: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut mac = hmac(key);
    mac.update(purpose);
    Zeroizing::new(mac.finalize().into_bytes().into())
}

/// The place of a sealed text. It opens nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// The table.
    pub table: &'static str,
    /// The tenant of the row.
    pub tenant: &'a str,
    /// The row's primary key.
    pub row: &'a str,
    /// Further columns of the row that must be as they were, in a fixed order.
    pub facts: &'a [&'a str],
}

/// What is stored.
#[derive(Serialize, Deserialize)]
struct Sealed {
    iv: String,
    data: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kid: Option<KeyId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mac: Option<String>,
    /// None: version 1. The last member: statements of the database look for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    v: Option<i64>,
}

impl Sealed {
    fn parse(text: &str) -> Result<Self, OpenError> {
        serde_json::from_str(text).map_err(|_| OpenError::Malformed("it is not {iv, data, kid, mac}"))
    }
}

/// A stored text that does not open. Quotes nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Not in the stored form.
    #[error("the encrypted value is damaged: {0}")]
    Malformed(&'static str),
    /// Without key id or MAC.
    #[error("the encrypted value has no key id and MAC; `leno import connections` takes over values of other systems")]
    Unauthenticated,
    /// The key is not in the keyring.
    #[error("the value is encrypted with key {0}, which this host does not have; add it to LENO_OLD_ENCRYPTION_KEYS")]
    UnknownKey(KeyId),
    /// The text was changed, or copied from another row.
    #[error("the encrypted value was changed or moved after it was written")]
    Tampered,
    /// The bytes do not decrypt under this key.
    #[error("the value does not decrypt: it was encrypted with another key")]
    WrongKey,
}

/// The keys of a host: one writes, all read. Has no secret in `Debug`.
#[derive(Debug)]
pub struct Keyring {
    active: Key,
    older: Vec<Key>,
}

impl Keyring {
    /// Writes with `active`, reads with `older` as well. The same key twice counts once.
    #[must_use]
    pub fn new(active: Key, older: Vec<Key>) -> Self {
        let older = older.into_iter().filter(|key| key.id != active.id).collect();
        Self { active, older }
    }

    /// The key that writes.
    #[must_use]
    pub fn active(&self) -> &KeyId {
        &self.active.id
    }

    /// All keys, the one that writes first.
    pub fn ids(&self) -> impl Iterator<Item = &KeyId> {
        self.keys().map(|key| &key.id)
    }

    fn keys(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.active).chain(&self.older)
    }

    /// The MAC of something about the audit log, under the key that writes.
    pub(crate) fn attest(&self, parts: &[String]) -> String {
        hex::encode(self.active.audit_mac(parts).finalize().into_bytes())
    }

    /// Whether `mac` is that of `parts` under the key `kid`; `None` without that key.
    pub(crate) fn attested_by(&self, kid: &str, parts: &[String], mac: &str) -> Option<bool> {
        let key = self.keys().find(|key| key.id.as_str() == kid)?;
        // Constant time.
        Some(hex::decode(mac).is_ok_and(|mac| key.audit_mac(parts).verify_slice(&mac).is_ok()))
    }

    /// Whether `mac` is that of `parts` under one of the keys.
    pub(crate) fn attested(&self, parts: &[String], mac: &str) -> bool {
        self.ids().any(|kid| self.attested_by(kid.as_str(), parts, mac) == Some(true))
    }

    /// Opens no seals of versions before `version` under the key `kid` any more.
    pub(crate) fn require(&self, kid: &str, version: i64) {
        let key = self.keys().find(|key| key.id.as_str() == kid);
        if let Some(key) = key {
            key.oldest.fetch_max(version, Ordering::Relaxed);
        }
    }

    /// Encrypts `plain` for the row at `place`. Returns the JSON text to store.
    ///
    /// # Errors
    /// The operating system returns no random bytes.
    pub fn seal(&self, plain: &SecretString, place: Place<'_>) -> Result<String, NoRandomness> {
        let iv = random::bytes::<16>()?;
        let key = &self.active;
        let data = hex::encode(key.encrypt(plain.expose_secret().as_bytes(), &iv));
        let mut sealed = Sealed { iv: hex::encode(iv), data, kid: Some(key.id.clone()), mac: None, v: Some(VERSION) };
        sealed.mac = Some(hex::encode(key.mac(&sealed, place).finalize().into_bytes()));
        // Four texts always serialize.
        Ok(serde_json::to_string(&sealed).unwrap_or_default())
    }

    /// Checks and decrypts what [`Keyring::seal`] made for the same place.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(&self, sealed: &str, place: Place<'_>) -> Result<SecretString, OpenError> {
        let sealed = Sealed::parse(sealed)?;
        let (Some(id), Some(mac)) = (&sealed.kid, &sealed.mac) else { return Err(OpenError::Unauthenticated) };
        let key = self.keys().find(|key| key.id == *id);
        let Some(key) = key else { return Err(OpenError::UnknownKey(id.clone())) };
        match sealed.v {
            None if key.oldest.load(Ordering::Relaxed) > 1 => return Err(OpenError::Tampered),
            None | Some(VERSION) => {}
            Some(_) => return Err(OpenError::Malformed("its version is not known; a newer leno wrote it")),
        }
        let mac = hex::decode(mac).map_err(|_| OpenError::Malformed("its `mac` is not hexadecimal"))?;
        // Constant time.
        key.mac(&sealed, place).verify_slice(&mac).map_err(|_| OpenError::Tampered)?;
        key.decrypt(&sealed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const K64: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    const K32: &str = "0123456789abcdef0123456789abcdef";
    const IV1: &str = "000102030405060708090a0b0c0d0e0f";
    const IV2: &str = "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf";
    const A: &str = r#"{"type":"SECRET_TEXT","secret_text":"sk-test-123"}"#;
    const D: &str = r#"{"type":"OAUTH2","access_token":"at-1","token_type":"bearer","refresh_token":"rt-1","scope":"read write","expires_in":3600,"claimed_at":1700000000,"token_url":"https://example.test/token","client_id":"cid","client_secret":"csec","redirect_url":"https://app.test/cb","authorization_method":"BODY","grant_type":"authorization_code","data":{"team":"T1"}}"#;
    const HERE: Place<'_> = Place { table: "app_connection", tenant: "t", row: "r", facts: &["u", "1"] };

    fn key(text: &str) -> Key {
        Key::parse(&text.into()).unwrap()
    }

    /// Made with Node's crypto, A and B with OpenSSL as well.
    #[test]
    fn what_activepieces_encrypts_is_what_is_encrypted_here() {
        let e9 = "\u{e9}".repeat(32);
        let upper = K64.to_uppercase();
        for (name, text, iv, plain, data) in [
            (
                "A",
                K64,
                IV1,
                A,
                "87bb67a96eb758190c39ac0d8faca416657106a00978544d084fe89f1106787844c34417547c5231b28d9957b68556c1d2afdcaeb65ac6df9c0b06a1928baaf9",
            ),
            (
                "B",
                K32,
                IV1,
                A,
                "d9d3dbf485dd7b6fda7b0848e6ff9c51e334cf6e04ef69c214b2983c274e1bd9075fb905eccb754172537dddc9c90a6fd74c0e2251b0fe22d293e6c6f167fdb2",
            ),
            (
                "C",
                K64,
                IV2,
                r#"{"type":"BASIC_AUTH","username":"ada","password":"päss ✓"}"#,
                "e712b0b85227fa479dd2e6a886c5e0c3e5d26af9424b544c62d54142e7f3c9f36e87fae8ceac853387eba309679b6c1d69429bea7d45ac9470cf721417ddd6a9",
            ),
            ("E", K64, IV1, "raw client secret", "42588da70ad1ee897a986ceb95665f0d06b41b6900c46a91aed7930beb228c83"),
            ("F", K64, IV1, "{}", "197d329f6ef2492cd6377da4b4213bed"),
            (
                "G",
                &upper,
                IV1,
                r#"{"type":"NO_AUTH"}"#,
                "fb3a61756db70dcb290bd97fee19624bb866aa80a1aab46d999f217dbe775d38",
            ),
            (
                "H",
                &e9,
                IV1,
                r#"{"type":"NO_AUTH"}"#,
                "ce418f7f05023e310372ceacb9799a1cffde9328859d71089a89c1e0c4faa484",
            ),
        ] {
            let key = key(text);
            let mut bytes = [0; 16];
            hex::decode_to_slice(iv, &mut bytes).unwrap();
            assert_eq!(hex::encode(key.encrypt(plain.as_bytes(), &bytes)), data, "{name}");
            let sealed = format!(r#"{{"iv":"{iv}","data":"{data}"}}"#);
            assert_eq!(key.open_unauthenticated(&sealed).unwrap().expose_secret(), plain, "{name}");
        }
        let mut iv = [0; 16];
        hex::decode_to_slice(IV2, &mut iv).unwrap();
        let data = hex::encode(key(K32).encrypt(D.as_bytes(), &iv));
        assert_eq!(data.len(), 704);
        assert!(
            data.starts_with("583b2d50c54bda454d26663841bd5541") && data.ends_with("6f7245348b765d38a471b52db6ac45a6")
        );
        let digest = <Sha256 as sha2::Digest>::digest(data.as_bytes());
        assert_eq!(hex::encode(digest), "abe7f02a6acacbd9a22496847930686d84e12ca4a639990aa1f98c9afbbc6aff");
    }

    #[test]
    fn a_key_has_one_of_two_forms() {
        for text in ["", "short", &K64[1..], &format!("{K64}0"), &"é".repeat(31), &format!("{}x", &K64[..63])] {
            let error = Key::parse(&text.into()).unwrap_err();
            let count = text.chars().count();
            assert!(error.to_string().contains(&format!("this one has {count};")), "{error}");
            assert!(text.is_empty() || !error.to_string().contains(text));
        }
        assert_eq!(key(K64).id(), key(&K64.to_uppercase()).id());
        assert_ne!(key(K64).id(), key(K32).id());
        assert!(!format!("{:?}", key(K32)).contains(K32));
    }

    #[test]
    fn a_wrong_key_a_short_iv_and_rubbish_do_not_open() {
        let data = "87bb67a96eb758190c39ac0d8faca416657106a00978544d084fe89f1106787844c34417547c5231b28d9957b68556c1d2afdcaeb65ac6df9c0b06a1928baaf9";
        let sealed = |iv: &str, data: &str| format!(r#"{{"iv":"{iv}","data":"{data}"}}"#);
        let wrong = key(&"ff".repeat(32));
        assert_eq!(wrong.open_unauthenticated(&sealed(IV1, data)).unwrap_err(), OpenError::WrongKey);
        for text in [&sealed(&IV1[2..], data), &sealed("zz", data), &sealed(IV1, "xyz"), "{}", "[]", "", "null"] {
            assert!(matches!(key(K64).open_unauthenticated(text), Err(OpenError::Malformed(_))), "{text}");
        }
        assert_eq!(key(K64).open_unauthenticated(&sealed(IV1, &data[2..])).unwrap_err(), OpenError::WrongKey);
        assert_eq!(key(K64).open_unauthenticated(&sealed(IV1, "")).unwrap_err(), OpenError::WrongKey);
    }

    #[test]
    fn a_value_opens_only_where_it_was_written() {
        let ring = Keyring::new(key(K64), vec![]);
        let sealed = ring.seal(&A.into(), HERE).unwrap();
        assert_eq!(ring.open(&sealed, HERE).unwrap().expose_secret(), A);
        for place in [
            Place { table: "platform_oauth_apps", ..HERE },
            Place { tenant: "u", ..HERE },
            Place { row: "s", ..HERE },
            Place { tenant: "tr", row: "", ..HERE },
            Place { facts: &["v", "1"], ..HERE },
            Place { facts: &["u", "2"], ..HERE },
            Place { facts: &["u1"], ..HERE },
            Place { facts: &["u", "1", ""], ..HERE },
            Place { facts: &[], ..HERE },
        ] {
            assert_eq!(ring.open(&sealed, place).unwrap_err(), OpenError::Tampered, "{place:?}");
        }
        // As Activepieces reads it.
        assert_eq!(key(K64).open_unauthenticated(&sealed).unwrap().expose_secret(), A);
    }

    /// As the versions before 2 sealed it.
    const FIRST: &str = r#"{"iv":"000102030405060708090a0b0c0d0e0f","data":"87bb67a96eb758190c39ac0d8faca416657106a00978544d084fe89f1106787844c34417547c5231b28d9957b68556c1d2afdcaeb65ac6df9c0b06a1928baaf9","kid":"KID","mac":"MAC"}"#;

    #[test]
    fn a_seal_of_version_1_opens_until_its_key_requires_version_2() {
        let ring = Keyring::new(key(K64), vec![key(K32)]);
        let mut first = Sealed::parse(&FIRST.replace("KID", ring.active().as_str())).unwrap();
        let mut mac = hmac(&key(K64).mac);
        for part in [HERE.table, HERE.tenant, HERE.row, ring.active().as_str(), &first.iv, &first.data] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        first.mac = Some(hex::encode(mac.finalize().into_bytes()));
        let sealed = serde_json::to_string(&first).unwrap();
        assert_eq!(ring.open(&sealed, HERE).unwrap().expose_secret(), A);
        // It says nothing of its owner, so nothing can pass for it: a new seal does not open as an old one.
        let second = ring.seal(&A.into(), HERE).unwrap();
        assert_eq!(ring.open(&second.replace(",\"v\":2", ""), HERE).unwrap_err(), OpenError::Tampered);
        assert!(matches!(ring.open(&second.replace("\"v\":2", "\"v\":3"), HERE), Err(OpenError::Malformed(_))));
        ring.require(key(K32).id().as_str(), 2);
        assert!(ring.open(&sealed, HERE).is_ok());
        ring.require(ring.active().as_str(), 2);
        assert_eq!(ring.open(&sealed, HERE).unwrap_err(), OpenError::Tampered);
        assert_eq!(ring.open(&second, HERE).unwrap().expose_secret(), A);
    }

    #[test]
    fn every_change_of_a_value_is_noticed() {
        let ring = Keyring::new(key(K64), vec![key(K32)]);
        let sealed = ring.seal(&A.into(), HERE).unwrap();
        for at in 0..sealed.len() {
            let mut bytes = sealed.clone().into_bytes();
            bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
            let Ok(text) = String::from_utf8(bytes) else { continue };
            assert!(text == sealed || ring.open(&text, HERE).is_err(), "{text}");
        }
        let without_mac = format!("{}}}", sealed.split(",\"kid\"").next().unwrap());
        assert_eq!(ring.open(&without_mac, HERE).unwrap_err(), OpenError::Unauthenticated);
    }

    #[test]
    fn an_older_key_still_reads_and_never_writes() {
        let old = Keyring::new(key(K32), vec![]);
        let sealed = old.seal(&A.into(), HERE).unwrap();
        let ring = Keyring::new(key(K64), vec![key(K32), key(K64)]);
        assert_eq!(ring.ids().count(), 2);
        assert_eq!(ring.open(&sealed, HERE).unwrap().expose_secret(), A);
        assert!(ring.seal(&A.into(), HERE).unwrap().contains(key(K64).id().as_str()));
        let forgotten = Keyring::new(key(K64), vec![]);
        assert_eq!(forgotten.open(&sealed, HERE).unwrap_err(), OpenError::UnknownKey(key(K32).id().clone()));
    }
}
