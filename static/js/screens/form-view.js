/**
 * What of a form is in view: one page, or inside it one instance of a repeat (a card). Only that has
 * nodes; pages are made when they are shown, and the last few are kept.
 */

import { binder } from './form-bind.js';
import { last, nodePath, pageFinder, pageShown, pathWithin } from './form-model.js';
import { sectionOf } from './form-pages.js';
import { bindRepeat } from './form-repeat.js';
import { element } from './widgets/dom.js';
import { paintText } from './widgets/texts.js';

/** @typedef {import('./form-bind.js').Binder} Binder */
/** @typedef {import('./form-bind.js').Screen} Screen */
/** @typedef {import('./form-pages.js').LivePage} LivePage */
/** @typedef {{at: string, root: HTMLElement, binder: Binder}} Card */
/** @typedef {ReturnType<typeof createView>} View */

/** Pages whose nodes stay, so that turning back is turning back. */
const KEPT = 3;
/** Questions bound before a page is shown, about a screen of them; the rest follows while the person reads. */
const AT_FIRST = 6;
/** From here on a page leaves it to the browser not to lay out what is far below. */
const LONG = 40;
/** How long one piece of the rest may take: half a frame. */
const PIECE_MS = 8;

/** @type {(work: (deadline: {timeRemaining: () => number}) => void) => void} */
const whenIdle = typeof requestIdleCallback === 'function'
  ? (work) => void requestIdleCallback(work, { timeout: 60 })
  : (work) => void setTimeout(() => work({ timeRemaining: () => PIECE_MS }), 1);

/**
 * @param {Screen} screen @param {HTMLFormElement} form @param {LivePage[]} pages
 * @param {{painted: () => void, turned: () => void, dress: (card: Card) => void}} tell
 *   painted: what is in view was painted anew; turned: another page or card; dress: a new card, to be given its buttons
 */
export function createView(screen, form, pages, tell) {
  const { model, instance, t } = screen;
  const pageOf = pageFinder(pages);
  /** @type {Card[]} the repeat instances opened one inside another; empty: the page itself */
  let cards = [];
  /** A closed card whose nodes the next member may take over. @type {Card | null} */
  let spare = null;
  let page = /** @type {LivePage} */ (pages[0]);
  /** @type {LivePage[]} those with nodes, the latest last */
  let live = [];
  let closed = false;
  /** Something else is about to be shown. */
  let held = false;

  const bound = () => last(cards)?.binder ?? page.binder;
  const shownPages = () => pages.filter((one) => pageShown(model, instance, one));

  // — nodes —

  /** @param {LivePage} wanted */
  function enliven(wanted) {
    live = [...live.filter((one) => one !== wanted), wanted];
    while (live.length > KEPT) forget(/** @type {LivePage} */ (live.shift()));
    wanted.seen = true;
    if (wanted.section && wanted.binder) return;
    wanted.section = sectionOf(wanted);
    wanted.binder = bindFirst(wanted.section, '');
    nameSection(wanted);
  }

  /** @param {LivePage} old */
  function forget(old) {
    if (old.binder) undo(old.binder);
    old.section = old.binder = null;
  }

  /** @param {Binder} old */
  function undo(old) {
    for (const binding of old.bindings.values()) binding.destroy?.();
  }

  /** @param {HTMLElement} root @param {string} within @returns {Binder} */
  function bindFirst(root, within) {
    const made = binder(root, within, screen, (found, path) => bindRepeat(found, path, screen));
    made.more(AT_FIRST);
    if (made.done()) return made;
    const waiting = made.waiting();
    for (const one of waiting) one.hidden = true;
    root.classList.toggle('long', waiting.length > LONG);
    root.dataset.waiting = '';
    whenIdle(function next(deadline) {
      if (closed || !('waiting' in root.dataset)) return;
      const until = performance.now() + Math.min(PIECE_MS, Math.max(2, deadline.timeRemaining()));
      while (!made.done() && performance.now() < until) for (const one of made.more(2)) one.refresh();
      if (!made.done()) whenIdle(next);
      else delete root.dataset.waiting;
    });
    return made;
  }

  /** Binds what is still waiting: someone goes there. */
  function bindRest() {
    for (const one of bound()?.more() ?? []) one.refresh();
    const root = last(cards)?.root ?? page.section;
    if (root) delete root.dataset.waiting;
  }

  // — painting —

  /** @param {Iterable<string>} changed paths of what is another now */
  function repaint(changed) {
    const now = bound()?.bindings;
    if (closed || held || !now) return;
    /** @type {Set<import('./form-bind.js').Binding>} */
    const stale = new Set();
    for (const path of changed) {
      const own = now.get(path);
      if (own) stale.add(own);
      // What is inside an instance shows in the list of its repeat.
      for (let end = path.indexOf('['); end > 0; end = path.indexOf('[', end + 1)) {
        const list = now.get(path.slice(0, end));
        if (list) stale.add(list);
      }
    }
    for (const binding of stale) binding.refresh();
    tell.painted();
  }

  function repaintAll() {
    const card = last(cards);
    const legend = card?.root.querySelector('.instance > legend');
    if (card && legend) paintText(legend, instance.parts(card.at.replace(/\[\d+\]$/, ''), 'label'));
    for (const binding of bound()?.bindings.values() ?? []) binding.refresh();
    tell.painted();
  }

  /** @param {LivePage} one */
  function titleOf(one) {
    const node = model.node(one.path);
    return node?.label && node.kind !== 'question' ? instance.label(one.path) : '';
  }

  /** @param {LivePage} one the server writes the form's first language */
  function nameSection(one) {
    const title = one.section?.querySelector('h2');
    if (title && titleOf(one)) paintText(title, instance.parts(one.path, 'label'));
  }

  // — going —

  /** @param {LivePage} wanted @param {string} [focus] path of the question to go to */
  function turnTo(wanted, focus = '') {
    dropCards();
    page = wanted;
    enliven(page);
    show(/** @type {HTMLElement} */ (page.section), focus);
  }

  /** @param {HTMLElement} section @param {string} focus */
  function show(section, focus) {
    if (focus && !bound()?.bindings.has(focus)) bindRest();
    if (section.parentNode !== form || form.childNodes.length > 1) form.replaceChildren(section);
    repaintAll();
    tell.turned();
    arrive(section, focus);
    if (!cards.length) makeReady();
  }

  /** What is far away gets its true height only when it comes near, a frame or two later. @param {HTMLElement} to @param {ScrollLogicalPosition} block */
  function scrollAgain(to, block, frames = 5) {
    requestAnimationFrame(() => {
      if (closed || !to.isConnected) return;
      to.scrollIntoView({ block });
      if (frames > 1) scrollAgain(to, block, frames - 1);
    });
  }

  /** @param {HTMLElement} section @param {string} [focus] */
  function arrive(section, focus = '') {
    const binding = focus ? bound()?.bindings.get(focus) : undefined;
    if (binding && !binding.element.hidden) {
      const block = binding.element.classList.contains('question') ? 'center' : 'start';
      binding.element.scrollIntoView({ block });
      if (form.querySelector('.long')) scrollAgain(binding.element, block);
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

  // — one instance of a repeat —

  /** @param {string} path anything inside the instance */
  function showCards(path) {
    dropCards();
    if (!page.binder) enliven(page);
    for (const repeat of model.repeatsAbove(path)) pushCard(pathWithin(repeat, path));
    const card = last(cards);
    if (card) show(card.root, path.endsWith('/') ? '' : path);
  }

  /** The card of another instance of the same repeat: its nodes stay, only what they say changes. @param {string} at */
  function moveCard(at) {
    const card = /** @type {Card} */ (last(cards));
    if (nodePath(card.at) !== nodePath(at)) return false;
    bindRest();
    if (!card.binder.movable()) return false;
    moved(card, at);
    show(card.root, '');
    return true;
  }

  /** @param {Card} card @param {string} at */
  function moved(card, at) {
    card.at = at;
    card.binder.move(at);
    tell.dress(card);
    return card;
  }

  /** @param {string} at the instance, with its index */
  function pushCard(at) {
    if (spare && nodePath(spare.at) === nodePath(at)) {
      const card = spare;
      spare = null;
      cards.push(moved(card, at));
      return;
    }
    const root = cardRoot(last(cards)?.root ?? page.section, at);
    if (!root) return;
    const card = { at, root, binder: bindFirst(root, at) };
    cards.push(card);
    tell.dress(card);
  }

  /** @param {HTMLElement | null} holder @param {string} at */
  function cardRoot(holder, at) {
    const repeat = [...(holder?.querySelectorAll('.repeat') ?? [])].find((one) => /** @type {HTMLElement} */ (one).dataset.path === nodePath(at));
    const template = /** @type {HTMLTemplateElement | null} */ (repeat?.querySelector('template') ?? null);
    if (!template) return null;
    const copy = element('section', { class: 'page member-card' });
    copy.append(document.importNode(template.content, true));
    for (const old of copy.querySelectorAll('.remove')) old.remove();
    copy.querySelector('.instance')?.removeAttribute('data-path');
    return copy;
  }

  /** While the person looks at a list of members, the card of the one they will open is made ready. */
  function makeReady() {
    const place = page;
    const list = [...(page.binder?.bindings.values() ?? [])].find((one) => model.node(one.path)?.kind === 'repeat' && !one.element.hidden);
    if (!list || (spare && nodePath(spare.at) === list.path)) return;
    const still = () => !closed && !cards.length && page === place;
    whenIdle(() => {
      if (!still()) return;
      const at = `${list.path}[1]`;
      const root = cardRoot(place.section, at);
      if (!root) return;
      const made = binder(root, at, screen, (found, path) => bindRepeat(found, path, screen));
      whenIdle(function more() {
        made.more(4);
        if (!still()) return;
        if (!made.done()) return whenIdle(more);
        if (!made.movable() || spare?.at === at) return;
        if (spare) undo(spare.binder);
        spare = { at, root, binder: made };
      });
    });
  }

  function dropCards() {
    for (const card of cards) {
      delete card.root.dataset.waiting;
      const kept = card.binder.done() && card.binder.movable();
      const old = kept ? spare : card;
      if (kept) spare = card;
      if (old) undo(old.binder);
    }
    cards = [];
  }

  return {
    pages, pageOf, shownPages, titleOf, turnTo, showCards,
    /** @param {string} at an instance */
    openCard(at) {
      if (cards.length !== model.repeatsAbove(`${at}/`).length || !moveCard(at)) showCards(`${at}/`);
    },
    repaint, repaintAll, arrive, dropCards, bindRest,
    /** @param {LivePage} one the page to begin with */
    begin(one) {
      page = one;
      enliven(page);
    },
    get page() {
      return page;
    },
    /** the innermost card */
    get card() {
      return last(cards);
    },
    /** the instance around the innermost card, '' when there is none */
    get outer() {
      return last(cards.slice(0, -1))?.at ?? '';
    },
    /** Changes what is not in view afterwards: nothing is painted meanwhile. @param {() => void} work */
    hold(work) {
      held = true;
      try {
        work();
      } finally {
        held = false;
      }
    },
    bindings: () => bound()?.bindings,
    /** @param {string} path whether it is in view: on this page, or in this card */
    here(path) {
      const card = last(cards);
      return card ? path.startsWith(`${card.at}/`) : pageOf(path) === page;
    },
    /** A name for a page in lists. @param {LivePage} one */
    nameOf: (one) => titleOf(one) || t('问题'),
    nameSections() {
      for (const one of live) nameSection(one);
    },
    close() {
      closed = true;
      dropCards();
      if (spare) undo(spare.binder);
      for (const one of live) forget(one);
    },
  };
}
