/** Words for people; the vocabulary comes with the page. */

/** @typedef {import("./types.js").Words} Words */
/** @typedef {import("./types.js").Progress} Progress */
/** @typedef {import("./types.js").Subtask} Subtask */

/** @type {Words} */
let words = { statuses: {}, events: {} };

/** @param {Words} told */
export function learn(told) {
  words = told;
}

/** @param {string} status */
export function word(status) {
  return words.statuses[status] ?? { label: status, tone: "idle", icon: "queued" };
}

/** @param {string} eventType */
export function happening(eventType) {
  return words.events[eventType] ?? { text: eventType.replaceAll("_", " "), tone: "idle" };
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
 * Give the controls that make sense in a status, as the server does.
 * @param {string} status
 */
export function moves(status) {
  if (status === "FAILED") return ["cancel"];
  if (status === "COMPLETED" || status === "CANCELLED") return [];
  if (status === "CREATED") return ["cancel"];
  return [status === "PAUSED" ? "resume" : "pause", "cancel"];
}
