/**
 * Keys: j and k walk through the items of a page, / leads to its search, ? tells of the keys.
 *
 * Items are what carries ``data-item``, the titles of rows, what waits, and what can be unfolded.
 */

const ITEMS = "[data-item], .row-title, .wait, .tree summary";
const FIELDS = "input, textarea, select, [contenteditable]";
const PLACES = new Map([
  ["e", "/executions"],
  ["i", "/inbox"],
  ["p", "/plans"],
  ["a", "/agents"],
  ["s", "/settings"],
]);

/** How long the second key of a pair may take. */
const PAIR_MILLISECONDS = 1_500;

/**
 * Choose the item that a step leads to; past an end it stays there.
 * @param {number} current Index of the item that has the focus, or -1.
 * @param {number} step 1 or -1.
 * @param {number} count
 */
export function neighbour(current, step, count) {
  if (current < 0) return step > 0 ? 0 : count - 1;
  return Math.min(Math.max(current + step, 0), count - 1);
}

/** Remembers the first key of a pair for a moment. */
export class Pair {
  /** @param {() => number} clock Milliseconds. */
  constructor(clock = () => performance.now()) {
    this.clock = clock;
    this.begun = -Infinity;
  }

  /** @param {string} key @returns {string | undefined} Where this key leads, if it ends a pair. */
  press(key) {
    const isSecond = this.clock() - this.begun <= PAIR_MILLISECONDS;
    this.begun = key === "g" ? this.clock() : -Infinity;
    return isSecond ? PLACES.get(key) : undefined;
  }
}

/** @param {Document} page */
export function listen(page) {
  const pair = new Pair();
  page.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.key === "Escape") leave(page, target);
    else if (!target.closest(FIELDS) && !page.querySelector("dialog[open]")) {
      if (act(page, target, event.key, pair)) event.preventDefault();
    }
  });
}

/**
 * Do what a key stands for; tells whether it stood for anything.
 * @param {Document} page @param {HTMLElement} target @param {string} key @param {Pair} pair
 */
function act(page, target, key, pair) {
  const place = pair.press(key);
  if (place) location.assign(place);
  else if (key === "j") walk(page, 1);
  else if (key === "k") walk(page, -1);
  else if (key === "/") return search(page);
  else if (key === "?") showKeys(page);
  else if (key === "Enter") return enter(target);
  else return false;
  return true;
}

/** @param {Document} page @param {number} step */
function walk(page, step) {
  const items = /** @type {HTMLElement[]} */ ([...page.querySelectorAll(ITEMS)]).filter((item) =>
    item.checkVisibility(),
  );
  const current = items.findLastIndex((item) => item.contains(page.activeElement));
  const next = items[neighbour(current, step, items.length)];
  if (!next) return;
  if (next.tabIndex < 0 && !next.hasAttribute("tabindex")) next.tabIndex = -1;
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

/** @param {Document} page */
function search(page) {
  const field = page.querySelector("main input[type=search]");
  if (!(field instanceof HTMLInputElement)) return false;
  field.focus();
  field.select();
  return true;
}

/** @param {Document} page */
function showKeys(page) {
  const dialog = page.getElementById("keys-dialog");
  if (dialog instanceof HTMLDialogElement) dialog.showModal();
}

/** An item that is no link itself: its first link, button or field. @param {HTMLElement} target */
function enter(target) {
  if (!target.matches("[data-item], .wait") || target.matches("a, button, summary")) return false;
  const first = target.querySelector(
    "a[href], button, summary, input:not([type=hidden]), textarea",
  );
  if (!(first instanceof HTMLElement)) return false;
  if (first.matches("a")) first.click();
  else first.focus();
  return true;
}

/** Close what is open, or leave the field. @param {Document} page @param {HTMLElement} target */
function leave(page, target) {
  if (page.querySelector("dialog[open]")) return; // The browser closes it.
  const menu = page.querySelector("details.menu[open]");
  const closer = page.querySelector("[data-closes]");
  if (menu) {
    menu.removeAttribute("open");
    menu.querySelector("summary")?.focus();
  } else if (target.closest(FIELDS)) target.blur();
  else if (closer instanceof HTMLElement) closer.click();
}
