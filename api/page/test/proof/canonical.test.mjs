import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { canonical, parse } from "../../app/proof/canonical.mjs";
import { encode, toHex } from "../../app/proof/bytes.mjs";
import { sha256 } from "../../app/proof/hash.mjs";

const vectors = (name) => JSON.parse(readFileSync(new URL(`../../../../chain/testdata/${name}.json`, import.meta.url)));

test("canonical text is what Python prints", () => {
  const list = vectors("canonical-json");
  assert.ok(list.length >= 400);
  for (const { json, canonical: want } of list) assert.equal(canonical(parse(json)), want, json);
});

test("blocks have the text and the hash that the ledger has", () => {
  const list = vectors("canonical-blocks");
  assert.ok(list.length >= 300);
  for (const { canonical: text, sha256: hash } of list) {
    assert.equal(canonical(parse(text)), text);
    assert.equal(toHex(sha256(encode(text))), hash);
  }
});

test("what is no JSON, or could be read in two ways, is refused", () => {
  for (const text of ["", " ", "{", '{"a": 1, "a": 2}', '{"a" 1}', "[1,]", "[1}", "01", "1.", ".5", "+1", "1e400", "NaN", "nul", '"\\ud800"', '"\\udc00"',
    '"\\x"', '"\n"', "[1] 2", "\ufeff{}", "{'a': 1}", "[".repeat(300) + "]".repeat(300)]) {
    assert.throws(() => parse(text), SyntaxError, text);
  }
});

test("a key that means something to JavaScript is a key", () => {
  const text = '{"__proto__": {"x": 1}, "constructor": 2}';
  assert.equal(canonical(parse(text)), text);
});
