/** The list of plans: uploads by drag and drop with their progress, filters that apply at once. */

import { element } from "./page.js";

const form = /** @type {HTMLFormElement} */ (element("upload"));
const field = /** @type {HTMLInputElement} */ (element("file"));
const progress = /** @type {HTMLElement} */ (form.querySelector(".dropzone-progress"));
const bar = /** @type {HTMLProgressElement} */ (progress.querySelector("progress"));
const told = /** @type {HTMLElement} */ (progress.querySelector("p"));

form.addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
field.addEventListener("change", () => {
  if (field.files?.length) send();
});

/** Send the chosen file; the answer is the page of the plan, or this page with what is wrong. */
function send() {
  const file = field.files?.[0];
  if (!file) return;
  const request = new XMLHttpRequest();
  request.open("POST", form.action);
  request.responseType = "document";
  request.upload.onprogress = ({ loaded, total }) => show(`Sending ${file.name}…`, loaded / total);
  request.upload.onload = () => show(`Reading ${file.name}…`, 1);
  request.onload = () => answered(request);
  request.onerror = () => {
    fault("The server did not answer. Look whether it is there, then send the file again.");
  };
  show(`Sending ${file.name}…`, 0);
  request.send(new FormData(form));
}

/** @param {string} text @param {number} share */
function show(text, share) {
  progress.hidden = false;
  form.setAttribute("aria-busy", "true");
  bar.value = 100 * share;
  told.textContent = text;
}

/** @param {XMLHttpRequest} request */
function answered(request) {
  if (request.status < 400) {
    location.assign(request.responseURL);
    return;
  }
  const shown = request.response?.getElementById("upload-faults")?.innerHTML;
  if (shown) faults(request.response.getElementById("upload-faults"));
  else fault(request.response?.querySelector("main p")?.textContent ?? "The file was refused.");
}

/** @param {HTMLElement} found What the page with the refusal shows at this place. */
function faults(found) {
  element("upload-faults").replaceChildren(...found.children);
  ended();
}

/** @param {string} text */
function fault(text) {
  const notice = document.createElement("p");
  notice.className = "notice notice-fail";
  notice.setAttribute("role", "alert");
  notice.textContent = text;
  element("upload-faults").replaceChildren(notice);
  ended();
}

/** The same file may be chosen again once it is mended. */
function ended() {
  progress.hidden = true;
  form.removeAttribute("aria-busy");
  field.value = "";
  element("upload-faults").scrollIntoView({ block: "nearest" });
}

/** How many elements the file is over: each that it enters tells so, and each that it leaves. */
let depth = 0;

/** @param {number} by */
function moved(by) {
  depth += by;
  form.classList.toggle("is-over", depth > 0);
}

/** A file may be dropped anywhere on the page. @param {DragEvent} event */
function carriesFile(event) {
  return event.dataTransfer?.types.includes("Files") ?? false;
}

document.addEventListener("dragenter", (event) => {
  if (carriesFile(event)) moved(1);
});
document.addEventListener("dragleave", (event) => {
  if (carriesFile(event)) moved(-1);
});
document.addEventListener("dragover", (event) => {
  if (carriesFile(event)) event.preventDefault();
});
document.addEventListener("drop", (event) => {
  if (!carriesFile(event)) return;
  event.preventDefault();
  moved(-depth);
  field.files = event.dataTransfer?.files ?? null;
  send();
});

for (const select of document.querySelectorAll("select[data-submits]")) {
  select.addEventListener("change", () => {
    /** @type {HTMLSelectElement} */ (select).form?.requestSubmit();
  });
}
form.dataset.ready = "";
