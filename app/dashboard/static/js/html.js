/** Markup in scripts: tagged templates whose values are always text, never HTML. */

import htm from "htm";
import { h } from "preact";

export const html = htm.bind(h);
