import assert from "node:assert/strict";
import { test } from "node:test";
import { blocks } from "../../../app/dashboard/static/js/feed.js";
import { EVERYTHING, History } from "../../../app/dashboard/static/js/history.js";

const event = (seq, more = {}) => ({
  seq,
  event_type: "note",
  task_id: "a",
  agent_id: "mo",
  ...more,
});
const rows = (first, last) =>
  Array.from({ length: first - last + 1 }, (_, row) => event(first - row));
const seqs = (log) => log.events.value.map((row) => row.seq);

/** A log of 500 events on the server, of which so many come with the page. */
function log({ shown = 0, filter = EVERYTHING, size = 200 } = {}) {
  const calls = [];
  const fetchPage = async (asked, before) => {
    calls.push([asked, before]);
    const first = (before ?? 501) - 1;
    const last = Math.max(first - size + 1, 1);
    return { items: rows(first, last), more: last > 1 };
  };
  const history = new History(shown ? rows(500, 501 - shown) : [], true, filter, fetchPage);
  return { history, calls };
}

test("older events follow to the first, none missing and none twice", async () => {
  const { history, calls } = log({ shown: 50 });
  for (let turn = 0; turn < 3; turn += 1) await history.older();
  assert.deepEqual(
    calls.map(([, before]) => before),
    [451, 251, 51],
  );
  assert.deepEqual(
    seqs(history),
    rows(500, 1).map((row) => row.seq),
  );
  assert.equal(history.state.value, "end");
});

test("live events stand before those that were shown, each once", () => {
  const { history } = log({ shown: 2 });
  history.receive([event(501), event(500), event(502)]);
  assert.deepEqual(seqs(history), [502, 501, 500, 499]);
});

test("a thousand are kept, and what was dropped can be loaded again", async () => {
  const { history, calls } = log({ shown: 50 });
  history.receive(Array.from({ length: 1200 }, (_, row) => event(501 + row)));
  assert.deepEqual([seqs(history).length, seqs(history)[0]], [1000, 1700]);
  await history.older();
  assert.equal(calls[0][1], 701);
});

test("nothing is taken away while somebody reads older events", () => {
  const { history } = log({ shown: 50 });
  history.isRead = true;
  history.receive(Array.from({ length: 1200 }, (_, row) => event(501 + row)));
  assert.equal(seqs(history).length, 1250);
});

test("a filter takes the same live events as the server would send", () => {
  const told = (filter, ...events) => {
    const { history } = log({ filter: { ...EVERYTHING, ...filter } });
    history.taskOf.set("t.1", "t");
    history.receive(events);
    return seqs(history).length;
  };
  assert.equal(told({ task: "t" }, event(1, { task_id: "t.1" }), event(2)), 1);
  assert.equal(told({ task: "a" }, event(1)), 1);
  assert.equal(told({ agent: "zoe" }, event(1)), 0);
  assert.equal(told({ type: "note" }, event(1), event(2, { event_type: "task_error" })), 1);
  assert.equal(told({ errors: true }, event(1), event(2, { event_type: "task_error" })), 1);
});

test("an answer for a filter that was left is not shown", async () => {
  const answers = [];
  const history = new History(
    [],
    true,
    EVERYTHING,
    () => new Promise((give) => answers.push(give)),
  );
  const first = history.show({ ...EVERYTHING, agent: "mo" });
  const second = history.show({ ...EVERYTHING, agent: "zoe" });
  answers[1]({ items: [event(2)], more: false });
  answers[0]({ items: [event(1)], more: true });
  await Promise.all([first, second]);
  assert.deepEqual([seqs(history), history.state.value], [[2], "end"]);
});

test("a refused page is said and asked for again", async () => {
  let fails = true;
  const history = new History([], true, EVERYTHING, async () => {
    if (fails) throw new Error("no");
    return { items: [event(1)], more: false };
  });
  await history.older();
  assert.equal(history.state.value, "failed");
  fails = false;
  await history.older();
  assert.deepEqual([seqs(history), history.state.value], [[1], "end"]);
});

test("a new event changes the newest block alone", () => {
  const before = blocks(rows(120, 1));
  const after = blocks(rows(121, 1));
  assert.deepEqual(
    before.map(([name]) => name),
    [2, 1, 0],
  );
  assert.deepEqual(before.slice(1), after.slice(1));
  assert.equal(after[0][1].length, before[0][1].length + 1);
});
