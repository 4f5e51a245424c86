/** The task tree: phases, tasks, subtasks. Every row redraws for itself alone. */

import { effect } from "@preact/signals-core";
import { html } from "./html.js";
import { element } from "./page.js";
import { Fold, MiniBar, Moment, StatusIcon } from "./parts.js";
import { address } from "./place.js";
import { send } from "./send.js";
import { toast } from "./toast.js";
import { agentName, awaited, percent, trouble, word } from "./words.js";

/** @typedef {import("./store.js").ExecutionStore} ExecutionStore */
/** @typedef {import("./store.js").PhaseNode} PhaseNode */
/** @typedef {import("./store.js").TaskNode} TaskNode */
/** @typedef {import("./store.js").SubtaskNode} SubtaskNode */

/** So many tasks are open at first. */
const MOST_OPEN = 40;

const MOVING = new Set(["RUNNING", "RETRYING", "BLOCKED", "FAILED", "READY"]);
const DONE = new Set(["COMPLETED", "SKIPPED"]);
const DUE = new Set(["RETRYING", "BLOCKED"]);

/** Statuses that the tree can be filtered by, and what can be done with all of one. */
const SHOWN = ["RUNNING", "BLOCKED", "RETRYING", "READY", "QUEUED", "FAILED", "COMPLETED"];
const CHANGEABLE = new Set(["BLOCKED", "RETRYING", "READY", "QUEUED"]);
const ENDED = new Set(["COMPLETED", "FAILED", "CANCELLED"]);

/** @param {{store: ExecutionStore}} props */
export function Tree({ store }) {
  const show = store.show.value;
  const phases = store.phases.value.filter((phase) => phase.tasks.some((task) => has(task, show)));
  if (phases.length === 0) {
    return html`<p class="hint tree-none">
      ${show ? `Nothing is ${word(show).label.toLowerCase()} now.` : "This plan has no tasks."}
    </p>`;
  }
  const opened = unfolded(phases, show);
  return phases.map(
    (phase) =>
      html`<${PhaseRow} key=${phase.id + show} phase=${phase} show=${show} opened=${opened} />`,
  );
}

/**
 * Name the tasks and phases that are open at first, as the server does.
 * @param {PhaseNode[]} phases
 * @param {string} show
 */
function unfolded(phases, show) {
  /** @type {Set<string>} */
  const found = new Set();
  for (const phase of phases) {
    const moving = phase.tasks.filter((task) =>
      show
        ? task.subtasks.some((node) => node.state.peek().status === show)
        : MOVING.has(task.state.peek().status),
    );
    const opened = moving.slice(0, Math.max(0, MOST_OPEN - found.size));
    for (const task of opened) found.add(task.id);
    if (opened.length > 0) found.add(phase.id);
  }
  return found;
}

/** @param {TaskNode} task @param {string} show */
function has(task, show) {
  return !show || task.subtasks.some((node) => node.state.value.status === show);
}

/** @param {{phase: PhaseNode, show: string, opened: Set<string>}} props */
function PhaseRow({ phase, show, opened }) {
  return html`<${Fold} name="phase" open=${opened.has(phase.id)} summary=${html`<${PhaseHead} phase=${phase} />`}>
    ${() =>
      phase.tasks
        .filter((task) => has(task, show))
        .map(
          (task) =>
            html`<${TaskRow} key=${task.id} task=${task} show=${show} open=${opened.has(task.id)} />`,
        )}
  <//>`;
}

/** @param {{phase: PhaseNode}} props */
function PhaseHead({ phase }) {
  const done = phase.tasks.filter((task) => DONE.has(task.state.value.status)).length;
  return html`<${StatusIcon} status=${phase.status.value} />
    <span class="name">${phase.name}</span>
    <span class="count">${done}/${phase.tasks.length}</span>`;
}

/** @param {{task: TaskNode, show: string, open: boolean}} props */
function TaskRow({ task, show, open }) {
  return html`<${Fold} name="task" open=${open} summary=${html`<${TaskHead} task=${task} />`}>
    ${() =>
      html`<${TaskTimes} task=${task} />
        <${Awaited} task=${task} />
        <ul class="subtasks">
          ${task.subtasks
            .filter((node) => !show || node.state.value.status === show)
            .map((node) => html`<${SubtaskRow} key=${node.id} node=${node} />`)}
        </ul>`}
  <//>`;
}

/** @param {{task: TaskNode}} props */
function TaskTimes({ task }) {
  const { planned_start_at: start, planned_end_at: end, critical } = task.state.value;
  return html`<p class="task-times">
    ${start && html`Planned <${Moment} at=${start} /> to <${Moment} at=${end} /> `}
    ${critical && html`<span class="badge">Critical</span> `}
    <a class="link" href=${address({ item: task.id })} data-shows=${task.id}>Details</a>
  </p>`;
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
  return html`<li class="subtask" data-item>
    <${StatusIcon} status=${subtask.status} />
    <div class="subtask-body">
      <a class="name" href=${address({ item: node.id })} data-shows=${node.id}>${subtask.title}</a>
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
      ${running && subtask.agent_id && html`<span class="by">${agentName(subtask.agent_id)}</span>`}
      <${Moment} at=${subtask.completed_at ?? subtask.last_event_at} />
    </div>
  </li>`;
}

/**
 * Follow the filter above the tree, and the decisions on all that it shows.
 * @param {ExecutionStore} store
 * @param {() => void} refresh
 */
export function followTreeFilter(store, refresh) {
  const place = element("tree-filter");
  const bulk = element("bulk");
  let drawn = "";
  store.show.value = place.dataset.show ?? "";
  place.addEventListener("click", (event) => {
    const link = /** @type {Element} */ (event.target).closest("a");
    if (!link || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    store.show.value = link.dataset.status ?? "";
    history.replaceState(null, "", address({ show: store.show.value }));
  });
  effect(() => {
    const show = store.show.value;
    const found = counts(store);
    const told = JSON.stringify([show, ...found]);
    // Most events leave the counts as they are; a tab in use keeps the focus.
    if (told !== drawn) redraw(place, tabs(found, show));
    drawn = told;
    bulk.hidden = !CHANGEABLE.has(show) || ENDED.has(store.execution.value.status);
    for (const part of bulk.querySelectorAll("[data-for]")) {
      const { for: statuses = "" } = /** @type {HTMLElement} */ (part).dataset;
      /** @type {HTMLElement} */ (part).hidden = !statuses.split(" ").includes(show);
    }
    for (const field of bulk.querySelectorAll("[name=show]")) {
      /** @type {HTMLInputElement} */ (field).value = show;
    }
  });
  bulk.addEventListener("submit", (event) => {
    event.preventDefault();
    void decide(bulk, /** @type {HTMLFormElement} */ (event.target)).then(refresh);
  });
}

/** @param {HTMLElement} place @param {HTMLAnchorElement[]} links */
function redraw(place, links) {
  const focused = /** @type {HTMLElement | null} */ (place.querySelector(":focus"))?.dataset.status;
  place.replaceChildren(...links);
  links.find((link) => link.dataset.status === focused)?.focus();
}

/** @param {HTMLElement} bulk @param {HTMLFormElement} form */
async function decide(bulk, form) {
  bulk.inert = true;
  if (await send(form.action, new FormData(form))) {
    for (const open of bulk.querySelectorAll("details[open]")) open.removeAttribute("open");
    toast("Done.", "done");
  }
  bulk.inert = false;
}

/** @param {ExecutionStore} store */
function counts(store) {
  /** @type {Map<string, number>} */
  const found = new Map();
  for (const { state } of store.subtasks.values()) {
    const { status } = state.value;
    found.set(status, (found.get(status) ?? 0) + 1);
  }
  return found;
}

/** @param {Map<string, number>} found @param {string} show */
function tabs(found, show) {
  const present = SHOWN.filter((status) => found.get(status) || status === show);
  return ["", ...present].map((status) => {
    const link = document.createElement("a");
    link.href = address({ show: status });
    link.dataset.status = status;
    link.textContent = status ? word(status).label : "All";
    if (status === show) link.setAttribute("aria-current", "true");
    if (status) {
      const count = document.createElement("span");
      count.className = "count";
      count.textContent = String(found.get(status) ?? 0);
      link.append(" ", count);
    }
    return link;
  });
}
