//! Pieces that can be distinguished, for tests of replacement: "every call runs on exactly one intact version".

use serde_json::json;
use wasm_encoder::{ComponentSection, CustomSection};

use super::{ANSWER, Core, OK_JSON, action, document, length};

/// A piece whose output shows its version twice: once from its code and once from its data.
///
/// Its action `run` returns `{"code":"MARKER","data":"MARKER"}`. The first marker is made of constants in the
/// function's code, the second is read from the document that `describe` returns, where it is the `displayName`. A host
/// that ran the code of one version on the memory image of another would return two different markers.
#[derive(Debug, Clone)]
pub struct Versioned {
    name: String,
    version: String,
    marker: [u8; 8],
    gate: Option<String>,
    padding: usize,
}

/// A piece `name` at `version` that returns `marker`, which is exactly 8 letters, digits or dashes.
///
/// # Panics
/// If the marker is anything else.
#[must_use]
pub fn versioned(name: &str, version: &str, marker: &str) -> Versioned {
    assert!(
        marker.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'),
        "{marker:?} needs escaping in JSON"
    );
    let marker = marker.as_bytes().try_into().unwrap_or_else(|_| panic!("{marker:?} is not 8 bytes long"));
    Versioned { name: name.to_owned(), version: version.to_owned(), marker, gate: None, padding: 0 }
}

impl Versioned {
    /// Adds an action `hold` that sends `GET url` and returns like `run` once the server has responded: a call that a
    /// test holds open. The URL's host is put on the piece's list of hosts.
    #[must_use]
    pub fn gated(mut self, url: &str) -> Self {
        self.gate = Some(url.to_owned());
        self
    }

    /// Makes the file larger by this many bytes, which mean nothing.
    #[must_use]
    pub fn padded(mut self, bytes: usize) -> Self {
        self.padding = bytes;
        self
    }

    /// The component's bytes. Equal inputs make equal bytes, different inputs different ones.
    #[must_use]
    pub fn component(&self) -> Vec<u8> {
        const BEFORE: &str = r#"{"code":""#;
        const BETWEEN: &str = r#"","data":""#;
        const AFTER: &str = r#""}"#;

        let marker = std::str::from_utf8(&self.marker).expect("checked by `versioned`");
        let document = self.document(marker);
        let described = document.find(marker).expect("the document names its marker");
        let mut core = Core::new(&document);
        // `Core::new` places the document first.
        let described = super::DATA + u32::try_from(described).expect("the document is small");

        let text = format!("{BEFORE}--------{BETWEEN}--------{AFTER}");
        let answer = core.data(text.as_bytes());
        let code_at = answer + length(BEFORE);
        let data_at = code_at + 8 + length(BETWEEN);
        core.words(ANSWER, &[0, 0, answer, length(&text)]);

        let tell = format!(
            "(i64.store (i32.const {code_at}) (i64.const {}))
             (memory.copy (i32.const {data_at}) (i32.const {described}) (i32.const 8))
             (i32.const {ANSWER})",
            u64::from_le_bytes(self.marker)
        );
        let mut component = match &self.gate {
            None => core.run(tell),
            Some(url) => hold(core, url, &tell),
        }
        .component();
        if self.padding > 0 {
            let data = vec![0; self.padding].into();
            CustomSection { name: "padding".into(), data }.append_to_component(&mut component);
        }
        component
    }

    fn document(&self, marker: &str) -> String {
        let mut document = document(&self.name, &self.version);
        document["displayName"] = marker.into();
        if let Some(url) = &self.gate {
            let authority = url.split("://").nth(1).unwrap_or(url).split('/').next().unwrap_or_default();
            document["egress"] = json!({ "hosts": [authority.split(':').next()] });
            document["actions"]["hold"] = action("hold");
        }
        document.to_string()
    }
}

/// Of the two actions, `hold` is recognized by its first letter.
fn hold(core: Core, url: &str, tell: &str) -> Core {
    let mut core = core.import(
        r#"(import "leno:piece/http@0.1.0" "send" (func $send (param
            i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))"#,
    );
    let method = core.data(b"GET");
    let url_at = core.data(url.as_bytes());
    let response = ANSWER + 64;
    core.run(format!(
        "(if (i32.eq (i32.load8_u (local.get $action)) (i32.const {})) (then
           (call $send (i32.const {method}) (i32.const 3) (i32.const {url_at}) (i32.const {})
             (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
             (i32.const 0) (i32.const 0) (i32.const 0) (i32.const {response}))
           (if (i32.load8_u (i32.const {response})) (then unreachable))))
         {tell}",
        b'h',
        url.len()
    ))
}

/// A piece that returns [`super::OK`] like any other, but only after `rounds` rounds of an empty loop.
#[must_use]
pub fn slow(name: &str, version: &str, rounds: u64) -> Vec<u8> {
    Core::new(&document(name, version).to_string())
        .run(format!(
            "(local $round i64)
             (loop $again
               (local.set $round (i64.add (local.get $round) (i64.const 1)))
               (br_if $again (i64.lt_u (local.get $round) (i64.const {rounds}))))
             (i32.const {OK_JSON})"
        ))
        .component()
}

#[cfg(test)]
mod tests {
    use super::super::tests::validate;
    use super::*;

    #[test]
    fn versions_differ_in_bytes_and_are_valid() {
        let first = versioned("twin", "1.0.0", "marker-1");
        let variants = [
            first.clone(),
            versioned("twin", "1.0.0", "marker-2"),
            versioned("twin", "1.0.1", "marker-1"),
            first.clone().gated("http://127.0.0.1:1/hold"),
            first.clone().padded(1 << 20),
        ];
        let bytes: Vec<_> = variants.iter().map(Versioned::component).collect();
        for (index, component) in bytes.iter().enumerate() {
            validate(component).unwrap();
            assert!(!bytes[..index].contains(component));
        }
        assert_eq!(first.component(), bytes[0]);
        assert!(bytes[4].len() > bytes[0].len() + (1 << 20));
    }

    #[test]
    fn a_slow_piece_is_valid() {
        validate(&slow("slow", "1.0.0", 1 << 40)).unwrap();
    }
}
