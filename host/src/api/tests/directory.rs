//! The operator's view of the pieces directory.

use super::*;

const FILES: &str = "/api/admin/pieces";
const WASM: Option<&str> = Some("application/wasm");

#[tokio::test]
async fn a_component_is_served_once_its_upload_is_answered_and_gone_once_removed() {
    let text = piece::component("0.1.0");
    let host = Host::empty().await;
    let status = host.operate("POST", FILES, WASM, text.clone()).await;
    assert_eq!((status.status, &status.body["status"]), (201, &json!("active")), "{}", status.text);
    let run = host.json(ECHO, &json!({"input": {"value": {}}})).await;
    assert_eq!((&run.body["output"], &run.body["digest"]), (&json!({"value": {}}), &status.body["digest"]));
    let listed = host.operate("GET", FILES, None, Body::empty()).await.body;
    assert_eq!(listed[0]["file"], status.body["file"]);

    let file = status.body["file"].as_str().unwrap();
    let removed = host.operate("DELETE", &format!("{FILES}/{file}"), None, Body::empty()).await;
    assert_eq!(removed.status, 200, "{}", removed.text);
    assert!(!host.directory.join(file).exists());
    host.json(ECHO, &json!({"input": {"value": {}}})).await.refused(404, "piece_not_found");
    host.operate("DELETE", &format!("{FILES}/{file}"), None, Body::empty()).await.refused(404, "file_not_found");
}

#[tokio::test]
async fn a_component_may_come_as_a_form() {
    let text = piece::component("0.1.0");
    let host = Host::empty().await;
    let form = |field: &str, bytes: &[u8]| {
        let head = format!(
            "--x\r\ncontent-disposition: form-data; name=\"note\"\r\n\r\nhi\r\n--x\r\ncontent-disposition: form-data; name=\"{field}\"; filename=\"../../etc/a.wasm\"\r\ncontent-type: application/wasm\r\n\r\n"
        );
        [head.as_bytes(), bytes, b"\r\n--x--\r\n"].concat()
    };
    let multipart = Some("multipart/form-data; boundary=x");
    let problem = host.operate("POST", FILES, multipart, form("piece", &text)).await.refused(400, "invalid_form");
    assert!(problem.detail().contains("`file`"), "{}", problem.text);
    host.operate("POST", FILES, multipart, "--x\r\nbroken").await.refused(400, "invalid_form");
    host.operate("POST", FILES, Some("multipart/form-data"), "x").await.refused(400, "invalid_form");
    let status = host.operate("POST", FILES, multipart, form("file", &text)).await;
    assert_eq!(status.status, 201, "{}", status.text);
    assert!(status.body["file"].as_str().unwrap().starts_with("text-"), "{}", status.text);
}

#[tokio::test]
async fn what_does_not_load_is_not_put_into_the_directory() {
    let host = Host::empty().await;
    for (bytes, code) in [
        (&b"not wasm"[..], "not_a_component"),
        (b"\0asm\x01\0\0\0", "not_a_component"),
        (b"\0asm\x0d\0\x01\0", "wrong_world"),
    ] {
        let problem = host.operate("POST", FILES, WASM, bytes.to_vec()).await;
        assert_eq!((problem.status, problem.code()), (422, code), "{}", problem.text);
    }
    host.operate("POST", FILES, WASM, Body::empty()).await.refused(400, "empty_body");
    let problem = host.operate("POST", FILES, Some("application/json"), "{}").await.refused(415, "wrong_content_type");
    assert!(problem.detail().contains("application/wasm"), "{}", problem.text);
    let large = request("POST", FILES)
        .header("authorization", format!("Bearer {}", host.operator))
        .header("content-type", "application/wasm")
        .header("content-length", (64_u64 << 20) + 1);
    host.send(large.body(Body::empty()).unwrap()).await.refused(413, "budget_exceeded");
    assert_eq!(std::fs::read_dir(&host.directory).unwrap().count(), 0);
}

#[tokio::test]
async fn a_file_name_cannot_leave_the_directory() {
    let host = Host::empty().await;
    let outside = host.directory.parent().unwrap().join("leno.db");
    for name in ["..%2Fleno.db", "%2e%2e%2fleno.db", "..", "%2Fetc%2Fpasswd", "a.txt", ".hidden.wasm", "a%5Cb.wasm"] {
        let answer = host.operate("DELETE", &format!("{FILES}/{name}"), None, Body::empty()).await;
        let problem = answer.refused(400, "bad_file_name");
        assert!(problem.detail().contains(".wasm"), "{}", problem.text);
    }
    assert!(outside.exists());
    host.operate("DELETE", &format!("{FILES}/a%00.wasm"), None, Body::empty()).await.refused(400, "invalid_path");
    host.operate("DELETE", &format!("{FILES}/absent.wasm"), None, Body::empty()).await.refused(404, "file_not_found");
}

#[tokio::test]
async fn the_same_version_with_other_bytes_is_a_conflict() {
    let text = piece::component("0.1.0");
    let host = Host::empty().await;
    assert_eq!(host.operate("POST", FILES, WASM, text.clone()).await.status, 201);
    // The same bytes again change nothing.
    assert_eq!(host.operate("POST", FILES, WASM, text.clone()).await.status, 201);
    // A custom section at the end: other bytes, the same piece.
    let other = [&text[..], b"\0\x03\x01x!"].concat();
    let problem = host.operate("POST", FILES, WASM, other).await.refused(409, "version_exists");
    assert!(problem.detail().contains("raise the version"), "{}", problem.text);
}
