/** Texts: Chinese is written in the code; other languages come from a catalogue that is loaded when wished for. */

/** @type {Record<string, string>} */
let catalogue = {};
let lang = 'zh';

/** @param {string} wish */
export async function useLanguage(wish) {
  catalogue = wish === 'en' ? (await import('../../app/translations/en/LC_MESSAGES/phone.po')).default : {};
  lang = wish === 'en' ? 'en' : 'zh';
  document.documentElement.lang = lang === 'en' ? 'en' : 'zh-CN';
}

export const language = () => lang;

/** @param {string} zh @param {Record<string, string | number>} [vars] */
export function t(zh, vars = {}) {
  return (catalogue[zh] ?? zh).replace(/\{(\w+)\}/g, (all, name) => String(vars[name] ?? all));
}
