/** The number in the navigation: how much waits in the inbox. */

import { element, getJson } from "./page.js";
import { Refresher } from "./refresher.js";

export const counter = new Refresher(async () => {
  const { total } = await getJson("/api/inbox?limit=1");
  const place = element("inbox-count");
  place.textContent = String(total);
  place.hidden = total === 0;
}, setTimeout.bind(globalThis));
