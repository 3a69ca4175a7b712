//! Output to terminals and pipes.

use std::{
    fmt::Display,
    io::{self, IsTerminal, Write as _},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

/// Colors for one stream, or none: when it is no terminal, or `NO_COLOR` is set (no-color.org).
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    on: bool,
}

macro_rules! styles {
    ($($name:ident = $code:literal)*) => { $(
        pub(super) fn $name(self, text: impl Display) -> String {
            if self.on { format!("\x1b[{}m{text}\x1b[0m", $code) } else { text.to_string() }
        }
    )* };
}

impl Style {
    pub(super) fn of(stream: &impl IsTerminal) -> Self {
        let refused = |name: &str, value: &str| std::env::var_os(name).is_some_and(|set| set == *value);
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty()) || refused("TERM", "dumb");
        Self { on: stream.is_terminal() && !unwanted }
    }

    pub(super) fn stdout() -> Self {
        Self::of(&io::stdout())
    }

    pub(super) fn stderr() -> Self {
        Self::of(&io::stderr())
    }

    styles! { bold = "1" dim = "2" red = "31" green = "32" yellow = "33" cyan = "36" }
}

/// Prints to stdout. A reader that has seen enough, such as `head`, is no error.
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

/// Prints one JSON document to stdout: indented on a terminal, else on one line.
pub(super) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    let text = match io::stdout().is_terminal() {
        true => serde_json::to_string_pretty(value)?,
        false => serde_json::to_string(value)?,
    };
    Ok(print(&format!("{text}\n"))?)
}

/// Prints a note to stderr, beside the result. A closed stderr is no error.
pub(super) fn note(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

pub(super) fn error(error: &anyhow::Error) {
    note(format_args!("{} {error:#}", Style::stderr().red("error:")));
}

/// A spinner on stderr during a long operation; removed on drop. Only on a terminal.
pub(super) struct Spinner(ProgressBar);

impl Spinner {
    pub(super) fn new(what: impl Into<String>) -> Self {
        if !io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = ProgressBar::new_spinner().with_style(style).with_message(what.into());
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// A progress bar on stderr; removed on drop. Only on a terminal.
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn new(what: impl Into<String>, steps: u64) -> Self {
        if !io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let style = ProgressStyle::with_template("{msg} {wide_bar} {human_pos}/{human_len} {eta}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        Self(ProgressBar::new(steps).with_style(style).with_message(what.into()))
    }

    pub(super) fn add(&self, steps: u64) {
        self.0.inc(steps);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// `12.3 ms`, with a unit that fits.
pub(super) fn duration(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100),
        _ => format!("{}.{:02} s", micros / 1_000_000, micros % 1_000_000 / 10_000),
    }
}

/// `1.2 MiB`, with a unit that fits.
pub(super) fn bytes(bytes: u64) -> String {
    let tenths = |unit: u64, name: &str| format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit);
    match bytes {
        0..1_024 => format!("{bytes} bytes"),
        1_024..1_048_576 => tenths(1 << 10, "KiB"),
        1_048_576..1_073_741_824 => tenths(1 << 20, "MiB"),
        _ => tenths(1 << 30, "GiB"),
    }
}

/// `1 request`, `2 requests`.
pub(super) fn count(number: u32, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// A text from a component, safe for a terminal: control characters escaped, except line breaks with `lines`.
pub(super) fn harmless(text: &str, lines: bool) -> String {
    // C1 controls and the marks that turn the direction of text steer terminals and readers as well.
    let steers = |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' if lines => clean.push(c),
            c if steers(c) => clean.extend(c.escape_default()),
            c => clean.push(c),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_a_unit_that_fits() {
        assert_eq!([duration(7), duration(1_250), duration(2_345_678)], ["7 µs", "1.2 ms", "2.34 s"]);
        assert_eq!(
            [bytes(7), bytes(1_536), bytes(1 << 20), bytes(3 << 30)],
            ["7 bytes", "1.5 KiB", "1.0 MiB", "3.0 GiB"]
        );
    }

    #[test]
    fn a_pieces_words_cannot_steer_the_terminal() {
        assert_eq!(harmless("a\x1b[2Jb\nc\u{9b}d\u{202e}e", true), "a\\u{1b}[2Jb\nc\\u{9b}d\\u{202e}e");
        assert_eq!(harmless("a\nb", false), "a\\nb");
    }
}
