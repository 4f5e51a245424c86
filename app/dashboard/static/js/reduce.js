/** What a message changes: pure functions from old to new. */

/** @typedef {import("./types.js").Execution} Execution */
/** @typedef {import("./types.js").LogEvent} LogEvent */
/** @typedef {import("./types.js").Subtask} Subtask */
/** @typedef {import("./types.js").UpdateMessage} UpdateMessage */

/** Kinds after which other subtasks than the named one may stand elsewhere. */
const QUIET = new Set(["heartbeat", "task_started", "task_progress", "note"]);

/** Kinds after which something else waits for people than before. */
const CONCERN_PEOPLE = new Set([
  "blocker_opened",
  "blocker_resolved",
  "task_blocked",
  "execution_cancelled",
  "execution_failed",
]);

/**
 * Tell whether after an event something else waits for people.
 * @param {LogEvent} event
 */
export function concernsPeople(event) {
  return CONCERN_PEOPLE.has(event.event_type);
}

/**
 * Tell whether after an update something else may wait for people: the number of open blockers
 * differs, or one took the place of another.
 * @param {Map<string, number>} known Open blockers by execution; it is brought up to date.
 * @param {UpdateMessage} update
 */
export function blockersMoved(known, update) {
  const executionId = update.execution_id ?? "";
  const open = update.open_blockers ?? 0;
  const before = known.get(executionId);
  known.set(executionId, open);
  return open !== before || Object.values(update.changes?.subtasks ?? {}).includes("BLOCKED");
}

/**
 * Tell whether an event may have moved more than its own subtask.
 * @param {LogEvent} event
 */
export function hasConsequences(event) {
  return !QUIET.has(event.event_type);
}

/**
 * Give a subtask after an event about it; an event carries the status after itself.
 * @param {Subtask} subtask
 * @param {LogEvent} event
 * @returns {Subtask}
 */
export function subtaskAfter(subtask, event) {
  const status = event.status ?? subtask.status;
  const dispatched = event.event_type === "task_dispatched";
  const failed = event.event_type === "task_error";
  const completed = status === "COMPLETED" && subtask.status !== "COMPLETED";
  return {
    ...subtask,
    status,
    why: status === subtask.status ? subtask.why : null,
    attempt: event.attempt ?? subtask.attempt,
    agent_id: event.agent_id ?? subtask.agent_id,
    started_at: dispatched ? (subtask.started_at ?? event.recorded_at) : subtask.started_at,
    progress_percent: dispatched ? 0 : (event.progress_percent ?? subtask.progress_percent),
    completed_at: completed ? event.recorded_at : subtask.completed_at,
    last_event_at: event.recorded_at,
    due_at: status === subtask.status ? subtask.due_at : null,
    error_type: failed ? event.error_type : dispatched ? null : subtask.error_type,
    error_message: failed ? event.error_message : dispatched ? null : subtask.error_message,
  };
}

/**
 * Give an execution after an event.
 * @param {Execution} execution
 * @param {LogEvent} event
 * @returns {Execution}
 */
export function executionAfter(execution, event) {
  const about = event.event_type.startsWith("execution_") && event.status;
  const status = about ? /** @type {string} */ (event.status) : execution.status;
  return { ...execution, status, seq: event.seq, updated_at: event.recorded_at };
}

/**
 * Give an execution after an update; an older one changes nothing.
 * @param {Execution} execution
 * @param {UpdateMessage} update
 * @returns {Execution}
 */
export function executionUpdated(execution, update) {
  if (update.seq < execution.seq) return execution;
  return {
    ...execution,
    status: update.status,
    status_message: update.status_message ?? "",
    open_blockers: update.open_blockers ?? execution.open_blockers,
    progress: { ...execution.progress, ...update.progress },
    seq: update.seq,
    updated_at: update.timestamp,
  };
}

/**
 * Merge two lists of events, newest first, each event once.
 * @param {LogEvent[]} known
 * @param {LogEvent[]} more
 * @returns {LogEvent[]}
 */
export function merged(known, more) {
  const sorted = [...more].sort((one, other) => other.seq - one.seq);
  const [newest, oldest] = [known[0]?.seq ?? 0, known.at(-1)?.seq ?? Infinity];
  // News and older pages join at an end: a long log is not sorted anew for each.
  if (sorted.length > 0 && Number(sorted.at(-1)?.seq) > newest) return [...once(sorted), ...known];
  if (sorted.length > 0 && Number(sorted[0]?.seq) < oldest) return [...known, ...once(sorted)];
  return once([...known, ...more].sort((one, other) => other.seq - one.seq));
}

/** Keep the first of events with one seq. @param {LogEvent[]} sorted */
function once(sorted) {
  return sorted.filter((event, index) => event.seq !== sorted[index - 1]?.seq);
}

/**
 * Cut a progress bar into [status, start, length] in plan order, as the server does.
 * @param {string[]} statuses
 * @returns {[string, number, number][]}
 */
export function segments(statuses) {
  const join = statuses.length > 80;
  /** @type {[string, number, number][]} */
  const cut = [];
  statuses.forEach((status, index) => {
    const last = cut.at(-1);
    if (join && last?.[0] === status) last[2] += 1;
    else cut.push([status, index, 1]);
  });
  return cut;
}
