/** The title of the document: what the page is about, with the count of the inbox before it. */

/**
 * Put a number before a title, in place of the one that stood there; none for 0.
 * @param {string} title
 * @param {number} total
 */
export function counted(title, total) {
  const bare = title.replace(/^\(\d+\) /, "");
  return total > 0 ? `(${total}) ${bare}` : bare;
}

/** Rename the page; the count stays. @param {string} title */
export function setTitle(title) {
  const told = Number(/^\((\d+)\) /.exec(document.title)?.[1] ?? 0);
  document.title = counted(title, told);
}
