/** The event feed, newest first. Blocks that are out of sight cost nothing, and are not redrawn. */

import { Component } from "preact";
import { html } from "./html.js";
import { clock, exact, relative } from "./time.js";
import { agentName, happening, percent } from "./words.js";

/** @typedef {import("./history.js").History} History */
/** @typedef {import("./types.js").LogEvent} LogEvent */

/** So many events share a block. */
const BLOCK = 50;

/** @param {{log: History, titles: Map<string, string>}} props */
export function Feed({ log, titles }) {
  const events = log.events.value;
  const state = log.state.value;
  /** @param {Event & {currentTarget: HTMLElement}} event */
  const scrolled = ({ currentTarget: list }) => {
    log.isRead = list.scrollTop > 0;
    const left = list.scrollHeight - list.scrollTop - list.clientHeight;
    if (left < 2 * list.clientHeight && log.state.value === "more") void log.older();
  };
  /** @param {Event & {currentTarget: HTMLElement}} event */
  const ended = ({ currentTarget: list }) => renewTimes(list, clock());
  return html`<div class="feed-scroll" tabindex="0" role="region" aria-label="Events" onScroll=${scrolled} onScrollEnd=${ended}>
      <ol>
        ${blocks(events).map(
          ([name, rows]) => html`<${Block} key=${name} rows=${rows} titles=${titles} />`,
        )}
      </ol>
      ${
        events.length === 0 &&
        state === "end" &&
        html`<p class="event event-none">
        ${isFiltered(log) ? "Nothing like that has happened." : "Nothing has happened yet."}
      </p>`
      }
      ${state === "loading" && html`<p class="event event-none" role="status">Loading…</p>`}
    </div>
    ${
      (state === "more" || state === "failed") &&
      html`<button class="wide" onClick=${() => void log.older()}>
      ${state === "failed" ? "That did not work. Try again" : "Load older"}
    </button>`
    }`;
}

/** @param {History} log */
function isFiltered(log) {
  return Object.values(log.filter.value).some(Boolean);
}

/**
 * Cut events into blocks by seq, so that a new event changes the newest block alone.
 * @param {LogEvent[]} events
 * @returns {[number, LogEvent[]][]}
 */
export function blocks(events) {
  /** @type {Map<number, LogEvent[]>} */
  const found = new Map();
  for (const event of events) {
    const name = Math.floor(event.seq / BLOCK);
    const block = found.get(name);
    if (block) block.push(event);
    else found.set(name, [event]);
  }
  return [...found];
}

/**
 * Bring the times of the blocks in sight up to date; those out of sight cost nothing.
 * @param {ParentNode} feed
 * @param {number} now
 */
export function renewTimes(feed, now) {
  for (const block of feed.querySelectorAll(".feed-block")) {
    if (!block.checkVisibility({ contentVisibilityAuto: true })) continue;
    for (const time of block.querySelectorAll("time")) {
      const told = relative(time.dateTime, now);
      if (time.textContent !== told) time.textContent = told;
    }
  }
}

/** @typedef {{rows: LogEvent[], titles: Map<string, string>}} BlockProps */

/** @extends {Component<BlockProps>} */
class Block extends Component {
  /** @override @param {BlockProps} next */
  shouldComponentUpdate(next) {
    const { rows } = this.props;
    return (
      rows.length !== next.rows.length ||
      rows[0] !== next.rows[0] ||
      rows.at(-1) !== next.rows.at(-1)
    );
  }

  /** @override @param {BlockProps} props */
  render({ rows, titles }) {
    return html`<li class="feed-block" style=${{ "--rows": rows.length }}>
      <ol>
        ${rows.map((event) => html`<${Row} key=${event.seq} event=${event} titles=${titles} />`)}
      </ol>
    </li>`;
  }
}

/**
 * An event never changes, so it is drawn once. Its drawing is not kept beside the page: what is
 * kept points at what stood around it, and so at all that was ever shown.
 * @typedef {{event: LogEvent, titles: Map<string, string>}} RowProps
 * @extends {Component<RowProps>}
 */
class Row extends Component {
  /** @override */
  shouldComponentUpdate() {
    return false;
  }

  /** @override @param {RowProps} props */
  render({ event, titles }) {
    return draw(event, titles);
  }
}

/** @param {LogEvent} event @param {Map<string, string>} titles */
function draw(event, titles) {
  const told = happening(event.event_type);
  const title = event.task_id ? (titles.get(event.task_id) ?? event.task_id) : "";
  const share = event.event_type === "task_progress" && event.progress_percent;
  const message = event.error_message ?? event.message;
  return html`<li class=${`event tone-${told.tone} ${live(event)}`}>
    <span class="event-what"
      >${title && html`<strong>${title}</strong>${" "}`}${told.text}${
        share ? ` to ${percent(event.progress_percent)}` : ""
      }</span
    >
    ${message && html`<span class="event-message">${message}</span>`}
    <span class="event-facts">
      <time datetime=${event.recorded_at} title=${exact(event.recorded_at)}
        >${relative(event.recorded_at, clock())}</time
      >
      ${event.agent_id && html`<span>${agentName(event.agent_id)}</span>`}
      <span class="number">#${event.seq}</span>
    </span>
  </li>`;
}

/** @param {LogEvent & {type?: string}} event */
function live(event) {
  return event.type === "event" ? "event-new" : "";
}
