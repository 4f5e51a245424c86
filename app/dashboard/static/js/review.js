/** Changing a breakdown: steps moved by dragging or with Alt and the arrow keys, edits told. */

import { tellChanges } from "./changes.js";
import { element } from "./page.js";

const list = element("steps");
const steps = /** @type {HTMLElement[]} */ ([...list.querySelectorAll("[data-step]")]);

/** @param {Element | null | undefined} step @param {string} way @returns {HTMLFormElement | null} */
function mover(step, way) {
  return step?.querySelector(`[data-move=${way}]`)?.closest("form") ?? null;
}

list.addEventListener("keydown", (event) => {
  const way = { ArrowUp: "up", ArrowDown: "down" }[event.key];
  const target = /** @type {HTMLElement} */ (event.target);
  if (!way || !event.altKey || target.matches("input, textarea, select")) return;
  const form = mover(target.closest("[data-step]"), way);
  const button = form?.querySelector("button");
  if (!form || !button || button.disabled) return;
  event.preventDefault();
  form.requestSubmit();
});

/** @type {HTMLElement | undefined} */
let dragged;

for (const step of steps) {
  const handle = step.querySelector(".step-number");
  handle?.addEventListener("pointerdown", () => {
    step.draggable = steps.length > 1;
  });
  step.addEventListener("dragstart", (event) => {
    dragged = step;
    event.dataTransfer?.setData("text/plain", step.dataset.step ?? "");
    step.classList.add("is-dragged");
  });
  step.addEventListener("dragend", () => {
    step.draggable = false;
    step.classList.remove("is-dragged");
    mark(undefined, false);
    dragged = undefined;
  });
  step.addEventListener("dragover", (event) => {
    if (!dragged || dragged === step) return;
    event.preventDefault();
    mark(step, isBelow(step, event.clientY));
  });
  step.addEventListener("drop", (event) => {
    if (!dragged || dragged === step) return;
    event.preventDefault();
    const place = steps.indexOf(step) + (isBelow(step, event.clientY) ? 1 : 0);
    drop(dragged, steps[place]);
  });
}

/** @param {HTMLElement} step @param {number} y */
function isBelow(step, y) {
  const { top, height } = step.getBoundingClientRect();
  return y > top + height / 2;
}

/** @param {HTMLElement | undefined} step @param {boolean} below */
function mark(step, below) {
  for (const one of steps) {
    one.classList.toggle("drops-below", one === step && below);
    one.classList.toggle("drops-above", one === step && !below);
  }
}

/** Send the form of the step's own button with another place. @param {HTMLElement} step @param {HTMLElement | undefined} before */
function drop(step, before) {
  const form = mover(step, "up");
  const place = form?.elements.namedItem("before");
  if (!form || before === step || !(place instanceof HTMLInputElement)) return;
  place.value = before?.dataset.step ?? "";
  form.submit(); // Not as if its button were pressed, which the first step's cannot be.
}

for (const form of document.querySelectorAll("form[data-changes]")) {
  tellChanges(/** @type {HTMLFormElement} */ (form));
}

const place = document.getElementById(decodeURIComponent(location.hash.slice(1)));
if (place?.matches("[data-step]")) place.focus();
list.dataset.ready = "";
