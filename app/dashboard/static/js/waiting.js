/** What waits for a person: the server draws it; here it is kept up to date and answered in place. */

import { counter } from "./counter.js";
import { element, getPage, now } from "./page.js";
import { reconcile } from "./reconcile.js";
import { Refresher } from "./refresher.js";
import { post, refuse } from "./send.js";
import { localise } from "./time.js";
import { toast } from "./toast.js";

/**
 * Keep the part of this page up to date; ask the result for it after changes.
 * @param {string} address Of a page that has the same part.
 * @param {string[]} also Ids of other parts that change with it; nobody fills them in.
 */
export function follow(address, also = []) {
  const place = element("waiting");
  const refresher = new Refresher(async () => {
    const page = await drawn(address);
    put(place, /** @type {HTMLElement} */ (page.getElementById("waiting")));
    for (const id of also) replace(id, page);
    counter.request();
  }, setTimeout.bind(globalThis));
  place.addEventListener("submit", (event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    void answer(place, form).then(() => refresher.request());
  });
  return refresher;
}

/**
 * Send an answer. What was answered goes at once, with a word, and the next has the focus.
 * @param {HTMLElement} place
 * @param {HTMLFormElement} form
 */
async function answer(place, form) {
  const item = /** @type {HTMLElement} */ (form.closest(".wait"));
  const next = neighbour(place, item);
  item.inert = true;
  const { accepted, settled, refusal } = await post(form.action, new FormData(form));
  refuse(settled ? refusal : "");
  if (accepted) {
    toast(form.dataset.told ?? "Done.", "done");
    item.remove();
    if (next) next.focus();
    else document.querySelector("h1")?.focus();
    return;
  }
  item.inert = false;
  if (!settled) tell(form, refusal);
}

/** What comes after an item, or before the last. @param {HTMLElement} place @param {Element} item */
function neighbour(place, item) {
  const all = /** @type {HTMLElement[]} */ ([...place.querySelectorAll(".wait")]);
  const index = all.indexOf(/** @type {HTMLElement} */ (item));
  const next = all[index + 1] ?? all[index - 1];
  if (next) next.tabIndex = -1;
  return next;
}

/** Say beside a form why it was refused. @param {HTMLFormElement} form @param {string} refusal */
function tell(form, refusal) {
  form.querySelector(".wait-refusal")?.remove();
  const told = document.createElement("p");
  told.className = "notice notice-fail wait-refusal";
  told.setAttribute("role", "alert");
  told.textContent = refusal;
  form.append(told);
}

/** @param {string} address */
async function drawn(address) {
  const page = await getPage(address);
  if (!page?.getElementById("waiting")) throw new Error(`${address} has nothing of the kind.`);
  return page;
}

/**
 * Show the newly drawn part, but leave alone what somebody is filling in.
 * @param {HTMLElement} place
 * @param {HTMLElement} fresh
 */
function put(place, fresh) {
  localise(fresh, now.value);
  if (place.querySelector(".waits") && fresh.querySelector(".waits"))
    reconcile(place, fresh, mergedGroup);
  else place.replaceChildren(...fresh.childNodes);
}

/** @param {HTMLElement} old @param {HTMLElement} drawn */
function mergedGroup(old, drawn) {
  const [list, freshList] = [old.querySelector(".waits"), drawn.querySelector(".waits")];
  if (!list || !freshList) return drawn;
  reconcile(list, freshList, (item, fresh) => (isBusy(item) ? item : fresh));
  const [heading, fresh] = [old.querySelector("h2"), drawn.querySelector("h2")];
  if (heading && fresh) heading.replaceWith(fresh);
  return old;
}

/** @param {string} id @param {Document} page */
function replace(id, page) {
  const [old, fresh] = [document.getElementById(id), page.getElementById(id)];
  if (old && fresh && !old.contains(document.activeElement)) old.replaceWith(fresh);
}

/** @param {HTMLElement} item */
function isBusy(item) {
  if (item.inert) return false;
  const fields = /** @type {NodeListOf<HTMLInputElement | HTMLTextAreaElement>} */ (
    item.querySelectorAll("input:not([type=hidden]), textarea")
  );
  const filled = [...fields].some((field) => field.value !== field.defaultValue);
  return filled || item.contains(document.activeElement) || item.matches(":has(details[open])");
}
