/**
 * Opening a form: the cached page, the register's records of the household, the draft to go on
 * with or a new one, and the running instance.
 */

import { createInstance } from '../core/instance.js';
import { needsRare } from '../core/rare.js';
import { localTime } from '../data/ids.js';
import { carriedAtOpening, pruned } from './form-carried.js';
import { createModel } from './form-model.js';
import { partsOf } from './form-pages.js';

/** @typedef {import('./form-types.d.ts').Base} Base */
/** @typedef {import('./form-types.d.ts').Context} Context */
/** @typedef {import('./form-types.d.ts').Definition} Definition */
/** @typedef {import('./form-types.d.ts').Draft} Draft */
/** @typedef {import('./form-types.d.ts').Instance} Instance */
/** @typedef {import('./form-types.d.ts').Params} Params */
/** @typedef {import('./form-types.d.ts').RegisterRecord} RegisterRecord */
/**
 * @typedef {{
 *   draft: Draft, fresh: boolean, definition: Definition, model: import('./form-model.js').Model,
 *   instance: Instance, pages: import('./form-pages.js').LivePage[], release: (() => void) | null,
 *   taken: {run: import('../data/draft-holds.js').OnTaken}
 * }} OpenedForm
 */

/**
 * @param {Context} ctx @param {Params} params
 * @returns {Promise<{ok: true, opened: OpenedForm} | {ok: false, reason: 'no_form' | 'no_draft' | 'no_household' | 'retired'}>}
 */
export async function openForm(ctx, params) {
  const [draft, newest, fresh, retired] = await Promise.all([
    params.draft_id ? ctx.drafts.get(params.draft_id)
      : params.trial ? undefined : ctx.drafts.find(params.form_id ?? '', params.household_id ?? ''),
    params.draft_id ? null : ctx.formstore.open(params.form_id ?? ''),
    params.draft_id ? null : baseOf(ctx, params.household_id ?? '', villageOf(ctx)),
    params.draft_id || params.trial ? false : ctx.formstore.retired?.(params.form_id ?? ''),
  ]);
  if (params.draft_id && !draft) return { ok: false, reason: 'no_draft' };

  // What is begun may be finished.
  if (retired && !draft) return { ok: false, reason: 'retired' };
  // A draft stays on the version it was begun with.
  const page = draft && newest?.version !== draft.version ? await ctx.formstore.open(draft.form_id, draft.version) : newest;
  const base = draft?.base ?? /** @type {Base} */ (fresh);
  if (!page) return { ok: false, reason: 'no_form' };
  if (!draft && params.household_id && !base.household) return { ok: false, reason: 'no_household' };

  const { definition, hash, pages } = partsOf(page);
  if (needsRare(/** @type {any} */ (definition))) await import('../core/functions-rare.js');
  const model = createModel(definition);
  const own = draft ?? newDraft(ctx, params, definition, hash, base);
  const instance = /** @type {Instance} */ (/** @type {unknown} */ (createInstance(/** @type {any} */ (definition), {
    now: () => ctx.now().getTime(),
    external: await externalOf(ctx, definition, base),
    prefill: {
      ...metadata(ctx, definition), household_id: own.household_id, sheet: own.sheet, village_id: villageOf(ctx),
    },
    answers: draft ? /** @type {any} */ (draft.answers) : undefined,
    ids: ctx.ids,
    lang: languageOf(definition, ctx.lang),
  })));
  own.carried = draft ? pruned(draft.carried, instance) : carriedAtOpening(model, instance, base);
  // What happens when another window asks for the draft is up to the form, once it stands.
  /** @type {OpenedForm['taken']} */
  const taken = { run: async () => false };
  const release = params.trial ? () => {} : await ctx.drafts.hold(own.draft_id, (asked) => taken.run(asked));
  return { ok: true, opened: { draft: own, fresh: !draft, definition, model, instance, pages, release, taken } };
}

/**
 * Who fills it on which phone, by the questions' own names. An account has a telephone number or an address only
 * where the office gave it one.
 * @param {Context} ctx @param {Definition} definition
 */
function metadata({ session }, definition) {
  const user = session.user;
  /** @type {{[type: string]: string}} */
  const known = { username: user?.username ?? '', deviceid: session.install_id ?? '', phonenumber: user?.phone ?? '', email: user?.email ?? '' };
  return { username: known.username, deviceid: known.deviceid,
    ...Object.fromEntries(definition.nodes.filter((node) => known[node.type] !== undefined).map((node) => [node.name, known[node.type]])) };
}

/** The app's language if the form has it. @param {Definition} definition @param {string} lang */
export const languageOf = (definition, lang) => (definition.languages.includes(lang) ? lang : definition.default_language);

/** The village a cadre works in; '' for those of a larger place. @param {Context} ctx */
const villageOf = (ctx) => (/^\d{9}(?!000)\d{3}$/.test(ctx.session.user?.area ?? '') ? ctx.session.user?.area ?? '' : '');

/** @param {Context} ctx @param {string} householdId @param {string} villageId @returns {Promise<Base>} */
async function baseOf(ctx, householdId, villageId) {
  if (!householdId) {
    const village = villageId ? await ctx.store.get('village', villageId) : null;
    return { household: null, member: [], visit: [], issue: [], village: village ? [village] : [] };
  }
  const [household, member, visit, issue] = await Promise.all([
    ctx.store.get('household', householdId),
    ctx.store.members(householdId),
    ctx.store.visits(householdId),
    ctx.store.issues(householdId),
  ]);
  const active = member.filter((one) => (one.fields.state || 'active') === 'active');
  active.sort((a, b) => Number(a.fields.line || 999) - Number(b.fields.line || 999));
  return { household: household ?? null, member: active, visit, issue };
}

/**
 * The instances the form may read: the household's own records, and the form's files.
 * @param {Context} ctx @param {Definition} definition @param {Base} base
 */
async function externalOf(ctx, definition, base) {
  /** @param {RegisterRecord} record @param {string} label @returns {{[column: string]: string}} */
  const item = (record, label) => ({
    ...Object.fromEntries(Object.entries(record.fields).map(([name, value]) => [name, value == null ? '' : String(value)])),
    name: record.id,
    label,
  });
  /** @type {{[name: string]: {[column: string]: string}[]}} */
  const external = {
    household: base.household ? [item(base.household, base.household.fields.head_name ?? '')] : [],
    member: base.member.map((one) => item(one, one.fields.full_name ?? one.fields.name ?? '')),
    visit: base.visit.map((one) => item(one, one.fields.date ?? '')),
    issue: base.issue.map((one) => item(one, one.fields.description ?? '')),
    village: (base.village ?? []).map((one) => item(one, one.fields.village_title ?? '')),
  };
  for (const [name, { kind }] of Object.entries(definition.instances ?? {})) {
    if (kind !== 'file' || external[name] || definition.tables?.[name]) continue;
    external[name] = (await ctx.formstore.file?.(definition.form_id, definition.version, name)) ?? [];
  }
  return external;
}

/**
 * @param {Context} ctx @param {Params} params @param {Definition} definition @param {string} hash @param {Base} base
 * @returns {Draft}
 */
function newDraft(ctx, params, definition, hash, base) {
  const now = localTime(ctx.now());
  return {
    draft_id: ctx.ids(), form_id: definition.form_id, version: definition.version, hash,
    title: definition.title, household_id: params.household_id ?? '',
    household_label: base.household?.fields.head_name ?? '', sheet: params.sheet ?? '',
    answers: {}, carried: {}, position: { page: '', path: '' }, base, started: now, updated: now,
  };
}
