import assert from "node:assert/strict";
import { test } from "node:test";
import { effect } from "@preact/signals-core";
import {
  blockersMoved,
  concernsPeople,
  hasConsequences,
  merged,
  segments,
} from "../../../app/dashboard/static/js/reduce.js";
import { ExecutionStore } from "../../../app/dashboard/static/js/store.js";
import { awaited, moves, trouble } from "../../../app/dashboard/static/js/words.js";

const at = "2026-03-01T10:00:00Z";

function tree(status = "READY") {
  const subtasks = ["a", "b"].map((subtask_id) => ({ subtask_id, title: subtask_id, status }));
  const task = { task_id: "t", title: "Task", status: "RUNNING", subtasks };
  return { phases: [{ phase_id: "p", name: "Phase", status: "RUNNING", tasks: [task] }] };
}

function store() {
  const progress = { tasks_completed: 0, tasks_total: 1, percent: 0, subtasks_total: 2 };
  return new ExecutionStore({ execution_id: "x", status: "RUNNING", progress, seq: 1 }, tree());
}

const event = (seq, task_id, status, more = {}) => ({
  type: "event",
  seq,
  task_id,
  status,
  event_type: "task_progress",
  recorded_at: at,
  ...more,
});

test("an event changes its subtask and redraws no other", () => {
  const one = store();
  const drawn = { a: 0, b: 0 };
  for (const id of ["a", "b"]) {
    effect(() => {
      one.subtasks.get(id).state.value;
      drawn[id] += 1;
    });
  }
  one.receive([event(2, "a", "RUNNING", { progress_percent: 40, agent_id: "larry" })]);
  const { status, progress_percent, agent_id } = one.subtasks.get("a").state.value;
  assert.deepEqual([status, progress_percent, agent_id], ["RUNNING", 40, "larry"]);
  assert.deepEqual(drawn, { a: 2, b: 1 });
});

test("many messages that arrive together redraw once", () => {
  const one = store();
  let drawn = 0;
  effect(() => {
    one.execution.value;
    drawn += 1;
  });
  one.receive([event(2, "a", "RUNNING"), event(3, "a", "COMPLETED"), event(4, "b", "RUNNING")]);
  assert.equal(drawn, 2);
});

test("an error is shown until the next attempt starts", () => {
  const one = store();
  one.receive([event(2, "a", "RETRYING", { event_type: "task_error", error_message: "no" })]);
  assert.equal(one.subtasks.get("a").state.value.error_message, "no");
  one.receive([event(3, "a", "RUNNING", { event_type: "task_dispatched", attempt: 2 })]);
  const { error_message, attempt } = one.subtasks.get("a").state.value;
  assert.deepEqual([error_message, attempt], [null, 2]);
});

test("an update changes status and progress and keeps what it does not name", () => {
  const one = store();
  const progress = { tasks_completed: 1, tasks_total: 1, percent: 100 };
  const update = { type: "execution_update", status: "COMPLETED", progress, timestamp: at };
  one.receive([{ ...update, seq: 5 }]);
  assert.equal(one.execution.value.status, "COMPLETED");
  assert.equal(one.execution.value.progress.subtasks_total, 2);
  one.receive([{ ...update, seq: 4, status: "RUNNING" }]);
  assert.equal(one.execution.value.status, "COMPLETED");
});

test("events about the execution change its status, others do not", () => {
  const one = store();
  one.receive([event(2, "a", "COMPLETED")]);
  assert.equal(one.execution.value.status, "RUNNING");
  one.receive([event(3, undefined, "PAUSED", { event_type: "execution_paused" })]);
  assert.equal(one.execution.value.status, "PAUSED");
});

test("a tree that was asked for before an event does not undo it", () => {
  const one = store();
  const asked = one.tick;
  one.receive([event(2, "a", "COMPLETED")]);
  one.putTree(tree("RUNNING"), asked);
  assert.equal(one.subtasks.get("a").state.value.status, "COMPLETED");
  assert.equal(one.subtasks.get("b").state.value.status, "RUNNING");
});

test("an equal tree redraws nothing, a tree of another shape is built anew", () => {
  const one = store();
  const node = one.subtasks.get("a");
  const before = node.state.value;
  one.putTree(tree(), one.tick);
  assert.equal(node.state.value, before);
  const longer = tree();
  longer.phases[0].tasks[0].subtasks.push({ subtask_id: "c", title: "c", status: "QUEUED" });
  one.putTree(longer, one.tick);
  assert.equal(one.subtasks.size, 3);
});

test("a snapshot replaces execution and tree", () => {
  const one = store();
  const execution = { ...one.execution.value, status: "BLOCKED", seq: 9 };
  one.receive([{ type: "snapshot", seq: 9, execution, tasks: tree("BLOCKED") }]);
  assert.equal(one.execution.value.status, "BLOCKED");
  assert.equal(one.subtasks.get("b").state.value.status, "BLOCKED");
});

test("older events join at the end, each once", () => {
  const rows = (...seqs) => seqs.map((seq) => ({ seq }));
  assert.deepEqual(merged(rows(9, 8), rows(8, 7, 6)), rows(9, 8, 7, 6));
});

test("progress alone has no consequences for other subtasks", () => {
  assert.equal(hasConsequences(event(1, "a", "RUNNING")), false);
  assert.equal(hasConsequences(event(1, "a", "COMPLETED", { event_type: "task_complete" })), true);
});

test("above eighty tasks neighbours of one status share a segment", () => {
  assert.equal(segments(Array(80).fill("QUEUED")).length, 80);
  const many = [...Array(50).fill("COMPLETED"), ...Array(40).fill("QUEUED")];
  assert.deepEqual(segments(many), [
    ["COMPLETED", 0, 50],
    ["QUEUED", 50, 40],
  ]);
});

test("what waits for people is looked at again when blockers come, go or change places", () => {
  const known = new Map();
  const update = (open_blockers, subtasks = {}) =>
    blockersMoved(known, { execution_id: "x", open_blockers, changes: { subtasks } });
  assert.deepEqual(
    [update(1), update(1), update(2), update(2, { a: "RUNNING" })],
    [true, false, true, false],
  );
  assert.equal(update(2, { a: "BLOCKED" }), true);
  assert.equal(concernsPeople(event(1, "a", "RESOLVED", { event_type: "blocker_resolved" })), true);
  assert.equal(concernsPeople(event(1, "a", "COMPLETED", { event_type: "task_complete" })), false);
});

test("a subtask says once why it does not run, and nothing where it just waits for others", () => {
  const told = (status, detail, error_message) =>
    trouble({ subtask_id: "a", title: "a", status, why: { detail }, error_message });
  assert.deepEqual(told("QUEUED", "It waits."), []);
  assert.deepEqual(told("READY", "Mo is silent."), [["Mo is silent.", "wait"]]);
  assert.deepEqual(told("RETRYING", "Attempt 1: no.", "no"), [["Attempt 1: no.", "wait"]]);
  assert.deepEqual(told("FAILED", "Over.", "no"), [
    ["Over.", "wait"],
    ["no", "fail"],
  ]);
  assert.deepEqual(told("CANCELLED", "Over.", "no"), []);
  assert.equal(awaited({ status: "QUEUED", why: { detail: "It waits." } }), "It waits.");
  assert.equal(awaited({ status: "RUNNING", why: { detail: "Mo works on it." } }), "");
});

test("controls are those that make sense", () => {
  assert.deepEqual(moves("CREATED"), ["start", "reassign", "cancel"]);
  assert.deepEqual(moves("FAILED"), ["resume", "cancel"]);
  assert.deepEqual(moves("CANCELLED"), []);
});
