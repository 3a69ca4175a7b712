//! The rejection for a run without output.

use std::time::Duration;

use http::StatusCode;
use leno_metadata::{ErrorKind, PieceError, Problem as Fault, Problems};
use leno_pieces::{Refusal, Registry, Run};
use leno_sandbox::{Failure, Output};

use super::lookup;
use crate::edge::Rejection;

/// When to try again, if the service that refused did not say.
const LATER: Duration = Duration::from_secs(1);

/// Why nothing ran.
pub(super) fn refused(registry: &Registry, refusal: Refusal) -> Rejection {
    match refusal {
        Refusal::NotFound(missing) => lookup::no_piece(registry, &missing).kind(ErrorKind::NotFound),
        Refusal::Step(refusal) => step_refused(&refusal),
        Refusal::CircuitOpen { retry_after, .. } => Rejection::new(
            StatusCode::TOO_MANY_REQUESTS,
            "circuit_open",
            "The piece keeps crashing",
            refusal.to_string(),
        )
        .kind(ErrorKind::RateLimited)
        .retry_after(retry_after),
    }
}

/// Why a step does not fit its piece.
fn step_refused(refusal: &leno_sandbox::Refusal) -> Rejection {
    use leno_sandbox::Refusal;
    let unprocessable = |code: &'static str, error: &'static str, detail: String| {
        Rejection::new(StatusCode::UNPROCESSABLE_ENTITY, code, error, detail).kind(ErrorKind::InvalidInput)
    };
    match refusal {
        Refusal::Undeclared(undeclared) => {
            Rejection::new(StatusCode::NOT_FOUND, "unknown", "Not found", undeclared.to_string())
                .kind(ErrorKind::NotFound)
        }
        Refusal::Input(problems) => invalid_props(problems),
        Refusal::ConnectionRequired { .. } => {
            let detail = format!("{refusal}; name one in the request");
            unprocessable("connection_required", "A connection is required", detail)
        }
        Refusal::NotResolvable { .. } => {
            unprocessable("not_resolvable", "The piece does not resolve this property", refusal.to_string())
        }
    }
}

/// The props are a part of the request, so their pointers start there.
fn invalid_props(problems: &Problems) -> Rejection {
    let problems: Vec<Fault> =
        problems.iter().map(|fault| Fault::new(format!("/input{}", fault.path), &fault.message)).collect();
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    Rejection::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_props", "Invalid input", lines.join("\n"))
        .kind(ErrorKind::InvalidInput)
        .listing(problems)
}

/// Separates the output from the rest of a run: its id, logs and figures.
///
/// # Errors
/// The rejection for a run that has no output.
pub(super) fn output(mut run: Run) -> Result<(Run, Output), Rejection> {
    match std::mem::replace(&mut run.report.result, Err(Failure::Cancelled)) {
        Ok(output) => Ok((run, output)),
        Err(failure) => Err(failed(run, failure)),
    }
}

/// The rejection for a run without output, with the run's id, logs and figures.
fn failed(run: Run, failure: Failure) -> Rejection {
    let kind = failure.kind();
    let problem = match failure {
        Failure::Piece(error) => reported(error),
        Failure::InvalidProps(problems) => invalid_props(&problems),
        Failure::Unknown(text) => Rejection::new(StatusCode::NOT_FOUND, "unknown", "Not found", text),
        Failure::Host(cause) => Rejection::internal(cause),
        Failure::Overloaded { .. } => overloaded(&failure),
        Failure::TooManyDenials(ref exhausted) => {
            ended(StatusCode::FORBIDDEN, "The piece was refused too often", &failure).budget(exhausted)
        }
        Failure::Timeout { .. } => ended(StatusCode::GATEWAY_TIMEOUT, "The call took too long", &failure),
        // The piece was removed, or the host is going down: another host, or this one later, can run it.
        Failure::Cancelled => {
            ended(StatusCode::SERVICE_UNAVAILABLE, "The call was cancelled", &failure).retry_after(LATER)
        }
        // As a gateway answers that got no valid response (RFC 9110, section 15.6.3): the piece ran to its end, and this host
        // works.
        Failure::InvalidOutput { .. } => ended(StatusCode::BAD_GATEWAY, "The piece's output is not valid", &failure),
        _ => ended(StatusCode::INTERNAL_SERVER_ERROR, "The piece failed", &failure),
    };
    problem.kind(kind).of_run(run.id, run.report)
}

/// The rejection for a call that did not start.
pub(super) fn overloaded(failure: &Failure) -> Rejection {
    let rejection = ended(StatusCode::TOO_MANY_REQUESTS, "Too many calls", failure);
    match failure {
        Failure::Overloaded { exhausted, .. } => rejection.budget(exhausted),
        _ => rejection.retry_after(LATER),
    }
}

fn ended(status: StatusCode, error: &'static str, failure: &Failure) -> Rejection {
    Rejection::new(status, failure.outcome(), error, failure.to_string())
}

/// What the piece itself reported, under its own code.
fn reported(error: PieceError) -> Rejection {
    let status = match error.kind {
        ErrorKind::InvalidInput => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::Unauthorized => StatusCode::FAILED_DEPENDENCY,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::Unavailable => StatusCode::BAD_GATEWAY,
        ErrorKind::Denied => StatusCode::FORBIDDEN,
        ErrorKind::Timeout => StatusCode::GATEWAY_TIMEOUT,
        ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let said = match error.kind {
        ErrorKind::InvalidInput => "The piece refused the input",
        ErrorKind::Unauthorized => "The service refused the credentials",
        ErrorKind::NotFound => "The service did not find it",
        ErrorKind::RateLimited => "The service limits the rate of calls",
        ErrorKind::Unavailable => "The service is unavailable",
        ErrorKind::Denied => "Not allowed",
        ErrorKind::Timeout => "The service took too long",
        ErrorKind::Internal => "The piece failed",
    };
    let wait = error.retry_after_ms.map(Duration::from_millis);
    let wait = if error.kind == ErrorKind::RateLimited { Some(wait.unwrap_or(LATER)) } else { wait };
    let problem = Rejection::new(status, error.code, said, error.message).details(error.details);
    match wait {
        Some(wait) => problem.retry_after(wait),
        None => problem,
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;
    use http::header::RETRY_AFTER;
    use leno_base::Digest;
    use leno_sandbox::Report;

    use leno_base::budget::Exhausted;
    use leno_sandbox::budgets::{DENIALS, MAX_CALLS};

    use super::*;
    use crate::{api::problem::problem, edge::rejection::render};

    fn answer(failure: Failure) -> (u16, Option<String>, serde_json::Value) {
        let run = Run {
            id: "run-1".into(),
            piece: "text".parse().unwrap(),
            version: semver::Version::new(1, 0, 0),
            digest: Digest::of(b""),
            resolved: None,
            report: Report::refused(failure.clone()),
        };
        let response = render(failed(run, failure).into_response(), problem);
        assert_eq!(response.headers()["x-run-id"], "run-1");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let retry = response.headers().get(RETRY_AFTER).map(|value| value.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        let body = futures_util::FutureExt::now_or_never(axum::body::to_bytes(response.into_body(), usize::MAX));
        let body: serde_json::Value = serde_json::from_slice(&body.unwrap().unwrap()).unwrap();
        assert_eq!(body["status"], status);
        (status, retry, body)
    }

    #[test]
    fn each_kind_of_failure_has_its_status() {
        let piece = |kind| Failure::Piece(PieceError::new(kind, "some-code", "some words"));
        let ms = Duration::from_millis;
        let busy = Exhausted { spec: &MAX_CALLS, limit: 128, retry_after: Some(ms(1200)) };
        let many = Exhausted { spec: &DENIALS, limit: 1_000, retry_after: None };
        for (failure, status, code, retry) in [
            (piece(ErrorKind::InvalidInput), 422, "some-code", None),
            (piece(ErrorKind::Unauthorized), 424, "some-code", None),
            (piece(ErrorKind::NotFound), 404, "some-code", None),
            (piece(ErrorKind::RateLimited), 429, "some-code", Some("1")),
            (piece(ErrorKind::Unavailable), 502, "some-code", None),
            (piece(ErrorKind::Denied), 403, "some-code", None),
            (piece(ErrorKind::Timeout), 504, "some-code", None),
            (piece(ErrorKind::Internal), 500, "some-code", None),
            (Failure::Unknown("no".into()), 404, "unknown", None),
            (Failure::InvalidProps(Fault::new("/a", "bad").into()), 422, "invalid_props", None),
            (Failure::CpuLimit { limit: ms(1) }, 500, "cpu_limit", None),
            (Failure::Timeout { limit: ms(1) }, 504, "timeout", None),
            (Failure::MemoryLimit { limit: 1, wanted: 2 }, 500, "memory_limit", None),
            (Failure::OutputTooLarge { limit: 1 }, 500, "output_too_large", None),
            (Failure::HostCallTooLarge { limit: 1 }, 500, "host_call_too_large", None),
            (Failure::InvalidOutput { reason: "x".into() }, 502, "invalid_output", None),
            (Failure::GuestTrap { trap: "unreachable".into(), panic: None }, 500, "guest_trap", None),
            (Failure::Overloaded { what: "x".into(), exhausted: busy }, 429, "overloaded", Some("2")),
            (Failure::TooManyDenials(many), 403, "too_many_denials", None),
            (Failure::Cancelled, 503, "cancelled", Some("1")),
            (Failure::Host("x".into()), 500, "host_error", None),
        ] {
            let (found, wait, body) = answer(failure.clone());
            assert_eq!((found, wait.as_deref(), body["code"].as_str()), (status, retry, Some(code)), "{failure:?}");
            for member in ["type", "title", "detail", "error", "kind", "runId", "logs", "usage"] {
                assert!(body.get(member).is_some(), "{member} of {failure:?}: {body}");
            }
        }
    }

    #[test]
    fn a_services_own_waiting_time_is_passed_on_in_whole_seconds() {
        for (ms, seconds) in [(0, "1"), (1, "1"), (1_000, "1"), (2_500, "3"), (u64::MAX, "18446744073709552")] {
            let error = PieceError::new(ErrorKind::RateLimited, "slow-down", "x");
            let error = PieceError { retry_after_ms: Some(ms), ..error };
            assert_eq!(answer(Failure::Piece(error)).1.as_deref(), Some(seconds));
        }
    }

    #[test]
    fn what_went_wrong_inside_the_host_is_not_told() {
        let (_, _, body) = answer(Failure::Host("disk /var/secret is full".into()));
        assert!(!body.to_string().contains("secret"), "{body}");
    }

    #[test]
    fn problems_with_props_point_into_the_request() {
        let (_, _, body) = answer(Failure::InvalidProps(Fault::new("/a", "bad").into()));
        assert_eq!(body["problems"], serde_json::json!([{"path": "/input/a", "message": "bad"}]));
    }
}
