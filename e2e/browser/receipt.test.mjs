// Receipts that are checked in the browser, good ones and forged ones, and the banner.

import assert from "node:assert/strict";
import test from "node:test";

import { accessible } from "./axe.mjs";
import { api, bpsc, goTo, members, shoot, transfer, until, visit } from "./world.mjs";

async function receiptOf(sender) {
  const { id } = await transfer(sender, "bob", 12.5, "to be proven");
  await api("/mine", { method: "POST" });
  const text = await until("the receipt", async () => {
    const answer = await fetch(`${members[0]}/v1/transactions/${id}/receipt?wait=5s`);
    return answer.ok && answer.text();
  });
  return { id, text };
}

const paste = async (page, text) => {
  await page.locator("textarea[name=text]").fill(text);
  await page.getByRole("button", { name: "Check", exact: true }).click();
};

// A receipt with something else in its extra data.
function altered(text, old, to) {
  const [head, ...rest] = text.split("\n");
  const extra = Buffer.from(rest[0].slice("extra ".length), "base64").toString();
  assert.ok(extra.includes(old));
  return [head, `extra ${Buffer.from(extra.replace(old, to)).toString("base64")}`, ...rest.slice(1)].join("\n");
}

// A note with another byte in the signature of a member.
const spoiled = (text) => text.replace(/(— bpsc\/n\d [^\n]{40})(.)/, (_, head, c) => head + (c === "A" ? "B" : "A"));
const linesOf = (text) => text.split("\n").filter((line) => /^— bpsc\/n\d /.test(line));

test("the policy's hash is the operator's, and a receipt is checked from an id, a file and a text", async () => {
  const { id, text } = await receiptOf("alice");
  const policy = await bpsc("cluster", "keys", "--server", members[0]);
  await visit(`${members[0]}/#/verify`, {}, async ({ page }) => {
    await page.getByText("Nothing can be checked before a policy is pinned").waitFor();
    await page.getByText("Nothing is pinned for this chain.").waitFor();
    const offered = await page.locator(".facts .hash").first().getAttribute("title");
    await page.locator("textarea[name=policy]").fill(policy.replace("group members 2", "group members 1"));
    await page.getByRole("button", { name: "Pin it" }).click();
    await page.getByText("1 of 3 members are not a majority").waitFor();
    await page.locator("textarea[name=policy]").fill(policy);
    await page.locator(".fingerprint", { hasText: offered }).waitFor();
    await page.getByRole("button", { name: "Pin it" }).click();
    await page.getByText("Pinned in this browser.").waitFor();
    await page.locator("input[name=id]").fill(id);
    await page.getByRole("button", { name: "Check", exact: true }).click();
    await page.getByText("It holds.").waitFor();
    await shoot(page, "receipt");
    await accessible(page);
    await page.reload();
    await page.locator("input[type=file][name=file]").setInputFiles({ name: "payment.tlog-proof", mimeType: "text/plain", buffer: Buffer.from(text) });
    await page.getByText("It holds.").waitFor();
    await page.reload();
    await paste(page, text.trimEnd()); // as people paste
    await page.getByText("It holds.").waitFor();
    assert.equal(await page.locator(".steps .holds").count(), 5);
  });
});

test("a forged receipt is refused, and the step that failed is named", async () => {
  const { text } = await receiptOf("alice");
  const [first, second, ...others] = linesOf(text);
  const forged = [
    ["another amount", altered(text, '"amount_send": 12.5', '"amount_send": 99.5'), "The record in the block", "record_not_in_block"],
    ["another recipient", altered(text, '"recipient": "bob"', '"recipient": "eve"'), "The record in the block", "record_not_in_block"],
    ["another root of the block", text.replace(/(?<=^extra )\S+/m, (extra) => Buffer.from(Buffer.from(extra, "base64").toString().replace(/("transactions_root": ")(.)/, (_, head, c) => head + (c === "0" ? "1" : "0"))).toString("base64")), "The block in the log", "leaf_not_in_log"],
    ["another path", text.replace(/(index \d+\n.)(.)/, (_, head, c) => head + (c === "A" ? "B" : "A")), "The block in the log", "leaf_not_in_log"],
    ["a flipped bit in a signature", spoiled(text), "Signatures and quorum", "cosignature_wrong"],
    ["a signer twice", text.replace(second, first).split("\n").filter((line) => !others.includes(line)).join("\n"), "Signatures and quorum", "checkpoint_minority"],
    ["one signer of three", text.split("\n").filter((line) => line !== second && !others.includes(line)).join("\n"), "Signatures and quorum", "checkpoint_minority"],
    ["half a receipt", text.slice(0, 300), "The file", "receipt_malformed"],
    ["something else", "hello", "The file", "receipt_malformed"],
  ];
  await visit(`${members[0]}/#/verify`, {}, async ({ page }) => {
    await page.getByRole("button", { name: "Pin what the node says" }).click();
    for (const [name, file, step, code] of forged) {
      assert.notEqual(file, text, name);
      await paste(page, file);
      await page.getByText("It is not believed.").waitFor();
      const failed = page.locator(".steps .fails");
      await page.waitForFunction((want) => document.querySelector(".verdict code")?.textContent === want, code).catch(async () => assert.fail(`${name}: ${await page.locator(".result").innerText()}`));
      assert.match(await failed.innerText(), new RegExp(`✗ ${step}`), name);
      assert.equal(await page.locator(".result .facts").count(), 0, "nothing of it is shown as proven");
      if (name === "another amount") {
        await shoot(page, "forged");
        await accessible(page);
      }
      await page.locator("textarea[name=text]").fill("");
      await page.reload();
    }
    // A policy of others: the same file proves nothing.
    const other = (await bpsc("cluster", "keys", "--server", members[0], "--any-chain")).replace(/^# chain .*\n|^log .*\n/gm, "");
    await page.locator("textarea[name=policy]").fill(other.split("\n").filter((line) => !line.includes(" n1 ") || line.startsWith("group")).join("\n").replace(/group members 2.*/, "group members 2 n2 n3"));
    await page.getByRole("button", { name: "Pin it" }).click();
    await page.getByRole("button", { name: "Take the pin out" }).click();
    await page.getByText("Pinned in this browser.").waitFor();
    await paste(page, text.split("\n").filter((line) => !line.startsWith("— bpsc/n2 ")).join("\n"));
    await page.getByText(/[01] of 2 members signed the checkpoint/).first().waitFor();
  });
});

test("a good receipt of another transaction is not taken for the one that was asked for", async () => {
  const [mine, another] = [await receiptOf("alice"), await receiptOf("carol")];
  await visit(`${members[0]}/#/verify`, {}, async ({ page }) => {
    await page.getByRole("button", { name: "Pin what the node says" }).click();
    await page.route(`**/v1/transactions/${mine.id}/receipt*`, (route) => route.fulfill({ status: 200, contentType: "text/plain", body: another.text }));
    await page.locator("input[name=id]").fill(mine.id);
    await page.getByRole("button", { name: "Check", exact: true }).click();
    await page.getByText("It is not believed.").waitFor();
    assert.equal(await page.locator(".verdict code").innerText(), "receipt_of_another");
    assert.equal(await page.locator(".result .facts").count(), 0);
    await page.unroute(`**/v1/transactions/${mine.id}/receipt*`);
    await page.getByRole("button", { name: "Check", exact: true }).click();
    await page.getByText("It holds.").waitFor();
    assert.equal(await page.locator(".steps .holds").count(), 6);
  });
});

test("blocks that do not hold together put up the banner, which stays until somebody says to forget", async () => {
  const blockOf = (index, previous) => ({ index, hash: `${index}`.padStart(64, "a"), previous_hash: previous, timestamp: 1e9 + index, transactions: 0, trigger: "time", totals: { fees: 0, burned: 0 } });
  const blocks = [blockOf(900_001, "0".repeat(64)), blockOf(900_002, "f".repeat(64))];
  await visit(`${members[0]}/#/verify`, {}, async ({ page }) => {
    // Whoever asks gets them: the page that is left by the reload may ask as well.
    await page.route("**/v1/events?*", (route) => route.fulfill({
      status: 200, contentType: "text/event-stream",
      body: blocks.map((block) => `event: block\ndata: ${JSON.stringify(block)}\n\n`).join(""),
    }));
    await page.reload();
    await page.getByText("the chain does not hold together: block 900002").waitFor();
    await page.unroute("**/v1/events?*");
    await page.reload();
    await page.getByText("the chain does not hold together: block 900002").waitFor();
    await page.getByRole("button", { name: /Forget what this browser saw/ }).click();
    await page.getByText("Do not trust this node.").waitFor({ state: "detached" });
  });
});

test("a checkpoint that does not extend what this browser saw puts a red banner above every page", async () => {
  await visit(members[0], {}, async ({ page }) => {
    await page.waitForFunction(() => localStorage.getItem("bpsc.seen")?.includes("aka"));
    // This browser has seen another history: the same sizes, and another root.
    await page.evaluate(() => {
      const seen = JSON.parse(localStorage.getItem("bpsc.seen"));
      const lines = seen.aka.note.split("\n");
      lines[2] = btoa("another root".padEnd(32, "."));
      seen.aka.note = lines.join("\n");
      localStorage.setItem("bpsc.seen", JSON.stringify(seen));
    });
    await page.getByText("Do not trust this node.").waitFor();
    await page.getByText("somebody shows two histories").waitFor();
    await shoot(page, "fork");
    await accessible(page);
    for (const place of ["#/send", "#/blocks/1", "#/verify"]) {
      await goTo(page, place);
      await page.getByText("Do not trust this node.").waitFor();
    }
    await page.reload();
    await page.getByText("Do not trust this node.").waitFor();
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Save the evidence" }).click()]);
    assert.equal(download.suggestedFilename(), "aka.evidence.json");
    await page.getByRole("button", { name: /Forget what this browser saw/ }).click();
    await page.getByText("Do not trust this node.").waitFor({ state: "detached" });
  });
});
