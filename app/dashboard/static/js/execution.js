/** The page of one execution, kept up to date over its WebSocket. */

import { effect } from "@preact/signals-core";
import { render } from "preact";
import { Controls } from "./controls.js";
import { Feed } from "./feed.js";
import { html } from "./html.js";
import { Overview } from "./overview.js";
import { element, getJson, pageData, socketAddress } from "./page.js";
import { concernsPeople, hasConsequences } from "./reduce.js";
import { Refresher } from "./refresher.js";
import { ExecutionStore } from "./store.js";
import { Sequence, Stream } from "./stream.js";
import { setTitle } from "./title.js";
import { Tree } from "./tree.js";
import { follow } from "./waiting.js";
import { learn, percent, word } from "./words.js";

/** @typedef {import("./types.js").Message} Message */

/** Messages of this many milliseconds are drawn together. */
const TOGETHER = 30;

const data = pageData();
learn(data.words);
const api = `/api/executions/${encodeURIComponent(data.execution.execution_id)}`;
// A page of older events, as linked for browsers without script, is no start for a live feed.
const old = new URLSearchParams(location.search).has("cursor");
const store = new ExecutionStore(data.execution, data.tree, old ? [] : data.events);
const sequence = new Sequence(data.execution.seq);

const refresher = new Refresher(async () => {
  const asked = store.tick;
  store.putTree(await getJson(`${api}/tasks`), asked);
}, setTimeout.bind(globalThis));

const waits = follow(`${location.pathname}/waiting`);

/** @type {Message[]} */
let arrivals = [];

/** @param {Message} message */
function arrived(message) {
  const verdict = sequence.judge(message);
  if (verdict === "gap") stream.restart();
  if (verdict !== "new") return;
  if (arrivals.length === 0) setTimeout(draw, TOGETHER);
  arrivals.push(message);
  if (message.type === "snapshot") waits.request();
  if (message.type !== "event") return;
  if (hasConsequences(message)) refresher.request();
  if (concernsPeople(message)) waits.request();
}

function draw() {
  const messages = arrivals;
  arrivals = [];
  store.receive(messages);
}

/** After a break, the parts that events do not carry are fetched anew. @param {boolean} online */
async function connection(online) {
  const wasAway = !store.online.value;
  store.online.value = online;
  if (!online || !wasAway) return;
  refresher.request();
  waits.request();
  const execution = await getJson(api);
  if (execution.seq >= store.execution.value.seq) store.execution.value = execution;
}

let cursor = old ? null : data.next_cursor;

/** Fetch older events until something new is among them; tells whether there is more. */
async function loadOlder() {
  const before = store.events.value.length;
  if (store.trimmed) cursor = null;
  store.trimmed = false;
  do {
    const query = new URLSearchParams({ order: "desc", limit: "200" });
    if (cursor) query.set("cursor", cursor);
    const page = await getJson(`${api}/events?${query}`);
    store.putOlder(page.items);
    cursor = page.next_cursor;
  } while (cursor && store.events.value.length === before);
  return Boolean(cursor);
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
  onState: (online) => void connection(online),
  later: setTimeout.bind(globalThis),
});

const { base = "", csrf = "" } = element("controls").dataset;
mount("controls", html`<${Controls} store=${store} base=${base} csrf=${csrf} />`);
mount("overview", html`<${Overview} store=${store} />`);
mount("tree", html`<${Tree} store=${store} />`);
mount(
  "feed",
  html`<${Feed} store=${store} loadOlder=${loadOlder} more=${old || Boolean(cursor)} />`,
);
if (old) void loadOlder();

const name = data.execution.plan_title || data.execution.plan_id;
let status = data.execution.status;
effect(() => {
  const execution = store.execution.value;
  setTitle(`${percent(execution.progress.percent)} · ${name} · PlanExe-AX`);
  if (execution.status === status) return;
  status = execution.status;
  element("announcer").textContent = `${name}: ${word(status).label}`;
});
effect(() => {
  element("connection").hidden = store.online.value;
});
addEventListener("online", () => stream.wake());
stream.start();
