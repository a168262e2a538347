/** The alarm of a phone whose browser threw its databases away: what is gone, what to do, what the office sees. */
import { button, element } from './widgets/dom.js';

/** @param {HTMLElement} root @param {import('./context.js').Ctx} ctx */
export async function show(root, ctx) {
  const { t } = ctx;
  const { lost } = ctx.session;
  if (!lost) return ctx.go('#/today');
  const signedIn = Boolean(ctx.session.user);
  ctx.header({ title: t('手机里的数据不见了') });
  const steps = [
    ...(signedIn ? [] : [t('重新登录。办公室会看到这部手机缺了哪些。')]),
    t('告诉乡镇管理员,并照走访本或纸质表补录没到中心的户。'),
    t('以后防止再发生:把本页“添加到主屏幕”,不要用清理软件清这个浏览器,每天同步一次。'),
  ];
  root.replaceChildren(element('section', { class: 'card alarm', role: 'alert', 'data-name': 'lost' },
    element('h2', {}, t('手机里的数据不见了')),
    element('p', {}, t('浏览器清空了本应用存在手机里的内容:可能是手机太满、用了清理软件,或清除过浏览数据。')),
    ...gone(ctx, lost),
    element('p', {}, t('已到中心(✓✓✓)的都在中心,不会丢。')),
    element('h2', {}, t('现在怎么办')),
    element('ol', {}, ...steps.map((step) => element('li', {}, step))),
    signedIn
      ? button(t('知道了'), () => { ctx.session.readLost(); ctx.go('#/today'); void ctx.reload(); }, { class: 'main' })
      : button(t('重新登录'), () => ctx.go('#/signin'), { class: 'main' })));
}

/** @param {import('./context.js').Ctx} ctx @param {import('../data/session.js').Lost} lost */
function gone({ t }, { open, drafts, at }) {
  if (!at) return [element('p', { class: 'sum' }, t('丢了多少,手机自己已不知道。'))];
  const when = element('p', { class: 'hint' }, t('按最后一次统计:{when}', { when: new Date(at).toLocaleString() }));
  if (!open && !drafts) return [element('p', { class: 'sum' }, t('当时没有未到中心的,也没有草稿。')), when];
  return [
    ...(open ? [element('p', { class: 'sum' }, t('{n} 份走访没有到中心', { n: open }))] : []),
    ...(drafts ? [element('p', { class: 'sum' }, t('{n} 份草稿没有填完', { n: drafts }))] : []),
    element('p', {}, t('没有到中心的,可能已到村级节点;还在手机里的,从这部手机找不回来了。')), when,
  ];
}
