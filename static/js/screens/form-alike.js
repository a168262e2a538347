/**
 * While somebody types in a person or a household: who of the register it may be, below the question, with a way to
 * look. A hint: it stops nothing, and goes with the next answer.
 */

import { soundOf } from '../core/sounds.js';
import { householdsAlike, peopleAlike } from '../data/alike.js';
import { pathWithin } from './form-model.js';
import { button, element } from './widgets/dom.js';

/** @typedef {import('./form-types.d.ts').Context} Context */
/** @typedef {import('./form-bind.js').Screen} Screen */
/** @typedef {import('../data/alike.js').Alike} Alike */

const FIELDS = /** @type {{[list: string]: string[]}} */ ({
  member: ['full_name', 'birth_date', 'id_no'], household: ['head_name', 'group', 'house_no'],
});

/**
 * @param {Context} ctx @param {Screen} screen @param {string} path what was answered @param {(id: string) => void} look
 * @returns {Promise<HTMLElement | null>} null: nobody like that
 */
export async function hintOf(ctx, screen, path, look) {
  const asked = askedAbout(screen, path);
  if (!asked) return null;
  const area = screen.draft.base.household?.area ?? ctx.session.user?.area ?? '';
  const find = asked.list === 'member' ? peopleAlike : householdsAlike;
  const found = await find(/** @type {any} */ (ctx.store), asked.typed, area, asked.own, soundOf);
  return found.length ? words(screen, found, look) : null;
}

/** What was typed so far of the person or household this question is about; null when it is about neither. @param {Screen} screen @param {string} path */
function askedAbout({ model, instance, draft }, path) {
  const node = model.node(path);
  for (const declared of model.definition.entities ?? []) {
    const names = FIELDS[declared.list];
    if (!names || !node || !names.some((name) => declared.save_to[name] === node.path)) continue;
    const typed = Object.fromEntries(names.flatMap((name) => {
      const saved = declared.save_to[name];
      const value = saved ? instance.value(pathWithin(saved, path)) : '';
      return value ? [[name, value]] : [];
    }));
    const [, id] = /** @type {any} */ (declared.entity_id ?? []);
    const own = typeof id === 'string' ? instance.value(pathWithin(id.startsWith('/') ? id : `${declared.scope}/${id.split('/').pop()}`, path)) : '';
    return { typed, list: declared.list, own: own || (declared.list === 'household' ? draft.household_id : '') };
  }
  return null;
}

/** @param {Screen} screen @param {Alike[]} found @param {(id: string) => void} look */
function words({ t, draft }, found, look) {
  const why = { number: t('证件号码相同'), name: t('同名'), sound: t('读音相同'), door: t('同一门牌') };
  return element('div', { class: 'alike', role: 'status' },
    element('b', {}, found.some((one) => one.person) ? t('可能已经登记过') : t('可能是册里的另一户')),
    ...found.map((one) => {
      const home = `${one.row.group} ${t('{n}号', { n: one.row.house_no })} ${t('{head}户', { head: one.row.head })}`;
      const who = one.person ? `${one.person.fields.full_name ?? ''} ${one.person.fields.birth_date ?? ''}`.trim() : '';
      const here = one.row.id === draft.household_id;
      return element('p', {}, who ? `${who} · ${here ? t('就在这一户') : home}` : home, ` (${why[one.why]}) `,
        ...(here ? [] : [button(t('去看'), () => look(one.row.id))]));
    }),
    element('small', {}, t('确实是另一个人、另一户,就接着填。')));
}
