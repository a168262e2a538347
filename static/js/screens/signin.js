/** Sign-in, once, with the network. Everything after works without. */
import { explain } from '../data/explain.js';
import { newKey } from '../data/keys.js';
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
    element('p', {}, element('a', { href: '/office/' }, t('办公端')), ' · ', element('a', { href: '#/settings' }, 'English / 中文')));
  form.addEventListener('submit', (event) => event.preventDefault());
  root.replaceChildren(form);

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
    if (!ctx.session.keysAgree(answer.data)) {
      const { text, next } = explain({ kind: 'offline', cause: 'wrong_key' });
      return tell(`${t(text)} ${t(next)}`);
    }
    const other = (await ctx.store.meta('owner')) ?? answer.data.user.id;
    if (other !== answer.data.user.id) await ctx.store.clear();
    await ctx.session.signIn(answer.data, ctx.now(), key);
    await ctx.store.setMeta('owner', answer.data.user.id);
    root.replaceChildren(element('p', { class: 'card', role: 'status' }, t('正在下载登记册和表单,请保持网络…')));
    await ctx.sync.run();
    void ctx.keeping.ask();
    ctx.go('#/today');
    await ctx.reload();
  }
}
