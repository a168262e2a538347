/**
 * What finishing a form says to the register: the ordered ops of one submission, and the same in
 * words for the person who did it. Pure: records, changes, clock and ids come in as arguments.
 */

import { inWords } from './form-model.js';

/** @typedef {import('./form-types.d.ts').Op} Op */
/** @typedef {import('./form-types.d.ts').Draft} Draft */
/** @typedef {import('./form-types.d.ts').EntityChange} EntityChange */
/** @typedef {import('./form-types.d.ts').RegisterRecord} RegisterRecord */
/** @typedef {import('./form-types.d.ts').StoredBlob} StoredBlob */
/** @typedef {import('./form-model.js').Model} Model */

/**
 * Without the confirmations nobody made: a field whose value did not change counts as confirmed
 * only if its carried question was.
 * @param {EntityChange[]} changes
 * @param {Set<string>} unasked  "entity/id/field" of what is still unconfirmed
 */
export function onlySaid(changes, unasked) {
  return changes
    .map((change) => ({
      ...change,
      fields: Object.fromEntries(
        Object.entries(change.fields).filter(
          ([name, { old, new: now }]) => (old ?? '') !== (now ?? '') || !unasked.has(`${change.entity}/${change.id}/${name}`),
        ),
      ),
    }))
    .filter((change) => change.kind === 'create' || Object.keys(change.fields).length > 0);
}

/**
 * The ops of a finished form, the submission's own first.
 * @param {{
 *   draft: Draft, answers: unknown, carried: Draft['carried'], instanceName: string, changes: EntityChange[], outcome: string,
 *   note: string, blobs: StoredBlob[], today: string, ended: string, visitId: string,
 *   user: {id: string, name: string, area: string},
 * }} work
 * @returns {Op[]}
 */
export function opsOf({ draft, answers, carried, instanceName, changes, outcome, note, blobs, today, ended, visitId, user }) {
  const household = draft.base.household;
  const area = household?.area ?? user.area;
  /** @param {{[name: string]: unknown}} fields */
  const fresh = (fields) => Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, { old: null, new: value }]));

  /** @type {Op[]} */
  const ops = [
    {
      entity: 'submission', id: draft.draft_id, kind: 'create', area, base_rev: 0,
      fields: fresh({
        form_id: draft.form_id, form_version: draft.version, form_hash: draft.hash,
        household_id: draft.household_id, sheet: draft.sheet, started: draft.started, ended,
        instance_name: instanceName, answers, carried,
        // What an older version of the form asked has no place among the answers and must not be lost.
        ...(draft.unplaced?.length ? { unplaced: draft.unplaced } : {}),
        ...(reasonsOf(draft) ? { checks: reasonsOf(draft) } : {}),
      }),
      ...(blobs.length ? { blobs: blobs.map(({ sha256, size }) => ({ sha256, size })) } : {}),
    },
  ];
  if (!draft.household_id) return [...ops, ...changes.map((change) => opOf(change, draft, area, baseOf(draft, change)))];

  ops.push({
    entity: 'visit', id: visitId, kind: 'create', area, base_rev: 0,
    fields: fresh({
      household_id: draft.household_id, submission_id: draft.draft_id, form_id: draft.form_id, date: today,
      outcome, cadre: user.id, cadre_name: user.name, note,
    }),
  });
  const own = changes.find((change) => change.entity === 'household' && change.id === draft.household_id);
  if (household) {
    ops.push({
      entity: 'household', id: household.id, kind: 'update', area, base_rev: household.rev,
      fields: { ...own?.fields, last_visit: { old: household.fields.last_visit ?? '', new: today } },
    });
  }
  for (const change of changes) {
    if (change === own && household) continue;
    const base = baseOf(draft, change);
    ops.push(opOf(change, draft, area, base));
  }
  return ops;
}

/** Why what the checks doubted is right all the same, by rule|member. @param {Draft} draft */
function reasonsOf(draft) {
  const said = Object.entries(draft.reasons ?? {}).map(([key, words]) => [key, words.trim()]).filter(([, words]) => words);
  return said.length ? Object.fromEntries(said) : null;
}

/** @param {Draft} draft @param {EntityChange} change @returns {RegisterRecord | undefined} */
function baseOf(draft, change) {
  if (change.entity === 'household') return draft.base.household?.id === change.id ? draft.base.household : undefined;
  const records = /** @type {RegisterRecord[] | undefined} */ (draft.base[/** @type {'member'} */ (change.entity)]);
  return records?.find((record) => record.id === change.id);
}

/**
 * A new member or issue belongs to the household of the form, whatever the form saves by itself.
 * @param {EntityChange} change @param {Draft} draft @param {string} area @param {RegisterRecord | undefined} base
 * @returns {Op}
 */
function opOf(change, draft, area, base) {
  /** @type {Op['fields']} */
  const fields = { ...change.fields };
  if (change.kind === 'create') {
    /** @param {string} name @param {string} value */
    const add = (name, value) => {
      fields[name] ??= { old: null, new: value };
    };
    if (change.entity === 'member' || change.entity === 'issue') add('household_id', draft.household_id);
    if (change.entity === 'issue') add('submission_id', draft.draft_id);
    if (change.entity === 'issue') add('state', 'open');
    if (change.entity === 'member') add('state', 'active');
  }
  return { entity: change.entity, id: change.id, kind: change.kind, area: base?.area ?? area, base_rev: base?.rev ?? 0, fields };
}

/**
 * What changed in the register, in the form's words. Confirmations are counted, not listed.
 * @param {Model} model @param {EntityChange[]} changes @param {string} lang
 * @param {(change: EntityChange) => string} nameOf
 */
export function changesInWords(model, changes, lang, nameOf) {
  let confirmedFields = 0;
  const lines = [];
  for (const change of changes) {
    const declared = model.definition.entities?.find((one) => one.list === change.entity);
    if (change.kind === 'create') {
      lines.push({ kind: 'create', who: nameOf(change), what: change.entity, from: '', to: '' });
      continue;
    }
    for (const [name, { old, new: now }] of Object.entries(change.fields)) {
      if ((old ?? '') === (now ?? '')) {
        confirmedFields += 1;
        continue;
      }
      const path = askedAt(model, declared?.save_to[name] ?? '', name);
      const node = model.node(path);
      const text = node?.label?.[lang] ?? node?.label?.[model.definition.default_language];
      lines.push({
        kind: 'update', who: change.entity === 'household' ? '' : nameOf(change),
        what: typeof text === 'string' ? text : name,
        from: inWords(model, path, old ?? '', lang), to: inWords(model, path, now ?? '', lang),
      });
    }
  }
  return { lines, confirmed: confirmedFields };
}

/**
 * What is worked out has no words of its own: then those of the question beside it that is called as the field is.
 * @param {Model} model @param {string} path @param {string} name
 */
function askedAt(model, path, name) {
  const beside = `${path.slice(0, path.lastIndexOf('/'))}/${name}`;
  return !model.node(path)?.label && model.node(beside)?.label ? beside : path;
}
