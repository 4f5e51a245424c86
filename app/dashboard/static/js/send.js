/** Sends a form without leaving the page; a refusal is shown on it. */

import { element } from "./page.js";

/**
 * Tells whether it was accepted.
 * @param {string} address
 * @param {FormData} form
 */
export async function send(address, form) {
  const headers = { Accept: "application/problem+json" };
  try {
    const answer = await fetch(address, { method: "POST", body: form, headers });
    refuse(answer.ok ? "" : (await answer.json()).detail);
    return answer.ok;
  } catch {
    refuse("The server did not answer. Look at the status before you try again.");
    return false;
  }
}

/** @param {string} sentence Empty takes the last one away. */
function refuse(sentence) {
  const place = element("refusal");
  place.textContent = sentence;
  place.hidden = !sentence;
  if (sentence) place.scrollIntoView({ block: "center" });
}
