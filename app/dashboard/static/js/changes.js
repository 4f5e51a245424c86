/** What a form would change, said before it is sent. */

/**
 * Say which fields of a form are not as they were.
 * @param {Iterable<{name: string, label: string, was: unknown, is: unknown}>} fields
 */
export function changed(fields) {
  return [...new Set([...fields].filter(({ was, is }) => was !== is).map(({ label }) => label))];
}

/** Keep saying beside its button what a form would change. @param {HTMLFormElement} form */
export function tellChanges(form) {
  const place = form.querySelector(".changes");
  const button = form.querySelector("button.primary");
  const tell = () => {
    const names = changed(fieldsOf(form));
    if (place) place.textContent = names.length ? `Changes: ${names.join(", ")}.` : "";
    if (button instanceof HTMLButtonElement) button.disabled = names.length === 0;
  };
  form.addEventListener("input", tell);
  tell();
}

/** @param {HTMLFormElement} form */
function* fieldsOf(form) {
  for (const field of form.querySelectorAll("input:not([type=hidden]), textarea, select")) {
    const label = labelOf(field);
    if (field instanceof HTMLInputElement && field.type === "checkbox") {
      yield { name: field.name, label, was: field.defaultChecked, is: field.checked };
    } else if (field instanceof HTMLSelectElement) {
      const was = [...field.options].find((option) => option.defaultSelected) ?? field.options[0];
      yield { name: field.name, label, was: was?.value, is: field.value };
    } else if (field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement) {
      yield { name: field.name, label, was: field.defaultValue, is: field.value };
    }
  }
}

/** @param {Element} field */
function labelOf(field) {
  if (field.getAttribute("name") === "dependencies") return "waits for";
  const name = field.getAttribute("name") ?? "";
  if (name === "new_param" || name === "new_value") return "another param";
  const label = /** @type {HTMLInputElement} */ (field).labels?.[0];
  return (
    label?.firstChild?.textContent?.trim() ||
    label?.textContent?.trim() ||
    name
  ).toLowerCase();
}
