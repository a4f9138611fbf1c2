// What records and refusals say, in plain words. A sentence is a list of parts: texts of
// ours, and values of the record, which are shown apart and never read as anything else.
//   "text" | { account: name } | { amount: number } | { id: hash } | { quote: text }

const account = (name) => ({ account: name });
const amount = (n) => ({ amount: n });

const reasons = {
  rejected: "the recipient did not want it",
  expired: "nobody decided in time",
  closed: "the recipient's wallet takes nothing",
  frozen: "the recipient's wallet is frozen",
  recipient_limit: "the recipient's balance would leave its range",
};

// reason says why tokens went back.
export function reason(code) {
  return reasons[code] ?? code;
}

// sentence says what a record did. The tutorial's own records have no kind: they are
// transfers.
export function sentence(record) {
  const { sender, recipient } = record;
  switch (record.kind ?? "transfer") {
    case "transfer":
      return [account(sender), " sent ", amount(record.amount_send), " to ", account(recipient), ", who got ", amount(record.amount_receive), "; the fee was ", amount(record.amount_bpsc), "."];
    case "hold":
      return [account(sender), " set ", amount(record.amount_send), " aside for ", account(recipient), ", who may accept or reject it."];
    case "delivery":
      return [account(recipient), " accepted ", amount(record.amount_send), " from ", account(sender), " and got ", amount(record.amount_receive), "; the fee was ", amount(record.amount_bpsc), "."];
    case "refund":
      return [amount(record.amount_refund), " went back to ", account(sender), " and not to ", account(recipient), ", fee included: ", reason(record.reason), "."];
    case "issue":
      return [account(sender), " created ", amount(record.amount), " for ", account(recipient), "."];
    case "spend":
      return [account(sender), " paid ", amount(record.amount), " of the fees to ", account(recipient), "."];
    case "burn":
      return [account(sender), " destroyed ", amount(record.amount), " of the fees."];
    case "rules":
      return rules(record);
    case "recovery":
      return [account(sender), " had the cluster go on with the members ", { quote: record.members_after }, " of ", { quote: record.members_before }, ": ", { quote: record.reason }, "."];
    default:
      return ["A record of the kind ", { quote: String(record.kind) }, " by ", account(sender), ", which this page does not know."];
  }
}

function rules(record) {
  if (record.account !== undefined) {
    return [account(record.sender), record.frozen ? " froze the wallet of " : " released the wallet of ", account(record.account), "."];
  }
  const set = [];
  if (record.receive !== undefined) {
    set.push({ auto: ["takes what is sent to it"], approve: ["asks before it takes anything"], closed: ["takes nothing"] }[record.receive] ?? [{ quote: record.receive }]);
  }
  if (record.per_transfer !== undefined) set.push(limit(record.per_transfer, "in one transfer"));
  if (record.per_day !== undefined) set.push(limit(record.per_day, "in a day"));
  if (record.new_key !== undefined) set.push(["has another key"]);
  const parts = [account(record.sender), " set rules for the own wallet"];
  set.forEach((words, i) => parts.push(i === 0 ? ": it " : i === set.length - 1 ? " and " : ", ", ...words));
  return [...parts, "."];
}

function limit(n, when) {
  return n === 0 ? ["sends as much as it likes " + when] : ["sends at most ", amount(n), " " + when];
}

// plainText is a sentence without markup, for titles and for CSV.
export function plainText(parts, show) {
  return parts.map((part) => {
    if (typeof part === "string") return part;
    if ("amount" in part) return show(part.amount);
    return part.account ?? part.id ?? part.quote ?? "";
  }).join("");
}

const triggers = {
  genesis: "It is the first block: it holds the contract.",
  time: "It was produced because its time had come.",
  count: "It was produced because it had as many records as the contract asks for.",
  size: "It was produced because it was full.",
  request: "It was produced because somebody asked for it.",
};

// why says why a block was produced.
export function why(trigger) {
  return triggers[trigger] ?? "";
}

// direction is what a record is for an account: what it changes there, in the record's
// own amounts, and its sign: 1, -1, or 0 where nothing moves.
export function effect(record, name, contract) {
  const out = (n) => ({ sign: -1, amount: n });
  const into = (n) => ({ sign: 1, amount: n });
  const mine = record.sender === name;
  switch (record.kind ?? "transfer") {
    case "transfer":
      if (mine && record.recipient === name) return out(record.amount_bpsc);
      if (mine) return out(record.amount_send);
      return record.recipient === name ? into(record.amount_receive) : into(record.amount_bpsc);
    case "hold":
      return mine ? out(record.amount_send) : { sign: 0, amount: record.amount_send };
    case "delivery":
      if (record.recipient === name) return into(record.amount_receive);
      return mine ? { sign: 0, amount: record.amount_send } : into(record.amount_bpsc);
    case "refund":
      return mine && record.hold !== undefined ? into(record.amount_refund) : { sign: 0, amount: record.amount_refund };
    case "issue":
      return record.recipient === name ? into(record.amount) : { sign: 0, amount: record.amount };
    case "spend":
      if (record.recipient === name) return into(record.amount);
      return contract.bpsc === name ? out(record.amount) : { sign: 0, amount: record.amount };
    case "burn":
      return contract.bpsc === name ? out(record.amount) : { sign: 0, amount: record.amount };
    default:
      return { sign: 0, amount: undefined };
  }
}
