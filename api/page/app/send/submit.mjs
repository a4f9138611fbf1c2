// Submit sends one transaction until it is known what became of it. To send it again is safe: its
// id decides, and the same id happens once, through the death of a leader too.

import { Problem } from "../api.mjs";

const patience = 90_000; // ms; a cluster that has no leader for so long needs somebody
const pauses = [250, 500, 1000, 2000]; // ms between two tries, the last for all that follow

/**
 * Resolves to `{answer, tries, found}` once a node says that the transaction `id` is final, `found` where
 * another node said so than the one it was sent to. Rejects with the Problem where it is refused, or
 * where nothing is known after all: then `unknown` is true, and the same can be sent again.
 */
export async function submit({ client, path, lookup, id, body, idempotencyKey, signal, tell = () => {}, wait = pause, now = () => performance.now() }) {
  const header = idempotencyKey ? { "Idempotency-Key": idempotencyKey } : {};
  const until = now() + patience;
  for (let tries = 1; ; tries++) {
    try {
      const { data } = await client.send(path, body, { header, signal });
      if (data?.id !== id) throw new Problem("The server's answer is about another transaction", { code: "broken" });
      return { answer: data, tries, found: false };
    } catch (problem) {
      if (signal?.aborted || !mayHaveHappened(problem)) throw problem;
      const answer = await find(client, lookup, id, signal);
      if (answer) return { answer, tries, found: true };
      if (now() > until) throw Object.assign(problem, { unknown: true });
      tell({ tries, problem });
      await wait(pauses[Math.min(tries, pauses.length) - 1], signal);
    }
  }
}

// A refusal is an answer. No answer, or one that says to come again, is none.
const mayHaveHappened = (problem) => problem.status === 0 || problem.retryable || problem.status >= 500;

// Whether any node knows the transaction. One that refused it knows it too, and says so as the next try will.
async function find(client, lookup, id, signal) {
  try {
    const { data } = await client.get(lookup, { signal });
    return data?.id === id && data.record ? data : null;
  } catch (problem) {
    if (signal?.aborted) throw problem;
    return null;
  }
}

function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}
