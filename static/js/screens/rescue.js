/** Shown when the register and the drafts cannot be opened: finished work is still here, and goes out. */
import { explain } from '../data/explain.js';
import { sendOut } from '../data/rescue.js';
import { button, element } from './widgets/dom.js';

/**
 * @param {HTMLElement} root
 * @param {{t: import('./form-frame.js').Translate, error: unknown} & import('../data/push.js').Parts} use
 */
export async function showRescue(root, use) {
  const { t, outbox, session, error } = use;
  const waiting = element('p', { class: 'sum', 'data-name': 'waiting' });
  const said = element('p', { role: 'status' });
  const send = button(t('现在送出'), () => void go(), { class: 'main' });
  const name = error instanceof Error ? error.name : 'blocked';
  root.replaceChildren(element('section', { class: 'screen' }, element('div', { class: 'card alarm', role: 'alert', 'data-name': 'rescue' },
    element('h2', {}, t('打不开手机里的登记册和草稿')),
    element('p', {}, t('内容还在手机里。请不要清除浏览器数据,也不要卸载。')),
    element('ol', {}, ...[t('关掉其他打开着的入户页面,再点“再试打开”。'), t('还不行:关掉其他应用或重启手机,再打开。'), t('仍不行:告诉管理员,附上错误名 {name}。', { name })]
      .map((step) => element('li', {}, step))),
    button(t('再试打开'), () => location.reload(), { class: 'main second' })),
  element('div', { class: 'card' }, element('h2', {}, t('已完成的走访另外存着,照样能送出')), waiting, said, send)));
  await go();

  async function count() {
    const n = await outbox.unconfirmed();
    waiting.textContent = n ? t('还有 {n} 份没有到中心', { n }) : t('全部已到中心,可以放心');
    send.hidden = !n || !session.installs.length;
    return n;
  }

  async function go() {
    if (!await count()) return;
    /** @type {HTMLButtonElement} */ (send).disabled = true;
    said.className = '';
    said.textContent = t('正在送出…');
    const trouble = await sendOut(use);
    /** @type {HTMLButtonElement} */ (send).disabled = false;
    const { text, next, values } = trouble ? explain(trouble) : { text: '已送到节点', next: '', values: {} };
    said.className = trouble ? 'error' : '';
    said.textContent = `${t(text, values)} ${t(next, values)}`;
    await count();
  }
}
