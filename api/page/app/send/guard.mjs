// Why nothing is signed. A signature is good on the chain whose id is in it, whatever a node calls
// that chain: what is pinned here has to agree, and what is shown is what is signed.

import { originOf } from "../proof/checkpoint.mjs";

/** Why nothing is signed for a chain until `expires`, in a sentence; "" where it is. `alarm` is what the banner shows. */
export function whyNot({ pins, alarm, token, chainID, expires }) {
  if (!/^[0-9a-f]{64}$/.test(chainID)) return "Nothing is signed: the node does not say for which chain.";
  if (alarm) return "Nothing is signed while the banner above is there.";
  const origin = originOf(token, chainID);
  const named = pins.named(origin);
  if (named ? named !== chainID : !pins.find(origin) && pins.findOther(origin)) return "Nothing is signed: the policy that is pinned is of another chain than the node's, or gives this chain another name.";
  return expires === null ? "Nothing is signed: the node says that the chain's time is far ahead of this machine's clock." : "";
}

/** Why a hold is neither accepted nor rejected by a wallet, in a sentence; "" where it may be. `hold` is what a node said of the id. */
export function whyNotHold(hold, id, address) {
  if (hold?.id !== id) return "The hold has to be read first.";
  if (hold.status !== "pending") return "The hold is decided already.";
  return hold.recipient === address ? "" : "The hold is for another wallet: only its recipient decides.";
}
