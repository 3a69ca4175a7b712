"""Runs actions of pieces on a Leno server, as a flow engine does: one step, one idempotency key for all its attempts."""

from __future__ import annotations

import http.client
import json
import random
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from email.message import Message
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leno_types import Problem, RunAnswer, RunRequest

# Too many calls, here or at the service; the service is out of reach; the host is going down.
TEMPORARY = (429, 502, 503)
# How long the server may take, if the step does not say, in milliseconds.
TIMEOUT = 30_000
# What is added to it for the way there and back.
MARGIN = 5_000


class StepFailed(Exception):
    """The step has no output. `problem` says why (RFC 9457); it is None if the answer was not the server's own."""

    def __init__(self, status: int, problem: Problem | None, retry_after: float | None) -> None:
        said = f"{problem['code']}: {problem['detail']}" if problem else f"the server responded with status {status}"
        super().__init__(said)
        self.status = status
        self.problem = problem
        self.retry_after = retry_after


class NoAnswer(Exception):
    """No answer, or not in time. Whether the step ran is not known."""


class Leno:
    """A server, called with one user's token."""

    def __init__(self, url: str, token: str, attempts: int = 4, longest_wait: float = 60.0) -> None:
        """Tries a step up to `attempts` times, and waits at most `longest_wait` seconds between two of them."""
        self.url = url
        self.token = token
        self.attempts = attempts
        self.longest_wait = longest_wait

    def run(self, piece: str, action: str, step: RunRequest) -> RunAnswer:
        """Runs an action until it has succeeded or failed for good.

        A step whose answer is lost is sent again under the same key: pieces that know such keys do not repeat its effect.
        """
        keyed = step.copy()
        keyed["idempotencyKey"] = step.get("idempotencyKey") or str(uuid.uuid4())
        attempt = 1
        while True:
            try:
                return self._once(piece, action, keyed)
            except (NoAnswer, StepFailed) as error:
                is_temporary = isinstance(error, NoAnswer) or error.status in TEMPORARY
                said = error.retry_after if isinstance(error, StepFailed) else None
                wait = 2.0 ** (attempt - 1) if said is None else said
                if not is_temporary or attempt >= self.attempts or wait > self.longest_wait:
                    raise
            # Not all clients at the same moment.
            time.sleep(wait * random.uniform(1, 1.25))
            attempt += 1

    def _once(self, piece: str, action: str, step: RunRequest) -> RunAnswer:
        name, action = urllib.parse.quote(piece, safe=""), urllib.parse.quote(action, safe="")
        request = urllib.request.Request(
            f"{self.url}/api/pieces/{name}/actions/{action}/run",
            data=json.dumps(step).encode(),
            headers={"authorization": f"Bearer {self.token}", "content-type": "application/json"},
        )
        timeout = (step.get("timeoutMs") or TIMEOUT) + MARGIN
        try:
            status, headers, body = _send(request, timeout / 1000)
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer(f"no answer within {timeout} ms: {error}") from error
        if status == 200:
            answer: RunAnswer = json.loads(body)
            return answer
        problem: Problem | None = None
        # A proxy in between answers with a page of its own.
        if headers.get_content_type() == "application/problem+json":
            problem = json.loads(body)
        seconds = headers.get("retry-after", "")
        raise StepFailed(status, problem, float(seconds) if seconds.isdigit() else None)


def _send(request: urllib.request.Request, timeout: float) -> tuple[int, Message, bytes]:
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()
