/** Words for people; the vocabulary comes with the page. */

/** @typedef {import("./types.js").Words} Words */
/** @typedef {import("./types.js").Progress} Progress */
/** @typedef {import("./types.js").Subtask} Subtask */

/** @typedef {import("./types.js").Task} Task */

const SETTLED = new Set(["COMPLETED", "SKIPPED", "CANCELLED"]);
const UNEXPLAINED = new Set([...SETTLED, "RUNNING", "QUEUED"]);

/** @type {Words} */
let words = { statuses: {}, events: {} };

/** @type {Record<string, string>} */
let agents = {};

/** @param {Words} told @param {Record<string, string>} [names] Of agents, by id. */
export function learn(told, names = {}) {
  words = told;
  agents = names;
}

/** @param {string | null | undefined} agentId */
export function agentName(agentId) {
  return agents[agentId ?? ""] || agentId || "";
}

/** @param {string} status */
export function word(status) {
  return words.statuses[status] ?? { label: status, tone: "idle", icon: "queued" };
}

/** @param {string} eventType */
export function happening(eventType) {
  return words.events[eventType] ?? { text: eventType.replaceAll("_", " "), tone: "idle" };
}

/** @param {string} name Of a kind of blocker. */
export function kind(name) {
  return words.blockers?.[name] ?? { label: name.replaceAll("_", " "), tone: "wait" };
}

/** @param {number | null | undefined} value */
export function percent(value) {
  return `${Math.trunc(value ?? 0)}\u00a0%`;
}

/** @param {Progress} progress */
export function tally(progress) {
  const { tasks_completed: done, tasks_total: total } = progress;
  return `${done}/${total} tasks complete (${percent(progress.percent)})`;
}

/** @param {Subtask["why"]} why */
export function reason(why) {
  if (typeof why === "string") return why;
  return why?.detail ?? why?.cause ?? "";
}

/**
 * Give the sentences under a subtask with their tones, as the server does: why it waits, and what
 * went wrong. One that just waits for others says nothing: its task does.
 * @param {Subtask} subtask
 * @returns {[string, string][]}
 */
export function trouble(subtask) {
  const why = UNEXPLAINED.has(subtask.status) ? "" : reason(subtask.why);
  const error = subtask.error_message ?? "";
  /** @type {[string, string][]} */
  const told = why ? [[why, "wait"]] : [];
  if (error && !SETTLED.has(subtask.status) && !why.includes(error)) told.push([error, "fail"]);
  return told;
}

/**
 * Say what a whole task waits for, if it has not begun.
 * @param {Task} task
 */
export function awaited(task) {
  return task.status === "QUEUED" ? reason(task.why) : "";
}

/**
 * Give the controls that make sense in a status, as the server does.
 * @param {string} status
 */
export function moves(status) {
  if (status === "COMPLETED" || status === "CANCELLED") return [];
  if (status === "FAILED") return ["resume", "cancel"];
  const first = status === "PAUSED" ? "resume" : status === "CREATED" ? "start" : "pause";
  return [first, "reassign", "cancel"];
}
