import test from "node:test";
import assert from "node:assert/strict";
import { plain, show, text, units, written } from "../app/amount.mjs";

test("units are exact for every number of 15 digits", () => {
  assert.equal(units(0.1, 6), 100000n);
  assert.equal(units(1e-9, 9), 1n);
  assert.equal(units(999999.999999999, 9), 999999999999999n);
  assert.equal(units(999999999999999, 0), 999999999999999n);
  assert.equal(units(-12.5, 2), -1250n);
  let seed = 42n;
  for (let i = 0; i < 2000; i++) {
    seed = (seed * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
    const value = seed % 1000000000000000n;
    for (const decimals of [0, 1, 6, 9]) {
      assert.equal(units(JSON.parse(plain(value, decimals)), decimals), value);
      assert.equal(units(plain(-value, decimals), decimals), -value);
    }
  }
});

test("what is no amount is none", () => {
  for (const wrong of [NaN, Infinity, 1e15, "1e3", "0x10", "", "1.2.3", "1,000", null, undefined, {}]) assert.equal(units(wrong, 6), null);
  assert.equal(units("0.0000001", 6), null, "more places than there are");
  assert.equal(units("0.1000000", 6), 100000n, "zeros are no places");
});

test("nothing is rounded to the decimals that somebody says", () => {
  for (const [amount, decimals] of [[12.56, 1], [0.5, 0], [1e-7, 6], [2.675, 2], [123456.1234567, 6], [-0.05, 1]]) {
    assert.equal(units(amount, decimals), null, `${amount} has no ${decimals} places`);
    assert.equal(show(amount, decimals), String(amount), "it is shown as it is");
    assert.equal(written(amount, decimals), String(amount));
  }
  assert.equal(units(12.5, 20), 1250000000000000000000n);
  assert.equal(show(1234.5), "1,234.5", "with the places that it has");
  assert.equal(show(1e-9), "0.000000001");
  assert.equal(show(7), "7");
  assert.equal(written(undefined, 2), "");
  assert.equal(written(1234.5, 2), "1234.5");
});

test("people read digits in threes and no zeros", () => {
  assert.equal(text(1234567890000n, 6), "1,234,567.89");
  assert.equal(text(-50n, 6), "\u22120.00005");
  assert.equal(text(0n, 0), "0");
  assert.equal(plain(-1500000n, 6), "-1.5");
  assert.equal(show(0.000001, 6), "0.000001");
  assert.equal(show(undefined, 6), "–");
});
