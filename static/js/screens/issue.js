/** One issue: what it is, what was done, with photo and note; handed in for closing. Also where a new one is written down. */
import { DAYS_TO_FIX, changes, daysAfter, stateOf, steps } from '../core/issues.js';
import { localDate } from '../data/ids.js';
import { WORDS, issueWord } from './issue-words.js';
import { dayTag, me } from './issues.js';
import { photoPick } from './issue-photos.js';
import { button, element } from './widgets/dom.js';

/** @param {HTMLElement} root @param {import('./context.js').Ctx} ctx @param {{id: string, household?: string}} params */
export async function show(root, ctx, params) {
  if (!params.id) return raise(root, ctx, params.household ?? '');
  const { t } = ctx;
  ctx.header({ title: t('整改事项'), back: true });
  const issue = await ctx.store.get('issue', params.id);
  if (!issue) {
    root.replaceChildren(element('p', { class: 'empty', role: 'alert' }, t('手机上没有这件事项:可能还没有同步,或已不归您管。请联网同步后再看。')));
    return;
  }
  const { fields } = issue;
  const household = await ctx.store.get('household', fields.household_id);
  /** @param {string} label @param {string} [value] */
  const line = (label, value) => (value ? [element('dt', {}, label), element('dd', {}, value)] : []);
  root.replaceChildren(
    element('section', { class: 'card' },
      element('p', {}, element('b', {}, issueWord(ctx, 'kind', fields.problem_kind)), ' ', dayTag(ctx, fields), ' ',
        ...(['submitted', 'closed'].includes(stateOf(fields)) ? [] : [element('span', { class: 'tag' }, issueWord(ctx, 'state', fields.state))]),
        ...(issue.pending ? [' ', element('span', { class: 'tag pending' }, t('有未到中心的更新'))] : [])),
      element('p', {}, fields.description ?? ''),
      ...(fields.returned_why && stateOf(fields) === 'fixing' ? [element('p', { class: 'error' }, t('退回:{why}', { why: fields.returned_why }))] : []),
      element('dl', {}, ...line(t('措施'), fields.action), ...line(t('责任人'), [fields.owner, fields.owner_unit].filter(Boolean).join(' ')),
        ...line(t('期限'), fields.deadline), ...line(t('整改情况'), fields.result), ...line(t('申请销号日期'), fields.submitted_on),
        ...line(t('佐证'), fields.evidence ? t('{n} 份', { n: fields.evidence.split(' ').length }) : ''), ...line(t('销号日期'), fields.closed_on)),
      ...(household ? [button(t('看这一户:{name}', { name: household.fields.head_name }), () => ctx.go(`#/household/${household.id}`))] : [])),
    ...(steps(fields, me(ctx).id, false).includes('submit') ? [work()] : [element('p', { class: 'hint' },
      stateOf(fields) === 'submitted' ? t('已申请销号,等乡镇或区县核对。') : t('已销号。问题又出现的,请告诉乡镇重新打开。'))]));

  function work() {
    const note = /** @type {HTMLTextAreaElement} */ (element('textarea', { rows: '3', maxlength: '1000', 'data-name': 'note' }));
    note.value = fields.result ?? '';
    const photos = photoPick(ctx);
    const said = element('p', { class: 'error', role: 'alert' });
    const save = button(t('只保存进展'), () => void step('progress'), { 'data-name': 'progress' });
    const submit = button(t('改好了,申请销号'), () => void step('submit'), { class: 'main', 'data-name': 'submit' });
    return element('section', { class: 'card' }, element('h2', {}, t('填整改情况')),
      element('label', {}, t('怎么改的,改到哪一步'), note), photos.place, said, submit, save);

    /** @param {string} name */
    async function step(name) {
      if (!note.value.trim()) return void (said.textContent = t('请先写整改情况,再保存。'));
      submit.disabled = save.disabled = true;
      const blobs = await photos.taken();
      const seen = await ctx.store.get('issue', params.id) ?? issue;
      const now = /** @type {import('../types.js').RuhuRecord} */ (seen);
      const set = changes(name, now.fields, { actor: me(ctx).id, today: localDate(ctx.now()), note: note.value.trim(), evidence: blobs.map((one) => one.sha256) });
      const steps_ = Object.fromEntries(Object.entries(set).map(([field, value]) => [field, { old: now.fields[field] ?? '', new: value }]));
      await saved([{ entity: 'issue', id: now.id, kind: 'update', area: now.area, base_rev: now.rev, fields: steps_, blobs: refs(blobs) }], fields.household_id, blobs);
      await ctx.reload();
    }
  }

  /** @param {import('../data/outbox.js').Change[]} ops @param {string} householdId @param {import('../data/outbox.js').NewBlob[]} blobs */
  async function saved(ops, householdId, blobs) {
    await ctx.outbox.append(ops, householdId, blobs);
    ctx.sync.soon();
  }
}

/** @param {import('../data/outbox.js').NewBlob[]} blobs */
function refs(blobs) {
  return blobs.map(({ sha256, size }) => ({ sha256, size }));
}

/** @param {HTMLElement} root @param {import('./context.js').Ctx} ctx @param {string} householdId */
async function raise(root, ctx, householdId) {
  const { t } = ctx;
  const household = await ctx.store.get('household', householdId);
  ctx.header({ title: t('登记整改事项'), back: true });
  if (!household) {
    root.replaceChildren(element('p', { class: 'empty', role: 'alert' }, t('手机上没有这一户:不在您负责的区域,或还没有同步。请联网同步后再看。')));
    return;
  }
  const today = localDate(ctx.now());
  const people = (await ctx.store.all('user')).filter((one) => ['cadre', 'township', 'county'].includes(one.fields.role));
  const user = me(ctx);
  const kind = select(Object.entries(WORDS.kind).map(([code, word]) => [code, t(word)]), '', 'kind');
  const text = area('description');
  const action = area('action');
  const owner = select([[user.id, t('我({name})', { name: user.name })], ...people.filter((one) => one.id !== user.id)
    .map((one) => /** @type {[string, string]} */ ([one.id, `${one.fields.name}${one.fields.unit ? `(${one.fields.unit})` : ''}`]))], user.id, 'owner');
  const deadline = /** @type {HTMLInputElement} */ (element('input', { type: 'date', value: daysAfter(today, DAYS_TO_FIX), min: today, 'data-name': 'deadline' }));
  const atOnce = /** @type {HTMLInputElement} */ (element('input', { type: 'checkbox', 'data-name': 'at-once' }));
  const result = area('result');
  const how = element('label', { hidden: true }, t('已经怎么改的'), result);
  atOnce.addEventListener('change', () => { how.hidden = !atOnce.checked; });
  const photos = photoPick(ctx);
  const said = element('p', { class: 'error', role: 'alert' });
  const save = button(t('登记'), () => void keep(), { class: 'main', 'data-name': 'raise' });
  root.replaceChildren(element('section', { class: 'card' }, element('p', {}, element('b', {}, household.fields.head_name)),
    element('label', {}, t('问题类型'), kind), element('label', {}, t('是什么问题'), text), element('label', {}, t('怎么改(措施)'), action),
    element('label', {}, t('责任人'), owner), element('label', {}, t('整改期限'), deadline),
    element('label', { class: 'check' }, atOnce, ` ${t('立行立改:当场已经改好')}`), how, photos.place, said, save));

  async function keep() {
    const lacks = !kind.value ? t('请选问题类型。') : !text.value.trim() ? t('请写明是什么问题。') : !deadline.value ? t('请选整改期限。')
      : atOnce.checked && !result.value.trim() ? t('立行立改要写明已经怎么改的。') : '';
    said.textContent = lacks;
    if (lacks) return;
    save.disabled = true;
    const blobs = await photos.taken();
    const evidence = blobs.map((one) => one.sha256);
    const who = people.find((one) => one.id === owner.value)?.fields;
    const values = {
      household_id: householdId, submission_id: '', problem_kind: kind.value, description: text.value.trim(), action: action.value.trim(),
      owner_id: owner.value, owner: who?.name ?? user.name, owner_unit: who?.unit ?? '', deadline: deadline.value, state: 'open',
      at_once: atOnce.checked ? 'yes' : 'no', raised_by: user.id, raised_on: today, evidence: evidence.join(' '), result: '',
    };
    const set = atOnce.checked ? { ...values, ...changes('submit', values, { actor: user.id, today, note: result.value.trim(), evidence }) } : values;
    const id = ctx.ids();
    const fields = Object.fromEntries(Object.entries(set).map(([name, value]) => [name, { old: null, new: value }]));
    await ctx.outbox.append([{ entity: 'issue', id, kind: 'create', area: household?.area, base_rev: 0, fields, blobs: refs(blobs) }], householdId, blobs);
    ctx.sync.soon();
    ctx.go(`#/issue/${id}`);
  }

  /** @param {string} name */
  function area(name) {
    return /** @type {HTMLTextAreaElement} */ (element('textarea', { rows: '2', maxlength: '1000', 'data-name': name }));
  }

  /** @param {[string, string][]} options @param {string} chosen @param {string} name */
  function select(options, chosen, name) {
    const made = /** @type {HTMLSelectElement} */ (element('select', { 'data-name': name },
      ...(chosen ? [] : [element('option', { value: '' }, t('请选择'))]), ...options.map(([value, text_]) => element('option', { value }, text_))));
    made.value = chosen;
    return made;
  }
}
