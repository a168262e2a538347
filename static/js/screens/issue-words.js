/** The code lists of issues in words: a phone knows them without any form at hand. */

/** @type {Record<string, Record<string, string>>} */
export const WORDS = {
  kind: { income: '收入下降', school: '义务教育', medical: '医疗保障', housing: '住房安全', water: '饮水安全', job: '就业', policy: '政策未落实', other: '其他' },
  state: { open: '待整改', fixing: '整改中', submitted: '待销号', closed: '已销号' },
};

/** @param {import('./context.js').Ctx} ctx @param {'kind' | 'state'} list @param {string} value */
export const issueWord = (ctx, list, value) => ctx.t(WORDS[list][value || (list === 'state' ? 'open' : 'other')] ?? value);
