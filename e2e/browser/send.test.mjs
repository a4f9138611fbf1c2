// What is sent from the page: in an open contract, and in a signed one with a key that never leaves it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { openKeyFile } from "../../api/page/app/send/keyfile.mjs";
import { toHex } from "../../api/page/app/proof/bytes.mjs";
import { accessible } from "./axe.mjs";
import { api, goTo, members, settled, shoot, until, visit, wallets } from "./world.mjs";

const passphrase = readFileSync(`${wallets}/passphrase`, "utf8").trim();
const addressOf = (name) => new RegExp(`^${name} (\\S+)$`, "m").exec(readFileSync(`${wallets}/addresses`, "utf8"))[1];

test("an open transfer, by the keyboard alone: final, in its block, and its receipt holds", async () => {
  await visit(`${members[0]}/#/verify`, {}, async ({ page }) => {
    await page.getByRole("button", { name: "Pin what the node says" }).click();
    await goTo(page, "#/send");
    await page.locator("input[name=sender]").focus();
    for (const text of ["alice", "dora", "7.25", "for the bread"]) {
      await page.keyboard.type(text);
      await page.keyboard.press("Tab");
    }
    await page.keyboard.press("Enter");
    await page.getByText("✓ Final.").waitFor();
    await page.getByText("✓ In block").waitFor();
    await page.getByText("✓ Its receipt holds.").waitFor();
    await shoot(page, "sent");
    await accessible(page);
    assert.equal((await api("/v1/accounts/dora")).balance, 7.249637);
  });
});

test("what cannot be sent is said beside its field, and nothing is sent", async () => {
  await visit(`${members[0]}/#/send`, {}, async ({ page, requests }) => {
    await page.locator("input[name=sender]").fill("alice");
    await page.locator("input[name=recipient]").fill("x".repeat(129));
    await page.locator("input[name=amount]").fill("1.0000001");
    await page.locator("input[name=memo]").fill("🏠".repeat(65));
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByText("This token has 6 decimal places.").waitFor();
    await page.getByText("It has 129 bytes, and at most 128 are allowed.").waitFor();
    await page.getByText("It has 260 bytes, and at most 256 are allowed.").waitFor();
    await accessible(page);
    assert.equal(requests.filter(({ method }) => method === "POST").length, 0);
  });
});

test("an answer that is lost is asked for again with the same key: it happens once", async () => {
  const allowed = (text) => /Failed to load resource|net::/.test(text);
  await visit(`${members[0]}/#/send`, { allowed }, async ({ page, requests }) => {
    let lost = 0;
    await page.route("**/v1/transactions?*", async (route) => {
      if (route.request().method() !== "POST" || lost === 2) return route.continue();
      if (++lost === 1) return route.fulfill({ status: 503, contentType: "application/problem+json", body: '{"code": "no_leader", "title": "There is no leader", "status": 503, "retryable": true}' });
      await route.fetch(); // it is applied, and nobody hears of it
      return route.abort();
    });
    await page.route("**/v1/transactions/*", (route) => (lost === 2 ? route.continue() : route.abort()));
    for (const [name, value] of [["sender", "alice"], ["recipient", "once"], ["amount", "5"]]) await page.locator(`input[name=${name}]`).fill(value);
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByText("✓ Final.").waitFor();
    const posts = requests.filter(({ method }) => method === "POST");
    assert.ok(posts.length >= 2);
    assert.equal(new Set(posts.map(({ headers }) => headers["idempotency-key"])).size, 1);
    assert.equal((await api("/v1/accounts/once")).balance, 4.99975);
  });
});

test("a signed transfer and a hold: the key file is opened and signs in the page, and no request carries it", async () => {
  const file = `${wallets}/issuer.age`;
  const { seed, publicKey } = await openKeyFile(readFileSync(file), passphrase);
  await visit(`${members[0]}/#/send?contract=gold`, {}, async ({ page, requests, context }) => {
    await page.locator("input[name=keyfile]").setInputFiles(file);
    await page.locator("input[name=passphrase]").fill("wrong");
    await page.getByRole("button", { name: "Open" }).click();
    await page.getByText("The passphrase does not open this key file").waitFor();
    await page.locator("input[name=passphrase]").fill(passphrase);
    await page.getByRole("button", { name: "Open" }).click();
    await page.getByText("which has").waitFor();
    const { chain_id: chain } = await api("/v1/contracts/gold");
    await page.getByText(chain).waitFor(); // for which it signs
    await page.locator("input[name=recipient]").fill(addressOf("alice").replace(/.$/, "b"));
    await page.locator("input[name=amount]").fill("100.25");
    await page.getByRole("button", { name: "Sign and send" }).click();
    await page.locator(".fault").first().waitFor();
    await page.locator("input[name=recipient]").fill(addressOf("alice"));
    await page.locator("input[name=memo]").fill("Miete März 🏠 <b>\u202e");
    await page.getByRole("button", { name: "Sign and send" }).click();
    await page.getByText("✓ Final.").waitFor();
    await shoot(page, "signed");
    await accessible(page);
    await page.locator("select[name=kind]").selectOption("hold");
    await page.getByRole("button", { name: "Sign and send" }).click();
    await page.getByText("✓ Final.").waitFor();
    const { balance } = await api(`/v1/accounts/${addressOf("alice")}?contract=gold`);
    assert.equal(balance, 100.24);
    const { items } = await until("the hold", async () => { const said = await api(`/v1/accounts/${addressOf("alice")}/holds?contract=gold`); return said.items.length > 0 && said; });
    assert.equal(items.length, 1);
    const hold = (await page.locator(".progress .hash").first().getAttribute("title"));
    // What was signed here is what the ledger's own wallet would have signed: the ledger has taken it.
    const posted = requests.filter(({ method }) => method === "POST").map(({ body }) => JSON.parse(body));
    assert.deepEqual(posted.map(({ kind }) => kind), ["transfer", "hold"]);
    assert.ok(posted.every(({ public_key: key }) => key === toHex(publicKey)));
    const secrets = [toHex(seed), Buffer.from(seed).toString("base64"), passphrase, readFileSync(file, "utf8").split("\n")[3]];
    for (const request of requests) {
      const all = JSON.stringify(request);
      for (const secret of secrets) assert.ok(!all.includes(secret), `a secret is in a request to ${request.url}`);
    }
    const kept = JSON.stringify(await context.storageState()) + await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
    for (const secret of secrets) assert.ok(!kept.includes(secret), "a secret was kept");
    // Only the recipient decides, once the hold is here to be seen.
    await page.locator("select[name=kind]").selectOption("accept");
    await page.locator("input[name=hold]").fill(hold);
    await page.getByText("only its recipient decides").waitFor();
    assert.ok(await page.getByRole("button", { name: "Sign and send" }).isDisabled());
    await page.getByRole("button", { name: "Close the key" }).click();
    // The recipient takes the hold.
    await goTo(page, `#/send?contract=gold&kind=accept&hold=${hold}`);
    await page.locator("input[name=keyfile]").setInputFiles(`${wallets}/alice.age`);
    await page.locator("input[name=passphrase]").fill(passphrase);
    await page.getByRole("button", { name: "Open" }).click();
    await page.getByText(/It sets 100.25 gold of .* aside for/).waitFor();
    await shoot(page, "hold to accept");
    await accessible(page);
    await page.getByRole("button", { name: "Sign and send" }).click();
    await page.getByText("✓ Final.").waitFor();
    assert.equal((await api(`/v1/holds/${hold}?contract=gold`)).status, "hold_delivered");
  });
});

test("a file that is no key file is said to be none", async () => {
  await visit(`${members[0]}/#/send?contract=gold`, {}, async ({ page }) => {
    await page.locator("input[name=keyfile]").setInputFiles(`${wallets}/passphrase`);
    await page.locator("input[name=passphrase]").fill("x");
    await page.getByRole("button", { name: "Open" }).click();
    await page.getByText("This is no key file, or a damaged one").waitFor();
  });
});

test("what the ledger refuses is said in its words, and is not sent again", async () => {
  const allowed = (text) => /status of 4\d\d/.test(text);
  await visit(`${members[0]}/#/send?contract=gold`, { allowed }, async ({ page, requests }) => {
    await page.locator("input[name=keyfile]").setInputFiles(`${wallets}/bob.age`);
    await page.locator("input[name=passphrase]").fill(passphrase);
    await page.getByRole("button", { name: "Open" }).click();
    await page.locator("input[name=recipient]").fill(addressOf("alice"));
    await page.locator("input[name=amount]").fill("5");
    await page.getByRole("button", { name: "Sign and send" }).click();
    await page.getByText("✗ Refused.").waitFor();
    assert.equal(requests.filter(({ method }) => method === "POST").length, 1);
    await settled(page);
  });
});
