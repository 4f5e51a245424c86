/** What goes on in an execution, in sentences; the server says the same. */

import { percent, reason } from "./words.js";

/** @typedef {import("./types.js").Subtask} Subtask */
/**
 * @typedef {object} Sentence
 * @property {string} text
 * @property {string} tone
 * @property {string} item
 * @property {string | null} [since]
 * @property {string | null} [until]
 * @property {string | null} [lasting]
 */

const MOST_OF_A_KIND = 3;
const ENDED = new Set(["COMPLETED", "FAILED", "CANCELLED"]);
const OUTSIDE = new Set(["external_wait", "retry_later"]);
const STANDSTILL = new Set(["at_capacity", "no_capable_agent", "paused"]);

/**
 * @param {string} status Of the execution.
 * @param {Subtask[]} rows All subtasks in written order.
 * @param {(subtaskId: string) => boolean} isHeldUp Whether something else of its task is.
 * @returns {Sentence[]}
 */
export function sentences(status, rows, isHeldUp) {
  if (ENDED.has(status)) return [];
  const silent = rows.find((row) => cause(row) === "no_contact");
  const stuck = rows.find((row) => STANDSTILL.has(cause(row)));
  const coming =
    rows.find((row) => row.status === "READY") ??
    rows.find((row) => row.status === "QUEUED" && !isHeldUp(row.subtask_id));
  return [
    ...first(rows, (row) => row.status === "RUNNING").map(current),
    ...first(rows, (row) => OUTSIDE.has(cause(row))).map(waits),
    ...(silent ? [silence(silent)] : []),
    ...(stuck ? [sentence(reason(stuck.why), "wait", stuck)] : []),
    ...(coming ? [sentence(`Next up: ${coming.title}`, "idle", coming)] : []),
  ];
}

/** @param {Subtask[]} rows @param {(row: Subtask) => boolean} holds */
function first(rows, holds) {
  return rows.filter(holds).slice(0, MOST_OF_A_KIND);
}

/** @param {Subtask} row */
function current(row) {
  const share = row.progress_percent ? ` (${percent(row.progress_percent)})` : "";
  return sentence(`Current: ${row.title}${share}`, "run", row);
}

/** @param {Subtask} row */
function waits(row) {
  const told = reason(row.why).replace(/\.+$/, "") || row.title;
  const text = /^(wait|attempt)/i.test(told) ? told : `Waiting: ${told}`;
  const why = typeof row.why === "object" ? row.why : null;
  return { ...sentence(text, "wait", row), since: why?.since, until: why?.until };
}

/** @param {Subtask} row */
function silence(row) {
  const since = typeof row.why === "object" ? row.why?.since : null;
  const text = since ? "No agent has asked for work for" : "No agent has asked for work yet";
  return { ...sentence(text, "wait", row), lasting: since };
}

/** @param {string} text @param {string} tone @param {Subtask} row @returns {Sentence} */
function sentence(text, tone, row) {
  return { text, tone, item: row.subtask_id };
}

/** @param {Subtask} row */
function cause(row) {
  return (typeof row.why === "object" && row.why?.cause) || "";
}
