//! What each client does with what can happen to a step. Every claim is a test of both.

use std::time::Duration;

use leno_testkit::forgejo::Reply;
use serde_json::{Value, json};

use crate::lossy::Lossy;
use crate::programs::{Printed, Program};
use crate::scene::{CONNECTION, Scene};

const SOON: Duration = Duration::from_secs(10);

macro_rules! claims {
    ($($claim:ident,)*) => {
        claims!(in python: $($claim,)*);
        claims!(in typescript: $($claim,)*);
    };
    (in $client:ident: $($claim:ident,)*) => {
        mod $client {
            use crate::{programs::Program, scene::Scene};

            $(
                #[tokio::test]
                async fn $claim() {
                    let scene = Scene::start().await;
                    if let Some(program) = Program::$client(&scene).await {
                        super::$claim(&scene, &program).await;
                    }
                }
            )*
        }
    };
}

claims! {
    a_step_prints_what_the_action_returned_and_logged,
    the_error_of_the_piece_is_told_and_the_step_not_repeated,
    a_rate_limit_is_waited_for_as_long_as_the_service_asks,
    a_step_is_tried_as_often_as_allowed,
    a_wait_that_is_too_long_is_left_to_the_caller,
    a_step_ends_when_its_time_is_up,
    a_server_that_does_not_respond_is_given_up,
    a_lost_answer_creates_no_second_issue,
    a_step_with_the_same_key_creates_no_second_issue,
}

/// Creates an issue through the server at `url`.
async fn create(scene: &Scene, program: &Program, url: &str, further: &[&str]) -> Printed {
    let input = json!({"repository": "ada/engine", "title": "It hurts"}).to_string();
    let step = ["forgejo", "create_issue", &input, "--connection", CONNECTION];
    program.run(scene, url, &[&step, further].concat()).await
}

fn too_often(seconds: u32) -> Reply {
    Reply::json(429, json!({"message": "slow down"})).header("retry-after", seconds.to_string())
}

async fn a_step_prints_what_the_action_returned_and_logged(scene: &Scene, program: &Program) {
    let printed = create(scene, program, scene.server.url(), &[]).await;
    assert!(printed.succeeded, "{printed:?}");
    let output: Value = serde_json::from_str(&printed.stdout).unwrap();
    assert_eq!((&output["number"], &output["title"]), (&json!(1), &json!("It hurts")));
    assert_eq!(printed.stderr, "info: created https://git.example.com/ada/engine/issues/1");
    assert_eq!(scene.forgejo.titles(), ["It hurts"]);
}

async fn the_error_of_the_piece_is_told_and_the_step_not_repeated(scene: &Scene, program: &Program) {
    let input = json!({"repository": "ada/nothing"}).to_string();
    let step = ["forgejo", "list_issues", &input, "--connection", CONNECTION];
    let printed = program.run(scene, scene.server.url(), &step).await;
    assert!(!printed.succeeded && printed.stdout.is_empty(), "{printed:?}");
    assert!(
        printed.stderr.starts_with("http-404: ") && printed.stderr.ends_with("The target couldn't be found."),
        "{printed:?}"
    );
    assert_eq!(scene.forgejo.received().len(), 1);
}

async fn a_rate_limit_is_waited_for_as_long_as_the_service_asks(scene: &Scene, program: &Program) {
    scene.forgejo.instead(too_often(2));
    let printed = create(scene, program, scene.server.url(), &[]).await;
    // Without the header the first wait would be a second.
    assert!(printed.succeeded && printed.took >= Duration::from_secs(2), "{printed:?}");
    assert_eq!(scene.forgejo.received().len(), 2);
    assert_eq!(scene.forgejo.titles(), ["It hurts"]);
}

async fn a_step_is_tried_as_often_as_allowed(scene: &Scene, program: &Program) {
    for _ in 0..3 {
        scene.forgejo.instead(too_often(1));
    }
    let printed = create(scene, program, scene.server.url(), &["--attempts", "2"]).await;
    assert!(!printed.succeeded && printed.stderr.starts_with("http-429: "), "{printed:?}");
    assert_eq!(scene.forgejo.received().len(), 2);
}

async fn a_wait_that_is_too_long_is_left_to_the_caller(scene: &Scene, program: &Program) {
    scene.forgejo.instead(too_often(3600));
    let printed = create(scene, program, scene.server.url(), &[]).await;
    assert!(!printed.succeeded && printed.stderr.starts_with("http-429: "), "{printed:?}");
    assert_eq!(scene.forgejo.received().len(), 1);
}

async fn a_step_ends_when_its_time_is_up(scene: &Scene, program: &Program) {
    scene.forgejo.hold();
    let printed = create(scene, program, scene.server.url(), &["--timeout", "500"]).await;
    assert!(!printed.succeeded && printed.stderr.starts_with("timeout: "), "{printed:?}");
    // It may have had an effect, so it is not repeated.
    scene.forgejo.holds(1, SOON).await.unwrap();
    scene.forgejo.release();
}

async fn a_server_that_does_not_respond_is_given_up(scene: &Scene, program: &Program) {
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let printed = create(scene, program, &url, &["--timeout", "1", "--attempts", "1"]).await;
    assert!(!printed.succeeded && printed.stderr.starts_with("no answer within 5001 ms"), "{printed:?}");
}

async fn a_lost_answer_creates_no_second_issue(scene: &Scene, program: &Program) {
    let proxy = Lossy::before(scene.server.url()).await;
    let printed = create(scene, program, &proxy.url(), &[]).await;
    assert!(
        printed.succeeded && printed.stderr.contains("an earlier attempt at this step has created it"),
        "{printed:?}"
    );
    assert_eq!(scene.forgejo.titles(), ["It hurts"]);
}

async fn a_step_with_the_same_key_creates_no_second_issue(scene: &Scene, program: &Program) {
    let first = create(scene, program, scene.server.url(), &["--key", "run-7/step-2"]).await;
    let again = create(scene, program, scene.server.url(), &["--key", "run-7/step-2"]).await;
    assert!(first.succeeded && first.stdout == again.stdout, "{first:?} {again:?}");
    let other = create(scene, program, scene.server.url(), &["--key", "run-7/step-3"]).await;
    assert_ne!(first.stdout, other.stdout);
    assert_eq!(scene.forgejo.titles().len(), 2);
}
