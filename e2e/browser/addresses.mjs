// Which pages there are, with something on each of them.

import { api, bpsc, members, transfer, until, wallets } from "./world.mjs";

// A transfer, and a hold of the signed contract that waits for somebody's word, made once.
let made;
const subjects = () => (made ??= (async () => {
  const key = ["--wallets", wallets, "--passphrase-file", `${wallets}/passphrase`, "--server", members[0], "--contract", "gold", "-o", "json"];
  const held = JSON.parse(await bpsc("send", "--from", "issuer", "--to", "bob", "--amount", "5", "--hold-until", "1h", ...key)).record;
  return { one: await transfer("alice", "bob", 12.5, "for the pages"), held };
})());

/** The addresses of all pages: those of the navigation, and one of each kind that it does not have. */
export async function addresses(page, node) {
  const { one, held } = await subjects();
  // A follower hears of a contract a moment after the members.
  const inBlock = async (id, contract) => (await api(`/v1/transactions/${id}?contract=${contract}`, { node }).catch(() => ({}))).in_block;
  await until("both in their blocks", async () => await inBlock(one.id, "aka") && await inBlock(held.id, "gold"));
  const nav = await page.locator("nav.pages a").evaluateAll((links) => links.map((link) => link.getAttribute("href")));
  const open = ["blocks/1", `transactions/${one.id}`, "accounts/alice", "accounts/nobody", "contracts/aka"];
  const signed = ["contracts/gold", `transactions/${held.id}`, `holds/${held.id}`, `accounts/${held.recipient}`, "send"].map((place) => `${place}?contract=gold`);
  return [...nav, ...[...open, ...signed].map((place) => `#/${place}`)];
}
