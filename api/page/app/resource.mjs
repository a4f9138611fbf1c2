// What a page has asked the API for, and how good that still is.
import { useEffect, useRef, useState } from "./html.mjs";
import { useLedger } from "./ledger.mjs";

const slow = 1500; // ms after which somebody wants to know

// useResource reads a path of the API, again when version changes, and again by itself
// where a failure may pass. It returns the last good data and what there is to say about
// them: { data, at, error, waiting, retry }. path null is nothing to read.
export function useResource(path, version = 0, options = {}) {
  const { client } = useLedger();
  const [state, setState] = useState({ path, data: undefined, at: 0, error: null, waiting: false });
  const [turn, setTurn] = useState(0);
  const failures = useRef(0);
  useEffect(() => {
    if (path === null) return undefined;
    const stop = new AbortController();
    let again = 0;
    const patience = setTimeout(() => setState((old) => ({ ...of(old, path), waiting: true })), slow);
    client.get(path, { ...options, signal: stop.signal }).then(
      ({ data, at }) => {
        failures.current = 0;
        setState({ path, data, at, error: null, waiting: false });
      },
      (error) => {
        if (stop.signal.aborted) return;
        setState((old) => ({ ...of(old, path), error, waiting: false }));
        failures.current++;
        if (error.retryable) again = setTimeout(() => setTurn((n) => n + 1), Math.min(500 * 2 ** failures.current, 5000));
      },
    ).finally(() => clearTimeout(patience));
    return () => { clearTimeout(patience); clearTimeout(again); stop.abort(); };
  }, [client, path, version, turn]);
  return { ...of(state, path), retry: () => setTurn((n) => n + 1) };
}

// of is a state if it is of that path, else one that knows nothing.
function of(state, path) {
  return state.path === path ? state : { path, data: undefined, at: 0, error: null, waiting: false };
}
