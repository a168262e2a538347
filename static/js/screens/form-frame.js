/**
 * What stands around a form's pages: title, saved mark, progress, jump list, the two thumb
 * buttons, and the wall that comes down when an answer could not be written.
 */

import { button, element } from './widgets/dom.js';

/** @typedef {import('../data/drafts-writer.js').SaveState} SaveState */
/** @typedef {(zh: string, vars?: {[name: string]: string | number}) => string} Translate */
/** @typedef {{title: string, note: string, state: 'here' | 'done' | 'open' | 'wrong', go: () => void}} JumpRow */

/**
 * @param {HTMLElement} root @param {Translate} t
 * @param {{title: string, subtitle: string, leave: () => void, previous: () => void, next: () => void,
 *   jumps: () => JumpRow[], otherLanguage: (() => void) | null, retry: () => void, room: () => Promise<string>, asText: () => string}} acts
 */
export function createFrame(root, t, acts) {
  const saved = element('span', { class: 'form-saved', role: 'status' });
  const language = button('', () => acts.otherLanguage?.(), { class: 'form-language', 'aria-label': t('换一种语言') });
  language.hidden = !acts.otherLanguage;
  const head = element('header', { class: 'form-head' },
    button('‹', acts.leave, { class: 'form-leave', 'aria-label': t('返回') }),
    element('span', { class: 'form-title' }, element('h1', {}, acts.title), element('small', {}, acts.subtitle)),
    saved, language);

  const where = element('span', { class: 'form-where' });
  const name = element('b', { class: 'form-where-name' });
  const bar = /** @type {HTMLProgressElement} */ (element('progress', { max: '1', 'aria-hidden': 'true' }));
  const list = element('ol', { class: 'form-jumps', id: 'form-jumps', hidden: true });
  const unfold = button('', () => fold(!list.hidden), { class: 'form-unfold', 'aria-expanded': 'false', 'aria-controls': 'form-jumps' });
  unfold.append(where, name, element('span', { 'aria-hidden': 'true', class: 'form-unfold-mark' }, '▾'));
  const notes = element('div', { class: 'form-notes' });
  const body = element('div', { class: 'form-body' });
  const previous = button(t('上一页'), acts.previous, { class: 'form-previous' });
  const next = button(t('下一页'), acts.next, { class: 'form-next' });
  const foot = element('footer', { class: 'form-foot' }, previous, next);
  const wall = element('div', { class: 'form-wall', role: 'alertdialog', 'aria-live': 'assertive', hidden: true, tabindex: '-1' });
  const screen = element('div', { class: 'form-screen' }, head, element('nav', { class: 'form-progress' }, unfold, bar, list), notes, body, foot);
  root.replaceChildren(screen, wall);

  /** @param {boolean} folded */
  function fold(folded) {
    list.hidden = folded;
    unfold.setAttribute('aria-expanded', String(!folded));
    if (folded) return;
    list.replaceChildren(
      ...acts.jumps().map((row) => {
        const made = button('', () => {
          fold(true);
          row.go();
        }, { 'data-state': row.state });
        made.append(element('span', {}, row.title), element('small', {}, row.note));
        if (row.state === 'here') made.setAttribute('aria-current', 'step');
        return element('li', {}, made);
      }),
    );
  }

  /** @param {SaveState} state */
  function showSaved(state) {
    if (state.kind === 'failed') {
      saved.textContent = t('没有保存');
      raiseWall(state.error);
      return;
    }
    if (state.kind === 'saved' && !wall.hidden) {
      wall.hidden = true;
      screen.inert = false;
    }
    saved.dataset.kind = state.kind;
    if (state.kind === 'saved' && state.at) {
      const time = state.at.toTimeString().slice(0, 5);
      says(saved, t('已保存 {time}', { time }));
    }
  }

  /** Nothing more can be typed that would only seem to be kept. @param {Error} error */
  function raiseWall(error) {
    screen.inert = true;
    if (wall.hidden) {
      const text = /** @type {HTMLTextAreaElement} */ (element('textarea', { readonly: true, rows: '8', hidden: true }));
      wall.replaceChildren(
        element('h2', {}, t('没有保存!')),
        element('p', { class: 'form-wall-why' }),
        element('p', {}, t('请不要关闭本页。填过的内容还在屏幕上。')),
        button(t('重试保存'), acts.retry, { class: 'form-next' }),
        ...roomMaker(),
        button(t('复制全部答案'), () => {
          text.value = acts.asText();
          text.hidden = false;
          text.select();
          void navigator.clipboard?.writeText(text.value).catch(() => {});
        }),
        text,
      );
    }
    wall.hidden = false;
    const why = wall.querySelector('.form-wall-why');
    if (why) why.textContent = t(error.message);
    wall.focus();
  }

  /** A way to make room without losing anything, and what came of it. */
  function roomMaker() {
    const said = element('p', { role: 'status', class: 'form-wall-room' });
    const make = button(t('腾出手机空间'), async () => {
      make.disabled = true;
      said.textContent = t('正在清理…');
      said.textContent = await acts.room().catch(() => t('没能清理。请删除手机里的照片或视频,再点重试。'));
      make.disabled = false;
      acts.retry();
    }, { class: 'form-room' });
    return [make, element('p', {}, t('只清理中心已有的照片副本和用不到的旧表单,不动没送出的内容。')), said];
  }

  return {
    body,
    fold: () => fold(true),
    showSaved,
    /** @param {{n: number, of: number, name: string}} progress */
    showProgress(progress) {
      says(where, t('第 {n} 页/共 {of} 页', progress));
      says(name, progress.name);
      const share = progress.n / Math.max(1, progress.of);
      if (bar.value !== share) bar.value = share;
    },
    /** @param {{previous: string, next: string, first?: boolean, quiet?: boolean}} words */
    showFoot(words) {
      says(previous, words.previous);
      previous.disabled = Boolean(words.first);
      says(next, words.next);
      next.hidden = words.next === '';
      foot.classList.toggle('quiet', Boolean(words.quiet));
    },
    /** @param {(Node | string)[]} lines */
    note(...lines) {
      if (notes.classList.contains('pinned')) return;
      notes.replaceChildren(...lines.map((line) => element('p', {}, line)));
    },
    /** A note that stays in sight wherever the page is. @param {(Node | string)[]} lines */
    warn(...lines) {
      this.note(...lines);
      notes.classList.add('pinned');
    },
    /** @param {string} code */
    showLanguage(code) {
      language.textContent = code;
      language.setAttribute('aria-label', `${code} ${t('换一种语言')}`);
    },
    /** Only the pages' part is for a finished form. */
    finished() {
      for (const part of [head, screen.querySelector('.form-progress'), foot]) if (part) /** @type {HTMLElement} */ (part).hidden = true;
      notes.replaceChildren();
    },
  };
}

/** Words that are the same are left alone: writing them anew lays the page out again, with every key. @param {HTMLElement} place @param {string} words */
function says(place, words) {
  if (place.textContent !== words) place.textContent = words;
}
