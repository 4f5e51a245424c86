import assert from "node:assert/strict";
import { test } from "node:test";
import { backoff, Sequence, Stream } from "../../../app/dashboard/static/js/stream.js";

/** A stream whose sockets and timers are played by the test. */
function played() {
  const sockets = [];
  const timers = [];
  const messages = [];
  const states = [];
  const sequence = new Sequence(5);
  const stream = new Stream({
    address: () => `/stream?after=${sequence.seq}`,
    open: (address) => {
      const socket = { address, closed: false, close: () => (socket.closed = true) };
      sockets.push(socket);
      return socket;
    },
    onMessage: (message) => {
      const verdict = sequence.judge(message);
      if (verdict === "new") messages.push(message.seq);
      if (verdict === "gap") stream.restart();
    },
    onState: (online) => states.push(online),
    later: (run, milliseconds) => timers.push({ run, milliseconds }),
    random: () => 1,
  });
  stream.start();
  return { stream, sockets, timers, messages, states };
}

const send = (socket, seq) => socket.onmessage({ data: JSON.stringify({ type: "event", seq }) });

test("a stream resumes after the last event it has seen", () => {
  const { sockets, timers, messages } = played();
  send(sockets[0], 6);
  sockets[0].onclose({});
  timers[0].run();
  assert.equal(sockets[1].address, "/stream?after=6");
  send(sockets[1], 7);
  assert.deepEqual(messages, [6, 7]);
});

test("an event that was seen is not given twice", () => {
  const { sockets, messages } = played();
  for (const seq of [4, 5, 6, 6, 7]) send(sockets[0], seq);
  assert.deepEqual(messages, [6, 7]);
});

test("a gap makes the stream ask again from the last event", () => {
  const { sockets, timers, messages } = played();
  send(sockets[0], 6);
  send(sockets[0], 9);
  assert.equal(sockets[0].closed, true);
  timers[0].run();
  assert.equal(sockets[1].address, "/stream?after=6");
  assert.deepEqual(messages, [6]);
});

test("what a replaced socket still says is ignored", () => {
  const { sockets, timers, messages } = played();
  send(sockets[0], 9);
  send(sockets[0], 6);
  sockets[0].onclose({});
  assert.deepEqual(messages, []);
  assert.equal(timers.length, 1);
});

test("back-off doubles up to thirty seconds and starts again after a message", () => {
  const { sockets, timers } = played();
  for (let attempt = 0; attempt < 9; attempt += 1) {
    sockets.at(-1).onclose({});
    timers.at(-1).run();
  }
  const waits = timers.map((timer) => timer.milliseconds);
  assert.deepEqual(waits, [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]);
  send(sockets.at(-1), 6);
  sockets.at(-1).onclose({});
  assert.equal(timers.at(-1).milliseconds, 500);
});

test("half of the back-off is random", () => {
  assert.equal(backoff(2, 0), 500);
  assert.equal(backoff(2, 0.5), 750);
});

test("waking connects once, and not while connected", () => {
  const { stream, sockets, timers } = played();
  stream.wake();
  assert.equal(sockets.length, 1);
  sockets[0].onclose({});
  stream.wake();
  timers[0].run();
  assert.equal(sockets.length, 2);
});

test("being on line and off line is told", () => {
  const { sockets, states } = played();
  sockets[0].onopen({});
  sockets[0].onclose({});
  assert.deepEqual(states, [true, false]);
});

test("a snapshot sets the place from which events follow", () => {
  const sequence = new Sequence(5);
  assert.equal(sequence.judge({ type: "resync" }), "new");
  assert.equal(sequence.judge({ type: "snapshot", seq: 40 }), "new");
  assert.equal(sequence.judge({ type: "event", seq: 41 }), "new");
});
