/**
 * Follows one WebSocket and takes it up again where it broke off.
 *
 * No browser object is named here: sockets and timers are passed in.
 */

/** @typedef {import("./types.js").Message} Message */
/**
 * @typedef {object} Socket
 * @property {((event: any) => void) | null} onopen
 * @property {((event: any) => void) | null} onmessage
 * @property {((event: any) => void) | null} onclose
 * @property {() => void} close
 */
/**
 * @typedef {object} StreamOptions
 * @property {() => string} address Asked anew at every attempt, so it can name the last seq.
 * @property {(address: string) => Socket} open
 * @property {(message: Message) => void} onMessage
 * @property {(online: boolean, failures: number) => void} onState Failures since the last message.
 * @property {(run: () => void, milliseconds: number) => unknown} later
 * @property {() => number} [random]
 */

const FIRST_DELAY = 500;
const LONGEST_DELAY = 30_000;

/**
 * Milliseconds before attempt 1, 2, 3 …: doubling, with half of it at random, so that a thousand
 * browsers do not come back in the same moment.
 * @param {number} attempt
 * @param {number} random From 0 to 1.
 */
export function backoff(attempt, random) {
  const full = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** (attempt - 1));
  return full / 2 + (full / 2) * random;
}

/** One connection that comes back by itself. */
export class Stream {
  /** @param {StreamOptions} options */
  constructor(options) {
    this.options = options;
    this.failures = 0;
    this.waiting = false;
    /** @type {Socket | null} */
    this.socket = null;
  }

  /** Connect, unless connected. */
  start() {
    if (this.socket) return;
    this.waiting = false;
    const socket = this.options.open(this.options.address());
    this.socket = socket;
    socket.onopen = () => this.options.onState(true, this.failures);
    socket.onmessage = (event) => {
      if (socket !== this.socket) return;
      this.failures = 0;
      this.options.onMessage(JSON.parse(event.data));
    };
    socket.onclose = () => {
      if (socket === this.socket) this.lost();
    };
  }

  /** Connect at once, for example because the network is back. */
  wake() {
    if (this.waiting) this.start();
  }

  /** Drop the connection; the next one asks again from the last seq. */
  restart() {
    const socket = this.socket;
    this.lost();
    socket?.close();
  }

  /** Note the loss and try again later. */
  lost() {
    this.socket = null;
    this.waiting = true;
    this.failures += 1;
    this.options.onState(false, this.failures);
    const delay = backoff(this.failures, (this.options.random ?? Math.random)());
    this.options.later(() => this.wake(), delay);
  }
}

/** Lets every event through once and in order. */
export class Sequence {
  /** @param {number} seq The last event that is already known. */
  constructor(seq) {
    this.seq = seq;
  }

  /**
   * Judge a message: "new" is for use, "known" was seen, "gap" means that one before it is missing.
   * @param {Message} message
   * @returns {"new" | "known" | "gap"}
   */
  judge(message) {
    if (message.type === "snapshot") this.seq = message.seq;
    if (message.type !== "event") return "new";
    if (message.seq <= this.seq) return "known";
    if (message.seq > this.seq + 1) return "gap";
    this.seq = message.seq;
    return "new";
  }
}
