/** The lock: nothing of the phone's content is shown until the PIN was typed. Works with no network. */
import { waitText } from './pin-words.js';
import { button, element } from './widgets/dom.js';
import { pinPad } from './widgets/pin-pad.js';

/**
 * @param {HTMLElement} root
 * @param {{t: import('./form-frame.js').Translate, lock: import('../data/lock.js').Lock, name: string, waiting: number, more?: Node[], below?: Node[]}} use
 *   waiting: pieces of work not yet at the centre. more: other ways on, for who forgot the code. below: for others
 * @returns {Promise<void>} when it is open
 */
export function showUnlock(root, { t, lock, name, waiting, more = [], below = [] }) {
  return new Promise((done) => {
    const { pad, say, rest } = pinPad({
      t,
      async typed(pin) {
        const tried = await lock.unlock(pin);
        if (tried.kind === 'open') return done();
        if (tried.kind === 'burnt') return burnt();
        if (tried.wait_ms) return void countdown();
        say(tried.kind === 'wrong' ? t('开锁码不对,还能试 {n} 次', { n: tried.left }) : '');
      },
    });
    const forgot = element('details', { class: 'card', 'data-name': 'forgot' }, element('summary', {}, t('忘了开锁码')),
      element('p', {}, t('已填完的走访不会丢:它们另外封好了,中心打得开。没填完的草稿可以请办公室找回。请不要清空手机。')), ...more);
    root.replaceChildren(element('main', { class: 'screen lock' },
      element('h1', {}, t('入户走访')), element('p', { class: 'lock-name' }, name),
      ...(waiting ? [element('p', { class: 'hint', 'data-name': 'waiting' }, t('还有 {n} 份没有到中心', { n: waiting }))] : []),
      element('p', {}, t('输入 6 位开锁码')), pad, forgot, ...below));
    if (lock.state() === 'burnt') burnt();
    else if (lock.wait()) void countdown();

    async function countdown() {
      rest(true);
      for (let ms = lock.wait(); ms > 0 && pad.isConnected; ms = lock.wait()) {
        say(t('输错太多次,请等 {time}再试', { time: waitText(t, ms) }));
        await new Promise((next) => { setTimeout(next, 500); });
      }
      say('');
      rest(false);
    }

    function burnt() {
      pad.replaceWith(element('div', { class: 'card alarm', role: 'alert', 'data-name': 'burnt' },
        element('h2', {}, t('输错了 10 次,这部手机上的钥匙已销毁')),
        element('p', {}, t('已填完的走访不会丢:它们另外封好了,中心打得开。没填完的草稿可以请办公室找回。'))));
      forgot.setAttribute('open', '');
    }
  });
}

/** A person who has no way to type it: the button that goes on without. @param {import('./form-frame.js').Translate} t @param {() => void} press */
export const signInAgain = (t, press) => button(t('用密码重新登录,设新的开锁码'), press, { 'data-name': 'sign-in-again' });
