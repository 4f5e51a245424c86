/**
 * The timetable: planned against actual, on a window of time that can be moved and scaled.
 *
 * Bars know their seconds only. Where a second lies is said by custom properties of the whole
 * chart, so moving, scaling and the passing of time redraw no bar; an event redraws its own row.
 */

import { computed, effect, signal } from "@preact/signals-core";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { html } from "./html.js";
import { now } from "./page.js";
import { Icon, StatusIcon } from "./parts.js";
import { address } from "./place.js";
import { exact } from "./time.js";
import {
  actual,
  extent,
  seconds,
  spansOf,
  tickLabel,
  ticks,
  toneOf,
  verdict,
  zoomed,
} from "./timetable.js";
import { word } from "./words.js";

/** @typedef {import("./store.js").ExecutionStore} ExecutionStore */
/** @typedef {import("./store.js").PhaseNode} PhaseNode */
/** @typedef {import("./store.js").TaskNode} TaskNode */
/** @typedef {import("./store.js").SubtaskNode} SubtaskNode */
/** @typedef {import("./timetable.js").Span} Span */
/** @typedef {import("./timetable.js").View} View */
/** @typedef {import("./types.js").Task} Task */
/**
 * @template T
 * @typedef {import("@preact/signals-core").Signal<T>} Signal
 */
/**
 * @typedef {{kind: "phase", id: string, phase: PhaseNode}
 *   | {kind: "task", id: string, task: TaskNode}
 *   | {kind: "subtask", id: string, node: SubtaskNode}} Row
 */

const ROW_PIXELS = 34;
/** Room for the label of a tick, in the size of the page's letters. */
const TICK_EMS = 5.6;
const MOST_OPEN_TASKS = 30;
const MOVING = new Set(["RUNNING", "RETRYING", "BLOCKED", "FAILED", "READY"]);

/** Seconds are counted from here, so that they stay small. */
const BASE = Math.floor(Date.now() / 1000);

/** What is unfolded, and which time is looked at. */
class Chart {
  /** @param {ExecutionStore} store */
  constructor(store) {
    this.store = store;
    this.open = signal(firstOpen(store.phases.peek()));
    this.width = signal(800);
    /** What was chosen; null shows the whole plan as it grows. */
    this.chosen = signal(/** @type {View | null} */ (null));
    this.whole = computed(() => this.extent());
    this.view = computed(() => this.chosen.value ?? this.whole.value);
    this.rows = computed(() => visible(this.store.phases.value, this.open.value));
  }

  /** The time from the first to the last that is planned, done or likely. */
  extent() {
    const { begin, plannedEnd, forecast } = this.store.outlook.value;
    const { started_at: started, completed_at: completed } = this.store.execution.value;
    return extent([begin, plannedEnd, forecast, started, completed]);
  }

  /** @param {string} id */
  toggle(id) {
    const open = new Set(this.open.value);
    if (!open.delete(id)) open.add(id);
    this.open.value = open;
  }

  /**
   * @param {number} factor Above 1 shows less, larger.
   * @param {number} [at] Share of the width that stays where it is.
   */
  zoom(factor, at = 0.5) {
    this.chosen.value = zoomed(this.view.value, factor, at);
  }

  /** @param {number} share Of the width. */
  move(share) {
    const { from, to } = this.view.value;
    const by = (to - from) * share;
    this.chosen.value = { from: from + by, to: to + by };
  }

  showWhole() {
    this.chosen.value = null;
  }

  /** Show what has been done so far. */
  showSoFar() {
    const { started_at: started, completed_at: completed } = this.store.execution.value;
    const end = completed ?? new Date(now.value).toISOString();
    this.chosen.value = extent([started ?? this.store.outlook.value.begin, end]);
  }
}

/**
 * Phases are open where the plan is small, else only those that move.
 * @param {PhaseNode[]} phases
 */
function firstOpen(phases) {
  const isSmall = phases.reduce((sum, phase) => sum + phase.tasks.length, 0) <= MOST_OPEN_TASKS;
  const moves = (/** @type {PhaseNode} */ phase) =>
    phase.tasks.some((task) => MOVING.has(task.state.peek().status));
  return new Set(phases.filter((phase) => isSmall || moves(phase)).map((phase) => phase.id));
}

/** @param {PhaseNode[]} phases @param {Set<string>} open @returns {Row[]} */
function visible(phases, open) {
  /** @type {Row[]} */
  const rows = [];
  for (const phase of phases) {
    rows.push({ kind: "phase", id: phase.id, phase });
    for (const task of open.has(phase.id) ? phase.tasks : []) {
      rows.push({ kind: "task", id: task.id, task });
      for (const node of open.has(task.id) ? task.subtasks : []) {
        rows.push({ kind: "subtask", id: node.id, node });
      }
    }
  }
  return rows;
}

/** @param {{store: ExecutionStore}} props */
export function Gantt({ store }) {
  const chart = useMemo(() => new Chart(store), [store]);
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => (place.current ? follow(place.current, chart) : undefined), [chart]);
  return html`<${Verdict} store=${store} />
    <${Tools} chart=${chart} />
    <div
      class="gantt-chart"
      ref=${place}
      tabindex="0"
      role="group"
      aria-label="Timetable. Arrow keys move it, plus and minus scale it, 0 shows all of it."
    >
      <${Scale} chart=${chart} />
      <div class="gantt-rows">
        ${chart.rows.value.map(
          (row) => html`<${RowOf} key=${row.kind + row.id} row=${row} chart=${chart} />`,
        )}
        <${Links} chart=${chart} />
      </div>
    </div>`;
}

/** What the chart tells, for who reads no charts. @param {{store: ExecutionStore}} props */
function Verdict({ store }) {
  const { plannedEnd, forecast } = store.outlook.value;
  const { completed_at: completed, status } = store.execution.value;
  return html`<p class="gantt-verdict">
    <strong>${verdict(plannedEnd, completed ?? forecast, status)}</strong>${" "}
    Outlined boxes are the plan; solid bars show when it was worked on.
  </p>`;
}

/** @param {{chart: Chart}} props */
function Tools({ chart }) {
  const isWhole = chart.chosen.value === null;
  return html`<div class="gantt-tools">
    <ul class="gantt-legend" aria-label="Legend">
      <li><i class="is-planned"></i>planned</li>
      <li title="A delay of it delays the end of all."><i class="is-planned is-critical"></i>planned, decides the end</li>
      <li><i class="is-work tone-done"></i>done</li>
      <li><i class="is-work tone-run"></i>running</li>
      <li><i class="is-wait tone-run"></i>waiting</li>
      <li><i class="is-wait tone-wait"></i>blocked</li>
    </ul>
    <button class="small quiet" aria-pressed=${isWhole} onClick=${() => chart.showWhole()}>Whole plan</button>
    <button class="small quiet" onClick=${() => chart.showSoFar()}>So far</button>
    <button class="small quiet icon-only" aria-label="Smaller" onClick=${() => chart.zoom(1 / 1.6)}>−</button>
    <button class="small quiet icon-only" aria-label="Larger" onClick=${() => chart.zoom(1.6)}>+</button>
  </div>`;
}

/** @param {{chart: Chart}} props */
function Scale({ chart }) {
  const view = chart.view.value;
  const letter = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
  const apart = ((view.to - view.from) / chart.width.value) * TICK_EMS * letter;
  const offset = -new Date(view.from * 1000).getTimezoneOffset() * 60;
  return html`<div class="gantt-head" aria-hidden="true">
    <span class="gantt-corner"></span>
    <div class="gantt-ticks">
      ${ticks(view, apart, offset).map(
        (tick) =>
          html`<span key=${tick.at} class="gantt-tick" style=${{ "--s": tick.at - BASE }}>${tickLabel(tick)}</span>`,
      )}
      <span class="gantt-now" style=${{ "--s": "var(--now)" }}><b>now</b></span>
    </div>
  </div>`;
}

/** @param {{row: Row, chart: Chart}} props */
function RowOf({ row, chart }) {
  if (row.kind === "phase") return html`<${PhaseRow} phase=${row.phase} chart=${chart} />`;
  if (row.kind === "task") return html`<${TaskRow} task=${row.task} chart=${chart} />`;
  return html`<${StepRow} node=${row.node} />`;
}

/** @param {{phase: PhaseNode, chart: Chart}} props */
function PhaseRow({ phase, chart }) {
  const tasks = phase.tasks.map((task) => task.state.value);
  const planned = extentOf(tasks);
  const isOpen = chart.open.value.has(phase.id);
  return html`<div class="gantt-row is-phase">
    <div class="gantt-label">
      <${Toggle} id=${phase.id} name=${phase.name} isOpen=${isOpen} chart=${chart} />
      <span class="clip" title=${phase.name}>${phase.name}</span>
    </div>
    <div class="gantt-track" title=${planned ? `Planned ${range(planned)}` : ""}>
      ${planned && html`<i class="gantt-planned" style=${at(planned.from, planned.to)}></i>`}
      ${
        !isOpen &&
        phase.tasks.map((task) => html`<${Bars} key=${task.id} spans=${spansOfTask(task)} />`)
      }
    </div>
  </div>`;
}

/** @param {{task: TaskNode, chart: Chart}} props */
function TaskRow({ task, chart }) {
  const state = task.state.value;
  const planned = extentOf([state]);
  const spans = spansOfTask(task);
  const isOpen = chart.open.value.has(task.id);
  const told = said(state, planned, spans);
  return html`<div class="gantt-row is-task">
    <div class="gantt-label">
      <${Toggle} id=${task.id} name=${state.title} isOpen=${isOpen} chart=${chart} />
      <${StatusIcon} status=${state.status} />
      <a class="clip" href=${address({ item: task.id })} data-shows=${task.id} title=${state.title} aria-label=${told}
        >${state.title}</a
      >
    </div>
    <div class="gantt-track" title=${told} data-shows=${task.id}>
      ${
        planned &&
        html`<i class=${`gantt-planned tone-${toneOf(state.status)} ${state.critical ? "is-critical" : ""}`} style=${at(planned.from, planned.to)}></i>`
      }
      <${Bars} spans=${spans} />
    </div>
  </div>`;
}

/** @param {{node: SubtaskNode}} props */
function StepRow({ node }) {
  const state = node.state.value;
  const spans = spansOf(state);
  return html`<div class="gantt-row is-step">
    <div class="gantt-label">
      <${StatusIcon} status=${state.status} />
      <a class="clip" href=${address({ item: node.id })} data-shows=${node.id} title=${state.title}>${state.title}</a>
    </div>
    <div class="gantt-track" data-shows=${node.id}><${Bars} spans=${spans} /></div>
  </div>`;
}

/** @param {{id: string, name: string, isOpen: boolean, chart: Chart}} props */
function Toggle({ id, name, isOpen, chart }) {
  return html`<button
    class="gantt-toggle"
    aria-expanded=${isOpen}
    aria-label=${`${isOpen ? "Fold" : "Unfold"} ${name}`}
    onClick=${() => chart.toggle(id)}
  >
    <${Icon} name="chevron" />
  </button>`;
}

/** @param {{spans: Span[]}} props */
function Bars({ spans }) {
  return spans.map(
    (span) =>
      html`<i class=${`gantt-bar is-${span.kind} tone-${span.tone}`} style=${at(span.from, span.to)}></i>`,
  );
}

/** What waits for what, between the tasks that are shown. @param {{chart: Chart}} props */
function Links({ chart }) {
  const { from, to } = chart.view.value;
  const scale = chart.width.value / (to - from);
  const x = (/** @type {number} */ moment) =>
    Math.round(clamp((moment - from) * scale, chart.width.value));
  /** @type {Map<string, {task: Task, y: number}>} */
  const shown = new Map();
  chart.rows.value.forEach((row, index) => {
    if (row.kind === "task")
      shown.set(row.id, { task: row.task.state.value, y: (index + 0.5) * ROW_PIXELS });
  });
  const paths = [...shown.values()].flatMap(({ task, y }) =>
    (task.prerequisites ?? []).flatMap((id) => {
      const before = shown.get(id);
      const start = seconds(task.planned_start_at);
      const end = seconds(before?.task.planned_end_at);
      if (!before || start === null || end === null) return [];
      const isCritical = task.critical && before.task.critical;
      return [{ d: path(x(end), before.y, x(start), y), isCritical, key: `${id} ${task.task_id}` }];
    }),
  );
  const height = chart.rows.value.length * ROW_PIXELS;
  return html`<svg class="gantt-links" width=${chart.width.value} height=${height} aria-hidden="true">
    ${paths.map(
      ({ d, isCritical, key }) =>
        html`<path key=${key} class=${isCritical ? "is-critical" : ""} d=${d} />`,
    )}
  </svg>`;
}

/** @param {number} x @param {number} width */
function clamp(x, width) {
  return Math.min(Math.max(x, -20), width + 20);
}

/**
 * Draw from the end of one bar down and on to the start of another, with an arrow's head.
 * @param {number} fromX @param {number} fromY @param {number} toX @param {number} toY
 */
function path(fromX, fromY, toX, toY) {
  const turn = Math.max(fromX + 5, toX - 9);
  const head = `M${toX - 4} ${toY - 3}l4 3l-4 3`;
  if (toX - fromX >= 14) return `M${fromX} ${fromY}H${turn}V${toY}H${toX}${head}`;
  const middle = toY - Math.sign(toY - fromY) * (ROW_PIXELS / 2);
  return `M${fromX} ${fromY}h5V${middle}H${toX - 9}V${toY}H${toX}${head}`;
}

/** @param {TaskNode} task */
function spansOfTask(task) {
  return actual(
    task.state.value,
    task.subtasks.map((node) => node.state.value),
  );
}

/** @param {Task[]} tasks @returns {View | null} */
function extentOf(tasks) {
  const starts = tasks.flatMap((task) => seconds(task.planned_start_at) ?? []);
  const ends = tasks.flatMap((task) => seconds(task.planned_end_at) ?? []);
  return starts.length > 0 ? { from: Math.min(...starts), to: Math.max(...ends) } : null;
}

/** @param {number} from @param {number | null} to */
function at(from, to) {
  return { "--s": from - BASE, "--e": to === null ? "var(--now)" : to - BASE };
}

/** @param {View} span */
function range({ from, to }) {
  return `${told(from)} to ${told(to)}`;
}

/** @param {number} moment */
function told(moment) {
  return exact(new Date(moment * 1000).toISOString());
}

/** Say a row in words. @param {Task} task @param {View | null} planned @param {Span[]} spans */
function said(task, planned, spans) {
  const parts = [task.title, word(task.status).label];
  if (planned) parts.push(`planned ${range(planned)}`);
  const [first] = spans;
  if (first)
    parts.push(
      first.to === null ? `since ${told(first.from)}` : range({ from: first.from, to: first.to }),
    );
  if (task.critical) parts.push("A delay of it delays the end of all");
  return parts.join(". ");
}

/**
 * Follow the width, the window of time, keys, wheel and pointer; gives what ends that.
 * @param {HTMLElement} place
 * @param {Chart} chart
 */
function follow(place, chart) {
  const sized = new ResizeObserver(() => {
    chart.width.value = place.querySelector(".gantt-ticks")?.clientWidth || chart.width.value;
  });
  sized.observe(place);
  const unfollow = effect(() => {
    const { from, to } = chart.view.value;
    place.style.setProperty("--from", String(from - BASE));
    place.style.setProperty("--scale", String(chart.width.value / (to - from)));
    place.style.setProperty("--now", String(now.value / 1000 - BASE));
  });
  place.addEventListener("wheel", (event) => turned(place, chart, event), { passive: false });
  place.addEventListener("keydown", (event) => {
    const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (isPlain && event.target === place && pressed(chart, event.key)) event.preventDefault();
  });
  drag(place, chart);
  return () => {
    sized.disconnect();
    unfollow();
  };
}

/** @param {HTMLElement} place @param {Chart} chart @param {WheelEvent} event */
function turned(place, chart, event) {
  const isSideways = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
  if (event.ctrlKey) chart.zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, shareAt(place, event.clientX));
  else if (isSideways) chart.move((event.deltaX || event.deltaY) / chart.width.value);
  else return;
  event.preventDefault();
}

/** @param {Chart} chart @param {string} key */
function pressed(chart, key) {
  if (key === "ArrowLeft") chart.move(-0.15);
  else if (key === "ArrowRight") chart.move(0.15);
  else if (key === "+" || key === "=") chart.zoom(1.5);
  else if (key === "-") chart.zoom(1 / 1.5);
  else if (key === "0") chart.showWhole();
  else return false;
  return true;
}

/** @param {HTMLElement} place @param {number} x */
function shareAt(place, x) {
  const box = place.querySelector(".gantt-ticks")?.getBoundingClientRect();
  return box ? Math.min(Math.max((x - box.left) / box.width, 0), 1) : 0.5;
}

/** @param {HTMLElement} place @param {Chart} chart */
function drag(place, chart) {
  /** Where the pointer was, and whether it has moved; null while it is up. */
  let last = /** @type {number | null} */ (null);
  let isDragged = false;
  place.addEventListener("pointerdown", (event) => {
    const isTrack = /** @type {Element} */ (event.target).closest(".gantt-track, .gantt-ticks");
    if (isTrack && event.button === 0) last = event.clientX;
    isDragged = false;
  });
  place.addEventListener("pointermove", (event) => {
    if (last === null || (!isDragged && Math.abs(event.clientX - last) < 4)) return;
    if (!isDragged) place.setPointerCapture(event.pointerId);
    isDragged = true;
    chart.move((last - event.clientX) / chart.width.value);
    last = event.clientX;
  });
  for (const end of ["pointerup", "pointercancel"]) {
    place.addEventListener(end, () => {
      last = null;
    });
  }
  // What ends a drag is no click on the item below.
  place.addEventListener("click", (event) => isDragged && event.stopPropagation(), true);
}
