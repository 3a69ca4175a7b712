//! The table of figures.

use std::fmt;

/// One figure beside its baseline.
struct Row {
    what: String,
    figure: String,
    baseline: String,
    ratio: Option<f64>,
    budget: Budget,
}

/// What a ratio has to be.
pub(crate) enum Budget {
    AtLeast(f64),
    AtMost(f64),
    /// Told, not judged.
    None,
}

impl Budget {
    fn met(&self, ratio: Option<f64>) -> bool {
        match (self, ratio) {
            (Self::AtLeast(least), Some(ratio)) => ratio >= *least,
            (Self::AtMost(most), Some(ratio)) => ratio <= *most,
            _ => true,
        }
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, "≥ {least}"),
            Self::AtMost(most) => write!(f, "≤ {most}"),
            Self::None => f.write_str("-"),
        }
    }
}

/// Figures in the order they were taken.
#[derive(Default)]
pub(crate) struct Table(Vec<Row>);

impl Table {
    pub(crate) fn row(
        &mut self,
        what: &str,
        figure: impl Into<String>,
        baseline: impl Into<String>,
        ratio: Option<f64>,
        budget: Budget,
    ) {
        let row = Row { what: what.to_owned(), figure: figure.into(), baseline: baseline.into(), ratio, budget };
        eprintln!("{what}: {} (baseline: {})", row.figure, row.baseline);
        self.0.push(row);
    }

    /// Budgets that were not met.
    pub(crate) fn missed(&self) -> usize {
        self.0.iter().filter(|row| !row.budget.met(row.ratio)).count()
    }

    /// The table as the file `BENCHMARKS.md`.
    pub(crate) fn document(&self) -> String {
        format!(
            "# Benchmarks\n\nWritten by `cargo xtask bench`: every figure and its baseline were measured in one run, on one \
             machine, with the load from a second process on the same cores. Ratios travel; absolute figures do not. \
             Bare wasmtime is tuned alike where a row says so: its pool keeps as much of a slot resident as Leno's does.\n\n{}\n\n{self}",
            crate::host::describe()
        )
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| What | Leno | Baseline | Ratio | Budget | |\n| --- | --- | --- | --- | --- | --- |")?;
        for row in &self.0 {
            let ratio = row.ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
            let met = match (&row.budget, row.budget.met(row.ratio)) {
                (Budget::None, _) => "",
                (_, true) => "met",
                (_, false) => "**missed**",
            };
            writeln!(f, "| {} | {} | {} | {ratio} | {} | {met} |", row.what, row.figure, row.baseline, row.budget)?;
        }
        Ok(())
    }
}
