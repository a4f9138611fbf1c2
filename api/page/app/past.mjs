// The balance of an account at moments of the past, as the API knows them.
import { useEffect, useState } from "./html.mjs";
import { useLedger } from "./ledger.mjs";

const points = 24; // reads of the past: each may cost the server some work

// usePast returns { times, values, error, done }: the balance at the ends of blocks, and
// as it is now.
export function usePast(name, balance) {
  const { client, path, chainID, length, tip } = useLedger();
  const [past, setPast] = useState({ times: [], values: [], error: null, done: false });
  const known = chainID !== "" && length > 0;
  useEffect(() => {
    if (!known) return undefined;
    const stop = new AbortController();
    setPast({ times: [], values: [], error: null, done: false });
    read(stop.signal).catch((error) => { if (!stop.signal.aborted) setPast((old) => ({ ...old, error, done: true })); });
    return () => stop.abort();

    async function read(signal) {
      const at = [];
      for (const block of moments(length, points)) {
        const { data } = await client.get(path(["accounts", name], { chain: chainID, at_block: String(block) }), { signal, timeout: 10000 });
        at.push({ time: data.as_of.timestamp, balance: data.balance });
        setPast({ times: at.map((p) => p.time), values: at.map((p) => p.balance), error: null, done: false });
      }
      setPast((old) => ({ ...old, done: true }));
    }
  }, [client, chainID, name, known]);
  const last = tip?.timestamp ?? 0;
  if (balance === undefined || last <= (past.times.at(-1) ?? 0)) return past;
  return { ...past, times: [...past.times, last], values: [...past.values, balance] };
}

// moments are blocks from the first to the last, evenly.
export function moments(length, count) {
  const n = Math.min(length, count);
  if (n <= 1) return n === 1 ? [1] : [];
  return [...new Set(Array.from({ length: n }, (_, i) => 1 + Math.round((i * (length - 1)) / (n - 1))))];
}
