/** Finishing: the whole work of one form into the outbox in one step, and the page that says so. */

import { changes as entityChanges } from '../core/entities.js';
import { localDate, localTime } from '../data/ids.js';
import { nodePath, pathWithin } from './form-model.js';
import { changesInWords, onlySaid, opsOf } from './form-ops.js';
import { unconfirmed } from './form-carried.js';
import { button, element } from './widgets/dom.js';

/** @typedef {import('./form-types.d.ts').Context} Context */
/** @typedef {import('./form-types.d.ts').EntityChange} EntityChange */
/** @typedef {import('./form-types.d.ts').StoredBlob} StoredBlob */
/** @typedef {import('./form-bind.js').Screen} Screen */

/** Types whose answer names a file. */
const FILES = new Set(['image', 'draw', 'signature', 'annotate', 'photo', 'audio', 'video', 'file', 'background-audio']);
const FILE_NAME = /^([0-9a-f]{64})\.\w+$/;

/** The files the answers name: {path, sha256}, of relevant questions. @param {Screen} screen */
export function filesNamed({ model, instance }) {
  return model.definition.nodes
    .filter((node) => node.kind === 'question' && FILES.has(node.type))
    .flatMap((node) => model.instancesOf(instance, node.path))
    .filter((path) => instance.isRelevant(path))
    .map((path) => ({ path, sha256: FILE_NAME.exec(instance.value(path))?.[1] ?? '' }))
    .filter((file) => file.sha256 !== '');
}

/**
 * Puts the form into the outbox and lets the draft go.
 * @param {Context} ctx @param {Screen} screen @param {string} [log] the file that tells how the form was filled
 * @returns {Promise<{kind: 'done', changes: EntityChange[]} | {kind: 'invalid'} | {kind: 'missing_file', path: string}>}
 * @throws {Error} NotSaved: nothing was stored, the draft is as it was
 */
export async function finishForm(ctx, screen, log = '') {
  const { draft, instance, model } = screen;
  /** @type {Map<string, StoredBlob>} */
  const blobs = new Map();
  const files = [...filesNamed(screen), ...(log ? [{ path: '', sha256: log.slice(0, 64) }] : [])];
  for (const { path, sha256 } of files) {
    const stored = await ctx.drafts.getBlob(sha256);
    if (!stored) return { kind: 'missing_file', path };
    blobs.set(sha256, { sha256, size: stored.size, type: stored.type, bytes: stored.bytes });
  }
  const result = instance.finalize();
  if (!result.valid) return { kind: 'invalid' };

  const changes = onlySaid(changesOf(screen), unaskedFields(screen));
  const user = /** @type {NonNullable<Context['session']['user']>} */ (ctx.session.user);
  const now = ctx.now();
  const ops = opsOf({
    draft, answers: log ? { .../** @type {object} */ (result.answers), meta: { audit: log } } : result.answers, carried: askedOf(screen), instanceName: result.instanceName ?? '', changes,
    outcome: answerNamed(screen, 'outcome') || 'met', note: answerNamed(screen, 'remark'),
    blobs: [...blobs.values()], today: localDate(now), ended: localTime(now), visitId: ctx.ids(), user,
  });
  await ctx.outbox.finish({
    submission: {
      id: draft.draft_id, form_id: draft.form_id, form_version: draft.version, form_hash: draft.hash,
      area: ops[0]?.area ?? user.area, household_id: draft.household_id,
    },
    ops,
    blobs: [...blobs.values()],
  });
  await ctx.drafts.remove(draft.draft_id);
  // They are in the outbox now; a phone short of space should not hold them twice.
  void ctx.drafts.sweepBlobs(now, draft.draft_id).catch(() => {});
  ctx.sync?.soon?.('finish');
  // A browser promises more easily once the app has been of use.
  void ctx.keeping?.ask();
  return { kind: 'done', changes };
}

/** The carried answers that were part of the form in the end. @param {Screen} screen */
function askedOf({ draft, instance }) {
  return Object.fromEntries(Object.entries(draft.carried).filter(([path]) => instance.isRelevant(path)));
}

/** @param {Screen} screen @returns {EntityChange[]} */
export function changesOf({ model, instance, draft }) {
  const { household, ...others } = draft.base;
  const base = { household: household ? [household] : [], ...others };
  return /** @type {EntityChange[]} */ (entityChanges(/** @type {any} */ (model.definition), /** @type {any} */ (instance), /** @type {any} */ (base)));
}

/** The register's fields whose carried value nobody confirmed. @param {Screen} screen */
function unaskedFields({ model, instance, draft }) {
  /** @type {Set<string>} */
  const fields = new Set();
  for (const path of unconfirmed(draft.carried, instance)) {
    for (const declared of model.definition.entities ?? []) {
      const id = Array.isArray(declared.entity_id) && declared.entity_id[0] === 'ref'
        ? instance.value(pathWithin(String(declared.entity_id[1]), path)) : draft.household_id;
      for (const [name, saved] of Object.entries(declared.save_to)) {
        if (saved === nodePath(path)) fields.add(`${declared.list}/${id}/${name}`);
      }
    }
  }
  return fields;
}

/** @param {Screen} screen @param {string} name of a question outside repeats */
function answerNamed({ model, instance }, name) {
  const node = model.definition.nodes.find((one) => one.name === name && one.kind === 'question' && !model.repeatsAbove(one.path).length);
  return node && instance.isRelevant(node.path) ? instance.value(node.path) : '';
}

/** What forms work out and no form asks, by the register's name of it. @type {{[field: string]: string}} */
const UNASKED = { income_per_head: '人均纯收入(元)' };

/** @param {Context} ctx @param {Screen} screen @param {EntityChange[]} changes */
export function donePage(ctx, screen, changes) {
  const { t } = ctx;
  const files = filesNamed(screen).length;
  /** @param {EntityChange} change */
  const nameOf = (change) => {
    const said = change.fields.full_name?.new ?? change.fields.description?.new;
    return said || screen.draft.base.member.find((one) => one.id === change.id)?.fields.full_name || '';
  };
  const { lines, confirmed } = changesInWords(screen.model, changes, screen.lang(), nameOf);
  /** @type {{[entity: string]: string}} */
  const created = { member: t('新增成员'), issue: t('新增整改事项') };
  const list = element('ul', { class: 'done-changes' }, ...lines.map((line) =>
    line.kind === 'create'
      ? element('li', {}, element('b', {}, created[line.what] ?? line.what), ` ${line.who}`)
      : element('li', {}, element('b', {}, [line.who, t(UNASKED[line.what] ?? line.what)].filter(Boolean).join(' · ')),
        element('span', {}, `${line.from || t('(空)')} → ${line.to || t('(空)')}`))));
  return element('section', { class: 'page done' },
    element('p', { class: 'done-tick', 'aria-hidden': 'true' }, '✓'),
    element('h2', { tabindex: '-1' }, t('已完成')),
    element('p', { class: 'done-where' }, t('✓ 已存在这部手机上,联网后自动送出。'), ...(files ? [element('br'), t('含 {n} 个文件(照片、录音等),一起送出。', { n: files })] : [])),
    element('h3', {}, lines.length ? t('登记数据有 {n} 处更新', { n: lines.length }) : t('登记数据没有变化')),
    list,
    ...(confirmed ? [element('p', { class: 'done-same' }, t('另有 {n} 项确认不变', { n: confirmed }))] : []),
    element('div', { class: 'done-next' },
      button(t('回到今天'), () => ctx.go('#/today'), { class: 'form-next' }),
      button(t('扫下一户'), () => ctx.go('#/scan')),
      ...(screen.draft.household_id ? [button(t('看这一户'), () => ctx.go(`#/household/${screen.draft.household_id}`))] : [])));
}
