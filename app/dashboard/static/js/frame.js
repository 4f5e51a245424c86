/** What every page has around its content: keys, dialogs, copying, the counter of the inbox. */

import { counter } from "./counter.js";
import { listen } from "./keys.js";
import { toast } from "./toast.js";

const A_MINUTE = 60_000;

document.documentElement.classList.add("scripted");

document.addEventListener("click", (event) => {
  const pressed = /** @type {Element} */ (event.target).closest("[data-opens], [data-copies]");
  if (!(pressed instanceof HTMLElement)) return;
  const { opens, copies } = pressed.dataset;
  const target = document.getElementById(opens ?? copies ?? "");
  if (opens && target instanceof HTMLDialogElement) target.showModal();
  if (copies && target) void copy(target.textContent ?? "");
});

/** @param {string} text */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied.", "done");
  } catch {
    toast("The browser did not let it be copied. Select the text and copy it.", "fail");
  }
}

/** Menus close when one looks elsewhere. @param {Event} event */
function closeMenus(event) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(/** @type {Node} */ (event.target))) menu.removeAttribute("open");
  }
}

document.addEventListener("pointerdown", closeMenus);
document.addEventListener("focusin", closeMenus);

listen(document);

if (document.getElementById("inbox-count")) {
  const look = () => {
    if (document.visibilityState === "visible") counter.request();
  };
  document.addEventListener("visibilitychange", look);
  setInterval(look, A_MINUTE);
}
