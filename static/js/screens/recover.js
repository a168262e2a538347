/** A forgotten code, with the office's help: the request out as a file, a code for the office, the answer in, a new unlock code. */
import { askOffice, takeAnswer } from '../data/recovery.js';
import { save } from './courier.js';
import { button, element } from './widgets/dom.js';

/**
 * @param {HTMLElement} place @param {Pick<import('./context.js').Ctx, 't' | 'db' | 'lock' | 'session'>} ctx
 * @param {(raw: Uint8Array) => void} opened with the data key
 */
export function recoverCard(place, ctx, opened) {
  const { t } = ctx;
  const said = element('p', { role: 'status' });
  const code = element('p', { class: 'enrol-code', hidden: true });
  const input = /** @type {HTMLInputElement} */ (element('input', { type: 'file', hidden: true, 'data-name': 'recovery-answer' }));
  input.addEventListener('change', () => void reading());
  place.replaceChildren(element('section', { class: 'card', 'data-name': 'recover' },
    element('h2', {}, t('请办公室找回草稿')),
    element('ol', {}, element('li', {}, t('导出申请文件,交给区县管理员。')), element('li', {}, t('把下面出现的六个数字告诉他。')),
      element('li', {}, t('把他给的文件读进来,设新的开锁码。'))),
    button(t('导出申请文件'), () => void asking(), { 'data-name': 'ask-office' }), code,
    button(t('读入办公室的文件'), () => input.click()), input, said));

  async function asking() {
    const asked = await askOffice(ctx);
    if (!asked) {
      said.textContent = t('这部手机设开锁码时还不知道中心的钥匙,办公室打不开。填完的走访不受影响。');
      return;
    }
    code.textContent = asked.code;
    code.hidden = false;
    said.textContent = t('已存到下载里。之后再点一次,前一个申请就作废。');
    save({ name: 'ruhu-shenqing.ruhu', file: asked.file, works: 0, ops: 0, photos: 0 });
  }

  async function reading() {
    const file = input.files?.[0];
    input.value = '';
    if (!file) return;
    try {
      opened(await takeAnswer(ctx, file));
    } catch (error) {
      said.textContent = error instanceof Error && error.message === 'foreign' ? t('这不是办公室给的找回文件。') : t('这个文件是给另一个申请的。请用最后一次导出的申请。');
    }
  }
}
