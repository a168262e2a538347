/**
 * The checks over the register, asked before a form ends: what cannot be true has to be corrected, what is
 * doubtful wants a line of reason, and how the visit itself went is shown to the collector before anybody else.
 */

import { distance, pointsOf } from '../core/geometry.js';
import { checkHousehold, checkVisit } from '../core/rules.js';
import { elsewhere } from '../data/elsewhere.js';
import { localDate } from '../data/ids.js';
import { changesOf, filesNamed } from './form-finish.js';
import { button, element } from './widgets/dom.js';
import { lengthText } from './widgets/places.js';

/** @typedef {import('./form-types.d.ts').Context} Context */
/** @typedef {import('./form-types.d.ts').EntityChange} EntityChange */
/** @typedef {import('./form-bind.js').Screen} Screen */
/** @typedef {import('../core/rules.js').RuleSet} RuleSet */
/**
 * key: rule|member, under which the reason goes out. must: to be corrected; ask: a reason is wanted.
 * @typedef {{key: string, must: boolean, ask: boolean, message: string, figures: string, todo: string, who: string, path: string}} Doubt
 */

const KEPT = 60;
/** Fewer say nothing of what is usual. */
const ENOUGH = 10;
const PHOTOS_KEPT = 800;

/**
 * What stands against ending the form, and what is worth a look. A doubt that was there before and that this form
 * did not touch is the office's affair.
 * @param {Context} ctx @param {Screen} screen @returns {Promise<Doubt[]>}
 */
export async function doubtsOf(ctx, screen) {
  const { draft } = screen;
  const set = await rulesFor(ctx, draft.base.household?.area ?? ctx.session.user?.area ?? '');
  if (!set || !draft.household_id || !draft.base.household) return [];
  const now = ctx.now();
  const at = { now, today: localDate(now) };
  const exempt = await exemptions(ctx, draft.household_id, at.today);
  const changes = changesOf(screen);
  const before = { household: draft.base.household.fields, members: draft.base.member.map((one) => ({ ...one.fields, id: one.id })) };
  const after = applied(before, changes);
  const known = new Set(checkHousehold(set, before.household, before.members, { ...at, last: {} }).map(keyOf));
  const touched = touchedFields(changes);
  const found = checkHousehold(set, after.household, after.members, { ...at, last: before.household });
  const twice = await peopleElsewhere(ctx, screen, changes, after.members);
  const facts = await visitFacts(ctx, screen, twice.length);
  const visit = checkVisit(set, facts, now);
  return [...visit, ...found].flatMap((one) => {
    const rule = /** @type {import('../core/rules.js').Rule} */ (set.rules.find(({ name }) => name === one.rule));
    const key = keyOf(one);
    const typed = rule.over === 'visit' || rule.fields.some((name) => touched.has(`${one.member || draft.household_id}/${name}`)
      || touched.has(`${draft.household_id}/${name}`));
    if (exempt.has(key) || rule.severity === 'flag' || (!typed && known.has(key)) || said(screen, rule.name)) return [];
    const member = after.members.find(({ id }) => id === one.member);
    const doubled = rule.name === 'person_elsewhere' ? twice : [];
    return [{
      key, must: rule.severity === 'block' && typed, ask: true,
      message: rule.message[ctx.lang] ?? rule.message.zh, figures: figuresOf(ctx, rule.name, facts), todo: rule.todo[ctx.lang] ?? rule.todo.zh,
      who: doubled.map(({ name, head }) => ctx.t('{name}(也在{head}户)', { name, head })).join('、') || (member?.full_name ?? ''),
      path: doubled.length ? pathOf(screen, ['id_no'], doubled[0].id) : pathOf(screen, rule.fields, one.member),
    }];
  });
}

/**
 * What was measured, so that nobody has to guess what the phone took offence at.
 * @param {Context} ctx @param {string} rule @param {Record<string, string>} facts
 */
function figuresOf({ t, lang }, rule, facts) {
  if (rule === 'visit_short') return t('这次 {now} 分钟,平常约 {usual} 分钟', { now: facts.minutes ?? '', usual: Math.round(Number(facts.usual_minutes)) });
  if (rule === 'visit_far') return t('相距约 {far}', { far: lengthText(Number(facts.metres), lang !== 'en') });
  return rule === 'photo_again' ? t('{n} 张照片', { n: facts.photos_again ?? '' }) : '';
}

/** @param {{rule: string, member: string}} one */
const keyOf = ({ rule, member }) => `${rule}|${member}`;

/** The shipped rules with the county's switches and amounts; null before the first pull. @param {Context} ctx @param {string} area @returns {Promise<RuleSet | null>} */
async function rulesFor(ctx, area) {
  const records = await ctx.store.all?.('rules') ?? [];
  const shipped = records.find(({ id }) => id === 'shipped')?.fields;
  if (!shipped) return null;
  const own = records.find(({ id }) => id === area.slice(0, 6))?.fields;
  return {
    .../** @type {any} */ (shipped), limits: { ...shipped.limits, ...own?.limits }, off: (own?.off ?? '').split(' ').filter(Boolean),
  };
}

/** Exempted until a day that has not passed. @param {Context} ctx @param {string} household @param {string} today */
async function exemptions(ctx, household, today) {
  const records = await ctx.store.ofHousehold?.('exemption', household) ?? [];
  return new Set(records
    .filter(({ fields }) => fields.state === 'approved' && (!fields.valid_until || fields.valid_until >= today))
    .map(({ fields }) => `${fields.rule}|${fields.member_id ?? ''}`));
}

/**
 * The household as the form leaves it.
 * @param {{household: Record<string, string>, members: (Record<string, string> & {id: string})[]}} before @param {EntityChange[]} changes
 */
function applied(before, changes) {
  const household = { ...before.household };
  const members = new Map(before.members.map((one) => [one.id, { ...one }]));
  for (const change of changes) {
    const target = change.entity === 'household' ? household : change.entity === 'member' ? members.get(change.id) ?? { id: change.id } : null;
    if (!target) continue;
    for (const [name, step] of Object.entries(change.fields)) /** @type {any} */ (target)[name] = step.new ?? '';
    if (change.entity === 'member') members.set(change.id, /** @type {any} */ (target));
  }
  return { household, members: [...members.values()] };
}

/** "id/field" of what the form really changes. @param {EntityChange[]} changes */
function touchedFields(changes) {
  return new Set(changes.flatMap(({ id, fields }) => Object.entries(fields)
    .filter(([, step]) => (step.old ?? '') !== (step.new ?? '')).map(([name]) => `${id}/${name}`)));
}

/** Whether a question of the form has asked for the reason already. @param {Screen} screen @param {string} rule */
function said({ model, instance }, rule) {
  return model.definition.nodes.some((node) => node.name === `${rule}_reason` && node.kind === 'question'
    && !model.repeatsAbove(node.path).length && instance.isRelevant(node.path) && instance.value(node.path) !== '');
}

/** The question to jump to: the first that saves one of the fields, of that member. @param {Screen} screen @param {string[]} fields @param {string} member */
function pathOf({ model, instance }, fields, member) {
  for (const declared of model.definition.entities ?? []) {
    const saved = fields.map((name) => declared.save_to[name]).find(Boolean);
    if (!saved) continue;
    for (const path of model.instancesOf(instance, saved)) {
      if (!instance.isRelevant(path)) continue;
      if (!member || declared.list !== 'member') return path;
      const [, idPath] = /** @type {any} */ (declared.entity_id ?? []);
      const within = path.slice(0, path.lastIndexOf(']') + 1);
      if (idPath && instance.value(`${within}/${String(idPath).split('/').pop()}`) === member) return path;
    }
  }
  return '';
}

// --- how the visit went ------------------------------------------------------------------------------------

/**
 * Whose ID number, written down in this visit, somebody of another household has, and whose household that is.
 * @param {Context} ctx @param {Screen} screen @param {EntityChange[]} changes @param {(Record<string, string> & {id: string})[]} members
 */
async function peopleElsewhere(ctx, { draft }, changes, members) {
  const written = changes.flatMap(({ entity, id, fields: { id_no } }) => (
    entity === 'member' && id_no && id_no.old !== id_no.new ? [{ id, number: String(id_no.new ?? '') }] : []));
  const found = await elsewhere(/** @type {any} */ (ctx.store), written.map(({ number }) => number), draft.household_id);
  return written.filter(({ number }) => found.has(number)).map(({ id, number }) => (
    { id, name: members.find((one) => one.id === id)?.full_name ?? '', head: found.get(number) ?? '' }));
}

/** @param {Context} ctx @param {Screen} screen @param {number} twice people who are in another household too @returns {Promise<Record<string, string>>} */
async function visitFacts(ctx, screen, twice) {
  const { draft, model, instance } = screen;
  const minutes = (ctx.now().getTime() - Date.parse(draft.started)) / 60_000;
  const usual = /** @type {number[]} */ ((await ctx.store.meta?.('visit_minutes'))?.[draft.form_id] ?? []).slice().sort((a, b) => a - b);
  const place = model.definition.nodes.filter((node) => node.type === 'geopoint').flatMap((node) => model.instancesOf(instance, node.path))
    .map((path) => instance.value(path)).find(Boolean) ?? '';
  const photos = /** @type {[string, string][]} */ (await ctx.store.meta?.('visit_photos') ?? []);
  const again = filesNamed(screen).filter(({ sha256 }) => photos.some(([name, household]) => name === sha256 && household !== draft.household_id));
  return {
    people_elsewhere: String(twice),
    minutes: Number.isFinite(minutes) && minutes >= 0 ? minutes.toFixed(1) : '',
    usual_minutes: usual.length >= ENOUGH ? usual[Math.floor(usual.length / 2)].toFixed(1) : '',
    metres: metres(place, draft.base.household?.fields.location ?? ''),
    photos_again: String(again.length),
  };
}

/** @param {string} here @param {string} there */
function metres(here, there) {
  try {
    const pair = [...pointsOf(here).slice(0, 1), ...pointsOf(there).slice(0, 1)];
    return pair.length === 2 ? String(Math.round(distance(pair))) : '';
  } catch {
    return '';
  }
}

/** What the next visits are compared with; kept on the phone only. @param {Context} ctx @param {Screen} screen */
export async function remember(ctx, screen) {
  const { draft } = screen;
  const facts = await visitFacts(ctx, screen, 0);
  const minutes = /** @type {Record<string, number[]>} */ (await ctx.store.meta?.('visit_minutes') ?? {});
  if (facts.minutes) minutes[draft.form_id] = [...(minutes[draft.form_id] ?? []), Number(facts.minutes)].slice(-KEPT);
  await ctx.store.setMeta?.('visit_minutes', minutes);
  const photos = /** @type {[string, string][]} */ (await ctx.store.meta?.('visit_photos') ?? []);
  const own = filesNamed(screen).map(({ sha256 }) => /** @type {[string, string]} */ ([sha256, draft.household_id]));
  if (own.length) await ctx.store.setMeta?.('visit_photos', [...photos, ...own].slice(-PHOTOS_KEPT));
}

// --- the page ----------------------------------------------------------------------------------------------

/**
 * @param {Screen} screen @param {Doubt[]} doubts
 * @param {{jump: (path: string) => void, keep: () => void, finish: () => void}} acts
 */
export function doubtsPage(screen, doubts, acts) {
  const { t, draft } = screen;
  const reasons = (draft.reasons ??= {});
  const must = doubts.filter((one) => one.must);
  const page = element('section', { class: 'page check doubts' },
    element('h2', { tabindex: '-1' }, must.length ? t('有 {n} 处要改', { n: must.length }) : t('有 {n} 处请再看一眼', { n: doubts.length })));
  const end = button(t('完成'), () => acts.finish(), { class: 'check-finish' });
  const ready = () => { end.disabled = must.length > 0 || doubts.some((one) => !(reasons[one.key] ?? '').trim()); };
  page.append(element('ul', { class: 'doubt-list' }, ...doubts.map((one) => {
    const row = element('li', { class: one.must ? 'must' : 'ask', 'data-rule': one.key.split('|')[0] },
      element('b', {}, one.who ? `${one.who} · ${one.message}` : one.message), ...(one.figures ? [element('p', { class: 'doubt-figures' }, one.figures)] : []), element('p', {}, `${one.todo}。`));
    if (one.path) row.append(button(t('去改'), () => acts.jump(one.path), { class: 'doubt-jump' }));
    if (!one.must) {
      const box = /** @type {HTMLTextAreaElement} */ (element('textarea', { rows: '2', maxlength: '200', 'aria-label': t('原因') }));
      box.placeholder = t('情况属实就写一句原因');
      box.value = reasons[one.key] ?? '';
      box.addEventListener('input', () => {
        reasons[one.key] = box.value;
        acts.keep();
        ready();
      });
      row.append(box);
    }
    return row;
  })));
  if (!must.length) page.append(element('p', { class: 'hint' }, t('写了原因就能完成,办公室会看到。')), end);
  ready();
  return page;
}
