// CSV as spreadsheets read it.

// line is one row. A cell that a spreadsheet would take for a formula gets an apostrophe
// in front: what somebody wrote into a memo must not run anywhere.
export function line(cells) {
  return cells.map(cell).join(",") + "\r\n";
}

function cell(value) {
  if (value === undefined || value === null) return "";
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) && !/^-?\d+(\.\d+)?$/.test(value) ? "'" + value : value;
  return /[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
}
