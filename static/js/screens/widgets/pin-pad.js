/** Six digits by big keys or a keyboard. What is typed is never shown, and forgotten at once. */
import { PIN_LENGTH } from '../../core/pin.js';
import { button, element } from './dom.js';

/**
 * @param {{t: import('../form-frame.js').Translate, typed: (pin: string) => void | Promise<void>}} use typed: six digits are in; the pad rests until it is done
 */
export function pinPad({ t, typed }) {
  let pin = '';
  let busy = false;
  const dots = element('p', { class: 'pin-dots', role: 'img' });
  const said = element('p', { class: 'pin-said', role: 'alert' });
  const digit = (/** @type {string} */ one) => button(one, () => void press(one), { class: 'pin-key', 'data-digit': one });
  const keys = element('div', { class: 'pin-keys' }, ...[...'123456789'].map(digit), element('span', {}), digit('0'),
    button('⌫', () => show(pin.slice(0, -1)), { class: 'pin-key', 'aria-label': t('删除一位') }));
  const pad = element('div', { class: 'pin-pad', 'data-name': 'pin-pad' }, dots, said, keys);
  document.addEventListener('keydown', onKey);
  show('');

  /** @param {string} next */
  function show(next) {
    if (busy) return;
    pin = next;
    dots.setAttribute('aria-label', t('已输入 {n} 位', { n: pin.length }));
    dots.replaceChildren(...Array.from({ length: PIN_LENGTH }, (_, i) => element('span', i < pin.length ? { class: 'on' } : {})));
  }

  /** @param {string} one */
  async function press(one) {
    if (busy || pin.length >= PIN_LENGTH) return;
    show(pin + one);
    if (pin.length < PIN_LENGTH) return;
    const whole = pin;
    rest(true);
    await typed(whole);
    rest(false);
    show('');
  }

  /** @param {boolean} on */
  function rest(on) {
    busy = on;
    for (const key of keys.querySelectorAll('button')) key.disabled = on;
    pad.classList.toggle('busy', on);
  }

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    if (!pad.isConnected) return document.removeEventListener('keydown', onKey);
    if (/^\d$/.test(event.key)) void press(event.key);
    else if (event.key === 'Backspace') show(pin.slice(0, -1));
  }

  return {
    pad, rest,
    /** @param {string} text */
    say(text) { said.textContent = text; },
  };
}
