/** The page of one execution, kept up to date over its WebSocket. */

import { effect } from "@preact/signals-core";
import { render } from "preact";
import { Controls } from "./controls.js";
import { Feed, renewTimes } from "./feed.js";
import { followFilter, readFilter } from "./filter.js";
import { Gantt } from "./gantt.js";
import { History } from "./history.js";
import { html } from "./html.js";
import { Overview } from "./overview.js";
import { element, getJson, now, pageData, socketAddress } from "./page.js";
import { panel } from "./panel.js";
import { asked } from "./place.js";
import { concernsPeople, hasConsequences } from "./reduce.js";
import { Refresher } from "./refresher.js";
import { ExecutionStore } from "./store.js";
import { Sequence, Stream } from "./stream.js";
import { setTitle } from "./title.js";
import { announce } from "./toast.js";
import { followTreeFilter, Tree } from "./tree.js";
import { follow } from "./waiting.js";
import { learn, percent, word } from "./words.js";

/** @typedef {import("./types.js").LogEvent} LogEvent */
/** @typedef {import("./types.js").Message} Message */

/** One drawing for the messages of so many milliseconds; the first after a pause is drawn at once. */
const TOGETHER = 30;
const PAGE = 200;
const OFF_LINE = "Off line. Showing the last known state and trying again…";
const CUT = "Live updates do not get through here. News are asked for about twice a minute.";
/** Of pages of missed events that are asked for at once. */
const MOST_PAGES = 5;

const data = pageData();
learn(data.words, data.agents);
const api = `/api/executions/${encodeURIComponent(data.execution.execution_id)}`;
const store = new ExecutionStore(data.execution, data.tree);
const sequence = new Sequence(data.execution.seq);
// A page of older events, as linked for browsers without script, is no start for a live feed.
const isOld = asked("cursor") !== "";
const log = new History(
  isOld ? [] : data.events,
  isOld || Boolean(data.next_cursor),
  readFilter(),
  async (filter, before) => {
    const query = new URLSearchParams({ order: "desc", limit: String(PAGE) });
    if (before) query.set("before", String(before));
    if (filter.task) query.set("task_id", filter.task);
    if (filter.agent) query.set("agent_id", filter.agent);
    if (filter.type) query.set("type", filter.type);
    if (filter.errors) query.set("errors", "true");
    const page = await getJson(`${api}/events?${query}`);
    return { items: page.items, more: Boolean(page.next_cursor) };
  },
);
log.taskOf = store.taskOf;

const refresher = new Refresher(async () => {
  const tick = store.tick;
  store.putTree(await getJson(`${api}/tasks`), tick);
}, setTimeout.bind(globalThis));

const { base = "", csrf = "" } = element("controls").dataset;
const waits = follow(`${location.pathname}/waiting`);
const details = panel(base);

/** @type {Message[]} */
let arrivals = [];
let drawnAt = -Infinity;

/** @param {Message} message */
function arrived(message) {
  const verdict = sequence.judge(message);
  if (verdict === "gap") stream.restart();
  if (verdict !== "new") return;
  if (arrivals.length === 0) setTimeout(draw, drawnAt + TOGETHER - performance.now());
  arrivals.push(message);
  if (message.type === "snapshot") waits.request();
  if (message.type !== "event") return;
  if (hasConsequences(message)) refresher.request();
  if (concernsPeople(message)) waits.request();
  if (message.task_id) details.news(message.task_id);
}

function draw() {
  const messages = arrivals;
  arrivals = [];
  drawnAt = performance.now();
  store.receive(messages);
  log.receive(/** @type {LogEvent[]} */ (messages.filter((message) => message.type === "event")));
  // After a snapshot the events between are not there: the log is read anew.
  if (messages.some((message) => message.type === "snapshot")) void log.show(log.filter.value);
}

/**
 * After a break, the parts that events do not carry are fetched anew; so they are at each attempt
 * of a socket that does not come about, since a proxy may refuse sockets and nothing else.
 * @param {boolean} online
 * @param {number} failures
 */
async function connection(online, failures) {
  const wasAway = !store.online.value;
  store.online.value = online;
  if (online ? !wasAway : failures < 2) return;
  refresher.request();
  waits.request();
  details.refresh();
  try {
    if (!online) await missed();
    const execution = await getJson(api);
    if (execution.seq >= store.execution.value.seq) store.execution.value = execution;
    store.reached.value = true;
  } catch {
    store.reached.value = false;
  }
}

/** Ask for the events that the socket did not bring. */
async function missed() {
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const { items } = await getJson(`${api}/events?after=${sequence.seq}&limit=${PAGE}`);
    for (const event of items) arrived({ ...event, type: "event" });
    if (items.length < PAGE) return;
  }
}

/** @param {string} id @param {unknown} content */
function mount(id, content) {
  const place = element(id);
  place.dataset.live = "yes";
  place.replaceChildren();
  render(/** @type {any} */ (content), place);
}

const stream = new Stream({
  address: () => socketAddress(`${api}/stream?after=${sequence.seq}`),
  open: (address) => new WebSocket(address),
  onMessage: arrived,
  onState: (online, failures) => void connection(online, failures),
  later: setTimeout.bind(globalThis),
});

mount("controls", html`<${Controls} store=${store} base=${base} csrf=${csrf} />`);
mount("overview", html`<${Overview} store=${store} />`);
mount("gantt", html`<${Gantt} store=${store} />`);
mount("tree", html`<${Tree} store=${store} />`);
mount("feed", html`<${Feed} log=${log} titles=${store.titles} />`);
followFilter(log);
followTreeFilter(store, () => refresher.request());
if (isOld) void log.older();

const name = data.execution.plan_title || data.execution.plan_id;
let status = data.execution.status;
effect(() => {
  const execution = store.execution.value;
  setTitle(`${percent(execution.progress.percent)} · ${name} · PlanExe-AX`);
  if (execution.status === status) return;
  status = execution.status;
  announce(`${name}: ${word(status).label}`);
});
effect(() => {
  const banner = element("connection");
  banner.hidden = store.online.value;
  banner.textContent = store.reached.value ? CUT : OFF_LINE;
});
effect(() => renewTimes(element("feed"), now.value));
addEventListener("online", () => stream.wake());
stream.start();
