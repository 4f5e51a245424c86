/** Times for people: how long ago, with the exact time in the viewer's zone on hover. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** So far may the clocks of server and viewer differ, and "just now" still be said of both. */
const APART = 3_000;

// Made once: to make one costs a hundred times what its use does.
const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
const DAYS = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });

/** A browser's clock may be off by this much before it is put right. */
const TOLERANCE = 30_000;

/**
 * Tell by how much a browser's clock is behind the server's; a little is taken for none.
 * @param {number} told The server's time in its answer, in milliseconds since 1970.
 * @param {number} heard The browser's time when the answer began to come in.
 */
export function skew(told, heard) {
  const behind = told - heard;
  return Number.isFinite(behind) && Math.abs(behind) > TOLERANCE ? behind : 0;
}

// Read as JSON, as it is a kind of entry that only browsers have.
const arrival = performance.getEntriesByType("navigation")[0]?.toJSON();
const heard = performance.timeOrigin + (arrival?.responseStart ?? 0);
const behind = skew(Number(globalThis.document?.body.dataset.now), heard);

/** Give the time by the server's clock, in milliseconds since 1970. */
export function clock() {
  return Date.now() + behind;
}

/**
 * Say when something was or will be, seen from now.
 * @param {string} at RFC 3339.
 * @param {number} now Milliseconds since 1970.
 */
export function relative(at, now) {
  const distance = now - Date.parse(at);
  const size = Math.abs(distance);
  if (size < 45_000) return distance < -APART ? "in a moment" : "just now";
  if (size >= 7 * DAY) return day(at);
  const amount =
    size < HOUR - 30_000
      ? `${Math.round(size / MINUTE)} min`
      : size < DAY
        ? `${Math.round(size / HOUR)} h`
        : days(Math.round(size / DAY));
  return distance > 0 ? `${amount} ago` : `in ${amount}`;
}

/**
 * Say how long something lasts already.
 * @param {string} at RFC 3339.
 * @param {number} now Milliseconds since 1970.
 */
export function age(at, now) {
  const size = Math.max(now - Date.parse(at), 0);
  if (size < MINUTE) return "less than a minute";
  if (size < HOUR) return `${Math.floor(size / MINUTE)} min`;
  return size < DAY ? `${Math.floor(size / HOUR)} h` : days(Math.floor(size / DAY));
}

/** @param {number} count */
function days(count) {
  return count === 1 ? "1 day" : `${count} days`;
}

/** @param {string} at */
function day(at) {
  return DAYS.format(new Date(at));
}

/**
 * Give the exact time in the viewer's zone.
 * @param {string} at RFC 3339.
 */
export function exact(at) {
  return EXACT.format(new Date(at));
}

/**
 * Rewrite the times that the server rendered; live parts draw their own.
 * @param {ParentNode} root
 * @param {number} now
 */
export function localise(root, now) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    if (element.closest("[data-live]")) continue;
    const at = element.getAttribute("datetime") ?? "";
    const isAge = /** @type {HTMLElement} */ (element).dataset.as === "age";
    element.textContent = isAge ? age(at, now) : relative(at, now);
    element.setAttribute("title", exact(at));
  }
}
