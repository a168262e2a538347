/**
 * The form screen: one form for one household, page by page. Joins the running instance, the
 * page in view, the draft's write-ahead and the frame; decisions live in the modules beside it.
 */

import { createWriter } from '../data/drafts-writer.js';
import { localTime } from '../data/ids.js';
import { carriedAfter } from './form-bind.js';
import { carriedAtOpening, confirmed, pruned, unconfirmed } from './form-carried.js';
import { checkPage, openPoints, problems } from './form-check.js';
import { createFiles } from './form-files.js';
import { createFrame } from './form-frame.js';
import { createHints } from './form-hints.js';
import { jumpRows } from './form-jumps.js';
import { createMembers, repeatOf } from './form-members.js';
import { asText, lastIndex, plain, summary } from './form-model.js';
import { languageOf, openForm } from './form-open.js';
import { createView } from './form-view.js';
import { button, element } from './widgets/dom.js';

/** @typedef {import('./form-types.d.ts').Context} Context */
/** @typedef {import('./form-types.d.ts').Params} Params */
/** @typedef {import('./form-bind.js').Screen} Screen */

/** Types that run beside the questions. */
const QUIET = new Set(['background-audio', 'background-geopoint', 'start-geopoint']);

/**
 * @param {HTMLElement} root @param {Context} ctx @param {Params} params
 * @returns {Promise<() => Promise<boolean>>} to be awaited before another screen is shown; false: something is not saved, stay
 */
export async function show(root, ctx, params) {
  const result = await openForm(ctx, params);
  if (!result.ok) {
    showUnopened(root, ctx, result.reason);
    return async () => true;
  }
  ctx.header?.({ hide: true });
  setTimeout(() => void finishing().catch(() => {}), SOON_MS);
  return fill(root, ctx, params, result.opened);
}

/** Needed at the end only; fetched soon after opening, so that it is here when the network is not. */
const finishing = () => import('./form-finish.js');
const doubting = () => import('./form-doubts.js');
const SOON_MS = 2000;
/** A place without an answer is written so much later. */
const PLACE_MS = 1000;

/** @param {HTMLElement} root @param {Context} ctx @param {'no_form' | 'no_draft' | 'no_household' | 'retired'} reason */
function showUnopened(root, ctx, reason) {
  const words = {
    no_form: '这份表单还没有下载到手机。请联网后打开一次“同步”页,再回来填。',
    no_draft: '这份草稿已经完成或删除了。',
    retired: '这张表单已停用,不能再开新的。没填完的草稿还能填完。',
    no_household: '手机上没有这一户。请联网同步,或核对入户码。',
  };
  root.replaceChildren(element('section', { class: 'page unopened' }, element('p', { role: 'alert' }, ctx.t(words[reason])),
    button(ctx.t('返回'), () => (ctx.back ? ctx.back() : ctx.go('#/today')))));
}

/** @param {HTMLElement} root @param {Context} ctx @param {Params} params @param {import('./form-open.js').OpenedForm} opened */
function fill(root, ctx, params, opened) {
  const { draft, definition, model, instance } = opened;
  const { t } = ctx;
  let lang = languageOf(definition, ctx.lang);
  let stored = !opened.fresh;
  /** pages a person was already told of, and may leave as they are */
  const warned = new Set();
  /** @type {number | null} */
  let answeredAt = null;
  /** What one answer changes, painted in one go. @type {Set<string> | null} */
  let changing = null;
  let closed = false;
  /** Another window writes this draft now. */
  let taken = false;
  /** Finishing failed; the wall's button does it again. @type {(() => Promise<void>) | null} */
  let unfinished = null;

  const writer = createWriter({
    now: ctx.now,
    onState: (state) => {
      if (!params.trial) frame.showSaved(state);
    },
    write: async () => {
      const from = performance.now();
      draft.answers = instance.draft();
      draft.updated = localTime(ctx.now());
      if (params.trial || taken) return;
      const first = answeredAt;
      answeredAt = null;
      const saved = ctx.drafts.save(draft);
      performance.measure?.('ruhu:save', { start: from });
      await saved.catch((error) => {
        answeredAt = first ?? answeredAt;
        throw error;
      });
      // Of all that was answered until this save began: what is typed meanwhile is the next one's.
      if (first !== null) performance.measure?.('ruhu:answer-to-disk', { start: first, detail: { taken: from } });
      if (stored) return;
      stored = true;
      ctx.go(`#/form?draft_id=${draft.draft_id}`, { replace: true });
    },
  });

  /** Addresses of the form's own pictures and sounds, for as long as it is open. @type {Map<string, string>} */
  const formFiles = new Map();
  /** @type {Screen} */
  const screen = {
    model, instance, draft, t,
    readonly: opened.release === null,
    lang: () => lang,
    told: new Set(),
    opened: new Set(),
    answer,
    carry(path, entry) {
      draft.carried[path] = entry;
      screen.opened.delete(path);
      at(path);
      view.repaint([path]);
      writer.touch();
    },
    openMember: (path) => void members.open(path),
    addMember: (repeat) => void members.add(repeat),
    advance,
    async formFile(name) {
      const known = formFiles.get(name);
      if (known) return known;
      const kept = await ctx.formstore.attachment?.(definition.form_id, definition.version, name).catch(() => null);
      if (kept) {
        const made = URL.createObjectURL(kept);
        formFiles.set(name, made);
        return made;
      }
      return `/forms/${encodeURIComponent(definition.form_id)}/${encodeURIComponent(definition.version)}/files/${encodeURIComponent(name)}`;
    },
    files: createFiles({ drafts: ctx.drafts, draftId: draft.draft_id, now: ctx.now, trial: Boolean(params.trial) }),
    flush: settle,
  };
  const form = /** @type {HTMLFormElement} */ (element('form', { class: 'form', novalidate: true, autocomplete: 'off' }));
  const view = createView(screen, form, opened.pages, {
    painted: paintFrame,
    turned: () => {
      hints.forget();
      quiet?.arrived(view.card?.at ?? view.page.path);
      frame.fold();
    },
    dress: (card) => members.dress(card),
  });
  const members = createMembers(screen, view, {
    settle, keep: writer.touch, event: (name, path) => quiet?.event(name, path), note: (...lines) => frame.note(...lines),
    at: (path) => (stored || !opened.fresh) && at(path),
  });
  const hints = createHints(form, {
    fieldOf: (path) => model.node(path)?.save_to ?? '',
    questionOf: (path) => (closed ? undefined : view.bindings()?.get(path)?.element),
    hintOf: async (path) => (await import('./form-alike.js')).hintOf(ctx, screen, path, (id) => (
      void settle().then((kept) => kept && ctx.go(`#/household/${id}`)))),
  });
  const others = definition.languages.filter((one) => one !== 'default');
  const frame = createFrame(root, t, {
    title: plain(definition.title, lang, definition.default_language),
    subtitle: draft.household_label,
    leave: () => (view.card ? void members.close() : ctx.back ? ctx.back() : ctx.go('#/today')),
    previous: () => void previous(),
    next: () => void next(),
    jumps: () => jumpRows(screen, view, (go) => void settle().then((kept) => kept && go())),
    otherLanguage: others.length > 1 ? switchLanguage : null,
    retry: () => void again(),
    room: () => import('../data/room.js').then(({ makeRoom }) => makeRoom(/** @type {any} */ (ctx))),
    asText: () => asText(model, instance, lang),
  });
  frame.showLanguage(otherLanguage().toUpperCase());
  frame.body.append(form);
  form.addEventListener('submit', (event) => event.preventDefault());
  form.addEventListener('focusin', (event) => {
    const question = /** @type {HTMLElement} */ (event.target).closest('.question');
    const path = [...(view.bindings() ?? [])].find(([, one]) => one.element === question)?.[0];
    if (path) quiet?.at(path);
    if (path && path !== draft.position.path && !screen.readonly) {
      at(path);
      // Where the finger is may wait: an answer typed there at once must not queue behind it.
      placing ??= setTimeout(keepPlace, PLACE_MS);
    }
  });
  /** What runs beside the questions. @type {import('./form-quiet.js').Quiet | null} */
  let quiet = null;
  if (!screen.readonly && !params.trial && (definition.audit || definition.nodes.some((node) => QUIET.has(node.type)))) void watchQuietly();
  if (screen.readonly) frame.warn(t('这份表单正在另一个窗口里填写。这里只能看,不能改。'), button(t('改到这里填'), () => void takeOver(), { 'data-name': 'take-over' }));
  else if (params.trial) frame.note(t('这是试填,不会保存,也不会上报。'));

  const unsubscribe = instance.subscribe((changed) => {
    if (!changing) return view.repaint(changed);
    for (const path of changed) changing.add(path);
  });
  /** @type {ReturnType<typeof setTimeout> | null} */
  let placing = null;
  const hidden = () => document.visibilityState === 'hidden' && void settle(true);
  const going = () => void settle(true);
  const closing = (/** @type {Event} */ event) => writer.state().kind === 'failed' && event.preventDefault();
  document.addEventListener('visibilitychange', hidden);
  window.addEventListener('pagehide', going);
  window.addEventListener('beforeunload', closing);
  opened.taken.run = letGo;
  reopen();
  return leave;

  async function watchQuietly() {
    const { createQuiet } = await import('./form-quiet.js');
    if (closed) return;
    const place = element('div', { class: 'quiet' });
    frame.body.before(place);
    quiet = createQuiet({
      screen, fresh: opened.fresh, user: ctx.session.user?.username ?? '', now: ctx.now, place,
      put: (path, value) => {
        if (closed) return;
        instance.set(path, value);
        writer.touch();
      },
    });
    quiet.arrived(view.card?.at ?? view.page.path);
  }

  // — answers —

  /** @param {string} path @param {string} value @param {boolean} [typing] */
  function answer(path, value, typing = false) {
    if (screen.readonly) return;
    answeredAt ??= performance.now();
    const counts = repeatCounts();
    quiet?.answered(path, instance.value(path), value);
    const changed = changing = new Set([path]);
    instance.set(path, value);
    changing = null;
    const entry = carriedAfter(draft.carried[path], value);
    if (entry) draft.carried[path] = entry;
    carryNewRows(counts);
    if (!typing) screen.told.add(path);
    at(path);
    view.repaint(changed);
    writer.touch();
    hints.answered(path);
  }

  /** @param {string} path */
  function at(path) {
    draft.position = { page: view.page.path, path };
  }

  /** The place a person went to is written with the next answer, or by itself. */
  function keepPlace() {
    if (placing === null) return;
    clearTimeout(placing);
    placing = null;
    if (stored && !closed) writer.touch();
  }

  /**
   * What is in the hand becomes an answer, and every answer is on disk.
   * @param {boolean} [stay] the person stays on this page: a recording goes on @returns {Promise<boolean>}
   */
  async function settle(stay = false) {
    keepPlace();
    const waiting = [...(view.bindings()?.values() ?? [])].map((one) => one.widget?.flush?.(stay));
    // Started before the first await: the page may be going away.
    const first = writer.flush();
    // A photo the phone has no room for stops here, with its own message beside it.
    if (waiting.some(Boolean) && (await Promise.all(waiting)).includes(false)) return false;
    await first;
    return screen.readonly || writer.flush();
  }

  /** Rows a repeat_count brought back or took away keep the carried answers in step. */
  function repeatCounts() {
    return definition.nodes.filter((node) => node.kind === 'repeat' && node.count && !model.repeatsAbove(node.path).length)
      .map((node) => ({ path: node.path, count: instance.count(node.path) }));
  }

  /** @param {{path: string, count: number}[]} before */
  function carryNewRows(before) {
    for (const { path, count } of before) {
      const now = instance.count(path);
      if (now < count) draft.carried = pruned(draft.carried, instance);
      for (let i = count + 1; i <= now; i++) {
        draft.carried = { ...carriedAtOpening(model, instance, draft.base, `${path}[${i}]`), ...draft.carried };
      }
    }
  }

  // — what is in view —

  function paintFrame() {
    const { card, page } = view;
    const shown = view.shownPages();
    const n = Math.max(1, shown.indexOf(page) + 1);
    const title = view.titleOf(page);
    frame.showProgress({ n, of: shown.length, name: card ? `${title} · ${summary(model, instance, card.at, lang).name || lastIndex(card.at)}` : title });
    const open = !screen.readonly && unconfirmed(draft.carried, instance, view.here).length > 0;
    const skip = warned.has(card?.at ?? page.path) && problems(screen, view.here).length > 0;
    if (card) {
      const end = lastIndex(card.at) >= instance.count(repeatOf(card.at));
      frame.showFoot({ previous: t('回名单'), next: skip ? t('先跳过') : open ? t('都没变,{next}', { next: end ? t('回名单') : t('下一个') }) : end ? t('填好了') : t('下一个') });
      return;
    }
    const end = n === shown.length;
    frame.showFoot({
      previous: t('上一页'),
      first: n === 1,
      next: end ? (screen.readonly ? '' : params.trial ? t('检查') : t('完成')) : skip ? t('先跳过,下一页') : open ? t('本页都没变,下一页') : t('下一页'),
    });
  }

  function reopen() {
    const { page: place, path } = draft.position;
    const wanted = view.pages.find((one) => one.path === place);
    const shown = view.shownPages();
    const first = wanted && shown.includes(wanted) ? wanted : shown[0] ?? view.page;
    view.begin(first);
    if (path && model.repeatsAbove(path).length && view.here(path)) view.showCards(path);
    else view.turnTo(first, path);
  }

  // — moving —

  async function next() {
    if (!(await settle())) return;
    const { card, page } = view;
    const scope = card?.at ?? page.path;
    if (!screen.readonly) {
      const open = unconfirmed(draft.carried, instance, view.here);
      if (open.length) {
        draft.carried = confirmed(draft.carried, open);
        writer.touch();
      }
      const found = problems(screen, view.here);
      if (found.length && !warned.has(scope)) {
        warned.add(scope);
        showProblems(found);
        return;
      }
    }
    frame.note();
    if (card) return members.next();
    const shown = view.shownPages();
    const after = shown[shown.indexOf(page) + 1];
    if (!after) return finish(false);
    draft.position = { page: after.path, path: '' };
    view.turnTo(after);
    if (!screen.readonly) writer.touch();
  }

  /** Told beside each question, and the first of them is where the finger goes. @param {{path: string}[]} found */
  function showProblems(found) {
    for (const { path } of found) {
      screen.told.add(path);
      quiet?.event('constraint error', path);
    }
    view.bindRest();
    view.repaintAll();
    const first = found[0]?.path ?? '';
    if (view.bindings()?.has(first)) return view.arrive(form, first);
    const inside = /^(.*?\[\d+\])\//.exec(first)?.[1];
    const row = /** @type {HTMLElement | null} */ (form.querySelector(`[data-at="${inside}"]`));
    row?.scrollIntoView({ block: 'center' });
    row?.focus({ preventScroll: true });
  }

  async function previous() {
    if (!(await settle())) return;
    frame.note();
    if (view.card) return members.close();
    const shown = view.shownPages();
    const before = shown[shown.indexOf(view.page) - 1];
    if (before) view.turnTo(before);
  }

  /** From a question that is answered by one tap to the one below it, or to the next page; never past the end. @param {string} path */
  function advance(path) {
    const shown = [...(view.bindings()?.values() ?? [])].filter((one) => one.element.classList.contains('question') && !one.element.hidden);
    const after = shown[shown.findIndex((one) => one.path === path) + 1];
    if (after) return view.arrive(form, after.path);
    const pages = view.shownPages();
    if (view.card || view.page !== pages[pages.length - 1]) void next();
  }

  /** @param {string} path */
  function jumpTo(path) {
    const target = view.pageOf(path);
    if (!target) return;
    screen.told.add(path);
    quiet?.event('jump', path);
    frame.showFoot({ previous: t('上一页'), next: t('下一页') });
    const inside = model.repeatsAbove(path).length > 0;
    view.turnTo(target, inside ? '' : path);
    if (inside) view.showCards(path);
  }

  /** @param {boolean} anyway with carried values nobody confirmed */
  async function finish(anyway) {
    if (screen.readonly || !(await settle())) return;
    const found = openPoints(screen);
    if (found.problems.length || (found.unconfirmed.length && !anyway)) return showCheck(found);
    if (params.trial) return showCheck(found);
    try {
      const { donePage, finishForm } = await finishing();
      const { doubtsOf, remember } = await doubting();
      const doubts = await doubtsOf(ctx, screen);
      if (doubts.some((one) => one.must || !(draft.reasons?.[one.key] ?? '').trim())) return showDoubts(doubts);
      const log = (await quiet?.finish()) ?? '';
      const done = await finishForm(ctx, screen, log);
      if (done.kind === 'invalid') return showCheck(openPoints(screen));
      if (done.kind === 'missing_file') {
        jumpTo(done.path);
        frame.note(t('这里的图片或文件不在这部手机上,请重拍或删除。'));
        return;
      }
      // Only comparisons for later visits: the form is safe already.
      await remember(ctx, screen).catch(() => {});
      await close();
      frame.finished();
      const end = donePage(ctx, screen, done.changes);
      frame.body.replaceChildren(end);
      view.arrive(end);
    } catch (error) {
      unfinished = () => finish(anyway);
      frame.showSaved({ kind: 'failed', error: /** @type {Error} */ (error) });
    }
  }

  /** @param {{problems: {path: string, message: string}[], unconfirmed: string[]}} found */
  function showCheck(found) {
    view.dropCards();
    const list = checkPage(screen, found, { jump: jumpTo, finish: () => void finish(true) });
    form.replaceChildren(list);
    frame.showFoot({ previous: t('上一页'), next: '' });
    view.arrive(list);
  }

  /** @param {import('./form-doubts.js').Doubt[]} doubts */
  async function showDoubts(doubts) {
    const { doubtsPage } = await doubting();
    view.dropCards();
    const list = doubtsPage(screen, doubts, { jump: jumpTo, keep: () => writer.touch(), finish: () => void finish(true) });
    form.replaceChildren(list);
    frame.showFoot({ previous: t('上一页'), next: '' });
    view.arrive(list);
  }

  // — language, leaving —

  function otherLanguage() {
    return others[(others.indexOf(lang) + 1) % others.length] ?? lang;
  }

  function switchLanguage() {
    lang = otherLanguage();
    instance.setLanguage(lang);
    frame.showLanguage(otherLanguage().toUpperCase());
    view.nameSections();
    view.repaintAll();
  }

  async function close() {
    if (closed) return;
    closed = true;
    unsubscribe();
    quiet?.stop();
    document.removeEventListener('visibilitychange', hidden);
    window.removeEventListener('pagehide', going);
    window.removeEventListener('beforeunload', closing);
    if (placing !== null) clearTimeout(placing);
    hints.forget();
    writer.stop();
    view.close();
    opened.release?.();
  }

  async function leave() {
    if (!closed) {
      await quiet?.leave().catch(() => {});
      if (!(await settle()) && !taken) return false;
    }
    await close();
    for (const one of formFiles.values()) URL.revokeObjectURL(one);
    ctx.header?.({ hide: false });
    return true;
  }

  // — another window, another try —

  async function takeOver() {
    await ctx.drafts.takeOver(draft.draft_id);
    await ctx.reload?.();
  }

  /** Another window asks for the draft, or has taken it. @param {boolean} asked @returns {Promise<boolean>} */
  async function letGo(asked) {
    if (asked && !(await settle(true))) return false;
    taken = true;
    // What could not be written stays on the wall, to be copied.
    if (asked || writer.state().kind !== 'failed') setTimeout(() => void ctx.reload?.());
    return true;
  }

  async function again() {
    const finishing = unfinished;
    unfinished = null;
    if (!finishing) return void writer.flush();
    frame.showSaved({ kind: 'saved', at: null });
    await finishing();
  }
}

