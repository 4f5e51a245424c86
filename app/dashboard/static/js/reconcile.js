/** Brings drawn elements up to date by their keys, and leaves alone what is in use. */

/** @typedef {Element & {dataset: DOMStringMap}} Keyed */

/**
 * Make the children of a parent those of another, in their order. Where both have one of a key,
 * ``choose`` says which of the two stays.
 * @param {Element} parent
 * @param {Element} fresh
 * @param {(old: HTMLElement, drawn: HTMLElement) => HTMLElement} choose
 */
export function reconcile(parent, fresh, choose) {
  const before = children(parent);
  const known = new Map(before.map((child) => [child.dataset.key, child]));
  const wanted = children(fresh).map((drawn) => {
    const old = known.get(drawn.dataset.key);
    return old ? choose(old, drawn) : drawn;
  });
  for (const child of before) if (!wanted.includes(child)) child.remove();
  // What stands in its place is not moved: moving takes the focus away.
  wanted.forEach((child, index) => {
    const there = parent.children[index] ?? null;
    if (there !== child) parent.insertBefore(child, there);
  });
}

/** @param {Element} parent */
function children(parent) {
  return /** @type {HTMLElement[]} */ ([...parent.children]);
}
