/** The log of an execution as far as it is shown: filtered, newest first, each event once. */

import { signal } from "@preact/signals-core";
import { merged } from "./reduce.js";

/** @typedef {import("./types.js").LogEvent} LogEvent */
/** @typedef {{task: string, agent: string, type: string, errors: boolean}} Filter */
/** @typedef {(filter: Filter, before: number | null) => Promise<{items: LogEvent[], more: boolean}>} Fetch */

/** So many live events are kept while nobody reads older ones. */
const MOST_EVENTS = 1000;

const ERRORS = new Set(["task_error", "lease_expired", "execution_failed", "agent_offline"]);

/** @type {Filter} */
export const EVERYTHING = { task: "", agent: "", type: "", errors: false };

/**
 * Tell whether a filter shows an event, as the server does.
 * @param {Filter} filter
 * @param {LogEvent} event
 * @param {(taskId: string) => boolean} isAbout Whether an id is the filter's task or in it.
 */
export function takes(filter, event, isAbout) {
  return (
    (!filter.task || isAbout(event.task_id ?? "")) &&
    (!filter.agent || event.agent_id === filter.agent) &&
    (!filter.type || event.event_type === filter.type) &&
    (!filter.errors || ERRORS.has(event.event_type))
  );
}

export class History {
  /**
   * @param {LogEvent[]} events Newest first.
   * @param {boolean} more Whether there are older ones.
   * @param {Filter} filter
   * @param {Fetch} fetchPage
   */
  constructor(events, more, filter, fetchPage) {
    this.events = signal(events);
    /** "more", "loading", "failed" or "end". */
    this.state = signal(more ? "more" : "end");
    this.filter = signal(filter);
    this.fetchPage = fetchPage;
    /** Whether somebody reads older events: then nothing is taken away under their eyes. */
    this.isRead = false;
    /** Which filter an answer belongs to. */
    this.turn = 0;
    /** @type {Map<string, string>} Task by subtask. */
    this.taskOf = new Map();
  }

  /**
   * Add live events at the top, and forget the oldest.
   * @param {LogEvent[]} events
   */
  receive(events) {
    const filter = this.filter.value;
    const isAbout = (/** @type {string} */ id) =>
      id === filter.task || this.taskOf.get(id) === filter.task;
    const wanted = events.filter((event) => takes(filter, event, isAbout));
    if (wanted.length === 0) return;
    const all = merged(this.events.value, wanted);
    const isTooLong = all.length > MOST_EVENTS && !this.isRead;
    if (isTooLong) this.state.value = "more";
    this.events.value = isTooLong ? all.slice(0, MOST_EVENTS) : all;
  }

  /** Fetch the events before the oldest shown. */
  async older() {
    if (this.state.value === "loading") return;
    const turn = this.turn;
    this.state.value = "loading";
    try {
      const page = await this.fetchPage(this.filter.value, this.events.value.at(-1)?.seq ?? null);
      if (turn !== this.turn) return;
      this.events.value = merged(this.events.value, page.items);
      this.state.value = page.more ? "more" : "end";
    } catch {
      if (turn === this.turn) this.state.value = "failed";
    }
  }

  /** Show what another filter takes. @param {Filter} filter */
  async show(filter) {
    this.turn += 1;
    this.filter.value = filter;
    this.events.value = [];
    this.state.value = "more";
    await this.older();
  }
}
