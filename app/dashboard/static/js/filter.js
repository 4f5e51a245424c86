/** The filter of the event feed: a form whose answer is the address, applied at once. */

import { element } from "./page.js";
import { address, asked } from "./place.js";

/** @typedef {import("./history.js").Filter} Filter */
/** @typedef {import("./history.js").History} History */

/** Read the filter from the address. @returns {Filter} */
export function readFilter() {
  return {
    task: asked("task"),
    agent: asked("agent"),
    type: asked("type"),
    errors: asked("errors") !== "",
  };
}

/** Apply what is chosen, and keep it in the address. @param {History} log */
export function followFilter(log) {
  const form = /** @type {HTMLFormElement} */ (element("feed-filter"));
  const choose = () => {
    const chosen = new FormData(form);
    const wanted = Object.fromEntries(
      ["task", "agent", "type", "errors"].map((name) => [name, String(chosen.get(name) ?? "")]),
    );
    history.replaceState(null, "", address(wanted));
    void log.show(readFilter());
  };
  form.addEventListener("change", choose);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    choose();
  });
}
