//! Random requests, made by schemathesis from the OpenAPI document.

use std::path::PathBuf;
use std::time::Duration;

use tokio::process::Command;

use crate::scene::Scene;

/// More than a run may take, whatever it finds.
const LONGEST: Duration = Duration::from_secs(240);

/// Where `cargo xtask test` says that it is.
fn schemathesis() -> Option<PathBuf> {
    let program = std::env::var_os("LENO_SCHEMATHESIS").map(PathBuf::from).filter(|program| program.is_file());
    if program.is_none() {
        eprintln!("skipped: LENO_SCHEMATHESIS names no program; `.ci/run` installs it");
    }
    program
}

#[tokio::test]
async fn random_requests_find_no_server_error_and_no_answer_beside_the_document() {
    let Some(program) = schemathesis() else { return };
    let Some(scene) = Scene::start().await else { return };
    scene.sign_in("crm", 3600).await;
    let report = tempfile::tempdir().unwrap();
    let run = Command::new(program)
        .current_dir(report.path())
        .arg("run")
        .arg(format!("{}/api/openapi.json", scene.server.url()))
        .args(["--header", &format!("Authorization: Bearer {}", scene.client.token())])
        .args([
            "--checks",
            "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
        ])
        // It responds without end, as it should.
        .args(["--exclude-path", "/api/events"])
        .args(["--exclude-path", "/api/app-connections/events"])
        .args(["--phases", "examples,coverage,fuzzing", "--max-examples", "8", "--seed", "1", "--no-shrink"])
        .args(["--workers", "2", "--request-timeout", "30", "--continue-on-failure", "--warnings", "off"])
        .env("NO_PROXY", "127.0.0.1")
        .kill_on_drop(true)
        .output();
    let run = tokio::time::timeout(LONGEST, run).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}\n{}", String::from_utf8_lossy(&run.stderr));
    eprintln!("{}", said.lines().rev().take(12).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n"));
}
