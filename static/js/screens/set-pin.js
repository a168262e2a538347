/** A PIN is chosen: typed twice. At the first sign-in, and once on phones of before. */
import { unfit } from '../core/pin.js';
import { unfitText } from './pin-words.js';
import { button, element } from './widgets/dom.js';
import { pinPad } from './widgets/pin-pad.js';

/**
 * @param {HTMLElement} root
 * @param {{t: import('./form-frame.js').Translate, keep: (pin: string) => Promise<void>, title?: string, later?: boolean}} use  later: may be put off
 * @returns {Promise<'set' | 'later'>}
 */
export function showSetPin(root, { t, keep, later = false, title = t('设一个 6 位开锁码') }) {
  return new Promise((done) => {
    let first = '';
    const step = element('p', { 'data-name': 'pin-step', role: 'status' });
    const { pad, say } = pinPad({
      t,
      async typed(pin) {
        say('');
        const why = first ? '' : unfit(pin);
        if (why) return say(unfitText(t, why));
        if (!first) return ask(pin);
        if (pin !== first) {
          ask('');
          return say(t('两次不一样,从头再来'));
        }
        await keep(pin);
        return done('set');
      },
    });
    root.replaceChildren(element('main', { class: 'screen lock' }, element('h1', {}, title),
      element('p', {}, t('手机丢了或借给别人时,没有开锁码看不到走访内容。每次打开只要输一次,没有网也行。')), step, pad,
      element('p', { class: 'hint' }, t('请记牢:办公室也不知道您的开锁码。忘了它,填完的走访不会丢,没填完的草稿要请办公室找回。')),
      ...(later ? [button(t('今天先不设'), () => done('later'), { 'data-name': 'pin-later' })] : [])));
    ask('');

    /** @param {string} pin */
    function ask(pin) {
      first = pin;
      step.textContent = pin ? t('再输一遍') : t('输入新的开锁码');
    }
  });
}
