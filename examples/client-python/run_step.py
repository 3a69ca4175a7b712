"""python3 run_step.py PIECE ACTION INPUT [--connection ID] [--key KEY] [--timeout MS] [--attempts N]"""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import TYPE_CHECKING

from leno import Leno, NoAnswer, StepFailed

if TYPE_CHECKING:
    from leno_types import RunRequest


def main() -> int:
    parser = argparse.ArgumentParser(description="Runs an action and prints its output.")
    parser.add_argument("piece")
    parser.add_argument("action")
    parser.add_argument("input", type=json.loads)
    parser.add_argument("--connection")
    parser.add_argument("--key")
    parser.add_argument("--timeout", type=int)
    parser.add_argument("--attempts", type=int, default=4)
    given = parser.parse_args()

    step: RunRequest = {"input": given.input}
    if given.connection:
        step["connectionExternalId"] = given.connection
    if given.key:
        step["idempotencyKey"] = given.key
    if given.timeout:
        step["timeoutMs"] = given.timeout

    server = Leno(os.environ.get("LENO_URL", "http://127.0.0.1:4747"), os.environ["LENO_TOKEN"], given.attempts)
    try:
        answer = server.run(given.piece, given.action, step)
    except (NoAnswer, StepFailed) as error:
        print(error, file=sys.stderr)
        return 1
    for line in answer["logs"]:
        print(f"{line['level']}: {line['message']}", file=sys.stderr)
    print(json.dumps(answer["output"], ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
