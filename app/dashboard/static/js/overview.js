/** The head of an execution: status, progress, sentences, facts. */

import { html } from "./html.js";
import { Chip, Moment, Segments } from "./parts.js";
import { percent, tally } from "./words.js";

/** @typedef {import("./store.js").ExecutionStore} ExecutionStore */

/** @param {{store: ExecutionStore}} props */
export function Overview({ store }) {
  const execution = store.execution.value;
  const { progress } = execution;
  return html`<div class="overview-head">
      <${Chip} status=${execution.status} />
      <span class="overview-percent">${percent(progress.percent)}</span>
    </div>
    <${TaskSegments} store=${store} />
    <p class="overview-tally">${tally(progress)}</p>
    ${
      progress.current_task_title &&
      html`<p class="overview-now">Current: <strong>${progress.current_task_title}</strong></p>`
    }
    ${execution.status_message && html`<p class="overview-now">${execution.status_message}</p>`}
    <dl class="facts">
      <${Fact} name="Agent">${execution.agent_id || "none"}<//>
      <${Fact} name="Subtasks"
        >${progress.subtasks_completed ?? 0} of ${progress.subtasks_total ?? 0}<//
      >
      <${Fact} name="Blockers">${execution.open_blockers || "none"}<//>
      <${Fact} name="Started"
        >${execution.started_at ? html`<${Moment} at=${execution.started_at} />` : "not yet"}<//
      >
      ${
        execution.completed_at &&
        html`<${Fact} name="Ended"><${Moment} at=${execution.completed_at} /><//>`
      }
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

/** @param {{name: string, children: any}} props */
function Fact({ name, children }) {
  return html`<div>
    <dt>${name}</dt>
    <dd>${children}</dd>
  </div>`;
}
