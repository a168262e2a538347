/** What is known of a household and its people, value by value: since which day, and who was there on that day. */
import { dateOf } from '../core/since.js';
import { element } from './widgets/dom.js';

/** @typedef {import('../types.js').RuhuRecord} RuhuRecord */
/** @typedef {import('./form-types.d.ts').Definition} Definition */
/** @typedef {{t: (zh: string, vars?: {[name: string]: string | number}) => string, lang: string, formstore: any}} Ctx */

/** The widest form first: its words name what the others write too. */
const FORMS = ['register', 'visit'];

/**
 * "2026-10-13 · 当天走访:冉村干". The phone knows of a value only the day; of the day it knows the visit. Pure.
 * @param {Ctx['t']} t @param {RuhuRecord} record @param {string} name @param {RuhuRecord[]} visits
 */
export function sourceOf(t, record, name, visits) {
  const day = dateOf(record, name);
  if (!day) return '';
  const there = [...new Set(visits.filter(({ fields }) => fields.date === day).map(({ fields }) => String(fields.cadre_name ?? '')).filter(Boolean))];
  return there.length ? `${day} · ${t('当天走访:{who}', { who: there.join('、') })}` : day;
}

/**
 * Everything about the household and each of its people, made when it is unfolded.
 * @param {Ctx} ctx @param {RuhuRecord} household @param {RuhuRecord[]} members @param {RuhuRecord[]} visits
 */
export function allKnown(ctx, household, members, visits) {
  const { t } = ctx;
  const inside = element('div', {});
  const box = element('details', { class: 'card', 'data-name': 'all-known' },
    element('summary', {}, t('全部登记内容(哪天登记、谁走访)')), inside);
  box.addEventListener('toggle', async () => {
    const definition = inside.firstChild ? null : await wordsOf(ctx);
    if (!definition) return;
    const list = (/** @type {RuhuRecord} */ record, /** @type {string} */ kind) => listOf(ctx, definition, record, kind, visits);
    inside.replaceChildren(list(household, 'household'), ...members.map((one) => (
      element('details', {}, element('summary', {}, String(one.fields.full_name ?? '')), list(one, 'member')))));
  });
  return box;
}

/** @param {Ctx} ctx @param {Definition} definition @param {RuhuRecord} record @param {string} kind @param {RuhuRecord[]} visits */
function listOf(ctx, definition, record, kind, visits) {
  const usual = definition.default_language;
  const saved = definition.entities?.find((one) => one.list === kind)?.save_to ?? {};
  const nameOf = new Map(Object.entries(saved).map(([name, path]) => [path, name]));
  const rows = definition.nodes.flatMap((node) => {
    const name = nameOf.get(node.path) ?? '';
    const value = record.fields[name];
    const label = spoken(node.label, ctx.lang, usual);
    if (!label || typeof value !== 'string' || !value) return [];
    const choices = node.list ? definition.lists[node.list] ?? [] : [];
    const words = choices.length ? value.split(' ').map((code) => spoken(choices.find((one) => one.name === code)?.label, ctx.lang, usual) || code).join('、') : value;
    return [element('dt', {}, label), element('dd', {}, words, ' ', element('small', {}, sourceOf(ctx.t, record, name, visits)))];
  });
  return element('dl', {}, ...rows);
}

/** A text without blanks to fill in; '' for one with them. @param {any} text @param {string} lang @param {string} usual */
function spoken(text, lang, usual) {
  const found = text?.[lang] ?? text?.[usual] ?? text?.zh ?? Object.values(text ?? {})[0];
  return typeof found === 'string' ? found : '';
}

/** @param {Ctx} ctx @returns {Promise<Definition | null>} */
async function wordsOf({ formstore }) {
  for (const name of FORMS) {
    const page = await formstore.open(name).catch(() => null);
    const found = page && new DOMParser().parseFromString(page.html, 'text/html').querySelector('#definition')?.textContent;
    if (found) return JSON.parse(found);
  }
  return null;
}
