/** What every page does: show times in the viewer's zone, and read the data it came with. */

import { signal } from "@preact/signals-core";
import { clock, localise } from "./time.js";

/** The time now, renewed every ten seconds; whatever shows a relative time reads it. */
export const now = signal(clock());

/** Give the data that came with the page. @returns {any} */
export function pageData() {
  return JSON.parse(document.getElementById("page-data")?.textContent ?? "{}");
}

/** @param {string} id @returns {HTMLElement} */
export function element(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page has no element ${id}.`);
  return found;
}

/**
 * Get JSON from our own API.
 * @param {string} address
 */
export async function getJson(address) {
  const answer = await fetch(address, { headers: { Accept: "application/json" } });
  if (answer.status === 401) signedOut();
  if (!answer.ok) throw new Error(`${address} answered ${answer.status}.`);
  return answer.json();
}

/**
 * Get a page or a part of one from here; null where there is none.
 * @param {string} address
 */
export async function getPage(address) {
  const answer = await fetch(address, { headers: { Accept: "text/html" } });
  if (answer.status === 404) return null;
  if (answer.redirected) signedOut();
  if (!answer.ok || answer.redirected) throw new Error(`${address} answered ${answer.status}.`);
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

/** Say so where that can be said: to load the page anew would take what somebody is writing. */
function signedOut() {
  const place = document.getElementById("refusal");
  if (!place) return location.reload();
  place.textContent = "You are signed out. Reload this page to sign in.";
  place.hidden = false;
}

/** @param {string} path */
export function socketAddress(path) {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;
}

localise(document, now.value);
setInterval(() => {
  now.value = clock();
  localise(document, now.value);
}, 10_000);
