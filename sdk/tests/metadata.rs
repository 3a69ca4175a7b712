//! The metadata document of a piece follows from its types, and the host accepts it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]
#![allow(dead_code, reason = "the fields describe properties; only some tests read them")]

use leno_metadata::Metadata;
use leno_sdk::auth::{AuthorizationMethod, GrantType, PkceMethod};
use leno_sdk::prelude::*;
use leno_sdk::props::{JSON_EDITOR, Variant};

#[derive(Choice, Clone, Debug, PartialEq)]
enum Size {
    Small,
    #[choice(label = "Very large", value = "XL")]
    ExtraLarge,
    #[choice(value = -7)]
    Other,
    #[choice(value = true)]
    Any,
}

/// A row.
#[derive(Props)]
struct Row {
    name: String,
    amount: Option<f64>,
}

#[derive(serde::Deserialize)]
struct Range {
    from: u32,
}

/// Every property type.
#[derive(Props)]
#[props(rename_all = "camelCase")]
struct Everything {
    /// Read this
    /// before you go on.
    ///
    /// Really.
    #[prop(variant = "warning")]
    note: Markdown,
    short_text: String,
    #[prop(display_name = "Prose", placeholder = "Write …", default = "none")]
    long_text: LongText,
    #[prop(min = -1, max = 10.5, step = 0.5, display = "stepper")]
    number: f64,
    #[prop(default = 3)]
    whole: u8,
    #[prop(default = true, advanced)]
    check: bool,
    time: Option<DateTime>,
    #[prop(default = Size::ExtraLarge)]
    size: Size,
    sizes: Vec<Size>,
    #[prop(options = channels, refreshers("size"), refresh_on_search)]
    channel: String,
    #[prop(options = channels)]
    channels: Option<Vec<String>>,
    #[prop(dynamic = fields, refreshers("channel"))]
    fields: Map,
    texts: Vec<String>,
    rows: Option<Vec<Row>>,
    object: Map,
    json: Value,
    range: Option<Json<Range>>,
    file: File,
    color: Option<Color>,
    #[prop(custom = JSON_EDITOR)]
    custom: Value,
    #[prop(name = "type")]
    kind: Option<String>,
    r#as: Option<String>,
}

fn channels(lookup: &Lookup<'_>) -> Result<Options> {
    let Some(size) = lookup.get::<Size>("size")? else { return Ok(Options::disabled("Choose a size first")) };
    let found = [("General", 1), ("Random", 2)].into_iter().filter(|(label, _)| {
        lookup.search().is_none_or(|search| label.to_lowercase().contains(&search.to_lowercase()))
    });
    if size == Size::Other { Err(Error::unavailable("down", "the service is down")) } else { Ok(found.collect()) }
}

fn fields(lookup: &Lookup<'_>) -> Result<Properties> {
    let channel: Option<u32> = lookup.get("channel")?;
    let name = format!("field{}", channel.unwrap_or(0));
    let columns = Properties::new().with("a", Property::short_text("A").required(true));
    Ok(Properties::new()
        .with(name, Property::rows("Rows", columns))
        .with("note", Property::markdown("Look", Variant::Tip))
        .with("pick", Property::static_dropdown("Pick", Options::new().with("One", 1)).default_value(1)))
}

/// Takes
/// everything.
#[action(
    audience = "both",
    classification = "DESTRUCTIVE",
    ai(description = "Takes it all", idempotent = false),
    retry_on_failure(default = true),
    continue_on_failure(hide = true, default = false),
    output_schema = json!({"fields": [{"key": "id", "label": "Id", "value": "id"}]})
)]
fn take_everything(ctx: &Context, props: Everything) -> Result<String> {
    Ok(format!("{} {:?} {}", ctx.attempt(), props.size, props.number))
}

/// Needs nothing.
#[action(name = "nothing-at-all", display_name = "Nothing!", auth = false)]
fn nothing() -> Result<()> {
    Ok(())
}

struct Told;

/// Is told.
#[trigger(
    sample = json!({"id": 1}),
    handshake(query = "hub.challenge"),
    renew = "0 0 * * *",
    ai(description = "Is told"),
    auth = false
)]
impl Webhook for Told {
    type Props = Row;
    type Event = Value;

    fn enable(_: &Context, _: &Row) -> Result<()> {
        Ok(())
    }

    fn disable(_: &Context, _: &Row) -> Result<()> {
        Ok(())
    }

    fn run(_: &Context, props: &Row, request: WebhookRequest) -> Result<Vec<Value>> {
        Ok(vec![json!({"name": props.name, "raw": request.raw_body().unwrap_or_default().len()})])
    }

    fn handshake(_: &Context, _: &Row, request: WebhookRequest) -> Result<HandshakeResponse> {
        Ok(HandshakeResponse::ok().body(request.query("hub.challenge").unwrap_or_default()))
    }

    fn renew(ctx: &Context, _: &Row) -> Result<()> {
        store::flow().put("renewed", &ctx.attempt())
    }
}

struct AppTold;

#[trigger(name = "app", sample = json!({}))]
impl AppWebhook for AppTold {
    type Props = NoProps;
    type Event = Value;

    fn enable(_: &Context, _: &NoProps) -> Result<()> {
        trigger::listen(&["message", "reaction"], "T1")
    }

    fn run(_: &Context, _: &NoProps, request: WebhookRequest) -> Result<Vec<Value>> {
        Ok(vec![request.body])
    }
}

struct Pressed;

#[trigger]
impl Manual for Pressed {
    type Props = NoProps;
    type Event = u32;

    fn run(_: &Context, _: &NoProps) -> Result<Vec<u32>> {
        Ok(vec![1, 2])
    }
}

struct Looked;

#[trigger(schedule = "*/5 * * * *")]
impl Polling for Looked {
    type Props = NoProps;
    type Item = u32;
    const STRATEGY: Strategy = Strategy::LastItem;

    fn items(_: &Context, _: &NoProps, _: &Since) -> Result<Vec<Entry<u32>>> {
        Ok(vec![Entry::new(1, 1)])
    }
}

#[derive(Props)]
struct Account {
    base_url: String,
    key: SecretText,
    #[prop(default = Size::Small)]
    size: Size,
}

fn check(ctx: &Context) -> Result<()> {
    if ctx.attempt() == 1 { Ok(()) } else { Err(Error::unauthorized("bad-key", "the key is wrong")) }
}

piece! {
    name: "everything",
    display_name: "Everything",
    version: "1.2.3",
    description: "All \"there\" is.",
    logo_url: "https://example.com/logo.svg",
    authors: ["A", "B"],
    categories: [Core, SalesAndCrm],
    auth: [
        Auth::secret_text("Token").description("From the settings").validate(check),
        Auth::basic("Login").username("Email", "Yours").password("Token", ""),
        Auth::custom::<Account>("Account")
            .inject_header("X-Key", "{{connection.key}}")
            .inject_query("sig", "{{base64 connection.base_url \":\" connection.key}}")
            .hosts(&["{{connection.base_url}}"])
            .validate(check),
        Auth::oauth2("OAuth", "https://example.com/authorize", "https://example.com/token")
            .revocation_url("https://example.com/revoke")
            .scope(&["a", "b"])
            .prompt("omit")
            .pkce(PkceMethod::S256)
            .authorization_method(AuthorizationMethod::Header)
            .grant_type(GrantType::Both)
            .extra("access_type", "offline")
            .extra("a", "b")
            .hosts(&["*.example.com"]),
    ],
    hosts: ["*.example.com", "{{connection.base_url}}"],
    actions: [take_everything, nothing],
    triggers: [Told, AppTold, Pressed, Looked],
    extra: {"i18n": json!({"de": {"Everything": "Alles"}})},
}

fn document() -> Value {
    serde_json::from_str(&PIECE.describe()).unwrap()
}

#[test]
fn the_host_accepts_the_document_of_a_piece_that_uses_everything() {
    let metadata = Metadata::parse(&PIECE.describe()).unwrap();
    assert_eq!(metadata.auth.len(), 4);
    assert_eq!(metadata.actions.len(), 2);
    assert_eq!(metadata.triggers.len(), 4);
}

#[test]
fn every_property_type_is_reached() {
    let document = document();
    let props = document["actions"]["take_everything"]["props"].as_object().unwrap();
    let kinds: Vec<_> = props.iter().map(|(name, prop)| (name.as_str(), prop["type"].as_str().unwrap())).collect();
    let expected = [
        ("note", "MARKDOWN"),
        ("shortText", "SHORT_TEXT"),
        ("longText", "LONG_TEXT"),
        ("number", "NUMBER"),
        ("whole", "NUMBER"),
        ("check", "CHECKBOX"),
        ("time", "DATE_TIME"),
        ("size", "STATIC_DROPDOWN"),
        ("sizes", "STATIC_MULTI_SELECT_DROPDOWN"),
        ("channel", "DROPDOWN"),
        ("channels", "MULTI_SELECT_DROPDOWN"),
        ("fields", "DYNAMIC"),
        ("texts", "ARRAY"),
        ("rows", "ARRAY"),
        ("object", "OBJECT"),
        ("json", "JSON"),
        ("range", "JSON"),
        ("file", "FILE"),
        ("color", "COLOR"),
        ("custom", "CUSTOM"),
        ("type", "SHORT_TEXT"),
        ("as", "SHORT_TEXT"),
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn texts_defaults_and_hints_reach_the_document() {
    let document = document();
    let props = &document["actions"]["take_everything"]["props"];
    assert_eq!(
        props["note"],
        json!({
            "type": "MARKDOWN", "displayName": "Note", "required": false, "variant": "WARNING",
            "description": "Read this before you go on.\n\nReally.",
        })
    );
    assert_eq!(
        props["longText"],
        json!({"type": "LONG_TEXT", "displayName": "Prose", "required": false, "defaultValue": "none", "placeholder": "Write …"})
    );
    assert_eq!(
        props["number"],
        json!({
            "type": "NUMBER", "displayName": "Number", "required": true, "min": -1, "max": 10.5, "step": 0.5,
            "display": "stepper",
        })
    );
    assert_eq!(props["whole"]["defaultValue"], 3);
    assert_eq!(props["check"]["advanced"], true);
    assert_eq!(props["size"]["defaultValue"], "XL");
    assert_eq!(props["size"]["required"], false);
    assert_eq!(
        props["sizes"]["options"],
        json!({"options": [
            {"label": "Small", "value": "small"},
            {"label": "Very large", "value": "XL"},
            {"label": "Other", "value": -7},
            {"label": "Any", "value": true},
        ]})
    );
    assert_eq!(props["channel"]["refreshers"], json!(["size"]));
    assert_eq!(props["channel"]["refreshOnSearch"], true);
    assert_eq!(props["channels"]["refreshers"], json!([]));
    assert_eq!(props["channels"]["required"], false);
    assert_eq!(props["rows"]["properties"]["amount"]["type"], "NUMBER");
    assert_eq!(props["texts"].get("properties"), None);
}

#[test]
fn an_actions_attributes_reach_the_document() {
    let document = document();
    let action = &document["actions"]["take_everything"];
    assert_eq!(action["displayName"], "Take everything");
    assert_eq!(action["description"], "Takes everything.");
    assert_eq!(action["requireAuth"], true);
    assert_eq!((&action["audience"], &action["classification"]), (&json!("both"), &json!("DESTRUCTIVE")));
    assert_eq!(action["aiMetadata"], json!({"description": "Takes it all", "idempotent": false}));
    let handling =
        json!({"retryOnFailure": {"defaultValue": true}, "continueOnFailure": {"hide": true, "defaultValue": false}});
    assert_eq!(action["errorHandlingOptions"], handling);
    assert_eq!(action["outputSchema"]["fields"][0]["key"], "id");
    let other = &document["actions"]["nothing-at-all"];
    assert_eq!((&other["displayName"], &other["requireAuth"]), (&json!("Nothing!"), &json!(false)));
}

#[test]
fn a_triggers_attributes_reach_the_document() {
    let document = document();
    let told = &document["triggers"]["told"];
    assert_eq!((&told["type"], &told["testStrategy"]), (&json!("WEBHOOK"), &json!("SIMULATION")));
    assert_eq!(told["handshakeConfiguration"], json!({"strategy": "QUERY_PRESENT", "paramName": "hub.challenge"}));
    assert_eq!(told["renewConfiguration"], json!({"strategy": "CRON", "cronExpression": "0 0 * * *"}));
    assert_eq!(told["sampleData"], json!({"id": 1}));
    assert_eq!(told["description"], "Is told.");
    assert_eq!(document["triggers"]["app"]["testStrategy"], "TEST_FUNCTION");
    assert_eq!(document["triggers"]["pressed"]["type"], "MANUAL");
    assert_eq!(document["triggers"]["looked"]["type"], "POLLING");
}

#[test]
fn the_pieces_own_members_reach_the_document() {
    let document = document();
    assert_eq!((&document["name"], &document["version"]), (&json!("everything"), &json!("1.2.3")));
    assert_eq!(document["description"], "All \"there\" is.");
    assert_eq!(document["authors"], json!(["A", "B"]));
    assert_eq!(document["categories"], json!(["CORE", "SALES_AND_CRM"]));
    assert_eq!(document["egress"], json!({"hosts": ["*.example.com", "{{connection.base_url}}"]}));
    assert_eq!(document["i18n"]["de"]["Everything"], "Alles");
    let auth = document["auth"].as_array().unwrap();
    assert_eq!(auth[1]["username"], json!({"displayName": "Email", "description": "Yours"}));
    assert_eq!(auth[2]["props"]["key"]["type"], "SECRET_TEXT");
    assert_eq!(auth[2]["inject"]["headers"], json!({"X-Key": "{{connection.key}}"}));
    let query = json!({"sig": "{{base64 connection.base_url \":\" connection.key}}"});
    assert_eq!(auth[2]["inject"]["query"], query);
    assert_eq!(auth[3]["revocationUrl"], "https://example.com/revoke");
    assert_eq!(auth[3]["extra"], json!({"access_type": "offline", "a": "b"}));
    assert_eq!(auth[3]["grantType"], "both_client_credentials_and_authorization_code");
}

#[test]
fn options_and_dynamic_properties_are_resolved_by_the_name_of_the_property() {
    let resolve = |property: &str, props: &str, search| {
        PIECE
            .resolve("take_everything", property, props, search)
            .map(|text| serde_json::from_str::<Value>(&text).unwrap())
    };
    assert_eq!(resolve("channel", "{}", None).unwrap()["disabled"], true);
    assert_eq!(resolve("channel", r#"{"size": ""}"#, None).unwrap()["placeholder"], "Choose a size first");
    let found = resolve("channel", r#"{"size": "XL"}"#, Some("rand")).unwrap();
    assert_eq!(found, json!({"options": [{"label": "Random", "value": 2}]}));
    assert_eq!(resolve("channel", r#"{"size": -7}"#, None).unwrap_err().code(), "down");
    let error = resolve("channel", r#"{"size": "XXL"}"#, None).unwrap_err();
    assert_eq!(error.message(), "size: expected one of \"small\", \"XL\", -7, true; got \"XXL\"");
    let fields = resolve("fields", r#"{"channel": 5}"#, None).unwrap();
    assert_eq!(fields["field5"]["properties"]["a"]["required"], true);
    assert_eq!(fields["note"]["variant"], "TIP");
    leno_metadata::parse_properties(&fields.to_string()).unwrap();
    for (owner, property) in
        [("take_everything", "shortText"), ("take_everything", "nope"), ("nope", "channel"), ("told", "x")]
    {
        assert_eq!(PIECE.resolve(owner, property, "{}", None).unwrap_err().code(), "unknown-property");
    }
}

#[test]
fn a_connection_is_checked_by_the_auth_of_its_kind() {
    use leno_sdk::connection::Kind;
    let host = leno_sdk::testing::FakeHost::new();
    assert_eq!(PIECE.validate().unwrap_err().code(), "no-connection");
    host.connect_sealed(Kind::SecretText, json!({}));
    PIECE.validate().unwrap();
    host.set_attempt(2);
    assert_eq!(PIECE.validate().unwrap_err().code(), "bad-key");
    host.connect_sealed(Kind::BasicAuth, json!({}));
    PIECE.validate().unwrap();
}

#[test]
fn unknown_names_are_errors_that_name_them() {
    assert_eq!(PIECE.run_action("nope", "{}").unwrap_err().message(), "everything has no action `nope`");
    assert_eq!(PIECE.trigger("nope").unwrap_err().message(), "everything has no trigger `nope`");
}

#[test]
fn webhooks_get_their_request_and_respond_to_handshakes() {
    let host = leno_sdk::testing::FakeHost::new();
    let told = PIECE.trigger("told").unwrap();
    let props = r#"{"name": "n"}"#;
    let request = r#"{"method": "POST", "headers": {"x": "y"}, "queryParams": {"hub.challenge": "c"}, "body": {}, "rawBodyBase64": "AP8="}"#;
    assert_eq!(told.run(props, Some(request)).unwrap(), [r#"{"name":"n","raw":2}"#]);
    assert_eq!(told.handshake(props, request).unwrap(), r#"{"status":200,"body":"c"}"#);
    assert_eq!(told.run(props, None).unwrap_err().code(), "no-webhook-request");
    assert_eq!(told.run("{}", Some(request)).unwrap_err().code(), "invalid-props");
    told.renew(props).unwrap();
    assert_eq!(host.keys(leno_sdk::store::Scope::Flow), ["renewed"]);
    assert_eq!(told.test(props).unwrap(), [r#"{"id":1}"#]);
    PIECE.trigger("app").unwrap().enable("{}").unwrap();
    assert_eq!(host.listeners(), [(vec!["message".to_owned(), "reaction".to_owned()], "T1".to_owned())]);
    assert_eq!(PIECE.trigger("pressed").unwrap().run("{}", None).unwrap(), ["1", "2"]);
    PIECE.trigger("looked").unwrap().enable("{}").unwrap();
    assert_eq!(host.schedules(), [("*/5 * * * *".to_owned(), "UTC".to_owned())]);
}
