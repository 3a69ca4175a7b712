//! Points in time, in the format of properties and services (RFC 3339).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::sys;

/// A point in time between the years 0001 and 9999, with millisecond precision.
///
/// ```
/// use leno_sdk::DateTime;
///
/// let time: DateTime = "2024-03-14T15:09:26.5+01:00".parse()?;
/// assert_eq!(time.to_string(), "2024-03-14T14:09:26.500Z");
/// assert_eq!(time.millis(), 1_710_425_366_500);
/// # Ok::<(), leno_sdk::InvalidDateTime>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime {
    millis: i64,
}

/// The error for a text or number that is not a point in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidDateTime(String);

impl fmt::Display for InvalidDateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a date and time as in `2024-03-14T15:09:26Z`", self.0)
    }
}

impl std::error::Error for InvalidDateTime {}

impl DateTime {
    const FIRST: i64 = -62_135_596_800_000;
    const LAST: i64 = 253_402_300_799_999;

    /// The current time of the host's clock; in native tests, of the fake host.
    pub fn now() -> Self {
        Self { millis: sys::now_millis() }
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// A time outside of the years 0001 to 9999.
    pub fn from_millis(millis: i64) -> Result<Self, InvalidDateTime> {
        if (Self::FIRST..=Self::LAST).contains(&millis) {
            Ok(Self { millis })
        } else {
            Err(InvalidDateTime(millis.to_string()))
        }
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// A time outside of the years 0001 to 9999.
    pub fn from_seconds(seconds: i64) -> Result<Self, InvalidDateTime> {
        Self::from_millis(seconds.saturating_mul(1000))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn millis(self) -> i64 {
        self.millis
    }
}

/// Parses RFC 3339, also with a space instead of the `T`, without a zone (UTC), or as a date alone.
impl FromStr for DateTime {
    type Err = InvalidDateTime;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text.trim())
            .and_then(|millis| Self::from_millis(millis).ok())
            .ok_or_else(|| InvalidDateTime(text.chars().take(64).collect()))
    }
}

fn parse(text: &str) -> Option<i64> {
    if !text.is_ascii() {
        return None;
    }
    let (date, rest) = text.split_at_checked(10)?;
    let mut parts = date.split('-');
    let (year, month, day) = (digits(parts.next()?, 4)?, digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    if parts.next().is_some() || !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) {
        return None;
    }
    let mut millis = days_since_epoch(year, month, day) * 86_400_000;
    if rest.is_empty() {
        return Some(millis);
    }
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let zone_at = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at_checked(zone_at)?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let mut parts = clock.split(':');
    let (hour, minute) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let second = parts.next().map_or(Some(0), |second| digits(second, 2))?;
    // 60 is a leap second. It counts as the next second, as in POSIX time.
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    millis += ((hour * 60 + minute) * 60 + second) * 1000;
    millis +=
        digits(format!("{fraction:0<3}").get(..3)?, 3).filter(|_| fraction.bytes().all(|b| b.is_ascii_digit()))?;
    let offset = match zone.split_at_checked(1) {
        None | Some(("Z" | "z", "")) => 0,
        Some((sign @ ("+" | "-"), clock)) => {
            let (hours, minutes) = clock.split_once(':').or_else(|| clock.split_at_checked(2))?;
            let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let offset = (hours * 60 + minutes) * 60_000;
            if sign == "+" { offset } else { -offset }
        }
        Some(_) => return None,
    };
    Some(millis - offset)
}

fn digits(text: &str, count: usize) -> Option<i64> {
    (text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Counts years from March, so that the leap day is the last day of a year.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The inverse of [`days_since_epoch`].
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// `2024-03-14T14:09:26.500Z`.
impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, millis) = (self.millis.div_euclid(86_400_000), self.millis.rem_euclid(86_400_000));
        let (year, month, day) = civil(days);
        let (seconds, millis) = (millis / 1000, millis % 1000);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
    }
}

impl Serialize for DateTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DateTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iso(text: &str) -> Option<String> {
        text.parse::<DateTime>().ok().map(|time| time.to_string())
    }

    #[test]
    fn every_day_of_four_centuries_survives_the_round_trip() {
        for day in -719_162..=days_since_epoch(2400, 12, 31) {
            let (y, m, d) = civil(day);
            assert_eq!(days_since_epoch(y, m, d), day);
        }
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(11_016), (2000, 2, 29));
    }

    #[test]
    fn the_forms_in_which_services_write_time_are_read() {
        for (text, expected) in [
            ("2024-03-14", "2024-03-14T00:00:00.000Z"),
            ("2024-03-14T15:09:26Z", "2024-03-14T15:09:26.000Z"),
            ("2024-03-14 15:09", "2024-03-14T15:09:00.000Z"),
            ("2024-03-14T15:09:26.123456+02:00", "2024-03-14T13:09:26.123Z"),
            ("2024-03-14T23:30:00-0130", "2024-03-15T01:00:00.000Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
            ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
            ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(iso(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "now",
            "03/14/2024",
            "2024-02-30",
            "2023-02-29",
            "2024-13-01",
            "2024-03-14T24:00:00Z",
            "2024-03-14T10:00:00+25:00",
            "2024-03-14T10:00:00.x",
            "2024-03-14X10:00",
            "20240314",
            "2024-03-14T1O:00",
            "９999-01-01",
            "0000-12-31T23:59:59Z",
            "9999-12-31T23:59:59-00:01",
        ] {
            assert_eq!(iso(text), None, "{text}");
        }
        assert!(DateTime::from_millis(i64::MAX).is_err());
        assert!(DateTime::from_seconds(i64::MIN).is_err());
    }
}
