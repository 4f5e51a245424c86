/** Lets Node find the vendored libraries by the bare names that the import map gives them. */

import { register } from "node:module";

const folder = new URL("../../../app/dashboard/static/", import.meta.url).href;
const hooks = `
const vendored = {
  "@preact/signals-core": "vendor/preact-signals-core.mjs",
  preact: "vendor/preact.mjs",
  "preact/hooks": "vendor/preact-hooks.mjs",
  "@preact/signals": "vendor/preact-signals.mjs",
  htm: "vendor/htm.mjs",
};
export async function resolve(name, context, next) {
  const file = vendored[name];
  const found = file ? { url: "${folder}" + file, shortCircuit: true } : await next(name, context);
  return found.url.startsWith("${folder}") ? { ...found, format: "module" } : found;
}`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
