// The blocks of a chain as they come: one stream of events, which goes on with another
// node when its own is gone, from the block after the last one that is here. So no block
// is missed and none is there twice, whoever sends it.
import { reader } from "./sse.mjs";
import { Problem, problemOf } from "./api.mjs";

const keep = 240; // blocks that are kept
const first = 120; // blocks from before, for the strip and the charts
const silence = 40000; // ms; a node says something every 15 seconds
const answerWithin = 8000; // ms

// nothing is what there is before the first block.
export const nothing = { heads: [], broken: 0 };

// follow follows a chain until signal ends. from is the chain's length as last heard.
// changed gets { heads, status, why, broken }: heads with the newest last, and the block that
// breaks the chain, 0 where none does. before is { heads, broken } of an earlier call.
export async function follow({ client, token, chainID, length, before = nothing, signal, changed, wait = pause }) {
  const state = { ...before, status: "connecting", why: "" };
  const tell = (change) => changed(Object.assign(state, change));
  for (let failed = 0; !signal.aborted; ) {
    const origin = client.origin;
    const last = state.heads.at(-1)?.index ?? 0;
    try {
      await listen({ client, origin, token, chainID, signal, state, tell, from: last > 0 ? last + 1 : Math.max(1, length - first + 1) });
    } catch (error) {
      if (signal.aborted) return;
      tell({ status: "lost", why: error instanceof Problem ? error.message : "The connection to the server has ended" });
    }
    if (signal.aborted) return;
    const went = (state.heads.at(-1)?.index ?? 0) > last;
    failed = went ? 1 : failed + 1;
    client.next(origin);
    // Every node is asked once before the first of them is asked again.
    if (failed >= client.origins.length) await wait(Math.min(250 * 2 ** (failed - client.origins.length), 3000), signal);
  }
}

async function listen({ client, origin, token, chainID, signal, state, tell, from }) {
  const ending = new AbortController();
  const end = () => ending.abort();
  signal.addEventListener("abort", end);
  let timer = setTimeout(end, answerWithin);
  // A reader of JSON that gave this node up takes the stream with it.
  const left = client.onMove((now) => { if (now !== origin) end(); });
  try {
    const query = new URLSearchParams({ contract: token, chain: chainID, only: "blocks", from });
    const answer = await client.open(origin, "/v1/events?" + query, { accept: "text/event-stream", signal: ending.signal });
    if (!answer.ok) throw await problemOf(answer);
    tell({ status: "live", why: "" });
    const text = new TextDecoder();
    const take = reader();
    for (const body = answer.body.getReader(); ; ) {
      clearTimeout(timer);
      timer = setTimeout(end, silence);
      const { done, value } = await body.read();
      if (done) throw new Problem("The server has ended the connection");
      const heads = [...take(text.decode(value, { stream: true }))].filter((event) => event.type === "block").map((event) => JSON.parse(event.data));
      if (heads.length > 0) tell({ status: "live", ...join(state, heads) });
    }
  } finally {
    clearTimeout(timer);
    left();
    signal.removeEventListener("abort", end);
    ending.abort();
  }
}

// join adds blocks to those that are here. One that is here already is not taken again;
// one that does not follow the last breaks the stream. Where it names another block before
// it, or is another than the one that is here, the chain is broken, and stays so.
export function join(state, heads) {
  let { heads: have, broken } = state;
  for (const head of heads) {
    const last = have.at(-1);
    if (last !== undefined) {
      if (head.index <= last.index) {
        if (have.some(({ index, hash }) => index === head.index && hash !== head.hash)) broken = head.index;
        continue;
      }
      if (head.index !== last.index + 1) throw new Problem(`Block ${head.index} came after block ${last.index}`);
      if (head.previous_hash !== last.hash) broken = head.index;
    }
    have = [...have, head];
  }
  return { heads: have.slice(-keep), broken };
}

// pause waits, at most until signal ends.
function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}
