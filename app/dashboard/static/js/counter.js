/** How much waits in the inbox: in the navigation, and in the title of the document. */

import { element, getJson } from "./page.js";
import { Refresher } from "./refresher.js";
import { counted } from "./title.js";

export const counter = new Refresher(async () => {
  const { total } = await getJson("/api/inbox?limit=1");
  const place = element("inbox-count");
  place.textContent = String(total);
  place.hidden = total === 0;
  document.title = counted(document.title, total);
}, setTimeout.bind(globalThis));
