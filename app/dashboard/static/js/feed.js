/** The event feed, newest first. */

import { useSignal } from "@preact/signals";
import { html } from "./html.js";
import { Moment } from "./parts.js";
import { happening, percent } from "./words.js";

/** @typedef {import("./store.js").ExecutionStore} ExecutionStore */
/** @typedef {import("./types.js").LogEvent} LogEvent */

/**
 * An event never changes, so its drawing is kept: a new event costs one row, not the list.
 * @type {WeakMap<LogEvent, unknown>}
 */
const drawn = new WeakMap();

/** @param {{store: ExecutionStore, loadOlder: () => Promise<boolean>, more: boolean}} props */
export function Feed({ store, loadOlder, more }) {
  const state = useSignal(more ? "more" : "end");
  const load = async () => {
    state.value = "loading";
    try {
      state.value = (await loadOlder()) ? "more" : "end";
    } catch {
      state.value = "failed";
    }
  };
  const events = store.events.value;
  const some = state.value !== "end" || store.trimmed;
  return html`<ol tabindex="0">
      ${events.map((event) => row(event, store.titles))}
      ${events.length === 0 && html`<li class="event event-none">Nothing has happened yet.</li>`}
    </ol>
    ${
      some &&
      html`<button class="wide" disabled=${state.value === "loading"} onClick=${load}>
      ${state.value === "failed" ? "That did not work. Try again" : "Load older"}
    </button>`
    }`;
}

/** @param {LogEvent} event @param {Map<string, string>} titles */
function row(event, titles) {
  if (!drawn.has(event)) drawn.set(event, draw(event, titles));
  return drawn.get(event);
}

/** @param {LogEvent} event @param {Map<string, string>} titles */
function draw(event, titles) {
  const told = happening(event.event_type);
  const title = event.task_id ? (titles.get(event.task_id) ?? event.task_id) : "";
  const share = event.event_type === "task_progress" && event.progress_percent;
  const message = event.error_message ?? event.message;
  return html`<li key=${event.seq} class=${`event tone-${told.tone} ${live(event)}`}>
    <span class="event-what"
      >${title && html`<strong>${title}</strong>${" "}`}${told.text}${
        share ? ` to ${percent(event.progress_percent)}` : ""
      }</span
    >
    ${message && html`<span class="event-message">${message}</span>`}
    <span class="event-facts">
      <${Moment} at=${event.recorded_at} />
      ${event.agent_id && html`<span>${event.agent_id}</span>`}
      <span class="number">#${event.seq}</span>
    </span>
  </li>`;
}

/** @param {LogEvent & {type?: string}} event */
function live(event) {
  return event.type === "event" ? "event-new" : "";
}
