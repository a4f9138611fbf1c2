// Key files, as `bpsc wallet new` makes them: a private key in age's format, under a passphrase.
// One is opened in this page; nothing of it is kept, and nothing of it is in any request.

import { decode, fromHex } from "../proof/bytes.mjs";
import { parse } from "../proof/canonical.mjs";
import { publicKeyOf } from "../proof/ed25519.mjs";
import { Refused, require } from "../proof/refused.mjs";
import { addressFault, addressOf } from "./address.mjs";

const maxBytes = 16 << 10; // a key file has about 600
const damaged = "key_file_damaged";

/**
 * The key in the bytes of a key file: `{seed, publicKey, address, rotated}`. It takes about a second,
 * as it would to try any other passphrase. Throws Refused with the code key_file_passphrase,
 * key_file_damaged or key_file_reader.
 */
export async function openKeyFile(bytes, passphrase) {
  require(passphrase !== "", "key_file_passphrase", "a key file is opened by its passphrase");
  require(bytes.length <= maxBytes, damaged, "the file is too large for a key file");
  const { Decrypter, armor } = await reader();
  let payload;
  try {
    const decrypter = new Decrypter();
    decrypter.addPassphrase(passphrase);
    payload = await decrypter.decrypt(armor.decode(decode(bytes)), "text");
  } catch (error) {
    throw why(error);
  }
  return readKey(payload);
}

// The part of the page that reads age's format, 24 KB on the wire that no other page needs; send.mjs has it fetched before.
async function reader() {
  try {
    return await import("../../lib/age.mjs");
  } catch {
    throw new Refused("key_file_reader", "the part of this page that reads key files cannot be had: load the page anew, from a member that runs");
  }
}

function why(error) {
  const says = String(error?.message);
  if (says.includes("no identity matched")) return new Refused("key_file_passphrase", "the passphrase does not open this key file");
  if (says.includes("work factor")) return new Refused(damaged, "the key file was made to be opened more slowly than a page can; use `bpsc send`");
  return new Refused(damaged, "this is no key file, or a damaged one");
}

// The text inside the encryption. A member that is not known here may be one that matters.
function readKey(text) {
  let file;
  try {
    file = parse(text.trimEnd());
  } catch {
    throw new Refused(damaged, "there is no key in the file");
  }
  const whole = file instanceof Map && [...file.keys()].sort().join() === "address,created,private_key,version" && file.get("version")?.text === "1";
  const seed = whole ? fromHex(file.get("private_key"), 32) : null;
  require(seed && addressFault(String(file.get("address"))) === "", damaged, "there is no key in the file that this page knows");
  const publicKey = publicKeyOf(seed);
  return { seed, publicKey, address: file.get("address"), rotated: addressOf(publicKey) !== file.get("address") };
}
