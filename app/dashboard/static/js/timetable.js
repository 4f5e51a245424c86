/** What a timetable shows, as numbers: spans of work and waiting, windows of time, ticks. Pure. */

/** @typedef {import("./types.js").Task} Task */
/** @typedef {import("./types.js").Subtask} Subtask */
/** @typedef {{from: number, to: number}} View Seconds since 1970. */
/**
 * A stretch of time; without an end it lasts still.
 * @typedef {{from: number, to: number | null, kind: "work" | "wait", tone: string}} Span
 */

const TONES = new Map([
  ["COMPLETED", "done"],
  ["SKIPPED", "done"],
  ["RUNNING", "run"],
  ["FAILED", "fail"],
  ["BLOCKED", "wait"],
  ["RETRYING", "wait"],
]);
const CUT_SHORT = new Set(["FAILED", "CANCELLED"]);
const HELD = new Set(["BLOCKED", "PAUSED"]);
const LASTING = new Set(["RUNNING", "BLOCKED", "RETRYING", "READY"]);
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const LEAST_SECONDS = 1;
const MOST_SECONDS = 3600 * 24 * 36_600;

/** @param {string | null | undefined} at @returns {number | null} */
export function seconds(at) {
  return at ? Date.parse(at) / 1000 : null;
}

/**
 * Say in a sentence how the end, or the one that is likely, compares with the plan.
 * @param {string | null | undefined} planned
 * @param {string | null | undefined} end
 * @param {string} status Of the execution.
 */
export function verdict(planned, end, status) {
  const [wanted, found] = [seconds(planned), seconds(end)];
  if (wanted === null || found === null || CUT_SHORT.has(status)) return "";
  const told = length(Math.abs(found - wanted));
  const compared = told && (found < wanted ? `${told} sooner than` : `${told} later than`);
  const verb = status === "COMPLETED" ? "Ended" : "Likely to end";
  const proviso = HELD.has(status) ? ", if it goes on now" : "";
  return `${verb} ${compared || "as"} planned${proviso}.`;
}

/** @param {number} seconds */
function length(seconds) {
  if (seconds < HOUR) return "";
  const [size, unit] = seconds < 2 * DAY ? [HOUR, "hour"] : [DAY, "day"];
  const count = Math.round(seconds / size);
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}

/** @param {string} status */
export function toneOf(status) {
  return TONES.get(status) ?? "idle";
}

/**
 * Say when a subtask was worked on, and since when it waits. A wait that goes on is told by why.
 * @param {Subtask} subtask
 * @returns {Span[]}
 */
export function spansOf(subtask) {
  const { status } = subtask;
  const why = typeof subtask.why === "object" ? subtask.why : null;
  const isHeldUp = status === "BLOCKED" || status === "RETRYING";
  // What was held up before it began, such as by a question, waits since then.
  const from = seconds(subtask.started_at) ?? (isHeldUp ? seconds(why?.since) : null);
  if (from === null) return [];
  const tone = toneOf(status);
  if (status === "RUNNING") return [{ from, to: null, kind: "work", tone }];
  // Begun, and taken back: how long it was worked on is not known, only that it waits.
  if (status === "READY" || status === "QUEUED") return [{ from, to: null, kind: "wait", tone }];
  if (!isHeldUp) {
    const to = seconds(subtask.completed_at ?? subtask.last_event_at) ?? from;
    return [{ from, to: Math.max(from, to), kind: "work", tone }];
  }
  const since = Math.max(from, seconds(why?.since ?? subtask.last_event_at) ?? from);
  const waits = /** @type {Span} */ ({ from: since, to: null, kind: "wait", tone });
  if (!subtask.started_at) return [waits];
  return [{ from, to: since, kind: "work", tone: "run" }, waits];
}

/**
 * Say when a task was worked on and when it waited in between: waiting is what lies between the
 * first and the last of it and was nobody's work.
 * @param {Task} task
 * @param {Subtask[]} subtasks
 * @returns {Span[]}
 */
export function actual(task, subtasks) {
  const spans = subtasks.flatMap(spansOf);
  const starts = spans.map((span) => span.from);
  const from = Math.min(...starts);
  if (starts.length === 0) return [];
  const lasts = LASTING.has(task.status);
  const ends = spans.map((span) => span.to ?? span.from);
  const to = lasts ? null : Math.max(...ends);
  const isHeldUp = spans.some((span) => span.to === null && span.tone === "wait");
  const isWorkedOn = spans.some((span) => span.to === null && span.kind === "work");
  const tone = isHeldUp && !isWorkedOn ? "wait" : toneOf(task.status);
  const work = spans.filter((span) => span.kind === "work");
  return [{ from, to, kind: "wait", tone }, ...joined(work, tone === "wait" ? "run" : tone)];
}

/**
 * Join stretches that touch or overlap, so that a task of a thousand steps has few bars.
 * @param {Span[]} spans
 * @param {string} tone
 * @returns {Span[]}
 */
function joined(spans, tone) {
  /** @type {Span[]} */
  const found = [];
  for (const span of [...spans].sort((one, other) => one.from - other.from)) {
    const last = found.at(-1);
    if (last && (last.to === null || span.from <= last.to + LEAST_SECONDS)) {
      last.to = last.to === null || span.to === null ? null : Math.max(last.to, span.to);
    } else found.push({ ...span, tone });
  }
  return found;
}

/**
 * Give a window with some air around moments; unknown ones do not count.
 * @param {(string | null | undefined)[]} moments
 * @returns {View}
 */
export function extent(moments) {
  const known = moments.flatMap((at) => seconds(at) ?? []);
  const from = Math.min(...known);
  const to = Math.max(...known);
  if (known.length === 0) return { from: 0, to: LEAST_SECONDS };
  const air = Math.max((to - from) * 0.03, LEAST_SECONDS);
  return { from: from - air, to: to + air };
}

/**
 * Scale a window around a point of it, to between a second and a hundred years.
 * @param {View} view
 * @param {number} factor Above 1 shows less, larger.
 * @param {number} at Share of the width that stays where it is.
 * @returns {View}
 */
export function zoomed({ from, to }, factor, at) {
  const length = Math.min(Math.max((to - from) / factor, LEAST_SECONDS), MOST_SECONDS);
  const fixed = from + (to - from) * at;
  return { from: fixed - length * at, to: fixed + length * (1 - at) };
}

const STEPS = [
  ...[1, 2, 5, 10, 15, 30].map((count) => count),
  ...[1, 2, 5, 10, 15, 30].map((count) => count * MINUTE),
  ...[1, 2, 3, 6, 12].map((count) => count * HOUR),
  ...[1, 2, 7, 14, 30, 91, 182, 365, 730, 1825, 3650].map((count) => count * DAY),
];

/**
 * Choose where lines are drawn: round times in the viewer's zone, at least ``apart`` seconds apart.
 * @param {View} view
 * @param {number} apart
 * @param {number} [offset] Seconds that the viewer's zone is ahead of UTC.
 * @returns {{at: number, step: number}[]}
 */
export function ticks({ from, to }, apart, offset = 0) {
  const step = STEPS.find((one) => one >= apart) ?? Math.ceil(apart / DAY / 3650) * 3650 * DAY;
  const found = [];
  let at = Math.ceil((from + offset) / step) * step - offset;
  for (; at <= to && found.length < 200; at += step) found.push({ at, step });
  return found;
}

/** @param {{at: number, step: number}} tick */
export function tickLabel({ at, step }) {
  const moment = new Date(at * 1000);
  if (step < MINUTE) return moment.toLocaleTimeString(undefined, { timeStyle: "medium" });
  const isMidnight = moment.getHours() === 0 && moment.getMinutes() === 0;
  if (step < DAY && !isMidnight)
    return moment.toLocaleTimeString(undefined, { timeStyle: "short" });
  if (step < 91 * DAY)
    return moment.toLocaleDateString(undefined, { day: "numeric", month: "short" });
  return moment.toLocaleDateString(undefined, { month: "short", year: "numeric" });
}
