//! Listing pieces and showing one.

use super::*;

#[tokio::test]
async fn a_host_without_pieces_lists_none_and_says_so() {
    let host = Host::empty().await;
    assert_eq!(host.get("/api/pieces").await.body, json!([]));
    let problem = host.get("/api/pieces/slack").await.refused(404, "piece_not_found");
    assert_eq!(problem.body["error"], "Piece not found");
    assert!(problem.detail().contains("this host has no pieces"), "{}", problem.text);
}

#[tokio::test]
async fn a_list_is_narrowed_by_what_the_route_knows_and_by_nothing_else() {
    let host = Host::with_piece().await;
    let count = async |query: &str| host.get(&format!("/api/pieces{query}")).await.body.as_array().unwrap().len();
    for (query, expected) in [
        ("", 1),
        ("?searchQuery=T+TOO", 1),
        ("?searchQuery=piece-TEXT", 1),
        ("?searchQuery=slack", 0),
        ("?searchQuery=", 1),
        ("?categories=", 1),
        ("?categories=NO_SUCH", 0),
        ("?categories=core", 1),
        ("?categories=no_such&categories=x,developer_tools", 1),
        ("?limit=1", 1),
        ("?limit=1000", 1),
        ("?somethingElse=1&view=summary", 1),
        ("?%ff=%fe", 1),
    ] {
        assert_eq!(count(query).await, expected, "{query}");
    }
    let row = &host.get("/api/pieces").await.body[0];
    assert!(row["actions"].is_u64() && row["triggers"].is_u64() && row.get("i18n").is_none(), "{row}");
    let full = &host.get("/api/pieces?view=full").await.body[0];
    assert!(full["actions"]["echo"]["props"].is_object(), "{full}");
    assert_eq!(full, &host.get("/api/pieces/text").await.body);
}

#[tokio::test]
async fn a_query_that_cannot_be_meant_is_refused_with_every_fault() {
    let host = Host::empty().await;
    for limit in ["0", "1001", "-1", "x", "", "1.5", "99999999999999999999"] {
        let problem = host.get(&format!("/api/pieces?limit={limit}")).await.refused(400, "invalid_query");
        assert_eq!(problem.paths(), ["limit"], "{limit}");
        assert!(problem.detail().contains("1 to 1000"), "{}", problem.text);
    }
    assert_eq!(host.get("/api/pieces?limit=0&view=everything").await.paths(), ["limit", "view"]);
    assert_eq!(host.get("/api/pieces/text?version=latest").await.refused(400, "invalid_query").paths(), ["version"]);
}

#[tokio::test]
async fn a_piece_is_found_by_either_form_of_its_name_and_by_version() {
    let host = Host::with_piece().await;
    let piece = host.get("/api/pieces/text").await;
    assert_eq!(piece.status, 200, "{}", piece.text);
    assert_eq!(piece.body["version"], "2.0.0", "the newest is served, not the first or the last that was found");
    for path in [
        "/api/pieces/%40activepieces%2Fpiece-text",
        "/api/pieces/@activepieces/piece-text",
        "/api/pieces/%40activepieces/piece-text",
        "/api/pieces/text?version=2.0.0",
    ] {
        assert_eq!(host.get(path).await.body, piece.body, "{path}");
    }
    for (wanted, expected) in [("1.2.0", "1.2.0"), ("~1.2.0", "1.2.0"), ("%5E1.0.0", "1.3.0"), ("", "2.0.0")] {
        assert_eq!(host.get(&format!("/api/pieces/text?version={wanted}")).await.body["version"], expected, "{wanted}");
    }
    let problem = host.get("/api/pieces/text?version=99.0.0").await.refused(404, "version_not_found");
    assert!(problem.detail().contains("2.0.0, 1.3.0, 1.2.0"), "{}", problem.text);
    let problem = host.get("/api/pieces/slack").await.refused(404, "piece_not_found");
    assert!(problem.detail().contains("the pieces of this host are: text"), "{}", problem.text);
    for path in ["/api/pieces/@evil/piece-text", "/api/pieces/..%2F..%2Fetc", "/api/pieces/TEXT"] {
        host.get(path).await.refused(404, "piece_not_found");
    }
    for path in
        ["/api/pieces/%ff".to_owned(), "/api/pieces/a%00b".to_owned(), format!("/api/pieces/{}", "a".repeat(40_000))]
    {
        host.get(&path).await.refused(400, "invalid_path");
    }
    host.get("/api/app-connections?displayName=a%00b").await.refused(400, "invalid_query");
    for (id, name) in [("a".to_owned(), "x".repeat(50_000)), ("a".repeat(40_000), "x".to_owned())] {
        let body = json!({"externalId": id, "displayName": name, "pieceName": "text", "type": "NO_AUTH", "value": {}});
        host.json("/api/app-connections", &body).await.refused(400, "invalid_request");
    }
}

#[tokio::test]
async fn a_client_that_has_the_metadata_is_told_so_until_the_bytes_change() {
    let host = Host::with_piece().await;
    let piece = host.get("/api/pieces/text").await;
    let tag = piece.headers["etag"].to_str().unwrap();
    assert!(tag.contains(piece.body["digest"].as_str().unwrap()), "{tag}");
    assert_eq!(piece.headers["cache-control"], "private, no-cache");
    let again = async |tag: &str| {
        let request = request("GET", "/api/pieces/text")
            .header("authorization", format!("Bearer {}", host.token))
            .header("if-none-match", tag);
        host.send(request.body(Body::empty()).unwrap()).await
    };
    for same in [tag, tag.trim_start_matches("W/"), "*", &format!("\"other\", {tag}")] {
        let answer = again(same).await;
        assert_eq!((answer.status, answer.text.as_str()), (304, ""), "{same}");
        assert_eq!(answer.headers["etag"], tag);
    }
    assert_eq!(again("\"other\"").await.status, 200);
}
