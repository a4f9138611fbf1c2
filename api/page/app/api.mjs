// The client of the API. It asks the node that sent the page and, when that does not
// answer as it should, the other members that the page may ask, one after the other: the
// first that answers is the one to go on with.

import { maxAnswerBytes } from "./limits.mjs";

// Problem is why there is no answer.
export class Problem extends Error {
  constructor(message, { code = "unreachable", status = 0, retryable = true, detail = "", id = "", requestID = "" } = {}) {
    super(message);
    this.name = "Problem";
    Object.assign(this, { code, status, retryable, detail, id, requestID });
  }
}

// patience is how long a node may take, in milliseconds: it waits five seconds itself for
// what it has not seen yet.
const patience = 7000;

// createClient returns a client. origins are those of the nodes, "" for the one that sent
// the page, which stands first. token() is the token to send, "" for none.
export function createClient({ origins, fetch, token = () => "" }) {
  let current = 0;
  const listeners = new Set();

  function moveTo(i) {
    if (i === current) return;
    current = i;
    for (const listen of listeners) listen(origins[i]);
  }

  function headers(more) {
    const text = token();
    return text === "" ? more : { Authorization: "Bearer " + text, ...more };
  }

  // open asks one node, and returns its answer once its header is there. A token of its own in
  // header, an operator's, goes to the node that sent the page and to no other.
  async function open(origin, path, { method = "GET", body, accept = "application/json", header = {}, signal } = {}) {
    if (origin !== "" && "Authorization" in header) throw new Problem("An operator's token goes to the member that sent this page, and to no other", { code: "token_elsewhere", retryable: false });
    return fetch(origin + path, {
      method,
      body,
      signal,
      headers: headers({ Accept: accept, ...header }),
      credentials: "omit",
      referrerPolicy: "no-referrer",
      // What a browser keeps for one origin it must not hand to a page of another.
      cache: origin === "" ? "default" : "no-store",
    });
  }

  // ask asks one node and reads its whole answer.
  async function ask(origin, path, { as = "json", signal, timeout = patience, ...rest } = {}) {
    signal?.throwIfAborted(); // nobody would hear that it was given up before
    const until = new AbortController();
    const end = () => until.abort();
    const limit = setTimeout(end, timeout);
    signal?.addEventListener("abort", end);
    let answer, bytes;
    try {
      answer = await open(origin, path, { ...rest, signal: until.signal });
      bytes = await readAll(answer);
    } catch (cause) {
      if (signal?.aborted || cause instanceof Problem) throw cause;
      if (until.signal.aborted) throw new Problem(`The server did not answer within ${timeout / 1000} seconds`, { code: "slow" });
      throw new Problem("The server cannot be reached, or its answer was cut off");
    } finally {
      clearTimeout(limit);
      signal?.removeEventListener("abort", end);
    }
    const { value, broken } = decode(answer, bytes, as);
    if (!answer.ok) throw asProblem(answer, value);
    if (broken) throw new Problem("The server's answer is not whole, or no JSON", { code: "broken" });
    return { data: value, origin, at: Date.now() / 1000, header: answer.headers };
  }

  // get asks for a path until a node answers. What a node refuses is its answer; another
  // would say the same.
  async function get(path, options = {}) {
    let why;
    for (let turn = 0, from = current; turn < origins.length; turn++) {
      const i = (from + turn) % origins.length;
      try {
        const answer = await ask(origins[i], path, options);
        moveTo(i);
        return answer;
      } catch (error) {
        if (options.signal?.aborted || !(error instanceof Problem) || !(error.retryable || error.status >= 500)) throw error;
        // One that says what is wrong says more than one that says nothing.
        if (why === undefined || (why.status === 0 && error.status > 0)) why = error;
      }
    }
    throw why;
  }

  const post = (origin, path, body, options) =>
    ask(origin, path, { method: "POST", body, timeout: 15000, ...options, header: { "Content-Type": "application/json", ...options.header } });

  // send has one node do something, once: where that does not serve, the next one is the one to
  // go on with. Whoever sends knows whether to send the same again.
  async function send(path, body, options = {}) {
    const origin = origins[current];
    try {
      return await post(origin, path, body, options);
    } catch (error) {
      if (error instanceof Problem && (error.status === 0 || error.status >= 500)) next(origin);
      throw error;
    }
  }

  // next gives the node up that does not serve: the one after it is the one to ask.
  const next = (origin) => { if (origins[current] === origin) moveTo((current + 1) % origins.length); };

  return {
    get,
    ask,
    send,
    // operate asks the node that sent the page, and no other: operators act through that alone.
    operate: (path, body, options = {}) => post("", path, body, options),
    open,
    next,
    get origin() { return origins[current]; },
    get origins() { return origins; },
    onMove(listen) { listeners.add(listen); return () => listeners.delete(listen); },
  };
}

// readAll is the whole body of an answer, as far as maxAnswerBytes.
async function readAll(answer) {
  const pieces = [];
  let size = 0;
  for (const body = answer.body?.getReader(); body !== undefined; ) {
    const { done, value } = await body.read();
    if (done) break;
    if ((size += value.length) > maxAnswerBytes) {
      body.cancel().catch(() => {}); // it is left, however it ends
      throw new Problem("The server's answer has no end", { code: "too_large" });
    }
    pieces.push(value);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

function decode(answer, bytes, as) {
  const type = answer.headers.get("Content-Type") ?? "";
  if (answer.ok && as === "bytes") return { value: bytes };
  const text = new TextDecoder().decode(bytes);
  if (answer.ok && as === "text") return { value: text };
  try {
    return { value: JSON.parse(text), broken: answer.ok && !type.includes("json") };
  } catch {
    return { value: undefined, broken: true };
  }
}

// problemOf is what an answer says that is none, and was not read yet.
export const problemOf = async (answer) => asProblem(answer, decode(answer, await readAll(answer), "json").value);

// asProblem is what an answer says that is none.
function asProblem(answer, said) {
  const known = said !== null && typeof said === "object" && typeof said.code === "string" ? said : {};
  const status = answer.status;
  return new Problem(known.detail || known.title || `The server answers with status ${status} and does not say why`, {
    code: known.code ?? "status_" + status,
    status,
    retryable: known.retryable ?? status >= 500,
    detail: known.detail ?? "",
    id: known.id ?? "",
    requestID: known.request_id ?? "",
  });
}
