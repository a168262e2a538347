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

/** What each place was last filled with. @type {WeakMap<Element, string>} */
const painted = new WeakMap();

/**
 * Fill a place anew, unless it would read as before: then what stands there stays, so that a sync that paints a
 * screen takes no button away from under a finger and no question back that was asked twice. What a handler acts on
 * must show in an attribute, or two rows that read alike would be taken for one.
 * @param {Element} place @param {...(Node | string)} children
 */
export function renew(place, ...children) {
  const text = children.map((one) => (one instanceof Element ? one.outerHTML : typeof one === 'string' ? one : one.textContent)).join('\u0000');
  if (painted.get(place) === text && place.childNodes.length) return;
  painted.set(place, text);
  place.replaceChildren(...children);
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
