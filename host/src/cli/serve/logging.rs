//! Logs to stderr, as text or JSON.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, LogSettings};

/// Begins to log.
pub(super) fn begin(settings: &LogSettings) {
    // The filter was parsed when the settings were read.
    let filter = EnvFilter::builder().parse(&settings.filter).unwrap_or_default();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match settings.format {
        LogFormat::Json => log.json().flatten_event(true).init(),
        LogFormat::Text => {
            let plain = std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty());
            log.with_ansi(io::stderr().is_terminal() && !plain).init();
        }
    }
}
