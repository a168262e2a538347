/** "May this phone be emptied?": the verdict, what is lacking and what to do about it; then sign-out and emptying. */
import { clearable } from '../core/clearable.js';
import { wipe } from '../data/wipe.js';
import { button, element } from './widgets/dom.js';

/** @typedef {import('../core/clearable.js').Lack} Lack */

/** @param {HTMLElement} root @param {import('./context.js').Ctx} ctx */
export async function show(root, ctx) {
  const { t } = ctx;
  ctx.header({ title: t('可以清空这部手机吗'), back: '#/sync' });
  /** Whether emptying was asked for once; a sync that paints the screen meanwhile does not take it back. */
  let asked = false;
  // The same button throughout, so that no tap falls between two of them.
  const sync = /** @type {HTMLButtonElement} */ (button('', () => void ctx.sync.run()));
  const stop = [ctx.sync.subscribe(() => void paint()), ctx.outbox.subscribe(() => void paint())];
  await paint();
  return () => stop.forEach((one) => one());

  async function verdict() {
    const [unconfirmed, photos, drafts, lastSync] = await Promise.all([
      ctx.outbox.unconfirmed(), ctx.outbox.blobsToSend(), ctx.drafts.count(), ctx.store.meta('last_sync')]);
    return clearable({ unconfirmed, photos: photos.length, drafts, last_ok: ctx.sync.state.last_ok ?? lastSync, now: ctx.now() });
  }

  async function paint() {
    // Whoever is typing the confirmation is not disturbed.
    if (root.contains(document.activeElement) && document.activeElement?.tagName === 'INPUT') return;
    const { safe, lacks } = await verdict();
    asked &&= safe;
    const { running } = ctx.sync.state;
    sync.textContent = running ? t('正在同步…') : t('现在同步');
    sync.disabled = running;
    sync.className = safe ? 'main second' : 'main';
    root.replaceChildren(
      element('section', { class: `card ${safe ? 'verdict' : 'alarm'}`, 'data-name': 'verdict', 'data-safe': String(safe), role: 'status' },
        element('h2', {}, safe ? t('可以清空') : t('现在不能清空')),
        ...(safe
          ? [element('p', {}, t('全部走访和照片都已到中心(✓✓✓),没有草稿。'))]
          : [element('ul', {}, ...lacks.map(({ what, n }) => element('li', { 'data-lack': what }, element('b', {}, words(what, n)), ' ', nextStep(what))))]),
        sync),
      safe ? emptying() : anyway(lacks));
  }

  /** @param {Lack} what @param {number} n */
  function words(what, n) {
    return {
      unconfirmed: t('还有 {n} 份没有到中心', { n }), photos: t('还有 {n} 个照片或录音没有送出', { n }),
      drafts: t('还有 {n} 份草稿没填完', { n }), contact: t('一小时内没有和服务器核对过'),
    }[what];
  }

  /** @param {Lack} what */
  function nextStep(what) {
    return {
      unconfirmed: t('连上网络,点“现在同步”;到了村级节点的,等节点联网。'), photos: t('连上网络,点“现在同步”,等它送完。'),
      drafts: t('请回“今日”填完或删除。别人留下的草稿,请本人登录处理。'), contact: t('请点“现在同步”。'),
    }[what];
  }

  function emptying() {
    const words = () => (asked ? t('确定清空?再点一次') : t('退出登录并清空这部手机'));
    const go = button(words(), () => {
      if (asked) return void empty();
      asked = true;
      go.textContent = words();
    }, { class: 'danger', 'data-name': 'empty' });
    return element('section', { class: 'card' }, element('p', {}, t('清空后,这部手机上的登记册、表单和走访记录全部删除;中心的不受影响。')), go);
  }

  /** @param {{what: Lack, n: number}[]} lacks */
  function anyway(lacks) {
    const n = lacks.reduce((sum, { what, n: one }) => sum + (what === 'unconfirmed' || what === 'drafts' ? one : 0), 0);
    const wanted = t('丢弃{n}份', { n });
    const typed = /** @type {HTMLInputElement} */ (element('input', { autocomplete: 'off', 'aria-label': wanted }));
    const go = button(t('丢弃并清空'), () => typed.value.trim() === wanted && void empty(true), { class: 'danger', disabled: true, 'data-name': 'discard' });
    typed.addEventListener('input', () => { go.disabled = typed.value.trim() !== wanted; });
    return element('details', { class: 'card' }, element('summary', {}, t('仍要清空(会丢失上面这些)')),
      element('p', { class: 'error' }, t('没到中心的走访和草稿会永远丢失,谁也找不回来。')),
      element('label', {}, t('确实要这样,请输入:{words}', { words: wanted }), typed), go);
  }

  /** @param {boolean} [lossy] the person typed what will be lost */
  async function empty(lossy = false) {
    // Something may have been finished in another window since.
    if (!lossy && !(await verdict()).safe) return paint();
    root.replaceChildren(element('p', { class: 'card', role: 'status' }, t('正在清空…')));
    await wipe(ctx);
    location.replace('/');
  }
}
