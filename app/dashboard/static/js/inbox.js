/** The inbox, kept up to date over one WebSocket for all executions. */

import { element, socketAddress } from "./page.js";
import { blockersMoved } from "./reduce.js";
import { Stream } from "./stream.js";
import { follow } from "./waiting.js";

/** @type {Map<string, number>} */
const blockers = new Map();
const waits = follow(location.pathname + location.search, ["inbox-groups"]);

/** Plans that wait have no stream. */
const A_MINUTE = 60_000;

let wasAway = false;

const stream = new Stream({
  address: () => socketAddress("/api/stream"),
  open: (address) => new WebSocket(address),
  onMessage: (message) => {
    const moved = message.type === "execution_update" && blockersMoved(blockers, message);
    if (moved || message.type === "snapshot") waits.request();
  },
  onState: (online, failures) => {
    element("connection").hidden = online;
    // Where a proxy refuses sockets, news are asked for instead.
    if (online ? wasAway : failures > 1) waits.request();
    wasAway = !online;
  },
  later: setTimeout.bind(globalThis),
});

addEventListener("online", () => stream.wake());
stream.start();
setInterval(() => {
  if (document.visibilityState === "visible") waits.request();
}, A_MINUTE);
