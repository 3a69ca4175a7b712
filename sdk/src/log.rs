//! Writing to the run's log, which the flow's owner can read. The host masks the connection's secrets in it.
//!
//! ```
//! use leno_sdk::log;
//!
//! # let host = leno_sdk::testing::FakeHost::new();
//! let (sheet, rows) = ("Orders", 3);
//! log::info!("added {rows} rows");
//! log::warn!(sheet, limit = 100; "{rows} rows are close to the limit");
//! # assert_eq!(host.logs()[1].fields, [("sheet".into(), "Orders".into()), ("limit".into(), "100".into())]);
//! ```

pub use crate::level::Level;
use crate::sys;

pub use crate::{__log_debug as debug, __log_error as error, __log_info as info, __log_warn as warn};

/// Writes one record. Prefer the macros of this module.
pub fn emit(level: Level, message: &str, fields: &[(String, String)]) {
    sys::emit(level, message, fields);
}

#[doc(hidden)]
#[macro_export]
macro_rules! __log {
    ($level:ident, $($field:ident $(= $value:expr)?),+ ; $($message:tt)+) => {
        $crate::log::emit(
            $crate::log::Level::$level,
            &::std::format!($($message)+),
            &[$((::std::stringify!($field).to_owned(), $crate::__log_field!($field $(= $value)?))),+],
        )
    };
    ($level:ident, $($message:tt)+) => {
        $crate::log::emit($crate::log::Level::$level, &::std::format!($($message)+), &[])
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __log_field {
    ($field:ident = $value:expr) => {
        ::std::string::ToString::to_string(&$value)
    };
    ($field:ident) => {
        ::std::string::ToString::to_string(&$field)
    };
}

/// Writes a record of level `Debug`: `debug!(field = value, other; "text {value}")`. The fields are optional.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_debug {
    ($($record:tt)+) => { $crate::__log!(Debug, $($record)+) };
}

/// Writes a record of level `Info`: `info!(field = value, other; "text {value}")`. The fields are optional.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_info {
    ($($record:tt)+) => { $crate::__log!(Info, $($record)+) };
}

/// Writes a record of level `Warn`: `warn!(field = value, other; "text {value}")`. The fields are optional.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_warn {
    ($($record:tt)+) => { $crate::__log!(Warn, $($record)+) };
}

/// Writes a record of level `Error`: `error!(field = value, other; "text {value}")`. The fields are optional.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_error {
    ($($record:tt)+) => { $crate::__log!(Error, $($record)+) };
}
