// The rules of a contract in plain words.
import { scheduleText } from "./schedule.mjs";
import { show } from "./amount.mjs";
import { count, duration, parseDuration } from "./time.mjs";

// rules are sentences, the ones that matter most first.
export function rules(c) {
  const token = c.token;
  const smallest = c.decimals === 0 ? "1" : "0." + "1".padStart(c.decimals, "0");
  return [
    c.wallets === "open"
      ? "Wallets are open: a name is free text, nothing is signed, and a balance may go below zero. It is for trying out, not for value."
      : "Wallets are signed: an address belongs to a key, every transaction is signed with it, and no balance goes below zero.",
    c.fee_ppm === 0
      ? "A transfer costs nothing."
      : `A transfer costs ${percent(c.fee_ppm)} of its amount, at least ${smallest} ${token}; who receives it gets the rest.`,
    c.fee_ppm > 0 && (c.fees === "burn"
      ? "Fees are destroyed at once, so there are fewer tokens with each transfer."
      : c.treasurer ? "Fees are kept in the BPSC's wallet; the treasurer may pay them out or destroy them." : "Fees are kept in the BPSC's wallet."),
    scheduleText(c),
    `${token} has ${count(c.decimals, "decimal place")}: the smallest amount is ${smallest}.`,
    c.issuer && `${c.supply > 0 ? show(c.supply, c.decimals) + ` ${token} were created for the issuer when the chain began` : "No tokens were created when the chain began"}; ${c.mintable ? "the issuer may create more" : "there will never be more"}.`,
    c.wallets === "signed" && (c.freezable ? "The issuer may freeze a wallet, and release it." : "Nobody can freeze a wallet."),
    parseDuration(c.hold_for) > 0 && `A delivery that its recipient has to approve waits for ${duration(parseDuration(c.hold_for))}; then everything goes back, fee included.`,
    parseDuration(c.loosening_delay) > 0 && `A looser limit of a wallet takes effect after ${duration(parseDuration(c.loosening_delay))}.`,
    "A delivery that cannot be made gives everything back, fee included.",
  ].filter(Boolean);
}

// percent of millionths: 50 is 0.005 %.
export function percent(ppm) {
  return (ppm / 10000).toLocaleString("en-US", { maximumFractionDigits: 4 }) + " %";
}
