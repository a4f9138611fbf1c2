// What an operator may do from the page: for each action what it needs, what is sent, and
// the command that does the same.

// actions by name. asks names its fields: { name, label, is }, where is says what it is.
// typed is the field that has to be typed again before it is done, for what cannot be
// undone. dry: the server says first what would happen.
export const actions = {
  "transfer-leader": { title: "Have another member lead", asks: [{ name: "to", label: "Who shall lead", is: "member", empty: "Whoever lags least" }], dry: true },
  add: {
    title: "Add a member",
    hint: "Start it first, with an empty data folder: bpsc server --id ID --raft HOST:PORT --join. It copies the ledger and then becomes a voter by itself.",
    asks: [{ name: "id", label: "Its id", required: true }, { name: "raft", label: "Host and port of its Raft transport", required: true, example: "10.0.0.4:6000" }, { name: "non_voter", label: "It stays a non-voter", is: "flag" }, twoVoters()],
    dry: true,
  },
  promote: { title: "Give a member a vote", asks: [member(), twoVoters()], dry: true },
  demote: { title: "Take a member's vote", asks: [member(), twoVoters()], dry: true },
  replace: {
    title: "Replace a member that has lost its disk",
    hint: "The new one has the same id and an empty folder, and may be started before or after. The old one is removed for ever once the new one votes.",
    asks: [member(), { name: "raft", label: "Host and port, where it is at another", example: "10.0.0.4:6000" }, twoVoters()],
    dry: true,
    typed: "id",
  },
  remove: { title: "Remove a member", hint: "Its data folder never takes part again.", asks: [member(), twoVoters()], dry: true, typed: "id" },
  activate: { title: "Activate a level", hint: "What a release brings, once all members run it. Afterwards none of them can go back to the release before.", asks: [{ name: "level", label: "Level, the newest that all know if left empty", is: "number" }], dry: true },
  revoke: { title: "Revoke a token", hint: "It ends at once, with all that it has made.", asks: [{ name: "token", label: "Id of the token, as bpsc token list shows it", required: true }], typed: "token" },
  drop: { title: "Take a node off the list", hint: "A follower that registered itself, and is gone for good.", asks: [{ name: "node", label: "Host and port of the node", required: true }], typed: "node" },
};

function member() {
  return { name: "id", label: "Member", is: "member", required: true };
}

function twoVoters() {
  return { name: "two_voters", label: "Two voters may be the result, of which none may fail", is: "flag" };
}

// missing is the label of the first field that has to be given and is not.
export function missing(name, fields) {
  return actions[name].asks.find((ask) => ask.required && !text(fields, ask.name))?.label;
}

function text(fields, name) {
  return String(fields[name] ?? "").trim();
}

// given are the fields as the API takes them; those that are left empty are left out.
function given(name, fields, but) {
  const body = {};
  for (const ask of actions[name].asks) {
    if (ask.name === but) continue;
    if (ask.is === "flag") {
      if (fields[ask.name]) body[ask.name] = true;
    } else if (text(fields, ask.name) !== "") body[ask.name] = ask.is === "number" ? Number(text(fields, ask.name)) : text(fields, ask.name);
  }
  return body;
}

// asPreviewed are the fields of what a server said would happen, so that this is done and
// nothing else: which level is the newest that all know may have changed since.
export function asPreviewed(fields, answer) {
  return answer.level === undefined ? fields : { ...fields, level: String(answer.level) };
}

// request is what is sent: { method, path, body }. dry asks what would happen; at is the
// configuration that the action is meant for.
export function request(name, fields, { dry = false, at = 0 } = {}) {
  const more = { ...(at > 0 ? { at } : {}), ...(dry ? { dry_run: true } : {}) };
  const post = (path, body) => ({ method: "POST", path, body: JSON.stringify(body) });
  switch (name) {
    case "transfer-leader": return post("/v1/cluster:transfer-leader", { ...given(name, fields), ...more });
    case "add": return post("/v1/cluster/members", { ...given(name, fields), ...more });
    case "activate": return post("/v1/cluster:activate", { ...given(name, fields), ...(dry ? { dry_run: true } : {}) });
    case "revoke": return { method: "DELETE", path: "/v1/tokens/" + encodeURIComponent(text(fields, "token")) };
    case "drop": return { method: "DELETE", path: "/v1/nodes/" + encodeURIComponent(text(fields, "node")) };
    case "replace": return post(`/v1/cluster/members/${encodeURIComponent(text(fields, "id"))}:replace${dry ? "" : "?wait=20s"}`, { ...given(name, fields, "id"), ...more });
    default: return post(`/v1/cluster/members/${encodeURIComponent(text(fields, "id"))}:${name}`, { ...given(name, fields, "id"), ...more });
  }
}

// command is the line that does the same from a terminal, for a server and with a token
// in a file.
export function command(name, fields, { server, token = false, at = 0 } = {}) {
  const value = (field, instead) => (text(fields, field) === "" ? instead : quote(text(fields, field)));
  if (name === "drop") {
    const header = token ? ` -H "Authorization: Bearer $(cat operator.token)"` : "";
    return `curl -X DELETE${header} ${quote(server + "/v1/nodes/" + encodeURIComponent(text(fields, "node") || "HOST:PORT"))}`;
  }
  const words = ["bpsc"];
  if (name === "revoke") words.push("token", "revoke", value("token", "ID"));
  else words.push("cluster", name);
  if (name === "transfer-leader") words.push(value("to", ""));
  if (name === "activate") words.push(value("level", ""));
  if (["add", "promote", "demote", "replace", "remove"].includes(name)) words.push(value("id", "ID"));
  if (name === "add") words.push(value("raft", "HOST:PORT"));
  if (name === "replace") words.push(value("raft", ""));
  if (fields.non_voter && name === "add") words.push("--non-voter");
  if (fields.two_voters && actions[name].asks.some((ask) => ask.name === "two_voters")) words.push("--two-voters");
  if (at > 0 && !["revoke", "activate"].includes(name)) words.push("--at", String(at));
  words.push("--server", quote(server));
  if (token) words.push("--token-file", "operator.token");
  return words.filter((word) => word !== "").join(" ");
}

// quote is a word as a shell takes it.
export function quote(word) {
  return /^[\w@%+=:,./~-]+$/.test(word) && !word.startsWith("~") ? word : "'" + word.replaceAll("'", `'\\''`) + "'";
}

// activation says what the activation of a level came to, or would.
export function activation(a) {
  if (a.level === a.before) return `Level ${a.level} is active already: nothing changes.`;
  if (a.dry_run) return `Level ${a.level} would follow level ${a.before}. No member could go back behind bpsc ${a.release}.`;
  return `Level ${a.level} is active, after level ${a.before}. No member can go back behind bpsc ${a.release}.`;
}
