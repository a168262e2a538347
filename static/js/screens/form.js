/**
 * The form screen: one form for one household, page by page. Joins the running instance, the
 * page in view, the draft's write-ahead and the frame; decisions live in the modules beside it.
 */

import { createWriter } from '../data/drafts-writer.js';
import { localTime } from '../data/ids.js';
import { bind, carriedAfter } from './form-bind.js';
import { afterRemoval, carriedAtOpening, confirmed, pruned, unconfirmed } from './form-carried.js';
import { checkPage, openPoints, problems } from './form-check.js';
import { createFiles } from './form-files.js';
import { createFrame } from './form-frame.js';
import { asText, blankInstance, countQuestion, last, lastIndex, nodePath, pageOf, pageShown, pathWithin, plain, summary } from './form-model.js';
import { languageOf, openForm } from './form-open.js';
import { bindRepeat } from './form-repeat.js';
import { button, element } from './widgets/dom.js';

/** @typedef {import('./form-types.d.ts').Context} Context */
/** @typedef {import('./form-types.d.ts').Params} Params */
/** @typedef {import('./form-types.d.ts').Page} Page */
/** @typedef {import('./form-bind.js').Binding} Binding */
/** @typedef {import('./form-bind.js').Screen} Screen */
/** @typedef {Page & {section: HTMLElement, bindings: Map<string, Binding> | null}} LivePage */
/** @typedef {{at: string, root: HTMLElement, bindings: Map<string, Binding>}} Card */

/** Types that run beside the questions. */
const QUIET = new Set(['background-audio', 'background-geopoint', 'start-geopoint']);

/**
 * @param {HTMLElement} root @param {Context} ctx @param {Params} params
 * @returns {Promise<() => Promise<void>>} to be awaited before another screen is shown
 */
export async function show(root, ctx, params) {
  const result = await openForm(ctx, params);
  if (!result.ok) {
    showUnopened(root, ctx, result.reason);
    return async () => {};
  }
  ctx.header?.({ hide: true });
  setTimeout(() => void finishing().catch(() => {}), SOON_MS);
  return fill(root, ctx, params, result.opened);
}

/** Needed at the end only; fetched soon after opening, so that it is here when the network is not. */
const finishing = () => import('./form-finish.js');
const SOON_MS = 2000;

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
  const { draft, definition, model, instance, form } = opened;
  const { t } = ctx;
  let lang = languageOf(definition, ctx.lang);
  let stored = !opened.fresh;
  /** @type {Card[]} the repeat instances opened one inside another; empty: the page itself */
  let cards = [];
  /** pages a person was already told of, and may leave as they are */
  const warned = new Set();
  /** @type {number | null} */
  let answeredAt = null;
  let closed = false;

  const pages = [...form.querySelectorAll('section.page')].map((found) => livePage(/** @type {HTMLElement} */ (found)));
  form.replaceChildren();
  let page = /** @type {LivePage} */ (pages.find((one) => one.path === draft.position.page) ?? pages[0]);

  const writer = createWriter({
    now: ctx.now,
    onState: (state) => {
      if (!params.trial) frame.showSaved(state);
      if (state.kind === 'saved' && answeredAt !== null) {
        performance.measure?.('ruhu:answer-to-disk', { start: answeredAt });
        answeredAt = null;
      }
    },
    write: async () => {
      draft.answers = instance.draft();
      draft.updated = localTime(ctx.now());
      if (params.trial) return;
      await ctx.drafts.save(draft);
      if (stored) return;
      stored = true;
      ctx.go(`#/form?draft_id=${draft.draft_id}`, { replace: true });
    },
  });

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
      keepNow();
      repaint([path]);
    },
    openMember: (path) => void openCard(path),
    addMember: (repeat) => void addMember(repeat),
    files: createFiles({ drafts: ctx.drafts, draftId: draft.draft_id, now: ctx.now, trial: Boolean(params.trial) }),
    flush: settle,
  };
  const others = definition.languages.filter((one) => one !== 'default');
  const frame = createFrame(root, t, {
    title: plain(definition.title, lang, definition.default_language),
    subtitle: draft.household_label,
    leave: () => (cards.length ? void closeCard() : ctx.back ? ctx.back() : ctx.go('#/today')),
    previous: () => void previous(),
    next: () => void next(),
    jumps,
    otherLanguage: others.length > 1 ? switchLanguage : null,
    retry: () => void writer.flush(),
    asText: () => asText(model, instance, lang),
  });
  frame.showLanguage(otherLanguage().toUpperCase());
  frame.body.append(form);
  form.addEventListener('submit', (event) => event.preventDefault());
  form.addEventListener('focusin', (event) => {
    const question = /** @type {HTMLElement} */ (event.target).closest('.question');
    const path = [...(bindings() ?? [])].find(([, one]) => one.element === question)?.[0];
    if (path) quiet?.at(path);
    if (path && path !== draft.position.path && !screen.readonly) {
      at(path);
      if (stored) writer.touch();
    }
  });
  /** What runs beside the questions. @type {import('./form-quiet.js').Quiet | null} */
  let quiet = null;
  if (!screen.readonly && !params.trial && (definition.audit || definition.nodes.some((node) => QUIET.has(node.type)))) void watchQuietly();
  if (screen.readonly) frame.note(t('这份表单正在另一个窗口里填写。这里只能看,不能改。'));
  else if (params.trial) frame.note(t('这是试填,不会保存,也不会上报。'));
  if (lang !== definition.default_language) nameScreens();

  const unsubscribe = instance.subscribe((changed) => repaint(changed));
  const hidden = () => document.visibilityState === 'hidden' && void settle(true);
  const going = () => void settle(true);
  document.addEventListener('visibilitychange', hidden);
  window.addEventListener('pagehide', going);
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
        keepNow();
      },
    });
    quiet.arrived(last(cards)?.at ?? page.path);
  }

  // — answers —

  /** @param {string} path @param {string} value @param {boolean} [typing] */
  function answer(path, value, typing = false) {
    if (screen.readonly) return;
    answeredAt ??= performance.now();
    const counts = repeatCounts();
    quiet?.answered(path, instance.value(path), value);
    instance.set(path, value);
    const entry = carriedAfter(draft.carried[path], value);
    if (entry) draft.carried[path] = entry;
    carryNewRows(counts);
    if (!typing) screen.told.add(path);
    at(path);
    if (typing) writer.touch();
    else keepNow();
    repaint([path]);
  }

  /** @param {string} path */
  function at(path) {
    draft.position = { page: page.path, path };
  }

  function keepNow() {
    writer.touch();
    void writer.flush();
  }

  /**
   * What is in the hand becomes an answer, and every answer is on disk.
   * @param {boolean} [stay] the person stays on this page: a recording goes on @returns {Promise<boolean>}
   */
  async function settle(stay = false) {
    const waiting = [...(bindings()?.values() ?? [])].map((one) => one.widget?.flush?.(stay));
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
    if (before.every(({ path, count }) => instance.count(path) === count)) return;
    const fresh = carriedAtOpening(model, instance, draft.base);
    draft.carried = { ...fresh, ...pruned(draft.carried, model, instance) };
  }

  // — what is in view —

  /** @param {HTMLElement} section @returns {LivePage} */
  function livePage(section) {
    const path = section.dataset.path ?? '';
    const inside = [...section.querySelectorAll('[data-path]')].map((one) => /** @type {HTMLElement} */ (one).dataset.path ?? '');
    return { path, section, paths: new Set([path, ...inside]), bindings: null };
  }

  function bindings() {
    return last(cards)?.bindings ?? page.bindings;
  }

  /** @param {HTMLElement} found @param {string} path */
  function bindOneRepeat(found, path) {
    return bindRepeat(found, path, screen);
  }

  function shownPages() {
    return pages.filter((one) => pageShown(model, instance, one));
  }

  /** @param {Iterable<string>} changed */
  function repaint(changed) {
    if (closed) return;
    const paths = new Set(changed);
    const now = bindings();
    if (!now) return;
    for (const [path, binding] of now) {
      const touched = paths.has(path) || screen.told.has(path)
        || [...paths].some((one) => one.startsWith(`${path}[`) || path.startsWith(`${one}/`));
      if (touched) binding.refresh();
    }
    paintFrame();
  }

  function repaintAll() {
    const card = last(cards);
    const legend = card?.root.querySelector('.instance > legend');
    if (card && legend) legend.textContent = instance.label(card.at.replace(/\[\d+\]$/, '')) || legend.textContent;
    for (const binding of bindings()?.values() ?? []) binding.refresh();
    paintFrame();
  }

  /** @param {string} path whether it is in view: on this page, or in this card */
  function here(path) {
    const card = last(cards);
    return card ? path.startsWith(`${card.at}/`) : pageOf(pages, path) === page;
  }

  function paintFrame() {
    const shown = shownPages();
    const n = Math.max(1, shown.indexOf(page) + 1);
    const card = last(cards);
    const title = page.section.querySelector('h2')?.textContent ?? '';
    frame.showProgress({ n, of: shown.length, name: card ? `${title} · ${summary(model, instance, card.at, lang).name || lastIndex(card.at)}` : title });
    const open = screen.readonly ? 0 : unconfirmed(draft.carried, instance, here).length;
    const skip = warned.has(card?.at ?? page.path) && problems(screen, here).length > 0;
    if (card) {
      const end = lastIndex(card.at) >= instance.count(card.at.replace(/\[\d+\]$/, ''));
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

  /** @param {LivePage} wanted @param {string} [focus] path of the question to go to */
  function turnTo(wanted, focus = '') {
    dropCards();
    page = wanted;
    page.bindings ??= bind(page.section, '', screen, bindOneRepeat);
    form.replaceChildren(page.section);
    quiet?.arrived(page.path);
    frame.fold();
    repaintAll();
    arrive(page.section, focus);
  }

  /** @param {HTMLElement} section @param {string} focus */
  function arrive(section, focus) {
    const binding = focus ? bindings()?.get(focus) : undefined;
    if (binding && !binding.element.hidden) {
      binding.element.scrollIntoView({ block: 'center' });
      const control = /** @type {HTMLElement | undefined} */ ([...binding.element.querySelectorAll('input, select, textarea, button')]
        .find((one) => /** @type {HTMLElement} */ (one).offsetParent !== null && !one.hasAttribute('aria-hidden')));
      control?.focus({ preventScroll: true });
      return;
    }
    window.scrollTo(0, 0);
    const title = /** @type {HTMLElement | null} */ (section.querySelector('h2, legend'));
    if (title) {
      title.tabIndex = -1;
      title.focus({ preventScroll: true });
    }
  }

  function reopen() {
    const { path } = draft.position;
    if (!pageShown(model, instance, page)) page = shownPages()[0] ?? page;
    page.bindings ??= bind(page.section, '', screen, bindOneRepeat);
    if (path && model.repeatsAbove(path).length && here(path)) {
      turnTo(page);
      showCards(path);
      return;
    }
    turnTo(page, path);
  }

  // — one instance of a repeat —

  /** @param {string} path anything inside the instance */
  function showCards(path) {
    dropCards();
    for (const repeat of model.repeatsAbove(path)) pushCard(pathWithin(repeat, path));
    const card = last(cards);
    if (!card) return;
    form.replaceChildren(card.root);
    quiet?.arrived(card.at);
    frame.fold();
    repaintAll();
    arrive(card.root, path);
  }

  /** @param {string} at the instance, with its index */
  function pushCard(at) {
    const holder = last(cards)?.root ?? page.section;
    const repeat = [...holder.querySelectorAll('.repeat')].find((one) => /** @type {HTMLElement} */ (one).dataset.path === nodePath(at));
    const template = /** @type {HTMLTemplateElement | null} */ (repeat?.querySelector('template') ?? null);
    if (!template) return;
    const copy = element('section', { class: 'page member-card' });
    copy.append(document.importNode(template.content, true));
    for (const old of copy.querySelectorAll('.remove')) old.remove();
    const outer = /** @type {HTMLElement | null} */ (copy.querySelector('.instance'));
    outer?.removeAttribute('data-path');
    const repeatPath = at.replace(/\[\d+\]$/, '');
    if (!screen.readonly && !model.node(repeatPath)?.count) {
      copy.append(button(t('删除这一项'), () => void removeMember(at), { class: 'member-remove' }));
    }
    cards.push({ at, root: copy, bindings: bind(copy, at, screen, bindOneRepeat) });
  }

  function dropCards() {
    for (const card of cards) for (const binding of card.bindings.values()) binding.destroy?.();
    cards = [];
  }

  /** @param {string} path */
  async function openCard(path) {
    if (!(await settle())) return;
    if (stored || !opened.fresh) at(path);
    showCards(`${path}/`);
  }

  async function closeCard() {
    if (!(await settle())) return;
    const closing = last(cards);
    if (!closing) return;
    const outer = last(cards.slice(0, -1))?.at;
    if (outer) showCards(`${outer}/`);
    else turnTo(page);
    /** @type {HTMLElement | null} */ (form.querySelector(`[data-at="${closing.at}"]`))?.focus();
  }

  /** @param {string} repeat */
  async function addMember(repeat) {
    if (screen.readonly || !(await settle())) return;
    const node = model.node(repeat);
    const counted = node?.count ? countQuestion(model, node) : undefined;
    if (counted) {
      const path = pathWithin(counted.path, repeat);
      answer(path, String(Number(instance.value(path) || 0) + 1));
    } else if (!blankInstance(model, instance, `${repeat}[${instance.count(repeat)}]`)) {
      instance.addRepeat(repeat);
      quiet?.event('add repeat', `${repeat}[${instance.count(repeat)}]`);
      keepNow();
    }
    await openCard(`${repeat}[${instance.count(repeat)}]`);
  }

  /** @param {string} at */
  async function removeMember(at) {
    const repeat = at.replace(/\[\d+\]$/, '');
    const before = definition.nodes
      .filter((node) => model.takesAnswer(node) && last(model.repeatsAbove(node.path)) === nodePath(repeat))
      .map((node) => /** @type {const} */ ([node.path, instance.value(pathWithin(node.path, at))]));
    instance.removeRepeat(repeat, lastIndex(at));
    quiet?.event('delete repeat', at);
    draft.carried = afterRemoval(draft.carried, repeat, lastIndex(at));
    keepNow();
    turnTo(page);
    frame.note(element('span', { role: 'status' }, t('已删除。'), button(t('撤销'), () => {
      instance.addRepeat(repeat);
      const back = `${repeat}[${instance.count(repeat)}]`;
      for (const [path, value] of before) if (value !== '') instance.set(pathWithin(path, back), value);
      keepNow();
      frame.note();
      turnTo(page);
    })));
  }

  // — moving —

  async function next() {
    if (!(await settle())) return;
    const scope = last(cards)?.at ?? page.path;
    if (!screen.readonly) {
      const open = unconfirmed(draft.carried, instance, here);
      if (open.length) {
        draft.carried = confirmed(draft.carried, open);
        keepNow();
      }
      const found = problems(screen, here);
      if (found.length && !warned.has(scope)) {
        warned.add(scope);
        showProblems(found);
        return;
      }
    }
    frame.note();
    if (cards.length) return nextCard();
    const shown = shownPages();
    const after = shown[shown.indexOf(page) + 1];
    if (!after) return finish(false);
    draft.position = { page: after.path, path: '' };
    if (!screen.readonly) keepNow();
    turnTo(after);
  }

  /** Told beside each question, and the first of them is where the finger goes. @param {{path: string}[]} found */
  function showProblems(found) {
    for (const { path } of found) {
      screen.told.add(path);
      quiet?.event('constraint error', path);
    }
    repaintAll();
    const first = found[0]?.path ?? '';
    if (bindings()?.has(first)) return arrive(page.section, first);
    const inside = /^(.*?\[\d+\])\//.exec(first)?.[1];
    const row = /** @type {HTMLElement | null} */ (form.querySelector(`[data-at="${inside}"]`));
    row?.scrollIntoView({ block: 'center' });
    row?.focus({ preventScroll: true });
  }

  async function nextCard() {
    const { at: path } = /** @type {Card} */ (last(cards));
    const repeat = path.replace(/\[\d+\]$/, '');
    const index = lastIndex(path) + 1;
    if (index > instance.count(repeat)) return closeCard();
    await openCard(`${repeat}[${index}]`);
  }

  async function previous() {
    if (!(await settle())) return;
    frame.note();
    if (cards.length) return closeCard();
    const shown = shownPages();
    const before = shown[shown.indexOf(page) - 1];
    if (before) turnTo(before);
  }

  /** @returns {import('./form-frame.js').JumpRow[]} */
  function jumps() {
    return shownPages().map((one, i) => {
      const mine = (/** @type {string} */ path) => pageOf(pages, path) === one;
      const open = unconfirmed(draft.carried, instance, mine).length;
      const missing = one.bindings ? problems(screen, mine).length : 0;
      return {
        title: `${i + 1}. ${pageTitle(one)}`,
        note: missing ? t('{n} 题要补', { n: missing }) : open ? t('{n} 项未确认', { n: open }) : '',
        state: one === page ? 'here' : missing ? 'wrong' : open ? 'open' : 'done',
        go: () => void settle().then((kept) => kept && turnTo(one)),
      };
    });
  }

  /** @param {LivePage} one */
  function pageTitle(one) {
    const node = model.node(one.path);
    return node?.label ? instance.label(one.path) : one.section.querySelector('h2')?.textContent ?? t('问题');
  }

  /** @param {string} path */
  function jumpTo(path) {
    const target = pageOf(pages, path);
    if (!target) return;
    screen.told.add(path);
    quiet?.event('jump', path);
    frame.showFoot({ previous: t('上一页'), next: t('下一页') });
    turnTo(target, path);
    if (model.repeatsAbove(path).length) showCards(path);
  }

  /** @param {boolean} anyway with carried values nobody confirmed */
  async function finish(anyway) {
    if (screen.readonly || !(await settle())) return;
    const found = openPoints(screen);
    if (found.problems.length || (found.unconfirmed.length && !anyway)) return showCheck(found);
    if (params.trial) return showCheck(found);
    try {
      const { donePage, finishForm } = await finishing();
      const log = (await quiet?.finish()) ?? '';
      const done = await finishForm(ctx, screen, log);
      if (done.kind === 'invalid') return showCheck(openPoints(screen));
      if (done.kind === 'missing_file') {
        jumpTo(done.path);
        frame.note(t('这里的图片或文件不在这部手机上,请重拍或删除。'));
        return;
      }
      await close();
      frame.finished();
      const end = donePage(ctx, screen, done.changes);
      frame.body.replaceChildren(end);
      arrive(end, '');
    } catch (error) {
      frame.showSaved({ kind: 'failed', error: /** @type {Error} */ (error) });
    }
  }

  /** @param {{problems: {path: string, message: string}[], unconfirmed: string[]}} found */
  function showCheck(found) {
    dropCards();
    const list = checkPage(screen, found, { jump: jumpTo, finish: () => void finish(true) });
    form.replaceChildren(list);
    frame.showFoot({ previous: t('上一页'), next: '' });
    arrive(list, '');
  }

  // — language, leaving —

  function otherLanguage() {
    return others[(others.indexOf(lang) + 1) % others.length] ?? lang;
  }

  function switchLanguage() {
    lang = otherLanguage();
    instance.setLanguage(lang);
    frame.showLanguage(otherLanguage().toUpperCase());
    nameScreens();
    repaintAll();
  }

  function nameScreens() {
    for (const one of pages) {
      const title = one.section.querySelector('h2');
      if (title && model.node(one.path)?.label) title.textContent = instance.label(one.path);
    }
  }

  async function close() {
    if (closed) return;
    closed = true;
    unsubscribe();
    quiet?.stop();
    document.removeEventListener('visibilitychange', hidden);
    window.removeEventListener('pagehide', going);
    dropCards();
    for (const one of pages) for (const binding of one.bindings?.values() ?? []) binding.destroy?.();
    opened.release?.();
  }

  async function leave() {
    if (!closed) {
      await quiet?.leave().catch(() => {});
      await settle();
    }
    await close();
    ctx.header?.({ hide: false });
  }
}

