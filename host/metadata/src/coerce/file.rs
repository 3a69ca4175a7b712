//! Files: in the input, behind a URL, and as the piece receives them.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use encoding_rs::Encoding;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};
use url::Url;

use crate::Problem;

/// Longest file name that a piece gets, in characters.
const MAX_FILENAME: usize = 255;

/// Extensions for the common media types, where a table of all knows several.
const EXTENSIONS: [(&str, &str); 12] = [
    ("application/gzip", "gz"),
    ("application/json", "json"),
    ("application/octet-stream", "bin"),
    ("application/xml", "xml"),
    ("audio/mpeg", "mp3"),
    ("image/jpeg", "jpg"),
    ("image/svg+xml", "svg"),
    ("image/tiff", "tiff"),
    ("text/html", "html"),
    ("text/markdown", "md"),
    ("text/plain", "txt"),
    ("video/mp4", "mp4"),
];

/// A coerced input.
#[derive(Clone, Debug, PartialEq)]
pub struct Coerced {
    /// What the piece receives, once [`Coerced::files`] is empty.
    pub value: Value,
    /// The files that were given as URLs and are still to be fetched.
    pub files: Vec<PendingFile>,
}

/// A file that the host has to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingFile {
    /// Its place: a JSON pointer into the value.
    pub pointer: String,
    /// Its URL, http or https. Fetch it under the piece's egress policy, and refuse any status but success.
    pub url: String,
}

/// The content of a file, with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileContent {
    /// The name. Directories and control characters are dropped when it is filled in.
    pub filename: String,
    /// The extension, without a dot; that of the name when none is given.
    pub extension: Option<String>,
    /// The bytes.
    pub data: Vec<u8>,
}

impl FileContent {
    /// Names a fetched file: by the `Content-Disposition` header (RFC 6266, `filename*` first), else by the last segment
    /// of the URL's path when that has an extension, else `unknown.EXT` by the `Content-Type` header.
    #[must_use]
    pub fn from_response(
        url: &str,
        content_disposition: Option<&str>,
        content_type: Option<&str>,
        data: Vec<u8>,
    ) -> Self {
        let from_path = || {
            let url = Url::parse(url).ok()?;
            let segment = url.path_segments()?.next_back()?;
            let name = unescaped(segment);
            extension_of(&name).is_some().then_some(name)
        };
        let usable = |name: String| Some(clean(&name)).filter(|name| !name.is_empty());
        let filename = content_disposition
            .and_then(disposition_name)
            .and_then(usable)
            .or_else(|| from_path().and_then(usable))
            .unwrap_or_else(|| unknown(content_type.unwrap_or_default()));
        Self { extension: None, filename, data }
    }
}

impl Coerced {
    /// Puts the content of a fetched file in its place.
    ///
    /// # Errors
    ///
    /// When no file is pending at the pointer.
    pub fn fill(&mut self, pointer: &str, content: &FileContent) -> Result<(), Problem> {
        let missing = || Problem::new(pointer, "no file is pending here; give only the files that `files` lists");
        let index = self.files.iter().position(|file| file.pointer == pointer).ok_or_else(missing)?;
        let place = self.value.pointer_mut(pointer).ok_or_else(missing)?;
        *place = file(&content.filename, content.extension.as_deref(), STANDARD.encode(&content.data));
        self.files.remove(index);
        Ok(())
    }
}

/// A FILE value of an input.
pub(super) enum Given {
    /// With its content, as the piece receives it.
    Content(Value),
    /// At a URL, to be fetched: as it was written, and as it is requested.
    Url { text: String, url: String },
}

/// Reads a FILE value: an object, a data: URI or an http(s) URL.
///
/// # Errors
/// The value, if it is of another type.
pub(super) fn read(value: Value) -> Result<Result<Given, String>, Value> {
    let text = match &value {
        Value::String(text) => text.trim(),
        _ => {
            return match value {
                Value::Object(members) => Ok(object(members).map(Given::Content)),
                other => Err(other),
            };
        }
    };
    Ok(match () {
        () if has_scheme(text, "data:") => data_uri(text).map(Given::Content),
        () if has_scheme(text, "http://") || has_scheme(text, "https://") => match Url::parse(text) {
            Ok(url) => Ok(Given::Url { text: text.to_owned(), url: url.into() }),
            Err(error) => Err(format!("the URL of the file is malformed ({error}); correct it")),
        },
        () => Err("this text is neither a data: URI nor an http(s) URL; give base64 content as \
                   {\"filename\": …, \"base64\": …}"
            .to_owned()),
    })
}

fn has_scheme(text: &str, scheme: &str) -> bool {
    text.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme))
}

/// What the piece receives.
fn file(filename: &str, extension: Option<&str>, base64: String) -> Value {
    let filename = match clean(filename) {
        name if name.is_empty() => unknown(""),
        name => name,
    };
    let extension = extension.map(plain_extension).filter(|text| !text.is_empty());
    let extension = extension.or_else(|| extension_of(&filename).map(plain_extension).filter(|text| !text.is_empty()));
    let mut members = Map::with_capacity(3);
    members.insert("filename".into(), filename.into());
    if let Some(extension) = extension {
        members.insert("extension".into(), extension.into());
    }
    members.insert("base64".into(), base64.into());
    Value::Object(members)
}

fn object(mut members: Map<String, Value>) -> Result<Value, String> {
    const SHAPE: &str = "a file is {\"base64\", \"filename\"?, \"extension\"?}";
    if let Some(name) =
        members.keys().find(|name| !matches!(name.as_str(), "filename" | "extension" | "base64" | "data"))
    {
        return Err(format!("the file has an unknown member {:?}; {SHAPE}", crate::json::excerpt(name)));
    }
    let text = |name: &str| match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(format!("{name:?} of the file must be a text; {SHAPE}")),
    };
    let (content, name) = match (text("base64")?, text("data")?) {
        (Some(base64), Some(data)) if base64 != data => {
            return Err("the file has different contents in \"base64\" and \"data\"; leave \"data\" out".into());
        }
        (Some(content), _) => (content, "base64"),
        (None, Some(content)) => (content, "data"),
        (None, None) => return Err(format!("the file has no content; {SHAPE}")),
    };
    check_base64(content)?;
    let filename = text("filename")?.unwrap_or_default().to_owned();
    let extension = text("extension")?.map(str::to_owned);
    let content = match members.get_mut(name).map(Value::take) {
        Some(Value::String(content)) => content,
        _ => String::new(),
    };
    let extension = extension.as_deref();
    let filename = match (clean(&filename), extension) {
        (name, Some(extension)) if name.is_empty() => format!("unknown.{}", extension.trim_start_matches('.')),
        (name, _) => name,
    };
    Ok(file(&filename, extension, content))
}

/// Reads `data:[type][;parameters][;base64],content` (RFC 2397).
fn data_uri(text: &str) -> Result<Value, String> {
    let rest = text.get("data:".len()..).unwrap_or_default();
    let (head, content) = rest.split_once(',').ok_or("the data: URI has no comma; write data:TYPE;base64,CONTENT")?;
    let mut parameters = head.split(';');
    let media_type = parameters.next().unwrap_or_default().trim();
    let (mut encoded, mut name) = (false, None);
    for parameter in parameters {
        match parameter.split_once('=') {
            None if parameter.trim().eq_ignore_ascii_case("base64") => encoded = true,
            Some((key, value)) if matches!(key.trim(), "name" | "filename") => {
                name = Some(unescaped(value.trim_matches('"')));
            }
            _ => {}
        }
    }
    let base64 = if encoded {
        let content = percent_decode_str(content).decode_utf8().map_err(|_| bad_base64())?;
        check_base64(&content)?;
        content.into_owned()
    } else {
        STANDARD.encode(percent_decode_str(content).collect::<Vec<u8>>())
    };
    let filename = name.map(|name| clean(&name)).filter(|name| !name.is_empty());
    // RFC 2397, section 2: no type means text/plain.
    let media_type = if media_type.is_empty() { "text/plain" } else { media_type };
    Ok(file(&filename.unwrap_or_else(|| unknown(media_type)), None, base64))
}

fn bad_base64() -> String {
    "the content is not base64; use the standard alphabet with padding, without line breaks".into()
}

fn check_base64(text: &str) -> Result<(), String> {
    STANDARD.decode(text).map(drop).map_err(|_| bad_base64())
}

/// The last segment of a name, without control characters.
fn clean(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = last.chars().filter(|c| !c.is_control()).collect();
    let name: String = name.trim().chars().take(MAX_FILENAME).collect();
    let name = name.trim_end();
    if name.chars().all(|c| c == '.') { String::new() } else { name.to_owned() }
}

fn extension_of(filename: &str) -> Option<&str> {
    let (stem, extension) = filename.rsplit_once('.')?;
    (!stem.is_empty() && !extension.is_empty()).then_some(extension)
}

fn plain_extension(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '+')).take(32).collect()
}

fn unknown(content_type: &str) -> String {
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let usual = EXTENSIONS.iter().find(|(known, _)| *known == media_type).map(|(_, extension)| *extension);
    let any = || mime_guess::get_mime_extensions_str(&media_type)?.first().copied();
    format!("unknown.{}", usual.or_else(any).unwrap_or("bin"))
}

/// The file name in a `Content-Disposition` header (RFC 6266, section 4.3).
fn disposition_name(header: &str) -> Option<String> {
    let (mut plain, mut extended) = (None, None);
    for (name, value) in parameters(header) {
        match name.to_ascii_lowercase().as_str() {
            "filename*" => extended = extended.or_else(|| extended_value(&value)),
            "filename" => plain = plain.or(Some(value)),
            _ => {}
        }
    }
    extended.or(plain)
}

/// `UTF-8'en'na%20me` (RFC 8187, section 3.2), in any encoding of the web. None if it is not text in that encoding.
fn extended_value(value: &str) -> Option<String> {
    let mut parts = value.splitn(3, '\'');
    let (charset, _language, text) = (parts.next()?, parts.next()?, parts.next()?);
    let bytes: Vec<u8> = percent_decode_str(text).collect();
    let encoding = Encoding::for_label(charset.as_bytes())?;
    encoding.decode_without_bom_handling_and_without_replacement(&bytes).map(Cow::into_owned)
}

/// Text with its `%XX` decoded: UTF-8, else ISO-8859-1, so that no byte is replaced.
fn unescaped(text: &str) -> String {
    let bytes = percent_decode_str(text);
    bytes.decode_utf8().map_or_else(|_| percent_decode_str(text).map(char::from).collect(), Cow::into_owned)
}

/// The parameters of a header value, quotes taken off.
fn parameters(header: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = header.split_once(';').map_or("", |(_, rest)| rest);
    while let Some((name, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let mut value = String::new();
        if let Some(quoted) = after.strip_prefix('"') {
            let mut chars = quoted.chars();
            while let Some(c) = chars.next() {
                match c {
                    '"' => break,
                    '\\' => value.extend(chars.next()),
                    c => value.push(c),
                }
            }
            rest = chars.as_str();
        } else {
            let end = after.find(';').unwrap_or(after.len());
            let (token, remaining) = after.split_at(end);
            token.trim().clone_into(&mut value);
            rest = remaining;
        }
        found.push((name.trim_start_matches([';', ' ', '\t']).trim().to_owned(), value));
        rest = rest.trim_start().trim_start_matches(';');
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(url: &str, disposition: Option<&str>, media_type: Option<&str>) -> String {
        FileContent::from_response(url, disposition, media_type, Vec::new()).filename
    }

    #[test]
    fn a_fetched_file_is_named_by_the_best_source() {
        for (disposition, name) in [
            ("attachment; filename=\"a b.pdf\"", "a b.pdf"),
            ("attachment; filename=plain.txt; size=3", "plain.txt"),
            ("attachment; filename=\"x.txt\"; filename*=UTF-8''na%C3%AFve%20.txt", "naïve .txt"),
            ("attachment; filename*=iso-8859-1'en'%A3.txt", "£.txt"),
            ("attachment; filename*=Windows-1251''%EF%F0%E8.txt; filename=x", "при.txt"),
            ("attachment; filename=kept.txt; filename*=utf-8''%FF.txt", "kept.txt"),
            ("attachment; filename=kept.txt; filename*=no-such''x.txt", "kept.txt"),
            ("attachment; filename=\"naïve.txt\"", "naïve.txt"),
            ("attachment; filename=\"a\\\"b;c.txt\"", "a\"b;c.txt"),
            ("attachment; FILENAME=\"../../etc/passwd\"", "passwd"),
            ("attachment; filename=\"C:\\\\x\\\\evil.exe\"", "evil.exe"),
            ("inline", "report.csv"),
            ("attachment; filename=\"\"", "report.csv"),
            ("attachment; filename=\"..\"", "report.csv"),
        ] {
            assert_eq!(
                named("https://x.test/a/report.csv?y=z.gif", Some(disposition), Some("image/png")),
                name,
                "{disposition}"
            );
        }
        assert_eq!(named("https://x.test/download", None, Some("text/plain; charset=utf-8")), "unknown.txt");
        assert_eq!(named("https://x.test/", None, Some("application/pdf")), "unknown.pdf");
        assert_eq!(named("https://x.test/", None, Some("nonsense")), "unknown.bin");
        assert_eq!(named("https://x.test/na%20me.tar.gz", None, None), "na me.tar.gz");
        assert_eq!(named("https://x.test/na%EFve.txt", None, None), "naïve.txt");
    }
}
