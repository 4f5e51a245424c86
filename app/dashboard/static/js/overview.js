/** The head of an execution: status, progress, sentences, facts. */

import { html } from "./html.js";
import { Age, Chip, Moment, Segments } from "./parts.js";
import { address } from "./place.js";
import { sentences } from "./sentences.js";
import { agentName, percent, tally } from "./words.js";

/** @typedef {import("./store.js").ExecutionStore} ExecutionStore */
/** @typedef {import("./sentences.js").Sentence} Sentence */

const HELD_UP = new Set(["BLOCKED", "RETRYING"]);

/** @param {{store: ExecutionStore}} props */
export function Overview({ store }) {
  const execution = store.execution.value;
  const { progress } = execution;
  return html`<div class="overview-head">
      <span class="overview-percent">${percent(progress.percent)}</span>
      <p class="overview-tally">${tally(progress)}</p>
      <${Chip} status=${execution.status} />
    </div>
    <${TaskSegments} store=${store} />
    ${execution.status_message && html`<p class="overview-message">${execution.status_message}</p>`}
    <${Sayings} store=${store} status=${execution.status} />
    <dl class="facts">
      <${Times} store=${store} />
      <${Fact} name="Started"
        >${execution.started_at ? html`<${Moment} at=${execution.started_at} />` : "not yet"}<//
      >
      ${
        execution.completed_at &&
        html`<${Fact} name="Ended"><${Moment} at=${execution.completed_at} /><//>`
      }
      <${Fact} name="Agent">${agentName(execution.agent_id) || "none"}<//>
      <${Fact} name="Subtasks"
        >${progress.subtasks_completed ?? 0} of ${progress.subtasks_total ?? 0}<//
      >
      <${Fact} name="Blockers">${execution.open_blockers || "none"}<//>
      <${Fact} name="Last update"
        ><${Moment} at=${execution.updated_at ?? execution.created_at}
      /><//>
    </dl>`;
}

/** @param {{store: ExecutionStore}} props */
function TaskSegments({ store }) {
  const statuses = store.phases.value.flatMap((phase) =>
    phase.tasks.map((task) => task.state.value.status),
  );
  return html`<${Segments} statuses=${statuses} />`;
}

/** @param {{store: ExecutionStore, status: string}} props */
function Sayings({ store, status }) {
  const rows = [...store.subtasks.values()].map((node) => node.state.value);
  const heldUp = new Set(
    rows.filter((row) => HELD_UP.has(row.status)).map((row) => store.taskOf.get(row.subtask_id)),
  );
  const told = sentences(status, rows, (id) => heldUp.has(store.taskOf.get(id)));
  if (told.length === 0) return null;
  return html`<ul class="sayings">
    ${told.map((one) => html`<${Saying} key=${one.item + one.tone} one=${one} />`)}
  </ul>`;
}

/** @param {{one: Sentence}} props */
function Saying({ one }) {
  return html`<li class=${`tone-${one.tone}`}>
    <a href=${address({ item: one.item })} data-shows=${one.item}>${one.text}</a>${
      one.since && html` since <${Age} at=${one.since} />`
    }${one.lasting && html` <${Age} at=${one.lasting} />`}${
      one.until && html`; looks again <${Moment} at=${one.until} />`
    }
  </li>`;
}

/** @param {{store: ExecutionStore}} props */
function Times({ store }) {
  const { forecast, plannedEnd } = store.outlook.value;
  return html`${forecast && html`<${Fact} name="Likely done"><${Moment} at=${forecast} /><//>`}
  ${plannedEnd && html`<${Fact} name="Planned end"><${Moment} at=${plannedEnd} /><//>`}`;
}

/** @param {{name: string, children: any}} props */
function Fact({ name, children }) {
  return html`<div>
    <dt>${name}</dt>
    <dd>${children}</dd>
  </div>`;
}
