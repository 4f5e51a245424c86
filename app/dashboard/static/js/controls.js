/** Pause, resume and cancel; a refusal is shown on the page. */

import { useSignal } from "@preact/signals";
import { html } from "./html.js";
import { element } from "./page.js";
import { Icon } from "./parts.js";
import { moves } from "./words.js";

/** @typedef {import("./store.js").ExecutionStore} ExecutionStore */

/** @param {{store: ExecutionStore, base: string, csrf: string}} props */
export function Controls({ store, base, csrf }) {
  const busy = useSignal("");
  /** @param {string} move @param {FormData} [form] */
  const send = async (move, form = new FormData()) => {
    busy.value = move;
    form.set("csrf_token", csrf);
    await submit(`${base}/${move}`, form);
    busy.value = "";
  };
  return moves(store.execution.value.status).map((move) =>
    move === "cancel"
      ? html`<button key="cancel" class="danger" onClick=${() => confirmCancel(send)}>Cancel</button>`
      : html`<button
          key=${move}
          class=${move === "resume" ? "primary" : ""}
          disabled=${busy.value === move}
          onClick=${() => send(move)}
        >
          <${Icon} name=${move} />${move === "pause" ? "Pause" : "Resume"}
        </button>`,
  );
}

/** @param {string} address @param {FormData} form */
async function submit(address, form) {
  const headers = { Accept: "application/problem+json" };
  try {
    const answer = await fetch(address, { method: "POST", body: form, headers });
    refuse(answer.ok ? "" : (await answer.json()).detail);
  } catch {
    refuse("The server did not answer. Look at the status before you try again.");
  }
}

/** @param {string} sentence Empty takes the last one away. */
function refuse(sentence) {
  const place = element("refusal");
  place.textContent = sentence;
  place.hidden = !sentence;
}

/** @param {(move: string, form: FormData) => Promise<void>} send */
function confirmCancel(send) {
  const dialog = /** @type {HTMLDialogElement} */ (element("cancel-dialog"));
  const form = /** @type {HTMLFormElement} */ (dialog.querySelector("form"));
  form.onsubmit = (event) => {
    event.preventDefault();
    dialog.close();
    void send("cancel", new FormData(form));
  };
  const close = /** @type {HTMLButtonElement} */ (dialog.querySelector("[data-close]"));
  close.onclick = () => dialog.close();
  dialog.showModal();
}
