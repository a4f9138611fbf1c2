// What a page has asked the API for, and how good that still is.
import { useEffect, useRef, useState } from "./html.mjs";
import { useLedger } from "./ledger.mjs";

const slow = 1500; // ms after which somebody wants to know
const spacing = 250; // ms between two reads, however fast the chain grows

// useResource reads a path of the API, again when version changes, and again by itself
// where a failure may pass. It returns the last good data and what there is to say about
// them: { data, at, error, waiting, retry }. path null is nothing to read.
export function useResource(path, version = 0, options = {}) {
  const { client } = useLedger();
  const [state, setState] = useState(nothing(path));
  const again = useRef(() => {});
  useEffect(() => {
    if (path === null) return undefined;
    const stop = new AbortController();
    const change = (to) => { if (!stop.signal.aborted) setState((old) => ({ ...of(old, path), ...to })); };
    let timer = 0, failures = 0, busy = false, asked = false;
    const read = async () => {
      clearTimeout(timer);
      if (busy) { asked = true; return; }
      busy = true;
      asked = false;
      const patience = setTimeout(() => change({ waiting: true }), slow);
      let next = 0;
      try {
        const { data, at } = await client.get(path, { ...options, signal: stop.signal });
        failures = 0;
        change({ data, at, error: null, waiting: false });
      } catch (error) {
        change({ error, waiting: false });
        if (error.retryable) next = Math.min(500 * 2 ** failures++, 5000);
      }
      clearTimeout(patience);
      busy = false;
      if (stop.signal.aborted) return;
      if (asked || next > 0) timer = setTimeout(read, Math.max(spacing, next));
    };
    again.current = read;
    read();
    return () => { clearTimeout(timer); stop.abort(); };
  }, [client, path]);
  const first = useRef(true);
  useEffect(() => {
    if (first.current) first.current = false;
    else again.current();
  }, [version]);
  return { ...of(state, path), retry: () => again.current() };
}

// of is a state if it is of that path, else one that knows nothing.
function of(state, path) {
  return state.path === path ? state : nothing(path);
}

function nothing(path) {
  return { path, data: undefined, at: 0, error: null, waiting: false };
}
