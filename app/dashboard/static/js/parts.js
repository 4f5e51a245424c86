/** Parts that several pages show; the templates in parts.html draw the same. */

import { useSignal } from "@preact/signals";
import { html } from "./html.js";
import { now } from "./page.js";
import { segments } from "./reduce.js";
import { age, exact, relative } from "./time.js";
import { percent, tally, word } from "./words.js";

/** @typedef {import("./types.js").Progress} Progress */

const icons = globalThis.document?.body.dataset.icons ?? "";

/** @param {{name: string}} props */
export function Icon({ name }) {
  return html`<svg class=${`icon icon-${name}`} width="16" height="16" aria-hidden="true">
    <use href=${`${icons}#${name}`} />
  </svg>`;
}

/** @param {{status: string}} props */
export function Chip({ status }) {
  const told = word(status);
  return html`<span class=${`chip tone-${told.tone}`}><${Icon} name=${told.icon} />${told.label}</span>`;
}

/** @param {{status: string}} props */
export function StatusIcon({ status }) {
  const told = word(status);
  return html`<span class=${`state tone-${told.tone}`} title=${told.label}
    ><${Icon} name=${told.icon} /><span class="unseen">${told.label}</span></span
  >`;
}

/** @param {{at?: string | null}} props */
export function Moment({ at }) {
  if (!at) return null;
  return html`<time datetime=${at} title=${exact(at)}>${relative(at, now.value)}</time>`;
}

/** How long something lasts already. @param {{at: string}} props */
export function Age({ at }) {
  return html`<time datetime=${at} title=${exact(at)}>${age(at, now.value)}</time>`;
}

/** @param {{status: string, progress: Progress}} props */
export function Bar({ status, progress }) {
  return html`<progress
    class=${`bar tone-${word(status).tone}`}
    max="100"
    value=${progress.percent ?? 0}
    aria-label=${tally(progress)}
  />`;
}

/** @param {{status: string, value?: number | null}} props */
export function MiniBar({ status, value }) {
  if (!value || value >= 100) return null;
  return html`<progress
    class=${`bar mini tone-${word(status).tone}`}
    max="100"
    value=${value}
    aria-label=${percent(value)}
  />`;
}

/** @param {{statuses: string[]}} props */
export function Segments({ statuses }) {
  return html`<svg
    class="segments"
    viewBox=${`0 0 ${statuses.length || 1} 1`}
    preserveAspectRatio="none"
    aria-hidden="true"
  >
    ${segments(statuses).map(([status, start, length]) => {
      const open = status === "QUEUED" || status === "CREATED" ? " is-open" : "";
      return html`<rect
        class=${`tone-${word(status).tone}${open}`}
        x=${start}
        y="0"
        width=${length}
        height="1"
      />`;
    })}
  </svg>`;
}

/**
 * A part that opens and closes; what is in it is drawn only while it is open.
 * @param {{name: string, open: boolean, summary: any, children: () => any}} props
 */
export function Fold({ name, open, summary, children }) {
  const shown = useSignal(open);
  /** @param {Event & {currentTarget: HTMLDetailsElement}} event */
  const toggled = (event) => {
    shown.value = event.currentTarget.open;
  };
  return html`<details class=${name} open=${shown.value} onToggle=${toggled}>
    <summary><${Icon} name="chevron" />${summary}</summary>
    ${shown.value ? children() : null}
  </details>`;
}
