import assert from "node:assert/strict";
import { test } from "node:test";

import { neighbour, Pair } from "../../../app/dashboard/static/js/keys.js";
import { counted } from "../../../app/dashboard/static/js/title.js";

test("a step enters the list at its near end and stops at its far end", () => {
  assert.equal(neighbour(-1, 1, 3), 0);
  assert.equal(neighbour(-1, -1, 3), 2);
  assert.equal(neighbour(1, 1, 3), 2);
  assert.equal(neighbour(2, 1, 3), 2);
  assert.equal(neighbour(0, -1, 3), 0);
});

test("two keys lead to a place only when the second follows soon", () => {
  let now = 0;
  const pair = new Pair(() => now);
  assert.equal(pair.press("e"), undefined);
  pair.press("g");
  now += 1_000;
  assert.equal(pair.press("e"), "/executions");
  assert.equal(pair.press("i"), undefined);
  pair.press("g");
  now += 2_000;
  assert.equal(pair.press("i"), undefined);
  pair.press("g");
  pair.press("x");
  assert.equal(pair.press("i"), undefined);
});

test("the count stands before the title, once, and not at all for none", () => {
  assert.equal(counted("Plans", 3), "(3) Plans");
  assert.equal(counted("(3) Plans", 12), "(12) Plans");
  assert.equal(counted("(12) Plans", 0), "Plans");
});
