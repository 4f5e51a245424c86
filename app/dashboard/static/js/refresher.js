/** Fetches something again after changes: soon, but never twice at once and never in a flood. */

const SOON = 250;
const SHARE = 10;
/** Else a fetch that hung while the server was restarted would be held against it for long. */
const LONGEST = 5_000;

export class Refresher {
  /**
   * @param {() => Promise<void>} fetchAgain
   * @param {(run: () => void, milliseconds: number) => unknown} later
   * @param {() => number} clock
   */
  constructor(fetchAgain, later, clock = () => performance.now()) {
    this.fetchAgain = fetchAgain;
    this.later = later;
    this.clock = clock;
    this.pause = SOON;
    this.planned = false;
    this.running = false;
    this.again = false;
  }

  /** Ask for a fetch; requests that come together share one. */
  request() {
    if (this.running) this.again = true;
    else this.plan();
  }

  plan() {
    if (this.planned) return;
    this.planned = true;
    this.later(() => void this.run(), this.pause);
  }

  async run() {
    this.planned = false;
    this.running = true;
    const start = this.clock();
    try {
      await this.fetchAgain();
    } catch {
      // The next change asks again, and so does the next reconnect.
    }
    // A large plan takes longer to fetch, and is then fetched less often.
    this.pause = Math.min(Math.max(SOON, SHARE * (this.clock() - start)), LONGEST);
    this.running = false;
    if (this.again) this.plan();
    this.again = false;
  }
}
