// Somebody who has never seen the project: a clone, the command of the README, and what that prints.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename } from "node:path";
import test from "node:test";

import { died, root, settled, shoot, until, visit, whole } from "./world.mjs";

// A shell that knows nothing of the cluster of the other tests. Compiled as scripts/build.sh does it, as
// that is in Go's cache already.
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("BPSC")));
Object.assign(env, { CGO_ENABLED: "0", GOFLAGS: "-trimpath -tags=nomsgpack" });

// Terminal is a command that runs until it is interrupted, as by Ctrl-C, with all that it started.
class Terminal {
  text = "";

  constructor(line, cwd) {
    this.process = spawn("bash", ["-c", line], { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    for (const out of [this.process.stdout, this.process.stderr]) out.on("data", (some) => { this.text += some; });
    this.ended = new Promise((resolve) => this.process.once("close", resolve));
  }

  says(pattern, limit) {
    return until(`${pattern} in the terminal`, () => {
      assert.equal(this.process.exitCode, null, `it has ended: ${this.text}`);
      return pattern.exec(this.text);
    }, limit);
  }

  async interrupt() {
    if (this.process.exitCode === null) process.kill(-this.process.pid, "SIGINT");
    await this.ended;
  }
}

// cloneInto clones the checkout; of one without its history, as of an archive, it copies what is no work's own.
function cloneInto(dir) {
  if (existsSync(`${root}/.git`)) {
    execFileSync("git", ["-c", `safe.directory=${root}/.git`, "clone", "--quiet", "--depth", "1", `file://${root}`, dir], { env });
    return;
  }
  const own = [".bpsc", "node_modules"];
  cpSync(root, dir, { recursive: true, filter: (path) => !own.includes(basename(path)) });
}

// Who leads is chance, so the page is open from the member that is killed and from one that is not; the
// command prints the address of either.
test("from a clone to the own transfer in a block, by two commands; the leader is killed, and it goes on", async () => {
  const home = mkdtempSync(`${tmpdir()}/bpsc-walk-`);
  const clone = `${home}/bpsc`;
  let server;
  try {
    cloneInto(clone);
    const [, command] = /^\$ (.*\bbpsc dev --members 3\b.*)$/m.exec(readFileSync(`${clone}/README.md`, "utf8")) ?? assert.fail("the README does not say how to see it");
    server = new Terminal(command, clone);
    await server.says(/Ctrl-C ends it/, 120_000); // it is compiled
    const [, address] = await server.says(/the page +(http:\S+)/);
    const [, printed] = await server.says(/In another terminal:\n((?: {2}.*\n)+)/);
    const lines = printed.split("\n").map((line) => line.trim());
    const [send] = lines.filter((line) => line.startsWith("bpsc send "));
    const [kill] = lines.filter((line) => line.startsWith("kill -9 "));
    const inAnother = (line) => execFileSync("bash", ["-c", [...lines.filter((text) => text.startsWith("export ")), line].join("\n")], { cwd: home, env });
    const members = Object.fromEntries([...server.text.matchAll(/^ {2}(n\d) +(http:\S+)/gm)].map(([, id, url]) => [id, url]));
    const nodes = Object.values(members);
    assert.equal(nodes.length, 3, server.text);
    const [leads] = /n\d/.exec(kill);
    const killed = members[leads];
    const stays = [address, ...nodes].find((url) => url !== killed);
    assert.ok([killed, stays].includes(address), server.text);

    const window = { nodes, allowed: died };
    await visit(killed, window, ({ page, requests }) => visit(stays, window, async ({ page: beside }) => {
      await settled(page);
      // The first transfer is what the command has printed.
      const [, from, to, amount] = /--from (\S+) --to (\S+) --amount (\S+)/.exec(send);
      inAnother(send);
      for (const either of [page, beside]) {
        await either.locator(".strip a.tile", { hasText: "1 record" }).first().click();
        await either.locator("td.what", { hasText: from }).filter({ hasText: to }).filter({ hasText: amount }).waitFor();
        await either.getByRole("link", { name: "Cluster" }).click();
        await either.locator(".summary .big", { hasText: "3 of 3 healthy, can lose 1" }).waitFor();
      }

      await whole(page); // nobody types that fast
      inAnother(kill);
      for (const either of [page, beside]) {
        await either.locator(".summary .big", { hasText: "2 of 3 healthy, can lose 0" }).waitFor();
        await either.locator(".summary .lead", { hasText: new RegExp(`n[^${leads.slice(1)}] leads in term`) }).waitFor();
        await either.locator(".log li", { hasText: `${leads} does not answer` }).waitFor();
      }
      await shoot(page, "walk leader killed");
      await page.locator(".notice", { hasText: "The page goes on with" }).waitFor();
      assert.equal(await beside.getByText("The page goes on with").count(), 0, "its member lives");

      // The second one is sent from the same page, whose member is dead.
      await page.getByRole("link", { name: "Send" }).click();
      for (const [name, value] of [["sender", "alice"], ["recipient", "carol"], ["amount", "3"]]) await page.locator(`input[name=${name}]`).fill(value);
      await page.getByRole("button", { name: "Send" }).click();
      await page.getByText("✓ In block").waitFor();
      await shoot(page, "walk sent");
      await page.locator(".progress").getByRole("link", { name: /^\d+$/ }).click();
      await page.locator("td.what", { hasText: "carol" }).waitFor();
      assert.equal(new URL(page.url()).origin, killed);
      const sent = requests.filter(({ method }) => method === "POST").map(({ url }) => new URL(url).origin);
      assert.ok(sent.length > 0 && !sent.includes(killed), `sent to ${sent}`);
      await page.getByRole("link", { name: "Cluster" }).click();

      // And the one that was killed is back, after the ten seconds that it is kept away.
      for (const either of [page, beside]) {
        await either.locator(".summary .big", { hasText: "3 of 3 healthy, can lose 1" }).waitFor({ timeout: 30_000 });
        await either.locator(".log li", { hasText: `${leads} answers again` }).waitFor();
      }
    }));
  } finally {
    await server?.interrupt();
    rmSync(home, { recursive: true });
  }
});
