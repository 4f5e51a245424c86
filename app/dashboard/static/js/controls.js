/** Start, pause, resume, reassign and cancel; a refusal is shown on the page. */

import { useSignal } from "@preact/signals";
import { html } from "./html.js";
import { element } from "./page.js";
import { Icon } from "./parts.js";
import { send } from "./send.js";
import { moves } from "./words.js";

/** @typedef {import("./store.js").ExecutionStore} ExecutionStore */

const ASKED = new Set(["cancel", "reassign"]);

/** What an execution becomes by a move, as far as that is certain. */
const BECOMES = new Map([
  ["pause", "PAUSED"],
  ["cancel", "CANCELLED"],
]);

/** @param {{store: ExecutionStore, base: string, csrf: string}} props */
export function Controls({ store, base, csrf }) {
  const busy = useSignal("");
  /** @param {string} move @param {FormData} [form] */
  const carryOut = async (move, form = new FormData()) => {
    const before = store.execution.value;
    const status = BECOMES.get(move);
    busy.value = move;
    // Shown at once; where it is refused, it is what it was, and the refusal is told.
    if (status) store.execution.value = { ...before, status };
    form.set("csrf_token", csrf);
    const accepted = await send(`${base}/${move}`, form);
    const isUntouched = store.execution.value.seq === before.seq;
    if (!accepted && isUntouched) store.execution.value = before;
    // The page came with the choice of agents as it was before.
    if (accepted && move === "reassign") location.reload();
    busy.value = "";
  };
  return moves(store.execution.value.status).map((move) =>
    ASKED.has(move)
      ? html`<button
          key=${move}
          class=${move === "cancel" ? "danger" : ""}
          aria-busy=${busy.value === move}
          onClick=${() => ask(move, carryOut)}
        >
          ${label(move)}
        </button>`
      : html`<button
          key=${move}
          class=${move === "pause" ? "" : "primary"}
          disabled=${busy.value !== ""}
          onClick=${() => carryOut(move)}
        >
          <${Icon} name=${move} />${label(move)}
        </button>`,
  );
}

/** @param {string} move */
function label(move) {
  return move.charAt(0).toUpperCase() + move.slice(1);
}

/**
 * Ask before a move that needs a word more.
 * @param {string} move
 * @param {(move: string, form: FormData) => Promise<void>} carryOut
 */
function ask(move, carryOut) {
  const dialog = /** @type {HTMLDialogElement} */ (element(`${move}-dialog`));
  const form = /** @type {HTMLFormElement} */ (dialog.querySelector("form"));
  form.onsubmit = (event) => {
    event.preventDefault();
    dialog.close();
    void carryOut(move, new FormData(form));
  };
  const close = /** @type {HTMLButtonElement} */ (dialog.querySelector("[data-close]"));
  close.onclick = () => dialog.close();
  dialog.showModal();
}
