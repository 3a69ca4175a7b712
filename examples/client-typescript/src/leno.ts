// Runs actions of pieces on a Leno server, as a flow engine does: one step, one idempotency key for all its attempts.

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Schemas = components["schemas"];
export type Step = Schemas["RunRequest"];
export type Answer = Schemas["RunAnswer"];
export type Problem = Schemas["Problem"];

/** Too many calls, here or at the service; the service is out of reach; the host is going down. */
const TEMPORARY = [429, 502, 503];
/** How long the server may take, if the step does not say, in milliseconds. */
const TIMEOUT = 30_000;
/** What is added to it for the way there and back. */
const MARGIN = 5_000;

/** The step has no output. `problem` says why (RFC 9457); it is undefined if the answer was not the server's own. */
export class StepFailed extends Error {
  constructor(
    readonly status: number,
    readonly problem: Problem | undefined,
    readonly retryAfter: number | undefined,
  ) {
    super(problem ? `${problem.code}: ${problem.detail}` : `the server responded with status ${status}`);
  }

  get isTemporary(): boolean {
    return TEMPORARY.includes(this.status);
  }
}

/** No answer, or not in time. Whether the step ran is not known. */
export class NoAnswer extends Error {}

export class Leno {
  readonly #client: Client<paths>;

  /** Tries a step up to `attempts` times, and waits at most `longestWait` milliseconds between two of them. */
  constructor(
    url: string,
    token: string,
    readonly attempts = 4,
    readonly longestWait = 60_000,
  ) {
    this.#client = createClient<paths>({ baseUrl: url, headers: { authorization: `Bearer ${token}` } });
  }

  /**
   * Runs an action until it has succeeded or failed for good. A step whose answer is lost is sent again under the same
   * key: pieces that know such keys do not repeat its effect.
   */
  async run(piece: string, action: string, step: Step): Promise<Answer> {
    const keyed = { ...step, idempotencyKey: step.idempotencyKey ?? randomUUID() };
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#send(piece, action, keyed);
      } catch (error) {
        const isTemporary = error instanceof NoAnswer || (error instanceof StepFailed && error.isTemporary);
        const said = error instanceof StepFailed ? error.retryAfter : undefined;
        const wait = said ?? 1000 * 2 ** (attempt - 1);
        if (!isTemporary || attempt >= this.attempts || wait > this.longestWait) throw error;
        // Not all clients at the same moment.
        await sleep(wait * (1 + Math.random() / 4));
      }
    }
  }

  async #send(name: string, action: string, step: Step): Promise<Answer> {
    const timeout = (step.timeoutMs ?? TIMEOUT) + MARGIN;
    const result = await this.#client
      .POST("/api/pieces/{name}/actions/{action}/run", {
        params: { path: { name, action } },
        body: step,
        signal: AbortSignal.timeout(timeout),
      })
      .catch((cause: unknown) => {
        throw new NoAnswer(`no answer within ${timeout} ms: ${cause}`, { cause });
      });
    const { data, error, response } = result;
    if (data) return data;
    // A proxy in between answers with a page of its own.
    const problem = typeof error === "object" && "code" in error ? error : undefined;
    const seconds = Number(response.headers.get("retry-after") ?? NaN);
    throw new StepFailed(response.status, problem, Number.isNaN(seconds) ? undefined : seconds * 1000);
  }
}
