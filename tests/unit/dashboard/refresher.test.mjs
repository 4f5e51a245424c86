import assert from "node:assert/strict";
import { test } from "node:test";
import { Refresher } from "../../../app/dashboard/static/js/refresher.js";
import { relative } from "../../../app/dashboard/static/js/time.js";

function played(fetchAgain, duration = 0) {
  const timers = [];
  let time = 0;
  const clock = () => (time += duration);
  const later = (run, milliseconds) => timers.push({ run, milliseconds });
  return { timers, refresher: new Refresher(fetchAgain, later, clock) };
}

test("requests that come together share one fetch", async () => {
  let fetched = 0;
  const { timers, refresher } = played(async () => {
    fetched += 1;
  });
  refresher.request();
  refresher.request();
  assert.equal(timers.length, 1);
  await refresher.run();
  assert.equal(fetched, 1);
});

test("a request during a fetch is not forgotten", async () => {
  const { timers, refresher } = played(async () => refresher.request());
  refresher.request();
  await refresher.run();
  assert.equal(timers.length, 2);
});

test("a slow fetch is repeated less often, and a failed one does no harm", async () => {
  const { timers, refresher } = played(() => Promise.reject(new Error("away")), 300);
  refresher.request();
  await refresher.run();
  refresher.request();
  assert.deepEqual(
    timers.map((timer) => timer.milliseconds),
    [250, 3000],
  );
});

test("a fetch that hung puts the next one off by a few seconds at most", async () => {
  const { timers, refresher } = played(() => Promise.resolve(), 60_000);
  refresher.request();
  await refresher.run();
  refresher.request();
  assert.equal(timers.at(-1).milliseconds, 5000);
});

test("times are told from the viewer's point of view", () => {
  const now = Date.parse("2026-03-01T12:00:00Z");
  const told = (at) => relative(at, now);
  assert.equal(told("2026-03-01T11:59:30Z"), "just now");
  assert.equal(told("2026-03-01T12:00:02Z"), "just now", "clocks differ a little");
  assert.equal(told("2026-03-01T12:00:30Z"), "in a moment");
  assert.equal(told("2026-03-01T11:58:00Z"), "2 min ago");
  assert.equal(told("2026-03-01T12:40:00Z"), "in 40 min");
  assert.equal(told("2026-03-01T11:00:10Z"), "1 h ago");
  assert.equal(told("2026-02-28T12:00:00Z"), "1 day ago");
});
