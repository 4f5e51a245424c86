import assert from "node:assert/strict";
import { test } from "node:test";
import { standings } from "../../../app/dashboard/static/js/standing.js";
import { learn } from "../../../app/dashboard/static/js/words.js";

learn({
  statuses: { FAILED: { label: "Failed", tone: "fail", icon: "failed" } },
  events: {},
  blockers: { approval: { label: "Needs your approval", tone: "wait" } },
});

const at = "2026-03-01T10:00:00Z";
const waits = (kind, message = "") => ({
  kind,
  message,
  task_title: "Write to Marie",
  opened_at: at,
  next_check_at: kind === "external_wait" ? "2026-03-01T12:40:00Z" : null,
});
const execution = (changes) => ({
  status: "RUNNING",
  status_message: "",
  progress: { current_task_title: null },
  waits_for: null,
  waits_for_people: 0,
  ...changes,
});
const texts = (changes) => standings(execution(changes)).map((one) => one.text);

test("an external wait says whom it waits for, since when, and when it is looked at again", () => {
  const message = "Waiting for Marie's callback.";
  const [told] = standings(execution({ waits_for: waits("external_wait", message) }));
  assert.deepEqual(told, {
    text: "Waiting for Marie's callback",
    tone: "wait",
    since: at,
    until: "2026-03-01T12:40:00Z",
  });
});

test("a message that does not begin with the waiting is introduced by it", () => {
  assert.deepEqual(texts({ waits_for: waits("external_wait", "Marie calls back.") }), [
    "Waiting: Marie calls back",
  ]);
  assert.deepEqual(texts({ waits_for: waits("external_wait") }), ["Waiting: Write to Marie"]);
});

test("what people are asked for is named with how much more there is", () => {
  const asked = { waits_for: waits("approval"), waits_for_people: 3 };
  assert.deepEqual(texts(asked), ["Needs your approval: Write to Marie and 2 more"]);
  const whole = {
    ...asked,
    waits_for_people: 1,
    waits_for: { ...waits("approval"), task_title: null },
  };
  assert.deepEqual(texts(whole), ["Needs your approval: the whole execution"]);
});

test("what is worked on comes before what is waited for", () => {
  const both = {
    progress: { current_task_title: "Dig" },
    waits_for: waits("approval"),
    waits_for_people: 1,
  };
  assert.deepEqual(texts(both), ["Current: Dig", "Needs your approval: Write to Marie"]);
});

test("an execution that has ended or is paused says only that", () => {
  const waiting = { waits_for: waits("approval"), waits_for_people: 1 };
  assert.deepEqual(texts({ ...waiting, status: "PAUSED" }), ["No new work is handed out."]);
  assert.deepEqual(standings(execution({ status: "FAILED", status_message: "Given up." })), [
    { text: "Given up.", tone: "fail" },
  ]);
  assert.deepEqual(texts({ status: "CANCELLED" }), []);
});

test("an execution that waits for its agent says so", () => {
  assert.deepEqual(texts({ status: "QUEUED" }), ["Waits for its agent to ask for work"]);
});
