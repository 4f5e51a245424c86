/** Renews a part of the page until what it shows has come to an end. */

import { clock, localise } from "./time.js";

const SOON = 1_000;
const SHARE = 10;

/** What the part was replaced with last, as it came. */
let last = "";

/**
 * Say how long to wait before the next look: one that took long is not asked for often.
 * @param {number} took Milliseconds.
 */
export function pause(took) {
  return Math.max(SOON, SHARE * took);
}

/**
 * Put what another copy of the page shows in the place of what this one shows.
 * @param {Document} page
 * @param {Document} renewed
 * @returns {boolean} Whether it goes on.
 */
export function takeOver(page, renewed) {
  const old = page.getElementById("renewed");
  const found = renewed.getElementById("renewed");
  if (!old || !found) return false;
  if (found.innerHTML !== last) {
    last = found.innerHTML;
    localise(found, clock());
    old.replaceWith(page.adoptNode(found));
  }
  return found.hasAttribute("data-renews");
}

async function look() {
  const begun = performance.now();
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    const text = await answer.text();
    const renewed = new DOMParser().parseFromString(text, "text/html");
    // What the page can do at its end, it came without; so that copy is loaded whole.
    if (answer.ok && !takeOver(document, renewed)) location.reload();
  } catch {
    // The next look may find the server again.
  }
  setTimeout(() => void look(), pause(performance.now() - begun));
}

if (globalThis.document?.querySelector("[data-renews]")) setTimeout(() => void look(), SOON);
