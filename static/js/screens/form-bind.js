/**
 * Brings a piece of the server's mark-up to life: binds its questions and groups to the running
 * instance, and repaints only what changed. A page is bound when it is first shown.
 */

import { afterAnswer } from './form-carried.js';
import { inWords, moves, nodePath, pathWithin } from './form-model.js';
import { button, element } from './widgets/dom.js';
import { widgetFor } from './widgets/index.js';
import { paintText } from './widgets/texts.js';
import { unreadable } from './widgets/values.js';

/** @typedef {import('./form-types.d.ts').Carried} Carried */
/** @typedef {import('./form-types.d.ts').DefinitionNode} DefinitionNode */
/** @typedef {import('./form-types.d.ts').Instance} Instance */
/** @typedef {import('./form-types.d.ts').Draft} Draft */
/** @typedef {import('./widgets/index.js').Widget} Widget */
/**
 * What the parts of the form screen share. told: paths whose errors a person is to see; opened: carried
 * questions whose controls a person has opened.
 * @typedef {{
 *   model: import('./form-model.js').Model, instance: Instance, draft: Draft, readonly: boolean,
 *   t: (zh: string, vars?: {[name: string]: string | number}) => string,
 *   lang: () => string,
 *   told: Set<string>,
 *   opened: Set<string>,
 *   answer: (path: string, value: string, typing?: boolean) => void,
 *   carry: (path: string, entry: Carried) => void,
 *   openMember: (at: string) => void,
 *   addMember: (repeat: string) => void,
 *   advance?: (path: string) => void,
 *   formFile?: (name: string) => Promise<string>,
 *   files: import('./form-files.js').Files,
 *   flush: (stay?: boolean) => Promise<unknown>,
 * }} Screen
 * move: the same mark-up stands for another instance from now on; absent where that cannot be.
 * @typedef {{path: string, refresh: () => void, widget?: Widget | null, destroy?: () => void, move?: (path: string) => void, element: HTMLElement}} Binding
 * @typedef {{bindings: Map<string, Binding>, more: (most?: number) => Binding[], waiting: () => HTMLElement[], done: () => boolean,
 *   movable: () => boolean, move: (within: string) => void}} Binder
 */

/** What is wrong with an answer, '' when nothing is. @param {Screen} screen @param {string} path */
export function problemOf(screen, path) {
  const node = screen.model.node(path);
  if (!node || !screen.instance.isRelevant(path)) return '';
  const type = unreadable(node.type, screen.instance.value(path));
  if (type) return screen.t(type);
  const broken = screen.instance.violation(path);
  if (!broken) return '';
  return broken.message || screen.t(broken.code === 'required' ? '这一题要填。' : '这个答案不合要求。');
}

/**
 * Binds from the top of the mark-up down, as many at a time as is asked for.
 * @param {Element | DocumentFragment} markup @param {string} within the instance it stands for, e.g. /data/member[2]
 * @param {Screen} screen @param {(element: HTMLElement, path: string) => Binding | null} bindRepeat
 * @returns {Binder} more: binds the next and answers them; waiting: what is still to be bound; move: to another instance
 */
export function binder(markup, within, screen, bindRepeat) {
  /** @type {Map<string, Binding>} */
  const bindings = new Map();
  const found = [.../** @type {NodeListOf<HTMLElement>} */ (markup.querySelectorAll('[data-path]'))];
  let at = 0;

  /** @param {HTMLElement} element @returns {Binding | null} */
  function bound(element) {
    const path = within ? pathWithin(element.dataset.path ?? '', within) : element.dataset.path ?? '';
    const node = screen.model.node(path);
    if (!node || bindings.has(path)) return null;
    if (node.kind === 'repeat') return element.classList.contains('repeat') ? bindRepeat(element, path) : null;
    return node.kind === 'group' ? bindGroup(element, path, node, screen) : bindQuestion(element, path, node, screen);
  }

  return {
    bindings,
    movable: () => [...bindings.values()].every((one) => one.move),
    move(to) {
      const before = [...bindings.values()];
      bindings.clear();
      for (const one of before) {
        one.move?.(pathWithin(nodePath(one.path), to));
        bindings.set(one.path, one);
      }
      within = to;
    },
    more(most = Infinity) {
      const made = [];
      while (at < found.length && made.length < most) {
        const element = /** @type {HTMLElement} */ (found[at++]);
        element.hidden = false;
        const binding = bound(element);
        if (!binding) continue;
        bindings.set(binding.path, binding);
        made.push(binding);
      }
      return made;
    },
    waiting: () => found.slice(at),
    done: () => at >= found.length,
  };
}

/** @param {HTMLElement} group @param {string} path @param {DefinitionNode} node @param {Screen} screen @returns {Binding} */
function bindGroup(group, path, node, screen) {
  const title = group.querySelector(':scope > h2, :scope > legend, :scope > .label, :scope > h3');
  const hint = group.querySelector(':scope > .hint');
  let lang = screen.model.definition.default_language;
  return {
    get path() {
      return path;
    },
    element: group,
    move: (to) => {
      path = to;
    },
    refresh() {
      group.hidden = !screen.instance.isRelevant(path);
      const translated = lang !== screen.lang();
      if (title && node.label && (moves(node.label) || translated)) paintText(title, screen.instance.parts(path, 'label'), translated);
      if (hint && node.hint && (moves(node.hint) || translated)) paintText(hint, screen.instance.parts(path, 'hint'), translated);
      lang = screen.lang();
    },
  };
}

/** @param {HTMLElement} question @param {string} path @param {DefinitionNode} node @param {Screen} screen @returns {Binding} */
function bindQuestion(question, path, node, screen) {
  const { instance, model, t } = screen;
  const label = question.querySelector('.label');
  const hint = /** @type {HTMLElement | null} */ (question.querySelector('.hint'));
  const guidance = question.querySelector('.guidance > div');
  const result = question.querySelector('output.calculated');
  const error = /** @type {HTMLElement | null} */ (question.querySelector('.error'));
  const carriedBox = /** @type {HTMLElement | null} */ (question.querySelector('.carried'));
  const required = element('b', { class: 'required-mark', hidden: true, 'aria-hidden': 'true' }, '*');
  if (label) label.append(' ', required);
  const words = textHolder(label);
  const fluid = hasFluidChoices(screen, node);
  let lang = model.definition.default_language;
  /** What the controls say of the answer now; '': to be painted again. */
  let painted = '';
  /** @type {Widget | null} */
  let widget = null;

  const id = path.replace(/[^\w-]/g, '-');
  if (error) error.id = `error${id}`;
  if (hint) hint.id = `hint${id}`;
  if (node.media || question.querySelector('[data-file]')) decorate(question);

  /** Pictures and sounds come from the form's files, which are seldom there. @param {HTMLElement} part */
  function decorate(part) {
    void import('./widgets/pictures.js').then(({ showFiles }) => showFiles(part, node, screen));
  }

  const widgetMade = () => {
    if (widget) return widget;
    painted = '';
    widget = widgetFor(question, {
      node,
      t,
      set: (value) => screen.answer(path, value),
      typing: (value) => screen.answer(path, value, true),
      path,
      files: screen.files,
      beforeCamera: () => screen.flush(true),
      choices: () => instance.choices(path),
      advance: () => screen.advance?.(path),
      decorate,
      fileOf: (names) => fileIn(names, screen.lang(), model.definition.default_language),
    });
    return widget;
  };

  function refresh() {
    question.hidden = !instance.isRelevant(path);
    if (question.hidden) return;
    const translated = lang !== screen.lang();
    lang = screen.lang();
    if (words && node.label && (translated || moves(node.label))) paintText(words, instance.parts(path, 'label'), translated);
    if (hint && node.hint && (translated || moves(node.hint))) paintText(hint, instance.parts(path, 'hint'), translated);
    if (guidance && node.guidance && (translated || moves(node.guidance))) paintText(guidance, instance.parts(path, 'guidance'), translated);
    if (translated && node.media) decorate(question);
    if (result && result.textContent !== instance.value(path)) result.textContent = instance.value(path);

    const entry = screen.draft.carried[path];
    const locked = screen.readonly || instance.isReadonly(path);
    const folded = Boolean(entry && carriedBox && !locked && entry.state !== 'changed' && !screen.opened.has(path));
    question.classList.toggle('folded', folded);
    if ((widget || !folded) && model.takesAnswer(node)) {
      const made = widgetMade();
      if (made) {
        if (fluid || (translated && (node.list || node.items))) made.offer?.(instance.choices(path));
        made.show(instance.value(path));
        made.lock?.(locked);
      }
    }
    const wanted = instance.isRequired(path);
    required.hidden = !wanted;
    if (carriedBox) paintCarried(carriedBox, entry, folded);
    paintError();
  }

  function paintError() {
    const message = screen.told.has(path) ? problemOf(screen, path) : '';
    const said = `${message}|${instance.isRequired(path)}`;
    if (said === painted) return;
    painted = said;
    question.classList.toggle('wrong', message !== '');
    if (error) {
      error.textContent = message;
      error.hidden = message === '';
    }
    const told = [message !== '' && error ? error.id : '', hint?.id ?? ''].filter(Boolean).join(' ');
    // A group of choices bears the mistake and the hint itself; its rows would repeat them one by one.
    const group = question.querySelector('fieldset');
    for (const control of group ? [group] : question.querySelectorAll('input:not([type=hidden]), select, textarea, canvas')) {
      setOrDrop(control, 'aria-invalid', message !== '' && !group ? 'true' : '');
      setOrDrop(control, 'aria-describedby', told);
      if (control.tagName !== 'FIELDSET') setOrDrop(control, 'aria-required', instance.isRequired(path) ? 'true' : '');
    }
  }

  /** @param {HTMLElement} box @param {Carried | undefined} entry @param {boolean} folded */
  function paintCarried(box, entry, folded) {
    box.hidden = !entry;
    if (!entry) return;
    const value = inWords(model, path, entry.value, screen.lang());
    const signature = `${path}|${entry.state}|${folded}|${entry.value}|${entry.date}|${lang}|${screen.readonly}`;
    if (box.dataset.painted === signature) return;
    box.dataset.painted = signature;
    box.dataset.state = entry.state;
    const last = element('span', { class: 'carried-last' }, element('span', { class: 'carried-word' }, t('上次:')), element('b', {}, value),
      ...(entry.date ? [' ', element('time', { datetime: entry.date }, entry.date)] : []));
    const mark = element('span', { class: 'carried-mark' }, MARKS[entry.state](t));
    const acts = element('span', { class: 'carried-acts' });
    const edit = () => {
      screen.opened.add(path);
      refresh();
      /** @type {HTMLElement | null} */ (question.querySelector('input:not([hidden]):not([aria-hidden]), select:not([hidden]), textarea'))?.focus();
    };
    if (!screen.readonly) {
      if (entry.state === 'unconfirmed') acts.append(button(t('不变'), () => screen.carry(path, { ...entry, state: 'same' }), { class: 'carried-same' }));
      if (folded) acts.append(button(t('修改'), edit, { class: 'carried-edit' }));
      if (entry.state === 'changed') acts.append(button(t('恢复上次'), () => {
        screen.opened.delete(path);
        screen.answer(path, entry.value);
      }, { class: 'carried-restore' }));
    }
    box.replaceChildren(element('p', { class: 'carried-text' }, last, ' ', mark), acts);
  }

  return {
    get path() {
      return path;
    },
    element: question,
    refresh,
    get widget() {
      return widget;
    },
    move: STEADY.has(node.type) && !question.querySelector('.finder') ? move : undefined,
    destroy: () => widget?.destroy?.(),
  };

  /** @param {string} to */
  function move(to) {
    path = to;
    for (const open of question.querySelectorAll('details[open]')) open.removeAttribute('open');
  }
}

/** Types whose controls hold nothing but the answer, so that they may show the next member's. */
const STEADY = new Set(['text', 'integer', 'decimal', 'range', 'date', 'time', 'dateTime', 'select_one', 'select_multiple', 'acknowledge',
  'note', 'calculate']);

/** @type {{[state in Carried['state']]: (t: Screen['t']) => string}} */
const MARKS = {
  unconfirmed: (t) => t('未确认'),
  same: (t) => `✓ ${t('不变')}`,
  changed: (t) => `✎ ${t('已改')}`,
};

/** Where a label's words are: their own element, so that marks beside them stay. @param {Element | null} label */
function textHolder(label) {
  if (!label) return null;
  const words = element('span', { class: 'words' });
  while (label.firstChild && !(label.firstChild instanceof HTMLElement && label.firstChild.classList.contains('required-mark'))) {
    words.append(label.firstChild);
  }
  label.prepend(words);
  return words;
}

/** @param {Element} control @param {string} name @param {string} value '' for none */
function setOrDrop(control, name, value) {
  if (value !== '') control.setAttribute(name, value);
  else control.removeAttribute(name);
}

/** Whether a question's choices change while it is filled, or are not all in the page. @param {Screen} screen @param {DefinitionNode} node */
function hasFluidChoices(screen, node) {
  if (!node.list && !node.items) return false;
  const listed = screen.model.definition.lists[node.list ?? ''];
  return Boolean(node.choice_filter || !listed || node.type === 'rank' || node.parameters?.randomize || listed.some((one) => moves(one.label)));
}

/** The name of a media file in a language; '' for none. @param {unknown} names @param {string} lang @param {string} other */
export function fileIn(names, lang, other) {
  if (typeof names === 'string' || !names) return String(names ?? '');
  const given = Object.entries(/** @type {{[lang: string]: string}} */ (names));
  for (const wish of [lang, other, 'default']) {
    const found = given.find(([key]) => key === wish || key.endsWith(`(${wish})`));
    if (found) return found[1];
  }
  return given[0]?.[1] ?? '';
}

/** A carried answer's entry after the person answered. @param {Carried | undefined} entry @param {string} value */
export const carriedAfter = (entry, value) => (entry ? afterAnswer(entry, value) : undefined);
