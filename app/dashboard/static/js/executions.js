/** The list of executions, kept up to date over one WebSocket for all of them. */

import { signal } from "@preact/signals-core";
import { render } from "preact";
import { counter } from "./counter.js";
import { html } from "./html.js";
import { element, getJson, now, pageData, socketAddress } from "./page.js";
import { Age, Bar, Chip, Icon, Moment } from "./parts.js";
import { blockersMoved, executionUpdated } from "./reduce.js";
import { Refresher } from "./refresher.js";
import { standings } from "./standing.js";
import { Stream } from "./stream.js";
import { announce } from "./toast.js";
import { agentName, learn, tally, word } from "./words.js";

/** @typedef {import("./types.js").Listed} Listed */
/** @typedef {import("./types.js").Message} Message */
/** @typedef {import("@preact/signals-core").Signal<Listed>} Row */

/** Milliseconds within which an end is not told to the minute. */
const ABOUT_NOW = 60_000;

const data = pageData();
learn(data.words, data.agents);
const place = element("executions");
/** @type {Map<string, Row>} */
const known = new Map();
/** @type {Map<string, number>} */
const blockers = new Map();
/** Last known status, also of what is not in the list. @type {Map<string, string>} */
const statuses = new Map();
const rows = signal(/** @type {Row[]} */ ([]));

/** Show these, in this order; a row that is known already keeps its place on the page. */
function put(/** @type {Listed[]} */ executions) {
  if (executions.length === 0 && !place.dataset.live) return;
  rows.value = executions.map((execution) => {
    const row = known.get(execution.execution_id) ?? signal(execution);
    known.set(execution.execution_id, row);
    statuses.set(execution.execution_id, execution.status);
    if (execution.seq >= row.peek().seq) row.value = execution;
    return row;
  });
  if (!place.dataset.live) mount();
}

function mount() {
  place.dataset.live = "yes";
  place.replaceChildren();
  render(html`<${List} />`, place);
}

/** What filters, order and waits make of the list is the server's to say. */
const list = new Refresher(async () => {
  put((await getJson(data.address)).items);
}, setTimeout.bind(globalThis));

/** @param {Message} message */
function arrived(message) {
  if (message.type !== "execution_update") return;
  const executionId = message.execution_id ?? "";
  const moved = blockersMoved(blockers, message);
  if (moved) counter.request();
  const row = known.get(executionId);
  const before = statuses.get(executionId);
  if (row) row.value = executionUpdated(row.peek(), message);
  if (before === message.status && !moved) return;
  list.request();
  statuses.set(executionId, message.status);
  if (row && before && before !== message.status)
    announce(`${row.peek().plan_title}: ${word(message.status).label}`);
}

function List() {
  if (rows.value.length === 0)
    return html`<section class="empty">
      <h2>No execution is like that any more</h2>
      <p><a class="button" href="/executions">Show all executions</a></p>
    </section>`;
  return html`<ul class="rows">
    ${rows.value.map((row) => html`<${Item} key=${row.peek().execution_id} row=${row} />`)}
  </ul>`;
}

/** @param {{row: Row}} props */
function Item({ row }) {
  const execution = row.value;
  const address = `/executions/${encodeURIComponent(execution.execution_id)}`;
  return html`<li class="row run">
    <div class="run-what">
      <a class="row-title" href=${address}>${execution.plan_title || execution.plan_id}</a>
      <ul class="run-told">
        ${standings(execution).map(
          (one) =>
            html`<li class=${`tone-${one.tone}`}>
              ${one.text}${one.since && html` since <${Age} at=${one.since} />`}
              ${one.until && html`; looks again <${Moment} at=${one.until} />`}
            </li>`,
        )}
      </ul>
    </div>
    <div class="run-progress">
      <${Bar} status=${execution.status} progress=${execution.progress} />
      <span class="run-tally">${tally(execution.progress)}</span>
      <${End} execution=${execution} />
    </div>
    <div class="run-facts">
      <span class="run-state"
        ><${Chip} status=${execution.status} /><${Needs} execution=${execution}
      /></span>
      <span class="row-agent"
        ><${Icon} name="agent" />${agentName(execution.agent_id) || "No agent"}</span
      >
      <span class="row-time" title="Last event"
        ><${Moment} at=${execution.updated_at ?? execution.created_at}
      /></span>
    </div>
  </li>`;
}

/** @param {{execution: Listed}} props */
function End({ execution }) {
  const { forecast_end_at: forecast, completed_at: ended } = execution;
  if (ended) return html`<span class="run-end">Ended <${Moment} at=${ended} /></span>`;
  if (!forecast) return null;
  if (Date.parse(forecast) - now.value < ABOUT_NOW)
    return html`<span class="run-end">Ends soon</span>`;
  return html`<span class="run-end">Ends <${Moment} at=${forecast} /></span>`;
}

/** @param {{execution: Listed}} props */
function Needs({ execution }) {
  const count = execution.waits_for_people ?? 0;
  if (count === 0) return null;
  const address = `/inbox?execution_id=${encodeURIComponent(execution.execution_id)}`;
  return html`<a class="badge tone-wait run-needs" href=${address}
    >${count} ${count === 1 ? "needs" : "need"} you</a
  >`;
}

let wasAway = false;

const stream = new Stream({
  address: () => socketAddress("/api/stream"),
  open: (address) => new WebSocket(address),
  onMessage: arrived,
  onState: (online, failures) => {
    element("connection").hidden = online;
    // Where a proxy refuses sockets, news are asked for instead.
    if (online ? wasAway : failures > 1) {
      list.request();
      counter.request();
    }
    wasAway = !online;
  },
  later: setTimeout.bind(globalThis),
});

const form = /** @type {HTMLFormElement} */ (element("filter"));
form.addEventListener("change", (event) => {
  if (event.target instanceof HTMLSelectElement) form.requestSubmit();
});
// What nobody filled in says nothing in an address that is passed on.
form.addEventListener("formdata", (event) => {
  for (const [name, value] of [...event.formData]) if (!value) event.formData.delete(name);
});

put(data.executions);
addEventListener("online", () => stream.wake());
stream.start();
