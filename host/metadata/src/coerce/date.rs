//! Points in time. Nothing here depends on the machine's time zone.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use serde_json::Value;

const ADVICE: &str = "write ISO 8601 such as \"2024-03-14\" or \"2024-03-14T09:00:00+01:00\", \
                      or give epoch milliseconds as a number";

/// Reads a point in time and writes it as `YYYY-MM-DDTHH:MM:SS.mmmZ`; the error says what to write.
pub(super) fn read(value: &Value) -> Result<String, &'static str> {
    let timestamp = match value {
        Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)).and_then(milliseconds),
        Value::String(text) => written(text.trim()),
        _ => None,
    };
    timestamp.and_then(iso).ok_or(ADVICE)
}

/// The whole milliseconds of a number that has a fraction.
fn whole(float: f64) -> Option<i64> {
    // Far beyond the years that have four digits, which are all that is written.
    #[allow(clippy::cast_possible_truncation)]
    (float.abs() < 1e15).then(|| float.floor() as i64)
}

fn milliseconds(milliseconds: i64) -> Option<Timestamp> {
    Timestamp::from_millisecond(milliseconds).ok()
}

fn written(text: &str) -> Option<Timestamp> {
    // A bracketed zone without an offset needs the zone database, which changes under the same flow.
    if text.contains('[') {
        return None;
    }
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Some(timestamp);
    }
    if text.starts_with(|c: char| c.is_ascii_digit()) && dashed(text) {
        return text.parse::<DateTime>().ok().and_then(|civil| Offset::UTC.to_timestamp(civil).ok());
    }
    jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp())
}

/// Whether the text starts with a date in the extended form: eight bare digits could also be a number.
fn dashed(text: &str) -> bool {
    text.as_bytes().get(4) == Some(&b'-')
}

fn iso(timestamp: Timestamp) -> Option<String> {
    let civil = Offset::UTC.to_datetime(timestamp);
    if civil.year() < 0 {
        return None;
    }
    Some(format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        civil.year(),
        civil.month(),
        civil.day(),
        civil.hour(),
        civil.minute(),
        civil.second(),
        civil.millisecond()
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn clear_moments_are_read_wherever_the_host_runs() {
        for (given, expected) in [
            (json!("2024-03-14"), "2024-03-14T00:00:00.000Z"),
            (json!(" 2024-03-14T09:26:53.5897Z "), "2024-03-14T09:26:53.589Z"),
            (json!("2024-03-14T09:26:53+02:00"), "2024-03-14T07:26:53.000Z"),
            (json!("2024-03-14 09:26:53-0500"), "2024-03-14T14:26:53.000Z"),
            (json!("2024-03-14T09:26"), "2024-03-14T09:26:00.000Z"),
            (json!("2024-03-14 09:26:53"), "2024-03-14T09:26:53.000Z"),
            (json!("2024-02-29"), "2024-02-29T00:00:00.000Z"),
            (json!("Thu, 14 Mar 2024 09:26:53 +0100"), "2024-03-14T08:26:53.000Z"),
            (json!(1_710_408_413_589_i64), "2024-03-14T09:26:53.589Z"),
            (json!(1_710_408_413_589.9), "2024-03-14T09:26:53.589Z"),
            (json!(0), "1970-01-01T00:00:00.000Z"),
            (json!(-1), "1969-12-31T23:59:59.999Z"),
            (json!("0001-01-01"), "0001-01-01T00:00:00.000Z"),
            (json!("9999-12-30T21:59:59.999Z"), "9999-12-30T21:59:59.999Z"),
        ] {
            assert_eq!(read(&given).as_deref(), Ok(expected), "{given}");
        }
    }

    #[test]
    fn unclear_moments_are_refused_with_the_form_to_write() {
        for given in [
            json!("03/14/2024"),
            json!("14.03.2024"),
            json!("March 14, 2024"),
            json!("2024-02-30"),
            json!("2024-3-4"),
            json!("2024-03-14T25:00:00Z"),
            json!("20240314"),
            json!("1710408413589"),
            json!("2024-03-14T09:00[Europe/Paris]"),
            json!("now"),
            json!("T09:00"),
            json!("-000001-01-01T00:00:00Z"),
            json!(1e300),
            json!(-1e15),
            json!(i64::MAX),
            json!(u64::MAX),
            json!(true),
            json!([]),
            json!({}),
        ] {
            assert!(read(&given).unwrap_err().contains("ISO 8601"), "{given}");
        }
    }
}
