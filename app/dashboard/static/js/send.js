/** Sends a form without leaving the page; a refusal is shown on it. */

import { element } from "./page.js";

const SILENT = "The server did not answer. Look at the status before you try again.";

/**
 * Tells whether it was accepted; shows the refusal at the top of the page.
 * @param {string} address
 * @param {FormData} form
 */
export async function send(address, form) {
  const { accepted, refusal } = await post(address, form);
  refuse(refusal);
  return accepted;
}

/**
 * Send a form; ``settled`` tells that it came too late, and that trying again will not help.
 * @param {string} address
 * @param {FormData} form
 * @returns {Promise<{accepted: boolean, settled: boolean, refusal: string}>}
 */
export async function post(address, form) {
  const headers = { Accept: "application/problem+json" };
  try {
    const answer = await fetch(address, { method: "POST", body: form, headers });
    const refusal = answer.ok ? "" : (await answer.json()).detail;
    return { accepted: answer.ok, settled: answer.status === 409, refusal };
  } catch {
    return { accepted: false, settled: false, refusal: SILENT };
  }
}

/** @param {string} sentence Empty takes the last one away. */
export function refuse(sentence) {
  const place = element("refusal");
  place.textContent = sentence;
  place.hidden = !sentence;
  if (sentence) place.scrollIntoView({ block: "center" });
}
