//! Bodies and headers in codings and encodings of their own.

use std::sync::Arc;

use leno_egress::{Caps, Request};

use crate::support::*;

/// Deflated zeros, 258 of them for every 13 bits, `repeats` times (RFC 1951 3.2.6).
fn deflated_zeros(repeats: usize) -> Vec<u8> {
    let mut bits: Vec<bool> = vec![true, true, false];
    // One literal zero, then "258 bytes, as at distance 1".
    bits.extend([false, false, true, true, false, false, false, false]);
    for _ in 0..repeats {
        bits.extend([true, true, false, false, false, true, false, true, false, false, false, false, false]);
    }
    bits.extend([false; 7]);
    let byte = |bits: &[bool]| bits.iter().enumerate().fold(0, |byte, (at, bit)| byte | u8::from(*bit) << at);
    bits.chunks(8).map(byte).collect()
}

/// Empty stored blocks, deflated: the five bytes of one, then copies of 258 bytes, as at distance 5, `repeats` times.
fn deflated_empty_blocks(repeats: usize) -> Vec<u8> {
    let bit = |code: char| code == '1';
    let literals = ["110", "00110000", "00110000", "00110000", "111111111", "111111111"];
    let mut bits: Vec<bool> = literals.iter().flat_map(|code| code.chars().map(bit)).collect();
    for _ in 0..repeats {
        bits.extend("11000101001000".chars().map(bit));
    }
    let byte = |bits: &[bool]| bits.iter().enumerate().fold(0, |byte, (at, bit)| byte | u8::from(*bit) << at);
    bits.chunks(8).map(byte).collect()
}

/// Zstandard, a run of 128 KiB of zeros for every 4 bytes (RFC 8878 3.1.1.2), under a window of 128 MiB.
fn zstd_zeros(repeats: usize) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 17 << 3];
    let run = (128_u32 << 10) << 3 | 1 << 1;
    for _ in 0..repeats {
        frame.extend_from_slice(&run.to_le_bytes()[..3]);
        frame.push(0);
    }
    frame.extend_from_slice(&[1, 0, 0]);
    frame
}

/// Brotli, 64 MiB of zeros.
const BROTLI_ZEROS: [u8; 106] = [
    0xcb, 0xff, 0xff, 0x3f, 0xf8, 0x27, 0x00, 0xe2, 0xb1, 0x40, 0x20, 0xf7, 0xfe, 0x8f, 0xff, 0xff, 0x7f, 0xf0, 0x4f,
    0x00, 0xc4, 0x61, 0x11, 0x80, 0xee, 0xfd, 0x1f, 0xff, 0xff, 0xff, 0xe0, 0x9f, 0x00, 0x88, 0xc3, 0x02, 0x00, 0xdd,
    0xfb, 0x3f, 0xfe, 0xff, 0xff, 0xc1, 0x3f, 0x01, 0x10, 0x87, 0x05, 0x00, 0xba, 0xf7, 0x7f, 0xfc, 0xff, 0xff, 0x83,
    0x7f, 0x02, 0x20, 0x0e, 0x0b, 0x00, 0x74, 0xef, 0xff, 0xf8, 0xff, 0xff, 0x07, 0xff, 0x04, 0x40, 0x1c, 0x16, 0x00,
    0xe8, 0xde, 0xff, 0xf1, 0xff, 0xff, 0x0e, 0xfe, 0x09, 0x80, 0x38, 0x2c, 0x00, 0xd0, 0xbd, 0xff, 0xcb, 0xff, 0xff,
    0x3f, 0xfc, 0x13, 0x00, 0x71, 0x58, 0x00, 0xa0, 0x7b, 0xff, 0x07,
];

fn encoded(encoding: &'static str, body: Vec<u8>) -> impl Fn(&Seen) -> Reply + Send + Sync + 'static {
    move |_| {
        let mut reply = reply(200, body.clone());
        reply.headers_mut().insert("content-encoding", encoding.parse().unwrap());
        reply
    }
}

#[tokio::test]
async fn a_decompression_bomb_bursts_at_the_cap() {
    let gzip = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &deflated_zeros(250_000)].concat();
    let deflate = [&[0x78, 0x9c][..], &deflated_zeros(250_000)].concat();
    let caps = Caps { response_bytes: 1 << 20, ..Caps::default() };
    for (encoding, bomb) in
        [("gzip", gzip), ("deflate", deflate), ("zstd", zstd_zeros(500)), ("br", BROTLI_ZEROS.to_vec())]
    {
        assert!(bomb.len() < caps.response_bytes, "{encoding}: the cap is on what comes out");
        let server = Server::http(encoded(encoding, bomb)).await;
        let request = get(server.url("/"));
        let meter = Arc::clone(&request.meter);
        let error = send_within(request, &[&server.grant()], &caps).await.unwrap_err();
        assert_eq!(error.code(), "response-too-large", "{encoding}: {error}");
        let received = meter.received() as usize;
        assert!((1 << 20..(1 << 20) + 65536).contains(&received), "{encoding}: {received} bytes came out");
    }
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// `content` as a gzip member of one stored block (RFC 1951, section 3.2.4).
fn stored(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap();
    let crc = !content.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 })
    });
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1];
    let lengths = [length.to_le_bytes(), (!length).to_le_bytes()].concat();
    let sums = [crc.to_le_bytes(), u32::from(length).to_le_bytes()].concat();
    [&head[..], &lengths, content, &sums].concat()
}

#[tokio::test]
async fn every_content_coding_is_undone_however_it_is_named_and_applied() {
    let text = b"[1,2,3]";
    let two = [stored(b"[1,"), stored(b"2,3]")].concat();
    let raw = "8b36d431d2318e0500";
    let once = stored(text);
    for (encoding, body) in [
        ("gzip", two.clone()),
        ("GZIP", once.clone()),
        ("x-gzip", once.clone()),
        ("gzip, gzip", stored(&once)),
        ("identity, GZip", once.clone()),
        ("deflate", unhex(raw)),
        ("deflate, gzip", stored(&unhex(raw))),
        ("gzip, gzip, x-gzip", stored(&stored(&two))),
    ] {
        let server = Server::http(encoded(encoding, body)).await;
        let response = send(get(server.url("/")), &[&server.grant()]).await.unwrap();
        assert_eq!(response.body, &text[..], "{encoding}");
        assert_eq!(response.header("content-encoding"), None, "{encoding}");
    }
    // Nothing is no error: servers name the coding of a body that they do not send.
    for (method, status) in [("GET", 204), ("GET", 200), ("HEAD", 200)] {
        let server = Server::http(move |_| {
            let mut reply = reply(status, "");
            reply.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
            reply
        })
        .await;
        let request = Request { method: method.to_owned(), ..get(server.url("/")) };
        let response = send(request, &[&server.grant()]).await.unwrap();
        assert_eq!((response.status, response.body.len()), (status, 0));
    }
    // What this host does not know goes to the piece as it came, and says so.
    let server = Server::http(encoded("gzip, rot13", once.clone())).await;
    let response = send(get(server.url("/")), &[&server.grant()]).await.unwrap();
    assert_eq!((response.body.as_ref(), response.header("content-encoding")), (&once[..], Some("gzip, rot13")));
    let cut = [once.as_slice(), &once[..once.len() - 4]].concat();
    for (encoding, body) in [("gzip", cut), ("gzip, gzip", once), ("gzip, gzip, gzip, gzip", two)] {
        let server = Server::http(encoded(encoding, body)).await;
        let error = send(get(server.url("/")), &[&server.grant()]).await.unwrap_err();
        assert_eq!(error.code(), "bad-response", "{encoding}: {error}");
    }
}

#[tokio::test]
async fn a_bomb_inside_of_a_bomb_bursts_at_the_cap_whatever_comes_out_at_the_end() {
    let caps = Caps { response_bytes: 1 << 20, ..Caps::default() };
    // The inner stream is empty blocks without end (RFC 1951, section 3.2.4): nothing ever comes out of it.
    let bomb = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &deflated_empty_blocks(250_000)].concat();
    assert!(bomb.len() < caps.response_bytes);
    let server = Server::http(encoded("deflate, gzip", bomb)).await;
    let error = send_within(get(server.url("/")), &[&server.grant()], &caps).await.unwrap_err();
    assert_eq!(error.code(), "response-too-large", "{error}");
    assert!(error.to_string().contains("1048576 bytes"), "{error}");
}

#[tokio::test]
async fn headers_that_are_not_utf8_are_latin1() {
    let server = Server::http(|_| {
        let mut reply = reply(200, "");
        reply.headers_mut().insert("x-latin", http::HeaderValue::from_bytes(b"na\xefve \x80").unwrap());
        reply.headers_mut().insert("x-utf8", http::HeaderValue::from_bytes("naïve".as_bytes()).unwrap());
        reply
    })
    .await;
    let response = send(get(server.url("/")), &[&server.grant()]).await.unwrap();
    assert_eq!(response.header("x-latin"), Some("naïve \u{80}"));
    assert_eq!(response.header("x-utf8"), Some("naïve"));
}

#[tokio::test]
async fn compressed_bodies_arrive_as_they_were() {
    for (encoding, hex) in [
        ("gzip", "1f8b0800000000000003cb48cdc9c9d751c840a2009fa1ca0913000000"),
        ("deflate", "789ccb48cdc9c9d751c840a200442806d5"),
        ("br", "1b1200f88d946ede44095286966c2c6f114f24d07100"),
        ("zstd", "28b52ffd04586d00003868656c6c6f2c200100e28a1175f3988e"),
    ] {
        let server = Server::http(encoded(encoding, unhex(hex))).await;
        let response = send(get(server.url("/")), &[&server.grant()]).await.unwrap();
        assert_eq!(response.body, "hello, hello, hello", "{encoding}");
        assert!(!response.headers.iter().any(|(name, _)| name == "content-encoding" || name == "content-length"));
        assert!(server.seen.lock().unwrap()[0].header("accept-encoding").unwrap().contains(encoding));
    }
    let server = Server::http(encoded("gzip", b"this is not gzip".to_vec())).await;
    let error = send(get(server.url("/")), &[&server.grant()]).await.unwrap_err();
    assert_eq!(error.code(), "bad-response", "{error}");
}
