/** How agents stand, drawn by the server, looked at again every few seconds. */

import { element, now } from "./page.js";
import { localise } from "./time.js";

const AGAIN_MILLISECONDS = 10_000;

async function refresh() {
  const place = element("agents");
  // Nobody looks, or somebody is on a link that would be drawn anew under their hands.
  if (document.visibilityState !== "visible" || place.contains(document.activeElement)) return;
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("agents");
  if (!fresh) return location.reload(); // It led to the sign-in.
  localise(fresh, now.value);
  place.replaceChildren(...fresh.childNodes);
}

// A page that answered a form has no address of its own to ask again.
if (document.getElementById("new-key") === null) {
  setInterval(() => void refresh().catch(() => undefined), AGAIN_MILLISECONDS);
}
