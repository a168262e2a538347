/**
 * Brings a piece of the server's mark-up to life: binds its questions and groups to the running
 * instance, and repaints only what changed. A page is bound when it is first shown.
 */

import { afterAnswer } from './form-carried.js';
import { inWords, moves, pathWithin } from './form-model.js';
import { button, element } from './widgets/dom.js';
import { widgetFor } from './widgets/index.js';
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
 *   files: import('./form-files.js').Files,
 *   flush: (stay?: boolean) => Promise<unknown>,
 * }} Screen
 * @typedef {{path: string, refresh: () => void, widget?: Widget | null, destroy?: () => void, element: HTMLElement}} Binding
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
 * @param {Element | DocumentFragment} markup @param {string} within the instance it stands for, e.g. /data/member[2]
 * @param {Screen} screen @param {(element: HTMLElement, path: string) => Binding | null} bindRepeat
 * @returns {Map<string, Binding>}
 */
export function bind(markup, within, screen, bindRepeat) {
  /** @type {Map<string, Binding>} */
  const bindings = new Map();
  for (const found of /** @type {NodeListOf<HTMLElement>} */ (markup.querySelectorAll('[data-path]'))) {
    const path = pathWithin(found.dataset.path ?? '', within);
    const node = screen.model.node(path);
    if (!node || bindings.has(path)) continue;
    /** @type {Binding | null} */
    let bound = null;
    if (node.kind === 'repeat') bound = found.classList.contains('repeat') ? bindRepeat(found, path) : null;
    else if (node.kind === 'group') bound = bindGroup(found, path, node, screen);
    else bound = bindQuestion(found, path, node, screen);
    if (bound) bindings.set(path, bound);
  }
  return bindings;
}

/** @param {HTMLElement} group @param {string} path @param {DefinitionNode} node @param {Screen} screen @returns {Binding} */
function bindGroup(group, path, node, screen) {
  const title = group.querySelector(':scope > h2, :scope > legend, :scope > .label, :scope > h3');
  let lang = screen.model.definition.default_language;
  return {
    path,
    element: group,
    refresh() {
      group.hidden = !screen.instance.isRelevant(path);
      if (title && node.label && (moves(node.label) || lang !== screen.lang())) title.textContent = screen.instance.label(path);
      lang = screen.lang();
    },
  };
}

/** @param {HTMLElement} question @param {string} path @param {DefinitionNode} node @param {Screen} screen @returns {Binding} */
function bindQuestion(question, path, node, screen) {
  const { instance, model, t } = screen;
  const label = question.querySelector('.label') ?? (node.type === 'note' ? question : null);
  const hint = question.querySelector('.hint');
  const error = /** @type {HTMLElement | null} */ (question.querySelector('.error'));
  const carriedBox = /** @type {HTMLElement | null} */ (question.querySelector('.carried'));
  const required = element('b', { class: 'required-mark', hidden: true, 'aria-hidden': 'true' }, '*');
  if (label && label !== question) label.append(' ', required);
  const words = label === question ? label : textHolder(label);
  let lang = model.definition.default_language;
  /** @type {Widget | null} */
  let widget = null;

  if (error && !error.id) error.id = `error${path.replace(/[^\w-]/g, '-')}`;

  const widgetMade = () => {
    widget ??= widgetFor(question, {
      node,
      t,
      set: (value) => screen.answer(path, value),
      typing: (value) => screen.answer(path, value, true),
      path,
      files: screen.files,
      beforeCamera: () => screen.flush(true),
      choices: () => instance.choices(path),
    });
    return widget;
  };

  function refresh() {
    question.hidden = !instance.isRelevant(path);
    if (question.hidden) return;
    const translated = lang !== screen.lang();
    lang = screen.lang();
    if (words && node.label && (translated || moves(node.label))) setText(words, instance.label(path));
    if (hint && node.hint && (translated || moves(node.hint))) setText(hint, instance.hint(path));

    const entry = screen.draft.carried[path];
    const locked = screen.readonly || instance.isReadonly(path);
    const folded = Boolean(entry && carriedBox && !locked && entry.state !== 'changed' && !screen.opened.has(path));
    question.classList.toggle('folded', folded);
    if (!folded && model.takesAnswer(node)) {
      const made = widgetMade();
      if (made) {
        if (node.list && (node.choice_filter || translated || dynamicList(screen, node))) made.offer?.(instance.choices(path));
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
    question.classList.toggle('wrong', message !== '');
    if (error) {
      if (error.textContent !== message) error.textContent = message;
      error.hidden = message === '';
    }
    for (const control of question.querySelectorAll('input, select, textarea, canvas')) {
      if (message !== '') control.setAttribute('aria-invalid', 'true');
      else control.removeAttribute('aria-invalid');
      if (error && message !== '') control.setAttribute('aria-describedby', error.id);
    }
  }

  /** @param {HTMLElement} box @param {Carried | undefined} entry @param {boolean} folded */
  function paintCarried(box, entry, folded) {
    box.hidden = !entry;
    if (!entry) return;
    const value = inWords(model, path, entry.value, screen.lang());
    const signature = `${entry.state}|${folded}|${entry.value}|${lang}|${screen.readonly}`;
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
    path,
    element: question,
    refresh,
    get widget() {
      return widget;
    },
    destroy: () => widget?.destroy?.(),
  };
}

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

/** @param {Element} holder @param {string} text */
function setText(holder, text) {
  if (holder.textContent !== text) holder.textContent = text;
}

/** Whether a question's choices are not all in the page. @param {Screen} screen @param {DefinitionNode} node */
const dynamicList = (screen, node) => Boolean(node.list && !screen.model.definition.lists[node.list]);

/** A carried answer's entry after the person answered. @param {Carried | undefined} entry @param {string} value */
export const carriedAfter = (entry, value) => (entry ? afterAnswer(entry, value) : undefined);
