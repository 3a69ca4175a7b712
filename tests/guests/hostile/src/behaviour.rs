//! Misbehaviour that needs no network: time, memory, results, logs, handles.

use std::hint::black_box;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bindings::leno::piece::log::{self, Level};
use crate::bindings::leno::piece::store::{self, Scope};
use crate::bindings::leno::piece::types::{Error, ErrorKind};
use crate::{Answer, fail, number, text};

/// Burns CPU for `ms`, as the guest's clock has it.
pub fn busy(props: &Value) -> Answer {
    let end = Instant::now() + Duration::from_millis(number(props, "ms", 10));
    let mut rounds = 0_u64;
    while Instant::now() < end {
        for round in 0..10_000_u64 {
            black_box(round);
        }
        rounds += 1;
    }
    Ok(json!({ "rounds": rounds }).to_string())
}

pub fn spin() -> Answer {
    loop {
        black_box(0);
    }
}

/// Waits for `ms` without burning CPU; an hour unless told.
pub fn sleep(props: &Value) -> Answer {
    std::thread::sleep(Duration::from_millis(number(props, "ms", 3_600_000)));
    Ok(json!({ "slept": true }).to_string())
}

/// Takes and touches memory until there is none, or until it has `mib`. With `polite`, it notices the refusal and returns
/// what it got, after `hold_ms`.
pub fn allocate(props: &Value) -> Answer {
    const BLOCK: usize = 1 << 20;
    let polite = props["polite"].as_bool().unwrap_or(false);
    let mut blocks: Vec<Vec<u8>> = Vec::with_capacity(8192);
    let most = usize::try_from(number(props, "mib", u64::MAX)).unwrap_or(usize::MAX);
    loop {
        let mut block = Vec::new();
        if blocks.len() >= most || (polite && block.try_reserve_exact(BLOCK).is_err()) {
            std::thread::sleep(Duration::from_millis(number(props, "hold_ms", 0)));
            let bytes = blocks.len() * BLOCK;
            drop(blocks);
            return Ok(json!({ "bytes": bytes }).to_string());
        }
        block.resize(BLOCK, 0xA5);
        blocks.push(black_box(block));
    }
}

pub fn recurse() -> Answer {
    #[allow(unconditional_recursion)]
    fn deeper(depth: u64) -> u64 {
        let frame = black_box([depth; 16]);
        deeper(depth + 1) + black_box(frame)[0]
    }
    Ok(deeper(0).to_string())
}

/// Answers with a JSON string of `bytes` bytes.
pub fn big_output(props: &Value) -> Answer {
    let bytes = number(props, "bytes", 200 << 20) as usize;
    if props["connected"] == true {
        crate::secrets::settings()?;
    }
    let mut output = String::with_capacity(bytes);
    output.push('"');
    output.extend(std::iter::repeat_n('x', bytes.saturating_sub(2)));
    output.push('"');
    Ok(output)
}

/// Answers with arrays in arrays, `depth` of them.
pub fn deep_json(props: &Value) -> Answer {
    let depth = number(props, "depth", 100_000) as usize;
    Ok("[".repeat(depth) + &"]".repeat(depth))
}

/// Answers with the error that the props describe; with `details_bytes`, its details are an array of so many bytes.
pub fn fail_as_told(props: &Value) -> Answer {
    let kind = match text(props, "kind") {
        "invalid-input" => ErrorKind::InvalidInput,
        "unauthorized" => ErrorKind::Unauthorized,
        "not-found" => ErrorKind::NotFound,
        "rate-limited" => ErrorKind::RateLimited,
        "unavailable" => ErrorKind::Unavailable,
        "denied" => ErrorKind::Denied,
        "timeout" => ErrorKind::Timeout,
        _ => ErrorKind::Internal,
    };
    let details = match number(props, "details_bytes", 0) as usize {
        0 => props.get("details").filter(|details| !details.is_null()).map(Value::to_string),
        // Without a copy: there is memory for one.
        bytes => {
            let mut details = String::with_capacity(bytes + 4);
            details.push('[');
            details.extend(std::iter::repeat_n("0,", bytes / 2));
            details.push_str("0]");
            Some(details)
        }
    };
    Err(Error {
        retry_after_ms: props["retry_after_ms"].as_u64(),
        details,
        ..fail(kind, text(props, "code"), text(props, "message"))
    })
}

/// Emits `count` records, each with one field of `bytes` bytes, and writes as much to stderr.
pub fn log_flood(props: &Value) -> Answer {
    let (count, bytes) = (number(props, "count", 1_000_000), number(props, "bytes", 1 << 20) as usize);
    let fields = [("padding".to_owned(), "x".repeat(bytes))];
    for record in 0..count {
        log::emit(Level::Info, &format!("record {record}"), &fields);
        eprintln!("{}", fields[0].1);
    }
    Ok(json!({ "emitted": count }).to_string())
}

/// Logs what would clear a terminal, forge a record or split a line, in the message, in a field's name and in its value.
pub fn log_escape() -> Answer {
    const FORGED: &str = concat!(
        "before\u{1b}[2J\u{1b}]0;title\u{7}\u{9b}31m\r\n",
        r#"{"timestamp":"2038-01-19T03:14:07Z","level":"ERROR","message":"forged-record"}"#,
        "\r\n\u{2028}\u{202e}after\0"
    );
    log::emit(Level::Warn, FORGED, &[(FORGED.into(), FORGED.into()), ("level".into(), "forged-field".into())]);
    eprint!("{FORGED}");
    Err(fail(ErrorKind::Internal, FORGED, FORGED))
}

/// Opens `count` timers and never closes one.
pub fn leak(props: &Value) -> Answer {
    let count = number(props, "count", u64::MAX);
    let mut opened = 0_u64;
    while opened < count {
        std::mem::forget(wasip2::clocks::monotonic_clock::subscribe_duration(3_600_000_000_000));
        opened += 1;
    }
    Ok(json!({ "opened": opened }).to_string())
}

/// One operation of the store: `op` (`get`, `put`, `cas`, `delete`), `scope`, `key`, `value`, `old`, `ttl`.
/// `times` repeats it, `bytes` makes a value of that size.
pub fn store(props: &Value) -> Answer {
    let scope = if text(props, "scope") == "flow" { Scope::Flow } else { Scope::Project };
    let key = text(props, "key");
    let value = match number(props, "bytes", 0) as usize {
        0 => text(props, "value").as_bytes().to_vec(),
        bytes => vec![b'x'; bytes],
    };
    let old = props["old"].as_str().map(str::as_bytes);
    let ttl = props["ttl"].as_u64().map(|seconds| seconds as u32);
    let mut answer = Value::Null;
    for _ in 0..number(props, "times", 1) {
        answer = match text(props, "op") {
            "put" => store::put(scope, key, &value, ttl).map(|()| Value::Null)?,
            "cas" => store::compare_and_set(scope, key, old, &value)?.into(),
            "delete" => store::delete(scope, key).map(|()| Value::Null)?,
            _ => store::get(scope, key)?.map(|value| String::from_utf8_lossy(&value).into_owned()).into(),
        };
    }
    Ok(json!({ "value": answer }).to_string())
}
