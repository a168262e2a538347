/** Making elements without writing mark-up as text. */

/**
 * @param {string} tag @param {{[name: string]: string | boolean}} [attributes] true: present without value, false: absent
 * @param {...(Node | string)} children
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, '');
    else if (value !== false) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/**
 * A button that does something and submits nothing.
 * @param {string} text @param {() => void} press @param {{[name: string]: string | boolean}} [attributes]
 */
export function button(text, press, attributes = {}) {
  const made = /** @type {HTMLButtonElement} */ (element('button', { type: 'button', ...attributes }, text));
  made.addEventListener('click', press);
  return made;
}
