/** The task tree: phases, tasks, subtasks. Every row redraws for itself alone. */

import { html } from "./html.js";
import { Fold, MiniBar, Moment, StatusIcon } from "./parts.js";
import { awaited, percent, trouble } from "./words.js";

/** @typedef {import("./store.js").ExecutionStore} ExecutionStore */
/** @typedef {import("./store.js").PhaseNode} PhaseNode */
/** @typedef {import("./store.js").TaskNode} TaskNode */
/** @typedef {import("./store.js").SubtaskNode} SubtaskNode */

const MOVING = new Set(["RUNNING", "RETRYING", "BLOCKED", "FAILED", "READY"]);
const DONE = new Set(["COMPLETED", "SKIPPED"]);
const DUE = new Set(["RETRYING", "BLOCKED"]);

/** @param {{store: ExecutionStore}} props */
export function Tree({ store }) {
  return store.phases.value.map((phase) => html`<${PhaseRow} key=${phase.id} phase=${phase} />`);
}

/** @param {{phase: PhaseNode}} props */
function PhaseRow({ phase }) {
  const open = phase.tasks.some((task) => MOVING.has(task.state.peek().status));
  return html`<${Fold} name="phase" open=${open} summary=${html`<${PhaseHead} phase=${phase} />`}>
    ${() => phase.tasks.map((task) => html`<${TaskRow} key=${task.id} task=${task} />`)}
  <//>`;
}

/** @param {{phase: PhaseNode}} props */
function PhaseHead({ phase }) {
  const done = phase.tasks.filter((task) => DONE.has(task.state.value.status)).length;
  return html`<${StatusIcon} status=${phase.status.value} />
    <span class="name">${phase.name}</span>
    <span class="count">${done}/${phase.tasks.length}</span>`;
}

/** @param {{task: TaskNode}} props */
function TaskRow({ task }) {
  const open = MOVING.has(task.state.peek().status);
  return html`<${Fold} name="task" open=${open} summary=${html`<${TaskHead} task=${task} />`}>
    ${() =>
      html`<${Awaited} task=${task} />
        <ul class="subtasks">
          ${task.subtasks.map((node) => html`<${SubtaskRow} key=${node.id} node=${node} />`)}
        </ul>`}
  <//>`;
}

/** @param {{task: TaskNode}} props */
function TaskHead({ task }) {
  const { status, title, progress_percent: progress } = task.state.value;
  return html`<${StatusIcon} status=${status} />
    <span class="name">${title}</span>
    <${MiniBar} status=${status} value=${progress} />`;
}

/** @param {{task: TaskNode}} props */
function Awaited({ task }) {
  const sentence = awaited(task.state.value);
  return sentence && html`<p class="awaited">${sentence}</p>`;
}

/** @param {{node: SubtaskNode}} props */
function SubtaskRow({ node }) {
  const subtask = node.state.value;
  const running = subtask.status === "RUNNING";
  const due = DUE.has(subtask.status) && subtask.due_at;
  const attempt = subtask.attempt ?? 0;
  return html`<li class="subtask">
    <${StatusIcon} status=${subtask.status} />
    <div class="subtask-body">
      <span class="name">${subtask.title}</span>
      ${trouble(subtask).map(
        ([sentence, tone]) => html`<span class=${`why tone-${tone}`}>${sentence}</span>`,
      )}
      ${due && html`<span class="hint">Again <${Moment} at=${due} /></span>`}
    </div>
    <div class="subtask-facts">
      ${
        attempt > 1 &&
        html`<span class="badge"
        >Attempt ${attempt}${subtask.max_attempts ? ` of ${subtask.max_attempts}` : ""}</span
      >`
      }
      ${
        running &&
        subtask.progress_percent &&
        html`<span class="number">${percent(subtask.progress_percent)}</span>`
      }
      ${running && subtask.agent_id && html`<span class="by">${subtask.agent_id}</span>`}
      <${Moment} at=${subtask.completed_at ?? subtask.last_event_at} />
    </div>
  </li>`;
}
