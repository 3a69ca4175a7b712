// node dist/run-step.js PIECE ACTION INPUT [--connection ID] [--key KEY] [--timeout MS] [--attempts N]

import { parseArgs } from "node:util";
import { Leno, NoAnswer, StepFailed, type Step } from "./leno.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    connection: { type: "string" },
    key: { type: "string" },
    timeout: { type: "string" },
    attempts: { type: "string", default: "4" },
  },
});
const [piece, action, input] = positionals;
const { LENO_URL: url = "http://127.0.0.1:4747", LENO_TOKEN: token } = process.env;
if (!piece || !action || !input || !token) throw new Error("needs PIECE ACTION INPUT, and LENO_TOKEN");

const step: Step = { input: JSON.parse(input) };
if (values.connection) step.connectionExternalId = values.connection;
if (values.key) step.idempotencyKey = values.key;
if (values.timeout) step.timeoutMs = Number(values.timeout);

try {
  const answer = await new Leno(url, token, Number(values.attempts)).run(piece, action, step);
  for (const { level, message } of answer.logs) console.error(`${level}: ${message}`);
  console.log(JSON.stringify(answer.output));
} catch (error) {
  if (!(error instanceof StepFailed || error instanceof NoAnswer)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
