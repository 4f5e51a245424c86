/** What waits for a person: the server draws it; here it is kept up to date and answered in place. */

import { counter } from "./counter.js";
import { element, now } from "./page.js";
import { Refresher } from "./refresher.js";
import { send } from "./send.js";
import { localise } from "./time.js";

/**
 * Keep the part of this page up to date; ask the result for it after changes.
 * @param {string} address Of a page that has the same part.
 */
export function follow(address) {
  const place = element("waiting");
  const refresher = new Refresher(async () => {
    put(place, await drawn(address));
    counter.request();
  }, setTimeout.bind(globalThis));
  place.addEventListener("submit", (event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    void answer(form).then(() => refresher.request());
  });
  return refresher;
}

/** @param {HTMLFormElement} form */
async function answer(form) {
  const item = /** @type {HTMLElement} */ (form.closest(".wait"));
  item.inert = true;
  // What was answered stays so until the server draws the list without it.
  if (!(await send(form.action, new FormData(form)))) item.inert = false;
}

/** @param {string} address */
async function drawn(address) {
  const answer = await fetch(address, { headers: { Accept: "text/html" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const part = page.getElementById("waiting");
  if (part) return part;
  if (answer.ok) location.reload(); // It led to the sign-in.
  throw new Error(`${address} answered ${answer.status}.`);
}

/**
 * Show the newly drawn part, but leave alone what somebody is filling in.
 * @param {HTMLElement} place
 * @param {HTMLElement} fresh
 */
function put(place, fresh) {
  localise(fresh, now.value);
  const list = place.querySelector(".waits");
  const freshList = fresh.querySelector(".waits");
  if (!list || !freshList) {
    place.replaceChildren(...fresh.childNodes);
    return;
  }
  const busy = new Map(
    items(list)
      .filter(isBusy)
      .map((item) => [item.dataset.wait, item]),
  );
  const wanted = items(freshList).map((item) => busy.get(item.dataset.wait) ?? item);
  for (const item of items(list)) if (!wanted.includes(item)) item.remove();
  wanted.forEach((item, index) => {
    if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
  });
}

/** @param {Element} list */
function items(list) {
  return /** @type {HTMLElement[]} */ ([...list.children]);
}

/** @param {HTMLElement} item */
function isBusy(item) {
  if (item.inert) return false;
  const fields = /** @type {NodeListOf<HTMLInputElement | HTMLTextAreaElement>} */ (
    item.querySelectorAll("input, textarea")
  );
  const filled = [...fields].some((field) => field.value !== field.defaultValue);
  return filled || item.contains(document.activeElement) || item.matches(":has(details[open])");
}
