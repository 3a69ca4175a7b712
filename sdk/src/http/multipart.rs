//! Forms with files (RFC 7578).

use crate::hash::fnv1a;

/// The parts of a `multipart/form-data` body.
///
/// ```
/// use leno_sdk::http::Multipart;
///
/// let form = Multipart::new().text("title", "Invoice").file("file", "invoice.pdf", "application/pdf", b"%PDF-1.7");
/// # let _ = form;
/// ```
#[derive(Clone, Debug, Default)]
pub struct Multipart {
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
struct Part {
    head: String,
    content: Vec<u8>,
}

impl Multipart {
    /// A form without parts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a text field.
    #[must_use]
    pub fn text(mut self, name: &str, value: impl Into<String>) -> Self {
        let head = format!("Content-Disposition: form-data; name=\"{}\"", quoted(name));
        self.parts.push(Part { head, content: value.into().into_bytes() });
        self
    }

    /// Adds a file.
    #[must_use]
    pub fn file(mut self, name: &str, filename: &str, content_type: &str, content: impl Into<Vec<u8>>) -> Self {
        let content_type: String = content_type.chars().filter(|char| !char.is_control()).collect();
        let head = format!(
            "Content-Disposition: form-data; name=\"{}\"; filename=\"{}\"\r\nContent-Type: {content_type}",
            quoted(name),
            quoted(filename)
        );
        self.parts.push(Part { head, content: content.into() });
        self
    }

    /// The content type and the body.
    pub(super) fn encode(&self) -> (String, Vec<u8>) {
        let boundary = self.boundary();
        let mut body = Vec::new();
        for part in &self.parts {
            body.extend_from_slice(format!("--{boundary}\r\n{}\r\n\r\n", part.head).as_bytes());
            body.extend_from_slice(&part.content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        (format!("multipart/form-data; boundary={boundary}"), body)
    }

    /// A boundary that occurs in no part. It is derived from a hash of the parts, which needs no random numbers, and checked.
    fn boundary(&self) -> String {
        let bytes = self.parts.iter().flat_map(|part| part.head.bytes().chain(part.content.iter().copied()));
        let mut number = fnv1a(bytes);
        loop {
            let boundary = format!("leno-{number:016x}");
            let taken = |bytes: &[u8]| bytes.windows(boundary.len()).any(|window| window == boundary.as_bytes());
            if !self.parts.iter().any(|part| taken(part.head.as_bytes()) || taken(&part.content)) {
                return boundary;
            }
            number = number.wrapping_add(1);
        }
    }
}

/// Escapes a name as browsers do: quotes and line ends as `%22`, `%0D`, `%0A`.
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_written_part_by_part() {
        let (content_type, body) = Multipart::new().text("a", "1").file("f", "x.txt", "text/x", b"\0\t").encode();
        let boundary = content_type.strip_prefix("multipart/form-data; boundary=").unwrap();
        let expected = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n\
             --{boundary}\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x.txt\"\r\n\
             Content-Type: text/x\r\n\r\n\0\t\r\n--{boundary}--\r\n"
        );
        assert_eq!(String::from_utf8(body).unwrap(), expected);
    }

    #[test]
    fn a_name_cannot_add_a_header() {
        let (_, body) = Multipart::new().file("f", "a\"\r\nX: y", "text/plain\r\nX: y", b"").encode();
        let text = String::from_utf8(body).unwrap();
        assert!(text.contains("filename=\"a%22%0D%0AX: y\""), "{text}");
        assert!(!text.contains("\r\nX: y"), "{text}");
    }
}
