// What the charts of the cluster show: samples of its answers since the page was opened.

// kept bounds the samples: twenty minutes of one a second.
const kept = 1200;

// sample is what one answer says at a time in unix seconds. Commits are those of whoever
// knows the most; lag and writes those of the member that has it worst.
export function sample(cluster, at) {
  const heard = cluster.members.filter((m) => m.role !== "unreachable");
  const writes = heard.map((m) => m.log_write_p99_ms).filter((ms) => ms > 0);
  return {
    at,
    commit: Math.max(0, ...heard.map((m) => m.commit)),
    lag: heard.length > 0 ? Math.max(...heard.map((m) => m.lag)) : null,
    write: writes.length > 0 ? Math.max(...writes) : null,
  };
}

// add puts a sample behind those that there are, of which the oldest go.
export function add(samples, next) {
  const last = samples.at(-1);
  if (last !== undefined && next.at <= last.at) return samples;
  return [...samples.slice(1 - kept), next];
}

// series are the samples as charts want them. A rate is over the time between two
// samples; where one member knows less than another did, there is none.
export function series(samples) {
  const later = samples.slice(1);
  return {
    times: later.map((s) => s.at),
    commits: later.map((s, i) => (s.commit >= samples[i].commit && s.at - samples[i].at < 10 ? (s.commit - samples[i].commit) / (s.at - samples[i].at) : null)),
    lags: later.map((s) => s.lag),
    writes: later.map((s) => s.write),
  };
}
