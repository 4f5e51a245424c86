import assert from "node:assert/strict";
import { test } from "node:test";
import { sentences } from "../../../app/dashboard/static/js/sentences.js";
import { age, skew } from "../../../app/dashboard/static/js/time.js";
import {
  actual,
  extent,
  spansOf,
  ticks,
  verdict,
  zoomed,
} from "../../../app/dashboard/static/js/timetable.js";

const at = (second) => new Date(second * 1000).toISOString();
const step = (status, started, ended, more = {}) => ({
  subtask_id: "s",
  title: "Call Marie",
  status,
  started_at: started === null ? null : at(started),
  completed_at: ended ? at(ended) : null,
  ...more,
});
const short = (spans) => spans.map(({ from, to, kind, tone }) => [from, to, kind, tone].join(" "));

test("a step is work from its start to its end, or to now", () => {
  assert.deepEqual(short(spansOf(step("COMPLETED", 10, 20))), ["10 20 work done"]);
  assert.deepEqual(short(spansOf(step("RUNNING", 10))), ["10  work run"]);
  assert.deepEqual(spansOf(step("QUEUED", null)), []);
});

test("a blocked step was worked on until it was held up, and waits since", () => {
  const held = step("BLOCKED", 10, null, { why: { since: at(30) } });
  assert.deepEqual(short(spansOf(held)), ["10 30 work run", "30  wait wait"]);
});

test("a step that is held up before it began waits since it was", () => {
  const asked = step("BLOCKED", null, null, { why: { since: at(30) } });
  assert.deepEqual(short(spansOf(asked)), ["30  wait wait"]);
  assert.deepEqual(short(actual({ status: "BLOCKED" }, [asked])), ["30  wait wait"]);
});

test("the end is compared with the plan in a sentence, or nothing is said", () => {
  const [hour, day] = [3600, 86_400];
  const end = (planned, found, status) => verdict(at(planned), at(found), status);
  assert.equal(end(9 * day, 2 * day, "RUNNING"), "Likely to end 7 days sooner than planned.");
  assert.equal(
    end(0, hour, "PAUSED"),
    "Likely to end 1 hour later than planned, if it goes on now.",
  );
  assert.equal(end(day, day + 59, "COMPLETED"), "Ended as planned.");
  assert.equal(end(9 * day, day, "CANCELLED"), "");
  assert.equal(verdict(null, at(1), "COMPLETED"), "");
});

test("a step that was taken back waits, and no work is made up for it", () => {
  assert.deepEqual(short(spansOf(step("READY", 10))), ["10  wait idle"]);
  assert.deepEqual(short(actual({ status: "READY" }, [step("READY", 10)])), ["10  wait idle"]);
});

test("a task waits where none of its steps was worked on", () => {
  const steps = [step("COMPLETED", 10, 20), step("COMPLETED", 20, 25), step("COMPLETED", 60, 70)];
  assert.deepEqual(short(actual({ status: "COMPLETED" }, steps)), [
    "10 70 wait done",
    "10 25 work done",
    "60 70 work done",
  ]);
});

test("a task that is held up is orange since its first step, and work in it stays work", () => {
  const steps = [step("COMPLETED", 10, 20), step("BLOCKED", 30, null, { why: { since: at(40) } })];
  assert.deepEqual(short(actual({ status: "BLOCKED" }, steps)), [
    "10  wait wait",
    "10 20 work run",
    "30 40 work run",
  ]);
});

test("a window holds all moments with air, and stays a window without any", () => {
  const { from, to } = extent([at(100), null, at(200)]);
  assert.ok(from < 100 && to > 200 && to - from < 120);
  assert.ok(extent([null]).to > extent([undefined]).from);
});

test("scaling keeps the point under the pointer and stops at both ends", () => {
  assert.deepEqual(zoomed({ from: 0, to: 100 }, 2, 0.25), { from: 12.5, to: 62.5 });
  const tiny = zoomed({ from: 0, to: 100 }, 1e9, 0.5);
  assert.ok(tiny.to - tiny.from >= 0.99);
  assert.ok(Number.isFinite(zoomed({ from: 0, to: 100 }, 1e-30, 0.5).to));
});

test("ticks are round times, few, at every scale", () => {
  assert.deepEqual(
    ticks({ from: 5, to: 95 }, 25).map((tick) => tick.at),
    [30, 60, 90],
  );
  for (const length of [10, 1e3, 1e5, 1e7, 1e9]) {
    const found = ticks({ from: 0, to: length }, length / 10);
    assert.ok(found.length > 0 && found.length <= 11, `${length}: ${found.length}`);
  }
  const [first] = ticks({ from: 0, to: 86_400 * 3 }, 86_400, 3600);
  assert.equal(first.at, 86_400 - 3600);
});

test("sentences say what runs, what is waited for, who is silent and what is next", () => {
  const rows = [
    { ...step("RUNNING", 1), title: "Present to Carol", progress_percent: 70 },
    {
      ...step("BLOCKED", 1),
      why: {
        cause: "external_wait",
        detail: "Waiting for Marie's callback",
        since: at(5),
        until: at(9),
      },
    },
    {
      ...step("READY", null),
      title: "Write",
      why: { cause: "no_contact", detail: "…", since: at(7) },
    },
  ];
  const told = sentences("RUNNING", rows, () => false);
  assert.deepEqual(
    told.map((one) => one.text),
    [
      "Current: Present to Carol (70\u00a0%)",
      "Waiting for Marie's callback",
      "No agent has asked for work for",
      "Next up: Write",
    ],
  );
  assert.deepEqual([told[1].since, told[1].until, told[2].lasting], [at(5), at(9), at(7)]);
  assert.deepEqual(
    sentences("COMPLETED", rows, () => false),
    [],
  );
  assert.deepEqual(
    sentences("RUNNING", [step("QUEUED", null)], () => true),
    [],
  );
});

test("how long something lasts is never rounded up", () => {
  const now = 1_000_000_000_000;
  const since = (seconds) => age(new Date(now - seconds * 1000).toISOString(), now);
  assert.deepEqual(
    [since(30), since(359), since(7199), since(90_000)],
    ["less than a minute", "5 min", "1 h", "1 day"],
  );
});

test("a clock that is an hour off is put right, and one that is seconds off left alone", () => {
  assert.equal(skew(7_200_000, 3_600_000), 3_600_000);
  assert.equal(skew(3_600_000, 7_200_000), -3_600_000);
  assert.equal(skew(20_000, 10_000), 0);
  assert.equal(skew(Number.NaN, 10_000), 0);
});
