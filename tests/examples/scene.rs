//! A host with the piece, a Forgejo that it may reach, and a user who has stored a connection.

use leno_testkit::forgejo::{Listening, TOKEN};
use leno_testkit::{Answer, Client, Forgejo, Grant, Options, Run, Server, guests};
use serde_json::{Value, json};

/// The name of the stored connection.
pub(crate) const CONNECTION: &str = "forge";

pub(crate) struct Scene {
    pub(crate) forgejo: Forgejo,
    pub(crate) listening: Listening,
    pub(crate) server: Server,
    pub(crate) client: Client,
}

impl Scene {
    pub(crate) async fn start() -> Self {
        let forgejo = Forgejo::new();
        let listening = forgejo.listen().await.unwrap();
        let grant = Grant::private([listening.address]);
        let server = Server::start(options().grant("forgejo", grant)).await.unwrap();
        let client = server.client();
        client.active("forgejo.wasm").await.unwrap();
        let scene = Self { forgejo, listening, server, client };
        let stored = scene.client.post("/api/app-connections", &scene.new_connection(TOKEN)).await.unwrap();
        assert_eq!(stored.status, 201, "{}", stored.text);
        scene
    }

    /// The request to store a connection with this token, or to try it out.
    pub(crate) fn new_connection(&self, token: &str) -> Value {
        json!({
            "pieceName": "forgejo", "externalId": CONNECTION, "displayName": "Forge", "type": "CUSTOM_AUTH",
            "value": value(&self.listening.url(), token),
        })
    }

    /// Runs an action with the stored connection.
    pub(crate) async fn run(&self, action: &str, input: Value) -> Answer {
        let run = Run::new("forgejo", action).input(input).with("connectionExternalId", CONNECTION);
        self.client.run(&run).await.unwrap()
    }
}

/// A host with the piece, which may reach no private address.
pub(crate) fn options() -> Options {
    Options::new().piece("forgejo", guests::guest("piece-forgejo"))
}

/// The value of a connection.
pub(crate) fn value(base_url: &str, token: &str) -> Value {
    json!({"type": "CUSTOM_AUTH", "props": {"baseUrl": base_url, "accessToken": token}})
}
