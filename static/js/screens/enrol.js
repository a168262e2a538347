/** This phone comes in by an invitation of the office: scanned, or typed. It shows a code and waits for a person there. */
import { newKey } from '../data/keys.js';
import { signedIn } from './signed-in.js';
import { button, element } from './widgets/dom.js';

const EVERY_MS = 2_000;

/** @param {HTMLElement} root @param {import('./context.js').Ctx} ctx @param {{id?: string}} params */
export async function show(root, ctx, { id = '' }) {
  const { t } = ctx;
  ctx.header({ title: t('登记这部手机'), back: '#/signin' });
  if (ctx.session.user) {
    root.replaceChildren(element('p', { class: 'card' }, t('{name} 还登录着。先在“我的”里退出,再扫一次。', { name: ctx.session.user.name })));
    return undefined;
  }
  // The secret does not stay in the history of the browser.
  if (id) history.replaceState(null, '', '#/enrol');
  let left = false;
  const secret = /** @type {HTMLInputElement} */ (element('input', { name: 'secret', value: id, autocapitalize: 'characters', autocomplete: 'off', required: true, maxlength: '20' }));
  const said = element('p', { class: 'error', role: 'alert', hidden: true });
  const go = /** @type {HTMLButtonElement} */ (button(t('登记'), () => void send(), { class: 'main', type: 'submit' }));
  const form = element('form', { class: 'card' },
    element('p', {}, t('向办公室要登记码:扫他们电脑上的二维码,或者输入码下面的 12 位。')),
    element('label', {}, t('登记码'), secret), said, go);
  form.addEventListener('submit', (event) => event.preventDefault());
  root.replaceChildren(form);

  /** @param {string} text */
  const tell = (text) => {
    root.replaceChildren(form);
    said.textContent = text;
    said.hidden = !text;
    go.disabled = false;
  };

  async function send() {
    said.hidden = true;
    go.disabled = true;
    const { key, public_key } = await newKey();
    const answer = await ctx.api.post('/api/enrol', {
      secret: secret.value, key: public_key, device: navigator.userAgent.slice(0, 90),
      ...(ctx.session.lost && { lost_install: ctx.session.lost.install_id }),
    });
    if (answer.kind === 'offline') return tell(t('连不上服务器。请检查网络后再登录。'));
    if (answer.kind === 'refused') return tell(`${answer.message} ${answer.next}`);
    root.replaceChildren(element('section', { class: 'card', role: 'status' },
      element('p', {}, t('把这四个数字告诉办公室的人:')),
      element('p', { class: 'enrol-code' }, answer.data.code),
      element('p', {}, t('他们在电脑上填好后,这里会自动登录。请不要关掉这一页。'))));
    await wait(answer.data.claim, key);
  }

  /** @param {string} claim @param {CryptoKey} key */
  async function wait(claim, key) {
    while (!left) {
      const answer = await ctx.api.post('/api/enrol/collect', { claim });
      if (answer.kind === 'refused') return tell(`${answer.message} ${answer.next}`);
      if (answer.kind === 'ok' && !answer.data.waiting) {
        const wrong = await signedIn(root, ctx, answer.data, key);
        return wrong ? tell(wrong) : undefined;
      }
      await new Promise((done) => { setTimeout(done, EVERY_MS); });
    }
    return undefined;
  }

  if (id) void send();
  return () => {
    left = true;
  };
}
