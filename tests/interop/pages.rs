//! The pages of the OAuth app in a real browser that runs no scripts.

use std::path::{Path, PathBuf};

use leno_testkit::{Caller, OAuthClient, Options, Server, oauth_client, peers};
use serde_json::{Value, json};

/// Where the pictures of the documentation are, when they are to be made again.
pub(crate) fn shots() -> Option<PathBuf> {
    std::env::var_os("LENO_BLESS")?;
    Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/pictures"))
}

#[tokio::test]
async fn a_user_signs_in_allows_denies_and_takes_back_without_a_script() {
    let chromium = std::env::var("CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".into());
    if !Path::new(&chromium).is_file() {
        eprintln!("skipped: no browser at {chromium}; set CHROMIUM");
        return;
    }
    let Some(folder) = peers::folder() else { return };
    let redirect = format!("http://127.0.0.1:{}/redirect", peers::free_port().unwrap());
    let options = Options::new().oauth_client(&redirect);
    let server = Server::start(options).await.unwrap();
    let user = Caller::user();
    let client = server.client_of(&user);
    let shots = shots();
    if let Some(shots) = &shots {
        std::fs::create_dir_all(shots).unwrap();
    }
    let ask = json!({
        "base": server.url(), "client": oauth_client::CLIENT, "redirectUri": redirect, "token": client.token(), "chromium": chromium,
        "shots": shots,
    });
    let seen = peers::node(&folder, "pages.mjs", &ask).await.unwrap();

    for (page, violations) in seen["violations"].as_object().unwrap() {
        assert_eq!(*violations, json!([]), "{page}");
    }
    let said = seen["consent"].as_str().unwrap();
    for words in ["Activepieces", "127.0.0.1", "See your connections", "Add and change tasks", &user.id.to_string()] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let parameter = |url: &Value, name: &str| oauth_client::parameter(url.as_str().unwrap(), name);
    assert_eq!(parameter(&seen["allowed"], "state").as_deref(), Some("first"));
    assert_eq!(seen["back"], "This request has ended");
    assert_eq!(parameter(&seen["denied"], "error").as_deref(), Some("access_denied"));
    assert_eq!(parameter(&seen["denied"], "state").as_deref(), Some("second"));
    assert_eq!(parameter(&seen["tabs"][0], "state").as_deref(), Some("third"));
    assert_eq!(parameter(&seen["tabs"][1], "state").as_deref(), Some("fourth"));
    assert_eq!(seen["elsewhere"], "This is not yours to decide");
    assert_eq!(seen["framed"], 0);
    // Nothing is loaded from elsewhere, and no code was redeemed yet: there is no grant.
    for url in seen["requests"].as_array().unwrap() {
        let url = url.as_str().unwrap();
        assert!(url.starts_with(server.url()) || url.starts_with(&redirect) || url.starts_with("data:"), "{url}");
    }
    assert_eq!(seen["grants"], 0);

    // The code that the browser carried is good, once.
    let code = parameter(&seen["allowed"], "code").unwrap();
    let application = OAuthClient::new(server.url(), None);
    let (status, body) = application.token(oauth_client::redemption(&code, &redirect)).await.unwrap();
    assert_eq!(status, 200, "{body}");
    let seen = peers::node(&folder, "pages.mjs", &ask).await.unwrap();
    assert_eq!((&seen["grants"], &seen["left"]), (&json!(1), &json!(0)));
}
