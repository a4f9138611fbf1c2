// The history of an account as a file for spreadsheets.
import { line } from "./csv.mjs";
import * as amounts from "./amount.mjs";
import { effect, plainText, sentence } from "./sentence.mjs";

const most = 100000; // records in a file

// columns of the file: the records' own fields, and what they changed for the account.
const columns = ["block", "position", "in_block", "kind", "id", "sender", "recipient", "change", "amount_send", "amount_bpsc", "amount_receive", "amount_refund", "amount", "memo", "reason", "text"];

// saveHistory reads the history to its end and hands it to the browser as a file. It
// returns how many records are in it.
export async function saveHistory({ client, path, name, filter, decimals, contract, say }) {
  const lines = ["\ufeff" + line(columns)];
  for (let after = "", count = 0; ; ) {
    const query = { ...filter, consistency: "local", limit: "1000" };
    const { data } = await client.get(path(["accounts", name, "transactions"], after === "" ? query : { ...query, after }));
    for (const item of data.items) lines.push(row(item, name, decimals, contract));
    count += data.items.length;
    say(count);
    after = data.next ?? "";
    if (after === "" || data.items.length === 0 || count >= most) break;
  }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(lines, { type: "text/csv" }));
  link.download = "history.csv";
  link.click();
  URL.revokeObjectURL(link.href);
  return lines.length - 1;
}

// row is one record. Amounts are plain numbers, with all their places.
export function row({ block, position, in_block: inBlock, record }, name, decimals, contract) {
  const plain = (n) => amounts.written(n, decimals);
  const { sign, amount } = effect(record, name, contract);
  const change = amount === undefined || sign === 0 ? "0" : (sign < 0 ? "-" : "") + plain(amount);
  const own = { block, position, in_block: String(inBlock), change, text: plainText(sentence(record), (n) => plain(n) + " " + contract.token) };
  return line(columns.map((name) => own[name] ?? (name.startsWith("amount") ? plain(record[name]) : record[name])));
}
