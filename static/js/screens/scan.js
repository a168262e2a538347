/** The scanner: camera, or the first characters typed. The household's name is always shown before anything opens. */
import { lookup, parse, suggest } from '../core/code.js';
import { entriesOf, goneTo, movedWithCode } from '../core/lives.js';
import { householdRow, villagesOf } from './rows.js';
import { button, element } from './widgets/dom.js';
import { readCodes } from './widgets/reader.js';

/** @param {HTMLElement} root @param {import('./context.js').Ctx} ctx @param {{text?: string}} params */
export async function show(root, ctx, params) {
  const { t } = ctx;
  ctx.header({ title: t('扫码'), back: true });
  const video = /** @type {HTMLVideoElement} */ (element('video', { playsinline: true, muted: true, class: 'camera', 'aria-label': t('摄像头画面') }));
  const said = element('div', { class: 'said', role: 'status' });
  const about = element('div', { class: 'about' });
  const torch = button(t('手电筒'), light, { hidden: true });
  const field = /** @type {HTMLInputElement} */ (element('input', { class: 'search', placeholder: t('或输入入户码前几位'), autocapitalize: 'characters', 'aria-label': t('入户码') }));
  const list = element('div', { class: 'rows', 'data-name': 'suggested' });
  root.replaceChildren(video, torch, about, said, field, list);
  const rows = await ctx.store.rows();
  const villages = await villagesOf(ctx, rows);
  /** @type {ReturnType<typeof readCodes> | null} */
  let reading = null;
  let lit = false;

  field.addEventListener('input', () => {
    const typed = field.value;
    if (parse(typed)) return found(typed);
    list.replaceChildren(...suggest(typed, rows).map((row) => householdRow(ctx, /** @type {any} */ (row), '', villages)));
  });

  if (params.text) found(params.text);
  else void film();

  return () => reading?.stop();

  /** @param {string} text */
  function found(text) {
    const code = parse(text);
    if (!code) {
      said.replaceChildren(element('p', { class: 'error', role: 'alert' }, t('这个二维码不是入户码。请对准门牌卡或走访表上的码。')));
      return false;
    }
    const { verdict, household } = lookup(code.code, rows);
    if (verdict === 'ours' && household) {
      video.hidden = torch.hidden = true;
      const row = /** @type {any} */ (household);
      said.replaceChildren(element('section', { class: 'card', 'data-name': 'found' },
        element('p', {}, t('找到这一户:')), householdRow(ctx, row, '', villages),
        button(t('填走访表'), () => ctx.go(`#/form?form_id=${code.form_id || 'visit'}&household_id=${row.id}${code.sheet ? `&sheet=${code.sheet}` : ''}`), { class: 'main', 'data-name': 'start' }),
        button(t('看这一户'), () => ctx.go(`#/household/${row.id}`))));
      void leadOn(async () => goneTo(entriesOf(await ctx.store.ofHousehold('event', row.id)), row.area));
      return true;
    }
    said.replaceChildren(element('p', { class: 'error', role: 'alert' }, verdict === 'forged'
      ? t('这个码是假的:前半段对得上一户,校验不对。请不要使用,并报告乡镇。')
      : t('手机上没有这个码的户:不在您负责的区域,或不是我们的码。请核对,或联网同步后再扫。')));
    if (verdict !== 'forged') void leadOn(async () => movedWithCode(entriesOf(await ctx.store.all('event')), code.code));
    return false;
  }

  /** A household that moved to another village left an entry with its code. @param {() => Promise<import('../core/lives.js').Entry | null>} find */
  async function leadOn(find) {
    const shown = said.firstChild;
    const moved = await find();
    if (moved && said.firstChild === shown) said.replaceChildren(element('p', { class: 'error', role: 'alert', 'data-name': 'moved' },
      t('{name} 一户 {day} 已迁往 {place},由那个村管。', { name: moved.other_name, day: moved.date, place: moved.place_name })));
  }

  async function film() {
    reading = readCodes(video, { formats: ['QRCode'], found, torch: (switchable) => {
      torch.hidden = !switchable;
    } });
    const state = await reading.opened;
    if (state === 'filming') return;
    about.replaceChildren(element('p', { class: 'error' }, state === 'insecure'
      ? t('这个网址不能用摄像头(需要 https)。请在下面输入入户码前几位。')
      : t('没有打开摄像头。请允许使用摄像头,或在下面输入入户码前几位。')));
  }

  function light() {
    lit = !lit;
    void reading?.light(lit);
  }
}
