//! The keys of connections: their form is checked here, so that a wrong one is reported with the other wrong settings.

use secrecy::SecretString;

use super::{setting, source::Reader, weakness::weakness};

/// The key that writes: `INTEGRATION_ENCRYPTION_KEY`, else `AP_ENCRYPTION_KEY`.
pub(super) fn key(reader: &mut Reader<'_>, production: bool) -> Option<SecretString> {
    for setting in [&setting::ENCRYPTION_KEY, &setting::AP_ENCRYPTION_KEY] {
        let Some(text) = reader.text(setting).map(SecretString::from) else { continue };
        if let Some(problem) = wrong(&text) {
            reader.problems.add(format!("{}: {problem}", setting.env));
            return None;
        }
        if let (true, Some(weak)) = (production, weakness(&text, 0)) {
            reader.problems.add(format!("{}: the key {weak}; `openssl rand -hex 32` makes one", setting.env));
            return None;
        }
        return Some(text);
    }
    if production {
        reader.problems.add(
            "INTEGRATION_ENCRYPTION_KEY is not set; production needs one that is also kept outside this machine: \
             without it, the connections of a backup cannot be decrypted",
        );
    }
    None
}

/// The keys that are only read with. A key that holds a comma would be ambiguous.
pub(super) fn old_keys(reader: &mut Reader<'_>) -> Vec<SecretString> {
    let Some(list) = reader.text(&setting::OLD_ENCRYPTION_KEYS).map(zeroize::Zeroizing::new) else { return Vec::new() };
    let keys: Vec<SecretString> = list.split(',').map(|key| SecretString::from(key.trim())).collect();
    for (key, number) in keys.iter().zip(1..) {
        if let Some(problem) = wrong(key) {
            reader.problems.add(format!("{}: key {number}: {problem}", setting::OLD_ENCRYPTION_KEYS.env));
        }
    }
    keys
}

/// The problem with the form of a key, without quoting it. Characters count as in JavaScript, Activepieces' language.
fn wrong(key: &SecretString) -> Option<String> {
    use secrecy::ExposeSecret as _;
    let key = key.expose_secret();
    let hexadecimal = key.bytes().all(|byte| byte.is_ascii_hexdigit());
    let but = match key.encode_utf16().count() {
        32 => return None,
        64 if hexadecimal => return None,
        64 => "64, some not hexadecimal".to_owned(),
        other => other.to_string(),
    };
    Some(format!(
        "expected 64 hexadecimal characters, or any 32 characters; got {but}; `openssl rand -hex 32` makes a key"
    ))
}
