import assert from "node:assert/strict";
import { test } from "node:test";
import { changed } from "../../../app/dashboard/static/js/changes.js";
import { pause } from "../../../app/dashboard/static/js/renew.js";

test("a form says once which fields are not as they were", () => {
  const fields = [
    { name: "title", label: "title", was: "a", is: "b" },
    { name: "action", label: "action", was: "x", is: "x" },
    { name: "dependencies", label: "waits for", was: true, is: false },
    { name: "dependencies", label: "waits for", was: false, is: true },
  ];
  assert.deepEqual(changed(fields), ["title", "waits for"]);
  assert.deepEqual(changed([]), []);
});

test("a page that takes long to make is not asked for often", () => {
  assert.equal(pause(3), 1_000);
  assert.equal(pause(500), 5_000);
});
