/** Short messages: said to those who listen, and shown for a while to those who look. */

import { element } from "./page.js";

const SHOWN_MILLISECONDS = 6_000;

/**
 * Show a sentence for a while; screen readers say it.
 * @param {string} text
 * @param {"done" | "run" | "wait" | "fail" | "idle"} [tone]
 */
export function toast(text, tone = "idle") {
  const shown = document.createElement("p");
  shown.className = `toast tone-${tone}`;
  shown.textContent = text;
  element("toasts").append(shown);
  setTimeout(() => shown.remove(), SHOWN_MILLISECONDS);
}

/**
 * Say a change of status to those who listen, without showing it.
 * @param {string} text
 */
export function announce(text) {
  element("announcer").textContent = text;
}
