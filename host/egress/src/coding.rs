//! Content codings (RFC 9110, section 8.4): undoes what a server did to a body to make it shorter.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_compression::tokio::bufread::{BrotliDecoder, DeflateDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder};
use futures_util::TryStreamExt as _;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap};
use http_body_util::BodyExt as _;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncRead, BufReader, ReadBuf};
use tokio_util::io::StreamReader;

use crate::error::Error;
use crate::exchange::Tapped;
use crate::policy::Question;

/// What requests accept that do not say so themselves.
pub(crate) const OFFERED: &str = "gzip, deflate, br, zstd";

/// The most codings of one body. Each costs a decoder's memory, and no server means more than two.
const MOST: usize = 3;

/// A content coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// The codings that a response names, in the order in which they were applied, taken out of its headers. None, and the
/// headers as they are, if one is unknown: the body then goes to the piece as it came.
pub(crate) fn take(headers: &mut HeaderMap, question: &Question) -> Result<Vec<Coding>, Error> {
    let mut codings = Vec::new();
    for value in headers.get_all(CONTENT_ENCODING) {
        for name in value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            codings.push(match name.to_ascii_lowercase().as_slice() {
                b"" | b"identity" => continue,
                b"gzip" | b"x-gzip" => Coding::Gzip,
                b"deflate" => Coding::Deflate,
                b"br" => Coding::Brotli,
                b"zstd" => Coding::Zstd,
                _ => return Ok(Vec::new()),
            });
        }
    }
    if codings.len() > MOST {
        let problem = format!("it is encoded {} times; at most {MOST} are undone", codings.len());
        return Err(Error::BadResponse { host: question.host().to_owned(), problem });
    }
    if !codings.is_empty() {
        headers.remove(CONTENT_ENCODING);
        headers.remove(CONTENT_LENGTH);
    }
    Ok(codings)
}

type Reader = Pin<Box<dyn AsyncBufRead + Send>>;

/// The body before `codings` were applied to it. What comes out of each but the last has at most `most` bytes: what comes
/// out of the last is for the reader to limit.
///
/// # Errors
/// The connection broke.
pub(crate) async fn decode(body: Tapped, codings: &[Coding], most: usize) -> io::Result<Reader> {
    let mut reader: Reader = Box::pin(StreamReader::new(body.into_data_stream().map_err(io::Error::other)));
    let mut layers = codings.iter().rev().peekable();
    while let Some(coding) = layers.next() {
        let Some(first) = reader.fill_buf().await?.first().copied() else {
            // Nothing needs no coding, whatever the header says.
            return Ok(reader);
        };
        let decoded: Pin<Box<dyn AsyncRead + Send>> = match coding {
            Coding::Gzip => {
                let mut decoder = GzipDecoder::new(reader);
                // RFC 1952, section 2.2.
                decoder.multiple_members(true);
                Box::pin(decoder)
            }
            // By the specification it is zlib, whose first byte names the method, 8; many servers send the bare stream.
            Coding::Deflate if first & 0x0f == 8 => Box::pin(ZlibDecoder::new(reader)),
            Coding::Deflate => Box::pin(DeflateDecoder::new(reader)),
            Coding::Brotli => Box::pin(BrotliDecoder::new(reader)),
            Coding::Zstd => {
                let mut decoder = ZstdDecoder::new(reader);
                // RFC 8878, section 3.1.
                decoder.multiple_members(true);
                Box::pin(decoder)
            }
        };
        reader = match layers.peek() {
            Some(_) => Box::pin(BufReader::new(Layer { decoded, left: most })),
            None => Box::pin(BufReader::new(decoded)),
        };
    }
    Ok(reader)
}

/// What comes out of one coding and goes into the next, which nobody else counts.
struct Layer {
    decoded: Pin<Box<dyn AsyncRead + Send>>,
    left: usize,
}

/// More came out of a coding than a body may have.
#[derive(Debug, thiserror::Error)]
#[error("more came out of a content coding than a body may have")]
pub(crate) struct Overflow;

impl AsyncRead for Layer {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(self.decoded.as_mut().poll_read(cx, buf))?;
        let read = buf.filled().len() - before;
        self.left = self.left.checked_sub(read).ok_or_else(|| io::Error::other(Overflow))?;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codings_are_named_in_any_case_in_lists_and_in_several_headers() {
        use Coding::{Brotli, Deflate, Gzip, Zstd};
        let question = crate::policy::read_url(None, "https://a.test").unwrap();
        let policy = crate::Policy::new(vec!["*".parse().unwrap()], Vec::new());
        let question = policy.admit(question, None, &crate::own::Own::default()).unwrap().question;
        let named = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_LENGTH, "5".parse().unwrap());
            for value in values {
                headers.append(CONTENT_ENCODING, value.parse().unwrap());
            }
            let codings = take(&mut headers, &question).map_err(|error| error.to_string());
            (codings, headers.contains_key(CONTENT_ENCODING), headers.contains_key(CONTENT_LENGTH))
        };
        for (values, codings) in [
            (&["gzip"][..], vec![Gzip]),
            (&["GZIP"], vec![Gzip]),
            (&["x-gzip"], vec![Gzip]),
            (&[" Br "], vec![Brotli]),
            (&["deflate, GZip"], vec![Deflate, Gzip]),
            (&["zstd,", "identity, gzip"], vec![Zstd, Gzip]),
        ] {
            assert_eq!(named(values), (Ok(codings), false, false), "{values:?}");
        }
        for values in [&["identity"][..], &["compress"], &["aws-chunked"], &["gzip, rot13"], &[""]] {
            assert_eq!(named(values), (Ok(Vec::new()), true, true), "{values:?}");
        }
        assert_eq!(named(&[]), (Ok(Vec::new()), false, true));
        let refused = named(&["gzip, gzip", "gzip, gzip"]).0.unwrap_err();
        assert_eq!(refused, "the response from `a.test` cannot be read: it is encoded 4 times; at most 3 are undone");
    }
}
