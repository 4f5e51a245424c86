/** How an execution stands, in sentences; the server says the same. */

import { kind, word } from "./words.js";

/** @typedef {import("./types.js").Listed} Listed */
/** @typedef {{text: string, tone: string, since?: string | null, until?: string | null}} Standing */

const ENDED = new Set(["COMPLETED", "FAILED", "CANCELLED"]);

/**
 * @param {Listed} execution
 * @returns {Standing[]}
 */
export function standings(execution) {
  const { status, progress, waits_for: waiting } = execution;
  const told = execution.status_message ?? "";
  if (ENDED.has(status)) return told ? [{ text: told, tone: word(status).tone }] : [];
  if (status === "PAUSED") return [{ text: told || "No new work is handed out.", tone: "idle" }];
  /** @type {Standing[]} */
  const found = [];
  const current = progress.current_task_title;
  if (current) found.push({ text: `Current: ${current}`, tone: "run" });
  if (waiting) found.push(waits(waiting, execution.waits_for_people ?? 0));
  if (found.length > 0) return found;
  if (status === "QUEUED") return [{ text: "Waits for its agent to ask for work", tone: "idle" }];
  return told ? [{ text: told, tone: "idle" }] : [];
}

/**
 * @param {NonNullable<Listed["waits_for"]>} waiting
 * @param {number} people
 * @returns {Standing}
 */
function waits(waiting, people) {
  const title = waiting.task_title ?? "the whole execution";
  if (waiting.kind === "external_wait") {
    const message = waiting.message.replace(/\.+$/, "") || title;
    const text = /^wait/i.test(message) ? message : `Waiting: ${message}`;
    return { text, tone: "wait", since: waiting.opened_at, until: waiting.next_check_at };
  }
  const { label, tone } = kind(waiting.kind);
  const more = people > 1 ? ` and ${people - 1} more` : "";
  return { text: `${label}: ${title}${more}`, tone, since: waiting.opened_at };
}
