/** The details of one item beside the page: drawn by the server, opened and kept up to date here. */

import { element, getPage, now } from "./page.js";
import { address, asked } from "./place.js";
import { Refresher } from "./refresher.js";
import { send } from "./send.js";
import { localise } from "./time.js";

/**
 * Open items of a page beside it; ask the result for news after an event about an item.
 * @param {string} base Address of the execution.
 */
export function panel(base) {
  const place = element("item");
  /** Where the focus goes back to. @type {HTMLElement | null} */
  let opener = null;

  const refresher = new Refresher(async () => {
    const item = asked("item");
    if (item && !isBusy(place)) await draw(item);
  }, setTimeout.bind(globalThis));

  /** @param {string} item */
  async function draw(item) {
    const page = await getPage(`${base}/items/${encodeURIComponent(item)}`);
    if (asked("item") !== item) return;
    if (!page) {
      say("There is no such task here.");
      return;
    }
    const scroll = place.scrollTop;
    localise(page, now.value);
    place.replaceChildren(...page.body.childNodes);
    place.scrollTop = scroll;
  }

  /** @param {string} text */
  function say(text) {
    const told = document.createElement("p");
    told.className = "hint item-none";
    told.textContent = text;
    place.replaceChildren(told);
  }

  async function show() {
    const item = asked("item");
    place.hidden = !item;
    if (!item) {
      place.replaceChildren();
      opener?.focus();
      return;
    }
    say("Loading…");
    try {
      await draw(item);
      document.getElementById("item-title")?.focus({ preventScroll: true });
    } catch {
      say("It could not be loaded. Is the connection there?");
    }
  }

  /** @param {string} item */
  function go(item) {
    history.pushState(null, "", address({ item }));
    void show();
  }

  document.addEventListener("click", (event) => {
    const isPlain = !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0;
    const target = /** @type {Element} */ (event.target);
    const link = target.closest("[data-shows], #item [data-closes]");
    if (!isPlain || !(link instanceof HTMLElement)) return;
    event.preventDefault();
    if (link.dataset.shows && !place.contains(link)) opener = link;
    go(link.dataset.shows ?? "");
  });
  addEventListener("popstate", () => void show());
  place.addEventListener("submit", (event) => {
    event.preventDefault();
    void answer(/** @type {HTMLFormElement} */ (event.target));
  });

  /** @param {HTMLFormElement} form */
  async function answer(form) {
    place.inert = true;
    if (await send(form.action, new FormData(form))) {
      form.reset();
      if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
      for (const open of place.querySelectorAll("details.choice[open]"))
        open.removeAttribute("open");
    }
    place.inert = false;
    refresher.request();
  }

  return {
    /** @param {string} taskId */
    news(taskId) {
      if (asked("item") && (taskId === asked("item") || isTaskOf(place, taskId)))
        refresher.request();
    },
    refresh: () => refresher.request(),
  };
}

/** @param {HTMLElement} place @param {string} taskId */
function isTaskOf(place, taskId) {
  return place.querySelector(`[data-shows="${CSS.escape(taskId)}"]`) !== null;
}

/** Somebody is filling in a form. @param {HTMLElement} place */
function isBusy(place) {
  return (
    place.querySelector("details.choice[open]") !== null ||
    place.matches(":has(:is(input, textarea, select):focus)")
  );
}
