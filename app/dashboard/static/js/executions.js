/** The list of executions, kept up to date over one WebSocket for all of them. */

import { signal } from "@preact/signals-core";
import { render } from "preact";
import { counter } from "./counter.js";
import { html } from "./html.js";
import { element, getJson, pageData, socketAddress } from "./page.js";
import { Bar, Chip, Icon, Moment } from "./parts.js";
import { blockersMoved, executionUpdated } from "./reduce.js";
import { Stream } from "./stream.js";
import { learn, tally } from "./words.js";

/** @typedef {import("./types.js").Execution} Execution */
/** @typedef {import("./types.js").Message} Message */
/** @typedef {import("@preact/signals-core").Signal<Execution>} Row */

const data = pageData();
learn(data.words);
const place = element("executions");
const filter = place.dataset.status ?? "";
/** @type {Map<string, Row>} */
const known = new Map();
/** @type {Map<string, number>} */
const blockers = new Map();
const rows = signal(/** @type {Row[]} */ ([]));

/** @param {Execution[]} executions Newest first. */
function put(executions) {
  const added = executions.filter((execution) => {
    const row = known.get(execution.execution_id);
    if (row && execution.seq >= row.value.seq) row.value = execution;
    return !row;
  });
  if (added.length === 0) return;
  const fresh = added.map((execution) => signal(execution));
  for (const row of fresh) known.set(row.value.execution_id, row);
  const all = [...fresh, ...rows.value];
  // Ids sort by the time they were made.
  rows.value = all.sort((one, other) =>
    one.value.execution_id < other.value.execution_id ? 1 : -1,
  );
  if (!place.dataset.live) mount();
}

function mount() {
  place.dataset.live = "yes";
  place.replaceChildren();
  render(html`<${List} />`, place);
}

async function fetchAgain() {
  const query = new URLSearchParams(filter ? { status: filter } : {});
  put((await getJson(`/api/executions?${query}`)).items);
}

/** @param {Message} message */
function arrived(message) {
  if (message.type !== "execution_update") return;
  if (blockersMoved(blockers, message)) counter.request();
  const row = known.get(message.execution_id ?? "");
  if (row) row.value = executionUpdated(row.value, message);
  else if (!filter || filter === message.status) refetch();
}

let fetching = false;

/** Several unknown executions that arrive together cost one request. */
async function refetch() {
  if (fetching) return;
  fetching = true;
  try {
    await fetchAgain();
  } catch {
    // The next update of the unknown execution asks again.
  }
  fetching = false;
}

function List() {
  return html`<ul class="rows">
    ${rows.value.map((row) => html`<${Item} key=${row.peek().execution_id} row=${row} />`)}
  </ul>`;
}

/** @param {{row: Row}} props */
function Item({ row }) {
  const execution = row.value;
  const now = execution.progress.current_task_title
    ? `Current: ${execution.progress.current_task_title}`
    : execution.status_message;
  return html`<li class="row">
    <div class="row-head">
      <a class="row-title" href=${`/executions/${encodeURIComponent(execution.execution_id)}`}
        >${execution.plan_title || execution.plan_id}</a
      >
      <${Chip} status=${execution.status} />
    </div>
    <${Bar} status=${execution.status} progress=${execution.progress} />
    <div class="row-facts">
      <span class="row-tally">${tally(execution.progress)}</span>
      ${now && html`<span class="row-now">${now}</span>`}
      <span class="row-agent"><${Icon} name="agent" />${execution.agent_id || "No agent"}</span>
      <span class="row-time"><${Moment} at=${execution.updated_at ?? execution.created_at} /></span>
    </div>
  </li>`;
}

let wasAway = false;

const stream = new Stream({
  address: () => socketAddress("/api/stream"),
  open: (address) => new WebSocket(address),
  onMessage: arrived,
  onState: (online) => {
    element("connection").hidden = online;
    if (online && wasAway) {
      void refetch();
      counter.request();
    }
    wasAway = !online;
  },
  later: setTimeout.bind(globalThis),
});

put(data.executions);
addEventListener("online", () => stream.wake());
stream.start();
