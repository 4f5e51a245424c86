/** The review of many breakdowns: counts what is chosen. */

import { element } from "./page.js";

const form = element("review");
const boxes = /** @type {HTMLInputElement[]} */ ([...form.querySelectorAll("[name=task_id]")]);
const none = form.querySelector("[data-none]");

function count() {
  const chosen = boxes.filter((box) => box.checked).length;
  const shown = form.querySelector("[data-chosen]");
  const button = form.querySelector(".approve-bar .primary");
  if (shown) shown.textContent = String(chosen);
  if (button instanceof HTMLButtonElement) button.disabled = chosen === 0;
  if (none) none.textContent = chosen ? "Choose none" : "Choose all";
}

none?.addEventListener("click", () => {
  const choose = boxes.every((box) => !box.checked);
  for (const box of boxes) box.checked = choose;
  count();
});
form.addEventListener("change", count);
count();
