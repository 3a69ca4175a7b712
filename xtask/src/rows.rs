//! Tables of rules, each with the tests that hold the program to it: a rule whose test did not run, or failed, is a failure.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context as _, Result, bail};

use crate::build;

/// Writes `docs/oauth-rows.md` from the results of the tests in `junit`, as `cargo nextest` leaves them.
pub(crate) fn write(junit: &Path) -> Result<()> {
    let passed = results(&fs::read_to_string(junit).with_context(|| format!("reading {}", junit.display()))?)?;
    let rows = fs::read_to_string(build::root().join("tests/rows/oauth.tsv"))?;
    let mut document = String::from(
        "# The rules of the authorization server, and what holds it to them\n\n`cargo xtask test` writes this table, and fails when \
         a test of it did not pass. Tests that need a browser or another language's libraries are skipped without them, but not \
         in CI.\n\n| | Rule | Passed |\n| --- | --- | --- |\n",
    );
    let mut wrong = Vec::new();
    for line in rows.lines() {
        let [number, rule, tests] = line.split('\t').collect::<Vec<_>>()[..] else {
            bail!("tests/rows/oauth.tsv: a line has a number, a rule and tests, with tabs between them: {line}");
        };
        let tests: Vec<&str> = tests.split(' ').collect();
        for test in &tests {
            match passed.get(*test) {
                Some(true) => {}
                Some(false) => wrong.push(format!("{number}: {test} failed")),
                None => wrong.push(format!("{number}: there is no test {test}")),
            }
        }
        let tests: Vec<String> = tests.iter().map(|test| format!("`{test}`")).collect();
        document.push_str(&format!("| {number} | {rule} | {} |\n", tests.join(", ")));
    }
    if !wrong.is_empty() {
        bail!("rules of tests/rows/oauth.tsv that are not shown:\n  {}", wrong.join("\n  "));
    }
    Ok(fs::write(build::root().join("docs/oauth-rows.md"), document)?)
}

/// The last part of each test's name, and whether it passed.
fn results(junit: &str) -> Result<BTreeMap<String, bool>> {
    let document = roxmltree::Document::parse(junit)?;
    let cases = document.descendants().filter(|node| node.has_tag_name("testcase"));
    let result = |case: roxmltree::Node<'_, '_>| {
        let name = case.attribute("name")?.rsplit("::").next()?;
        let failed = case.children().any(|child| child.has_tag_name("failure") || child.has_tag_name("error"));
        Some((name.to_owned(), !failed))
    };
    Ok(cases.filter_map(result).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_failed_or_did_not_run_is_no_proof() -> Result<()> {
        let found = results(
            r#"<testsuites><testsuite name="leno"><testcase name="a::b::holds" classname="leno" time="0.1"/>
            <testcase name="a::breaks" classname="leno"><failure type="test failure">no</failure></testcase></testsuite></testsuites>"#,
        )?;
        assert_eq!((found.get("holds"), found.get("breaks"), found.get("other")), (Some(&true), Some(&false), None));
        Ok(())
    }
}
