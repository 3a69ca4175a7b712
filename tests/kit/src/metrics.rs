//! Metrics in the OpenMetrics text format.

/// One reading of all metrics.
#[derive(Debug, Clone, Default)]
pub struct Metrics(Vec<Sample>);

#[derive(Debug, Clone)]
struct Sample {
    name: String,
    labels: Vec<(String, String)>,
    value: f64,
}

impl Metrics {
    /// Reads the text; lines that are no samples do not count.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self(text.lines().filter(|line| !line.starts_with('#')).filter_map(sample).collect())
    }

    /// The sum of all samples of `name` that have at least these labels; zero without any.
    #[must_use]
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let matches = |sample: &&Sample| {
            sample.name == name
                && labels.iter().all(|(name, value)| sample.labels.iter().any(|(n, v)| n == name && v == value))
        };
        self.0.iter().filter(matches).map(|sample| sample.value).sum()
    }

    /// The values of a label of `name`, once each.
    #[must_use]
    pub fn labels(&self, name: &str, label: &str) -> Vec<String> {
        let samples = self.0.iter().filter(|sample| sample.name == name);
        let labels = samples.flat_map(|sample| &sample.labels).filter(|(known, _)| known == label);
        let mut values: Vec<String> = labels.map(|(_, value)| value.clone()).collect();
        values.sort_unstable();
        values.dedup();
        values
    }

    /// The names of all metrics, once each.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.0.iter().map(|sample| sample.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

fn sample(line: &str) -> Option<Sample> {
    let (series, rest) = match line.split_once('{') {
        Some((name, rest)) => {
            let (labels, rest) = rest.rsplit_once('}')?;
            ((name, labels), rest)
        }
        None => {
            let (name, rest) = line.split_once(' ')?;
            ((name, ""), rest)
        }
    };
    let value = rest.split_whitespace().next()?.parse().ok()?;
    // Label values of the tests have no quotes or commas inside.
    let labels = series.1.split(',').filter_map(|label| label.split_once('='));
    let labels = labels.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned())).collect();
    Some(Sample { name: series.0.to_owned(), labels, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_summed_by_name_and_labels() {
        let metrics = Metrics::parse(
            "# TYPE calls counter\ncalls_total{piece=\"a\",outcome=\"ok\"} 3\ncalls_total{piece=\"b\",outcome=\"ok\"} 4\n\
             calls_total{piece=\"b\",outcome=\"trap\"} 1\nrunning 2\n# EOF\n",
        );
        assert_eq!(metrics.sum("calls_total", &[]), 8.0);
        assert_eq!(metrics.sum("calls_total", &[("piece", "b")]), 5.0);
        assert_eq!(metrics.sum("calls_total", &[("outcome", "ok"), ("piece", "b")]), 4.0);
        assert_eq!(metrics.sum("running", &[]), 2.0);
        assert_eq!(metrics.sum("nothing", &[]), 0.0);
        assert_eq!(metrics.names(), ["calls_total", "running"]);
    }
}
