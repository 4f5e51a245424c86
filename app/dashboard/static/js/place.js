/** Where a page stands: its filters and its open item are in the address, to be shared. */

/**
 * Give the address of this page, but for what is named; an empty value takes a part away.
 * @param {Record<string, string>} changes
 */
export function address(changes) {
  const query = new URLSearchParams(location.search);
  query.delete("cursor");
  for (const [name, value] of Object.entries(changes)) {
    if (value) query.set(name, value);
    else query.delete(name);
  }
  return location.pathname + (query.size > 0 ? `?${query}` : "");
}

/** @param {string} name */
export function asked(name) {
  return new URLSearchParams(location.search).get(name) ?? "";
}
