/** Sign-in, once, with the network. Everything after works without. */
import { newKey } from '../data/keys.js';
import { peopleHere } from './people-here.js';
import { signedIn } from './signed-in.js';
import { button, element } from './widgets/dom.js';

/** @param {HTMLElement} root @param {import('./context.js').Ctx} ctx */
export async function show(root, ctx) {
  const { t } = ctx;
  ctx.header({ title: t('入户走访') });
  const username = /** @type {HTMLInputElement} */ (element('input', { name: 'username', autocomplete: 'username', autocapitalize: 'none', required: true }));
  const password = /** @type {HTMLInputElement} */ (element('input', { name: 'password', type: 'password', autocomplete: 'current-password', required: true }));
  const said = element('p', { class: 'error', role: 'alert', hidden: true });
  const go = button(t('登录'), () => void send(), { class: 'main', type: 'submit' });
  const form = element('form', { class: 'card' },
    element('p', {}, t('第一次登录需要网络;登录后断网也能用。')),
    element('label', {}, t('用户名'), username), element('label', {}, t('密码'), password), said, go,
    element('p', {}, element('a', { href: '#/enrol' }, t('用登记码登录')), ' · ', element('a', { href: '/office/' }, t('办公端')), ' · ', element('a', { href: '#/settings' }, 'English / 中文')));
  form.addEventListener('submit', (event) => event.preventDefault());
  root.replaceChildren(peopleHere(ctx), form);

  /** @param {string} text */
  const tell = (text) => {
    said.textContent = text;
    said.hidden = !text;
  };

  async function send() {
    tell('');
    /** @type {HTMLButtonElement} */ (go).disabled = true;
    const { key, public_key } = await newKey();
    const answer = await ctx.api.post('/api/sign-in', {
      username: username.value.trim(), password: password.value, device: navigator.userAgent.slice(0, 90), key: public_key,
      ...(ctx.session.lost && { lost_install: ctx.session.lost.install_id }),
    });
    /** @type {HTMLButtonElement} */ (go).disabled = false;
    if (answer.kind === 'offline') return tell(t('连不上服务器。请检查网络后再登录。'));
    if (answer.kind === 'refused') return tell(`${answer.message} ${answer.next}`);
    const wrong = await signedIn(root, ctx, answer.data, key);
    return wrong ? tell(wrong) : undefined;
  }
}
