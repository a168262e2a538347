/** The register: name, pinyin initials, ID tail, house number, group, or code. Twenty at a time. */
import { hasLetters, search } from '../core/search.js';
import { householdRow, villagesOf } from './rows.js';
import { element, renew } from './widgets/dom.js';

const SHOWN = 20;

/** @param {HTMLElement} root @param {import('./context.js').Ctx} ctx @param {{q?: string}} params */
export async function show(root, ctx, params) {
  const { t } = ctx;
  ctx.header({ title: t('登记册') });
  const field = /** @type {HTMLInputElement} */ (element('input', {
    type: 'search', class: 'search', placeholder: t('姓名、拼音首字母、身份证尾号、门牌号'), 'aria-label': t('查找'), value: params.q ?? '',
  }));
  const said = element('p', { class: 'count', role: 'status' });
  const list = element('div', { class: 'rows', 'data-name': 'found' });
  root.replaceChildren(field, said, list);
  /** @type {((character: string) => string) | undefined} */
  let lettersOf;
  field.addEventListener('input', () => void paint());
  await paint();
  const stop = ctx.store.subscribe(() => void paint());
  return () => stop();

  async function paint() {
    const query = field.value.trim();
    if (query && hasLetters(query) && !lettersOf) ({ lettersOf } = await import('../core/pinyin.js'));
    const rows = await ctx.store.rows();
    const villages = await villagesOf(ctx, rows);
    const found = search(rows, query, SHOWN + 1, lettersOf);
    said.textContent = query
      ? found.length > SHOWN ? t('找到很多户,先列 {n} 户,再输几个字', { n: SHOWN }) : t('找到 {n} 户', { n: found.length })
      : t('共 {n} 户', { n: rows.length });
    if (found.length) renew(list, ...found.slice(0, SHOWN).map((row) => householdRow(ctx, row, '', villages)));
    else renew(list, element('p', { class: 'empty' }, t('没有找到。换个写法试试,或核对这一户是否属于您的村。')));
  }
}
