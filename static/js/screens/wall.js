/** The wall for what a screen other than a form could not write: nothing goes on until it was read. */
import { makeRoom } from '../data/room.js';
import { button, element } from './widgets/dom.js';

/** @param {any} ctx @param {Error} error */
export function raiseWall(ctx, error) {
  const { t } = ctx;
  if (document.querySelector('.form-wall:not([hidden])')) return;
  const said = element('p', { role: 'status' });
  const wall = element('div', { class: 'form-wall', role: 'alertdialog', 'aria-live': 'assertive', tabindex: '-1' },
    element('h2', {}, t('没有保存!')),
    element('p', {}, t(error.message)),
    element('p', {}, t('刚才那一步没有存上,请再做一次。之前存的都还在。')),
    button(t('腾出手机空间'), async () => {
      said.textContent = t('正在清理…');
      said.textContent = await makeRoom(ctx).catch(() => t('没能清理。请删除手机里的照片或视频,再点重试。'));
    }),
    said,
    button(t('知道了,再做一次'), () => {
      wall.remove();
      void ctx.reload();
    }, { class: 'form-next' }));
  document.body.append(wall);
  wall.focus();
}
