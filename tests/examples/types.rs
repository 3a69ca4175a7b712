//! The clients are typed by the server's OpenAPI document.

use std::path::{Path, PathBuf};
use std::process::Output;

use leno_testkit::{Options, Server};
use serde_json::Value;

use crate::programs::{check_python, check_typescript, python, typescript, words};

/// Checks a client against the document of a server, in a folder of its own inside of `tools`.
async fn checked(tools: &Path, change: fn(&mut Value), check: fn(&Path, &str, &Path) -> Output) -> Output {
    let server = Server::start(Options::new()).await.unwrap();
    let mut document = server.client().get("/api/openapi.json").await.unwrap().body;
    change(&mut document);
    let place = tempfile::tempdir_in(tools).unwrap();
    check(tools, &document.to_string(), place.path())
}

/// Gives the output another name.
fn renamed(document: &mut Value) {
    let answer = &mut document["components"]["schemas"]["RunAnswer"];
    let output = answer["properties"].as_object_mut().unwrap().remove("output").unwrap();
    answer["properties"]["result"] = output;
    let required = answer["required"].as_array_mut().unwrap();
    *required.iter_mut().find(|name| *name == "output").unwrap() = "result".into();
}

async fn fits(tools: Option<PathBuf>, check: fn(&Path, &str, &Path) -> Output) {
    let Some(tools) = tools else { return };
    let output = checked(&tools, |_| {}, check).await;
    assert!(output.status.success(), "{}", words(&output));
}

async fn fits_no_other(tools: Option<PathBuf>, check: fn(&Path, &str, &Path) -> Output) {
    let Some(tools) = tools else { return };
    let output = checked(&tools, renamed, check).await;
    assert!(!output.status.success() && words(&output).contains("output"), "{}", words(&output));
}

#[tokio::test]
async fn the_client_in_python_fits_the_servers_document() {
    fits(python(), check_python).await;
}

#[tokio::test]
async fn the_client_in_python_fits_no_document_that_differs_in_what_it_uses() {
    fits_no_other(python(), check_python).await;
}

#[tokio::test]
async fn the_client_in_typescript_fits_the_servers_document() {
    fits(typescript(), check_typescript).await;
}

#[tokio::test]
async fn the_client_in_typescript_fits_no_document_that_differs_in_what_it_uses() {
    fits_no_other(typescript(), check_typescript).await;
}
